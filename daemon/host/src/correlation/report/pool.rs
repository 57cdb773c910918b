//! The bounce pool, to be printed.

use super::super::Correlation;
use crate::event::Tracepoint;
use crate::limits::BouncePool;
use crate::pool::{Bucket, Full, FullMoments};
use serde::Serialize;

/// Stretches in which the pool was full that are listed.
const EPISODES_LISTED: usize = 16;

/// Moments so far apart belong to different stretches, nanoseconds.
const EPISODE_GAP: u64 = 100_000_000;

/// The bounce pool, in slots of 2 KiB.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PoolReport {
    /// Slots in all, where that is known.
    pub slots: Option<u64>,
    /// Whether there is a pool, where that is known.
    pub present: Option<bool>,
    /// Slots in use at the end.
    pub used: u64,
    /// The most that were in use at once.
    pub high_water: u64,
    /// Times that there was no room.
    pub full: u64,
    /// Of those, times that there were slots enough, but not next to each other.
    pub fragmented: u64,
    /// Stretches of time in which there was no room, the latest that are kept.
    pub episodes: Vec<EpisodeReport>,
    /// Slots in use over time; where nothing changed there is no stretch.
    pub history: Vec<HistoryReport>,
    /// What debugfs said last.
    pub debugfs: Option<PoolReadingReport>,
}

/// Slots in use in a stretch of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct HistoryReport {
    /// Its beginning.
    pub start_ns: u64,
    /// The most in it.
    pub most: u64,
    /// Those at its end.
    pub last: u64,
}

/// A stretch of time in which the pool had no room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EpisodeReport {
    /// The first time that there was none.
    pub first_ns: u64,
    /// The last.
    pub last_ns: u64,
    /// How often there was none.
    pub times: u64,
    /// Of those, how often there were slots enough, but not next to each other.
    pub fragmented: u64,
    /// The fewest slots in use then.
    pub used_least: u64,
    /// The most.
    pub used_most: u64,
    /// The most slots that were asked for in one piece.
    pub wanted_most: u64,
    /// Who asked.
    pub devices: Vec<String>,
}

/// What `/sys/kernel/debug/swiotlb` said.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PoolReadingReport {
    /// When, in the words of who read it.
    pub label: String,
    /// Slots in use.
    pub used: Option<u64>,
    /// The most that ever were in use.
    pub high_water: Option<u64>,
}

impl PoolReport {
    pub(super) fn of(correlation: &Correlation) -> Self {
        let pool = correlation.pool();
        let host = &correlation.shadow().facts().host;
        let bounced = correlation.count(Tracepoint::SwiotlbBounced) > 0;
        let debugfs = correlation.reading.as_ref().map(|reading| PoolReadingReport {
            label: reading.label.to_string(),
            used: reading.used,
            high_water: reading.high_water,
        });
        Self {
            slots: pool.size().map(|size| size.slots),
            present: if bounced && host.pool == BouncePool::Unknown { Some(true) } else { host.pool.exists() },
            used: pool.used(),
            high_water: pool.high_water(),
            full: pool.full().count,
            fragmented: pool.full().fragmented,
            episodes: episodes(pool.full()),
            history: pool.history().buckets().iter().map(HistoryReport::of).collect(),
            debugfs,
        }
    }
}

impl HistoryReport {
    fn of(bucket: &Bucket) -> Self {
        Self { start_ns: bucket.start.raw(), most: bucket.max, last: bucket.last }
    }
}

fn episodes(moments: &FullMoments) -> Vec<EpisodeReport> {
    let mut episodes: Vec<EpisodeReport> = Vec::new();
    for full in &moments.latest {
        match episodes.last_mut().filter(|last| full.at.raw().saturating_sub(last.last_ns) < EPISODE_GAP) {
            Some(last) => last.add(full),
            None => episodes.push(EpisodeReport::begin(full)),
        }
    }
    let older = episodes.len().saturating_sub(EPISODES_LISTED);
    episodes.split_off(older)
}

impl EpisodeReport {
    fn begin(full: &Full) -> Self {
        let mut episode = Self {
            first_ns: full.at.raw(),
            last_ns: full.at.raw(),
            times: 0,
            fragmented: 0,
            used_least: full.used,
            used_most: full.used,
            wanted_most: 0,
            devices: Vec::new(),
        };
        episode.add(full);
        episode
    }

    fn add(&mut self, full: &Full) {
        self.last_ns = self.last_ns.max(full.at.raw());
        self.times += 1;
        self.fragmented += u64::from(full.fragmented() == Some(true));
        self.used_least = self.used_least.min(full.used);
        self.used_most = self.used_most.max(full.used);
        self.wanted_most = self.wanted_most.max(full.wanted_slots);
        if !self.devices.iter().any(|device| device == full.device.name()) {
            self.devices.push(full.device.to_string());
        }
    }
}
