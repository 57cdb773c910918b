//! How numbers are written on the screen: spans of time, bytes, rates, shares and addresses.
//!
//! Numbers are rounded to three digits so that columns stay narrow; JSON holds them exactly.

use std::fmt::{self, Write};

const MICROSECOND: u64 = 1000;
const MILLISECOND: u64 = 1000 * MICROSECOND;
const SECOND: u64 = 1000 * MILLISECOND;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Nanoseconds with a unit that suits them: `850 ns`, `12.3 µs`, `4.56 s`, `3 h 12 min`.
pub fn duration(ns: u64) -> String {
    written(|out| write_duration(out, ns))
}

/// Writes what [`duration`] returns.
///
/// # Errors
/// Those of `out`.
pub(crate) fn write_duration(out: &mut impl Write, ns: u64) -> fmt::Result {
    match ns {
        0..MICROSECOND => write!(out, "{ns} ns"),
        MICROSECOND..MILLISECOND => write_rounded(out, ns, MICROSECOND, " µs"),
        MILLISECOND..SECOND => write_rounded(out, ns, MILLISECOND, " ms"),
        SECOND..MINUTE => write_rounded(out, ns, SECOND, " s"),
        MINUTE..HOUR => write!(out, "{} min {} s", ns / MINUTE, ns % MINUTE / SECOND),
        HOUR..DAY => write!(out, "{} h {} min", ns / HOUR, ns % HOUR / MINUTE),
        _ => write!(out, "{} d {} h", ns / DAY, ns % DAY / HOUR),
    }
}

/// Bytes with a binary unit: `512 B`, `1.50 KiB`, `118 MiB`.
pub fn bytes(bytes: u64) -> String {
    written(|out| write_bytes(out, bytes))
}

/// Writes what [`bytes`] returns.
///
/// # Errors
/// Those of `out`.
pub(crate) fn write_bytes(out: &mut impl Write, bytes: u64) -> fmt::Result {
    let units = [(40, " TiB"), (30, " GiB"), (20, " MiB"), (10, " KiB")];
    match units.into_iter().find(|(shift, _)| bytes >> shift > 0) {
        Some((shift, unit)) => write_rounded(out, bytes, 1 << shift, unit),
        None => write!(out, "{bytes} B"),
    }
}

/// Bytes a second: `1.50 KiB/s`. Negative rates and those that are no number are written as 0.
pub fn bytes_per_second(rate: f64) -> String {
    format!("{}/s", bytes(whole(rate)))
}

/// Things a second: `12.3/s`.
pub fn per_second(rate: f64) -> String {
    format!("{}/s", number(rate))
}

/// A number of any size: `0`, `0.25`, `12.3`, `4321`, `54.3k`, `1.20M`. Negative ones and those that are no number are
/// written as 0.
pub fn number(rate: f64) -> String {
    /// From here on, thousands are counted.
    const MANY: f64 = 10_000.0;
    let kilo = |unit: u64, letter: char| format!("{}{letter}", three_digits(whole(rate), unit));
    match rate {
        _ if rate.is_nan() || rate <= 0.0 => String::from("0"),
        ..0.005 => String::from("<0.01"),
        ..9.995 => format!("{rate:.2}"),
        ..99.95 => format!("{rate:.1}"),
        ..MANY => format!("{rate:.0}"),
        ..999_500.0 => kilo(1000, 'k'),
        ..999_500_000.0 => kilo(1_000_000, 'M'),
        _ => kilo(1_000_000_000, 'G'),
    }
}

/// A share, 0.0 to 1.0, as percent: `0 %`, `0.3 %`, `12 %`, `100 %`. Neither 0 nor 100 is written unless it is exact.
pub fn share(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        _ if percent.is_nan() || percent <= 0.0 => String::from("0 %"),
        ..0.1 => String::from("<0.1 %"),
        ..9.95 => format!("{percent:.1} %"),
        ..99.5 => format!("{percent:.0} %"),
        ..100.0 => String::from(">99 %"),
        _ => format!("{percent:.0} %"),
    }
}

/// An address limit: `32-bit` when it is the last address of that many bits, else hexadecimal.
pub fn address(last: u64) -> String {
    let bits = 64 - last.leading_zeros();
    if last != 0 && last.trailing_ones() == bits { format!("{bits}-bit") } else { hex(last) }
}

/// An address as JSON and the wire write it: `0x1000`.
pub fn hex(address: u64) -> String {
    format!("{address:#x}")
}

/// `number / unit` with three digits, or all there are before the point; the number itself where the unit is 0.
pub fn three_digits(number: u64, unit: u64) -> String {
    written(|out| write_rounded(out, number, unit, ""))
}

/// Writes [`three_digits`] and the unit's name. Lists look through a hundred thousand of these, so the usual sizes go
/// without formatting machinery.
fn write_rounded(out: &mut impl Write, number: u64, unit: u64, name: &str) -> fmt::Result {
    let unit = unit.max(1);
    let rounded = |parts: u64| {
        number.checked_mul(parts).and_then(|number| number.checked_add(unit / 2)).map(|number| number / unit)
    };
    let digit =
        |number: u64| u32::try_from(number % 10).ok().and_then(|digit| char::from_digit(digit, 10)).unwrap_or('0');
    let (digits, last) = if let Some(hundredths @ 0..1000) = rounded(100) {
        ([digit(hundredths / 100), '.', digit(hundredths / 10)], Some(digit(hundredths)))
    } else if let Some(tenths @ 0..1000) = rounded(10) {
        ([digit(tenths / 100), digit(tenths / 10), '.'], Some(digit(tenths)))
    } else if let Some(whole @ 0..1000) = rounded(1) {
        ([digit(whole / 100), digit(whole / 10), digit(whole)], None)
    } else {
        let whole = (u128::from(number) + u128::from(unit / 2)) / u128::from(unit);
        return write!(out, "{whole}{name}");
    };
    digits.into_iter().chain(last).try_for_each(|character| out.write_char(character))?;
    out.write_str(name)
}

fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut out = String::new();
    // A `String` takes all that is written into it.
    let _ = write(&mut out);
    out
}

/// The nearest whole number; 0 for what is negative or none, the largest for what does not fit.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates, which is what is wanted of a number on the screen"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        let check = |ns, text: &str| assert_eq!(duration(ns), text, "{ns}");
        check(0, "0 ns");
        check(999, "999 ns");
        check(12_345, "12.3 µs");
        check(12_390, "12.4 µs");
        check(9_994, "9.99 µs");
        check(9_996, "10.0 µs");
        check(99_949, "99.9 µs");
        check(99_950, "100 µs");
        check(150_900, "151 µs");
        check(4_560_000, "4.56 ms");
        check(999_999_999, "1000 ms");
        check(1_500_000_000, "1.50 s");
        check(125 * SECOND, "2 min 5 s");
        check(3 * HOUR + 12 * MINUTE, "3 h 12 min");
        check(52 * HOUR, "2 d 4 h");
    }

    #[test]
    fn numbers_of_bytes() {
        let check = |number, text: &str| assert_eq!(bytes(number), text);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1536, "1.50 KiB");
        check(123_456_789, "118 MiB");
        check(154_522, "151 KiB");
        check(u64::MAX, "16777216 TiB");
        assert_eq!(bytes_per_second(1536.2), "1.50 KiB/s");
        assert_eq!(bytes_per_second(f64::NAN), "0 B/s");
    }

    #[test]
    fn numbers_of_any_size() {
        let check = |rate, text: &str| assert_eq!(number(rate), text, "{rate}");
        check(0.0, "0");
        check(-1.0, "0");
        check(f64::NAN, "0");
        check(0.001, "<0.01");
        check(0.25, "0.25");
        check(12.34, "12.3");
        check(999.9, "1000");
        check(4321.0, "4321");
        check(54_321.0, "54.3k");
        check(1_200_000.0, "1.20M");
        check(f64::INFINITY, "18446744074G");
        assert_eq!(per_second(12.34), "12.3/s");
    }

    #[test]
    fn shares_are_0_and_100_only_when_they_are() {
        let check = |number, text: &str| assert_eq!(share(number), text, "{number}");
        check(0.0, "0 %");
        check(0.0001, "<0.1 %");
        check(0.003, "0.3 %");
        check(0.123, "12 %");
        check(0.9999, ">99 %");
        check(1.0, "100 %");
        check(1.5, "150 %");
        check(f64::NAN, "0 %");
    }

    #[test]
    fn addresses() {
        assert_eq!(address(0xff_ffff), "24-bit");
        assert_eq!(address(u64::MAX), "64-bit");
        assert_eq!(address(0x1000), "0x1000");
        assert_eq!(address(0), "0x0");
    }
}
