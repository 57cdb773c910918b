//! The audit: what must hold of the whole state between any two verbs.

use crate::decision::Observer;
use crate::engine::Engine;
use crate::ids::{MapId, ZoneId};
use crate::map::MapState;
use crate::platform::Platform;
use crate::profile::FailedLoad;
use thiserror::Error;

/// Something that must never be: a bug of the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum InvariantViolation {
    /// `free + reserved + active != total`.
    #[error("{zone}: {free} free + {reserved} reserved + {active} active pages are not the {total} there are")]
    ZoneSum {
        /// The zone.
        zone: ZoneId,
        /// Free pages.
        free: u32,
        /// Reserved pages.
        reserved: u32,
        /// Active pages.
        active: u32,
        /// All pages.
        total: u32,
    },
    /// The free list does not hold the free and the promised pages.
    #[error("{zone}: {listed} pages on the free list, {expected} free or reserved")]
    FreeList {
        /// The zone.
        zone: ZoneId,
        /// Pages on the list.
        listed: usize,
        /// Pages that should be.
        expected: u32,
    },
    /// The active pages are not those on maps.
    #[error("{zone}: {active} pages active, {held} held by maps")]
    ActivePages {
        /// The zone.
        zone: ZoneId,
        /// Active pages.
        active: u32,
        /// Pages on maps.
        held: usize,
    },
    /// Fewer pages are reserved than maps were promised; or, where failed loads leave no trace, more.
    #[error("{zone}: {reserved} pages reserved, {promised} promised to maps")]
    Promises {
        /// The zone.
        zone: ZoneId,
        /// Reserved pages.
        reserved: u32,
        /// Pages promised to live maps.
        promised: u32,
    },
    /// A page is in two places.
    #[error("bounce page {page} is in two places")]
    PageTwice {
        /// Its index.
        page: u32,
    },
    /// A queued map does not know it waits, or is queued twice.
    #[error("{map} is queued but not deferred, or queued twice")]
    Queue {
        /// The map.
        map: MapId,
    },
    /// A map that is not queued believes it waits.
    #[error("{map} is deferred but in no queue")]
    LostWaiter {
        /// The map.
        map: MapId,
    },
    /// An idle map holds pages or counts, where failed loads leave no trace.
    #[error("{map} is idle but not clean")]
    DirtyIdleMap {
        /// The map.
        map: MapId,
    },
}

/// What the maps of one zone have of it.
#[derive(Clone, Copy, Default)]
struct OnMaps {
    held: usize,
    promised: u64,
}

impl<P: Platform, O: Observer> Engine<P, O> {
    /// Audits the whole state.
    ///
    /// # Errors
    /// The first [`InvariantViolation`] found.
    pub fn check_invariants(&self) -> Result<(), InvariantViolation> {
        let mut on_maps = vec![OnMaps::default(); self.pool.zones.len()];
        for (_, map) in self.maps() {
            if let Some(tally) = map.zone.and_then(|zone| on_maps.get_mut(zone.index())) {
                tally.held += map.pages.len();
                tally.promised += u64::from(map.pages_reserved);
            }
        }
        for (index, tally) in on_maps.into_iter().enumerate() {
            self.check_zone(ZoneId(u32::try_from(index).unwrap_or(u32::MAX)), tally)?;
        }
        self.check_pages()?;
        self.check_queues()?;
        self.check_idle_maps()
    }

    fn check_zone(&self, zone_id: ZoneId, OnMaps { held, promised }: OnMaps) -> Result<(), InvariantViolation> {
        let zone = self.pool.zone(zone_id);
        let stats = &zone.stats;
        let (free, reserved) = (stats.free_bpages, stats.reserved_bpages);
        let (active, total) = (stats.active_bpages, stats.total_bpages);
        if free + reserved + active != total {
            return Err(InvariantViolation::ZoneSum { zone: zone_id, free, reserved, active, total });
        }
        if zone.free_list.len() != (free + reserved) as usize {
            let listed = zone.free_list.len();
            return Err(InvariantViolation::FreeList { zone: zone_id, listed, expected: free + reserved });
        }
        if held != active as usize {
            return Err(InvariantViolation::ActivePages { zone: zone_id, active, held });
        }
        // FreeBSD loses the reservations of destroyed maps.
        let lost_allowed = self.switches.failed_load == FailedLoad::LeavesTraces;
        if u64::from(reserved) < promised || (u64::from(reserved) > promised && !lost_allowed) {
            let promised = u32::try_from(promised).unwrap_or(u32::MAX);
            return Err(InvariantViolation::Promises { zone: zone_id, reserved, promised });
        }
        Ok(())
    }

    fn check_pages(&self) -> Result<(), InvariantViolation> {
        let mut seen = vec![false; self.pool.pages.len()];
        let listed = self.pool.zones.iter().flat_map(|zone| zone.free_list.iter());
        let held = self.maps.iter::<MapId>().flat_map(|(_, map)| map.pages.iter());
        for page in listed.chain(held) {
            if std::mem::replace(&mut seen[page.0 as usize], true) {
                return Err(InvariantViolation::PageTwice { page: page.0 });
            }
        }
        Ok(())
    }

    fn check_queues(&self) -> Result<(), InvariantViolation> {
        let mut queued = vec![false; self.maps.slot_count()];
        for map in self.waiters().chain(self.ready()) {
            let waits = self.map(map).is_some_and(|map| map.state == MapState::Deferred);
            if !waits || std::mem::replace(&mut queued[map.index as usize], true) {
                return Err(InvariantViolation::Queue { map });
            }
        }
        let lost = self.maps().find(|(id, map)| map.state == MapState::Deferred && !queued[id.index as usize]);
        lost.map_or(Ok(()), |(map, _)| Err(InvariantViolation::LostWaiter { map }))
    }

    fn check_idle_maps(&self) -> Result<(), InvariantViolation> {
        if self.switches.failed_load == FailedLoad::LeavesTraces {
            return Ok(());
        }
        let dirty = self.maps().find(|(_, map)| {
            let holds = map.pages_needed != 0 || map.pages_reserved != 0 || !map.pages.is_empty();
            map.state == MapState::Idle && holds
        });
        dirty.map_or(Ok(()), |(map, _)| Err(InvariantViolation::DirtyIdleMap { map }))
    }
}
