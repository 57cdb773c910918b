//! Moments in words: by the clock on the wall where it is known, else by the frame's own clock.

use crate::frame::{Frame, TimeAxis};
use crate::units;
use crate::views::Scene;
use jiff::Timestamp;
use jiff::tz::TimeZone;

const NS_PER_S: u64 = 1_000_000_000;
const NS_PER_MS: u64 = 1_000_000;

/// Turns the frame's moments into words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments<'a> {
    axis: TimeAxis,
    /// What the wall's clock, Unix time in nanoseconds, is ahead of the frame's.
    ahead: Option<i128>,
    time_zone: &'a TimeZone,
}

/// How exactly a moment is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// To the second.
    Seconds,
    /// To the millisecond.
    Milliseconds,
}

impl<'a> Moments<'a> {
    /// Of what is drawn.
    pub(crate) fn of(scene: Scene<'a>) -> Self {
        let frame: &Frame = scene.frame;
        let axis = frame.timeline.as_ref().map_or(TimeAxis::Nanoseconds, |timeline| timeline.axis);
        let ahead = match axis {
            TimeAxis::Nanoseconds => frame.unix_ns.map(|unix_ns| i128::from(unix_ns) - i128::from(frame.t_ns)),
            TimeAxis::Operations => None,
        };
        Self { axis, ahead, time_zone: scene.time_zone }
    }

    /// `12:03:01.250`, or `81.250 s` where the time of day is not known, or `op 4711` where no time is.
    pub(crate) fn at(self, t: u64, precision: Precision) -> String {
        match (self.axis, self.of_day(t, precision)) {
            (_, Some(time)) => time,
            (TimeAxis::Nanoseconds, None) => match precision {
                Precision::Seconds => format!("{} s", t / NS_PER_S),
                Precision::Milliseconds => format!("{}.{:03} s", t / NS_PER_S, t % NS_PER_S / NS_PER_MS),
            },
            (TimeAxis::Operations, None) => format!("op {t}"),
        }
    }

    /// `3.20 s`, or `12 ops` where no time is known.
    pub(crate) fn span(self, span: u64) -> String {
        match self.axis {
            TimeAxis::Nanoseconds => units::duration(span),
            TimeAxis::Operations => format!("{span} op{}", if span == 1 { "" } else { "s" }),
        }
    }

    fn of_day(self, t: u64, precision: Precision) -> Option<String> {
        let timestamp = Timestamp::from_nanosecond(self.ahead? + i128::from(t)).ok()?;
        let time = timestamp.to_zoned(self.time_zone.clone()).time();
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        Some(match precision {
            Precision::Seconds => format!("{hour:02}:{minute:02}:{second:02}"),
            Precision::Milliseconds => format!("{hour:02}:{minute:02}:{second:02}.{:03}", time.millisecond()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_clock_there_is() {
        let check = |axis, ahead, t, milliseconds: &str, seconds: &str| {
            let moments = Moments { axis, ahead, time_zone: &TimeZone::UTC };
            assert_eq!(moments.at(t, Precision::Milliseconds), milliseconds);
            assert_eq!(moments.at(t, Precision::Seconds), seconds);
        };
        // 2026-11-21 12:03:00 UTC.
        let ahead = Some(1_795_262_580_000_000_000);
        check(TimeAxis::Nanoseconds, ahead, 1_250_999_999, "12:03:01.250", "12:03:01");
        check(TimeAxis::Nanoseconds, None, 81_250_000_000, "81.250 s", "81 s");
        check(TimeAxis::Operations, None, 4711, "op 4711", "op 4711");
        check(TimeAxis::Nanoseconds, Some(i128::MAX / 2), u64::MAX, "18446744073.709 s", "18446744073 s");
    }

    #[test]
    fn spans() {
        let check = |axis, span, expected: &str| {
            let moments = Moments { axis, ahead: None, time_zone: &TimeZone::UTC };
            assert_eq!(moments.span(span), expected);
        };
        check(TimeAxis::Nanoseconds, 3_200_000_000, "3.20 s");
        check(TimeAxis::Operations, 1, "1 op");
        check(TimeAxis::Operations, 12, "12 ops");
    }
}
