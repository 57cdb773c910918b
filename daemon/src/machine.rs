//! Machines: simulated hosts, each with one owner that takes its decisions.
//!
//! The owner is whoever holds the machine's lock, for as long as one verb of the engine takes: no thread is woken to decide.
//! Bytes are copied after the lock is given back; the map is marked meanwhile ([`Owner::hold`]), and whoever wants it waits.

mod ages;
mod deferred;
mod device;
mod dmamem;
mod ear;
mod failure;
mod findings;
mod loads;
mod lost_tags;
mod memory;
mod objects;
mod owner;
mod release;
mod request;
mod snapshot;
mod syncs;
mod tags;

pub(crate) use device::DeviceAccess;
pub(crate) use dmamem::Allocated;
pub(crate) use ear::Ear;
pub(crate) use memory::{FileWanted, Registration};
pub(crate) use objects::Objects;
pub(crate) use owner::{Caller, Owner, Sharing};
pub(crate) use syncs::SyncScratch;
pub(crate) use tags::template;

use crate::clock::Clock;
use crate::listeners::Listeners;
use crate::session::Session;
use busdma_api::engine::BounceModel;
use busdma_api::{Hex, MachineId, SessionId};
use busdma_engine::{BusSize, MachineLimits, PageCount, PhysAddr, Profile};
use busdma_memory::{BounceFrames, MemoryModel, ModelError};
use busdma_recorder::Tape;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a machine is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MachineModel {
    pub(crate) profile: Profile,
    pub(crate) memory_bytes: u64,
    pub(crate) max_bpages: u32,
    pub(crate) bounce: BounceModel,
}

/// One machine.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) id: MachineId,
    /// Whose it is; `None` for the shared one.
    pub(crate) session: Option<Arc<Session>>,
    pub(crate) model: MachineModel,
    owner: Mutex<Owner>,
    /// Signalled when a map's bytes have been copied.
    copied: Condvar,
    /// Verbs begun.
    begun: Arc<AtomicU64>,
    /// Verbs begun when somebody last looked, and since when there were no more while it was busy.
    watched: Mutex<(u64, Option<Instant>)>,
    /// Destroyed: those who still have it are to look for it anew.
    gone: AtomicBool,
}

/// Whether a machine was destroyed just now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Retirement {
    /// By this very call.
    Now,
    /// Somebody was first.
    Already,
}

/// The bytes between the bounce frames and clients' memory are dmamem's.
const DMAMEM_BYTES: u64 = 192 << 20;

impl MachineModel {
    /// Where things lie in the machine's memory: bounce frames, then dmamem, then clients' memory.
    pub(crate) fn memory(&self) -> MemoryModel {
        let BounceModel { base, stride, frames } = self.bounce;
        let end = frames.saturating_mul(stride).saturating_add(base.0);
        let dmamem_base = end.checked_next_multiple_of(1 << 20).unwrap_or(u64::MAX).max(64 << 20);
        MemoryModel {
            maxmem: BusSize::new(self.memory_bytes),
            bounce: BounceFrames {
                base: PhysAddr::new(base.0),
                stride: BusSize::new(stride),
                frames: PageCount::new(u32::try_from(frames).unwrap_or(u32::MAX)),
            },
            dmamem_base: PhysAddr::new(dmamem_base),
            client_base: PhysAddr::new(dmamem_base.saturating_add(DMAMEM_BYTES)),
        }
    }

    pub(crate) fn limits(&self) -> MachineLimits {
        MachineLimits { maxmem: BusSize::new(self.memory_bytes), max_bpages: PageCount::new(self.max_bpages) }
    }
}

impl From<&crate::config::MachineConfig> for MachineModel {
    fn from(config: &crate::config::MachineConfig) -> Self {
        Self {
            profile: config.profile,
            memory_bytes: config.memory_bytes,
            max_bpages: config.max_bpages,
            bounce: BounceModel {
                base: Hex(config.bounce_base),
                stride: config.bounce_stride,
                frames: u64::from(config.bounce_frames),
            },
        }
    }
}

impl Machine {
    /// An empty machine.
    ///
    /// # Errors
    /// [`ModelError`] for numbers that make no machine.
    pub(crate) fn new(
        id: MachineId,
        session: Option<Arc<Session>>,
        model: MachineModel,
        clock: Clock,
        tape: Tape,
        listeners: Arc<Listeners>,
    ) -> Result<Self, ModelError> {
        let sharing = match &session {
            None => Sharing::Shared,
            Some(session) => Sharing::Private { uid: session.uid },
        };
        let begun = Arc::new(AtomicU64::new(0));
        let owner = Owner::new(id, sharing, &model, clock, tape, listeners, Arc::clone(&begun))?;
        let (owner, watched) = (Mutex::new(owner), Mutex::default());
        Ok(Self { id, session, model, owner, copied: Condvar::new(), begun, watched, gone: AtomicBool::new(false) })
    }

    /// The session that made it.
    pub(crate) fn session_id(&self) -> Option<SessionId> {
        self.session.as_ref().map(|session| session.id)
    }

    /// Whether it was destroyed.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Marks it as destroyed.
    pub(crate) fn retire(&self) -> Retirement {
        if self.gone.swap(true, Ordering::AcqRel) { Retirement::Already } else { Retirement::Now }
    }

    /// Becomes the owner. Nobody keeps a machine for longer than one verb takes.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Owner> {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Becomes the owner once nobody copies the bytes of a map any more.
    pub(crate) fn lock_for(&self, map: u32) -> MutexGuard<'_, Owner> {
        let mut owner = self.lock();
        while owner.is_held(map) {
            owner = self.copied.wait(owner).unwrap_or_else(PoisonError::into_inner);
        }
        owner
    }

    /// How long it has been busy without beginning anything new. Never waits for it.
    pub(crate) fn stalled_for(&self, now: Instant) -> Duration {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = self.begun.load(Ordering::Relaxed);
        if self.owner.try_lock().is_ok() || watched.0 != begun {
            *watched = (begun, None);
            return Duration::ZERO;
        }
        now.saturating_duration_since(*watched.1.get_or_insert(now))
    }

    /// Says that a map's bytes have been copied.
    pub(crate) fn let_go(&self, map: u32) {
        if self.lock().let_go(map) {
            self.copied.notify_all();
        }
    }
}
