//! What a recorder says of itself.

use crate::error::RecorderFinding;
use crate::path::RecordingPath;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Names a recording, from 1 in the order they were started.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct RecordingId(pub u64);

impl fmt::Display for RecordingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How a recorder is.
#[derive(Clone, Debug)]
pub struct RecorderStatus {
    /// What it is doing.
    pub state: RecorderState,
    /// Since when.
    pub since: SystemTime,
    /// Where the recording's files are, inside the configured directory; `None` is that directory itself.
    pub directory: Option<RecordingPath>,
    /// Files that the recording has written, those that were deleted again included.
    pub files: u64,
    /// Bytes in those files.
    pub bytes_written: u64,
    /// Operations in those files.
    pub operations_written: u64,
    /// Operations that were lost: the recorder did not keep up, or could not write.
    pub operations_dropped: u64,
    /// Chunks of operations that wait to be written.
    pub queue_length: usize,
    /// The most that may wait.
    pub queue_capacity: usize,
    /// Why the last recording ended before it was stopped, or lacks a machine; the last finding, where there are several.
    pub finding: Option<RecorderFinding>,
}

/// What a recorder is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum RecorderState {
    /// Nothing; a start leaves it.
    Off,
    /// It records; a stop or a failure leaves it.
    Recording(RecordingId),
    /// Nothing: this recording could not go on. A start leaves it.
    Failed(RecordingId),
}

/// Numbers of the current recording, or else of the last one.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    files: AtomicU64,
    bytes_written: AtomicU64,
    operations_written: AtomicU64,
    operations_dropped: AtomicU64,
}

impl Counters {
    pub(crate) fn reset(&self) {
        for counter in [&self.files, &self.bytes_written, &self.operations_written, &self.operations_dropped] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_written(&self, operations: u64, bytes: u64) {
        self.operations_written.fetch_add(operations, Ordering::Relaxed);
        self.bytes_written.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn count_dropped(&self, operations: u64) {
        self.operations_dropped.fetch_add(operations, Ordering::Relaxed);
    }
}

/// What changes only when a recording begins or ends.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    pub(crate) state: RecorderState,
    pub(crate) since: SystemTime,
    pub(crate) directory: Option<RecordingPath>,
    pub(crate) finding: Option<RecorderFinding>,
}

/// The phase, to be read without waiting for the recorder.
#[derive(Debug)]
pub(crate) struct PhaseCell(Mutex<Phase>);

impl PhaseCell {
    pub(crate) fn new(since: SystemTime) -> Self {
        Self(Mutex::new(Phase { state: RecorderState::Off, since, directory: None, finding: None }))
    }

    pub(crate) fn get(&self) -> Phase {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, phase: Phase) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    /// Adds a finding that ends nothing.
    pub(crate) fn find(&self, finding: RecorderFinding) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).finding = Some(finding);
    }
}

impl Counters {
    pub(crate) fn status(&self, phase: Phase, queue_length: usize, queue_capacity: usize) -> RecorderStatus {
        let Phase { state, since, directory, finding } = phase;
        RecorderStatus {
            state,
            since,
            directory,
            files: self.files.load(Ordering::Relaxed),
            bytes_written: self.bytes_written.load(Ordering::Relaxed),
            operations_written: self.operations_written.load(Ordering::Relaxed),
            operations_dropped: self.operations_dropped.load(Ordering::Relaxed),
            queue_length,
            queue_capacity,
            finding,
        }
    }
}

#[cfg(test)]
impl Counters {
    pub(crate) fn written_and_dropped(&self) -> (u64, u64) {
        (self.operations_written.load(Ordering::Relaxed), self.operations_dropped.load(Ordering::Relaxed))
    }
}
