//! Durations, recorded finely and shown in a few buckets.

use hdrhistogram::Histogram;

/// Upper ends of the buckets shown, inclusive, in nanoseconds: 100 ns to 100 s, three a decade.
///
/// A duration is put into a bucket as [`Latency`] holds it, which is up to 1 % away.
pub const BUCKETS_NS: [u64; 28] = {
    let mut buckets = [0; 28];
    let (mut index, mut decade) = (0, 100);
    while index < buckets.len() {
        buckets[index] = decade * [1, 2, 5][index % 3];
        if index % 3 == 2 {
            decade *= 10;
        }
        index += 1;
    }
    buckets
};

/// A distribution of durations, exact to 1 %. Recording into it allocates nothing; it holds 40 KiB.
#[derive(Clone, Debug)]
pub struct Latency {
    histogram: Histogram<u64>,
    sum_ns: u64,
    /// How many durations have their highest bit where; walking the histogram for that would hold up a machine.
    bits: [u64; BITS],
}

/// One bin: durations that have their highest bit in the same place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LatencyBin {
    /// The longest that falls into it, in nanoseconds: a power of two less one.
    pub upto_ns: u64,
    /// How many did.
    pub count: u64,
}

/// Durations above an hour are held as an hour.
const LONGEST_NS: u64 = 3600 * 1_000_000_000;

/// Places that the highest bit of a duration can have; 0 has none.
const BITS: usize = (u64::BITS - LONGEST_NS.leading_zeros()) as usize + 1;

impl Latency {
    /// An empty one.
    ///
    /// # Panics
    ///
    /// Never: the bounds are constants that a histogram can have.
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, 2).expect("1 to an hour with two digits is valid");
        Self { histogram, sum_ns: 0, bits: [0; BITS] }
    }

    /// Counts a duration, in nanoseconds.
    #[inline]
    pub fn record(&mut self, ns: u64) {
        self.histogram.saturating_record(ns);
        self.bits[bits(ns.min(LONGEST_NS))] += 1;
        self.sum_ns = self.sum_ns.saturating_add(ns);
    }

    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The duration, in nanoseconds, that this share of all do not exceed; 0 when there are none.
    ///
    /// `share` is between 0 and 1; what is beyond counts as the end it is beyond of.
    pub fn quantile(&self, share: f64) -> u64 {
        self.histogram.value_at_quantile(share.clamp(0.0, 1.0))
    }

    /// The mean, in nanoseconds; 0 when there are none.
    pub fn mean(&self) -> u64 {
        self.sum_ns.checked_div(self.count()).unwrap_or(0)
    }

    /// The longest, in nanoseconds; 0 when there are none.
    pub fn max(&self) -> u64 {
        self.histogram.max()
    }

    /// How many fell into each bin, by rising limit; bins without any are left out.
    pub fn bins(&self) -> impl Iterator<Item = LatencyBin> {
        let bin = |(count, bits): (&u64, u32)| LatencyBin { upto_ns: (1 << bits) - 1, count: *count };
        self.bits.iter().zip(0..).map(bin).filter(|bin| bin.count > 0)
    }

    /// What a scrape shows of it.
    pub fn sample(&self) -> LatencySample {
        let mut counts = [0; BUCKETS_NS.len() + 1];
        let mut below = 0;
        for (count, end) in counts.iter_mut().zip(BUCKETS_NS) {
            let up_to_end = self.histogram.count_between(0, end);
            *count = up_to_end - below;
            below = up_to_end;
        }
        counts[BUCKETS_NS.len()] = self.histogram.len() - below;
        LatencySample { counts, sum_ns: self.sum_ns }
    }
}

const fn bits(ns: u64) -> usize {
    (u64::BITS - ns.leading_zeros()) as usize
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

/// A [`Latency`] in the buckets of [`BUCKETS_NS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LatencySample {
    /// How many fell into each bucket, not cumulative; the last one is for longer ones.
    pub counts: [u64; BUCKETS_NS.len() + 1],
    /// Nanoseconds of all together.
    pub sum_ns: u64,
}

impl LatencySample {
    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

impl Default for LatencySample {
    fn default() -> Self {
        Self { counts: [0; BUCKETS_NS.len() + 1], sum_ns: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buckets_reach_from_100_ns_to_100_s() {
        assert_eq!(BUCKETS_NS[..4], [100, 200, 500, 1000]);
        assert_eq!(BUCKETS_NS[27], 100_000_000_000);
        assert!(BUCKETS_NS.is_sorted());
    }

    #[test]
    fn each_duration_is_in_the_bucket_it_belongs_to() {
        let check = |ns, bucket| {
            let mut latency = Latency::new();
            latency.record(ns);
            let sample = latency.sample();
            assert_eq!(sample.counts[bucket], 1, "{ns}: {sample:?}");
            assert_eq!((sample.count(), sample.sum_ns), (1, ns));
        };
        check(0, 0);
        check(99, 0);
        check(100, 0);
        check(110, 1);
        check(1000, 3);
        check(1_100, 4);
        check(99_000_000_000, 27);
        check(102_000_000_000, 28);
        check(7_200_000_000_000, 28);
    }

    #[test]
    fn nothing_is_lost_between_buckets() {
        let mut latency = Latency::new();
        let mut ns = 1;
        while ns < 4_000_000_000_000_u64 {
            latency.record(ns);
            ns += ns / 7 + 1;
        }
        assert_eq!(latency.sample().count(), latency.count());
        assert!(latency.sample().counts.iter().all(|count| *count > 0), "{:?}", latency.sample());
    }

    #[test]
    fn bins_are_powers_of_two_and_hold_everything() {
        let mut latency = Latency::new();
        for ns in [0, 1, 2, 3, 4, 1023, 1024, LONGEST_NS, u64::MAX] {
            latency.record(ns);
        }
        let bins: Vec<_> = latency.bins().map(|bin| (bin.upto_ns, bin.count)).collect();
        assert_eq!(bins, [(0, 1), (1, 1), (3, 2), (7, 1), (1023, 1), (2047, 1), ((1 << 42) - 1, 2)]);
        assert_eq!(latency.bins().map(|bin| bin.count).sum::<u64>(), latency.count());
    }

    #[test]
    fn quantiles() {
        let mut latency = Latency::new();
        assert_eq!((latency.quantile(0.5), latency.max()), (0, 0));
        for ns in 1..=1000 {
            latency.record(ns * 1000);
        }
        let near =
            |found: u64, expected: u64| assert!(found.abs_diff(expected) * 100 <= expected, "{found} for {expected}");
        near(latency.quantile(0.5), 500_000);
        near(latency.quantile(0.99), 990_000);
        near(latency.quantile(7.0), 1_000_000);
        near(latency.max(), 1_000_000);
    }
}
