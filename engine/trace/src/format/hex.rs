//! Addresses, boundaries and hashes: `"0x…"`, lower case, no padding.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;

/// A 64-bit number written as a string `"0x…"`.
///
/// Written in lower case without padding; upper case and padding up to 16 digits are read too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hex(pub u64);

impl Hex {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x")?.as_bytes();
        if digits.is_empty() || digits.len() > 16 {
            return None;
        }
        let mut value = 0;
        for &digit in digits {
            let digit = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                b'A'..=b'F' => digit - b'A' + 10,
                _ => return None,
            };
            value = value << 4 | u64::from(digit);
        }
        Some(Self(value))
    }

    /// The text, at the end of a buffer that the longest one fits.
    fn format(self, buffer: &mut [u8; 18]) -> &str {
        let mut at = buffer.len();
        let mut value = self.0;
        loop {
            at -= 1;
            buffer[at] = b"0123456789abcdef"[(value & 0xf) as usize];
            value >>= 4;
            if value == 0 {
                break;
            }
        }
        at -= 2;
        buffer[at..at + 2].copy_from_slice(b"0x");
        std::str::from_utf8(&buffer[at..]).unwrap_or_default()
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.format(&mut [0; 18]))
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.format(&mut [0; 18]))
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
        f.write_str("a string \"0x…\" of 1 to 16 hexadecimal digits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Hex, E> {
        Hex::parse(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::Hex;

    #[test]
    fn text_and_number_agree() {
        let cases = [
            (0, "\"0x0\""),
            (0xf, "\"0xf\""),
            (0x1000, "\"0x1000\""),
            (u64::MAX, "\"0xffffffffffffffff\""),
            (0xcbf2_9ce4_8422_2325, "\"0xcbf29ce484222325\""),
        ];
        for (number, text) in cases {
            assert_eq!(serde_json::to_string(&Hex(number)).unwrap(), text);
            assert_eq!(serde_json::from_str::<Hex>(text).unwrap(), Hex(number));
        }
    }

    #[test]
    fn other_spellings() {
        assert_eq!(serde_json::from_str::<Hex>("\"0x00AB\"").unwrap(), Hex(0xab));
        for bad in ["\"\"", "\"0x\"", "\"12\"", "\"0xg\"", "\"0x11112222333344445\"", "\"-0x1\"", "12", "null"] {
            let error = serde_json::from_str::<Hex>(bad).unwrap_err().to_string();
            assert!(error.contains("expected a string \"0x…\""), "{bad}: {error}");
        }
    }
}
