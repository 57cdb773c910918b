//! Moments of a recording, of whatever kind, as they are asked for and told.

use super::{Done, Moment, Refused};
use crate::frame::TimeAxis;
use std::io;

/// The whole of a recording, as far as it has been read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Whole {
    pub(super) axis: TimeAxis,
    /// The first moment.
    pub(super) start: u64,
    /// The last, inclusive.
    pub(super) end: u64,
    /// How much of it has been read, percent, where that is not all.
    pub(super) reading: Option<u8>,
}

/// The largest of 1, 2, 5, 10, 20, 50, … that is not larger; 1 for 0.
pub(super) fn round_step(step: u64) -> u64 {
    let mut unit = 1_u64;
    while step / unit >= 10 {
        unit *= 10;
    }
    unit * match step / unit {
        0 | 1 => 1,
        2..=4 => 2,
        _ => 5,
    }
}

/// A moment inside of the recording.
pub(super) fn clamped(to: i128, whole: &Whole) -> u64 {
    let end = whole.end.max(whole.start);
    u64::try_from(to.clamp(whole.start.into(), end.into())).unwrap_or(whole.start)
}

/// Where a wish leads, and what there is to tell of it. `of_unix` says which moment a time of day is.
pub(super) fn target(
    moment: Moment,
    here: u64,
    whole: &Whole,
    of_unix: impl Fn(i64) -> Option<u64>,
) -> Result<(u64, Done), Refused> {
    let Whole { start, end, .. } = *whole;
    let to = match moment {
        Moment::At(t) => i128::from(t),
        Moment::FromStart(by) => i128::from(start) + i128::from(by),
        Moment::FromHere(by) => i128::from(here) + i128::from(by),
        Moment::Share(share) => i128::from(start) + i128::from(part(end.saturating_sub(start), share)),
        Moment::Unix(unix) => i128::from(of_unix(unix).ok_or(Refused::NoWallClock)?),
    };
    let inside = clamped(to, whole);
    if i128::from(inside) == to {
        return Ok((inside, Done::Silently));
    }
    if let Some(percent) = whole.reading.filter(|_| to > i128::from(end)) {
        let said = format!("only {percent} % of the recording has been read so far, up to {}", told(end, whole.axis));
        return Ok((inside, Done::Said(said)));
    }
    Err(Refused::Outside { start: told(start, whole.axis), end: told(end, whole.axis) })
}

/// What came of a move.
pub(super) fn done(moved: &io::Result<()>, done: Done) -> Done {
    match moved {
        Ok(()) => done,
        Err(error) => Done::Said(format!("the recording cannot be read there: {error}")),
    }
}

/// A moment, for people.
fn told(t: u64, axis: TimeAxis) -> String {
    match axis {
        TimeAxis::Operations => format!("operation {t}"),
        TimeAxis::Nanoseconds => format!("{}.{:03} s", t / 1_000_000_000, t / 1_000_000 % 1000),
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a bar on the screen; casts of floats saturate"
)]
fn part(length: u64, share: f64) -> u64 {
    if share >= 1.0 { length } else { (length as f64 * share) as u64 }
}

#[cfg(test)]
mod tests {
    use super::round_step;

    #[test]
    fn steps_are_round() {
        let check = |step, round| assert_eq!(round_step(step), round, "{step}");
        for (step, round) in [(0, 1), (1, 1), (3, 2), (9, 5), (10, 10), (49, 20), (3_600_000, 2_000_000)] {
            check(step, round);
        }
        check(u64::MAX, 10_000_000_000_000_000_000);
    }
}
