//! Maps by name, and how many of them do what.

use super::Mapping;
use crate::frame::{MapState, MapTotals, Name};
use busdma_trace::format::MapCounters;
use std::collections::HashMap;

/// A map.
#[derive(Clone, Debug)]
pub(super) struct MapNow {
    pub(super) map: Name,
    pub(super) tag: Name,
    pub(super) session: Option<Name>,
    pub(super) state: MapState,
    pub(super) mapping: Mapping,
    pub(super) bpages: u32,
    pub(super) needed: u32,
    pub(super) reserved: u32,
    /// Since when it does what it does.
    pub(super) since: u64,
    /// Which change of the machine that was.
    pub(super) order: u64,
}

impl MapNow {
    /// A new map.
    pub(super) fn idle(map: &str, tag: &str, session: Option<Name>) -> Self {
        Self {
            map: Name::new(map),
            tag: Name::new(tag),
            session,
            state: MapState::Idle,
            mapping: Mapping::default(),
            bpages: 0,
            needed: 0,
            reserved: 0,
            since: 0,
            order: 0,
        }
    }

    /// It does something else from now on.
    pub(super) fn change(&mut self, state: MapState, mapping: Mapping, now: u64, order: u64) {
        (self.state, self.mapping, self.since, self.order) = (state, mapping, now, order);
    }

    /// What was told of its pages; nothing is told of maps that never bounce.
    pub(super) fn count(&mut self, counters: Option<MapCounters>) {
        let counters = counters.unwrap_or(MapCounters { pagesneeded: 0, pagesreserved: 0, bpages: 0 });
        (self.needed, self.reserved, self.bpages) = (counters.pagesneeded, counters.pagesreserved, counters.bpages);
    }
}

/// All maps of a machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Maps {
    all: Vec<MapNow>,
    /// Places in the list. A packed copy has none.
    places: HashMap<Name, usize>,
    totals: MapTotals,
}

impl Maps {
    pub(super) fn get(&self, map: &str) -> Option<&MapNow> {
        self.all.get(*self.places.get(map)?)
    }

    pub(super) fn insert(&mut self, map: MapNow) {
        self.remove(&map.map.clone());
        *count_of(&mut self.totals, map.state) += 1;
        self.places.insert(map.map.clone(), self.all.len());
        self.all.push(map);
    }

    pub(super) fn remove(&mut self, map: &str) -> Option<MapNow> {
        let place = self.places.remove(map)?;
        if place >= self.all.len() {
            return None;
        }
        let gone = self.all.swap_remove(place);
        *count_of(&mut self.totals, gone.state) -= 1;
        if let Some(moved) = self.all.get(place)
            && let Some(of_moved) = self.places.get_mut(&moved.map)
        {
            *of_moved = place;
        }
        Some(gone)
    }

    /// Changes a map, and counts it as what it does then; `None` when there is no such map.
    pub(super) fn change<T>(&mut self, map: &str, change: impl FnOnce(&mut MapNow) -> T) -> Option<T> {
        let entry = self.all.get_mut(*self.places.get(map)?)?;
        let before = entry.state;
        let result = change(entry);
        if before != entry.state {
            *count_of(&mut self.totals, before) -= 1;
            *count_of(&mut self.totals, entry.state) += 1;
        }
        Some(result)
    }

    pub(super) const fn totals(&self) -> MapTotals {
        self.totals
    }

    /// All of them, in no order.
    pub(super) fn all(&self) -> &[MapNow] {
        &self.all
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.all[..])
    }

    /// A copy without places.
    pub(super) fn packed(&self) -> Self {
        Self { all: self.all.clone(), places: HashMap::new(), totals: self.totals }
    }

    /// A packed copy, with places.
    pub(super) fn unpacked(&self) -> Self {
        let places = self.all.iter().enumerate().map(|(place, map)| (map.map.clone(), place)).collect();
        Self { all: self.all.clone(), places, totals: self.totals }
    }
}

const fn count_of(totals: &mut MapTotals, state: MapState) -> &mut u32 {
    match state {
        MapState::Idle => &mut totals.idle,
        MapState::Deferred => &mut totals.deferred,
        MapState::Loaded => &mut totals.loaded,
    }
}
