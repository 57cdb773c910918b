//! What clients have on a machine, by number, with whose it is.

use super::ages::{Ages, Neighbours};
use super::failure::exceeded;
use super::lost_tags::LostTags;
use super::owner::Caller;
use crate::quota::QuotaExceeded;
use crate::session::Session;
use busdma_api::engine::EngineError;
use busdma_api::{MachineId, MapRef, MemoryOrigin, MemoryRef, TagRef};
use busdma_engine::{BusSize, MapId, MapState, Nanos, TagId};
use busdma_memory::RegionId;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// All objects of a machine.
#[derive(Debug)]
pub(crate) struct Objects {
    pub(crate) machine: MachineId,
    pub(crate) tags: FxHashMap<u32, TagEntry>,
    pub(crate) maps: FxHashMap<u32, MapEntry>,
    pub(crate) buffers: FxHashMap<u32, BufferEntry>,
    pub(crate) dmamem: FxHashMap<u32, DmamemEntry>,
    pub(crate) tag_numbers: FxHashMap<TagId, u32>,
    /// Tags that were destroyed and that the engine keeps.
    pub(crate) lost: LostTags,
    pub(crate) map_numbers: FxHashMap<MapId, u32>,
    pub(crate) ages: Ages,
    next: Next,
}

/// The numbers given last.
#[derive(Debug, Default)]
struct Next {
    tag: u32,
    map: u32,
    buffer: u32,
    dmamem: u32,
}

/// A tag.
#[derive(Debug)]
pub(crate) struct TagEntry {
    pub(crate) id: TagId,
    pub(crate) session: Arc<Session>,
    pub(crate) preset: Option<String>,
    /// Destroyed by its owner, kept by the engine while others refer to it.
    pub(crate) destroyed: bool,
    /// Maps that belong to it.
    pub(crate) maps: u32,
}

/// A map.
#[derive(Debug)]
pub(crate) struct MapEntry {
    pub(crate) id: MapId,
    pub(crate) tag: u32,
    pub(crate) session: Arc<Session>,
    pub(crate) origin: MapOrigin,
    /// What it does, and since when.
    pub(crate) state: MapState,
    pub(crate) since: Nanos,
    pub(crate) neighbours: Neighbours,
    /// Bounce pages counted against the session's share.
    pub(crate) bounce_pages: u32,
    /// Memory that the mapping, or what a failed load left, refers to.
    pub(crate) uses: Vec<MemoryUse>,
    /// Its bytes are being copied by a worker that does not hold the machine.
    pub(crate) held: bool,
    /// A callback2's size, for the end of a deferred load.
    pub(crate) mapsize: Option<u64>,
}

/// Where a map came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MapOrigin {
    /// CreateMap.
    Created,
    /// AllocMem, with this memory.
    Dmamem(u32),
}

/// Memory that a map refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MemoryUse {
    pub(crate) origin: MemoryOrigin,
    pub(crate) number: u32,
}

/// Registered memory.
#[derive(Debug)]
pub(crate) struct BufferEntry {
    pub(crate) region: RegionId,
    pub(crate) session: Arc<Session>,
    /// Maps that refer to it.
    pub(crate) users: u32,
    pub(crate) len: BusSize,
}

/// dmamem.
#[derive(Debug)]
pub(crate) struct DmamemEntry {
    pub(crate) map: u32,
    pub(crate) session: Arc<Session>,
    pub(crate) region: busdma_engine::DmamemRegion,
    pub(crate) len: BusSize,
    /// Maps that refer to it, its own not counted.
    pub(crate) users: u32,
}

impl Objects {
    pub(crate) fn new(machine: MachineId) -> Self {
        Self {
            machine,
            tags: FxHashMap::default(),
            maps: FxHashMap::default(),
            buffers: FxHashMap::default(),
            dmamem: FxHashMap::default(),
            tag_numbers: FxHashMap::default(),
            lost: LostTags::default(),
            map_numbers: FxHashMap::default(),
            ages: Ages::default(),
            next: Next::default(),
        }
    }

    /// A number no tag has had.
    pub(crate) fn new_tag(&mut self) -> u32 {
        self.next.tag += 1;
        self.next.tag
    }

    /// A number no map has had.
    pub(crate) fn new_map(&mut self) -> u32 {
        self.next.map += 1;
        self.next.map
    }

    /// A number no registered memory has had.
    pub(crate) fn new_buffer(&mut self) -> u32 {
        self.next.buffer += 1;
        self.next.buffer
    }

    /// A number no dmamem has had.
    pub(crate) fn new_dmamem(&mut self) -> u32 {
        self.next.dmamem += 1;
        self.next.dmamem
    }

    pub(crate) const fn tag_ref(&self, number: u32) -> TagRef {
        TagRef { machine: self.machine, number }
    }

    pub(crate) const fn map_ref(&self, number: u32) -> MapRef {
        MapRef { machine: self.machine, number }
    }

    pub(crate) const fn memory_ref(&self, origin: MemoryOrigin, number: u32) -> MemoryRef {
        MemoryRef { machine: self.machine, origin, number }
    }

    /// Enters a map.
    pub(crate) fn enter_map(&mut self, number: u32, entry: MapEntry) {
        if let Some(tag) = self.tags.get_mut(&entry.tag) {
            tag.maps += 1;
        }
        self.map_numbers.insert(entry.id, number);
        self.maps.insert(number, entry);
    }

    /// A tag of the caller's that was not destroyed.
    pub(crate) fn tag(&self, number: u32, caller: &Caller<'_>) -> Result<&TagEntry, EngineError> {
        let entry = self.tags.get(&number).filter(|entry| !entry.destroyed);
        owned(entry, caller, |entry| &entry.session, || self.tag_ref(number).to_string())
    }

    /// A map of the caller's.
    #[inline]
    pub(crate) fn map(&self, number: u32, caller: &Caller<'_>) -> Result<&MapEntry, EngineError> {
        owned(self.maps.get(&number), caller, |entry| &entry.session, || self.map_ref(number).to_string())
    }

    /// Registered memory of the caller's.
    #[inline]
    pub(crate) fn buffer(&self, number: u32, caller: &Caller<'_>) -> Result<&BufferEntry, EngineError> {
        owned(
            self.buffers.get(&number),
            caller,
            |entry| &entry.session,
            || self.memory_ref(MemoryOrigin::Registered, number).to_string(),
        )
    }

    /// dmamem of the caller's.
    pub(crate) fn dmamem(&self, number: u32, caller: &Caller<'_>) -> Result<&DmamemEntry, EngineError> {
        owned(
            self.dmamem.get(&number),
            caller,
            |entry| &entry.session,
            || self.memory_ref(MemoryOrigin::Dmamem, number).to_string(),
        )
    }

    /// Counts one more map that refers to memory.
    pub(crate) fn add_use(&mut self, used: MemoryUse) {
        if let Some(users) = self.users(used) {
            *users += 1;
        }
    }

    /// Counts one less.
    pub(crate) fn drop_use(&mut self, used: MemoryUse) {
        if let Some(users) = self.users(used) {
            *users = users.saturating_sub(1);
        }
    }

    fn users(&mut self, used: MemoryUse) -> Option<&mut u32> {
        match used.origin {
            MemoryOrigin::Registered => self.buffers.get_mut(&used.number).map(|entry| &mut entry.users),
            MemoryOrigin::Dmamem => self.dmamem.get_mut(&used.number).map(|entry| &mut entry.users),
        }
    }

    /// A map that refers to memory.
    pub(crate) fn user_of(&self, used: MemoryUse) -> Option<MapRef> {
        let number = self.maps.iter().filter(|(_, entry)| entry.uses.contains(&used)).map(|(&number, _)| number).min();
        number.map(|number| self.map_ref(number))
    }
}

#[inline]
fn owned<'o, T>(
    entry: Option<&'o T>,
    caller: &Caller<'_>,
    session: impl Fn(&T) -> &Arc<Session>,
    name: impl Fn() -> String,
) -> Result<&'o T, EngineError> {
    match entry {
        Some(entry) if session(entry).id == caller.session.id => Ok(entry),
        Some(_) => Err(EngineError::NotOwner { object: name() }),
        None => Err(EngineError::NoSuchObject { object: name() }),
    }
}

impl From<QuotaExceeded> for EngineError {
    fn from(refused: QuotaExceeded) -> Self {
        exceeded(refused.quota.name(), refused.limit, refused.scope)
    }
}
