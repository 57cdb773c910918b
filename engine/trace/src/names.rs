//! The ids of a scenario and the engine's handles behind them.

use crate::error::{IdKind, OperationError};
use crate::observe::IdNames;
use crate::request::Request;
use busdma_engine::{MapId, TagId};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;
use std::sync::Arc;

/// Ids of destroyed objects that are remembered, so that a reuse is noticed: memory must not grow with the trace.
const RETIRED_MAX: usize = 1 << 16;

/// The ids of a scenario.
#[derive(Debug)]
pub(crate) struct Names {
    tags: Ids<TagId>,
    maps: Ids<MapId, MapEntry>,
    /// By the map the memory came with, with the id of its tag.
    dmamem: Ids<MapId, Arc<str>>,
    id_of_tag: FxHashMap<TagId, Arc<str>>,
    id_of_map: FxHashMap<MapId, Arc<str>>,
    id_of_memory: FxHashMap<MapId, Arc<str>>,
}

/// What is kept with a map id.
#[derive(Debug)]
pub(crate) struct MapEntry {
    /// The id of its tag; empty where that was gone before the scenario began.
    pub(crate) tag: Arc<str>,
    /// Its last request.
    pub(crate) request: Request,
}

/// Why an id leads to nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NoObject {
    /// The trace is wrong.
    Trace(OperationError),
    /// The object exists in the trace; here its creation failed.
    NotCreated {
        /// What it would be.
        kind: IdKind,
        /// Its id.
        id: String,
    },
    /// The object was destroyed here; perhaps the trace says that it was not.
    Destroyed {
        /// What it was.
        kind: IdKind,
        /// Its id.
        id: String,
    },
}

impl From<OperationError> for NoObject {
    fn from(error: OperationError) -> Self {
        Self::Trace(error)
    }
}

impl Names {
    pub(crate) fn new() -> Self {
        Self {
            tags: Ids::new(IdKind::Tag),
            maps: Ids::new(IdKind::Map),
            dmamem: Ids::new(IdKind::Dmamem),
            id_of_tag: FxHashMap::default(),
            id_of_map: FxHashMap::default(),
            id_of_memory: FxHashMap::default(),
        }
    }

    pub(crate) fn check_new_tag(&self, id: &str) -> Result<(), OperationError> {
        self.tags.check_new(id)
    }

    pub(crate) fn check_new_map(&self, id: &str) -> Result<(), OperationError> {
        self.maps.check_new(id)
    }

    pub(crate) fn check_new_dmamem(&self, id: &str) -> Result<(), OperationError> {
        self.dmamem.check_new(id)
    }

    /// Adds a tag; `None` when the engine did not create it.
    pub(crate) fn add_tag(&mut self, id: &str, tag: Option<TagId>) {
        let id = self.tags.add(id, tag, ());
        if let Some(tag) = tag {
            self.id_of_tag.insert(tag, id);
        }
    }

    /// Adds a map of a tag; `None` when the engine did not create it.
    pub(crate) fn add_map(&mut self, id: &str, tag: &str, map: Option<MapId>) {
        let entry = MapEntry { tag: self.tags.shared(tag), request: Request::default() };
        let id = self.maps.add(id, map, entry);
        if let Some(map) = map {
            self.id_of_map.insert(map, id);
        }
    }

    /// Adds memory, by the map it came with; `None` when the engine did not allocate it.
    pub(crate) fn add_dmamem(&mut self, id: &str, tag: &str, map: Option<MapId>) {
        let id = self.dmamem.add(id, map, self.tags.shared(tag));
        if let Some(map) = map {
            self.id_of_memory.insert(map, id);
        }
    }

    pub(crate) fn tag(&self, id: &str) -> Result<TagId, NoObject> {
        self.tags.get(id)
    }

    /// A map that the operation names together with its tag.
    pub(crate) fn map_of_tag(&mut self, id: &str, tag: &str) -> Result<(MapId, &mut MapEntry), NoObject> {
        if let Some((_, entry)) = self.maps.live.get(id)
            && *entry.tag != *tag
            && !entry.tag.is_empty()
        {
            self.tags.get(tag)?;
            return Err(other_tag(IdKind::Map, id, &entry.tag, tag));
        }
        self.map(id)
    }

    pub(crate) fn map(&mut self, id: &str) -> Result<(MapId, &mut MapEntry), NoObject> {
        self.maps.get_mut(id)
    }

    /// The engine's map, `None` where there is none.
    pub(crate) fn existing_map(&self, id: &str) -> Option<MapId> {
        self.maps.get(id).ok()
    }

    /// The map that memory came with, which the operation names together with its tag.
    pub(crate) fn dmamem_of_tag(&self, id: &str, tag: &str) -> Result<MapId, NoObject> {
        if let Some((_, owner)) = self.dmamem.live.get(id)
            && **owner != *tag
            && !owner.is_empty()
        {
            self.tags.get(tag)?;
            return Err(other_tag(IdKind::Dmamem, id, owner, tag));
        }
        self.dmamem.get(id)
    }

    pub(crate) fn retire_tag(&mut self, tag: TagId) {
        if let Some(id) = self.id_of_tag.remove(&tag) {
            self.tags.retire(&id);
        }
    }

    pub(crate) fn retire_map(&mut self, map: MapId) {
        if let Some(id) = self.id_of_map.remove(&map) {
            self.maps.retire(&id);
        }
    }

    pub(crate) fn retire_dmamem(&mut self, id: &str) {
        if let Ok(map) = self.dmamem.get(id) {
            self.id_of_memory.remove(&map);
        }
        self.dmamem.retire(id);
    }
}

impl IdNames for Names {
    fn tag_name(&self, tag: TagId) -> &str {
        self.id_of_tag.get(&tag).map_or("", |id| id)
    }

    fn map_name(&self, map: MapId) -> &str {
        self.id_of_map.get(&map).map_or("", |id| id)
    }

    fn memory_name(&self, map: MapId) -> &str {
        self.id_of_memory.get(&map).map_or("", |id| id)
    }
}

/// The ids of one kind: the live ones, each with the engine's handle, and some of those that were.
#[derive(Debug)]
struct Ids<H, T = ()> {
    kind: IdKind,
    /// The handle is missing where the trace created something that the engine did not.
    live: FxHashMap<Arc<str>, (Option<H>, T)>,
    retired: FxHashSet<Arc<str>>,
    retired_order: VecDeque<Arc<str>>,
}

impl<H: Copy, T> Ids<H, T> {
    fn new(kind: IdKind) -> Self {
        Self { kind, live: FxHashMap::default(), retired: FxHashSet::default(), retired_order: VecDeque::new() }
    }

    fn check_new(&self, id: &str) -> Result<(), OperationError> {
        if self.live.contains_key(id) || self.retired.contains(id) {
            return Err(OperationError::ReusedId { kind: self.kind, id: id.to_owned() });
        }
        Ok(())
    }

    fn add(&mut self, id: &str, handle: Option<H>, value: T) -> Arc<str> {
        let id: Arc<str> = id.into();
        self.live.insert(id.clone(), (handle, value));
        id
    }

    /// The id as it is kept here, or a new copy.
    fn shared(&self, id: &str) -> Arc<str> {
        self.live.get_key_value(id).map_or_else(|| id.into(), |(id, _)| id.clone())
    }

    #[inline]
    fn get(&self, id: &str) -> Result<H, NoObject> {
        match self.live.get(id) {
            Some((Some(handle), _)) => Ok(*handle),
            entry => Err(self.no_object(id, entry.is_some())),
        }
    }

    #[inline]
    fn get_mut(&mut self, id: &str) -> Result<(H, &mut T), NoObject> {
        self.get(id)?;
        match self.live.get_mut(id) {
            Some((Some(handle), value)) => Ok((*handle, value)),
            _ => Err(OperationError::UnknownId { kind: self.kind, id: id.to_owned() }.into()),
        }
    }

    fn retire(&mut self, id: &str) {
        let Some((id, _)) = self.live.remove_entry(id) else { return };
        if self.retired_order.len() >= RETIRED_MAX
            && let Some(oldest) = self.retired_order.pop_front()
        {
            self.retired.remove(&oldest);
        }
        self.retired.insert(id.clone());
        self.retired_order.push_back(id);
    }

    #[cold]
    fn no_object(&self, id: &str, expected: bool) -> NoObject {
        let (kind, is_retired, id) = (self.kind, self.retired.contains(id), id.to_owned());
        if expected {
            NoObject::NotCreated { kind, id }
        } else if is_retired {
            NoObject::Destroyed { kind, id }
        } else {
            OperationError::UnknownId { kind, id }.into()
        }
    }
}

#[cold]
fn other_tag(kind: IdKind, id: &str, owner: &str, named: &str) -> NoObject {
    let (id, owner, named) = (id.to_owned(), owner.to_owned(), named.to_owned());
    OperationError::OtherTag { kind, id, owner, named }.into()
}
