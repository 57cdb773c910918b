//! Spans of time as people read and write them.

use crate::size::three_digits;
use std::time::Duration;
use thiserror::Error;

const MICROSECOND: u64 = 1000;
const MILLISECOND: u64 = 1000 * MICROSECOND;
const SECOND: u64 = 1000 * MILLISECOND;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Nanoseconds with a unit that suits them: `850 ns`, `12.3 µs`, `4.56 s`, `3 h 12 min`.
pub fn short(ns: u64) -> String {
    let rounded = |unit: u64, name: &str| format!("{} {name}", three_digits(ns, unit));
    let two = |unit: u64, name: &str, part: u64, part_name: &str| {
        format!("{} {name} {} {part_name}", ns / unit, ns % unit / part)
    };
    match ns {
        0..MICROSECOND => format!("{ns} ns"),
        MICROSECOND..MILLISECOND => rounded(MICROSECOND, "µs"),
        MILLISECOND..SECOND => rounded(MILLISECOND, "ms"),
        SECOND..MINUTE => rounded(SECOND, "s"),
        MINUTE..HOUR => two(MINUTE, "min", SECOND, "s"),
        HOUR..DAY => two(HOUR, "h", MINUTE, "min"),
        _ => two(DAY, "d", HOUR, "h"),
    }
}

/// Nanoseconds as seconds with milliseconds: `12.345 s`.
pub fn seconds(ns: u64) -> String {
    format!("{}.{:03} s", ns / SECOND, ns % SECOND / MILLISECOND)
}

/// Why a text is no number of seconds.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum SecondsError {
    /// No duration at all.
    #[error("{0}; expected a number with a unit, as 90s, 15m or 1h")]
    NoDuration(humantime::DurationError),
    /// Too short or not whole.
    #[error("`{text}` is no whole number of seconds from 1 on")]
    NotWhole {
        /// The text.
        text: String,
    },
}

/// Reads a duration such as `90s` or `1h 30m` as whole seconds, at least one.
///
/// # Errors
///
/// [`SecondsError`].
pub fn parse_seconds(text: &str) -> Result<u64, SecondsError> {
    let time = humantime::parse_duration(text).map_err(SecondsError::NoDuration)?;
    if time < Duration::from_secs(1) || time.subsec_nanos() > 0 {
        return Err(SecondsError::NotWhole { text: text.to_owned() });
    }
    Ok(time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit() {
        let check = |ns, text: &str| assert_eq!(short(ns), text, "{ns}");
        check(0, "0 ns");
        check(999, "999 ns");
        check(12_345, "12.3 µs");
        check(4_560_000, "4.56 ms");
        check(999_999_999, "1000 ms");
        check(1_500_000_000, "1.50 s");
        check(125 * SECOND, "2 min 5 s");
        check(3 * HOUR + 12 * MINUTE, "3 h 12 min");
        check(52 * HOUR, "2 d 4 h");
    }

    #[test]
    fn whole_seconds() {
        assert_eq!(parse_seconds("90s"), Ok(90));
        assert_eq!(parse_seconds("1h 30m"), Ok(5400));
        for text in ["0s", "500ms", "1500ms", "", "1", "1x"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
