//! Syncs: carried out at once, or planned for the caller to carry out.

use super::Engine;
use crate::decision::Observer;
use crate::error::SyncError;
use crate::ids::MapId;
use crate::platform::Platform;
use crate::sync::{AtOnce, SyncOps, SyncPlan, SyncReport, SyncSink, Syncing};

impl<P: Platform, O: Observer> Engine<P, O> {
    /// Makes CPU and device see the same bytes (`bus_dmamap_sync`): copies bounce pages through [`Memory`](crate::Memory).
    ///
    /// # Errors
    /// [`SyncError`]; nothing is copied then.
    #[doc(alias = "bus_dmamap_sync")]
    #[inline]
    pub fn sync(&mut self, map: MapId, ops: SyncOps) -> Result<SyncReport, SyncError> {
        self.sync_into(map, ops, &mut AtOnce)
    }

    /// Decides a sync as [`Self::sync`] does, but leaves the copying to the caller: `plan` is overwritten with the steps.
    ///
    /// # Errors
    /// [`SyncError`]; the plan is empty then.
    pub fn plan_sync(&mut self, map: MapId, ops: SyncOps, plan: &mut SyncPlan) -> Result<SyncReport, SyncError> {
        plan.clear();
        let report = self.sync_into(map, ops, plan);
        if report.is_err() {
            plan.clear();
        }
        report
    }

    #[inline]
    fn sync_into<S: SyncSink<P>>(
        &mut self,
        map_id: MapId,
        ops: SyncOps,
        sink: &mut S,
    ) -> Result<SyncReport, SyncError> {
        let map = self.maps.get(map_id).ok_or(SyncError::NoSuchMap(map_id))?;
        if map.pages.is_empty() && map.sync_list.count == 0 {
            return Ok(SyncReport::default());
        }
        self.sync_pages(map_id, ops, sink)
    }

    #[inline(never)]
    fn sync_pages<S: SyncSink<P>>(
        &mut self,
        map_id: MapId,
        ops: SyncOps,
        sink: &mut S,
    ) -> Result<SyncReport, SyncError> {
        let map = self.maps.get(map_id).ok_or(SyncError::NoSuchMap(map_id))?;
        let tag = self.tags.get(map.tag).ok_or(SyncError::NoSuchMap(map_id))?;
        let mut syncing = Syncing {
            id: map_id,
            map,
            tag,
            pool: &mut self.pool,
            memory: &mut self.platform,
            told: &mut self.told,
            switches: &self.switches,
            sink,
        };
        syncing.run(ops)
    }
}
