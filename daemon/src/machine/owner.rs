//! The owner of a machine: its engine, its objects, and who hears of what they do.

use super::ear::{Attention, Ear};
use super::findings::FindingLog;
use super::objects::Objects;
use super::request::RequestLists;
use super::{MachineModel, loads};
use crate::clock::Clock;
use crate::config::Limits;
use crate::listeners::{Listeners, Note};
use crate::metrics::Latency;
use crate::session::Session;
use busdma_api::MachineId;
use busdma_engine::{Engine, Nanos};
use busdma_memory::{MachineMemory, ModelError};
use busdma_recorder::{MapNumber, MemoryNumber, NumberedMap, Numbers, Region, SessionNumber, Start, TagNumber, Tape};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Everything that one lock guards.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(super) engine: Engine<MachineMemory, Ear>,
    pub(super) objects: Objects,
    pub(super) clock: Clock,
    pub(super) counts: loads::LoadCounts,
    pub(super) latency: Latencies,
    pub(super) findings: FindingLog,
    pub(super) sharing: Sharing,
    pub(super) memory_bytes: u64,
    pub(super) dmamem_bytes: u64,
    pub(super) tape: Tape,
    pub(super) lists: RequestLists,
    listeners: Arc<Listeners>,
    begun: Arc<AtomicU64>,
}

/// How long things took.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    pub(crate) load: Latency,
    pub(crate) sync: Latency,
    pub(crate) deferral: Latency,
}

/// Whether several clients' bytes go through the pools.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sharing {
    /// They do: pages are wiped before others get them.
    Shared,
    /// One session has the machine for itself, and real hardware wipes nothing.
    Private {
        /// The session's.
        uid: u32,
    },
}

/// On whose behalf a verb is carried out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) session: &'a Arc<Session>,
    pub(crate) limits: &'a Limits,
}

/// Bounce zones that sessions can bring about on one machine; each is an open file.
const ZONES_MAX: usize = 64;

impl Owner {
    pub(super) fn new(
        id: MachineId,
        sharing: Sharing,
        model: &MachineModel,
        clock: Clock,
        tape: Tape,
        listeners: Arc<Listeners>,
        begun: Arc<AtomicU64>,
    ) -> Result<Self, ModelError> {
        let mut memory = MachineMemory::new(model.memory())?;
        memory.set_zones_max(ZONES_MAX);
        Ok(Self {
            engine: Engine::with_observer(memory, Ear::default(), model.limits(), model.profile.switches()),
            objects: Objects::new(id),
            clock,
            counts: loads::LoadCounts::default(),
            latency: Latencies::default(),
            findings: FindingLog::default(),
            sharing,
            memory_bytes: 0,
            dmamem_bytes: 0,
            tape,
            lists: RequestLists::default(),
            listeners,
            begun,
        })
    }

    /// Begins a verb, at the time it returns.
    #[inline]
    pub(super) fn begin(&mut self) -> Nanos {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let now = self.clock.now();
        if self.tape.needs_start() {
            let start = self.start(now);
            self.tape.begin(start);
        }
        let listening = self.tape.is_on() || self.listeners.are_there();
        self.engine.at(now).observer_mut().begin(if listening { Attention::Listening } else { Attention::Idle });
        now
    }

    /// Ends a verb: hands what was decided to those who listen, and keeps what was found wrong.
    #[inline]
    pub(super) fn finish(&mut self, session: Option<&Session>, at: Nanos) {
        let Self { engine, objects, findings, listeners, sharing, .. } = self;
        let ear = engine.observer();
        if !ear.hazards.is_empty() {
            for hazard in &ear.hazards {
                findings.add(hazard, objects, session.map(|session| session.id), at);
            }
        }
        if !ear.decisions.is_empty() && listeners.are_there() {
            let notes = ear
                .decisions
                .iter()
                .map(|decision| Note::new(at, objects, session.map(|session| session.id), decision));
            let uid = match sharing {
                Sharing::Shared => None,
                Sharing::Private { uid } => Some(*uid),
            };
            listeners.publish(objects.machine, uid, &notes);
        }
    }

    /// The machine as it is, for a recording that starts here.
    fn start(&self, now: Nanos) -> Start {
        let objects = &self.objects;
        let mut numbers = Numbers::default();
        numbers.tags.extend(objects.tag_numbers.iter().map(|(&id, &number)| (id, TagNumber(number.into()))));
        numbers.maps.extend(objects.maps.iter().map(|(&number, entry)| NumberedMap {
            map: entry.id,
            number: MapNumber(number.into()),
            tag: TagNumber(entry.tag.into()),
        }));
        let memory = objects
            .dmamem
            .iter()
            .filter_map(|(&number, entry)| Some((objects.maps.get(&entry.map)?.id, MemoryNumber(number.into()))));
        numbers.memory.extend(memory);
        let regions = self.engine.platform().regions().map(|(_, region)| taped(region));
        Start::take(&self.engine, now, numbers, regions.collect())
    }

    /// Lets the recorder fetch what the tape has.
    pub(crate) fn visit_tape(&mut self, visit: &mut dyn FnMut(&mut Tape)) {
        self.begin();
        visit(&mut self.tape);
    }

    /// Gives the recorder what the tape has, for nobody will visit it any more.
    pub(crate) fn hand_tape_over(&mut self) {
        self.begin();
        self.tape.hand_over();
    }
}

/// A region as the tape knows it.
pub(super) fn taped(region: &busdma_memory::Region) -> Region {
    Region { space: region.space(), start: region.vaddr().page_start(), pages: region.pages().into() }
}

/// Tells the tape of a verb, if it is on. A macro, because the verb borrows other parts of the owner.
macro_rules! tape {
    ($owner:expr, $session:expr, $at:expr, $verb:expr) => {
        if $owner.tape.is_on() {
            let ear = $owner.engine.observer();
            $owner.tape.operation(
                &$owner.engine,
                &busdma_recorder::TapedOperation {
                    session: $session.map(|session: &std::sync::Arc<crate::session::Session>| {
                        $crate::machine::owner::number(session)
                    }),
                    at: $at,
                    verb: $verb,
                    decisions: &ear.decisions,
                    hazards: &ear.hazards,
                },
            );
        }
    };
}
pub(super) use tape;

/// A session as the tape numbers it.
pub(super) fn number(session: &Session) -> SessionNumber {
    SessionNumber(session.id.0.into())
}
