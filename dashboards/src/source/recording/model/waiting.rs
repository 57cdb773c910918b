//! The queue for bounce pages.

use super::{MapNow, Model, small};
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

/// The queue as it is shown.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// The first of them. Of whom lines told no map or no zone there is no row.
    pub(super) rows: Vec<WaiterRow>,
    /// How many there are in all.
    pub(super) total: u32,
    /// How many wait for each zone.
    pub(super) by_zone: HashMap<u32, u32>,
}

impl Model {
    /// Those who wait, with rows of the first `limit`.
    pub(super) fn waiters(&self, now: u64, limit: usize) -> Waiters {
        let queue = self.waiting.names();
        if queue.is_empty() {
            return Waiters::default();
        }
        let zones = Zones::of(self);
        let promised = self.promised(&queue, &zones);
        let rows = queue.iter().zip(1..).take(limit).filter_map(|(name, position)| {
            let map = self.maps.get(name)?;
            Some(WaiterRow {
                machine: self.name.clone(),
                position,
                map: map.map.clone(),
                tag: map.tag.clone(),
                session: map.session.clone(),
                zone: zones.of_map(map)?,
                needed: map.needed,
                reserved: promised.get(name).copied().unwrap_or(map.reserved),
                age_ns: now.saturating_sub(map.since),
            })
        });
        let rows = rows.collect();
        let mut by_zone = HashMap::new();
        for zone in queue.iter().filter_map(|name| zones.of_map(self.maps.get(name)?)) {
            *by_zone.entry(zone).or_default() += 1;
        }
        Waiters { rows, total: small(queue.len()), by_zone }
    }

    /// What the first waiter of each zone has been promised.
    ///
    /// Lines tell what a map had when its load was deferred. Pages that come free after that are promised to whoever is
    /// first: what a zone has promised and nobody else holds is theirs.
    fn promised<'a>(&self, queue: &'a [Name], zones: &Zones<'_>) -> HashMap<&'a Name, u32> {
        let waiting: HashSet<&Name> = queue.iter().collect();
        let mut left: HashMap<u32, u32> =
            (0..).zip(&self.zones).map(|(number, zone)| (number, zone.told.reserved)).collect();
        for map in self.maps.all() {
            // Who waits to be taken up has all it needs; a load that failed can leave pages promised to a map.
            let ready = map.state == MapState::Deferred && !waiting.contains(&map.map);
            let pages = if ready { map.needed } else { map.reserved };
            if pages > 0
                && let Some(left) = zones.of_map(map).and_then(|zone| left.get_mut(&zone))
            {
                *left = left.saturating_sub(pages);
            }
        }
        let mut firsts = HashMap::new();
        for name in queue {
            let Some(map) = self.maps.get(name) else { continue };
            if let Some(more) = zones.of_map(map).and_then(|zone| left.remove(&zone)) {
                firsts.insert(name, map.reserved.saturating_add(more).min(map.needed));
            }
        }
        firsts
    }
}

/// The zones of tags by name, for when they are looked up for many maps.
struct Zones<'a>(HashMap<&'a str, Option<u32>>);

impl<'a> Zones<'a> {
    fn of(model: &'a Model) -> Self {
        // Of tags of one name the last counts.
        Self(model.tags.iter().map(|tag| (tag.tag.as_str(), tag.zone)).collect())
    }

    fn of_map(&self, map: &MapNow) -> Option<u32> {
        self.0.get(map.tag.as_str()).copied().flatten()
    }
}
