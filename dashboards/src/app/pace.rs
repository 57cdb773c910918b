//! Intervals and steps, each 1, 2 or 5 of a power of ten.

use crate::frame::TimeAxis;
use crate::settings::INTERVAL_MS;
use std::time::Duration;

/// The shortest and the longest step of a recording, nanoseconds.
const STEP: (u64, u64) = (1_000, 1_000_000_000_000);

/// The same where operations are counted: a millisecond stands for one.
const OPERATIONS: (u64, u64) = (1_000_000, 1_000_000_000_000);

/// The next longer interval or step, the same where there is none; with an axis, that of a recording.
pub(super) fn longer(interval: Duration, axis: Option<TimeAxis>) -> Duration {
    let ns = nanoseconds(interval);
    let next = ladder().find(|&step| step > ns).unwrap_or(ns);
    Duration::from_nanos(limited(next, axis).max(ns))
}

/// The next shorter interval or step, the same where there is none.
pub(super) fn shorter(interval: Duration, axis: Option<TimeAxis>) -> Duration {
    let ns = nanoseconds(interval);
    let next = ladder().take_while(|&step| step < ns).last().unwrap_or(ns);
    Duration::from_nanos(limited(next, axis).min(ns))
}

fn limited(ns: u64, axis: Option<TimeAxis>) -> u64 {
    let (least, most) = match axis {
        None => (INTERVAL_MS.start() * 1_000_000, INTERVAL_MS.end() * 1_000_000),
        Some(TimeAxis::Nanoseconds) => STEP,
        Some(TimeAxis::Operations) => OPERATIONS,
    };
    ns.clamp(least, most)
}

/// 1 µs to 5000 s.
fn ladder() -> impl Iterator<Item = u64> {
    (3..=12).flat_map(|zeros| [1, 2, 5].map(|digit| digit * 10u64.pow(zeros)))
}

fn nanoseconds(interval: Duration) -> u64 {
    u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_stay_within_their_limits() {
        let check = |ms: u64, axis, longer_us: u64, shorter_us: u64| {
            let interval = Duration::from_millis(ms);
            assert_eq!(longer(interval, axis), Duration::from_micros(longer_us), "{ms}");
            assert_eq!(shorter(interval, axis), Duration::from_micros(shorter_us), "{ms}");
        };
        check(1000, None, 2_000_000, 500_000);
        check(750, None, 1_000_000, 500_000);
        check(100, None, 200_000, 50_000);
        check(50, None, 100_000, 50_000);
        check(20, None, 50_000, 20_000);
        check(60_000, None, 100_000_000, 50_000_000);
        check(3_600_000, None, 3_600_000_000, 2_000_000_000);
        check(7_200_000, None, 7_200_000_000, 3_600_000_000);
        check(1, Some(TimeAxis::Nanoseconds), 2_000, 500);
        check(1, Some(TimeAxis::Operations), 2_000, 1_000);
    }
}
