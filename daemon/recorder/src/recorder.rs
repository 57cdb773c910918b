//! The recorder as the daemon sees it: tapes are made here, and recordings started and stopped.

use crate::chunk::TapeId;
use crate::control::{Command, Registration, Shared};
use crate::error::RecorderError;
use crate::files::{Compression, Retention};
use crate::handoff::{ChunkPool, ChunkSender, Link, queue};
use crate::path::RecordingPath;
use crate::service::Service;
use crate::start::{MachineDescription, MachineName};
use crate::status::{Counters, PhaseCell, RecorderStatus, RecordingId};
use crate::tape::Tape;
use busdma_trace::Decisions;
use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

/// What holds for all recordings.
#[derive(Clone, Debug)]
pub struct RecorderConfig {
    /// Where recordings go; it has to exist when one is started.
    pub directory: PathBuf,
    /// Chunks of operations, about 64 KiB each, that may wait to be written. When there are more, operations are dropped.
    pub queue_capacity: NonZeroUsize,
    /// How often what is written is brought to the disk: what a power failure can cost.
    pub sync_interval: Duration,
    /// How often half-full chunks of quiet machines are fetched.
    pub collect_interval: Duration,
    /// The most bytes in all files below the directory; a recording that would use more ends.
    pub disk_bytes_max: Option<u64>,
    /// What is kept of old files.
    pub retention: Retention,
}

impl RecorderConfig {
    /// A queue of 16 MiB, a second between syncs, and no limits of the disk.
    pub const fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            queue_capacity: NonZeroUsize::MIN.saturating_add(255),
            sync_interval: Duration::from_secs(1),
            collect_interval: Duration::from_millis(100),
            disk_bytes_max: None,
            retention: Retention { files_max: None, bytes_max: None, age_max: None },
        }
    }
}

/// What to record, and how.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// Where inside the configured directory; it is made if it is missing. `None` is that directory itself.
    pub directory: Option<RecordingPath>,
    /// How files are written.
    pub compression: Compression,
    /// Whether lines say what was decided.
    pub decisions: Decisions,
    /// After how many bytes of operations a file is followed by the next; `None` is never.
    pub rotate_bytes: Option<NonZeroU64>,
    /// After how long a file that has operations is followed by the next; `None` is never.
    pub rotate_after: Option<Duration>,
    /// Which machines.
    pub machines: MachineSelection,
}

/// Which machines a recording covers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MachineSelection {
    /// All there are, and those made while it runs.
    All,
    /// These, which have to exist.
    Listed(Vec<MachineName>),
}

impl MachineSelection {
    pub(crate) fn covers(&self, name: &MachineName) -> bool {
        match self {
            Self::All => true,
            Self::Listed(names) => names.contains(name),
        }
    }
}

/// The machines whose tapes a recorder fetches.
pub trait TapeSource: Send + Sync {
    /// Calls `visit` with the tape of each machine, under that machine's lock. Where [`Tape::needs_start`] says so,
    /// [`Tape::begin`] is called first, so that the recording of a machine that does nothing goes on as well.
    ///
    /// Called by the recorder's thread only. A machine that is missed now is fetched the next time.
    fn collect(&self, visit: &mut dyn FnMut(&mut Tape));
}

/// Records machines on a thread of its own.
///
/// [`Self::start`], [`Self::stop`] and [`Self::shutdown`] wait for that thread, which visits machines under their locks: they
/// must not be called under a machine's lock, and the recorder must not be dropped there. The other methods never wait.
pub struct Recorder {
    sender: ChunkSender,
    registrations: Sender<Registration>,
    commands: Sender<Command>,
    shared: Shared,
    next_tape: AtomicU64,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Recorder {
    /// Starts the thread; nothing is recorded yet.
    ///
    /// # Errors
    /// [`RecorderError::Thread`].
    pub fn spawn(config: RecorderConfig, source: Arc<dyn TapeSource>) -> Result<Self, RecorderError> {
        let capacity = config.queue_capacity.get();
        let (sender, receiver) = queue(capacity);
        let (registrations, registered) = channel();
        let (commands, obeyed) = channel();
        let shared = Shared {
            counters: Arc::new(Counters::default()),
            phase: Arc::new(PhaseCell::new(SystemTime::now())),
            pool: Arc::new(ChunkPool::new(capacity)),
            cover: Arc::default(),
        };
        let service = Service::new(config, source, receiver, registered, obeyed, shared.clone());
        let thread = thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || service.run())
            .map_err(RecorderError::Thread)?;
        Ok(Self {
            sender,
            registrations,
            commands,
            shared,
            next_tape: AtomicU64::new(0),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// A tape for a machine that was just made. When the tape is dropped, the machine's recording ends.
    pub fn tape(&self, machine: MachineDescription) -> Tape {
        let tape = TapeId(self.next_tape.fetch_add(1, Ordering::Relaxed));
        let link = Arc::new(Link::new(tape));
        // At once, so that nothing that happens on the machine is missed.
        let cover = self.shared.cover.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(cover) = cover.filter(|cover| cover.machines.covers(&machine.name)) {
            cover.enlist(&link);
        }
        // Without a recorder the tape is simply never on.
        if self.registrations.send(Registration { link: Arc::clone(&link), machine }).is_ok() {
            self.sender.wake();
        }
        Tape::new(link, self.sender.clone(), Arc::clone(&self.shared.pool), Arc::clone(&self.shared.counters))
    }

    /// Starts a recording. Files are made as machines are visited.
    ///
    /// # Errors
    /// [`RecorderError::AlreadyRecording`], [`RecorderError::NoSuchMachine`], [`RecorderError::Directory`],
    /// [`RecorderError::QuotaReached`], [`RecorderError::ShutDown`].
    pub fn start(&self, request: StartRequest) -> Result<RecordingId, RecorderError> {
        let (reply, answer) = channel();
        self.command(Command::Start { request, reply })?;
        answer.recv().map_err(|_| RecorderError::ShutDown)?
    }

    /// Ends the recording. Everything that happened before is in its files and on the disk when this returns, unless the
    /// status has a finding.
    ///
    /// # Errors
    /// [`RecorderError::NotRecording`], [`RecorderError::ShutDown`].
    pub fn stop(&self) -> Result<RecorderStatus, RecorderError> {
        let (reply, answer) = channel();
        self.command(Command::Stop { reply })?;
        answer.recv().map_err(|_| RecorderError::ShutDown)??;
        Ok(self.status())
    }

    /// How the recorder is.
    pub fn status(&self) -> RecorderStatus {
        let gauge = &self.sender.gauge;
        self.shared.counters.status(self.shared.phase.get(), gauge.queued(), gauge.capacity)
    }

    /// Ends the recording, if there is one, and the thread.
    pub fn shutdown(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = self.command(Command::Shutdown);
            if thread.join().is_err() {
                tracing::error!("the recorder's thread has panicked");
            }
        }
    }

    fn command(&self, command: Command) -> Result<(), RecorderError> {
        self.commands.send(command).map_err(|_| RecorderError::ShutDown)?;
        self.sender.wake();
        Ok(())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("status", &self.status()).finish_non_exhaustive()
    }
}
