//! What a row says in one column, and how the screen and JSON write it.

use crate::frame::Name;
use crate::units;
use compact_str::CompactString;
use serde_json::Number;
use std::cmp::Ordering;
use std::fmt::{self, Write};

/// What numbers count, and with it how they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Words.
    Text,
    /// A number of things.
    Count,
    /// Bounce pages.
    Pages,
    /// Bytes, with binary units on the screen.
    Bytes,
    /// An address or a mask: hexadecimal, on the screen `24-bit` where it is one bit less than a power of two.
    Address,
    /// A boundary that segments must not cross: bytes on the screen, `none` for 0; hexadecimal in JSON.
    Boundary,
    /// Nanoseconds, with a unit that suits them on the screen.
    Nanoseconds,
    /// Microseconds, likewise.
    Microseconds,
    /// Things a second.
    PerSecond,
    /// Bytes a second.
    BytesPerSecond,
    /// A share, 0.0 to 1.0; percent on the screen.
    Share,
}

/// What a row says in one column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Words.
    Text(&'a str),
    /// A whole number.
    Whole(u64),
    /// A whole number that can be negative.
    Signed(i64),
    /// A number.
    Real(f64),
    /// Nothing is known.
    Absent,
}

impl Unit {
    /// Whether this is written to the right of its column, as numbers are.
    pub const fn is_number(self) -> bool {
        !matches!(self, Self::Text)
    }
}

impl<'a> Value<'a> {
    /// Words, where there are any.
    pub fn text(text: Option<&'a Name>) -> Self {
        text.map_or(Self::Absent, |text| Self::Text(text))
    }

    /// A whole number, where it is known.
    pub fn whole(number: Option<u64>) -> Self {
        number.map_or(Self::Absent, Self::Whole)
    }

    /// A number, where it is known.
    pub fn real(number: Option<f64>) -> Self {
        number.map_or(Self::Absent, Self::Real)
    }

    /// As the screen shows it: rounded, with the unit that suits it; empty where nothing is known.
    pub fn screen(&self, unit: Unit) -> CompactString {
        let mut out = CompactString::default();
        // A `CompactString` takes all that is written into it.
        let _ = self.write_screen(unit, &mut out);
        out
    }

    /// Writes what [`Self::screen`] returns into `out`.
    ///
    /// # Errors
    /// Those of `out`.
    pub(crate) fn write_screen(&self, unit: Unit, out: &mut impl Write) -> fmt::Result {
        match *self {
            Self::Text(text) => out.write_str(text),
            Self::Whole(number) => write_whole(out, number, unit),
            Self::Signed(number) => match u64::try_from(number) {
                Ok(number) => write_whole(out, number, unit),
                Err(_) => write!(out, "{number}"),
            },
            Self::Real(number) => out.write_str(&match unit {
                Unit::Share => units::share(number),
                Unit::BytesPerSecond => units::bytes_per_second(number),
                _ => units::number(number),
            }),
            Self::Absent => Ok(()),
        }
    }

    /// As JSON holds it: exact numbers, addresses as `"0x1000"`; null where nothing is known, and for numbers that JSON
    /// does not have.
    pub fn json(&self, unit: Unit) -> serde_json::Value {
        match self {
            Self::Text(text) => (*text).into(),
            Self::Whole(number) if matches!(unit, Unit::Address | Unit::Boundary) => {
                units::hex(*number).as_str().into()
            }
            Self::Whole(number) => (*number).into(),
            Self::Signed(number) => (*number).into(),
            Self::Real(number) => Number::from_f64(*number).map_or(serde_json::Value::Null, serde_json::Value::Number),
            Self::Absent => serde_json::Value::Null,
        }
    }

    /// Compares as sorting does: what is absent comes first.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Whole(a), Self::Whole(b)) => a.cmp(b),
            (Self::Signed(a), Self::Signed(b)) => a.cmp(b),
            (Self::Real(a), Self::Real(b)) => a.total_cmp(b),
            (Self::Absent, Self::Absent) => Ordering::Equal,
            (Self::Absent, _) => Ordering::Less,
            (_, Self::Absent) => Ordering::Greater,
            // A field's values are all of one kind.
            _ => Ordering::Equal,
        }
    }
}

fn write_whole(out: &mut impl Write, number: u64, unit: Unit) -> fmt::Result {
    match unit {
        Unit::Boundary if number == 0 => out.write_str("none"),
        Unit::Bytes | Unit::Boundary => units::write_bytes(out, number),
        Unit::Address => out.write_str(&units::address(number)),
        Unit::Nanoseconds => units::write_duration(out, number),
        Unit::Microseconds => units::write_duration(out, number.saturating_mul(1000)),
        _ => write!(out, "{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn screen_and_json() {
        let check = |value: Value<'_>, unit, screen: &str, json: serde_json::Value| {
            assert_eq!(value.screen(unit), screen, "{value:?} {unit:?}");
            assert_eq!(value.json(unit), json, "{value:?} {unit:?}");
        };
        check(Value::Text("vm1"), Unit::Text, "vm1", json!("vm1"));
        check(Value::Whole(12), Unit::Count, "12", json!(12));
        check(Value::Whole(1 << 20), Unit::Bytes, "1.00 MiB", json!(1_048_576));
        check(Value::Whole(0xffff_ffff), Unit::Address, "32-bit", json!("0xffffffff"));
        check(Value::Whole(0), Unit::Boundary, "none", json!("0x0"));
        check(Value::Whole(0x10000), Unit::Boundary, "64.0 KiB", json!("0x10000"));
        check(Value::Whole(1500), Unit::Nanoseconds, "1.50 µs", json!(1500));
        check(Value::Whole(1500), Unit::Microseconds, "1.50 ms", json!(1500));
        check(Value::Signed(-3), Unit::Count, "-3", json!(-3));
        check(Value::Real(0.5), Unit::Share, "50 %", json!(0.5));
        check(Value::Real(2048.0), Unit::BytesPerSecond, "2.00 KiB/s", json!(2048.0));
        check(Value::Real(f64::NAN), Unit::PerSecond, "0", json!(null));
        check(Value::Absent, Unit::Count, "", json!(null));
    }

    #[test]
    fn what_is_absent_comes_first() {
        assert_eq!(Value::Absent.order(&Value::Whole(0)), Ordering::Less);
        assert_eq!(Value::Text("b").order(&Value::Absent), Ordering::Greater);
        assert_eq!(Value::Whole(2).order(&Value::Whole(10)), Ordering::Less);
    }
}
