//! How much a second: counts in short slices of time, of which the last few seconds are kept.

use busdma_api::host::Rates;
use busdma_engine::Nanos;
use busdma_host::mapping::Mapping;

/// How long ago an event is that still counts as lately, seconds.
const LATELY_SECONDS: u64 = 5;

/// Slices of the time that counts as lately.
const SLICES: usize = 10;

/// Nanoseconds of a slice.
const SLICE_NS: u64 = LATELY_SECONDS * 1_000_000_000 / SLICES as u64;

/// What a device did lately.
#[derive(Clone, Debug, Default)]
pub(crate) struct RateWindow {
    slices: [Slice; SLICES],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    /// Which slice since the clock's start.
    number: u64,
    mappings: u64,
    bytes: u64,
    bounced: u64,
    failed: u64,
}

impl RateWindow {
    /// A mapping was made.
    pub(crate) fn made(&mut self, at: Nanos, mapping: &Mapping) {
        if let Some(slice) = self.slice(at) {
            slice.mappings += 1;
            slice.bytes += mapping.size.raw();
            slice.bounced += u64::from(mapping.bounced());
        }
    }

    /// A mapping failed.
    pub(crate) fn failed(&mut self, at: Nanos) {
        if let Some(slice) = self.slice(at) {
            slice.failed += 1;
        }
    }

    /// What was counted, a second.
    pub(crate) fn rates(&self, now: Nanos) -> Rates {
        let current = now.raw() / SLICE_NS;
        let recent = self.slices.iter().filter(|slice| current.saturating_sub(slice.number) < SLICES as u64);
        let sum = recent.fold(Slice::default(), |sum, slice| Slice {
            number: 0,
            mappings: sum.mappings + slice.mappings,
            bytes: sum.bytes + slice.bytes,
            bounced: sum.bounced + slice.bounced,
            failed: sum.failed + slice.failed,
        });
        // The current slice is not over yet.
        let elapsed = (SLICES as u64 - 1) * SLICE_NS + now.raw() % SLICE_NS;
        let a_second = |count: u64| ratio(count, elapsed.min(now.raw()).max(1)) * 1e9;
        Rates {
            mappings: a_second(sum.mappings),
            bytes: a_second(sum.bytes),
            bounced: a_second(sum.bounced),
            failed: a_second(sum.failed),
        }
    }

    /// The slice of that time; none for times long past.
    fn slice(&mut self, at: Nanos) -> Option<&mut Slice> {
        let number = at.raw() / SLICE_NS;
        let slice = self.slices.get_mut(usize::try_from(number % SLICES as u64).ok()?)?;
        if slice.number < number {
            *slice = Slice { number, ..Slice::default() };
        }
        (slice.number == number).then_some(slice)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate is rounded anyway")]
fn ratio(count: u64, of: u64) -> f64 {
    count as f64 / of as f64
}

#[cfg(test)]
mod tests {
    use super::{RateWindow, SLICE_NS};
    use busdma_engine::Nanos;

    const SLICES: u64 = super::SLICES as u64;

    #[test]
    fn what_is_long_past_does_not_count() {
        let mut window = RateWindow::default();
        let begun = 100 * SLICES * SLICE_NS;
        for step in 0..3 * SLICES {
            window.failed(Nanos::new(begun + step * SLICE_NS));
        }
        let now = Nanos::new(begun + 3 * SLICES * SLICE_NS - 1);
        let rate = window.rates(now).failed;
        assert!((rate - 2.0).abs() < 0.01, "one in each half second, {rate}");
        let later = Nanos::new(begun + 5 * SLICES * SLICE_NS);
        assert_eq!(window.rates(later).failed.to_bits(), 0f64.to_bits());
    }
}
