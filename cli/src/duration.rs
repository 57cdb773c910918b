//! Spans of time as people read and write them.

pub use busdma_dashboards::units::duration as short;

use std::time::Duration;
use thiserror::Error;

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1000 * MILLISECOND;

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
    fn whole_seconds() {
        assert_eq!(parse_seconds("90s"), Ok(90));
        assert_eq!(parse_seconds("1h 30m"), Ok(5400));
        for text in ["0s", "500ms", "1500ms", "", "1", "1x"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
