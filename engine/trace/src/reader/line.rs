//! One line, parsed in one pass.

use crate::format::{Input, InputOf, Name, Op, Word};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The fields of any line.
#[derive(Debug, Default)]
pub(super) struct LineFields<'a> {
    /// Whether it is a header; nothing else is kept of one.
    pub(super) has_format: bool,
    pub(super) seq: Option<u64>,
    pub(super) t: Option<u64>,
    pub(super) session: Option<Name<'a>>,
    pub(super) op: Option<OpField<'a>>,
    pub(super) input: Option<InputField<'a>>,
    pub(super) output: Option<&'a RawValue>,
    pub(super) hazard: Vec<Name<'a>>,
}

/// The value of `op`.
#[derive(Debug)]
pub(super) enum OpField<'a> {
    Known(Op),
    Unknown(Name<'a>),
}

/// The value of `in`: still text where `op` does not come before it.
#[derive(Debug)]
pub(super) enum InputField<'a> {
    Parsed(Input<'a>),
    Raw(&'a RawValue),
}

impl<'de: 'a, 'a> Deserialize<'de> for LineFields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LineVisitor)
    }
}

struct LineVisitor;

impl<'de> Visitor<'de> for LineVisitor {
    type Value = LineFields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object: a header with \"format\" or an operation with \"op\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LineFields<'de>, A::Error> {
        let mut fields = LineFields::default();
        while let Some(key) = map.next_key()? {
            match key {
                Key::Format => {
                    fields.has_format = true;
                    map.next_value::<IgnoredAny>()?;
                }
                _ if fields.has_format => {
                    map.next_value::<IgnoredAny>()?;
                }
                Key::Seq => fields.seq = Some(map.next_value()?),
                Key::T => fields.t = map.next_value()?,
                Key::Session => fields.session = map.next_value()?,
                Key::Op => {
                    let name: Name<'de> = map.next_value()?;
                    fields.op = Some(Op::from_word(name.as_str()).map_or(OpField::Unknown(name), OpField::Known));
                }
                Key::In => {
                    fields.input = Some(match fields.op {
                        Some(OpField::Known(op)) => InputField::Parsed(map.next_value_seed(InputOf(op))?),
                        _ => InputField::Raw(map.next_value()?),
                    });
                }
                Key::Out => fields.output = Some(map.next_value()?),
                Key::Hazard => fields.hazard = map.next_value()?,
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(fields)
    }
}

enum Key {
    Format,
    Seq,
    T,
    Session,
    Op,
    In,
    Out,
    Hazard,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Key, E> {
        Ok(match name {
            "format" => Key::Format,
            "seq" => Key::Seq,
            "t" => Key::T,
            "session" => Key::Session,
            "op" => Key::Op,
            "in" => Key::In,
            "out" => Key::Out,
            "hazard" => Key::Hazard,
            _ => Key::Other,
        })
    }
}
