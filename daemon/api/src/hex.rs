//! 64-bit values: `"0x1000"` on the wire, since JSON's numbers lose bits in many languages.

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use zlink::{idl, introspect};

/// An address or another 64-bit value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hex(pub u64);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Hex {
    /// Reads `0x` and one to sixteen hexadecimal digits of either case.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x")?.as_bytes();
        if digits.is_empty() || digits.len() > 16 {
            return None;
        }
        let mut value = 0u64;
        for &digit in digits {
            value = value << 4 | u64::from(char::from(digit).to_digit(16)?);
        }
        Some(Self(value))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0u8; 18];
        let mut at = text.len();
        let mut left = self.0;
        loop {
            at -= 1;
            text[at] = DIGITS[(left & 15) as usize];
            left >>= 4;
            if left == 0 {
                break;
            }
        }
        text[at - 2..at].copy_from_slice(b"0x");
        serializer.serialize_str(str::from_utf8(&text[at - 2..]).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Hex;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a hexadecimal string such as \"0x1000\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Hex, E> {
                Hex::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl introspect::Type for Hex {
    const TYPE: &'static idl::Type<'static> = &idl::Type::String;
}

#[cfg(test)]
mod tests {
    use super::Hex;

    #[test]
    fn sixty_four_bits_survive() {
        for value in [0, 1, 0xf, 0x10, 0xfffff, u64::MAX - 1, u64::MAX] {
            let text = serde_json::to_string(&Hex(value)).expect("serialises");
            assert_eq!(text, format!("\"{value:#x}\""));
            assert_eq!(serde_json::from_str::<Hex>(&text).expect("parses").0, value);
        }
        for text in ["", "0x", "1000", "0x10000000000000000", "0xg", "-0x1", "0x 1"] {
            assert!(Hex::parse(text).is_none(), "{text:?}");
        }
    }
}
