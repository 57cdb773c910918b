//! A quantity over time, in a bounded number of points.

use busdma_engine::Nanos;

/// A quantity over time: at most a given number of buckets, whose width doubles as time goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct History {
    buckets: Vec<Bucket>,
    limit: usize,
    /// Nanoseconds in a bucket.
    width: u64,
}

/// What a quantity was in a stretch of time. Stretches in which nothing changed have no bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bucket {
    /// The beginning of the stretch, a multiple of [`History::width`].
    pub start: Nanos,
    /// The lowest value that it changed to.
    pub min: u64,
    /// The highest value that it changed to.
    pub max: u64,
    /// The last value that it changed to.
    pub last: u64,
}

impl History {
    /// Nanoseconds in a bucket at first.
    const FINEST: u64 = 1 << 10;

    /// A history of at most `limit` buckets, but at least 2.
    pub fn new(limit: usize) -> Self {
        Self { buckets: Vec::new(), limit: limit.max(2), width: Self::FINEST }
    }

    /// The buckets, in order.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Nanoseconds in a bucket.
    pub fn width(&self) -> u64 {
        self.width
    }

    /// Adds a value. Times that step back count for the last bucket.
    pub(super) fn add(&mut self, at: Nanos, value: u64) {
        let start = self.start_of(at);
        if let Some(last) = self.buckets.last_mut()
            && start <= last.start
        {
            last.min = last.min.min(value);
            last.max = last.max.max(value);
            last.last = value;
            return;
        }
        self.buckets.push(Bucket { start, min: value, max: value, last: value });
        while self.buckets.len() > self.limit {
            self.widen();
        }
    }

    fn widen(&mut self) {
        self.width = self.width.saturating_mul(2);
        let width = self.width;
        self.buckets.dedup_by(|next, kept| {
            kept.start = floor(kept.start, width);
            if floor(next.start, width) != kept.start {
                return false;
            }
            kept.min = kept.min.min(next.min);
            kept.max = kept.max.max(next.max);
            kept.last = next.last;
            true
        });
        if let Some(last) = self.buckets.last_mut() {
            last.start = floor(last.start, width);
        }
    }

    fn start_of(&self, at: Nanos) -> Nanos {
        floor(at, self.width)
    }
}

fn floor(at: Nanos, width: u64) -> Nanos {
    Nanos::new(at.raw() - at.raw() % width.max(1))
}
