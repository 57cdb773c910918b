//! Which loaded maps look forgotten.
//!
//! A driver that forgets to unload a map leaves it loaded while the other maps of its tag come and go. So a map is a
//! suspect when
//!
//! * it is loaded, and has been for more than [`AGE_MIN_NS`], and
//! * at least [`PEERS_MIN`] other maps of its tag are loaded, and
//! * it is more than [`FACTOR`] times as old as the lower quartile of the ages of the tag's loaded maps.
//!
//! The lower quartile, not the median, since forgotten maps add up: three quarters of them can be forgotten before the rule
//! goes blind. A tag whose maps are loaded once and stay, as those of descriptor rings, has maps of like age and no
//! suspects; neither has a tag with few maps, of which nothing can be said. Where only the oldest maps are listed, the
//! quartile is too high: suspects are missed then, and never made up.

use crate::frame::{MapRow, MapState, Name};
use std::collections::HashMap;

/// A younger map is no suspect: 10 s.
pub(crate) const AGE_MIN_NS: u64 = 10_000_000_000;

/// Loaded maps of the same tag that are needed beside it.
pub(crate) const PEERS_MIN: usize = 4;

/// So many times the lower quartile is too old.
pub(crate) const FACTOR: u64 = 16;

/// Maps that are looked at, at most; of more, these many, evenly spread. It bounds the time a frame takes.
const LOOKED_AT: usize = 16_384;

/// How old the loaded maps of each tag are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Baselines {
    by_tag: HashMap<Name, HashMap<Name, Baseline>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Baseline {
    loaded: usize,
    young_ns: u64,
}

/// Why a map is a suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Suspect {
    /// Loaded maps of its tag, itself among them.
    pub(crate) peers: usize,
    /// The lower quartile of their ages.
    pub(crate) young_ns: u64,
}

impl Baselines {
    /// Of all maps that are listed.
    pub(crate) fn of(rows: &[&MapRow]) -> Self {
        let mut ages: HashMap<(&str, &str), Vec<u64>> = HashMap::new();
        let step = rows.len().div_ceil(LOOKED_AT).max(1);
        for row in rows.iter().step_by(step).filter(|row| row.state == MapState::Loaded) {
            ages.entry((&row.machine, &row.tag)).or_default().push(row.age_ns);
        }
        let mut by_tag: HashMap<Name, HashMap<Name, Baseline>> = HashMap::new();
        #[expect(clippy::iter_over_hash_type, reason = "what is built is a map again, whatever the order")]
        for ((machine, tag), mut ages) in ages {
            if ages.len() > PEERS_MIN {
                let quarter = ages.len() / 4;
                let (_, &mut young_ns, _) = ages.select_nth_unstable(quarter);
                let baseline = Baseline { loaded: ages.len(), young_ns };
                by_tag.entry(machine.into()).or_default().insert(tag.into(), baseline);
            }
        }
        Self { by_tag }
    }

    /// Why a map is a suspect, if it is one.
    pub(crate) fn suspect(&self, row: &MapRow) -> Option<Suspect> {
        if row.state != MapState::Loaded || row.age_ns <= AGE_MIN_NS {
            return None;
        }
        let &Baseline { loaded, young_ns } = self.by_tag.get(&row.machine)?.get(&row.tag)?;
        (row.age_ns / FACTOR > young_ns).then_some(Suspect { peers: loaded, young_ns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn map(number: usize, tag: &str, state: MapState, age_ns: u64) -> MapRow {
        MapRow {
            machine: "vm1".into(),
            map: format!("vm1/m{number}").into(),
            tag: tag.into(),
            session: None,
            uid: None,
            state,
            bytes: 4096,
            segments: 1,
            bounce_pages: 0,
            age_ns,
        }
    }

    /// Seconds of loaded maps of one tag, and how many of them are suspects.
    fn check(ages: &[u64], state: MapState, suspects: usize) {
        let rows: Vec<_> = ages.iter().enumerate().map(|(at, age)| map(at, "t1", state, age * SECOND / 10)).collect();
        let rows: Vec<&MapRow> = rows.iter().collect();
        let baselines = Baselines::of(&rows);
        let found = rows.iter().filter(|row| baselines.suspect(row).is_some()).count();
        assert_eq!(found, suspects, "{ages:?}");
    }

    #[test]
    fn the_one_that_stays_while_others_come_and_go() {
        let loaded = MapState::Loaded;
        check(&[600, 1, 2, 1, 3], loaded, 1);
        check(&[600, 590, 580, 1, 2, 1, 3], loaded, 3);
        check(&[600, 1, 2, 1], loaded, 0);
        check(&[90, 1, 2, 1, 3], loaded, 0);
        check(&[600, 500, 550, 580, 590, 500], loaded, 0);
        check(&[600, 1, 2, 1, 3], MapState::Deferred, 0);
        check(&[], loaded, 0);
    }

    #[test]
    fn other_tags_are_no_peers() {
        let rows: Vec<_> = [("ring", 600), ("io", 1), ("io", 1), ("io", 1), ("io", 1), ("io", 1)]
            .into_iter()
            .enumerate()
            .map(|(at, (tag, age))| map(at, tag, MapState::Loaded, age * SECOND))
            .collect();
        let rows: Vec<&MapRow> = rows.iter().collect();
        let baselines = Baselines::of(&rows);
        assert!(rows.iter().all(|row| baselines.suspect(row).is_none()));
    }
}
