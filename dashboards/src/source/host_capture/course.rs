//! The course of a capture, and what happened lately.

use super::kept::{self, Kept};
use super::{Item, Now};
use crate::frame::{Name, TimeAxis, TrendSample};
use crate::source::trends::Trends;
use busdma_host::limits::Facts;
use busdma_host::mapping::Mapping;
use busdma_host::tracker::Change;
use std::collections::{HashMap, VecDeque};

/// How long ago is lately, nanoseconds.
const LATELY_NS: u64 = 1_000_000_000;

/// The whole of a capture.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) trends: Trends,
    /// Items by which a mapping failed.
    pub(super) failures: Vec<usize>,
    pub(super) kept: Kept,
}

impl Course {
    /// Goes through all of it once.
    pub(super) fn of(facts: &Facts, items: &[Item]) -> Self {
        let start = items.first().map_or(0, |item| item.at);
        let mut now = Now::begin(facts, start);
        let trends = Trends::new(TimeAxis::Nanoseconds, start);
        let mut course = Self { trends, failures: Vec::new(), kept: Kept::every(kept::EVERY) };
        for (number, item) in items.iter().enumerate() {
            let failed = now.take(item);
            let pool = now.correlation.pool();
            let (used, total) = (pool.used(), pool.size().map_or(0, |size| size.slots));
            let sample = TrendSample { active: u32::try_from(used).unwrap_or(u32::MAX), bounced: 0, deferred: failed };
            course.trends.zone(item.at, 0, share(used, total), sample);
            for _ in 0..failed {
                course.trends.deferred(item.at);
            }
            if failed > 0 {
                course.failures.push(number);
            }
            course.kept.see(&now);
        }
        course
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of a bar needs no more digits")]
fn share(used: u64, total: u64) -> f32 {
    if total == 0 { 0.0 } else { (used as f32 / total as f32).min(1.0) }
}

/// Mappings that were made or failed lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Lately {
    tries: VecDeque<Try>,
}

#[derive(Clone, Debug)]
struct Try {
    at: u64,
    device: Name,
    end: TryEnd,
}

#[derive(Clone, Copy, Debug)]
enum TryEnd {
    Made { bytes: u64, bounced: bool },
    Failed,
}

/// What a device did in the last second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    pub(super) mappings: f64,
    pub(super) bytes: f64,
    pub(super) bounced: f64,
    pub(super) failed: f64,
}

impl Lately {
    /// Takes in a change; tells whether a mapping failed by it.
    pub(super) fn change(&mut self, at: u64, change: &Change<'_>) -> bool {
        let (mapping, end) = match change {
            Change::Began { mapping, .. } => (mapping, made(mapping)),
            Change::Failed { mapping, .. } => (mapping, TryEnd::Failed),
            _ => return false,
        };
        while self.tries.front().is_some_and(|first| at.saturating_sub(first.at) >= LATELY_NS) {
            self.tries.pop_front();
        }
        self.tries.push_back(Try { at, device: Name::new(mapping.device.name()), end });
        matches!(end, TryEnd::Failed)
    }

    /// Mappings that were made or failed lately, or somewhat earlier.
    pub(super) fn tries(&self) -> usize {
        self.tries.len()
    }

    /// What each device did in the second before `now`.
    #[expect(clippy::cast_precision_loss, reason = "a rate is shown with three digits")]
    pub(super) fn rates(&self, now: u64) -> HashMap<Name, Rates> {
        let mut rates: HashMap<Name, Rates> = HashMap::new();
        for one in self.tries.iter().filter(|one| now.saturating_sub(one.at) < LATELY_NS) {
            let rate = rates.entry(one.device.clone()).or_default();
            match one.end {
                TryEnd::Made { bytes, bounced } => {
                    rate.mappings += 1.0;
                    rate.bytes += bytes as f64;
                    rate.bounced += f64::from(u8::from(bounced));
                }
                TryEnd::Failed => rate.failed += 1.0,
            }
        }
        rates
    }
}

fn made(mapping: &Mapping) -> TryEnd {
    TryEnd::Made { bytes: mapping.size.raw(), bounced: mapping.bounced() }
}
