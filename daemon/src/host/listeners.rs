//! Who reads the host's events as they come: each with a queue of its own, which loses its oldest.

use super::words;
use crate::bell::Bell;
use busdma_api::host::EventRecord;
use busdma_host::event::{Device, HostEvent, Tracepoint};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Which events a reader wants. What is `None` does not restrict.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventFilter {
    pub(crate) device: Option<Device>,
    pub(crate) tracepoints: Option<Vec<Tracepoint>>,
}

/// All readers.
#[derive(Debug, Default)]
pub(crate) struct EventListeners {
    count: AtomicUsize,
    listeners: RwLock<Vec<Arc<EventListener>>>,
}

#[derive(Debug)]
struct EventListener {
    filter: EventFilter,
    limit: usize,
    bell: Arc<Bell>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<HostEvent>,
    lost: u64,
    dropped: u64,
}

/// A reader, as long as it lives.
#[derive(Debug)]
pub(crate) struct EventSubscription {
    listeners: Arc<EventListeners>,
    listener: Arc<EventListener>,
}

/// What a reader has not had yet.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Oldest first.
    pub(crate) events: Vec<EventRecord>,
    /// Events that the reader was too slow for.
    pub(crate) lost: u64,
    /// Events that never came out of the kernel.
    pub(crate) dropped: u64,
}

impl EventListeners {
    /// Gives events to whoever wants them, and says how many the kernel dropped before.
    pub(crate) fn publish(&self, events: &[HostEvent], dropped: u64) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        for listener in listeners.iter() {
            listener.hear(events, dropped);
        }
    }

    /// Reads on from here, keeping up to `limit` events, and rings `bell` when there is something to read.
    pub(crate) fn subscribe(self: &Arc<Self>, filter: EventFilter, limit: usize, bell: Arc<Bell>) -> EventSubscription {
        let listener = Arc::new(EventListener { filter, limit: limit.max(1), bell, queue: Mutex::default() });
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&listener));
        self.count.fetch_add(1, Ordering::Relaxed);
        EventSubscription { listeners: Arc::clone(self), listener }
    }
}

impl EventListener {
    fn hear(&self, events: &[HostEvent], dropped: u64) {
        let mut wanted = events.iter().filter(|event| self.filter.wants(event)).peekable();
        if wanted.peek().is_none() && dropped == 0 {
            return;
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = queue.events.is_empty() && queue.dropped == 0;
        queue.dropped += dropped;
        for event in wanted {
            if queue.events.len() == self.limit {
                queue.events.pop_front();
                queue.lost += 1;
            }
            queue.events.push_back(event.clone());
        }
        if silent {
            self.bell.ring();
        }
    }
}

impl EventFilter {
    fn wants(&self, event: &HostEvent) -> bool {
        let Self { device, tracepoints } = self;
        device.as_ref().is_none_or(|device| event.device() == Some(device))
            && tracepoints.as_ref().is_none_or(|points| points.contains(&event.point))
    }
}

impl EventSubscription {
    /// Takes up to `at_most` events; `None` when there is nothing to tell.
    pub(crate) fn take(&self, at_most: usize) -> Option<Heard> {
        let mut queue = self.listener.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.events.is_empty() && queue.dropped == 0 {
            return None;
        }
        let count = queue.events.len().min(at_most);
        let events = queue.events.drain(..count).collect::<Vec<_>>();
        let (lost, dropped) = (std::mem::take(&mut queue.lost), std::mem::take(&mut queue.dropped));
        drop(queue);
        Some(Heard { events: events.iter().map(words::record).collect(), lost, dropped })
    }
}

impl Drop for EventSubscription {
    fn drop(&mut self) {
        let mut listeners = self.listeners.listeners.write().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| !Arc::ptr_eq(listener, &self.listener));
        self.listeners.count.fetch_sub(1, Ordering::Relaxed);
    }
}
