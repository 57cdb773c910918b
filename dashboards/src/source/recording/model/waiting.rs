//! The queue for bounce pages.

use super::Model;
use crate::frame::{MapState, Name, WaiterRow};
use crate::source::recording::line::Names;
use std::collections::{HashMap, HashSet};

/// The maps that wait, head first. Lines tell of all of them each time, so they are taken apart only to be shown.
#[derive(Clone, Debug)]
pub(super) enum Queue {
    /// As a line has them between the brackets of a list.
    Written(Vec<u8>),
    /// Taken apart.
    Listed(Vec<Name>),
}

impl Default for Queue {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl Queue {
    /// A line tells of it.
    pub(super) fn tell(&mut self, names: &Names<'_>) {
        match (self, names) {
            (Self::Written(held), Names::Written(text)) => {
                held.clear();
                held.extend_from_slice(text);
            }
            (queue, Names::Written(text)) => *queue = Self::Written(text.to_vec()),
            (queue, Names::Listed(names)) => *queue = Self::Listed(names.iter().map(|name| Name::new(name)).collect()),
        }
    }

    /// The name of each map.
    fn names(&self) -> Vec<Name> {
        match self {
            Self::Listed(names) => names.clone(),
            Self::Written(text) => Names::Written(text).each().into_iter().map(Name::new).collect(),
        }
    }

    /// About how many bytes a copy takes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Written(text) => text.len(),
            Self::Listed(names) => size_of_val(&names[..]),
        }
    }
}

impl Model {
    /// The first `limit` of those who wait, and how many there are in all.
    pub(super) fn waiter_rows(&self, now: u64, limit: usize) -> (Vec<WaiterRow>, u32) {
        let waiting = self.waiting.names();
        let reserved = self.promised(&waiting);
        let rows = waiting.iter().zip(1..).take(limit).filter_map(|(name, position)| {
            let map = self.maps.get(name)?;
            Some(WaiterRow {
                machine: self.name.clone(),
                position,
                map: map.map.clone(),
                tag: map.tag.clone(),
                session: map.session.clone(),
                zone: self.zone_of(&map.tag).unwrap_or(0),
                needed: map.needed,
                reserved: reserved.get(name).copied().unwrap_or(map.reserved),
                age_ns: now.saturating_sub(map.since),
            })
        });
        (rows.collect(), u32::try_from(waiting.len()).unwrap_or(u32::MAX))
    }

    /// How many wait for each zone.
    pub(super) fn waiters_by_zone(&self) -> HashMap<u32, u32> {
        let mut waiters = HashMap::new();
        for name in &self.waiting.names() {
            if let Some(zone) = self.maps.get(name).and_then(|map| self.zone_of(&map.tag)) {
                *waiters.entry(zone).or_default() += 1;
            }
        }
        waiters
    }

    /// What the first waiter of each zone has been promised.
    ///
    /// Lines tell what a map had when its load was deferred. Pages that come free after that are promised to whoever is
    /// first: what a zone has promised and nobody else holds is theirs.
    fn promised<'a>(&self, queue: &'a [Name]) -> HashMap<&'a Name, u32> {
        let waiting: HashSet<&Name> = queue.iter().collect();
        let mut left: HashMap<u32, u32> =
            (0..).zip(&self.zones).map(|(number, zone)| (number, zone.told.reserved)).collect();
        let mut hold = |zone: Option<u32>, pages: u32| {
            if let Some(left) = zone.and_then(|zone| left.get_mut(&zone)) {
                *left = left.saturating_sub(pages);
            }
        };
        for map in self.maps.all() {
            // Who waits to be taken up has all it needs; a load that failed can leave pages promised to a map.
            let ready = map.state == MapState::Deferred && !waiting.contains(&map.map);
            hold(self.zone_of(&map.tag), if ready { map.needed } else { map.reserved });
        }
        let mut firsts = HashMap::new();
        for name in queue {
            let Some(map) = self.maps.get(name) else { continue };
            if let Some(more) = self.zone_of(&map.tag).and_then(|zone| left.remove(&zone)) {
                firsts.insert(name, map.reserved.saturating_add(more).min(map.needed));
            }
        }
        firsts
    }
}
