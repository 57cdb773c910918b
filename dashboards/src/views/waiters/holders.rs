//! Who holds the pages of each zone, as far as the frame tells.

use crate::frame::{Machine, MapState, Name};
use crate::pen::columns;
use std::collections::HashMap;
use std::fmt::Write as _;

/// Holders that are named of each zone.
const NAMED: usize = 8;

/// Who holds the pages of each zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holders {
    zones: Vec<ZoneHolders>,
}

/// Who holds the pages of one zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ZoneHolders {
    machine: Name,
    zone: u32,
    /// Those that hold most, most first.
    pub(crate) most: Vec<Holder>,
    /// Listed maps that hold any.
    pub(crate) maps: usize,
    /// Pages that listed maps hold.
    pub(crate) listed_pages: u64,
    /// Pages that are in use.
    pub(crate) active_pages: u64,
}

/// A map that holds pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The map.
    pub(crate) map: Name,
    /// Pages.
    pub(crate) pages: u32,
}

impl Holders {
    /// Of all zones of these machines.
    pub(crate) fn of<'a>(machines: impl Iterator<Item = &'a Machine>) -> Self {
        Self { zones: machines.flat_map(of_machine).collect() }
    }

    /// Of that zone.
    pub(crate) fn zone(&self, machine: &str, zone: u32) -> Option<&ZoneHolders> {
        self.zones.iter().find(|holders| holders.zone == zone && holders.machine == machine)
    }
}

fn of_machine(machine: &Machine) -> Vec<ZoneHolders> {
    let empty = |row: &crate::frame::ZoneRow| ZoneHolders {
        machine: machine.machine.clone(),
        zone: row.zone,
        most: Vec::new(),
        maps: 0,
        listed_pages: 0,
        active_pages: row.active_bpages.into(),
    };
    let mut zones: Vec<ZoneHolders> = machine.zones.iter().map(empty).collect();
    let place_of_zone: HashMap<u32, usize> = zones.iter().enumerate().map(|(place, of)| (of.zone, place)).collect();
    let place_of_tag: HashMap<&str, usize> =
        machine.tags.iter().filter_map(|tag| Some((tag.tag.as_str(), *place_of_zone.get(&tag.zone?)?))).collect();
    let holding = |map: &&crate::frame::MapRow| map.bounce_pages > 0 && map.state == MapState::Loaded;
    for map in machine.maps.iter().filter(holding) {
        let zone = place_of_tag.get(map.tag.as_str()).and_then(|&place| zones.get_mut(place));
        if let Some(zone) = zone {
            zone.add(&map.map, map.bounce_pages);
        }
    }
    zones
}

impl ZoneHolders {
    fn add(&mut self, map: &Name, pages: u32) {
        self.maps += 1;
        self.listed_pages += u64::from(pages);
        let place = self.most.partition_point(|holder| holder.pages >= pages);
        if place < NAMED {
            self.most.insert(place, Holder { map: map.clone(), pages });
            self.most.truncate(NAMED);
        }
    }

    /// Pages in use that no listed map holds.
    pub(crate) const fn unaccounted(&self) -> u64 {
        self.active_pages.saturating_sub(self.listed_pages)
    }

    /// As [`Self::words`], with as many by name as fit into so many columns of the screen, but at least one.
    pub(crate) fn words_in(&self, room: u16) -> String {
        let wordings = (2..=self.most.len()).rev().map(|count| self.words(count));
        wordings.into_iter().find(|words| columns(words) <= room).unwrap_or_else(|| self.words(1))
    }

    /// `m3 16, m9 8, 4 more`, with up to `count` by name, and the pages of which the holder is not listed.
    pub(crate) fn words(&self, count: usize) -> String {
        let mut words = String::new();
        for holder in self.most.iter().take(count) {
            let comma = if words.is_empty() { "" } else { ", " };
            let _ = write!(words, "{comma}{} {}", short(&holder.map, &self.machine), holder.pages);
        }
        let more = self.maps - self.most.len().min(count);
        if more > 0 {
            let _ = write!(words, ", {more} more");
        }
        match (self.unaccounted(), words.is_empty()) {
            (0, false) => {}
            (0, true) => words.push_str("nobody"),
            (pages, true) => {
                let _ = write!(words, "maps not listed: {pages}");
            }
            (pages, false) => {
                let _ = write!(words, ", not listed {pages}");
            }
        }
        words
    }
}

/// A map's name without its machine's.
pub(crate) fn short<'a>(map: &'a str, machine: &str) -> &'a str {
    map.strip_prefix(machine).and_then(|rest| rest.strip_prefix('/')).unwrap_or(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_is_not_known() {
        let check = |pages: &[u32], active: u64, expected: &str| {
            let mut of = ZoneHolders {
                machine: "vm1".into(),
                zone: 0,
                most: Vec::new(),
                maps: 0,
                listed_pages: 0,
                active_pages: active,
            };
            for (number, &pages) in pages.iter().enumerate() {
                of.add(&format!("vm1/m{number}").into(), pages);
            }
            assert_eq!(of.words(2), expected);
        };
        check(&[], 0, "nobody");
        check(&[], 5, "maps not listed: 5");
        check(&[3], 3, "m0 3");
        check(&[3, 8, 5], 16, "m1 8, m2 5, 1 more");
        check(&[3, 8, 5], 20, "m1 8, m2 5, 1 more, not listed 4");
        check(&[1; 20], 20, "m0 1, m1 1, 18 more");
    }
}
