//! A machine as the monitor shows it.

use super::Machine;
use super::failure::zone_number;
use super::objects::MapEntry;
use super::owner::Owner;
use super::tags::limit;
use crate::metrics::{Latency, LatencyBin, LoadCounts, MachineSample, MapCounts, NamedTotal, ZoneSample};
use busdma_api::Hex;
use busdma_api::engine::MachineInfo;
use busdma_api::monitor as api;
use busdma_engine::constraints::Boundary;
use busdma_engine::{DmaMap, MapState, Nanos};
use rustc_hash::FxHashMap;

impl Machine {
    /// What it is, and how much is on it.
    pub(crate) fn info(&self) -> MachineInfo {
        let owner = self.lock();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        MachineInfo {
            machine: self.id,
            session: self.session_id(),
            profile: self.model.profile.name().to_owned(),
            memory_bytes: self.model.memory_bytes,
            max_bpages: self.model.max_bpages,
            bounce: self.model.bounce,
            tags: count(owner.objects.tags.values().filter(|entry| !entry.destroyed).count()),
            maps: count(owner.objects.maps.len()),
            zones: count(owner.engine.zones().count()),
            waiters: count(owner.engine.waiters().count()),
        }
    }

    /// Everything on it, with up to `limit` maps and as many waiters.
    pub(crate) fn snapshot(&self, limit: usize) -> api::MachineSnapshot {
        let owner = self.lock();
        let now = owner.clock.now();
        let (maps, maps_total) = owner.map_infos(now, limit);
        api::MachineSnapshot {
            machine: self.id,
            session: self.session_id(),
            profile: self.model.profile.name().to_owned(),
            zones: owner.zone_infos(),
            waiters: owner.waiter_infos(now, limit),
            waiters_total: u32::try_from(owner.engine.waiters().count()).unwrap_or(u32::MAX),
            tags: owner.tag_infos(),
            maps,
            maps_total,
            memory_bytes: owner.memory_bytes,
            dmamem_bytes: owner.dmamem_bytes,
            loads: owner.counts.calls,
            loads_failed: owner.counts.failed.values().sum(),
            latency: api::Latency {
                load: percentiles(&owner.latency.load),
                sync: percentiles(&owner.latency.sync),
                deferral: percentiles(&owner.latency.deferral),
            },
        }
    }

    /// What was found wrong on it, and how much there was no room for.
    pub(crate) fn findings(&self) -> (Vec<api::Finding>, u64) {
        let owner = self.lock();
        (owner.findings.all().to_vec(), owner.findings.lost())
    }

    /// What a scrape of the metrics shows of it.
    pub(crate) fn sample(&self) -> MachineSample {
        let owner = self.lock();
        let totals = owner.map_totals();
        let waiters = owner.waiters_by_zone();
        MachineSample {
            name: self.id.to_string(),
            zones: owner
                .engine
                .zones()
                .map(|zone| ZoneSample {
                    name: zone_number(zone.zone).to_string(),
                    free: zone.free_bpages().raw().into(),
                    reserved: zone.reserved_bpages().raw().into(),
                    active: zone.active_bpages().raw().into(),
                    total: zone.total_bpages().raw().into(),
                    active_max: zone.active_bpages_max().raw().into(),
                    bounced_total: zone.total_bounced.into(),
                    deferred_total: zone.total_deferred.into(),
                    deferred_ns_total: zone.deferred_ns,
                    waiters: waiters.get(&zone_number(zone.zone)).copied().unwrap_or(0).into(),
                })
                .collect(),
            loads: LoadCounts {
                loaded: owner.counts.loaded,
                deferred: owner.counts.deferred,
                no_data: owner.counts.no_data,
            },
            rejected: owner.counts.failed.iter().map(|(&name, &total)| NamedTotal { name, total }).collect(),
            hazards: owner.findings.totals().map(|(kind, total)| NamedTotal { name: kind.name(), total }).collect(),
            tags: owner.objects.tags.len() as u64,
            maps: MapCounts {
                idle: totals.idle.into(),
                deferred: totals.deferred.into(),
                loaded: totals.loaded.into(),
            },
            load: owner.latency.load.sample(),
            sync: owner.latency.sync.sample(),
            load_deferred: owner.latency.deferral.sample(),
        }
    }
}

impl Owner {
    fn zone_infos(&self) -> Vec<api::ZoneInfo> {
        let waiters = self.waiters_by_zone();
        let info = |zone: &busdma_engine::ZoneStats| api::ZoneInfo {
            zone: zone_number(zone.zone),
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
            waiters: waiters.get(&zone_number(zone.zone)).copied().unwrap_or(0),
        };
        self.engine.zones().map(info).collect()
    }

    fn waiters_by_zone(&self) -> FxHashMap<u32, u32> {
        let mut waiters = FxHashMap::default();
        for map in self.engine.waiters() {
            if let Some(zone) = self.zone_of(map) {
                *waiters.entry(zone).or_default() += 1;
            }
        }
        waiters
    }

    fn zone_of(&self, map: busdma_engine::MapId) -> Option<u32> {
        self.engine.tag(self.engine.map(map)?.tag())?.zone().map(zone_number)
    }

    fn waiter_infos(&self, now: Nanos, limit: usize) -> Vec<api::Waiter> {
        let info = |id: busdma_engine::MapId| {
            let number = *self.objects.map_numbers.get(&id)?;
            let entry = self.objects.maps.get(&number)?;
            let map = self.engine.map(id)?;
            Some(api::Waiter {
                map: self.objects.map_ref(number),
                tag: self.objects.tag_ref(entry.tag),
                session: entry.session.id,
                zone: self.zone_of(id).unwrap_or(0),
                needed: map.pages_needed().raw(),
                reserved: map.pages_reserved().raw(),
                age_ns: now.since(map.queued_at()),
            })
        };
        self.engine.waiters().take(limit).filter_map(info).collect()
    }

    fn tag_infos(&self) -> Vec<api::TagInfo> {
        let mut numbers = self.objects.tags.keys().copied().collect::<Vec<_>>();
        numbers.sort_unstable();
        let info = |number: u32| {
            let entry = self.objects.tags.get(&number)?;
            let tag = self.engine.tag(entry.id)?;
            let constraints = tag.constraints();
            Some(api::TagInfo {
                tag: self.objects.tag_ref(number),
                session: entry.session.id,
                preset: entry.preset.clone(),
                alignment: constraints.alignment().bytes(),
                boundary: Hex(constraints.boundary().map_or(0, Boundary::bytes)),
                lowaddr: Hex(constraints.window().lowaddr.raw()),
                highaddr: Hex(constraints.window().highaddr.raw()),
                maxsize: constraints.maxsize().raw(),
                nsegments: limit(constraints.nsegments()),
                maxsegsz: constraints.maxsegsz().raw(),
                zone: tag.zone().map(zone_number),
                maps: entry.maps,
            })
        };
        numbers.into_iter().filter_map(info).collect()
    }

    /// The maps that do something, oldest first, and how many of each kind there are.
    fn map_infos(&self, now: Nanos, limit: usize) -> (Vec<api::MapInfo>, api::MapTotals) {
        let objects = &self.objects;
        let info = |(number, entry): (u32, &MapEntry)| {
            let map = self.engine.map(entry.id)?;
            Some(api::MapInfo {
                map: objects.map_ref(number),
                tag: objects.tag_ref(entry.tag),
                session: entry.session.id,
                uid: entry.session.uid,
                state: state(map),
                bytes: map.segments().iter().map(|segment| segment.len.raw()).sum(),
                segments: u32::try_from(map.segments().len()).unwrap_or(u32::MAX),
                bounce_pages: map.bounce_page_count().raw(),
                age_ns: now.since(entry.since),
            })
        };
        let infos = objects.ages.oldest_first(&objects.maps).take(limit).filter_map(info).collect();
        (infos, self.map_totals())
    }

    fn map_totals(&self) -> api::MapTotals {
        self.objects.ages.totals(self.objects.maps.len())
    }
}

fn state(map: &DmaMap) -> api::MapState {
    match map.state() {
        MapState::Idle => api::MapState::Idle,
        MapState::Deferred => api::MapState::Deferred,
        MapState::Loaded => api::MapState::Loaded,
    }
}

fn percentiles(latency: &Latency) -> api::Percentiles {
    api::Percentiles {
        count: latency.count(),
        mean_ns: latency.mean(),
        p50_ns: latency.quantile(0.5),
        p90_ns: latency.quantile(0.9),
        p99_ns: latency.quantile(0.99),
        p999_ns: latency.quantile(0.999),
        max_ns: latency.max(),
        bins: latency.bins().map(|LatencyBin { upto_ns, count }| api::Bin { upto_ns, count }).collect(),
    }
}
