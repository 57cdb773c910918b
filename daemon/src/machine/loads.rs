//! Loads and unloads.

use super::ages::Neighbours;
use super::failure;
use super::objects::MapEntry;
use super::owner::{Caller, Owner, Sharing, tape};
use super::request::Books;
use crate::config::Quota;
use crate::session::{Claim, Session};
use busdma_api::engine::{EngineError, LoadReply, Outcome, Request, Segment, SegmentsReply, UnloadReply};
use busdma_api::{Hex, MapRef};
use busdma_engine::{DmaMap, LoadError, MapId, MapState, Nanos, WaitPolicy};
use busdma_recorder::{LoadEnd, TapedVerb};
use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Loads by what came of them.
#[derive(Debug, Default)]
pub(crate) struct LoadCounts {
    pub(crate) loaded: u64,
    pub(crate) deferred: u64,
    pub(crate) no_data: u64,
    /// All calls.
    pub(crate) calls: u64,
    /// Also those that failed only when they were taken up again; by the name of the error.
    pub(crate) failed: BTreeMap<&'static str, u64>,
}

impl Owner {
    /// bus_dmamap_load and its kin. `claim` says who collects the end should it be deferred.
    pub(crate) fn load(
        &mut self,
        caller: &Caller<'_>,
        map: u32,
        request: &Request,
        wait: WaitPolicy,
        claim: Claim,
    ) -> Result<LoadReply, EngineError> {
        let id = self.objects.map(map, caller)?.id;
        let at = self.begin();
        let mut lists = std::mem::take(&mut self.lists);
        let extent = Cell::default();
        let books = Books { objects: &self.objects, memory: self.engine.platform(), caller, extent: &extent };
        let desc = lists.desc(books, request).and_then(|desc| {
            let tag = self.engine.map(id).and_then(|map| self.engine.tag(map.tag()));
            tag.map_or(Ok(()), |tag| extent.get().check(tag.constraints()))?;
            Ok(desc)
        });
        let desc = match desc {
            Ok(desc) => desc,
            Err(error) => {
                self.lists = lists;
                return Err(error);
            }
        };
        let end = LoadEnd::from(&self.engine.load(id, &desc, wait));
        let mapsize = desc.mapsize().map(busdma_engine::BusSize::raw);
        tape!(self, Some(caller.session), at, TapedVerb::Load { map: id, desc: &desc, wait, end });
        self.latency.load.record(self.clock.now().since(at));
        self.finish(Some(caller.session), at);
        self.remember_uses(map, &lists);
        self.lists = lists;
        self.settle_load(caller, map, end, mapsize, claim, at)
    }

    /// bus_dmamap_unload.
    pub(crate) fn unload(&mut self, caller: &Caller<'_>, map: u32) -> Result<UnloadReply, EngineError> {
        let id = self.objects.map(map, caller)?.id;
        let reply = self.unload_as(Some(caller.session), map, id)?;
        self.run_deferred();
        Ok(reply)
    }

    /// Unloads without taking up what that wakes.
    pub(super) fn unload_as(
        &mut self,
        session: Option<&Arc<Session>>,
        map: u32,
        id: MapId,
    ) -> Result<UnloadReply, EngineError> {
        self.wipe(id);
        let at = self.begin();
        let result = self.engine.unload(id);
        tape!(self, session, at, TapedVerb::Unload { map: id, result });
        self.finish(session.map(|session| &**session), at);
        self.settle(map, at);
        let report = result.map_err(|error| failure::of_map(&error, &self.objects.map_ref(map)))?;
        Ok(UnloadReply { released: report.released.raw(), woken: report.woken })
    }

    /// The current mapping.
    pub(crate) fn segments(&self, caller: &Caller<'_>, map: u32) -> Result<SegmentsReply, EngineError> {
        let id = self.objects.map(map, caller)?.id;
        Ok(SegmentsReply { segments: self.mapping(id) })
    }

    /// Books what came of a load, and words it.
    fn settle_load(
        &mut self,
        caller: &Caller<'_>,
        map: u32,
        end: LoadEnd,
        mapsize: Option<u64>,
        claim: Claim,
        at: Nanos,
    ) -> Result<LoadReply, EngineError> {
        self.counts.add(end);
        let within = self.charge(caller, map);
        self.settle(map, at);
        let reference = self.objects.map_ref(map);
        match (end, within) {
            (LoadEnd::Failed(error), _) => {
                self.run_deferred();
                Err(self.load_error(&error, map, reference))
            }
            (_, Err(exceeded)) => {
                self.undo_load(caller, map, end);
                Err(exceeded)
            }
            (LoadEnd::Deferred, Ok(())) => {
                caller.session.deferred(reference, claim);
                if let Some(entry) = self.objects.maps.get_mut(&map) {
                    entry.mapsize = mapsize;
                }
                Ok(self.load_reply(map, Outcome::Deferred, mapsize))
            }
            (LoadEnd::Loaded, Ok(())) => Ok(self.load_reply(map, Outcome::Loaded, mapsize)),
            (LoadEnd::NoData, Ok(())) => Ok(self.load_reply(map, Outcome::NoData, mapsize)),
        }
    }

    /// Takes back a load that takes more bounce pages than the caller may have.
    fn undo_load(&mut self, caller: &Caller<'_>, map: u32, end: LoadEnd) {
        let Some(id) = self.objects.maps.get(&map).map(|entry| entry.id) else { return };
        if end == LoadEnd::Deferred {
            self.cancel(Some(caller.session), map, id);
        }
        let _ = self.unload_as(Some(caller.session), map, id);
        self.run_deferred();
    }

    pub(super) fn load_reply(&self, map: u32, outcome: Outcome, mapsize: Option<u64>) -> LoadReply {
        let state = self.objects.maps.get(&map).and_then(|entry| self.engine.map(entry.id));
        let mut reply = LoadReply {
            outcome,
            segments: Vec::new(),
            bounce_pages: 0,
            pages_needed: None,
            pages_reserved: None,
            mapsize,
        };
        if let Some(state) = state {
            reply.segments.extend(state.segments().iter().map(segment));
            reply.bounce_pages = state.bounce_page_count().raw();
            reply.pages_needed = Some(state.pages_needed().raw()).filter(|&pages| pages != 0);
            reply.pages_reserved = Some(state.pages_reserved().raw()).filter(|&pages| pages != 0);
        }
        reply
    }

    pub(super) fn load_error(&self, error: &LoadError, map: u32, reference: MapRef) -> EngineError {
        let tag = self.objects.maps.get(&map).and_then(|entry| self.engine.map(entry.id)).map(DmaMap::tag);
        let maxsegsz = tag.and_then(|tag| self.engine.tag(tag)).map_or(1, |tag| tag.constraints().maxsegsz().raw());
        failure::of_load(error, reference, maxsegsz)
    }

    fn mapping(&self, map: MapId) -> Vec<Segment> {
        self.engine.map(map).map_or_else(Vec::new, |map| map.segments().iter().map(segment).collect())
    }

    /// Memory a load names stays registered as long as the map may refer to it.
    fn remember_uses(&mut self, map: u32, lists: &super::request::RequestLists) {
        let Some(entry) = self.objects.maps.get_mut(&map) else { return };
        let mut fresh = std::mem::take(&mut entry.uses);
        let known = fresh.len();
        for &used in &lists.uses {
            if !fresh.contains(&used) {
                fresh.push(used);
            }
        }
        for &used in &fresh[known..] {
            self.objects.add_use(used);
        }
        if let Some(entry) = self.objects.maps.get_mut(&map) {
            entry.uses = fresh;
        }
    }

    /// Counts the bounce pages a map holds or was promised against its session's share.
    fn charge(&mut self, caller: &Caller<'_>, map: u32) -> Result<(), EngineError> {
        let Some(entry) = self.objects.maps.get_mut(&map) else { return Ok(()) };
        let now = pages_of(&self.engine, entry.id);
        let before = std::mem::replace(&mut entry.bounce_pages, now);
        if now > before {
            let taken = caller.session.account.take(caller.limits, Quota::BouncePages, (now - before).into());
            if taken.is_err() {
                entry.bounce_pages = before;
            }
            taken?;
        } else if now < before {
            caller.session.account.give_back(Quota::BouncePages, (before - now).into());
        }
        Ok(())
    }

    /// After a verb that may have changed what a map does: what it no longer holds is no longer counted.
    pub(super) fn settle(&mut self, map: u32, at: Nanos) {
        let Some(entry) = self.objects.maps.get_mut(&map) else { return };
        entry.since = at;
        let state = self.engine.map(entry.id).map_or(MapState::Idle, DmaMap::state);
        self.objects.ages.changed(&mut self.objects.maps, map, state);
        let Some(entry) = self.objects.maps.get_mut(&map) else { return };
        let held = pages_of(&self.engine, entry.id);
        let account = &entry.session.account;
        match entry.bounce_pages.cmp(&held) {
            Ordering::Greater => account.give_back(Quota::BouncePages, (entry.bounce_pages - held).into()),
            Ordering::Less => account.add(Quota::BouncePages, (held - entry.bounce_pages).into()),
            Ordering::Equal => {}
        }
        entry.bounce_pages = held;
        if entry.uses.is_empty() {
            return;
        }
        let holds = self.engine.map(entry.id).is_some_and(|map| {
            map.state() != MapState::Idle || map.bounce_page_count().raw() != 0 || map.sync_range_count() != 0
        });
        if !holds {
            let mut uses = std::mem::take(&mut entry.uses);
            for used in uses.drain(..) {
                self.objects.drop_use(used);
            }
            if let Some(entry) = self.objects.maps.get_mut(&map) {
                entry.uses = uses;
            }
        }
    }

    /// Wipes the bytes that go back to a pool which other clients take pages from.
    pub(super) fn wipe(&self, map: MapId) {
        if self.sharing == Sharing::Shared {
            for piece in self.engine.bounce_pages(map) {
                // A piece that FreeBSD lets run over its page's end is wiped as far as the page goes.
                let len = piece.len.min(piece.bounce.left_in_page());
                let _ = self.engine.platform().scrub(piece.bounce.to_phys(), len);
            }
        }
    }
}

impl MapEntry {
    /// A map that does nothing yet.
    pub(super) fn new(
        id: MapId,
        tag: u32,
        session: Arc<Session>,
        origin: super::objects::MapOrigin,
        at: Nanos,
    ) -> Self {
        Self {
            id,
            tag,
            session,
            origin,
            state: MapState::Idle,
            since: at,
            neighbours: Neighbours::default(),
            bounce_pages: 0,
            uses: Vec::new(),
            held: false,
            mapsize: None,
        }
    }
}

impl LoadCounts {
    fn add(&mut self, end: LoadEnd) {
        self.calls += 1;
        match end {
            LoadEnd::Loaded => self.loaded += 1,
            LoadEnd::Deferred => self.deferred += 1,
            LoadEnd::NoData => self.no_data += 1,
            LoadEnd::Failed(error) => self.add_failure(&error),
        }
    }

    /// Counts a load that failed, at once or at its end.
    pub(super) fn add_failure(&mut self, error: &LoadError) {
        *self.failed.entry(reason(error)).or_default() += 1;
    }
}

/// A failed load's reason, as metrics name it.
const fn reason(error: &LoadError) -> &'static str {
    match error {
        LoadError::TooManySegments { .. } => "too_many_segments",
        LoadError::NoBouncePages { .. } => "no_bounce_pages",
        LoadError::NeverSatisfiable { .. } => "never_satisfiable",
        LoadError::ExceedsMaxSize { .. } => "exceeds_maxsize",
        LoadError::Unreachable { .. } => "unreachable",
        LoadError::AlreadyLoaded => "already_loaded",
        LoadError::StillDeferred => "still_deferred",
        LoadError::Invalid(_) => "invalid_request",
        LoadError::Panic(_) => "kernel_panic",
        LoadError::NoSuchMap(_) => "no_such_map",
    }
}

/// Bounce pages a map holds, was promised, or waits for.
fn pages_of(engine: &busdma_engine::Engine<busdma_memory::MachineMemory, super::Ear>, map: MapId) -> u32 {
    let Some(map) = engine.map(map) else { return 0 };
    // What a map waits for includes what it was promised already.
    let promised = match map.state() {
        MapState::Deferred => map.pages_needed().max(map.pages_reserved()),
        MapState::Idle | MapState::Loaded => map.pages_reserved(),
    };
    map.bounce_page_count().raw().saturating_add(promised.raw())
}

pub(super) fn segment(segment: &busdma_engine::Segment) -> Segment {
    Segment { addr: Hex(segment.addr.raw()), length: segment.len.raw() }
}
