//! One run of the ready queue: what `run_deferred` stands for, the same for who records and who replays.

use crate::format::{AfterPanic, Completed, DecisionRecord, Deferred, Name, Output, StoppedLoad};
use crate::observe::{self, Changed, IdNames};
use busdma_engine::{Completion, Engine, KernelPanic, LoadError, MapId, Observer, Platform, Resumed, Segment, TagId};

/// What a run of the ready queue came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Drained {
    /// The loads that came to their end, in order.
    pub callbacks: Vec<Ended>,
    /// Locks and callbacks as they came.
    pub events: Vec<DrainEvent>,
    /// The loads at which FreeBSD's kernel stops, in order; one at most where it ends there.
    pub panics: Vec<Stopped>,
}

/// A deferred load that came to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// The map.
    pub map: MapId,
    /// Its tag.
    pub tag: TagId,
    /// The mapping, or why there is none.
    pub result: Result<Vec<Segment>, LoadError>,
}

/// A deferred load at which FreeBSD's kernel stops. It is off the queue, and its map idle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stopped {
    /// The map.
    pub map: MapId,
    /// Where the kernel stops.
    pub panic: KernelPanic,
}

/// One step of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DrainEvent {
    /// The tag's lock was taken.
    Lock(TagId),
    /// The callback ran.
    Callback(MapId),
    /// The tag's lock was given back.
    Unlock(TagId),
}

/// Takes up every load that has its pages, those included that others' ends make ready: from the head of the ready queue
/// until it is empty.
///
/// Where the kernel stops, the load is taken off the queue without a callback. Then the run is over, or goes on with the next
/// load, as `after_panic` says.
pub fn drain<P: Platform, O: Observer>(engine: &mut Engine<P, O>, after_panic: AfterPanic) -> Drained {
    let mut drained = Drained::default();
    loop {
        let head = engine.ready().next();
        let Some(map) = head else { break };
        match engine.next_ready() {
            Ok(None) => break,
            Err(panic) => drained.panics.push(Stopped { map, panic }),
            Ok(Some(tag)) => {
                drained.events.push(DrainEvent::Lock(tag));
                if let Some(Resumed::Completed(completion)) = engine.resume_next() {
                    drained.complete(&completion);
                }
                drained.events.push(DrainEvent::Unlock(tag));
            }
        }
        if !drained.panics.is_empty() && after_panic == AfterPanic::Ends {
            break;
        }
    }
    drained
}

impl Drained {
    fn complete(&mut self, completion: &Completion<'_>) {
        let Completion { map, tag, result } = *completion;
        if let Err(LoadError::Panic(panic)) = result {
            self.panics.push(Stopped { map, panic });
            return;
        }
        self.events.push(DrainEvent::Callback(map));
        self.callbacks.push(Ended { map, tag, result: result.map(<[Segment]>::to_vec) });
    }

    /// Where the run ended for good, if it did.
    pub fn final_panic(&self, after_panic: AfterPanic) -> Option<KernelPanic> {
        let first = self.panics.first().map(|stopped| stopped.panic);
        first.filter(|_| after_panic == AfterPanic::Ends)
    }

    /// What `out` says of a run that did not end for good.
    pub fn output<'a>(
        &self,
        names: &'a impl IdNames,
        changed: &Changed<'a>,
        decisions: Option<Vec<DecisionRecord<'a>>>,
    ) -> Output<'a> {
        Output::RunDeferred(Deferred {
            callbacks: self.callbacks.iter().map(|ended| ended.record(names)).collect(),
            events: self.events.iter().map(|event| event.text(names)).collect(),
            panics: self.panics.iter().map(|stopped| stopped.record(names)).collect(),
            zones: changed.zones_field(),
            waiting: changed.waiting_field(names),
            decisions,
        })
    }
}

impl Ended {
    fn record<'a>(&self, names: &'a impl IdNames) -> Completed<'a> {
        let (error, segs) = match &self.result {
            Ok(segments) => (None, segments.iter().map(observe::seg).collect()),
            Err(error) => (error.errno(), Vec::new()),
        };
        Completed {
            map: names.map_name(self.map).into(),
            error: observe::ret(error),
            nseg: segs.len(),
            segs: Some(segs),
        }
    }
}

impl Stopped {
    fn record<'a>(&self, names: &'a impl IdNames) -> StoppedLoad<'a> {
        StoppedLoad {
            map: names.map_name(self.map).into(),
            panic: self.panic.to_string().into(),
            assert: self.panic.is_assertion(),
        }
    }
}

impl DrainEvent {
    fn text(self, names: &impl IdNames) -> Name<'static> {
        match self {
            Self::Lock(tag) => format!("lock {}", names.tag_name(tag)),
            Self::Callback(map) => format!("callback {}", names.map_name(map)),
            Self::Unlock(tag) => format!("unlock {}", names.tag_name(tag)),
        }
        .into()
    }
}
