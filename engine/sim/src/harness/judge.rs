//! What is looked at after an operation.

use super::bench::Bench;
use super::bytes::read_all;
use super::fault::Fault;
use crate::answer::{Handle, MapNo, PieceView, SegmentView, Snapshot};
use crate::checkers::{check_cover, check_no_trace, check_pieces, check_waiters, check_zones};
use crate::request::{MemRequest, Request};
use crate::subject::Subject;
use busdma_engine::addr::PAGE_SIZE;
use busdma_engine::error::{InvalidRequest, LoadError};
use busdma_engine::hazard::{Hazard, HazardKind};
use busdma_engine::map::MapState;
use busdma_engine::memdesc::{PhysRange, UioSpace};
use busdma_engine::profile::Profile;
use busdma_engine::sync::SyncOps;
use busdma_engine::{TagFlags, ZoneId};

/// Hazards that the strict profile still has: they are the driver's doing.
const STRICT_MAY_RAISE: [HazardKind; 1] = [HazardKind::DeferredWithoutLockFunction];

impl Bench {
    /// Looks at the state after an operation.
    pub(super) fn look(&mut self) -> Result<(), Fault> {
        self.engine.engine().check_invariants().map_err(Fault::Invariant)?;
        let engine = self.engine.snapshot(&self.tags, &self.maps);
        check_zones(&engine.zones)?;
        if let Some(model) = &self.model {
            compare(&model.snapshot(&self.tags, &self.maps), &engine)?;
        }
        self.count_hazards()?;
        if self.rig.profile == Profile::Strict {
            check_waiters(&engine, |map| self.zone_of(map))?;
        }
        self.seen = engine;
        Ok(())
    }

    fn count_hazards(&mut self) -> Result<(), Fault> {
        let raised = &self.engine.engine().observer().raised;
        let new = &raised[self.hazards_seen..];
        if let Some(reference) = &mut self.model {
            let model = reference.take_hazards();
            let mut engine: Vec<_> = new.iter().map(Hazard::kind).filter(|kind| kind.in_trace_v1()).collect();
            engine.sort_unstable();
            engine.dedup();
            if model != engine {
                return Err(Fault::Hazards { model, engine });
            }
        }
        self.tally.hazards += new.len() as u64;
        let forbidden = new.iter().find(|hazard| !STRICT_MAY_RAISE.contains(&hazard.kind()));
        if let (Profile::Strict, Some(hazard)) = (self.rig.profile, forbidden) {
            return Err(Fault::StrictHazard(*hazard));
        }
        self.hazards_seen = raised.len();
        Ok(())
    }

    fn zone_of(&self, map: MapNo) -> Option<usize> {
        self.engine.engine().tag(self.engine.tag_id(self.tag_of[&map]))?.zone().map(ZoneId::index)
    }

    /// Compares the memory of both machines.
    pub(super) fn compare_bytes(&self) -> Result<(), Fault> {
        let Some(model) = &self.model else { return Ok(()) };
        let (model, engine) = (model.machine(), self.engine.machine());
        model.first_difference(engine).map_or(Ok(()), |addr| {
            Err(Fault::Byte { addr, model: model.read(addr, 1)[0], engine: engine.read(addr, 1)[0] })
        })
    }

    /// Where no quirk has bitten: what the device writes comes to the client after POSTREAD, and what the client wrote is
    /// there for the device after PREWRITE.
    pub(super) fn check_in_sync(&self, map: MapNo, ops: SyncOps) -> Result<(), Fault> {
        let before = ops.intersects(SyncOps::PRE_READ | SyncOps::PRE_WRITE);
        let after = ops.intersects(SyncOps::POST_READ | SyncOps::POST_WRITE);
        let one_way = before != after && ops.intersects(SyncOps::PRE_WRITE | SyncOps::POST_READ);
        let loaded = self.engine.map_state(map) == MapState::Loaded;
        if !one_way || !loaded || self.hazards_seen > 0 || self.is_past_panic() {
            return Ok(());
        }
        let client = self.client_ranges(map);
        if self.copies_behind_page(map) || (ops.contains(SyncOps::POST_READ) && overlap(&client)) {
            return Ok(());
        }
        let machine = self.engine.machine();
        let client_bytes = read_all(machine, &client);
        let device_bytes = read_all(machine, &self.device_ranges(map));
        match client_bytes.iter().zip(&device_bytes).position(|(client, device)| client != device) {
            None => Ok(()),
            Some(position) => {
                let (client, device) = (client_bytes[position], device_bytes[position]);
                Err(Fault::NotInSync { map, position, client, device })
            }
        }
    }

    /// FreeBSD records one page for a bounced piece of user memory, also where alignment carries it over the page's end:
    /// the copy then stops there (amd64) or runs on into whatever physical page lies behind (arm64).
    fn copies_behind_page(&self, map: MapNo) -> bool {
        let user = match self.requests.get(&map) {
            Some(Request::Uio(uio) | Request::Mem(MemRequest::Uio(uio))) => uio.space != UioSpace::Kernel,
            _ => false,
        };
        let crosses = |piece: &PieceView| piece.client % PAGE_SIZE + piece.len > PAGE_SIZE;
        user && self.rig.profile != Profile::Strict && self.seen.maps[&map].pieces.iter().any(crosses)
    }

    /// Whether the model was given up: what the engine does now is bound by its invariants only.
    fn is_past_panic(&self) -> bool {
        self.rig.profile != Profile::Strict && self.model.is_none()
    }

    /// Checks the current mapping of a map, if it has one and no quirk has bitten.
    pub(super) fn judge_mapping(&mut self, map: MapNo) -> Result<(), Fault> {
        let Some(view) = self.seen.maps.get(&map) else { return Ok(()) };
        if !view.pieces.is_empty() {
            self.tally.bounced += 1;
        }
        if self.engine.map_state(map) != MapState::Loaded || self.hazards_seen > 0 || self.is_past_panic() {
            return Ok(());
        }
        let Some(client) = self.requests.get(&map).map(Request::client_bytes) else { return Ok(()) };
        check_cover(&client, &view.segments, &view.pieces)?;
        if self.rig.profile == Profile::Strict {
            check_pieces(&view.pieces)?;
            self.contract(map).check_segments(&view.segments)?;
        }
        Ok(())
    }

    /// Strict: whether the outcome of a load is the one the contract asks for.
    pub(super) fn judge_load(
        &mut self,
        map: MapNo,
        request: &Request,
        before: &Snapshot,
        was: MapState,
    ) -> Result<(), Fault> {
        let Some(error) = self.engine.last_load_error() else { return self.judge_acceptance(map, was) };
        let held_before = matches!(error, LoadError::AlreadyLoaded | LoadError::StillDeferred);
        if held_before {
            if (error == LoadError::AlreadyLoaded) != (was == MapState::Loaded) || *before != self.seen {
                return Err(Fault::Unjustified { map, error });
            }
            return Ok(());
        }
        if was != MapState::Idle && !matches!(error, LoadError::Panic(_) | LoadError::Invalid(_)) {
            return Err(Fault::Unjustified { map, error });
        }
        if was == MapState::Idle {
            check_no_trace(before, &self.seen, map)?;
        } else if *before != self.seen {
            return Err(Fault::Unjustified { map, error });
        }
        if self.is_justified(map, &request.client_bytes(), before, &error) {
            return Ok(());
        }
        Err(Fault::Unjustified { map, error })
    }

    /// Strict: a load that was taken up found an idle map, and if it waits, it has to.
    fn judge_acceptance(&self, map: MapNo, was: MapState) -> Result<(), Fault> {
        let state = self.engine.map_state(map);
        if was == MapState::Idle || state == was {
            return Ok(());
        }
        Err(Fault::WrongOutcome { map, state })
    }

    fn is_justified(&self, map: MapNo, client: &[PhysRange], before: &Snapshot, error: &LoadError) -> bool {
        let contract = self.contract(map);
        let bytes: u64 = client.iter().map(|range| range.len.raw()).sum();
        let zone = self.zone_of(map).and_then(|zone| before.zones.get(zone));
        let counted = |needed: u32| {
            let least = contract.bounces(client);
            if contract.cuts_at_pages_only() { u64::from(needed) == least } else { u64::from(needed) >= least.min(1) }
        };
        match *error {
            LoadError::ExceedsMaxSize { bytes: claimed, maxsize } => {
                claimed.raw() == bytes && maxsize.raw() == contract.maxsize && bytes > contract.maxsize
            }
            LoadError::NeverSatisfiable { needed, total } => {
                needed > total && zone.is_some_and(|zone| zone.total == total.raw().into()) && counted(needed.raw())
            }
            LoadError::NoBouncePages { needed, free } => {
                needed > free && zone.is_some_and(|zone| zone.free == free.raw().into()) && counted(needed.raw())
            }
            LoadError::TooManySegments { limit, .. } => {
                limit == contract.nsegments && contract.segments_at_most(client) > limit.count() as u64
            }
            LoadError::Unreachable { addr, .. } => {
                contract.must_bounce(addr.raw(), addr.page_last().raw()) && self.cannot_bounce(map, addr.raw())
            }
            LoadError::Invalid(InvalidRequest::NotMapped { .. } | InvalidRequest::RangeWraps { .. })
            | LoadError::AlreadyLoaded
            | LoadError::StillDeferred
            | LoadError::NoSuchMap(_) => false,
            LoadError::Invalid(_) | LoadError::Panic(_) => true,
        }
    }

    /// Whether bouncing is not to be had for this map, or would not cure a misalignment inside the page.
    fn cannot_bounce(&self, map: MapNo, addr: u64) -> bool {
        let Some(tag) = self.engine.engine().tag(self.engine.tag_id(self.tag_of[&map])) else { return false };
        let keeps_offset = tag.flags().contains(TagFlags::KEEP_PAGE_OFFSET);
        let stays_misaligned = keeps_offset && !addr.is_multiple_of(self.contract(map).alignment);
        self.memory.contains_key(&map) || self.handles[&map] == Handle::Null || !tag.could_bounce() || stays_misaligned
    }
}

fn compare(model: &Snapshot, engine: &Snapshot) -> Result<(), Fault> {
    if model.zones != engine.zones {
        return Err(Fault::Zones { model: model.zones.clone(), engine: engine.zones.clone() });
    }
    if model.waiting != engine.waiting {
        return Err(Fault::Waiting { model: model.waiting.clone(), engine: engine.waiting.clone() });
    }
    for (&map, view) in &model.maps {
        if engine.maps[&map] != *view {
            let (model, engine) = (Box::new(view.clone()), Box::new(engine.maps[&map].clone()));
            return Err(Fault::Map { map, model, engine });
        }
    }
    for (&tag, &count) in &model.tags {
        if engine.tags[&tag] != count {
            return Err(Fault::TagCount { tag, model: count, engine: engine.tags[&tag] });
        }
    }
    Ok(())
}

fn overlap(ranges: &[SegmentView]) -> bool {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0].0 + pair[0].1 > pair[1].0)
}
