//! A whole recording in a bounded number of equal parts of time: what its bar and its sparklines are drawn from.

use crate::frame::{Bucket, TimeAxis, Timeline, Trend, TrendSample, ZoneRates};
use std::sync::Arc;

/// Parts of time that are kept at most; then two become one.
const CELLS_MAX: usize = 8192;

/// Zones whose course is kept.
const ZONES_MAX: usize = 16;

/// Parts that a recording's bar is told in.
const BUCKETS: u64 = 512;

/// Samples of a trend.
const TREND_SAMPLES: u64 = 60;

/// Trends that follow each other from end to end of a short recording.
const TRENDS_IN_ALL: u64 = 4;

/// The length of a trend's sample where the recording is long, and what rates are taken over, nanoseconds.
const SECOND_NS: u64 = 1_000_000_000;

/// The course of pressure, deferrals and zones.
#[derive(Clone, Debug)]
pub(super) struct Trends {
    axis: TimeAxis,
    start: u64,
    /// How much time a cell stands for.
    interval: u64,
    cells: Vec<Bucket>,
    /// Where the last cell ends, exclusive.
    reached: u64,
    zones: Vec<Vec<TrendSample>>,
    /// The level of each zone: what a cell begins with.
    levels: Vec<Level>,
    /// Where each scenario begins: what was before belongs to other zones.
    scenarios: Vec<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Level {
    active: u32,
    pressure: f32,
}

/// What a zone did lately; nothing for zones whose course is not kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Recent {
    pub(super) rates: ZoneRates,
    pub(super) trend: Trend,
}

impl Trends {
    /// Nothing yet, from this moment on.
    pub(super) fn new(axis: TimeAxis, start: u64) -> Self {
        let interval = match axis {
            TimeAxis::Nanoseconds => 1 << 20,
            TimeAxis::Operations => 1,
        };
        Self {
            axis,
            start,
            interval,
            cells: vec![Bucket::default()],
            reached: start.saturating_add(interval),
            zones: Vec::new(),
            levels: Vec::new(),
            scenarios: vec![start],
        }
    }

    /// Other zones begin.
    pub(super) fn scenario(&mut self, now: u64) {
        self.reach(now);
        self.levels.clear();
        if self.scenarios.len() < CELLS_MAX {
            self.scenarios.push(now);
        }
    }

    /// A load was deferred.
    pub(super) fn deferred(&mut self, now: u64) {
        self.reach(now);
        if let Some(cell) = self.cells.last_mut() {
            cell.deferred = cell.deferred.saturating_add(1);
        }
    }

    /// A zone was told of: its pages in use, its pages promised or in use of all there are, and what its counters grew by.
    pub(super) fn zone(&mut self, now: u64, zone: usize, pressure: f32, sample: TrendSample) {
        self.reach(now);
        if let Some(cell) = self.cells.last_mut() {
            cell.pressure = cell.pressure.max(pressure);
        }
        if zone >= ZONES_MAX {
            return;
        }
        while self.levels.len() <= zone {
            self.levels.push(Level::default());
        }
        while self.zones.len() <= zone {
            self.zones.push(vec![TrendSample::default(); self.cells.len()]);
        }
        if let Some(level) = self.levels.get_mut(zone) {
            *level = Level { active: sample.active, pressure };
        }
        if let Some(last) = self.zones.get_mut(zone).and_then(|cells| cells.last_mut()) {
            *last = joined(*last, sample);
        }
    }

    /// Goes on to the cell of a moment; between, everything stays as it was.
    pub(super) fn reach(&mut self, now: u64) {
        if now < self.reached {
            return;
        }
        while self.cell_of(now) >= CELLS_MAX as u64 {
            self.halve();
        }
        let cells = usize::try_from(self.cell_of(now)).unwrap_or(0) + 1;
        if cells > self.cells.len() {
            let pressure = self.levels.iter().map(|level| level.pressure).fold(0.0, f32::max);
            self.cells.resize(cells, Bucket { pressure, deferred: 0 });
            for (number, zone) in self.zones.iter_mut().enumerate() {
                let active = self.levels.get(number).map_or(0, |level| level.active);
                zone.resize(cells, TrendSample { active, bounced: 0, deferred: 0 });
            }
        }
        self.reached = self.start.saturating_add((self.cells.len() as u64).saturating_mul(self.interval));
    }

    fn halve(&mut self) {
        self.interval = self.interval.saturating_mul(2);
        self.cells = self
            .cells
            .chunks(2)
            .map(|pair| {
                pair.iter().fold(Bucket::default(), |sum, cell| Bucket {
                    pressure: sum.pressure.max(cell.pressure),
                    deferred: sum.deferred.saturating_add(cell.deferred),
                })
            })
            .collect();
        for zone in &mut self.zones {
            *zone = zone.chunks(2).map(|pair| pair.iter().copied().fold(TrendSample::default(), joined)).collect();
        }
    }

    fn cell_of(&self, now: u64) -> u64 {
        now.saturating_sub(self.start) / self.interval
    }

    /// The whole of it, at a moment.
    pub(super) fn timeline(&self, end: u64, at: u64, step: u64) -> Timeline {
        Timeline { axis: self.axis, start: self.start, end, at, step, buckets: self.buckets(end) }
    }

    fn buckets(&self, end: u64) -> Arc<[Bucket]> {
        let length = end.saturating_sub(self.start);
        let count = BUCKETS.min(length.saturating_add(1));
        let mut buckets = vec![Bucket::default(); usize::try_from(count).unwrap_or(1)];
        let place = |offset: u64| {
            let place = u128::from(offset) * u128::from(count) / (u128::from(length) + 1);
            usize::try_from(place).unwrap_or(usize::MAX)
        };
        for (number, cell) in (0_u64..).zip(&self.cells) {
            let first = number.saturating_mul(self.interval).min(length);
            let last = first.saturating_add(self.interval - 1).min(length);
            if let Some(bucket) = buckets.get_mut(place(first)) {
                bucket.deferred = bucket.deferred.saturating_add(cell.deferred);
            }
            for bucket in buckets.iter_mut().take(place(last).saturating_add(1)).skip(place(first)) {
                bucket.pressure = bucket.pressure.max(cell.pressure);
            }
        }
        buckets.into()
    }

    /// The last cell with nothing in it that comes after `at`; none before the first has ended.
    fn last_at(&self, at: u64, end: u64) -> Option<u64> {
        if at >= end { Some(self.cell_of(at)) } else { self.cell_of(at + 1).checked_sub(1) }
    }

    /// What a zone did before a moment, in a recording that ends at `end`. A cell in which the moment lies is left out,
    /// since of that no more is known than all of it.
    pub(super) fn recent(&self, zone: usize, at: u64, end: u64) -> Recent {
        let Some(cells) = self.zones.get(zone) else { return Recent::default() };
        let scenario = self.scenarios.partition_point(|begin| *begin <= at);
        let begin = scenario.checked_sub(1).and_then(|last| self.scenarios.get(last)).copied().unwrap_or(self.start);
        let first = self.cell_of(begin);
        let Some(last) = self.last_at(at, end).filter(|last| *last >= first) else { return Recent::default() };
        let length = end.saturating_sub(self.start);
        let wanted = (length / (TREND_SAMPLES * TRENDS_IN_ALL)).min(SECOND_NS);
        let merged = wanted.div_ceil(self.interval).max(1);
        let sum = |from: u64, to: u64| {
            let range = usize::try_from(from).unwrap_or(usize::MAX)
                ..usize::try_from(to).unwrap_or(0).saturating_add(1).min(cells.len());
            cells.get(range).unwrap_or_default().iter().copied().fold(TrendSample::default(), joined)
        };
        let count = (last.saturating_sub(first) / merged + 1).min(TREND_SAMPLES);
        let samples = (0..count).rev().map(|back| {
            let to = last - back * merged;
            sum(to.saturating_sub(merged - 1).max(first), to)
        });
        let samples = samples.collect();
        let trend = Trend { interval_ns: merged.saturating_mul(self.interval), samples };
        let rates = match self.axis {
            TimeAxis::Operations => ZoneRates::default(),
            TimeAxis::Nanoseconds => {
                let over = SECOND_NS.div_ceil(self.interval).max(1);
                let lately = sum(last.saturating_sub(over - 1).max(first), last);
                let span = over.saturating_mul(self.interval);
                let rate = |count| Some(per_second(count, span));
                ZoneRates { bounced: rate(lately.bounced), deferred: rate(lately.deferred) }
            }
        };
        Recent { rates, trend }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate is shown with three digits")]
fn per_second(count: u32, span_ns: u64) -> f64 {
    f64::from(count) * SECOND_NS as f64 / span_ns as f64
}

fn joined(one: TrendSample, other: TrendSample) -> TrendSample {
    TrendSample {
        active: one.active.max(other.active),
        bounced: one.bounced.saturating_add(other.bounced),
        deferred: one.deferred.saturating_add(other.deferred),
    }
}

#[cfg(test)]
mod tests {
    use super::{Recent, SECOND_NS, Trends, ZONES_MAX};
    use crate::frame::{TimeAxis, TrendSample};

    const DAY_NS: u64 = 86_400 * SECOND_NS;

    fn bounced(trends: &mut Trends, at: u64, zone: usize, bounced: u32) {
        trends.zone(at, zone, 0.5, TrendSample { active: 1, bounced, deferred: 0 });
    }

    #[test]
    fn what_comes_after_the_moment_is_not_told() {
        let mut trends = Trends::new(TimeAxis::Nanoseconds, 0);
        bounced(&mut trends, 0, 0, 1);
        let burst = DAY_NS / 2;
        bounced(&mut trends, burst, 0, 17_000);
        trends.reach(DAY_NS);
        let cell = trends.interval;
        assert!(cell > 10 * SECOND_NS, "{cell}");
        for before in [1, cell / 2, cell] {
            let recent = trends.recent(0, burst - before, DAY_NS);
            assert_eq!(recent.rates.bounced, Some(0.0), "{before}");
            assert!(recent.trend.samples.iter().all(|sample| sample.bounced < 2), "{recent:?}");
        }
        let after = trends.recent(0, burst + cell, DAY_NS);
        assert!(after.rates.bounced > Some(500.0), "{after:?}");
    }

    #[test]
    fn the_end_is_told_to_the_last_moment() {
        let mut trends = Trends::new(TimeAxis::Nanoseconds, 0);
        bounced(&mut trends, 0, 0, 0);
        let end = 5 * SECOND_NS + 1;
        bounced(&mut trends, end, 0, 7);
        assert!(trends.recent(0, end, end).rates.bounced > Some(1.0));
    }

    #[test]
    fn there_are_no_rates_without_times_and_of_zones_that_are_not_kept() {
        let mut trends = Trends::new(TimeAxis::Operations, 1);
        (1..40).for_each(|operation| bounced(&mut trends, operation, 0, 1));
        let recent = trends.recent(0, 20, 39);
        assert_eq!((recent.rates.bounced, recent.rates.deferred), (None, None));
        assert_eq!(recent.trend.samples.iter().map(|sample| sample.bounced).sum::<u32>(), 20);
        let mut trends = Trends::new(TimeAxis::Nanoseconds, 0);
        bounced(&mut trends, SECOND_NS, ZONES_MAX, 9);
        assert_eq!(trends.recent(ZONES_MAX, SECOND_NS, SECOND_NS), Recent::default());
    }
}
