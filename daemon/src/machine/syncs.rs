//! Syncs: decided by the owner, copied by the worker whose client asked.

use super::Machine;
use super::failure;
use super::owner::{Caller, Owner, tape};
use busdma_api::engine::{Copied, CopyDirection, EngineError, Sync, SyncDetail, SyncOp, SyncReply};
use busdma_api::{Hex, SessionId};
use busdma_engine::{BounceCopy, CopyFit, SyncOps, SyncPlan};
use busdma_memory::CopyPlan;
use busdma_recorder::TapedVerb;

/// Up to so many bytes are copied by the owner: giving the machine back and taking it again would last longer.
pub(super) const COPIED_AT_ONCE: u64 = 16 << 10;

/// A worker's plans, in memory that is used again for the next one.
#[derive(Debug, Default)]
pub(crate) struct SyncScratch {
    plan: SyncPlan,
    copies: CopyPlan,
}

impl Machine {
    /// bus_dmamap_sync. The bytes are copied when it returns.
    pub(crate) fn sync(
        &self,
        caller: &Caller<'_>,
        call: &Sync,
        scratch: &mut SyncScratch,
    ) -> Result<SyncReply, EngineError> {
        let map = call.map.number;
        let mut owner = self.lock_for(map);
        let begun = owner.clock.now();
        let reply = owner.plan_sync(caller, map, call, scratch)?;
        if scratch.copies.is_empty() {
            return Ok(reply);
        }
        if scratch.copies.bytes().raw() <= COPIED_AT_ONCE {
            scratch.copies.run();
        } else {
            owner.hold(map);
            drop(owner);
            scratch.copies.run();
            self.let_go(map);
            owner = self.lock();
        }
        let took = owner.clock.now().since(begun);
        owner.latency.sync.record(took);
        Ok(reply)
    }
}

impl Owner {
    fn plan_sync(
        &mut self,
        caller: &Caller<'_>,
        map: u32,
        call: &Sync,
        scratch: &mut SyncScratch,
    ) -> Result<SyncReply, EngineError> {
        let id = self.objects.map(map, caller)?.id;
        let ops = call.ops.iter().fold(SyncOps::empty(), |ops, &op| ops | sync_op(op));
        let at = self.begin();
        let result = self.engine.plan_sync(id, ops, &mut scratch.plan);
        tape!(self, Some(caller.session), at, TapedVerb::Sync { map: id, ops, plan: &scratch.plan, result });
        self.finish(Some(caller.session), at);
        scratch.copies.clear();
        let report = result.map_err(|error| failure::of_sync(&error, call.map))?;
        let planned = self.engine.platform().plan_copies(&scratch.plan.moves, &mut scratch.copies);
        planned.map_err(|missing| EngineError::InvalidRequest { reason: missing.to_string() })?;
        let copies = match call.detail {
            None | Some(SyncDetail::Totals) => None,
            Some(SyncDetail::Copies) => Some(scratch.plan.copies.iter().map(copied).collect()),
        };
        Ok(SyncReply { pages: report.pages.raw(), bytes: report.bytes.raw(), copies })
    }

    /// Marks a map whose bytes are copied without the machine.
    pub(super) fn hold(&mut self, map: u32) {
        if let Some(entry) = self.objects.maps.get_mut(&map) {
            entry.held = true;
        }
    }

    /// Whether a map's bytes are being copied without the machine.
    pub(super) fn is_held(&self, map: u32) -> bool {
        self.objects.maps.get(&map).is_some_and(|entry| entry.held)
    }

    /// Whether the bytes of any of a session's maps are.
    pub(super) fn holds_any_of(&self, session: SessionId) -> bool {
        self.objects.maps.values().any(|entry| entry.held && entry.session.id == session)
    }

    /// Takes the mark away; says whether there was one.
    pub(super) fn let_go(&mut self, map: u32) -> bool {
        self.objects.maps.get_mut(&map).is_some_and(|entry| std::mem::take(&mut entry.held))
    }
}

const fn sync_op(op: SyncOp) -> SyncOps {
    match op {
        SyncOp::PreRead => SyncOps::PRE_READ,
        SyncOp::PostRead => SyncOps::POST_READ,
        SyncOp::PreWrite => SyncOps::PRE_WRITE,
        SyncOp::PostWrite => SyncOps::POST_WRITE,
    }
}

fn copied(copy: &BounceCopy) -> Copied {
    Copied {
        direction: match copy.direction {
            busdma_engine::CopyDirection::ToBounce => CopyDirection::ToBounce,
            busdma_engine::CopyDirection::FromBounce => CopyDirection::FromBounce,
        },
        addr: Hex(copy.bounce.raw()),
        bytes: copy.len.raw(),
        overrun: (copy.fit == CopyFit::Overruns).then_some(true),
    }
}
