//! What the recorder's thread and its users have in common, and what they tell it.

use crate::error::RecorderError;
use crate::handoff::{ChunkPool, Epoch, Link};
use crate::recorder::{MachineSelection, StartRequest};
use crate::start::MachineDescription;
use crate::status::{Counters, PhaseCell, RecordingId};
use busdma_trace::Decisions;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

/// What the thread and its users share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) counters: Arc<Counters>,
    pub(crate) phase: Arc<PhaseCell>,
    pub(crate) pool: Arc<ChunkPool>,
    /// What new machines are to know of the recording that runs.
    pub(crate) cover: Arc<Mutex<Option<Cover>>>,
}

/// Which machines a recording covers, and the start it asks them for first.
#[derive(Clone, Debug)]
pub(crate) struct Cover {
    pub(crate) machines: MachineSelection,
    pub(crate) epoch: Epoch,
    pub(crate) decisions: Decisions,
}

impl Cover {
    /// Asks the owner of a tape for its first start.
    pub(crate) fn enlist(&self, link: &Link) {
        link.set_decisions(self.decisions);
        link.want(self.epoch);
    }
}

/// A machine that was made.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) link: Arc<Link>,
    pub(crate) machine: MachineDescription,
}

impl Shared {
    pub(crate) fn set_cover(&self, cover: Option<Cover>) {
        *self.cover.lock().unwrap_or_else(PoisonError::into_inner) = cover;
    }
}

/// What the thread is told to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Start a recording.
    Start { request: StartRequest, reply: Sender<Result<RecordingId, RecorderError>> },
    /// Stop it.
    Stop { reply: Sender<Result<(), RecorderError>> },
    /// End the thread.
    Shutdown,
}
