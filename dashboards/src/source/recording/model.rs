//! What the lines so far say of a machine.
//!
//! Lines tell counters as they are and not by how much they changed, so that nothing has to be carried out again: a model
//! takes in what it is told, remembers which map does what since when, and can be copied at any time.

mod findings;
mod header;
mod maps;
mod rows;
mod waiting;
mod zones;

pub(super) use header::Opened;
pub(super) use rows::Limits;

use super::clock::Clock;
use super::line::{Act, Ended, IsLoad, Line, LoadEnd, Mapping, TagMade, Told, Word};
use crate::frame::{MapState, Name};
use busdma_trace::format::{MapCounters, Nullable, Zone};
use findings::Findings;
use hdrhistogram::Histogram;
use maps::{MapNow, Maps};
use std::collections::HashMap;
use waiting::Queue;
use zones::{ZoneNow, ZoneStep};

/// Digits of spans of time that are told apart.
const DIGITS: u8 = 2;

/// A machine, as far as the lines tell of it.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) name: Name,
    profile: Name,
    tags: Vec<TagNow>,
    maps: Maps,
    zones: Vec<ZoneNow>,
    waiting: Queue,
    memory: HashMap<Name, u64>,
    findings: Findings,
    /// Spans that deferred loads waited; none before the first.
    deferral: Option<Histogram<u64>>,
    loads: u64,
    loads_failed: u64,
    /// Loads that were deferred, in all scenarios so far.
    pub(super) deferrals: u64,
    /// Changes so far: what happened earlier has a lower number.
    changes: u64,
    wall: Wall,
    life: Life,
}

/// What is known of the time of day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Wall {
    /// Nothing.
    #[default]
    Unknown,
    /// The next operation came at this time.
    Next(i64),
    /// The recording's clock stood at `clock` when it was `unix`.
    Known { clock: u64, unix: i64 },
}

/// Whether a scenario goes on where FreeBSD's kernel stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    /// It ends there.
    UntilPanic,
    /// It goes on.
    BeyondPanics,
    /// It has ended.
    Over,
}

/// A tag.
#[derive(Clone, Debug)]
struct TagNow {
    tag: Name,
    session: Option<Name>,
    alignment: u64,
    boundary: u64,
    lowaddr: u64,
    highaddr: u64,
    maxsize: u64,
    nsegments: u32,
    maxsegsz: u64,
    zone: Option<u32>,
    maps: u32,
}

impl Model {
    /// Takes in a line; what it tells of zones is in `zones`. The clock is that after it. `steps` gets what became of the
    /// zones, where that is told.
    pub(super) fn apply(
        &mut self,
        line: &Line<'_>,
        zones: &[Zone],
        clock: &Clock,
        mut steps: impl FnMut(usize, ZoneStep),
    ) {
        if self.life == Life::Over {
            return;
        }
        if let Wall::Next(unix) = self.wall {
            self.wall = Wall::Known { clock: clock.now, unix };
        }
        let told = if line.zones == Told::Anew { zones } else { &[] };
        self.act(line, told, clock.now);
        self.add_hazards(line, clock.now);
        for (index, zone) in told.iter().enumerate() {
            steps(index, self.zone_told(index, zone));
        }
        if let Some(names) = &line.waiting {
            self.waiting.tell(names);
        }
    }

    /// Unix time at a moment of the clock, nanoseconds.
    pub(super) fn unix_ns(&self, now: u64) -> Option<i64> {
        let Wall::Known { clock, unix } = self.wall else { return None };
        let since = i64::try_from(i128::from(now) - i128::from(clock)).ok()?;
        unix.checked_add(since)
    }

    fn act(&mut self, line: &Line<'_>, zones: &[Zone], now: u64) {
        match &line.act {
            Act::Nothing | Act::Synced { .. } => {}
            Act::TagMade(made) => self.add_tag(made, line.session.as_ref()),
            Act::TagsFreed(freed) => self.tags.retain(|tag| !freed.iter().any(|name| **name == tag.tag)),
            Act::MapMade { tag, map, memory } => {
                self.choose_zone(tag, zones);
                if let Some(memory) = memory {
                    self.memory.insert(Name::new(&memory.dmamem), memory.bytes);
                }
                self.add_map(tag, map, line.session.as_ref());
            }
            Act::MapRefused { tag } => self.choose_zone(tag, zones),
            Act::MapGone { map, memory } => {
                if let Some(gone) = self.maps.remove(map)
                    && let Some(tag) = self.tag_mut(&gone.tag)
                {
                    tag.maps = tag.maps.saturating_sub(1);
                }
                if let Some(memory) = memory {
                    self.memory.remove(&**memory);
                }
            }
            Act::Load { tag, map, end, counters } => {
                self.loads += 1;
                if !self.end_load(map, *end, *counters, now) {
                    // The line that made it could not be read.
                    self.add_map(tag, map, line.session.as_ref());
                    self.end_load(map, *end, *counters, now);
                }
                self.loads_failed += u64::from(*end == LoadEnd::Failed);
                self.deferrals += u64::from(*end == LoadEnd::Deferred);
            }
            Act::Drained { ended, stopped } => self.drained(ended, stopped, now),
            Act::Unloaded { map, counters } => self.unloaded(map, *counters, now),
            Act::Cancelled { map } => self.idle(map, now),
            Act::Stopped { load, .. } => {
                if *load == IsLoad::Yes {
                    self.loads += 1;
                    self.loads_failed += 1;
                }
                if self.life == Life::UntilPanic {
                    self.life = Life::Over;
                }
            }
        }
    }

    fn add_tag(&mut self, made: &TagMade<'_>, session: Option<&Word<'_>>) {
        let TagMade { asked, stored } = made;
        let zone = match stored.zone {
            Nullable::Value(zone) => u32::try_from(zone).ok(),
            Nullable::Absent | Nullable::Null => None,
        };
        self.tags.push(TagNow {
            tag: Name::new(asked.tag.as_str()),
            session: session.map(|session| Name::new(session)),
            alignment: stored.alignment.unwrap_or(asked.alignment),
            boundary: stored.boundary.unwrap_or(asked.boundary).0,
            lowaddr: stored.lowaddr.unwrap_or(asked.lowaddr).0,
            highaddr: stored.highaddr.unwrap_or(asked.highaddr).0,
            maxsize: asked.maxsize,
            nsegments: asked.nsegments,
            maxsegsz: stored.maxsegsz.unwrap_or(asked.maxsegsz),
            zone,
            maps: 0,
        });
    }

    fn add_map(&mut self, tag: &str, map: &str, session: Option<&Word<'_>>) {
        if let Some(tag) = self.tag_mut(tag) {
            tag.maps += 1;
        }
        self.maps.insert(MapNow::idle(map, tag, session.map(|session| Name::new(session))));
    }

    /// A tag gets its zone with its first map: it is the one that has a map more than before.
    fn choose_zone(&mut self, tag: &str, told: &[Zone]) {
        let known = &self.zones;
        let grown = told
            .iter()
            .position(|zone| zone.map_count > known.get(zone.zone).map_or(0, |before| before.told.map_count));
        let Some(zone) = grown.and_then(|zone| u32::try_from(zone).ok()) else { return };
        if let Some(tag) = self.tag_mut(tag) {
            tag.zone.get_or_insert(zone);
        }
    }

    /// `false` when there is no such map.
    fn end_load(&mut self, map: &str, end: LoadEnd, counters: Option<MapCounters>, now: u64) -> bool {
        self.changes += 1;
        let order = self.changes;
        let (state, mapping) = match end {
            LoadEnd::Loaded(mapping) => (MapState::Loaded, mapping),
            LoadEnd::Deferred => (MapState::Deferred, Mapping::default()),
            LoadEnd::NoData | LoadEnd::Failed => (MapState::Idle, Mapping::default()),
        };
        let changed = self.maps.change(map, |entry| {
            entry.change(state, mapping, now, order);
            entry.count(counters);
        });
        changed.is_some()
    }

    fn drained(&mut self, ended: &[Ended<'_>], stopped: &[Word<'_>], now: u64) {
        for load in ended {
            self.waited(&load.map, now);
            let counters = self.maps.get(&load.map).map(|map| resumed(map, load));
            self.end_load(&load.map, load.end, counters, now);
            self.loads_failed += u64::from(load.end == LoadEnd::Failed);
        }
        for map in stopped {
            self.waited(map, now);
            self.loads_failed += 1;
            self.idle(map, now);
        }
    }

    /// A deferred load is taken up.
    fn waited(&mut self, map: &str, now: u64) {
        let Some(entry) = self.maps.get(map).filter(|entry| entry.state == MapState::Deferred) else { return };
        let span = now.saturating_sub(entry.since);
        let tag = entry.tag.clone();
        if self.deferral.is_none() {
            self.deferral = Histogram::new(DIGITS).ok();
        }
        if let Some(spans) = &mut self.deferral {
            // It resizes itself; only a span longer than any clock could be refused.
            let _ = spans.record(span);
        }
        let zone = self.zone_of(&tag).and_then(|zone| self.zones.get_mut(zone as usize));
        if let Some(zone) = zone {
            zone.deferred_ns = zone.deferred_ns.saturating_add(span);
        }
    }

    fn unloaded(&mut self, map: &str, counters: Option<MapCounters>, now: u64) {
        self.changes += 1;
        let order = self.changes;
        self.maps.change(map, |entry| {
            // A load that waits goes on waiting.
            if entry.state == MapState::Loaded {
                entry.change(MapState::Idle, Mapping::default(), now, order);
                entry.count(counters);
            }
        });
    }

    fn idle(&mut self, map: &str, now: u64) {
        self.changes += 1;
        let order = self.changes;
        self.maps.change(map, |entry| {
            entry.change(MapState::Idle, Mapping::default(), now, order);
            entry.count(None);
        });
    }

    fn add_hazards(&mut self, line: &Line<'_>, now: u64) {
        if line.hazards.is_empty() {
            return;
        }
        let map = match &line.act {
            Act::Load { map, .. }
            | Act::Unloaded { map, .. }
            | Act::Synced { map }
            | Act::MapMade { map, .. }
            | Act::Cancelled { map } => Some(map),
            Act::Stopped { map, .. } => map.as_ref(),
            // Which of several loads a hazard was seen at is not told.
            Act::Drained { ended, stopped } => match (&ended[..], &stopped[..]) {
                ([Ended { map, .. }], []) | ([], [map]) => Some(map),
                _ => None,
            },
            Act::TagsFreed(tags) => tags.first(),
            Act::Nothing | Act::TagMade(_) | Act::MapRefused { .. } | Act::MapGone { .. } => None,
        };
        for hazard in &line.hazards {
            self.findings.add(hazard, map, line.session.as_ref(), now);
        }
    }

    /// The tag of a map.
    pub(super) fn tag_of(&self, map: &str) -> Option<&Name> {
        self.maps.get(map).map(|map| &map.tag)
    }

    fn tag(&self, name: &str) -> Option<&TagNow> {
        self.tags.iter().rev().find(|tag| tag.tag == name)
    }

    fn tag_mut(&mut self, name: &str) -> Option<&mut TagNow> {
        self.tags.iter_mut().rev().find(|tag| tag.tag == name)
    }

    /// The zone of a tag.
    pub(super) fn zone_of(&self, tag: &str) -> Option<u32> {
        self.tag(tag)?.zone
    }

    /// About how many bytes a copy takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&self.tags[..])
            + self.maps.bytes()
            + self.waiting.bytes()
            + self.findings.bytes()
            + self.deferral.as_ref().map_or(0, Histogram::distinct_values) * size_of::<u64>()
    }

    /// A copy without what can be built again.
    pub(super) fn packed(&self) -> Self {
        Self { maps: self.maps.packed(), ..self.without_maps() }
    }

    /// The copy, as good as the original.
    pub(super) fn unpacked(&self) -> Self {
        Self { maps: self.maps.unpacked(), ..self.without_maps() }
    }

    fn without_maps(&self) -> Self {
        Self {
            name: self.name.clone(),
            profile: self.profile.clone(),
            tags: self.tags.clone(),
            maps: Maps::default(),
            zones: self.zones.clone(),
            waiting: self.waiting.clone(),
            memory: self.memory.clone(),
            findings: self.findings.clone(),
            deferral: self.deferral.clone(),
            ..*self
        }
    }
}

/// The counters of a map whose deferred load has ended; lines do not tell them. What the load did not take stays promised.
fn resumed(map: &MapNow, load: &Ended<'_>) -> MapCounters {
    let before = map.bpages;
    let bpages = match (load.bpages, load.end) {
        (Some(told), _) => told,
        (None, LoadEnd::Loaded(_)) => before.saturating_add(map.needed),
        (None, _) => 0,
    };
    let left = map.needed.saturating_sub(bpages.saturating_sub(before));
    MapCounters { pagesneeded: left, pagesreserved: left, bpages }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
