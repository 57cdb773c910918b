//! Maps that do something, by how long they have been doing it.
//!
//! A list through the maps themselves: whoever changes goes to its end, so that nobody has to look at all maps to find the
//! oldest ones.

use super::objects::MapEntry;
use busdma_api::monitor::MapTotals;
use busdma_engine::MapState;
use rustc_hash::FxHashMap;

/// The ends of the list, and how many maps do what.
#[derive(Debug, Default)]
pub(crate) struct Ages {
    oldest: Option<u32>,
    newest: Option<u32>,
    deferred: u32,
    loaded: u32,
}

/// A map's neighbours in the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Neighbours {
    older: Option<u32>,
    newer: Option<u32>,
}

type Maps = FxHashMap<u32, MapEntry>;

impl Ages {
    /// A map now does `state`, from now on: it becomes the newest, or leaves the list if it does nothing.
    pub(super) fn changed(&mut self, maps: &mut Maps, map: u32, state: MapState) {
        let Some(entry) = maps.get_mut(&map) else { return };
        let before = std::mem::replace(&mut entry.state, state);
        if before != MapState::Idle {
            let neighbours = std::mem::take(&mut entry.neighbours);
            self.unlink(maps, neighbours);
            *self.count(before) -= 1;
        }
        if state != MapState::Idle {
            *self.count(state) += 1;
            self.push(maps, map);
        }
    }

    /// The maps that do something, oldest first.
    pub(super) fn oldest_first<'m>(&self, maps: &'m Maps) -> impl Iterator<Item = (u32, &'m MapEntry)> {
        let mut next = self.oldest;
        std::iter::from_fn(move || {
            let map = next?;
            let entry = maps.get(&map)?;
            next = entry.neighbours.newer;
            Some((map, entry))
        })
    }

    /// How many of `all` maps do what.
    pub(super) fn totals(&self, all: usize) -> MapTotals {
        let all = u32::try_from(all).unwrap_or(u32::MAX);
        let idle = all.saturating_sub(self.deferred).saturating_sub(self.loaded);
        MapTotals { idle, deferred: self.deferred, loaded: self.loaded }
    }

    fn push(&mut self, maps: &mut Maps, map: u32) {
        let older = self.newest.replace(map);
        match older.and_then(|older| maps.get_mut(&older)) {
            Some(entry) => entry.neighbours.newer = Some(map),
            None => self.oldest = Some(map),
        }
        if let Some(entry) = maps.get_mut(&map) {
            entry.neighbours = Neighbours { older, newer: None };
        }
    }

    fn unlink(&mut self, maps: &mut Maps, Neighbours { older, newer }: Neighbours) {
        match older.and_then(|older| maps.get_mut(&older)) {
            Some(entry) => entry.neighbours.newer = newer,
            None => self.oldest = newer,
        }
        match newer.and_then(|newer| maps.get_mut(&newer)) {
            Some(entry) => entry.neighbours.older = older,
            None => self.newest = older,
        }
    }

    fn count(&mut self, state: MapState) -> &mut u32 {
        match state {
            MapState::Deferred => &mut self.deferred,
            MapState::Loaded | MapState::Idle => &mut self.loaded,
        }
    }
}
