//! Carries out a scenario's operations on an engine and its machine.
//!
//! The replayer and the recorder both work through here: one executes what a trace says and compares, the other
//! executes and writes down.

mod arguments;
mod content;
mod deferred;
mod dmamem;
mod map;
mod start;
mod tag;

use crate::error::OperationError;
use crate::format::{
    AfterPanic, BounceCopy, CacheLine, Contents, DecisionRecord, Header, Input, Name, Output, Seg, State, Zone,
};
use crate::machine::TraceMachine;
use crate::names::{Names, NoObject};
use crate::observe::{self, IdNames, Reported};
use crate::snapshot::{Snapshot, SnapshotError};
use busdma_engine::{DmaMap, Engine, Hazard, KernelPanic, Log, MapState, Nanos, Profile, SyncPlan, TagId};
use std::borrow::Cow;

/// Whether decisions are recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Decisions {
    /// They are not.
    #[default]
    LeftOut,
    /// They are, under `decisions` in `out`.
    Recorded,
}

/// One scenario in progress.
#[derive(Debug)]
pub(crate) struct Session {
    engine: Engine<TraceMachine, Log>,
    names: Names,
    contents: Contents,
    after_panic: AfterPanic,
    decisions: Decisions,
    reported: Reported,
    plan: SyncPlan,
    segs: Vec<Seg>,
    copies: Vec<BounceCopy>,
    cache: Vec<CacheLine>,
    /// Tags that the operation before freed: its output still had to name them.
    freed: Vec<TagId>,
}

impl Session {
    /// A machine as the header describes it: empty, or in the state it starts from.
    pub(crate) fn new(header: &Header<'_>, profile: Profile, decisions: Decisions) -> Result<Self, OperationError> {
        let (limits, switches) = (TraceMachine::limits(&header.machine), profile.switches());
        let mut machine = TraceMachine::new(&header.machine)?;
        machine.set_contents(header.contents);
        let mut names = Names::new();
        let engine = match &header.state {
            None => Engine::with_observer(machine, Log::default(), limits, switches),
            Some(state) => {
                let start = start::Start { names: &mut names, machine: &mut machine }.read(state)?;
                Engine::restore(machine, Log::default(), limits, switches, &start)?
            }
        };
        Ok(Self {
            engine,
            names,
            contents: header.contents,
            after_panic: header.after_panic(),
            decisions,
            reported: Reported::default(),
            plan: SyncPlan::default(),
            segs: Vec::new(),
            copies: Vec::new(),
            cache: Vec::new(),
            freed: Vec::new(),
        })
    }

    /// Carries out one operation, at `t` nanoseconds.
    pub(crate) fn execute(&mut self, input: &Input<'_>, t: Option<u64>) -> Result<Output<'_>, NoObject> {
        for tag in self.freed.drain(..) {
            self.names.retire_tag(tag);
        }
        self.engine.observer_mut().clear();
        if let Some(t) = t {
            self.engine.at(Nanos::new(t));
        }
        match input {
            Input::TagCreate(input) => self.create_tag(input),
            Input::TagDestroy(input) => self.destroy_tag(input),
            Input::MapCreate(input) => self.create_map(input),
            Input::MapDestroy(input) => self.destroy_map(input),
            Input::Load(input) => self.load(input),
            Input::RunDeferred(_) => Ok(self.run_deferred()),
            Input::Sync(input) => self.sync(input),
            Input::Unload(input) => self.unload(input),
            Input::DmamemAlloc(input) => self.alloc_mem(input),
            Input::DmamemFree(input) => self.free_mem(input),
            Input::Fill(input) => self.fill(input),
            Input::DeviceWrite(input) => self.device_write(input),
            Input::DeviceRead(input) => self.device_read(input.map.as_str()),
            Input::Cancel(input) => self.cancel(input),
        }
    }

    /// Hazards of the last operation.
    pub(crate) fn hazards(&self) -> &[Hazard] {
        &self.engine.observer().hazards
    }

    /// Decisions of the last operation, with the ids of the trace.
    pub(crate) fn decisions(&self) -> Vec<DecisionRecord<'static>> {
        decisions(&self.engine, &self.names)
    }

    /// What a map is doing, `None` when it does not exist.
    pub(crate) fn map_state(&self, map: &str) -> Option<MapState> {
        let map = self.names.existing_map(map)?;
        self.engine.map(map).map(DmaMap::state)
    }

    /// What the machine is now, with the ids of the trace.
    pub(crate) fn state(&self) -> Result<State<'static>, SnapshotError> {
        Snapshot::take(&self.engine, self.engine.platform().frames_taken()).state(&self.names)
    }

    /// Whether the machine kept everything that the operations so far asked it to keep.
    pub(crate) fn check_limits(&self) -> Result<(), OperationError> {
        self.engine.platform().check_limits()
    }
}

/// What the end of most outputs says.
struct After<'a> {
    zones: Option<Cow<'a, [Zone]>>,
    waiting: Option<Vec<Name<'a>>>,
    decisions: Option<Vec<DecisionRecord<'a>>>,
}

/// What has changed since the operation before, and what was decided in this one where that is recorded.
fn after<'a>(
    reported: &'a mut Reported,
    engine: &Engine<TraceMachine, Log>,
    names: &'a Names,
    recorded: Decisions,
) -> After<'a> {
    let changed = reported.update(engine);
    After {
        zones: changed.zones_field(),
        waiting: changed.waiting_field(names),
        decisions: (recorded == Decisions::Recorded).then(|| decisions(engine, names)),
    }
}

fn decisions(engine: &Engine<TraceMachine, Log>, names: &Names) -> Vec<DecisionRecord<'static>> {
    let tag = |tag| names.tag_name(tag).to_owned().into();
    let map = |map| names.map_name(map).to_owned().into();
    engine.observer().decisions.iter().map(|decision| observe::decision(decision, tag, map)).collect()
}

fn panicked(panic: KernelPanic) -> Output<'static> {
    Output::Panic(observe::panicked(panic))
}
