//! How the trace calls the engine's objects: `t7`, `m7`, `d7`, after the daemon's numbers.

use super::Unwritable;
use crate::operation::{MapNumber, MemoryNumber, SessionNumber, TagNumber};
use busdma_engine::{MapId, TagId, VirtAddr};
use busdma_trace::observe::IdNames;
use rustc_hash::FxHashMap;
use std::sync::Arc;

impl TagNumber {
    pub(super) fn name(self) -> String {
        format!("t{}", self.0)
    }
}

impl MapNumber {
    pub(super) fn name(self) -> String {
        format!("m{}", self.0)
    }
}

impl MemoryNumber {
    pub(super) fn name(self) -> String {
        format!("d{}", self.0)
    }
}

/// The names of everything that lives.
#[derive(Debug, Default)]
pub(super) struct Names {
    tags: FxHashMap<TagId, Arc<str>>,
    maps: FxHashMap<MapId, MapNames>,
    /// By the map the memory came with.
    memory: FxHashMap<MapId, MemoryName>,
    /// The session that called last, which mostly calls again.
    caller: Option<SessionNumber>,
    caller_name: String,
}

/// The name of dmamem, and where it begins.
#[derive(Debug)]
struct MemoryName {
    name: Arc<str>,
    start: VirtAddr,
}

/// A map's own name, and that of its tag, which may be gone before the map.
#[derive(Clone, Debug)]
pub(super) struct MapNames {
    pub(super) map: Arc<str>,
    pub(super) tag: Arc<str>,
}

impl Names {
    /// Makes a session the caller.
    pub(super) fn turn_to(&mut self, session: SessionNumber) {
        if self.caller != Some(session) {
            self.caller = Some(session);
            self.caller_name = format!("s{}", session.0);
        }
    }

    /// The name of the session that was turned to last.
    pub(super) fn caller(&self) -> &str {
        &self.caller_name
    }

    pub(super) fn add_tag(&mut self, tag: TagId, number: TagNumber) {
        self.tags.insert(tag, number.name().into());
    }

    pub(super) fn add_map(&mut self, map: MapId, number: MapNumber, tag: Arc<str>) {
        self.maps.insert(map, MapNames { map: number.name().into(), tag });
    }

    pub(super) fn add_memory(&mut self, map: MapId, number: MemoryNumber, start: VirtAddr) {
        self.memory.insert(map, MemoryName { name: number.name().into(), start });
    }

    pub(super) fn remove_tag(&mut self, tag: TagId) {
        self.tags.remove(&tag);
    }

    pub(super) fn remove_map(&mut self, map: MapId) {
        self.maps.remove(&map);
    }

    /// Returns where the memory began.
    pub(super) fn remove_memory(&mut self, map: MapId) -> Option<VirtAddr> {
        self.memory.remove(&map).map(|memory| memory.start)
    }

    pub(super) fn tag(&self, tag: TagId) -> Result<&Arc<str>, Unwritable> {
        self.tags.get(&tag).ok_or(Unwritable::UnknownTag(tag))
    }

    pub(super) fn map(&self, map: MapId) -> Result<&MapNames, Unwritable> {
        self.maps.get(&map).ok_or(Unwritable::UnknownMap(map))
    }

    pub(super) fn memory(&self, map: MapId) -> Result<&str, Unwritable> {
        self.memory.get(&map).map(|memory| &*memory.name).ok_or(Unwritable::UnknownMemory(map))
    }
}

/// Decisions may name a tag whose creation failed: it has no name.
impl IdNames for Names {
    fn tag_name(&self, tag: TagId) -> &str {
        self.tags.get(&tag).map_or("", |name| name)
    }

    fn map_name(&self, map: MapId) -> &str {
        self.maps.get(&map).map_or("", |names| &names.map)
    }

    fn memory_name(&self, map: MapId) -> &str {
        self.memory.get(&map).map_or("", |memory| &memory.name)
    }
}
