//! A machine of the demonstration as it is shown.

use super::client::Client;
use super::ear::Ear;
use super::names;
use crate::frame::{Latency, Machine, MapRow, MapState, MapTotals, Name, TagRow, Trend, WaiterRow, ZoneRates, ZoneRow};
use busdma_engine::constraints::{Boundary, SegmentLimit};
use busdma_engine::{DmaMap, DmaTag, Engine, MapId, Nanos, Profile, TagId, ZoneId, ZoneStats};
use busdma_sim::machine::Machine as Model;
use std::sync::PoisonError;

/// How the machine of `client` is at `now`, with up to `rows` maps and as many waiters.
pub(super) fn machine(client: &Client, now: Nanos, rows: usize) -> Machine {
    let engine = client.engine.lock().unwrap_or_else(PoisonError::into_inner);
    let look = Look { client, engine: &engine, now };
    let (maps, maps_total) = look.maps(rows);
    Machine {
        machine: client.name.clone(),
        session: Some(client.session.clone()),
        profile: Name::const_new(Profile::default().name()),
        zones: engine.zones().map(|zone| look.zone(zone)).collect(),
        waiters: look.waiters(rows),
        waiters_total: count(engine.waiters().count()),
        tags: engine.tags().map(|(id, tag)| look.tag(id, tag)).collect(),
        maps,
        maps_total,
        memory_bytes: None,
        dmamem_bytes: None,
        loads: client.loads(),
        loads_failed: client.loads_failed,
        latency: Latency { load: None, sync: None, deferral: Some(client.waits.distribution()) },
    }
}

/// A look at a machine.
#[derive(Clone, Copy)]
struct Look<'l> {
    client: &'l Client,
    engine: &'l Engine<Model, Ear>,
    now: Nanos,
}

impl Look<'_> {
    fn zone(self, zone: &ZoneStats) -> ZoneRow {
        let of_zone = |map: &MapId| self.zone_of(*map) == Some(zone_number(zone.zone));
        ZoneRow {
            machine: self.client.name.clone(),
            zone: zone_number(zone.zone),
            lowaddr: zone.lowaddr.raw(),
            alignment: zone.alignment.bytes(),
            total_bpages: zone.total_bpages().raw(),
            free_bpages: zone.free_bpages().raw(),
            reserved_bpages: zone.reserved_bpages().raw(),
            active_bpages: zone.active_bpages().raw(),
            active_bpages_max: zone.active_bpages_max().raw(),
            total_bounced: zone.total_bounced,
            total_deferred: zone.total_deferred,
            total_deferred_time: zone.deferred_ns / 1000,
            map_count: zone.map_count,
            waiters: count(self.engine.waiters().filter(of_zone).count()),
            rates: ZoneRates::default(),
            trend: Trend::default(),
        }
    }

    fn zone_of(self, map: MapId) -> Option<u32> {
        self.engine.tag(self.engine.map(map)?.tag())?.zone().map(zone_number)
    }

    fn waiters(self, rows: usize) -> Vec<WaiterRow> {
        let row = |(id, position): (MapId, u32)| {
            let map = self.engine.map(id)?;
            Some(WaiterRow {
                machine: self.client.name.clone(),
                position,
                map: names::map(&self.client.name, id),
                tag: names::tag(&self.client.name, map.tag()),
                session: Some(self.client.session.clone()),
                zone: self.zone_of(id)?,
                needed: map.pages_needed().raw(),
                reserved: map.pages_reserved().raw(),
                age_ns: self.now.since(map.queued_at()),
            })
        };
        self.engine.waiters().zip(1..).take(rows).filter_map(row).collect()
    }

    fn tag(self, id: TagId, tag: &DmaTag) -> TagRow {
        let constraints = tag.constraints();
        TagRow {
            machine: self.client.name.clone(),
            tag: names::tag(&self.client.name, id),
            session: Some(self.client.session.clone()),
            preset: None,
            alignment: constraints.alignment().bytes(),
            boundary: constraints.boundary().map_or(0, Boundary::bytes),
            lowaddr: constraints.window().lowaddr.raw(),
            highaddr: constraints.window().highaddr.raw(),
            maxsize: constraints.maxsize().raw(),
            nsegments: match constraints.nsegments() {
                SegmentLimit::Max(most) => Some(most),
                SegmentLimit::Unrestricted => None,
            },
            maxsegsz: constraints.maxsegsz().raw(),
            zone: tag.zone().map(zone_number),
            maps: u32::try_from(tag.map_count()).unwrap_or(0),
        }
    }

    /// The maps that do something, oldest first, and how many of each kind there are.
    fn maps(self, rows: usize) -> (Vec<MapRow>, MapTotals) {
        let all = self.engine.maps().count();
        let mut busy: Vec<_> = self.client.doing.iter().collect();
        busy.sort_by_key(|(id, (_, since))| (*since, id.parts()));
        let deferred = busy.iter().filter(|(_, (state, _))| *state == MapState::Deferred).count();
        let totals = MapTotals {
            idle: count(all.saturating_sub(busy.len())),
            deferred: count(deferred),
            loaded: count(busy.len() - deferred),
        };
        let row = |(id, (state, since)): (&MapId, &(MapState, Nanos))| {
            Some(self.map(*id, self.engine.map(*id)?, *state, *since))
        };
        (busy.into_iter().take(rows).filter_map(row).collect(), totals)
    }

    fn map(self, id: MapId, map: &DmaMap, state: MapState, since: Nanos) -> MapRow {
        MapRow {
            machine: self.client.name.clone(),
            map: names::map(&self.client.name, id),
            tag: names::tag(&self.client.name, map.tag()),
            session: Some(self.client.session.clone()),
            uid: None,
            state,
            bytes: map.segments().iter().map(|segment| segment.len.raw()).sum(),
            segments: count(map.segments().len()),
            bounce_pages: map.bounce_page_count().raw(),
            age_ns: self.now.since(since),
        }
    }
}

fn zone_number(zone: ZoneId) -> u32 {
    count(zone.index())
}

fn count(things: usize) -> u32 {
    u32::try_from(things).unwrap_or(u32::MAX)
}
