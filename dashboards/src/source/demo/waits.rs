//! How long deferred loads have waited, in the demonstration's own time.

use crate::frame::Distribution;
use crate::source::spans;
use hdrhistogram::Histogram;

/// Longer waits are held as an hour.
const LONGEST_NS: u64 = 3600 * 1_000_000_000;

/// The waits of one machine.
#[derive(Clone, Debug)]
pub(super) struct Waits {
    /// None only if the histogram could not be made, which its bounds do not allow.
    spans: Option<Histogram<u64>>,
    sum_ns: u64,
}

impl Waits {
    pub(super) fn new() -> Self {
        Self { spans: Histogram::new_with_bounds(1, LONGEST_NS, 2).ok(), sum_ns: 0 }
    }

    /// Adds one.
    pub(super) fn add(&mut self, ns: u64) {
        if let Some(spans) = &mut self.spans {
            spans.saturating_record(ns);
            self.sum_ns = self.sum_ns.saturating_add(ns);
        }
    }

    pub(super) fn distribution(&self) -> Distribution {
        let Some(spans) = &self.spans else { return Distribution::default() };
        // The histogram's own mean is of rounded waits.
        let mean_ns = self.sum_ns.checked_div(spans.len()).unwrap_or(0);
        Distribution { mean_ns, ..spans::distribution(spans) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wait_is_in_one_bin() {
        let mut waits = Waits::new();
        assert_eq!(waits.distribution(), Distribution::default());
        for ns in [1, 1000, 1023, 1024, 5_000_000] {
            waits.add(ns);
        }
        let distribution = waits.distribution();
        let bins: Vec<_> = distribution.bins.iter().map(|bin| (bin.upto_ns, bin.count)).collect();
        assert_eq!(bins, [(1, 1), (1023, 2), (2047, 1), ((1 << 23) - 1, 1)]);
        assert_eq!((distribution.count, distribution.mean_ns), (5, 1_000_609));
    }
}
