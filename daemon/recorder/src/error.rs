//! Everything that can go wrong with a recording.

use crate::start::MachineName;
use crate::status::RecordingId;
use busdma_trace::SnapshotError;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// Why the recorder did not do what it was asked to.
#[derive(Debug, Error)]
pub enum RecorderError {
    /// There is one recording at a time.
    #[error("recording {recording} is running; stop it first")]
    AlreadyRecording {
        /// The one that is running.
        recording: RecordingId,
    },
    /// Nothing is being recorded.
    #[error("nothing is being recorded")]
    NotRecording,
    /// A machine to be recorded does not exist.
    #[error("no machine {name}")]
    NoSuchMachine {
        /// Its name.
        name: MachineName,
    },
    /// The directory of the recording cannot be opened or made.
    #[error("the directory {} cannot be opened or made", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The files that are there already leave nothing of the quota.
    #[error("{used} of {limit} bytes for recordings are used; delete old ones")]
    QuotaReached {
        /// Bytes used.
        used: u64,
        /// The most there may be.
        limit: u64,
    },
    /// The recorder's thread could not be started.
    #[error("the recorder's thread cannot be started")]
    Thread(#[source] io::Error),
    /// The recorder was shut down.
    #[error("the recorder was shut down")]
    ShutDown,
}

/// Why a recording ended although nobody stopped it, or lacks a machine. Machines and clients go on.
#[derive(Clone, Debug, Error)]
pub enum RecorderFinding {
    /// The disk is full, or the quota that the file system grants.
    #[error("no space left to write {file}")]
    DiskFull {
        /// The file.
        file: String,
    },
    /// The configured quota is used up.
    #[error("the quota for recordings is used up: {used} of {limit} bytes")]
    QuotaReached {
        /// Bytes used.
        used: u64,
        /// The most there may be.
        limit: u64,
    },
    /// A file cannot be made.
    #[error("{file} cannot be made")]
    Create {
        /// The file.
        file: String,
        /// Why.
        source: Arc<io::Error>,
    },
    /// A file cannot be written.
    #[error("{file} cannot be written")]
    Write {
        /// The file.
        file: String,
        /// Why.
        source: Arc<io::Error>,
    },
    /// A machine has so many objects that no reader would take the line that describes them. It is not recorded; the
    /// recording of the others goes on.
    #[error("{machine} is not recorded: its state needs a line of {bytes} bytes, readers take {limit}")]
    StateTooLarge {
        /// The machine.
        machine: MachineName,
        /// Bytes of the line.
        bytes: usize,
        /// The most there may be.
        limit: usize,
    },
    /// A machine's state cannot be written down. It is not recorded; the recording of the others goes on.
    #[error("{machine} is not recorded: its state cannot be written down")]
    StateUnwritable {
        /// The machine.
        machine: MachineName,
        /// Why.
        source: SnapshotError,
    },
}

impl RecorderFinding {
    pub(crate) fn of_write(file: &str, error: io::Error) -> Self {
        let file = file.to_owned();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { file },
            _ => Self::Write { file, source: Arc::new(error) },
        }
    }

    pub(crate) fn of_create(file: &str, error: io::Error) -> Self {
        let file = file.to_owned();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { file },
            _ => Self::Create { file, source: Arc::new(error) },
        }
    }
}
