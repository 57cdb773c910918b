//! Moments as they are typed: `12:03:01`, `+5s`, `-5s`, `50%`, or a number.

use crate::frame::{Frame, TimeAxis};
use crate::source::Moment;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use thiserror::Error;

/// A text that is no moment.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MomentError {
    /// There is none.
    #[error("when? {FORMS}")]
    Empty,
    /// None of the forms.
    #[error("`{text}` is no moment; {FORMS}")]
    NoMoment {
        /// The text.
        text: String,
    },
    /// More than all of it.
    #[error("`{text}` is more than the whole; 0% to 100%")]
    Percent {
        /// The text.
        text: String,
    },
    /// A number behind which the unit is unknown.
    #[error("unknown unit `{unit}`; ns, us, ms, s, m or h")]
    Unit {
        /// What follows the number.
        unit: String,
    },
    /// A span with a unit where nothing has a time.
    #[error("the recording holds no times, only operations; write +5 for five operations on")]
    NoTimes,
    /// A time of day where nobody knows what time it was.
    #[error("what is shown does not say what time of day it was; +5s, 50% or a number can be reached")]
    NoWallClock,
    /// More than a moment can be.
    #[error("`{text}` is too far away")]
    TooFar {
        /// The text.
        text: String,
    },
}

const FORMS: &str = "12:03:01, +5s, -5s, 50% or a number";

/// Reads a moment. A number without a unit and sign is one on the frame's own clock; with a unit, `90s`, it counts from
/// the first moment. A time of day is the one nearest to the moment shown.
///
/// # Errors
/// [`MomentError`].
pub fn parse(text: &str, frame: &Frame, time_zone: &TimeZone) -> Result<Moment, MomentError> {
    let text = text.trim();
    let no_moment = || MomentError::NoMoment { text: text.to_owned() };
    if text.is_empty() {
        return Err(MomentError::Empty);
    }
    if let Some(number) = text.strip_suffix('%') {
        return share(number.trim(), text);
    }
    if let Some(number) = text.strip_prefix('%') {
        return share(number.trim(), text);
    }
    if text.contains(':') {
        return time_of_day(text, frame, time_zone);
    }
    let axis = frame.timeline.as_ref().map_or(TimeAxis::Nanoseconds, |timeline| timeline.axis);
    let too_far = || MomentError::TooFar { text: text.to_owned() };
    if let Some(rest) = text.strip_prefix('+') {
        let span = span(rest, text, axis)?;
        return Ok(Moment::FromHere(i64::try_from(span.amount).map_err(|_| too_far())?));
    }
    if let Some(rest) = text.strip_prefix(['-', '−']) {
        let span = span(rest, text, axis)?;
        return Ok(Moment::FromHere(-i64::try_from(span.amount).map_err(|_| too_far())?));
    }
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(no_moment());
    }
    let span = span(text, text, axis)?;
    Ok(if span.with_unit { Moment::FromStart(span.amount) } else { Moment::At(span.amount) })
}

fn share(number: &str, text: &str) -> Result<Moment, MomentError> {
    let percent: f64 = number.parse().map_err(|_| MomentError::NoMoment { text: text.to_owned() })?;
    if !(0.0..=100.0).contains(&percent) {
        return Err(MomentError::Percent { text: text.to_owned() });
    }
    Ok(Moment::Share(percent / 100.0))
}

/// Nanoseconds or operations.
struct Span {
    amount: u64,
    with_unit: bool,
}

/// A number and perhaps a unit. Without one it counts what the axis does: but of spans of time, seconds after a sign.
fn span(number: &str, text: &str, axis: TimeAxis) -> Result<Span, MomentError> {
    let number = number.trim();
    let no_moment = || MomentError::NoMoment { text: text.to_owned() };
    let too_far = || MomentError::TooFar { text: text.to_owned() };
    let digits_end = number.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(number.len());
    let (digits, unit) = number.split_at(digits_end);
    let unit = unit.trim();
    let signed = !text.starts_with(|first: char| first.is_ascii_digit());
    let ns: u64 = match unit {
        "" if axis == TimeAxis::Operations || !signed => {
            let amount = digits.parse().map_err(|_| no_moment())?;
            return Ok(Span { amount, with_unit: false });
        }
        _ if axis == TimeAxis::Operations => return Err(MomentError::NoTimes),
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "" | "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        unit => return Err(MomentError::Unit { unit: unit.to_owned() }),
    };
    let amount = scaled(digits, ns).ok_or_else(no_moment)?;
    Ok(Span { amount: u64::try_from(amount).map_err(|_| too_far())?, with_unit: true })
}

/// A decimal number of units, exactly; digits below one nanosecond are left out.
fn scaled(digits: &str, unit: u64) -> Option<u128> {
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && part.is_empty() || part.contains('.') {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part = part.get(..part.len().min(15))?;
    let below: u128 = if part.is_empty() { 0 } else { part.parse().ok()? };
    let scale = 10u128.pow(u32::try_from(part.len()).ok()?);
    whole.checked_mul(unit.into())?.checked_add(below * u128::from(unit) / scale)
}

/// The time of day nearest to the moment shown: yesterday's, today's or tomorrow's.
fn time_of_day(text: &str, frame: &Frame, time_zone: &TimeZone) -> Result<Moment, MomentError> {
    let time: Time = padded(text).parse().map_err(|_| MomentError::NoMoment { text: text.to_owned() })?;
    let unix_ns = frame.unix_ns.ok_or(MomentError::NoWallClock)?;
    let too_far = |_| MomentError::TooFar { text: text.to_owned() };
    let now = Timestamp::from_nanosecond(unix_ns.into()).map_err(too_far)?.to_zoned(time_zone.clone());
    let mut nearest: Option<i64> = None;
    for days in [-1, 0, 1] {
        let day = now.date().checked_add(days.days()).map_err(too_far)?;
        let moment = day.to_datetime(time).to_zoned(time_zone.clone()).map_err(too_far)?.timestamp().as_nanosecond();
        let Ok(moment) = i64::try_from(moment) else { continue };
        if nearest.is_none_or(|nearest| moment.abs_diff(unix_ns) < nearest.abs_diff(unix_ns)) {
            nearest = Some(moment);
        }
    }
    nearest.map(Moment::Unix).ok_or_else(|| MomentError::TooFar { text: text.to_owned() })
}

/// `9:05` as `09:05`.
fn padded(text: &str) -> String {
    if text.find(':') == Some(1) { format!("0{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Origin, OriginKind, OriginState, Timeline};

    const NOON: i64 = 1_763_812_800_000_000_000;

    fn frame(axis: TimeAxis, unix_ns: Option<i64>) -> Frame {
        let origin = Origin {
            kind: OriginKind::Recording,
            name: "a.jsonl".to_owned(),
            state: OriginState::Paused,
            recording: None,
        };
        let timeline = Timeline { axis, start: 0, end: 100, at: 50, step: 1, buckets: [].into() };
        Frame { unix_ns, timeline: Some(timeline), ..Frame::empty(origin) }
    }

    #[test]
    fn every_form() {
        let check = |text: &str, expected: Moment| {
            let frame = frame(TimeAxis::Nanoseconds, Some(NOON));
            assert_eq!(parse(text, &frame, &TimeZone::UTC), Ok(expected), "{text}");
        };
        check("12:03:01", Moment::Unix(NOON + 181_000_000_000));
        check("12:03:01.5", Moment::Unix(NOON + 181_500_000_000));
        check("12:03", Moment::Unix(NOON + 180_000_000_000));
        check("9:00", Moment::Unix(NOON - 3 * 3_600_000_000_000));
        check("+5s", Moment::FromHere(5_000_000_000));
        check("+5", Moment::FromHere(5_000_000_000));
        check("-5s", Moment::FromHere(-5_000_000_000));
        check("+1.5ms", Moment::FromHere(1_500_000));
        check("-2m", Moment::FromHere(-120_000_000_000));
        check("50%", Moment::Share(0.5));
        check("%50", Moment::Share(0.5));
        check("12.5 %", Moment::Share(0.125));
        check("4711", Moment::At(4711));
        check("90s", Moment::FromStart(90_000_000_000));
        check(" +5us ", Moment::FromHere(5_000));
    }

    #[test]
    fn the_nearest_day_is_meant() {
        let minute = 60_000_000_000;
        let midnight = NOON + 12 * 60 * minute;
        let check = |shown: i64, text: &str, expected: i64| {
            let frame = frame(TimeAxis::Nanoseconds, Some(shown));
            assert_eq!(parse(text, &frame, &TimeZone::UTC), Ok(Moment::Unix(expected)), "{text}");
        };
        check(midnight + minute, "23:59", midnight - minute);
        check(midnight - minute, "00:01", midnight + minute);
        let east = TimeZone::fixed(jiff::tz::offset(2));
        let frame = frame(TimeAxis::Nanoseconds, Some(NOON));
        assert_eq!(parse("14:00:01", &frame, &east), Ok(Moment::Unix(NOON + 1_000_000_000)));
    }

    #[test]
    fn operations_have_numbers_only() {
        let check = |text: &str, expected: Result<Moment, MomentError>| {
            let frame = frame(TimeAxis::Operations, None);
            assert_eq!(parse(text, &frame, &TimeZone::UTC), expected, "{text}");
        };
        check("+5", Ok(Moment::FromHere(5)));
        check("-5", Ok(Moment::FromHere(-5)));
        check("17", Ok(Moment::At(17)));
        check("+5s", Err(MomentError::NoTimes));
        check("12:00", Err(MomentError::NoWallClock));
    }

    #[test]
    fn what_is_no_moment_is_told() {
        let check = |text: &str, message: &str| {
            let frame = frame(TimeAxis::Nanoseconds, Some(NOON));
            let error = parse(text, &frame, &TimeZone::UTC).unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        };
        check("", "when?");
        check("noon", "`noon` is no moment; 12:03:01,");
        check("25:00", "`25:00` is no moment");
        check("12:", "`12:` is no moment");
        check("+", "`+` is no moment");
        check("+5 parsecs", "unknown unit `parsecs`");
        check("101%", "`101%` is more than the whole");
        check("-1%", "`-1%` is more than the whole");
        check("1.2.3s", "`1.2.3s` is no moment");
        check("99999999999999999999", "`99999999999999999999` is no moment");
        check("+99999999999999h", "`+99999999999999h` is too far away");
        check("1.5", "`1.5` is no moment");
    }
}
