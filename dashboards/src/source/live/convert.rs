//! What the daemon replies as what is shown. Names are those of the wire, so that they can be given to other verbs.

mod decision;
mod finding;
mod host;

pub use decision::NotADecision;
pub(super) use host::{host_differences, host_finding, host_frame, unavailable};

use crate::frame::{
    Bin, Distribution, Latency, Machine, MapRow, MapState, MapTotals, Name, TagRow, Trend, WaiterRow, ZoneRates,
    ZoneRow,
};
use busdma_api::monitor as api;
use compact_str::ToCompactString;

impl From<api::MachineSnapshot> for Machine {
    /// Rates and trends, which take several snapshots, are left empty.
    fn from(snapshot: api::MachineSnapshot) -> Self {
        let machine = snapshot.machine.to_compact_string();
        Self {
            session: snapshot.session.map(|session| session.to_compact_string()),
            profile: snapshot.profile.into(),
            zones: snapshot.zones.iter().map(|zone| zone_row(&machine, zone)).collect(),
            waiters: snapshot.waiters.iter().zip(1..).map(|(waiter, nth)| waiter_row(&machine, waiter, nth)).collect(),
            waiters_total: snapshot.waiters_total,
            tags: snapshot.tags.into_iter().map(|tag| tag_row(&machine, tag)).collect(),
            maps: snapshot.maps.iter().map(|map| map_row(&machine, map)).collect(),
            maps_total: MapTotals {
                idle: snapshot.maps_total.idle,
                deferred: snapshot.maps_total.deferred,
                loaded: snapshot.maps_total.loaded,
            },
            memory_bytes: Some(snapshot.memory_bytes),
            dmamem_bytes: Some(snapshot.dmamem_bytes),
            loads: snapshot.loads,
            loads_failed: snapshot.loads_failed,
            latency: Latency {
                load: Some(snapshot.latency.load.into()),
                sync: Some(snapshot.latency.sync.into()),
                deferral: Some(snapshot.latency.deferral.into()),
            },
            machine,
        }
    }
}

fn zone_row(machine: &Name, zone: &api::ZoneInfo) -> ZoneRow {
    ZoneRow {
        machine: machine.clone(),
        zone: zone.zone,
        lowaddr: zone.lowaddr.0,
        alignment: zone.alignment,
        total_bpages: zone.total_bpages,
        free_bpages: zone.free_bpages,
        reserved_bpages: zone.reserved_bpages,
        active_bpages: zone.active_bpages,
        active_bpages_max: zone.active_bpages_max,
        total_bounced: zone.total_bounced,
        total_deferred: zone.total_deferred,
        total_deferred_time: zone.total_deferred_time,
        map_count: zone.map_count,
        waiters: zone.waiters,
        rates: ZoneRates::default(),
        trend: Trend::default(),
    }
}

fn waiter_row(machine: &Name, waiter: &api::Waiter, position: u32) -> WaiterRow {
    WaiterRow {
        machine: machine.clone(),
        position,
        map: waiter.map.to_compact_string(),
        tag: waiter.tag.to_compact_string(),
        session: Some(waiter.session.to_compact_string()),
        zone: waiter.zone,
        needed: waiter.needed,
        reserved: waiter.reserved,
        age_ns: waiter.age_ns,
    }
}

fn tag_row(machine: &Name, tag: api::TagInfo) -> TagRow {
    TagRow {
        machine: machine.clone(),
        tag: tag.tag.to_compact_string(),
        session: Some(tag.session.to_compact_string()),
        preset: tag.preset.map(Name::from),
        alignment: tag.alignment,
        boundary: tag.boundary.0,
        lowaddr: tag.lowaddr.0,
        highaddr: tag.highaddr.0,
        maxsize: tag.maxsize,
        nsegments: tag.nsegments,
        maxsegsz: tag.maxsegsz,
        zone: tag.zone,
        maps: tag.maps,
    }
}

fn map_row(machine: &Name, map: &api::MapInfo) -> MapRow {
    MapRow {
        machine: machine.clone(),
        map: map.map.to_compact_string(),
        tag: map.tag.to_compact_string(),
        session: Some(map.session.to_compact_string()),
        uid: Some(map.uid),
        state: map.state.into(),
        bytes: map.bytes,
        segments: map.segments,
        bounce_pages: map.bounce_pages,
        age_ns: map.age_ns,
    }
}

impl From<api::MapState> for MapState {
    fn from(state: api::MapState) -> Self {
        match state {
            api::MapState::Idle => Self::Idle,
            api::MapState::Deferred => Self::Deferred,
            api::MapState::Loaded => Self::Loaded,
        }
    }
}

impl From<api::Percentiles> for Distribution {
    fn from(percentiles: api::Percentiles) -> Self {
        Self {
            count: percentiles.count,
            mean_ns: percentiles.mean_ns,
            p50_ns: percentiles.p50_ns,
            p90_ns: percentiles.p90_ns,
            p99_ns: percentiles.p99_ns,
            p999_ns: percentiles.p999_ns,
            max_ns: percentiles.max_ns,
            bins: percentiles.bins.iter().map(|bin| Bin { upto_ns: bin.upto_ns, count: bin.count }).collect(),
        }
    }
}
