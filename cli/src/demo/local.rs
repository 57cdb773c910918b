//! Engines inside this process, looked at from outside.

use super::Seen;
use busdma_api::Hex;
use busdma_api::monitor::ZoneInfo;
use busdma_engine::{Decision, Engine, Hazard, MapId, Nanos, Observer, ZoneStats};
use busdma_sim::driver::SharedEngine;
use busdma_sim::machine::Machine;
use std::collections::BTreeMap;
use std::sync::PoisonError;

/// Counts what is found wrong.
#[derive(Clone, Debug, Default)]
pub(super) struct Hazards(BTreeMap<&'static str, u64>);

impl Observer for Hazards {
    fn decision(&mut self, _: Nanos, _: &Decision) {}

    fn hazard(&mut self, _: Nanos, hazard: &Hazard) {
        *self.0.entry(hazard.kind().name()).or_default() += 1;
    }
}

/// The machines' zones and what was found wrong on them.
pub(super) fn look(engines: &[SharedEngine<Hazards>]) -> Seen {
    let mut seen = Seen::default();
    for (engine, nth) in engines.iter().zip(1..) {
        let engine = engine.lock().unwrap_or_else(PoisonError::into_inner);
        let zones = engine.zones().map(|zone| zone_info(&engine, zone)).collect();
        seen.pools.push((format!("local{nth}"), zones));
        for (&kind, count) in &engine.observer().0 {
            *seen.findings.entry(kind.to_owned()).or_default() += count;
        }
    }
    seen
}

fn zone_info(engine: &Engine<Machine, Hazards>, zone: &ZoneStats) -> ZoneInfo {
    let zone_of = |map: MapId| engine.tag(engine.map(map)?.tag())?.zone();
    let waiters = engine.waiters().filter(|&map| zone_of(map) == Some(zone.zone)).count();
    ZoneInfo {
        zone: u32::try_from(zone.zone.index()).unwrap_or(u32::MAX),
        lowaddr: Hex(zone.lowaddr.raw()),
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
        waiters: u32::try_from(waiters).unwrap_or(u32::MAX),
    }
}
