//! Values as they stand in the file.

use busdma_engine::{BusSize, PhysAddr, PhysRange};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// An address: a string of `0x` and hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Hex(pub(super) u64);

/// Bytes that are nearly always text: a string if they are, else a list of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Letters<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

/// A range of memory: `["0x1000",512]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct HexRange(Hex, u64);

impl<const N: usize> Letters<N> {
    /// `bytes`, if there are at most `N`.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        let mut letters = Self { bytes: [0; N], len: bytes.len() };
        letters.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(letters)
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl From<PhysRange> for HexRange {
    fn from(range: PhysRange) -> Self {
        Self(Hex(range.start.raw()), range.len.raw())
    }
}

impl From<HexRange> for PhysRange {
    fn from(HexRange(Hex(start), len): HexRange) -> Self {
        Self { start: PhysAddr::new(start), len: BusSize::new(len) }
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HexVisitor)
    }
}

struct HexVisitor;

impl Visitor<'_> for HexVisitor {
    type Value = Hex;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address such as \"0x1000\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Hex, E> {
        let digits = text.strip_prefix("0x").filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        value.map(Hex).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

impl<const N: usize> Serialize for Letters<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match str::from_utf8(self.bytes()) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.collect_seq(self.bytes()),
        }
    }
}

impl<'de, const N: usize> Deserialize<'de> for Letters<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LettersVisitor::<N>)
    }
}

struct LettersVisitor<const N: usize>;

impl<'de, const N: usize> Visitor<'de> for LettersVisitor<N> {
    type Value = Letters<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {N} letters")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Letters<N>, E> {
        checked(text.as_bytes()).ok_or_else(|| E::invalid_length(text.len(), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Letters<N>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = items.next_element::<u8>()? {
            bytes.push(byte);
        }
        checked(&bytes).ok_or_else(|| A::Error::invalid_length(bytes.len(), &self))
    }
}

/// The kernel's strings end at a zero, so none holds one.
fn checked<const N: usize>(bytes: &[u8]) -> Option<Letters<N>> {
    Letters::new(bytes).filter(|_| !bytes.contains(&0))
}
