//! What the service manager is told.

use sd_notify::NotifyState;
use std::time::Duration;

/// Tells the service manager how the daemon is. Without one, every method does nothing.
#[derive(Debug)]
pub struct Notifier {
    watchdog: Option<Duration>,
}

/// How often the status is renewed where nobody watches.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

impl Notifier {
    /// For the service manager the environment names.
    pub fn from_env() -> Self {
        Self { watchdog: sd_notify::watchdog_enabled() }
    }

    /// How often [`alive`](Self::alive) is to be called: twice in the time after which the daemon counts as hung.
    pub fn interval(&self) -> Duration {
        self.watchdog.map_or(STATUS_INTERVAL, |timeout| (timeout / 2).max(Duration::from_millis(1)))
    }

    /// Clients are served, for the first time or after a reload.
    pub fn ready(&self, status: &str) {
        send(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
    }

    /// The configuration is read again; [`ready`](Self::ready) follows.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => send(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!(%error, "cannot read the clock to tell of a reload"),
        }
    }

    /// No more clients are served, and calls in progress are finished.
    pub fn stopping(&self, status: &str) {
        send(&[NotifyState::Stopping, NotifyState::Status(&one_line(status))]);
    }

    /// The daemon works.
    pub fn alive(&self, status: &str) {
        let status = one_line(status);
        match self.watchdog {
            Some(_) => send(&[NotifyState::Watchdog, NotifyState::Status(&status)]),
            None => send(&[NotifyState::Status(&status)]),
        }
    }

    /// The daemon does not work: whoever watches it gets to know, and is left to act.
    pub fn stalled(&self, status: &str) {
        send(&[NotifyState::Status(&one_line(status))]);
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "cannot tell the service manager");
    }
}

/// A status ends at the line's end; what follows would be taken for another message.
fn one_line(status: &str) -> String {
    status.replace(['\n', '\r'], " ")
}
