//! From a histogram of spans of time to what is shown of it.

use crate::frame::{Bin, Distribution};
use hdrhistogram::Histogram;

/// What is shown of spans in nanoseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a mean of nanoseconds is positive and smaller than the largest of them"
)]
pub(super) fn distribution(spans: &Histogram<u64>) -> Distribution {
    let at = |share: f64| spans.value_at_quantile(share);
    Distribution {
        count: spans.len(),
        mean_ns: spans.mean() as u64,
        p50_ns: at(0.5),
        p90_ns: at(0.9),
        p99_ns: at(0.99),
        p999_ns: at(0.999),
        max_ns: spans.max(),
        bins: bins(spans),
    }
}

/// Values that a histogram does not tell apart have the same highest bit.
fn bins(spans: &Histogram<u64>) -> Vec<Bin> {
    let mut bins: Vec<Bin> = Vec::new();
    for value in spans.iter_recorded() {
        let upto_ns = u64::MAX.checked_shr(value.value_iterated_to().leading_zeros()).unwrap_or(0);
        match bins.last_mut().filter(|bin| bin.upto_ns == upto_ns) {
            Some(bin) => bin.count += value.count_at_value(),
            None => bins.push(Bin { upto_ns, count: value.count_at_value() }),
        }
    }
    bins
}

#[cfg(test)]
mod tests {
    use super::distribution;
    use hdrhistogram::Histogram;

    #[test]
    fn every_span_is_in_one_bin() {
        let check = |values: &[u64], expected: &[(u64, u64)]| {
            let mut spans = Histogram::new(2).unwrap();
            for value in values {
                spans.record(*value).unwrap();
            }
            let bins: Vec<_> = distribution(&spans).bins.iter().map(|bin| (bin.upto_ns, bin.count)).collect();
            assert_eq!(bins, expected, "{values:?}");
        };
        check(&[], &[]);
        check(&[0], &[(0, 1)]);
        check(&[1, 1000, 1023, 1024, 5_000_000], &[(1, 1), (1023, 2), (2047, 1), ((1 << 23) - 1, 1)]);
        check(&[(1 << 63) - 1, 1 << 63, u64::MAX], &[((1 << 63) - 1, 1), (u64::MAX, 2)]);
    }
}
