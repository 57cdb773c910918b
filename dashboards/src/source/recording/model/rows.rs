//! From a model to what is shown of it.

use super::{MapNow, Model, TagNow, ZoneNow};
use crate::frame::{Distribution, FindingRow, Latency, Machine, MapRow, MapState, Name, TagRow, TimeAxis, ZoneRow};
use crate::source::spans;
use crate::source::trends::Recent;

/// The number of segments that is none.
const UNRESTRICTED: u32 = u32::MAX;

/// What limits a machine's lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::source::recording) struct Limits {
    /// Maps and waiters, each.
    pub(in crate::source::recording) rows: usize,
}

impl Model {
    /// The machine at a moment, and what is wrong with it, worst first.
    pub(in crate::source::recording) fn machine(
        &self,
        now: u64,
        axis: TimeAxis,
        limits: Limits,
        recent: impl Fn(usize) -> Recent,
    ) -> (Machine, Vec<FindingRow>) {
        let waiters = self.waiters(now, limits.rows);
        let zones = (0..).zip(&self.zones).map(|(number, zone)| ZoneRow {
            waiters: waiters.by_zone.get(&number).copied().unwrap_or(0),
            ..zone_row(&self.name, number, zone, recent(number as usize))
        });
        let machine = Machine {
            machine: self.name.clone(),
            session: None,
            profile: self.profile.clone(),
            zones: zones.collect(),
            waiters: waiters.rows,
            waiters_total: waiters.total,
            tags: self.tags.iter().map(|tag| tag_row(&self.name, tag)).collect(),
            maps: self.map_rows(now, limits.rows),
            maps_total: self.maps.totals(),
            memory_bytes: None,
            dmamem_bytes: Some(self.memory.values().fold(0, |sum, bytes| sum.saturating_add(*bytes))),
            loads: self.loads,
            loads_failed: self.loads_failed,
            latency: Latency {
                load: None,
                sync: None,
                deferral: (axis == TimeAxis::Nanoseconds)
                    .then(|| self.deferral.as_ref().map_or_else(Distribution::default, spans::distribution)),
            },
        };
        (machine, self.findings.rows(&self.name))
    }

    /// Findings that there was no room to keep.
    pub(in crate::source::recording) const fn findings_lost(&self) -> u64 {
        self.findings.lost
    }

    fn map_rows(&self, now: u64, limit: usize) -> Vec<MapRow> {
        let mut maps: Vec<&MapNow> = self.maps.all().iter().filter(|map| map.state != MapState::Idle).collect();
        if let Some(last) = limit.checked_sub(1).filter(|last| *last < maps.len()) {
            maps.select_nth_unstable_by_key(last, |map| map.order);
        }
        maps.truncate(limit);
        maps.sort_unstable_by_key(|map| map.order);
        maps.into_iter().map(|map| map_row(&self.name, map, now)).collect()
    }
}

fn map_row(machine: &Name, map: &MapNow, now: u64) -> MapRow {
    MapRow {
        machine: machine.clone(),
        map: map.map.clone(),
        tag: map.tag.clone(),
        session: map.session.clone(),
        uid: None,
        state: map.state,
        bytes: map.mapping.bytes,
        segments: map.mapping.segments,
        bounce_pages: map.bpages,
        age_ns: now.saturating_sub(map.since),
    }
}

fn zone_row(machine: &Name, number: u32, zone: &ZoneNow, recent: Recent) -> ZoneRow {
    let told = &zone.told;
    ZoneRow {
        machine: machine.clone(),
        zone: number,
        lowaddr: told.lowaddr.0,
        alignment: told.alignment,
        total_bpages: told.total,
        free_bpages: told.free,
        reserved_bpages: told.reserved,
        active_bpages: told.active,
        active_bpages_max: zone.active_max,
        total_bounced: wrapped(told.bounced),
        total_deferred: wrapped(told.deferred),
        total_deferred_time: zone.deferred_ns / 1000,
        map_count: i32::try_from(told.map_count).unwrap_or(i32::MAX),
        waiters: 0,
        rates: recent.rates,
        trend: recent.trend,
    }
}

/// FreeBSD's counters have 32 bits and wrap.
fn wrapped(counter: u64) -> u32 {
    u32::try_from(counter & u64::from(u32::MAX)).unwrap_or(0)
}

fn tag_row(machine: &Name, tag: &TagNow) -> TagRow {
    TagRow {
        machine: machine.clone(),
        tag: tag.tag.clone(),
        session: tag.session.clone(),
        preset: None,
        alignment: tag.alignment,
        boundary: tag.boundary,
        lowaddr: tag.lowaddr,
        highaddr: tag.highaddr,
        maxsize: tag.maxsize,
        nsegments: (tag.nsegments != UNRESTRICTED).then_some(tag.nsegments),
        maxsegsz: tag.maxsegsz,
        zone: tag.zone,
        maps: tag.maps,
    }
}
