//! Maps: created, loaded, synced, unloaded, destroyed.

use super::{Session, after, panicked};
use crate::client;
use crate::format::{
    Callback, Contents, CreateMap, Flag, Hex, Load, Loaded, MapCreated, MapOnly, Nullable, Output, Ret, Returned, Sync,
    SyncOp, Synced, Unloaded,
};
use crate::machine::Fnv1a;
use crate::names::NoObject;
use crate::observe;
use busdma_engine::{BusSize, CallView, MapError, MapForm, MapId, MemDesc, Memory, SyncError, SyncOps, WaitPolicy};
use std::borrow::Cow;

impl Session {
    pub(super) fn create_map(&mut self, input: &CreateMap<'_>) -> Result<Output<'_>, NoObject> {
        let (id, tag_id) = (input.map.as_str(), input.tag.as_str());
        self.names.check_new_map(id)?;
        let created = self.engine.create_map(self.names.tag(tag_id)?);
        self.names.add_map(id, tag_id, created.ok());
        let (ret, map) = match created {
            Ok(map) => (Ret::Ok, self.engine.map(map).map(|map| observe::map_word(map.form()))),
            Err(MapError::Panic(panic)) => return Ok(panicked(panic)),
            Err(error) => (observe::ret(error.errno()), None),
        };
        let after = after(&mut self.reported, &self.engine, &self.names, self.decisions);
        Ok(Output::MapCreate(MapCreated {
            ret,
            map,
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        }))
    }

    pub(super) fn destroy_map(&mut self, input: &MapOnly<'_>) -> Result<Output<'_>, NoObject> {
        let (map, _) = self.names.map_of_tag(input.map.as_str(), input.tag.as_str())?;
        let ret = match self.engine.destroy_map(map) {
            Ok(()) => Ret::Ok,
            Err(MapError::Panic(panic)) => return Ok(panicked(panic)),
            Err(error) => observe::ret(error.errno()),
        };
        if self.engine.map(map).is_none() {
            self.names.retire_map(map);
        }
        let after = after(&mut self.reported, &self.engine, &self.names, self.decisions);
        Ok(Output::MapDestroy(Returned { ret, zones: after.zones, waiting: after.waiting, decisions: after.decisions }))
    }

    pub(super) fn load(&mut self, input: &Load<'_>) -> Result<Output<'_>, NoObject> {
        let (map, entry) = self.names.map_of_tag(input.map.as_str(), input.tag.as_str())?;
        let desc = entry.request.set(&input.request, self.engine.platform_mut())?;
        let wait = if input.flags.contains(Flag::NoWait) { WaitPolicy::NoWait } else { WaitPolicy::MayDefer };
        let outcome = self.engine.load(map, &desc, wait);
        let call = match CallView::new(&desc, &outcome) {
            Ok(call) => call,
            Err(panic) => return Ok(panicked(panic)),
        };
        self.segs.clear();
        let callback = call.callback.map(|callback| {
            self.segs.extend(callback.segments.unwrap_or_default().iter().map(observe::seg));
            let segs = callback.segments.is_some();
            (observe::ret(callback.error), segs, callback.mapsize.map(BusSize::raw))
        });
        let ret = observe::ret(call.returned);
        let direct = matches!(desc, MemDesc::MbufSg(_));
        let state = self.engine.map(map);
        if direct {
            self.segs.extend(state.map_or(&[][..], |map| map.filled_segments()).iter().map(observe::seg));
        }
        let after = after(&mut self.reported, &self.engine, &self.names, self.decisions);
        let segs = &self.segs[..];
        let callback = callback.map(|(error, not_null, mapsize)| Callback {
            error,
            nseg: segs.len(),
            segs: not_null.then_some(Cow::Borrowed(segs)),
            mapsize,
        });
        Ok(Output::Load(Loaded {
            ret,
            callback: if direct { Nullable::Absent } else { callback.into() },
            nsegs: direct.then_some(segs.len()),
            segs: direct.then_some(Cow::Borrowed(segs)),
            map_state: state.and_then(observe::map_counters),
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        }))
    }

    pub(super) fn unload(&mut self, input: &MapOnly<'_>) -> Result<Output<'_>, NoObject> {
        let (map, _) = self.names.map_of_tag(input.map.as_str(), input.tag.as_str())?;
        let (ret, woken) = match self.engine.unload(map) {
            Ok(report) => (Ret::Ok, report.woken),
            Err(error) => (observe::ret(error.errno()), 0),
        };
        let after = after(&mut self.reported, &self.engine, &self.names, self.decisions);
        Ok(Output::Unload(Unloaded {
            ret,
            swi: woken > 0,
            map_state: self.engine.map(map).and_then(observe::map_counters),
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        }))
    }

    pub(super) fn sync(&mut self, input: &Sync<'_>) -> Result<Output<'_>, NoObject> {
        let (map, _) = self.names.map_of_tag(input.map.as_str(), input.tag.as_str())?;
        let ret = match self.engine.plan_sync(map, sync_ops(input), &mut self.plan) {
            Ok(_) => Ret::Ok,
            Err(SyncError::Panic(panic)) => return Ok(panicked(panic)),
            Err(SyncError::Invalid(_) | SyncError::NoSuchMap(_)) => Ret::Einval,
        };
        let (mut client_hash, mut bounce_hash) = (None, None);
        if self.contents == Contents::Recorded {
            let machine = self.engine.platform_mut();
            for step in &self.plan.moves {
                machine.copy(step.from, step.to, step.len);
            }
            client_hash = self.client_hash(input.map.as_str(), map)?;
            bounce_hash = client_hash.and_then(|_| self.bounce_hash(map));
        }
        self.copies.clear();
        self.copies.extend(self.plan.copies.iter().map(observe::bounce_copy));
        self.cache.clear();
        self.cache.extend(self.plan.cache.iter().map(observe::cache_line));
        let after = after(&mut self.reported, &self.engine, &self.names, self.decisions);
        Ok(Output::Sync(Synced {
            ret,
            dcache: (!self.cache.is_empty()).then_some(Cow::Borrowed(&self.cache)),
            copies: Cow::Borrowed(&self.copies),
            client_hash,
            bounce_hash,
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        }))
    }

    /// The hash of the client bytes of a real map's last request.
    fn client_hash(&mut self, id: &str, map: MapId) -> Result<Option<Hex>, NoObject> {
        if self.engine.map(map).is_none_or(|map| map.form() == MapForm::Null) {
            return Ok(None);
        }
        let (_, entry) = self.names.map(id)?;
        let hash = match entry.request.desc() {
            Some(desc) => client::hash(&desc, self.engine.platform())?,
            None => None,
        };
        Ok(hash.map(Hex))
    }

    /// The hash of the bytes in a map's bounce pages, as far as they lie inside those pages.
    fn bounce_hash(&self, map: MapId) -> Option<Hex> {
        let memory = self.engine.platform().memory();
        let mut hash = Fnv1a::new();
        let mut pages = 0;
        for piece in self.engine.bounce_pages(map) {
            memory.hash(piece.bounce.to_phys(), piece.len.min(piece.bounce.left_in_page()), &mut hash);
            pages += 1;
        }
        (pages > 0).then(|| Hex(hash.finish()))
    }
}

fn sync_ops(input: &Sync<'_>) -> SyncOps {
    input
        .ops
        .iter()
        .map(|op| match op {
            SyncOp::PreRead => SyncOps::PRE_READ,
            SyncOp::PostRead => SyncOps::POST_READ,
            SyncOp::PreWrite => SyncOps::PRE_WRITE,
            SyncOp::PostWrite => SyncOps::POST_WRITE,
        })
        .collect()
}
