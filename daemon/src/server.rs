//! The main loop: accepts connections, obeys signals, tells the service manager that it lives.

mod door;
mod drain;
mod observed;

use crate::config::{Config, ConfigError, Limits};
use crate::metrics::{self, Sample};
use crate::socket::{Listening, Peer, SocketError};
use crate::systemd::Notifier;
use door::Door;
use observed::Observed;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior};

/// What serves the connections. The methods are called from the main loop, which must not wait for clients or machines, save
/// where they say otherwise.
pub trait Host: Send + Sync {
    /// Serves a connection, whose stream blocks, on a thread of its own; or closes it, and counts why.
    fn serve(&self, stream: UnixStream, peer: Peer);

    /// Applies limits to what is asked from now on.
    fn reload(&self, limits: Limits);

    /// Ends all connections: calls in progress are finished until the timeout, then cut off. Returns when all threads have
    /// ended. Called on a thread of its own, once; no connection is served afterwards.
    fn drain(&self, timeout: Duration);

    /// What is counted. Called on a thread of its own, so it may wait for the machines.
    fn sample(&self) -> Sample;

    /// One line on what goes on, for `systemctl status`.
    ///
    /// # Errors
    ///
    /// [`Stalled`] if a machine no longer takes decisions. The watchdog then restarts the daemon.
    fn status_line(&self) -> Result<String, Stalled>;
}

/// A machine has had something to do for so long without doing it that it will not do it any more.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("machine {machine} has not taken a decision for {} seconds", waited.as_secs())]
pub struct Stalled {
    /// Its name.
    pub machine: String,
    /// Since when something waits for it.
    pub waited: Duration,
}

/// Why the daemon stopped running.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The system refuses what every program needs.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Connections did not end.
    #[error("connections did not end within {}", humantime::format_duration(*.0))]
    NotDrained(Duration),
    /// A second signal came while the first was obeyed.
    #[error("stopped by a second signal before all calls in progress were finished")]
    SecondSignal,
}

/// The listening sockets, made before anything else so that the service manager may start who needs them.
#[derive(Debug)]
pub struct Sockets {
    /// Clients'.
    pub varlink: Listening,
    /// The metrics'.
    pub metrics: Option<std::net::TcpListener>,
}

/// Listens for requests for metrics.
///
/// # Errors
///
/// [`SocketError::Metrics`].
pub fn listen_for_metrics(address: SocketAddr) -> Result<std::net::TcpListener, SocketError> {
    let listen = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|source| SocketError::Metrics { address, source })
}

/// Serves clients until a signal says to stop. `reload` makes the configuration anew when a signal asks for it.
///
/// # Errors
///
/// [`ServerError`].
pub fn run(
    config: Config,
    sockets: Sockets,
    host: Arc<dyn Host>,
    reload: impl Fn() -> Result<Config, ConfigError>,
) -> Result<(), ServerError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_THREADS).build();
    let runtime = runtime.map_err(|source| ServerError::System { what: "set up the main loop", source })?;
    let outcome = runtime.block_on(serve(config, sockets, host, reload));
    // A scrape that waits for a stuck machine must not keep the process.
    runtime.shutdown_background();
    outcome
}

/// One takes samples, one drains.
const BLOCKING_THREADS: usize = 2;

async fn serve(
    config: Config,
    sockets: Sockets,
    host: Arc<dyn Host>,
    reload: impl Fn() -> Result<Config, ConfigError>,
) -> Result<(), ServerError> {
    let (mut stop, mut hangup) = (StopSignals::new()?, obey(SignalKind::hangup())?);
    let Listening { listener, mut place } = sockets.varlink;
    let usable = |source| ServerError::System { what: "use the socket", source };
    let listener = UnixListener::from_std(listener).map_err(usable)?;
    let observed = Arc::new(Observed::new(Arc::clone(&host)));
    if let Some(metrics) = sockets.metrics {
        let metrics = TcpListener::from_std(metrics).map_err(usable)?;
        tracing::info!(address = %metrics.local_addr().map_err(usable)?, "metrics");
        tokio::spawn(metrics::serve(metrics, Arc::clone(&observed) as Arc<dyn metrics::Source>));
    }
    let notifier = Notifier::from_env();
    let mut pulse = pulse(&notifier);
    let mut server = Server { door: Door::new(&config.socket, observed), config, host, notifier };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), socket = %place.shown(), "serving");
    server.notifier.ready(&server.status());
    loop {
        tokio::select! {
            connection = listener.accept() => server.door.admit(connection, &*server.host).await,
            _ = pulse.tick() => server.beat(),
            _ = hangup.recv() => server.reload(&reload),
            name = stop.next() => {
                tracing::info!(signal = name, "stopping");
                break;
            }
        }
    }
    drop(listener);
    place.remove_file();
    drain::drain(server.host, server.config.drain_timeout, &server.notifier, &mut pulse, &mut stop).await
}

fn pulse(notifier: &Notifier) -> Interval {
    let mut pulse = tokio::time::interval(notifier.interval());
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pulse
}

struct Server {
    config: Config,
    host: Arc<dyn Host>,
    door: Door,
    notifier: Notifier,
}

impl Server {
    /// Tells the service manager that this loop and the machines go on, if they do.
    fn beat(&self) {
        match self.host.status_line() {
            Ok(line) => self.notifier.alive(&line),
            Err(stalled) => {
                tracing::error!(%stalled, "waiting for the watchdog");
                self.notifier.stalled(&stalled.to_string());
            }
        }
    }

    fn status(&self) -> String {
        self.host.status_line().unwrap_or_else(|stalled| stalled.to_string())
    }

    fn reload(&mut self, reload: &impl Fn() -> Result<Config, ConfigError>) {
        self.notifier.reloading();
        match reload() {
            Ok(config) => {
                for section in config.sections_unlike(&self.config) {
                    tracing::warn!(section, "changed; a restart applies it");
                }
                self.host.reload(config.limits.clone());
                self.config.limits = config.limits;
                tracing::info!("limits reloaded");
                self.notifier.ready(&self.status());
            }
            Err(error) => {
                let error = crate::exit::chain(&error);
                tracing::error!(%error, "not reloaded: the limits stay as they were");
                self.notifier.ready(&format!("not reloaded: {error}"));
            }
        }
    }
}

/// The signals that say to stop.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn new() -> Result<Self, ServerError> {
        Ok(Self { terminate: obey(SignalKind::terminate())?, interrupt: obey(SignalKind::interrupt())? })
    }

    /// The name of the next one.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

fn obey(kind: SignalKind) -> Result<Signal, ServerError> {
    signal(kind).map_err(|source| ServerError::System { what: "wait for signals", source })
}
