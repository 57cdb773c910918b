//! The real DMA of the host: probes, what they tell, and how it compares with what devices can do.
//!
//! | module | holds |
//! |---|---|
//! | `probing` | the thread that reads the probes |
//! | `activity` | what they have told so far; `rates` a second |
//! | `facts` | what sysfs, debugfs and the command line say |
//! | `listeners` | who reads events as they come; `capture` writes them beside a recording |
//! | `replies`, `words` | all that as the interface tells it |

mod activity;
mod capture;
mod facts;
mod listeners;
mod probing;
mod rates;
mod replies;
mod words;

pub(crate) use listeners::{EventFilter, EventSubscription};

use crate::bell::Bell;
use crate::clock::Clock;
use crate::config::Compression;
use crate::metrics::HostSample;
use activity::Activity;
use busdma_api::host::{
    Attach, Correlation, CorrelationReply, Devices, DevicesReply, HostError, Mappings, MappingsReply, ProbesReply,
    ProbesState, WatchReply,
};
use busdma_engine::Nanos;
use busdma_probes::Probes;
use capture::HostCapture;
use listeners::EventListeners;
use probing::{Command, Probing};
use replies::Scope;
use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The host's DMA, as far as probes tell.
#[derive(Debug)]
pub(crate) struct HostActivity {
    shared: Arc<Shared>,
    /// Absent when the daemon was started without probes.
    commands: Option<Mutex<Sender<Command>>>,
}

/// What the thread fills and workers read.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    /// Absent until probes are attached for the first time.
    activity: Mutex<Option<Activity>>,
    listeners: Arc<EventListeners>,
    /// Present while a recording takes the host's events, too.
    capture: Mutex<Option<HostCapture>>,
}

/// What to say when probes are wanted that were never loaded.
const NOT_LOADED: &str = "the daemon was started without probes";

/// What to do about it.
const LOAD_THEM: &str = "start busdmad with --probes";

impl HostActivity {
    /// Reads the probes on a thread of its own, if there are any.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn begin(clock: Clock, probes: Option<Probes>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            clock,
            activity: Mutex::default(),
            listeners: Arc::default(),
            capture: Mutex::default(),
        });
        let Some(probes) = probes else { return Ok(Self { shared, commands: None }) };
        let (sender, receiver) = mpsc::channel();
        let probing = Probing::new(probes, Arc::clone(&shared));
        thread::Builder::new().name("probes".to_owned()).spawn(move || probing.run(&receiver))?;
        Ok(Self { shared, commands: Some(Mutex::new(sender)) })
    }

    /// Probes.
    pub(crate) fn probes(&self) -> ProbesReply {
        self.ask(|reply| Command::Describe { reply }).unwrap_or_else(|_| ProbesReply {
            state: ProbesState::Unavailable,
            reason: Some(NOT_LOADED.to_owned()),
            advice: Some(LOAD_THEM.to_owned()),
            gathering: busdma_api::host::Gathering::Events,
            devices: Vec::new(),
            probes: Vec::new(),
            delivered: 0,
            dropped: 0,
        })
    }

    /// Attach.
    pub(crate) fn attach(&self, call: &Attach) -> Result<ProbesReply, HostError> {
        self.ask(|reply| Command::Attach { call: call.clone(), reply })
    }

    /// Detach.
    pub(crate) fn detach(&self) -> Result<ProbesReply, HostError> {
        self.ask(|reply| Command::Detach { reply })
    }

    fn ask(
        &self,
        command: impl FnOnce(Sender<Result<ProbesReply, HostError>>) -> Command,
    ) -> Result<ProbesReply, HostError> {
        let not_loaded = || HostError::CannotAttach { reason: NOT_LOADED.to_owned(), advice: LOAD_THEM.to_owned() };
        let commands = self.commands.as_ref().ok_or_else(not_loaded)?;
        let (reply, answer) = mpsc::channel();
        let sent = commands.lock().unwrap_or_else(PoisonError::into_inner).send(command(reply));
        // The thread only ends with the daemon.
        sent.map_err(|_| HostError::ShuttingDown)?;
        answer.recv().map_err(|_| HostError::ShuttingDown)?
    }

    /// Devices: their limits are worth a look without probes, too.
    pub(crate) fn devices(&self, call: &Devices) -> Result<DevicesReply, HostError> {
        let now = self.shared.clock.now();
        match &*self.shared.activity() {
            Some(activity) => devices_reply(activity, call, now),
            None => devices_reply(&Activity::begin(), call, now),
        }
    }

    /// Mappings.
    pub(crate) fn mappings(&self, call: &Mappings) -> Result<MappingsReply, HostError> {
        let now = self.shared.clock.now();
        self.with_activity(|activity| {
            if let Some(device) = &call.device {
                activity.check_known(device)?;
            }
            Ok(activity.mappings(call, now))
        })
    }

    /// Correlation.
    pub(crate) fn correlation(&self, call: &Correlation) -> Result<CorrelationReply, HostError> {
        let now = self.shared.clock.now();
        self.with_activity(|activity| activity.correlation_reply(call, now))
    }

    /// What Watch replies now.
    pub(crate) fn snapshot(&self) -> Result<WatchReply, HostError> {
        let now = self.shared.clock.now();
        self.with_activity(|activity| {
            Ok(WatchReply {
                t_ns: now.raw(),
                devices: activity.devices(Scope::Active, now),
                pool: activity.pool(),
                delivered: activity.delivered,
                dropped: activity.dropped,
            })
        })
    }

    /// Reads events from here on.
    pub(crate) fn subscribe(&self, filter: EventFilter, limit: usize, bell: Arc<Bell>) -> EventSubscription {
        self.shared.listeners.subscribe(filter, limit, bell)
    }

    /// Keeps events in a file of that directory, from here on.
    pub(crate) fn begin_capture(&self, directory: &Path, compression: Compression, bytes_max: u64) -> io::Result<()> {
        let capture = HostCapture::begin(directory, compression, bytes_max)?;
        *self.shared.capture() = Some(capture);
        Ok(())
    }

    /// Completes that file; does nothing when there is none.
    pub(crate) fn end_capture(&self) {
        let capture = self.shared.capture().take();
        drop(capture);
    }

    /// The file that is being written, how many events are in it, and whether it ended by itself.
    pub(crate) fn capture_status(&self) -> Option<CaptureStatus> {
        let capture = self.shared.capture();
        capture.as_ref().map(|capture| CaptureStatus {
            file: capture.path().display().to_string(),
            written: capture.written(),
            failed: capture.has_failed(),
        })
    }

    /// The host as the metrics show it.
    pub(crate) fn sample(&self) -> Option<HostSample> {
        self.shared.activity().as_ref().map(Activity::sample)
    }

    fn with_activity<R>(&self, look: impl FnOnce(&mut Activity) -> Result<R, HostError>) -> Result<R, HostError> {
        match &mut *self.shared.activity() {
            Some(activity) => look(activity),
            None if self.commands.is_none() => {
                Err(HostError::NotAttached { reason: format!("{NOT_LOADED}: {LOAD_THEM}") })
            }
            None => Err(HostError::NotAttached { reason: "no probe was ever attached: call Attach".to_owned() }),
        }
    }
}

/// How a capture stands.
#[derive(Clone, Debug)]
pub(crate) struct CaptureStatus {
    pub(crate) file: String,
    /// Events in it.
    pub(crate) written: u64,
    pub(crate) failed: bool,
}

impl Shared {
    fn capture(&self) -> MutexGuard<'_, Option<HostCapture>> {
        self.capture.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn activity(&self) -> MutexGuard<'_, Option<Activity>> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn devices_reply(activity: &Activity, call: &Devices, now: Nanos) -> Result<DevicesReply, HostError> {
    let mut devices = activity.devices(Scope::Known, now);
    if let Some(name) = &call.device {
        devices.retain(|device| device.device == *name);
        if devices.is_empty() {
            return Err(HostError::NoSuchObject { object: name.clone() });
        }
    }
    Ok(DevicesReply { devices })
}
