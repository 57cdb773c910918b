//! From a verb and its machine to a chunk: what a tape copies, on the engine's thread.

use crate::chunk::{
    AllocatedMem, Body, Chunk, Count, CreatedTag, EndedLoad, Entry, Existence, LoadRecord, Record, TapedDecisions,
};
use crate::implied::Implied;
use crate::lists::Lists;
use crate::operation::{LoadEnd, TapedOperation, TapedVerb};
use busdma_engine::{
    DmaMap, Engine, KernelPanic, LoadError, MapError, MapForm, MapId, MemDesc, MemError, Observer, Platform, SyncError,
    TagError, UnloadReport, VirtRange, WaitPolicy,
};
use busdma_trace::drain::{Drained, Ended};
use busdma_trace::format::{MapCounters, Ret};
use busdma_trace::{Decisions, observe};

impl Chunk {
    /// The short way for an operation whose result tells all that was decided in it, as most do: it met no hazard, took no
    /// bounce page and gave none back. `None` sends it the long way; nothing was copied then.
    #[expect(clippy::inline_always, reason = "a caller knows its verb")]
    #[inline(always)]
    pub(crate) fn push_plain<P: Platform, O: Observer>(
        &mut self,
        engine: &Engine<P, O>,
        operation: &TapedOperation<'_>,
        decisions: Decisions,
    ) -> Option<()> {
        let &TapedOperation { session, at, ref verb, decisions: decided, hazards } = operation;
        if !hazards.is_empty() {
            return None;
        }
        let body = match *verb {
            TapedVerb::Load { map, desc: &MemDesc::Buffer(range), wait, end: LoadEnd::Loaded } => {
                let state = engine.map(map)?;
                let &[segment] = state.segments() else { return None };
                Implied::Loaded { map, segment }.are(decided).then_some(())?;
                self.segments.push(segment);
                let counters = observe::map_counters(state);
                Body::BufferLoaded { map, range, wait, segments: Count::ONE, counters }
            }
            TapedVerb::Unload { map, result: Ok(UnloadReport { woken: 0, .. }) } => {
                Implied::Unloaded { map }.are(decided).then_some(())?;
                Body::Unload { map, ret: Ret::Ok, woken: 0, counters: counters(engine, map) }
            }
            _ => return None,
        };
        let decisions = match decisions {
            Decisions::Recorded => TapedDecisions::Implied,
            Decisions::LeftOut => TapedDecisions::LeftOut,
        };
        self.records.push(Record { session, at, body, decisions });
        self.entries.push(Entry::Operation);
        Some(())
    }

    /// Copies a verb, with what it left on the machine.
    #[expect(clippy::inline_always, reason = "a caller knows its verb")]
    #[inline(always)]
    pub(crate) fn push_verb<P: Platform, O: Observer>(&mut self, engine: &Engine<P, O>, verb: &TapedVerb<'_>) -> Body {
        match *verb {
            TapedVerb::Load { map, desc: &MemDesc::Buffer(range), wait, end: LoadEnd::Loaded } => {
                self.push_buffer_loaded(engine, map, range, wait)
            }
            TapedVerb::Load { map, desc, wait, end } => self.push_load(engine, map, desc, wait, end),
            TapedVerb::Unload { map, result } => Body::Unload {
                map,
                ret: map_ret(&result),
                woken: result.map_or(0, |report| report.woken),
                counters: counters(engine, map),
            },
            TapedVerb::Sync { map, ops, plan, ref result } => {
                self.copies.extend_from_slice(&plan.copies);
                self.cache.extend_from_slice(&plan.cache);
                let ret = if result.is_ok() { Ret::Ok } else { Ret::Einval };
                Body::Sync { map, ops, ret, copies: Count::of(&plan.copies), cache: Count::of(&plan.cache) }
            }
            TapedVerb::RunDeferred { drained } => self.push_drain(drained),
            TapedVerb::Cancel { map, result } => Body::Cancel { map, ret: map_ret(&result), report: result.ok() },
            TapedVerb::CreateMap { number, tag, result } => {
                let map = result.ok().map(|map| (map, form(engine, map)));
                Body::CreateMap { number, tag, ret: map_ret(&result), map }
            }
            TapedVerb::DestroyMap { map, result } => {
                let after = if engine.map(map).is_some() { Existence::Exists } else { Existence::Gone };
                Body::DestroyMap { map, ret: map_ret(&result), after }
            }
            TapedVerb::CreateTag { number, parent, template, result } => {
                let result = result.and_then(|id| match engine.tag(id) {
                    Some(tag) => Ok((id, tag.clone())),
                    None => Err(TagError::NoSuchTag(id)),
                });
                self.tags.push(CreatedTag { number, parent, template: template.clone(), result });
                Body::CreateTag
            }
            TapedVerb::DestroyTag { tag, result } => {
                let (ret, freed) = match result {
                    Ok(freed) => (Ret::Ok, &freed.tags[..]),
                    Err(error) => (observe::ret(Some(error.errno())), &[][..]),
                };
                self.freed.extend_from_slice(freed);
                Body::DestroyTag { tag, ret, freed: Count::of(freed) }
            }
            TapedVerb::AllocMem { number, map_number, tag, flags, result } => {
                let result = result.map(|allocation| (allocation.clone(), form(engine, allocation.map)));
                self.memory.push(AllocatedMem { number, map_number, tag, flags, result });
                Body::AllocMem
            }
            TapedVerb::FreeMem { memory, map, result } => {
                let ret = result.map_or_else(|error| observe::ret(error.errno()), |_| Ret::Ok);
                Body::FreeMem { memory, map, ret, freed: result.ok() }
            }
        }
    }

    #[inline]
    fn push_buffer_loaded<P: Platform, O: Observer>(
        &mut self,
        engine: &Engine<P, O>,
        map: MapId,
        range: VirtRange,
        wait: WaitPolicy,
    ) -> Body {
        let state = engine.map(map);
        let segments = state.map_or(&[][..], DmaMap::segments);
        self.segments.extend_from_slice(segments);
        let counters = state.and_then(observe::map_counters);
        Body::BufferLoaded { map, range, wait, segments: Count::of(segments), counters }
    }

    fn push_load<P: Platform, O: Observer>(
        &mut self,
        engine: &Engine<P, O>,
        map: MapId,
        desc: &MemDesc<'_>,
        wait: WaitPolicy,
        end: LoadEnd,
    ) -> Body {
        let Lists { virt, phys, pages } = Lists::of(desc);
        self.virt.extend_from_slice(virt);
        self.phys.extend_from_slice(phys);
        self.pages.extend_from_slice(pages);
        let state = engine.map(map);
        let segments = match (end, desc, state) {
            (LoadEnd::Loaded, _, Some(map)) => map.segments(),
            (_, MemDesc::MbufSg(_), Some(map)) => map.filled_segments(),
            _ => &[],
        };
        self.segments.extend_from_slice(segments);
        self.loads.push(LoadRecord {
            map,
            desc: Lists::take_out_of(desc),
            virt: Count::of(virt),
            phys: Count::of(phys),
            pages: Count::of(pages),
            wait,
            end,
            segments: Count::of(segments),
            counters: state.and_then(observe::map_counters),
        });
        Body::Load
    }

    fn push_drain(&mut self, drained: &Drained) -> Body {
        self.events.extend_from_slice(&drained.events);
        self.stopped.extend_from_slice(&drained.panics);
        for &Ended { map, tag, ref result } in &drained.callbacks {
            let result = result.as_ref().map_err(|error| *error).map(|segments| {
                self.segments.extend_from_slice(segments);
                Count::of(segments)
            });
            self.ended.push(EndedLoad { map, tag, result });
        }
        Body::RunDeferred {
            events: Count::of(&drained.events),
            ended: Count::of(&drained.callbacks),
            stopped: Count::of(&drained.panics),
        }
    }
}

impl TapedVerb<'_> {
    /// Where FreeBSD's kernel stopped, if it did.
    #[inline]
    pub(crate) fn panic(&self) -> Option<KernelPanic> {
        match *self {
            Self::Load { end: LoadEnd::Failed(LoadError::Panic(panic)), .. }
            | Self::CreateMap { result: Err(MapError::Panic(panic)), .. }
            | Self::DestroyMap { result: Err(MapError::Panic(panic)), .. }
            | Self::Unload { result: Err(MapError::Panic(panic)), .. }
            | Self::Cancel { result: Err(MapError::Panic(panic)), .. }
            | Self::Sync { result: Err(SyncError::Panic(panic)), .. }
            | Self::AllocMem { result: Err(MemError::Panic(panic)), .. }
            | Self::FreeMem { result: Err(MemError::Panic(panic)), .. } => Some(panic),
            _ => None,
        }
    }
}

fn map_ret<T>(result: &Result<T, MapError>) -> Ret {
    result.as_ref().map_or_else(|error| observe::ret(error.errno()), |_| Ret::Ok)
}

fn counters<P: Platform, O: Observer>(engine: &Engine<P, O>, map: MapId) -> Option<MapCounters> {
    engine.map(map).and_then(observe::map_counters)
}

fn form<P: Platform, O: Observer>(engine: &Engine<P, O>, map: MapId) -> MapForm {
    engine.map(map).map_or(MapForm::Null, DmaMap::form)
}
