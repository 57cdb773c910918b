//! What stands in front of every event: who, where and when.

use crate::event::Task;
use busdma_engine::Nanos;

/// A line of one event, cut into its parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prefix<'a> {
    pub(super) task: Task,
    pub(super) cpu: u32,
    pub(super) at: Nanos,
    /// The group of the event, where it is told.
    pub(super) group: Option<&'a [u8]>,
    /// The event's name; empty when there is none.
    pub(super) name: &'a [u8],
    /// All behind the colon of the name.
    pub(super) payload: &'a [u8],
}

/// A notice that events were lost.
#[derive(Clone, Copy, Debug)]
pub(super) enum LostEvents {
    Counted(u64),
    /// The source does not know how many.
    Uncounted,
}

/// Bytes that a task's name is padded to, on its left.
pub(super) const NAME_WIDTH: usize = 16;

/// Digits of a nanosecond.
const FRACTION_DIGITS: usize = 9;

/// Seconds with a fraction and a colon, `3.710016:`, as nanoseconds. Other clocks count cycles and have no fraction.
pub(super) fn stamp(word: &[u8]) -> Option<Nanos> {
    let (seconds, rest) = number(word)?;
    let fraction = rest.strip_prefix(b".")?.strip_suffix(b":")?;
    let (parts, []) = number(fraction)? else { return None };
    let missing = u32::try_from(FRACTION_DIGITS.checked_sub(fraction.len())?).ok()?;
    let nanos = parts.checked_mul(10_u64.checked_pow(missing)?)?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos).map(Nanos::new)
}

/// `[001]` at the start of `text`, and what follows.
pub(super) fn cpu(text: &[u8]) -> Option<(u32, &[u8])> {
    let (cpu, rest) = number(text.strip_prefix(b"[")?)?;
    Some((u32::try_from(cpu).ok()?, rest.strip_prefix(b"]")?))
}

/// A decimal number at the start of `text`, and what follows.
pub(super) fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(digits)?;
    if number.is_empty() {
        return None;
    }
    let value =
        number.iter().try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    Some((value, rest))
}

/// The first word of `text`, behind spaces, and what follows the word.
pub(super) fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(word, _)| !word.is_empty())
}
