//! Who listens to decisions: each with a queue of its own, which loses its oldest rather than make a machine wait.

use crate::bell::Bell;
use crate::machine::Objects;
use crate::monitor::Viewer;
use crate::words;
use busdma_api::monitor::DecisionRecord;
use busdma_api::{MachineId, MapRef, SessionId, TagRef};
use busdma_engine::{Decision, MapId, Nanos, TagId};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// One decision, with the daemon's numbers of what it is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Note {
    at: Nanos,
    session: Option<SessionId>,
    map: Option<u32>,
    tag: Option<u32>,
    decision: Decision,
}

/// Which decisions a listener wants. What is `None` does not restrict.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) machine: Option<MachineId>,
    pub(crate) kinds: Option<Vec<&'static str>>,
    pub(crate) map: Option<MapRef>,
    pub(crate) tag: Option<TagRef>,
    pub(crate) session: Option<SessionId>,
}

/// One listener.
#[derive(Debug)]
pub(crate) struct Listener {
    viewer: Viewer,
    filter: Filter,
    limit: usize,
    bell: Arc<Bell>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    notes: VecDeque<(MachineId, Note)>,
    lost: u64,
}

/// All listeners.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    count: AtomicUsize,
    listeners: RwLock<Vec<Arc<Listener>>>,
}

/// A listener, as long as it lives.
#[derive(Debug)]
pub(crate) struct Subscription {
    listeners: Arc<Listeners>,
    listener: Arc<Listener>,
}

impl Listeners {
    /// Whether there is anybody.
    #[inline]
    pub(crate) fn are_there(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Gives the notes of one verb to whoever wants them. `uid` is that of the machine's session; `None` when all share it.
    pub(crate) fn publish(&self, machine: MachineId, uid: Option<u32>, notes: &(impl Iterator<Item = Note> + Clone)) {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        for listener in listeners.iter().filter(|listener| listener.viewer.sees(uid)) {
            listener.hear(machine, notes.clone());
        }
    }

    /// Listens, keeping up to `limit` decisions, and rings `bell` when there is something to hear.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        viewer: Viewer,
        filter: Filter,
        limit: usize,
        bell: Arc<Bell>,
    ) -> Subscription {
        let listener = Arc::new(Listener { viewer, filter, limit: limit.max(1), bell, queue: Mutex::default() });
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&listener));
        self.count.fetch_add(1, Ordering::Relaxed);
        Subscription { listeners: Arc::clone(self), listener }
    }
}

impl Listener {
    fn hear(&self, machine: MachineId, notes: impl Iterator<Item = Note>) {
        let mut wanted = notes.filter(|note| self.filter.wants(machine, note)).peekable();
        if wanted.peek().is_none() {
            return;
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = queue.notes.is_empty();
        for note in wanted {
            if queue.notes.len() == self.limit {
                queue.notes.pop_front();
                queue.lost += 1;
            }
            queue.notes.push_back((machine, note));
        }
        if silent {
            self.bell.ring();
        }
    }
}

impl Filter {
    fn wants(&self, machine: MachineId, note: &Note) -> bool {
        let Self { machine: of, kinds, map, tag, session } = self;
        of.is_none_or(|of| of == machine)
            && map.is_none_or(|map| map.machine == machine && note.map == Some(map.number))
            && tag.is_none_or(|tag| tag.machine == machine && note.tag == Some(tag.number))
            && session.is_none_or(|session| note.session == Some(session))
            && kinds.as_ref().is_none_or(|kinds| kinds.contains(&words::kind(&note.decision)))
    }
}

impl Subscription {
    /// Takes up to `at_most` decisions, oldest first, and how many were lost before them.
    pub(crate) fn take(&self, at_most: usize) -> (Vec<DecisionRecord>, u64) {
        let mut queue = self.listener.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let count = queue.notes.len().min(at_most);
        let notes = queue.notes.drain(..count).collect::<Vec<_>>();
        let lost = std::mem::take(&mut queue.lost);
        drop(queue);
        (notes.iter().map(|(machine, note)| note.record(*machine)).collect(), lost)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut listeners = self.listeners.listeners.write().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| !Arc::ptr_eq(listener, &self.listener));
        self.listeners.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Note {
    /// A decision of the verb that began at `at`.
    pub(crate) fn new(at: Nanos, objects: &Objects, session: Option<SessionId>, decision: &Decision) -> Self {
        let map = decision.map().and_then(|id: MapId| objects.map_numbers.get(&id)).copied();
        let tag = match decision.tag() {
            Some(id) => objects.tag_numbers.get::<TagId>(&id).copied(),
            None => map.and_then(|map| objects.maps.get(&map)).map(|entry| entry.tag),
        };
        Self { at, session, map, tag, decision: *decision }
    }

    fn record(&self, machine: MachineId) -> DecisionRecord {
        DecisionRecord {
            t_ns: self.at.raw(),
            machine: Some(machine),
            session: self.session,
            map: self.map.map(|number| MapRef { machine, number }),
            tag: self.tag.map(|number| TagRef { machine, number }),
            ..words::record(&self.decision)
        }
    }
}
