//! From what a tape told to the lines of a trace.
//!
//! A [`Scenario`] knows what the lines so far have said of the machine, and adds one line for each operation. What `out`
//! says is built by [`busdma_trace::observe`] or by the same steps as in a replay, so that a replay finds nothing else.
//! The lines that most of a recording consists of are written by `quick` without a serializer; with debug assertions, as in
//! all tests, each of them is held against what the serializer makes of it.

mod address_map;
mod deferred;
mod dmamem;
mod header;
mod kept;
mod maps;
mod names;
mod quick;
mod request;
mod tags;
mod text;

pub(crate) use header::HeaderNote;

use crate::chunk::{AllocatedMem, Body, CreatedTag, Existence, LoadRecord};
use crate::columns::Told;
use crate::lists::Lists;
use crate::operation::{LoadEnd, MemoryNumber};
use crate::start::{Numbers, Region, Start};
use address_map::AddressMap;
use busdma_engine::{AddressSpace, MapId, MemDesc, TagId, VirtAddr};
use busdma_trace::format::{DecisionRecord, Input, Name, Output, Zone};
use busdma_trace::observe::{self, IdNames};
use busdma_trace::writer::LineTooLong;
use busdma_trace::{HazardSet, OperationLine, SnapshotError, TraceWriter};
use kept::KeptLines;
use names::Names;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::io;
use thiserror::Error;

/// An operation that a trace cannot hold. Each of these is a request that the daemon should have refused, or something it
/// forgot to tell.
#[derive(Debug, Error)]
pub(crate) enum Unwritable {
    #[error("{space:?} address {addr} of a request is not mapped")]
    NotMapped { space: AddressSpace, addr: VirtAddr },
    #[error("nobody said the number of {0}")]
    UnknownTag(TagId),
    #[error("nobody said the number of {0}")]
    UnknownMap(MapId),
    #[error("nobody said the number of the memory of {0}")]
    UnknownMemory(MapId),
    #[error("an address filter that is a function cannot be written down")]
    CustomFilter,
    #[error("a verb failed on an object that does not exist")]
    NoSuchObject,
    #[error("the machine's state cannot be written down")]
    State(#[from] SnapshotError),
    #[error("the line has {bytes} bytes, readers take {limit}")]
    LineTooLong { bytes: usize, limit: usize },
    #[error("the line cannot be spelled")]
    Spelling(#[source] io::Error),
}

impl From<io::Error> for Unwritable {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<LineTooLong>()) {
            Some(&LineTooLong { bytes, limit }) => Self::LineTooLong { bytes, limit },
            None => Self::Spelling(error),
        }
    }
}

/// The lines since one start.
#[derive(Debug)]
pub(crate) struct Scenario {
    names: Names,
    memory: AddressMap,
    seen: HazardSet,
    kept: KeptLines,
    seq: u64,
}

impl Scenario {
    /// No lines yet, on the machine as it was.
    fn new(start: &Start) -> Self {
        let mut scenario = Self {
            names: Names::default(),
            memory: AddressMap::default(),
            seen: HazardSet::default(),
            kept: KeptLines::default(),
            seq: 0,
        };
        let Numbers { tags, maps, memory } = &start.numbers;
        for &(tag, number) in tags {
            scenario.names.add_tag(tag, number);
        }
        for numbered in maps {
            scenario.names.add_map(numbered.map, numbered.number, numbered.tag.name().into());
        }
        for region in &start.regions {
            scenario.memory.map(region);
        }
        let memory: FxHashMap<MapId, MemoryNumber> = memory.iter().copied().collect();
        for map in &start.snapshot.engine().maps {
            if let (Some(dmamem), Some(&number)) = (&map.dmamem, memory.get(&map.id)) {
                scenario.names.add_memory(map.id, number, dmamem.region.vaddr);
                scenario.map_dmamem(&dmamem.region);
            }
        }
        scenario
    }

    /// Memory was registered.
    pub(crate) fn map_region(&mut self, region: &Region) {
        self.memory.map(region);
    }

    /// Memory was released.
    pub(crate) fn release_region(&mut self, space: AddressSpace, start: VirtAddr) {
        self.memory.unmap(space, start);
    }

    /// Adds the line of an operation to `lines`.
    ///
    /// # Errors
    /// [`Unwritable`], and `lines` is as it was; nothing after it makes sense then.
    pub(crate) fn write(&mut self, told: &Told<'_>, lines: &mut TraceWriter<Vec<u8>>) -> Result<(), Unwritable> {
        if let Some(session) = told.record.session {
            self.names.turn_to(session);
        }
        let start = lines.get_mut().len();
        if self.write_quickly(told, lines.get_mut()).is_some() {
            debug_assert_eq!(self.spelled(told).as_deref(), lines.get_mut().get(start..), "{told:?}");
        } else {
            lines.get_mut().truncate(start);
            self.learn(told)?;
            let hazard = if told.hazards.is_empty() { Vec::new() } else { self.seen.add(told.hazards).names() };
            self.spell(told, &hazard, lines)?;
            self.forget(told);
        }
        self.seq += 1;
        Ok(())
    }

    /// The line as the serializer spells it, to hold one against that was written quickly.
    fn spelled(&self, told: &Told<'_>) -> Option<Vec<u8>> {
        let mut lines = TraceWriter::new(Vec::new());
        self.spell(told, &[], &mut lines).ok()?;
        Some(lines.into_inner())
    }

    fn spell(&self, told: &Told<'_>, hazard: &[Name<'_>], lines: &mut TraceWriter<Vec<u8>>) -> Result<(), Unwritable> {
        let (input, output) = self.line(told)?;
        lines.write_operation(&OperationLine {
            seq: self.seq + 1,
            t: Some(told.record.at.raw()),
            session: told.record.session.map(|_| self.names.caller()),
            input: &input,
            output: &output,
            hazard,
        })?;
        Ok(())
    }

    fn line<'a>(&'a self, told: &Told<'a>) -> Result<(Input<'a>, Output<'a>), Unwritable> {
        let (input, output) = match told.record.body {
            Body::CreateTag => self.create_tag(told)?,
            Body::DestroyTag { tag, ret, .. } => self.destroy_tag(told, tag, ret)?,
            Body::CreateMap { number, tag, ret, map } => self.create_map(told, number, tag, ret, map)?,
            Body::DestroyMap { map, ret, .. } => self.destroy_map(told, map, ret)?,
            Body::BufferLoaded { map, range, wait, counters, .. } => {
                self.load(told, map, &MemDesc::Buffer(range), wait, LoadEnd::Loaded, counters)?
            }
            Body::Load => {
                let LoadRecord { map, desc, wait, end, counters, .. } = told.load.ok_or(Unwritable::NoSuchObject)?;
                let desc = Lists { virt: told.virt, phys: told.phys, pages: told.pages }.put_into(desc);
                self.load(told, *map, &desc, *wait, *end, *counters)?
            }
            Body::RunDeferred { .. } => self.run_deferred(told),
            Body::Sync { map, ops, ret, .. } => self.sync(told, map, ops, ret)?,
            Body::Unload { map, ret, woken, counters } => self.unload(told, map, ret, woken, counters)?,
            Body::Cancel { map, ret, report } => self.cancel(told, map, ret, report)?,
            Body::AllocMem => self.alloc_mem(told)?,
            Body::FreeMem { memory, map, ret, freed } => self.free_mem(told, memory, map, ret, freed)?,
        };
        let output = match told.panic {
            Some(panic) => Output::Panic(observe::panicked(panic)),
            None => output,
        };
        Ok((input, output))
    }

    /// What the end of most outputs says.
    fn after<'a>(&'a self, told: &Told<'a>) -> After<'a> {
        let changed = told.changed();
        After {
            zones: changed.zones_field(),
            waiting: changed.waiting_field(&self.names),
            decisions: self.decisions(told),
        }
    }

    fn decisions<'a>(&'a self, told: &Told<'a>) -> Option<Vec<DecisionRecord<'a>>> {
        let (tag, map) = (|tag| self.names.tag_name(tag).into(), |map| self.names.map_name(map).into());
        told.decisions.with_all(|all| all.iter().map(|one| observe::decision(one, tag, map)).collect())
    }

    /// Takes up what an operation made: its own line already names it.
    fn learn(&mut self, told: &Told<'_>) -> Result<(), Unwritable> {
        match told.record.body {
            Body::CreateTag => {
                if let Some(CreatedTag { number, result: Ok((tag, _)), .. }) = told.tag {
                    self.names.add_tag(*tag, *number);
                }
            }
            Body::CreateMap { number, tag, map: Some((map, _)), .. } => {
                let tag = self.names.tag(tag)?.clone();
                self.names.add_map(map, number, tag);
            }
            Body::AllocMem => {
                if let Some(AllocatedMem { number, map_number, tag, result: Ok((memory, _)), .. }) = told.memory {
                    let tag = self.names.tag(*tag)?.clone();
                    self.names.add_map(memory.map, *map_number, tag);
                    self.names.add_memory(memory.map, *number, memory.region.vaddr);
                    self.map_dmamem(&memory.region);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Drops what an operation ended: its own line still named it.
    fn forget(&mut self, told: &Told<'_>) {
        match told.record.body {
            Body::DestroyTag { .. } => told.freed.iter().for_each(|&tag| self.names.remove_tag(tag)),
            Body::DestroyMap { map, after: Existence::Gone, .. } => self.names.remove_map(map),
            Body::FreeMem { memory, freed: Some(_), .. } => {
                self.unmap_dmamem(memory);
                self.names.remove_map(memory);
            }
            _ => {}
        }
    }
}

/// What the end of most outputs says.
struct After<'a> {
    zones: Option<Cow<'a, [Zone]>>,
    waiting: Option<Vec<Name<'a>>>,
    decisions: Option<Vec<DecisionRecord<'a>>>,
}
