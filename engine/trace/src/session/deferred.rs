//! Deferred loads: the callbacks, and the order in which locks and callbacks come.

use super::{Session, after, panicked};
use crate::format::{Completed, Deferred, Name, Output, Ret, Seg};
use crate::observe::{self, IdNames};
use busdma_engine::{Completion, DeferredClient, KernelPanic, LoadError, MapId, TagId};

impl Session {
    pub(super) fn run_deferred(&mut self) -> Output<'_> {
        let mut heard = Heard::default();
        let drained = self.engine.drain_ready(&mut heard);
        if let Some(panic) = drained.err().or(heard.panic) {
            return panicked(panic);
        }
        let after = after(&mut self.reported, &self.engine, &self.names, self.decisions);
        let names = &self.names;
        Output::RunDeferred(Deferred {
            callbacks: heard
                .callbacks
                .into_iter()
                .map(|Ended { map, error, segs }| Completed {
                    map: names.map_name(map).into(),
                    error,
                    nseg: segs.len(),
                    segs: Some(segs),
                })
                .collect(),
            events: heard.events.iter().map(|event| event.text(names)).collect(),
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        })
    }
}

/// What a draining told.
#[derive(Debug, Default)]
struct Heard {
    callbacks: Vec<Ended>,
    events: Vec<Event>,
    /// A kernel that stopped inside a resumed load.
    panic: Option<KernelPanic>,
}

#[derive(Debug)]
struct Ended {
    map: MapId,
    error: Ret,
    segs: Vec<Seg>,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Lock(TagId),
    Callback(MapId),
    Unlock(TagId),
}

impl DeferredClient for Heard {
    fn lock(&mut self, tag: TagId) {
        self.events.push(Event::Lock(tag));
    }

    fn callback(&mut self, completion: &Completion<'_>) {
        self.events.push(Event::Callback(completion.map));
        let (error, segs) = match completion.result {
            Ok(segments) => (Ret::Ok, segments.iter().map(observe::seg).collect()),
            Err(error) => {
                if let LoadError::Panic(panic) = error {
                    self.panic.get_or_insert(panic);
                }
                (observe::ret(error.errno()), Vec::new())
            }
        };
        self.callbacks.push(Ended { map: completion.map, error, segs });
    }

    fn unlock(&mut self, tag: TagId) {
        self.events.push(Event::Unlock(tag));
    }
}

impl Event {
    fn text(self, names: &impl IdNames) -> Name<'static> {
        match self {
            Self::Lock(tag) => format!("lock {}", names.tag_name(tag)),
            Self::Callback(map) => format!("callback {}", names.map_name(map)),
            Self::Unlock(tag) => format!("unlock {}", names.tag_name(tag)),
        }
        .into()
    }
}
