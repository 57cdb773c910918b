//! From an engine to its state.

use super::{EngineState, SavedMap, SavedMapState, SavedTag, SavedZone};
use crate::addr::PageCount;
use crate::bounce::{BouncePool, BounceZone};
use crate::decision::Observer;
use crate::engine::Engine;
use crate::ids::{MapId, TagId};
use crate::map::{DmaMap, MapOrigin, MapState};
use crate::platform::Platform;
use crate::tag::DmaTag;

impl<P: Platform, O: Observer> Engine<P, O> {
    /// Everything the engine is, as data. Its platform is the caller's to keep.
    pub fn state(&self) -> EngineState {
        EngineState {
            now: self.told.now,
            tags: self.tags().map(|(id, tag)| saved_tag(id, tag)).collect(),
            vacant_tags: self.tags.vacant(),
            maps: self.maps().map(|(id, map)| saved_map(id, map, &self.pool)).collect(),
            vacant_maps: self.maps.vacant(),
            zones: self.pool.zones.iter().map(|zone| saved_zone(zone, &self.pool)).collect(),
            waiters: self.waiters().collect(),
            ready: self.ready().collect(),
        }
    }
}

fn saved_tag(id: TagId, tag: &DmaTag) -> SavedTag {
    let constraints = &tag.constraints;
    SavedTag {
        id,
        parent: tag.parent,
        chain_parent: tag.chain_parent,
        own: constraints.own.clone(),
        chain: constraints.chain.clone(),
        boundary: constraints.boundary,
        maxsize: constraints.maxsize,
        nsegments: constraints.nsegments,
        maxsegsz: constraints.maxsegsz,
        flags: tag.flags,
        lock: tag.lock,
        coherent: tag.coherent,
        could_bounce: tag.could_bounce,
        initial_pages_done: tag.initial_pages_done,
        allocated_pages: tag.allocated_pages,
        zone: tag.zone,
        map_count: tag.map_count,
        references: tag.references,
    }
}

fn saved_zone(zone: &BounceZone, pool: &BouncePool) -> SavedZone {
    SavedZone {
        lowaddr: zone.lowaddr,
        alignment: zone.alignment,
        free_list: zone.free_list.iter().map(|&page| pool.pages[page.0 as usize].frame).collect(),
        reserved_bpages: zone.stats.reserved_bpages(),
        active_bpages_max: zone.stats.active_bpages_max(),
        total_bounced: zone.stats.total_bounced,
        total_deferred: zone.stats.total_deferred,
        map_count: zone.stats.map_count,
        deferred_ns: zone.stats.deferred_ns,
    }
}

fn saved_map(id: MapId, map: &DmaMap, pool: &BouncePool) -> SavedMap {
    SavedMap {
        id,
        tag: map.tag,
        form: map.form,
        zone: map.zone,
        state: match map.state {
            MapState::Idle => SavedMapState::Idle,
            MapState::Loaded => SavedMapState::Loaded,
            MapState::Deferred => SavedMapState::Deferred { mem: map.waiting.clone(), queued_at: map.queued_at },
        },
        pages_needed: PageCount::new(map.pages_needed),
        pages_reserved: PageCount::new(map.pages_reserved),
        segments: map.segments.as_slice().to_vec(),
        pages: map.pages.iter().map(|&page| pool.pages[page.0 as usize]).collect(),
        sync_ranges: map.sync_list.ranges.clone(),
        sync_count: map.sync_list.count,
        dmamem: match &map.origin {
            MapOrigin::Created => None,
            MapOrigin::Dmamem(dmamem) => Some((**dmamem).clone()),
        },
    }
}
