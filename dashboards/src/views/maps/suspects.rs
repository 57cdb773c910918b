//! Which loaded maps look forgotten.
//!
//! A driver that forgets to unload a map leaves it loaded while the other maps of its tag come and go. So a map is a
//! suspect when it is loaded and
//!
//! * has been for more than [`AGE_MIN_NS`], at least [`PEERS_MIN`] other maps of its tag are loaded, and it is more than
//!   [`FACTOR`] times as old as the lower quartile of the ages of the tag's loaded maps; or
//! * has been for more than [`ALONE_MIN_NS`], its tag has at least [`PEERS_MIN`] other maps, and at least three quarters of
//!   the tag's maps, itself among them, do nothing.
//!
//! The lower quartile, not the median, since forgotten maps add up: three quarters of them can be forgotten before the rule
//! goes blind. A tag whose maps are loaded once and stay, as those of descriptor rings, has maps of like age and no
//! suspects; neither has a tag with few maps, of which nothing can be said. Where only the oldest maps are listed, the
//! quartile is too high and idle maps cannot be told: suspects are missed then, and never made up.

use crate::frame::{Machine, MapRow, MapState, Name};
use std::collections::HashMap;

/// A younger map is no suspect: 10 s.
pub(crate) const AGE_MIN_NS: u64 = 10_000_000_000;

/// A younger map is no suspect where its peers are idle: a minute, since a quiet device may keep one for long.
pub(crate) const ALONE_MIN_NS: u64 = 60_000_000_000;

/// Other maps of the same tag that are needed.
pub(crate) const PEERS_MIN: usize = 4;

/// So many times the lower quartile is too old.
pub(crate) const FACTOR: u64 = 16;

/// Maps that are looked at, at most; of more, these many, evenly spread. It bounds the time a frame takes.
const LOOKED_AT: usize = 8192;

/// What is usual for the maps of each tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Baselines {
    by_tag: HashMap<Name, HashMap<Name, Baseline>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Baseline {
    /// Maps are loaded, and this old.
    Loaded { looked_at: usize, young_ns: u64 },
    /// Most maps are idle.
    Idle { idle: usize },
}

/// Why a map is a suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspect {
    /// Far older than the others.
    Older {
        /// Loaded maps of its tag that were looked at.
        looked_at: usize,
        /// The lower quartile of their ages.
        young_ns: u64,
    },
    /// The others are idle.
    Alone {
        /// How many.
        idle: usize,
    },
}

impl Baselines {
    /// Of all maps that are listed.
    pub(crate) fn of<'m>(machines: impl Iterator<Item = &'m Machine> + Clone) -> Self {
        let listed: usize = machines.clone().map(|machine| machine.maps.len()).sum();
        let step = listed.div_ceil(LOOKED_AT).max(1);
        let by_tag = machines.map(|machine| (machine.machine.clone(), baselines(machine, step)));
        Self { by_tag: by_tag.collect() }
    }

    /// Why a map is a suspect, if it is one.
    pub(crate) fn suspect(&self, row: &MapRow) -> Option<Suspect> {
        if row.state != MapState::Loaded {
            return None;
        }
        match *self.by_tag.get(&row.machine)?.get(&row.tag)? {
            Baseline::Loaded { looked_at, young_ns } => (row.age_ns > AGE_MIN_NS && row.age_ns / FACTOR > young_ns)
                .then_some(Suspect::Older { looked_at, young_ns }),
            Baseline::Idle { idle } => (row.age_ns > ALONE_MIN_NS).then_some(Suspect::Alone { idle }),
        }
    }
}

/// What is usual on one machine, going by every `step`th map.
fn baselines(machine: &Machine, step: usize) -> HashMap<Name, Baseline> {
    let mut ages: HashMap<&Name, Vec<u64>> = HashMap::new();
    let mut waiting: HashMap<&Name, usize> = HashMap::new();
    for row in machine.maps.iter().step_by(step) {
        match row.state {
            MapState::Loaded => ages.entry(&row.tag).or_default().push(row.age_ns),
            MapState::Deferred | MapState::Idle => *waiting.entry(&row.tag).or_default() += 1,
        }
    }
    let busy = machine.maps_total.loaded as usize + machine.maps_total.deferred as usize;
    let all_are_seen = step == 1 && machine.maps.len() >= busy;
    let mut found = HashMap::new();
    for tag in &machine.tags {
        let Some(ages) = ages.get_mut(&tag.tag) else { continue };
        let maps = tag.maps as usize;
        let idle = maps.saturating_sub(ages.len() + waiting.get(&tag.tag).copied().unwrap_or(0));
        if ages.len() > PEERS_MIN {
            let (looked_at, quarter) = (ages.len(), ages.len() / 4);
            let (_, &mut young_ns, _) = ages.select_nth_unstable(quarter);
            found.insert(tag.tag.clone(), Baseline::Loaded { looked_at, young_ns });
        } else if all_are_seen && maps > PEERS_MIN && idle * 4 >= maps * 3 {
            found.insert(tag.tag.clone(), Baseline::Idle { idle });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::MapTotals;
    use crate::views::fixtures;

    const SECOND: u64 = 1_000_000_000;

    fn map(number: u32, tag: &str, state: MapState, age_ns: u64) -> MapRow {
        MapRow { tag: tag.into(), state, age_ns, ..fixtures::map("vm1", number) }
    }

    /// A machine with these maps listed, and so many maps of each tag.
    fn machine(maps: Vec<MapRow>, tags: &[(&str, u32)]) -> Machine {
        let count = |state| u32::try_from(maps.iter().filter(|map| map.state == state).count()).unwrap();
        let maps_total = MapTotals { idle: 0, deferred: count(MapState::Deferred), loaded: count(MapState::Loaded) };
        let tags = tags.iter().map(|&(tag, maps)| fixtures::tag("vm1", tag, maps)).collect();
        Machine { tags, maps, maps_total, ..fixtures::machine("vm1", 0) }
    }

    fn suspects(machine: &Machine) -> Vec<Suspect> {
        let baselines = Baselines::of([machine].into_iter());
        machine.maps.iter().filter_map(|row| baselines.suspect(row)).collect()
    }

    /// Tenths of a second that the maps of one tag are in that state, and how many of them are suspects.
    fn check(ages: &[u64], state: MapState, maps: u32, expected: usize) {
        let rows = (0..).zip(ages).map(|(at, age)| map(at, "t1", state, age * SECOND / 10)).collect();
        assert_eq!(suspects(&machine(rows, &[("t1", maps)])).len(), expected, "{ages:?} of {maps}");
    }

    #[test]
    fn the_one_that_stays_while_others_come_and_go() {
        let loaded = MapState::Loaded;
        check(&[600, 1, 2, 1, 3], loaded, 5, 1);
        check(&[600, 590, 580, 1, 2, 1, 3], loaded, 7, 3);
        check(&[600, 1, 2, 1], loaded, 4, 0);
        check(&[90, 1, 2, 1, 3], loaded, 5, 0);
        check(&[600, 500, 550, 580, 590, 500], loaded, 6, 0);
        check(&[600, 1, 2, 1, 3], MapState::Deferred, 5, 0);
        check(&[], loaded, 0, 0);
    }

    #[test]
    fn the_one_that_stays_while_others_are_idle() {
        let loaded = MapState::Loaded;
        check(&[601], loaded, 9, 1);
        check(&[601, 602], loaded, 9, 2);
        check(&[601, 1, 1], loaded, 9, 0);
        check(&[599], loaded, 9, 0);
        check(&[601], loaded, 4, 0);
        check(&[601], loaded, 5, 1);
        check(&[601, 602], loaded, 5, 0);
        check(&[601], MapState::Deferred, 9, 0);
    }

    #[test]
    fn maps_that_are_not_listed_prove_nothing() {
        let mut machine = machine(vec![map(1, "t1", MapState::Loaded, 700 * SECOND)], &[("t1", 9)]);
        assert_eq!(suspects(&machine), [Suspect::Alone { idle: 8 }]);
        machine.maps_total.loaded = 9;
        assert_eq!(suspects(&machine), []);
    }

    #[test]
    fn other_tags_are_no_peers() {
        let rows = [("ring", 600), ("io", 1), ("io", 1), ("io", 1), ("io", 1), ("io", 1)];
        let rows = (0..).zip(rows).map(|(at, (tag, age))| map(at, tag, MapState::Loaded, age * SECOND)).collect();
        assert_eq!(suspects(&machine(rows, &[("ring", 1), ("io", 8)])), []);
    }

    #[test]
    fn of_very_many_maps_it_is_told_how_many_were_looked_at() {
        let count = 3 * u32::try_from(LOOKED_AT).unwrap();
        let ages =
            (0..count).map(|number| map(number, "t1", MapState::Loaded, if number == 0 { 60 } else { 1 } * SECOND));
        let suspects = suspects(&machine(ages.collect(), &[("t1", count)]));
        assert_eq!(suspects, [Suspect::Older { looked_at: LOOKED_AT, young_ns: SECOND }]);
    }
}
