//! Lines of maps: created, loaded, synced, unloaded, cancelled, destroyed.

use super::names::MapNames;
use super::{Scenario, Unwritable};
use crate::columns::Told;
use crate::operation::{LoadEnd, MapNumber};
use busdma_engine::{
    BusSize, CallView, CancelReport, LoadOutcome, MapForm, MapId, MemDesc, SyncOps, TagId, WaitPolicy,
};
use busdma_trace::format::{
    Callback, Cancel, Cancelled, CreateMap, Flag, Input, Load, Loaded, MapCounters, MapCreated, MapOnly, Nullable,
    Output, Ret, Returned, Seg, Sync, SyncOp, Synced, Unloaded, WordList,
};
use busdma_trace::observe;

impl Scenario {
    pub(super) fn create_map<'a>(
        &'a self,
        told: &Told<'a>,
        number: MapNumber,
        tag: TagId,
        ret: Ret,
        map: Option<(MapId, MapForm)>,
    ) -> Result<(Input<'a>, Output<'a>), Unwritable> {
        let after = self.after(told);
        let tag = (&**self.names.tag(tag)?).into();
        let input = Input::MapCreate(CreateMap { tag, map: number.name().into(), flags: WordList::EMPTY });
        let output = Output::MapCreate(MapCreated {
            ret,
            map: map.map(|(_, form)| observe::map_word(form)),
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        });
        Ok((input, output))
    }

    pub(super) fn destroy_map<'a>(
        &'a self,
        told: &Told<'a>,
        map: MapId,
        ret: Ret,
    ) -> Result<(Input<'a>, Output<'a>), Unwritable> {
        let after = self.after(told);
        let output = Output::MapDestroy(Returned {
            ret,
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        });
        Ok((Input::MapDestroy(self.map_only(map)?), output))
    }

    pub(super) fn load<'a>(
        &'a self,
        told: &Told<'a>,
        map: MapId,
        desc: &MemDesc<'_>,
        wait: WaitPolicy,
        end: LoadEnd,
        counters: Option<MapCounters>,
    ) -> Result<(Input<'a>, Output<'a>), Unwritable> {
        let MapNames { map, tag } = self.names.map(map)?;
        let input = Input::Load(Load {
            tag: (&**tag).into(),
            map: (&**map).into(),
            flags: if wait == WaitPolicy::NoWait { WordList::from_iter([Flag::NoWait]) } else { WordList::EMPTY },
            request: self.memory.request(desc, told.segments.len())?,
        });
        let outcome = match end {
            LoadEnd::Loaded => Ok(LoadOutcome::Loaded(told.segments)),
            LoadEnd::Deferred => Ok(LoadOutcome::Deferred),
            LoadEnd::NoData => Ok(LoadOutcome::NoData),
            LoadEnd::Failed(error) => Err(error),
        };
        let call = match CallView::new(desc, &outcome) {
            Ok(call) => call,
            Err(panic) => return Ok((input, Output::Panic(observe::panicked(panic)))),
        };
        let callback = call.callback.map(|callback| {
            let segs: Option<Vec<Seg>> = callback.segments.map(|segments| segments.iter().map(observe::seg).collect());
            Callback {
                error: observe::ret(callback.error),
                nseg: segs.as_ref().map_or(0, Vec::len),
                segs: segs.map(Into::into),
                mapsize: callback.mapsize.map(BusSize::raw),
            }
        });
        let direct = matches!(desc, MemDesc::MbufSg(_));
        let after = self.after(told);
        let output = Output::Load(Loaded {
            ret: observe::ret(call.returned),
            callback: if direct { Nullable::Absent } else { callback.into() },
            nsegs: direct.then_some(told.segments.len()),
            segs: direct.then(|| told.segments.iter().map(observe::seg).collect()),
            map_state: counters,
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        });
        Ok((input, output))
    }

    pub(super) fn sync<'a>(
        &'a self,
        told: &Told<'a>,
        map: MapId,
        ops: SyncOps,
        ret: Ret,
    ) -> Result<(Input<'a>, Output<'a>), Unwritable> {
        let MapNames { map, tag } = self.names.map(map)?;
        let input = Input::Sync(Sync { tag: (&**tag).into(), map: (&**map).into(), ops: sync_words(ops) });
        let after = self.after(told);
        let output = Output::Sync(Synced {
            ret,
            dcache: (!told.cache.is_empty()).then(|| told.cache.iter().map(observe::cache_line).collect()),
            copies: told.copies.iter().map(observe::bounce_copy).collect(),
            client_hash: None,
            bounce_hash: None,
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        });
        Ok((input, output))
    }

    pub(super) fn unload<'a>(
        &'a self,
        told: &Told<'a>,
        map: MapId,
        ret: Ret,
        woken: u32,
        counters: Option<MapCounters>,
    ) -> Result<(Input<'a>, Output<'a>), Unwritable> {
        let after = self.after(told);
        let output = Output::Unload(Unloaded {
            ret,
            swi: woken > 0,
            map_state: counters,
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        });
        Ok((Input::Unload(self.map_only(map)?), output))
    }

    pub(super) fn cancel<'a>(
        &'a self,
        told: &Told<'a>,
        map: MapId,
        ret: Ret,
        report: Option<CancelReport>,
    ) -> Result<(Input<'a>, Output<'a>), Unwritable> {
        let after = self.after(told);
        let MapNames { map, tag } = self.names.map(map)?;
        let input = Input::Cancel(Cancel { tag: Some((&**tag).into()), map: (&**map).into() });
        let output = Output::Cancel(Cancelled {
            ret,
            released: report.map(|report| report.released.raw()),
            swi: report.is_some_and(|report| report.woken > 0),
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        });
        Ok((input, output))
    }

    fn map_only(&self, map: MapId) -> Result<MapOnly<'_>, Unwritable> {
        let MapNames { map, tag } = self.names.map(map)?;
        Ok(MapOnly { tag: (&**tag).into(), map: (&**map).into() })
    }
}

pub(super) fn sync_words(ops: SyncOps) -> WordList<SyncOp> {
    [
        (SyncOps::PRE_READ, SyncOp::PreRead),
        (SyncOps::POST_READ, SyncOp::PostRead),
        (SyncOps::PRE_WRITE, SyncOp::PreWrite),
        (SyncOps::POST_WRITE, SyncOp::PostWrite),
    ]
    .into_iter()
    .filter(|(op, _)| ops.contains(*op))
    .map(|(_, word)| word)
    .collect()
}
