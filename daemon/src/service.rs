//! The service: machines, sessions and the recorder, and the connections that use them.

use crate::bell::Bell;
use crate::clock::Clock;
use crate::config::{Config, Limits, RecorderSettings, Scope};
use crate::connection::Worker;
use crate::host::HostActivity;
use crate::listeners::Listeners;
use crate::machine::{Machine, MachineModel};
use crate::metrics::{ConnectionSample, QuotaRefusals, Refusal, Sample};
use crate::registry::Machines;
use crate::server::{Host, Stalled};
use crate::session::Sessions;
use crate::socket::Peer;
use busdma_api::MachineId;
use busdma_memory::ModelError;
use busdma_probes::Probes;
use busdma_recorder::{Recorder, RecorderError, Tape, TapeSource};
use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};
use thiserror::Error;

/// Everything that connections share.
#[derive(Debug)]
pub struct Service {
    pub(crate) clock: Clock,
    pub(crate) machines: Arc<Machines>,
    pub(crate) sessions: Sessions,
    pub(crate) listeners: Arc<Listeners>,
    pub(crate) recorder: Recorder,
    pub(crate) host: HostActivity,
    pub(crate) recorder_settings: RecorderSettings,
    pub(crate) default_model: MachineModel,
    pub(crate) daemon_uid: u32,
    limits: RwLock<Arc<Limits>>,
    stopping: AtomicBool,
    connections: Connections,
    refusals: Mutex<BTreeMap<(&'static str, Scope), u64>>,
}

/// Why the service cannot be started.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// The configured shared machine cannot be made.
    #[error("host0 cannot be made: the configuration describes no machine")]
    Host0(#[source] ModelError),
    /// The recorder does not start.
    #[error("the recorder cannot be started")]
    Recorder(#[source] RecorderError),
    /// The thread that reads the probes does not start.
    #[error("the probes cannot be read")]
    Probes(#[source] std::io::Error),
    /// The configured recording does not start.
    #[error("the recording cannot be started")]
    Recording(#[source] RecorderError),
    /// The directory for recordings cannot be made.
    #[error("the directory {} for recordings cannot be made", path.display())]
    RecordingDirectory {
        /// The directory.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// The connections that are open.
#[derive(Debug, Default)]
struct Connections {
    open: Mutex<BTreeMap<u64, Open>>,
    /// Signalled when one ends.
    ended: Condvar,
    served: AtomicU64,
    refused: Mutex<BTreeMap<&'static str, (Refusal, u64)>>,
}

#[derive(Debug)]
struct Open {
    stream: Arc<UnixStream>,
    bell: Arc<Bell>,
    uid: u32,
}

impl Service {
    /// A service with its shared machine, recording if the configuration says so, and reading the probes if there are any.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn new(config: &Config, probes: Option<Probes>) -> Result<Arc<Self>, ServiceError> {
        let machines = Arc::new(Machines::default());
        let settings = config.recorder.clone();
        if let Some(path) = &settings.directory {
            let made = std::fs::create_dir_all(path);
            made.map_err(|source| ServiceError::RecordingDirectory { path: path.clone(), source })?;
        }
        let source = Arc::clone(&machines) as Arc<dyn TapeSource>;
        let recorder = Recorder::spawn(crate::recording::config(&settings), source).map_err(ServiceError::Recorder)?;
        let clock = Clock::start();
        let service = Arc::new(Self {
            clock,
            host: HostActivity::begin(clock, probes).map_err(ServiceError::Probes)?,
            machines,
            sessions: Sessions::default(),
            listeners: Arc::default(),
            recorder,
            recorder_settings: settings,
            default_model: MachineModel::from(&config.host0),
            daemon_uid: rustix::process::geteuid().as_raw(),
            limits: RwLock::new(Arc::new(config.limits.clone())),
            stopping: AtomicBool::new(false),
            connections: Connections::default(),
            refusals: Mutex::default(),
        });
        let host0 = service.machine(MachineId::HOST0, None, service.default_model).map_err(ServiceError::Host0)?;
        service.machines.insert(host0);
        if service.recorder_settings.directory.is_some() && service.recorder_settings.autostart {
            let request = crate::recording::configured(&service.recorder_settings);
            service.recorder.start(request).map_err(ServiceError::Recording)?;
        }
        Ok(service)
    }

    /// Makes a machine; it is not entered anywhere yet.
    pub(crate) fn machine(
        &self,
        id: MachineId,
        session: Option<Arc<crate::session::Session>>,
        model: MachineModel,
    ) -> Result<Machine, ModelError> {
        model.memory().check()?;
        let tape: Tape = self.recorder.tape(crate::recording::description(id, &model));
        Machine::new(id, session, model, self.clock, tape, Arc::clone(&self.listeners))
    }

    /// The limits for what is asked now.
    pub(crate) fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether calls that wait are to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Counts a limit that was met.
    pub(crate) fn count_refusal(&self, quota: &'static str, scope: Scope) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        *refusals.entry((quota, scope)).or_default() += 1;
    }

    /// Connections of a uid, that of the caller included.
    pub(crate) fn connections_of(&self, uid: u32) -> u64 {
        self.connections.lock().values().filter(|open| open.uid == uid).count() as u64
    }

    fn refuse(&self, refusal: Refusal) {
        let mut refused = self.connections.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.entry(refusal.name()).or_insert((refusal, 0)).1 += 1;
    }

    /// Why a connection is not served now.
    fn refusal(&self, peer: Peer) -> Option<Refusal> {
        let limits = self.limits();
        let open = self.connections.lock();
        if open.len() as u64 >= limits.connections {
            return Some(Refusal::TooMany);
        }
        let of_uid = open.values().filter(|open| open.uid == peer.uid).count() as u64;
        (of_uid >= limits.per_uid.connections).then_some(Refusal::UidQuota)
    }

    fn begin(self: &Arc<Self>, stream: UnixStream, peer: Peer) -> std::io::Result<()> {
        let limits = self.limits();
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(limits.write_timeout).filter(|timeout| !timeout.is_zero()))?;
        let (stream, bell) = (Arc::new(stream), Arc::new(Bell::new()?));
        let number = self.connections.served.fetch_add(1, Ordering::Relaxed);
        let open = Open { stream: Arc::clone(&stream), bell: Arc::clone(&bell), uid: peer.uid };
        self.connections.lock().insert(number, open);
        let service = Arc::clone(self);
        let worker = thread::Builder::new().name(format!("connection {number}")).stack_size(STACK_BYTES);
        let spawned = worker.spawn(move || {
            match Worker::new(Arc::clone(&service), stream, bell, peer) {
                Ok(worker) => worker.run(),
                Err(error) => tracing::error!(%error, "no session can be opened"),
            }
            service.connections.end(number);
        });
        if spawned.is_err() {
            self.connections.end(number);
        }
        spawned.map(|_| ())
    }
}

/// A worker's stack; its deepest calls are parsing and printing JSON.
const STACK_BYTES: usize = 1 << 20;

impl Connections {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, number: u64) {
        self.lock().remove(&number);
        self.ended.notify_all();
    }

    /// Waits until none is open; says whether that came about.
    fn wait_for_none(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut open = self.lock();
        while !open.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            open = self.ended.wait_timeout(open, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// [`Service`] as the main loop uses it.
#[derive(Clone, Debug)]
pub struct ServiceHost(pub Arc<Service>);

impl Host for ServiceHost {
    fn serve(&self, stream: UnixStream, peer: Peer) {
        if let Some(refusal) = self.0.refusal(peer) {
            self.0.refuse(refusal);
            tracing::warn!(%peer, reason = refusal.name(), "connection refused");
            return;
        }
        if let Err(error) = self.0.begin(stream, peer) {
            self.0.refuse(Refusal::NoResources);
            tracing::error!(%peer, %error, "connection refused");
        }
    }

    fn reload(&self, limits: Limits) {
        *self.0.limits.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(limits);
    }

    fn drain(&self, timeout: Duration) {
        let service = &self.0;
        for machine in service.machines.all() {
            machine.lock().cancel_all("shutdown");
        }
        // Not before: who waits for a load that is being cancelled is to hear of that, and not that nobody will tell.
        service.stopping.store(true, Ordering::Release);
        for open in service.connections.lock().values() {
            open.bell.ring();
            // The worker finds the end once it has answered what was sent.
            let _ = open.stream.shutdown(std::net::Shutdown::Read);
        }
        if !service.connections.wait_for_none(timeout) {
            for open in service.connections.lock().values() {
                let _ = open.stream.shutdown(std::net::Shutdown::Both);
            }
            service.connections.wait_for_none(LAST_CHANCE);
        }
        service.host.end_capture();
        service.recorder.shutdown();
    }

    fn sample(&self) -> Sample {
        let service = &self.0;
        // The machines may keep a scrape waiting, so nothing else is locked meanwhile.
        let machines = service.machines.all().iter().map(|machine| machine.sample()).collect();
        let refused = service.connections.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = refused.values().copied().collect();
        let open = service.connections.lock().len() as u64;
        let served_total = service.connections.served.load(Ordering::Relaxed);
        let refusals = service.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let quota = |(&(quota, scope), &total): (&(&'static str, Scope), &u64)| QuotaRefusals { quota, scope, total };
        Sample {
            machines,
            connections: ConnectionSample { open, served_total, refused },
            quota_refusals: refusals.iter().map(quota).collect(),
            recorder: service.recorder_sample(),
            host: service.host.sample(),
        }
    }

    fn status_line(&self) -> Result<String, Stalled> {
        let service = &self.0;
        let open = service.connections.lock().len();
        service.machines.check_progress()?;
        Ok(format!("{open} connections, {} machines", service.machines.all().len()))
    }
}

/// How long workers have once their sockets are closed.
const LAST_CHANCE: Duration = Duration::from_secs(1);
