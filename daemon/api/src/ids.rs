//! Ids: opaque strings on the wire, small numbers in between.

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use zlink::{idl, introspect};

/// A machine: `host0`, the shared one, or `vm1`, `vm2`, … made by clients.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MachineId(u32);

/// A tag: `host0/t7`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TagRef {
    /// Its machine.
    pub machine: MachineId,
    /// Its number there, never used again.
    pub number: u32,
}

/// A map: `host0/m7`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MapRef {
    /// Its machine.
    pub machine: MachineId,
    /// Its number there, never used again.
    pub number: u32,
}

/// Memory: `host0/b7` was registered, `host0/d7` came from AllocMem.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MemoryRef {
    /// Its machine.
    pub machine: MachineId,
    /// Where it came from.
    pub origin: MemoryOrigin,
    /// Its number among those of that origin, never used again.
    pub number: u32,
}

/// Where memory came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MemoryOrigin {
    /// RegisterMemory: a client's buffer.
    Registered,
    /// AllocMem: dmamem.
    Dmamem,
}

/// A session: `s7`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionId(pub u32);

/// Text that is no id of the wanted kind.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("`{found}` is no {wanted}")]
pub struct NoId {
    /// The text.
    pub found: String,
    /// What it should have been, with an example.
    pub wanted: &'static str,
}

impl MachineId {
    /// The machine that all clients share.
    pub const HOST0: Self = Self(0);

    /// The `number`th machine made by a client, from 1.
    pub const fn private(number: u32) -> Self {
        Self(number)
    }

    /// 0 for [`Self::HOST0`].
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::HOST0 { f.write_str("host0") } else { write!(f, "vm{}", self.0) }
    }
}

impl fmt::Display for TagRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/t{}", self.machine, self.number)
    }
}

impl fmt::Display for MapRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/m{}", self.machine, self.number)
    }
}

impl fmt::Display for MemoryRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.machine, self.origin.letter(), self.number)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

impl FromStr for MachineId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        machine(text).ok_or_else(|| NoId { found: text.to_owned(), wanted: "machine, such as `host0` or `vm1`" })
    }
}

impl FromStr for TagRef {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        member(text, b't')
            .map(|(machine, number)| Self { machine, number })
            .ok_or_else(|| NoId { found: text.to_owned(), wanted: "tag, such as `host0/t1`" })
    }
}

impl FromStr for MapRef {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        member(text, b'm')
            .map(|(machine, number)| Self { machine, number })
            .ok_or_else(|| NoId { found: text.to_owned(), wanted: "map, such as `host0/m1`" })
    }
}

impl FromStr for MemoryRef {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        [MemoryOrigin::Registered, MemoryOrigin::Dmamem]
            .into_iter()
            .find_map(|origin| {
                let (machine, number) = member(text, origin.letter() as u8)?;
                Some(Self { machine, origin, number })
            })
            .ok_or_else(|| NoId { found: text.to_owned(), wanted: "memory, such as `host0/b1` or `host0/d1`" })
    }
}

impl FromStr for SessionId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        text.strip_prefix('s')
            .and_then(|digits| number(digits.as_bytes()))
            .map(Self)
            .ok_or_else(|| NoId { found: text.to_owned(), wanted: "session, such as `s1`" })
    }
}

impl MemoryOrigin {
    const fn letter(self) -> char {
        match self {
            Self::Registered => 'b',
            Self::Dmamem => 'd',
        }
    }
}

fn machine(text: &str) -> Option<MachineId> {
    match text.strip_prefix("vm") {
        Some(digits) => number(digits.as_bytes()).filter(|&number| number > 0).map(MachineId),
        None => (text == "host0").then_some(MachineId::HOST0),
    }
}

fn member(text: &str, letter: u8) -> Option<(MachineId, u32)> {
    let (owner, rest) = text.split_once('/')?;
    match rest.as_bytes() {
        [first, digits @ ..] if *first == letter => Some((machine(owner)?, number(digits)?)),
        _ => None,
    }
}

/// A number as it is written: no sign, no leading zero, so that every id has one spelling.
fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 10 || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    let mut value = 0u64;
    for &digit in digits {
        value = value * 10 + u64::from(digit.checked_sub(b'0').filter(|&digit| digit < 10)?);
    }
    u32::try_from(value).ok()
}

macro_rules! string_on_the_wire {
    ($($id:ty),+) => {
        $(
            impl Serialize for $id {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> Deserialize<'de> for $id {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    struct Text;
                    impl Visitor<'_> for Text {
                        type Value = $id;

                        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                            f.write_str("an id")
                        }

                        fn visit_str<E: de::Error>(self, text: &str) -> Result<$id, E> {
                            text.parse().map_err(E::custom)
                        }
                    }
                    deserializer.deserialize_str(Text)
                }
            }

            impl introspect::Type for $id {
                const TYPE: &'static idl::Type<'static> = &idl::Type::String;
            }
        )+
    };
}

string_on_the_wire!(MachineId, TagRef, MapRef, MemoryRef, SessionId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_one_spelling() {
        for text in ["host0", "vm1", "vm4294967295"] {
            assert_eq!(text.parse::<MachineId>().map(|id| id.to_string()).as_deref(), Ok(text));
        }
        for text in ["host0/m0", "vm3/m12"] {
            assert_eq!(text.parse::<MapRef>().map(|id| id.to_string()).as_deref(), Ok(text));
        }
        for text in ["host0/b1", "vm3/d12"] {
            assert_eq!(text.parse::<MemoryRef>().map(|id| id.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "host1", "vm", "vm0", "vm01", "vm+1", "vm4294967296", "VM1", "vm1 "] {
            assert!(text.parse::<MachineId>().is_err(), "{text:?}");
        }
        for text in ["m1", "host0/", "host0/m", "host0/t1", "host0/m01", "host0/m1/", "host0//m1", "vm1/m-1"] {
            assert!(text.parse::<MapRef>().is_err(), "{text:?}");
        }
    }
}
