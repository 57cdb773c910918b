//! Names of trace files: `<machine>-<UTC stamp>-<part>.jsonl`, with `.zst` where the file is compressed.

use super::Compression;
use crate::start::MachineName;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// The second a recording began, UTC, as in `20261122T001530Z`. Its order as text is its order in time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Stamp(String);

const SECONDS_A_DAY: u64 = 86400;

impl Stamp {
    /// The stamp of a time; times before 1970 are taken as its first second.
    pub(crate) fn of(time: SystemTime) -> Self {
        let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (day, second) = (seconds / SECONDS_A_DAY, seconds % SECONDS_A_DAY);
        let Date { year, month, day } = Date::of_day(day);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        Self(format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"))
    }

    /// The stamp in that spelling.
    fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let shape = bytes.len() == 16
            && bytes.iter().enumerate().all(|(at, byte)| match at {
                8 => *byte == b'T',
                15 => *byte == b'Z',
                _ => byte.is_ascii_digit(),
            });
        shape.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Date {
    year: u64,
    month: u64,
    day: u64,
}

impl Date {
    /// The date so many days after 1 January 1970.
    fn of_day(day: u64) -> Self {
        let (mut year, mut left) = (1970, day);
        // Whole cycles of the calendar at once, so that no time takes long.
        let (cycle_years, cycle_days) = (400, 146_097);
        year += left / cycle_days * cycle_years;
        left %= cycle_days;
        while left >= days_in_year(year) {
            left -= days_in_year(year);
            year += 1;
        }
        let mut month = 1;
        while left >= days_in_month(year, month) {
            left -= days_in_month(year, month);
            month += 1;
        }
        Self { year, month, day: left + 1 }
    }
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

const fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The name of one part. The order of names is that of recordings, then of parts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct PartName {
    pub(crate) stamp: Stamp,
    pub(crate) part: u32,
    pub(crate) machine: MachineName,
    pub(crate) compression: Compression,
}

impl PartName {
    /// The parts of a name, `None` for a file that is none of ours.
    pub(crate) fn parse(file: &str) -> Option<Self> {
        let (stem, compression) = match file.strip_suffix(".jsonl.zst") {
            Some(stem) => (stem, Compression::Zstd),
            None => (file.strip_suffix(".jsonl")?, Compression::None),
        };
        let (rest, part) = stem.rsplit_once('-')?;
        let (machine, stamp) = rest.rsplit_once('-')?;
        let name = Self {
            stamp: Stamp::parse(stamp)?,
            part: part.parse().ok()?,
            machine: MachineName::parse(machine).ok()?,
            compression,
        };
        (name.to_string() == file).then_some(name)
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stamp, part, machine, compression } = self;
        write!(f, "{machine}-{stamp}-{part:04}.jsonl{}", compression.extension())
    }
}

#[cfg(test)]
mod tests {
    use super::{PartName, Stamp};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn stamps_are_utc() {
        let cases = [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (951_868_800, "20000301T000000Z"),
            (1_795_306_530, "20261122T001530Z"),
            (4_107_542_400, "21000301T000000Z"),
            (253_402_300_799, "99991231T235959Z"),
        ];
        for (seconds, text) in cases {
            assert_eq!(Stamp::of(UNIX_EPOCH + Duration::from_secs(seconds)).to_string(), text);
        }
    }

    #[test]
    fn our_names_and_others() {
        let ours = [
            "host0-20261122T001530Z-0001.jsonl",
            "host0-20261122T001530Z-0001.jsonl.zst",
            "a-b_c-20261122T001530Z-12345.jsonl",
        ];
        for name in ours {
            assert_eq!(PartName::parse(name).unwrap().to_string(), name);
        }
        let others = [
            "",
            "host0.jsonl",
            "host0-20261122T001530Z-0001.jsonl.gz",
            "host0-20261122T001530Z-1.jsonl",
            "host0-20261122T001530Z-+001.jsonl",
            "host0-20261122-0001.jsonl",
            "-20261122T001530Z-0001.jsonl",
            "host0-20261122T001530Z-0001.jsonl.zst.bak",
            "../host0-20261122T001530Z-0001.jsonl",
        ];
        for name in others {
            assert_eq!(PartName::parse(name), None, "{name}");
        }
    }
}
