//! From a header to the machine that its scenario starts with.

use super::maps::{MapNow, Maps};
use super::{Findings, Life, Mapping, Model, Queue, TagNow, Wall, ZoneNow, small};
use crate::frame::{MapState, Name};
use crate::source::recording::clock::Clock;
use busdma_trace::format::{AfterPanic, Header, MapStateWord, State, StateMap, StateTag, StateZone, Zone};
use std::collections::HashMap;

/// Length of the time that a recorder puts into names: `20261122T001530Z`.
const STAMP_LETTERS: usize = 16;

/// What is carried from one scenario of a file to the next.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::source::recording) struct Opened {
    deferrals: u64,
    changes: u64,
}

impl Model {
    /// What the next scenario takes over.
    pub(in crate::source::recording) const fn closed(&self) -> Opened {
        Opened { deferrals: self.deferrals, changes: self.changes }
    }

    /// The machine that a scenario starts with.
    pub(in crate::source::recording) fn open(header: &Header<'_>, before: Opened, clock: &Clock) -> Self {
        let mut model = Self {
            name: machine_name(header),
            profile: Name::new(header.source.as_str().split(' ').next().unwrap_or_default()),
            tags: Vec::new(),
            maps: Maps::default(),
            zones: Vec::new(),
            waiting: Queue::default(),
            memory: HashMap::new(),
            findings: Findings::default(),
            deferral: None,
            loads: 0,
            loads_failed: 0,
            deferrals: before.deferrals,
            changes: before.changes,
            wall: wall(header, clock),
            life: match header.after_panic() {
                AfterPanic::Ends => Life::UntilPanic,
                AfterPanic::GoesOn => Life::BeyondPanics,
            },
        };
        if let Some(state) = &header.state {
            model.take_over(state, clock);
        }
        model
    }

    fn take_over(&mut self, state: &State<'_>, clock: &Clock) {
        self.tags = state.tags.iter().map(tag).collect();
        self.zones = state.zones.iter().enumerate().map(|(number, zone)| zone_now(number, zone, state)).collect();
        // The list is in no order of time; a later wait is a later change.
        let mut waits: Vec<_> = state.maps.iter().collect();
        waits.sort_by_key(|map| map.waits.as_ref().map_or(0, |wait| wait.t));
        for map in waits {
            if let Some(tag) = self.tag_mut(map.tag.as_str()) {
                tag.maps += 1;
            }
            self.changes += 1;
            let since = map.waits.as_ref().map_or(state.now, |wait| wait.t);
            let mut now = map_now(map);
            (now.since, now.order) = (clock.of_scenario(since), self.changes);
            self.maps.insert(now);
            if let Some(memory) = &map.memory {
                self.memory.insert(Name::new(memory.dmamem.as_str()), memory.alloc.size);
            }
        }
        self.waiting = Queue::Listed(state.waiting.iter().map(|map| Name::new(map.as_str())).collect());
    }
}

/// What the header tells of the time of day.
fn wall(header: &Header<'_>, clock: &Clock) -> Wall {
    let Some(recorded) = &header.recorded else { return Wall::Unknown };
    let unix = recorded.started_unix_ns.and_then(|unix| i64::try_from(unix).ok());
    match (unix, recorded.started_ns) {
        (Some(unix), Some(t)) => Wall::Known { clock: clock.of_scenario(t), unix },
        (Some(unix), None) => Wall::Next(unix),
        (None, _) => Wall::Unknown,
    }
}

/// The machine of a recorder's file, from `<machine>-<stamp>-<part>`; of other traces the scenario.
fn machine_name(header: &Header<'_>) -> Name {
    let scenario = header.scenario.as_str();
    let recorded = header.recorded.is_some().then(|| {
        let (rest, _part) = scenario.rsplit_once('-')?;
        let (machine, stamp) = rest.rsplit_once('-')?;
        (stamp.len() == STAMP_LETTERS && stamp.ends_with('Z')).then_some(machine)
    });
    Name::new(recorded.flatten().filter(|machine| !machine.is_empty()).unwrap_or(scenario))
}

fn tag(tag: &StateTag<'_>) -> TagNow {
    TagNow {
        tag: Name::new(tag.tag.as_str()),
        session: None,
        alignment: tag.own.alignment,
        boundary: tag.boundary.0,
        lowaddr: tag.own.lowaddr.0,
        highaddr: tag.own.highaddr.0,
        maxsize: tag.maxsize,
        nsegments: tag.nsegments,
        maxsegsz: tag.maxsegsz,
        zone: tag.zone,
        maps: 0,
    }
}

fn zone_now(number: usize, zone: &StateZone, state: &State<'_>) -> ZoneNow {
    let index = u32::try_from(number).ok();
    let pages = |map: &StateMap<'_>| if map.zone == index { map.pages.len() } else { 0 };
    let active = small(state.maps.iter().map(pages).sum());
    let listed = small(zone.free.len());
    ZoneNow {
        told: Zone {
            zone: number,
            total: listed.saturating_add(active),
            free: listed.saturating_sub(zone.reserved),
            reserved: zone.reserved,
            active,
            bounced: zone.bounced.into(),
            deferred: zone.deferred.into(),
            map_count: zone.map_count.into(),
            lowaddr: zone.lowaddr,
            alignment: zone.alignment,
        },
        active_max: zone.active_max,
        deferred_ns: zone.deferred_ns,
    }
}

fn map_now(map: &StateMap<'_>) -> MapNow {
    let mut mapping = Mapping::default();
    let state = match map.state {
        MapStateWord::Idle => MapState::Idle,
        MapStateWord::Deferred => MapState::Deferred,
        MapStateWord::Loaded => MapState::Loaded,
    };
    if state == MapState::Loaded {
        map.segs.iter().for_each(|seg| mapping.add(seg.1));
    }
    let mut now = MapNow::idle(map.map.as_str(), map.tag.as_str(), None);
    now.state = state;
    now.mapping = mapping;
    (now.needed, now.reserved) = (map.pagesneeded, map.pagesreserved);
    now.bpages = small(map.pages.len());
    now
}
