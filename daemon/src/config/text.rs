//! How values are written in the file: sizes with units, durations, permission bits, names.
#![expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde hands every value over by reference")]

use serde::{Deserialize, Deserializer, Serializer, de};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// Why a text is no value of its kind.
#[derive(Clone, PartialEq, Debug, Error)]
pub(super) enum TextError {
    /// No number, or an unknown unit behind it.
    #[error("`{0}` is no size; expected bytes, decimal or 0x…, or a number with K, M, G or T (KiB, MiB, GiB, TiB)")]
    Size(String),
    /// More than TOML's integers hold, which end at 2^63.
    #[error("`{0}` is too large; sizes end at 8388607T")]
    SizeTooLarge(String),
    /// No duration.
    #[error("`{text}` is no duration ({reason}); expected a number with a unit, as 500ms, 30s or 1h")]
    Duration {
        /// The text.
        text: String,
        /// What the parser has against it.
        reason: humantime::DurationError,
    },
    /// No permission bits.
    #[error("`{0}` are no permission bits; expected three octal digits, as 0660")]
    Mode(String),
    /// No profile.
    #[error("unknown profile `{0}`; expected freebsd-11, freebsd-12, arm64-12 or strict")]
    Profile(String),
}

/// Bytes, or any count: an integer, or a text with a unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Size(pub(super) u64);

impl FromStr for Size {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let no_size = || TextError::Size(text.to_owned());
        let too_large = || TextError::SizeTooLarge(text.to_owned());
        let (digits, radix, shift) = if let Some(hexadecimal) = text.strip_prefix("0x") {
            (hexadecimal, 16, 0)
        } else {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            (&text[..end], 10, unit_shift(text[end..].trim_start()).ok_or_else(no_size)?)
        };
        if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
            return Err(no_size());
        }
        let number = i64::from_str_radix(digits, radix).map_err(|_| too_large())?;
        number.checked_mul(1 << shift).map(|bytes| Self(bytes.cast_unsigned())).ok_or_else(too_large)
    }
}

/// The unit as a power of two. `KB` and the like are left out: some read them as 1000.
fn unit_shift(unit: &str) -> Option<u32> {
    match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Some(0),
        "k" | "kib" => Some(10),
        "m" | "mib" => Some(20),
        "g" | "gib" => Some(30),
        "t" | "tib" => Some(40),
        _ => None,
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        match [(40, 'T'), (30, 'G'), (20, 'M'), (10, 'K')]
            .into_iter()
            .find(|(shift, _)| bytes.trailing_zeros() >= *shift)
        {
            Some((shift, unit)) if bytes != 0 => write!(f, "{}{unit}", bytes >> shift),
            _ => write!(f, "{bytes}"),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrText(|text| Self::from_str(text).map_err(|e| e.to_string()), Self))
    }
}

/// Takes a TOML integer that is not negative, or a text that the parser in it reads.
struct NumberOrText<T>(fn(&str) -> Result<T, String>, fn(u64) -> T);

impl<T> de::Visitor<'_> for NumberOrText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number that is not negative, or a text")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        let valid = u64::try_from(number).map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))?;
        self.visit_u64(valid)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        Ok((self.1)(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

/// What is written for a limit that is none.
const UNLIMITED: &str = "unlimited";

fn parse_duration(text: &str) -> Result<Duration, TextError> {
    humantime::parse_duration(text).map_err(|reason| TextError::Duration { text: text.to_owned(), reason })
}

/// A text read by `parse`.
fn parsed<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, TextError>,
) -> Result<T, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

/// Sizes: `67108864`, `"64M"`, `"64MiB"`.
pub(super) mod size {
    use super::{Deserialize, Deserializer, Serializer, Size};

    pub(in crate::config) fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Size(*bytes))
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        Size::deserialize(deserializer).map(|size| size.0)
    }
}

/// Addresses: read as sizes are, written in hexadecimal.
pub(super) mod address {
    use super::Serializer;
    pub(in crate::config) use super::size::deserialize;

    pub(in crate::config) fn serialize<S: Serializer>(address: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{address:#x}"))
    }
}

/// Durations: `"500ms"`, `"30s"`, `"1h 30m"`.
pub(super) mod duration {
    use super::{Deserializer, Duration, Serializer, parse_duration, parsed};

    pub(in crate::config) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*duration))
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        parsed(deserializer, parse_duration)
    }
}

/// Durations, or `"unlimited"`.
pub(super) mod unlimited_duration {
    use super::{Deserializer, Duration, Serializer, UNLIMITED, parse_duration, parsed};

    pub(in crate::config) fn serialize<S: Serializer>(
        limit: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match limit {
            Some(duration) => super::duration::serialize(duration, serializer),
            None => serializer.serialize_str(UNLIMITED),
        }
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        parsed(deserializer, |text| if text == UNLIMITED { Ok(None) } else { parse_duration(text).map(Some) })
    }
}

/// Sizes, or `"unlimited"`.
pub(super) mod unlimited_size {
    use super::{Deserializer, NumberOrText, Serializer, Size, UNLIMITED};

    pub(in crate::config) fn serialize<S: Serializer>(limit: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        match limit {
            Some(bytes) => super::size::serialize(bytes, serializer),
            None => serializer.serialize_str(UNLIMITED),
        }
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        deserializer.deserialize_any(NumberOrText(limit, Some))
    }

    fn limit(text: &str) -> Result<Option<u64>, String> {
        match text {
            UNLIMITED => Ok(None),
            _ => text.parse().map(|size: Size| Some(size.0)).map_err(|error| error.to_string()),
        }
    }
}

/// Counts, or `"unlimited"`.
pub(super) mod unlimited_count {
    pub(in crate::config) use super::unlimited_size::deserialize;
    use super::{Serializer, UNLIMITED};

    pub(in crate::config) fn serialize<S: Serializer>(limit: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        match limit {
            Some(count) => serializer.serialize_u64(*count),
            None => serializer.serialize_str(UNLIMITED),
        }
    }
}

/// Permission bits: `"0660"` or TOML's `0o660`.
pub(super) mod mode {
    use super::{Deserializer, NumberOrText, Serializer, TextError, de};
    use rustix::fs::Mode;

    pub(in crate::config) fn serialize<S: Serializer>(mode: &Mode, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:04o}", mode.bits()))
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Mode, D::Error> {
        let octal = |text: &str| u64::from_str_radix(text, 8).map_err(|_| TextError::Mode(text.to_owned()).to_string());
        let bits = deserializer.deserialize_any(NumberOrText(octal, |bits| bits))?;
        match u32::try_from(bits) {
            Ok(bits @ 0..=0o777) => Ok(Mode::from_bits_truncate(bits)),
            _ => Err(de::Error::custom(TextError::Mode(format!("{bits:#o}")))),
        }
    }
}

/// The engine's profiles by their names.
pub(super) mod profile {
    use super::{Deserializer, Serializer, TextError, parsed};
    use busdma_engine::profile::Profile;

    pub(in crate::config) fn serialize<S: Serializer>(profile: &Profile, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(profile.name())
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Profile, D::Error> {
        parsed(deserializer, |name| Profile::from_name(name).ok_or_else(|| TextError::Profile(name.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let check = |text: &str, bytes: Option<u64>| assert_eq!(text.parse().ok(), bytes.map(Size), "{text}");
        check("0", Some(0));
        check("131072", Some(131_072));
        check("0x20000", Some(131_072));
        check("128K", Some(131_072));
        check("128 kib", Some(131_072));
        check("64M", Some(64 << 20));
        check("1GiB", Some(1 << 30));
        check("2T", Some(2 << 40));
        check("9223372036854775807", Some(i64::MAX.cast_unsigned()));
        check("9223372036854775808", None);
        check("8388608T", None);
        check("", None);
        check("M", None);
        check("-1", None);
        check("+1", None);
        check("0x", None);
        check("0x+1", None);
        check("1.5G", None);
        check("4KB", None);
        check("12Q", None);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for bytes in [0, 1, 4096, 65_553, 5 << 20, 9 << 30, 3 << 40, i64::MAX.cast_unsigned()] {
            assert_eq!(Size(bytes).to_string().parse(), Ok(Size(bytes)));
        }
    }
}
