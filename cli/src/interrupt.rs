//! Ctrl-C as an end like any other: what blocks is woken, and the verb returns.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Tells whether SIGINT or SIGTERM has come. A second one ends the process at once.
#[derive(Clone, Debug)]
pub struct Interruption {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    come: Mutex<bool>,
    woken: Condvar,
}

impl Interruption {
    /// Takes the signals from now on; the first one also hangs up `socket`, so that who waits for its replies goes on.
    ///
    /// # Errors
    ///
    /// The system takes no handler or thread.
    pub fn watch(socket: Option<UnixStream>) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let shared = Arc::clone(&state);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let mut socket = socket;
            for (nth, signal) in signals.forever().enumerate() {
                if nth > 0 {
                    let _ = emulate_default_handler(signal);
                }
                shared.come();
                if let Some(socket) = socket.take() {
                    let _ = socket.shutdown(Shutdown::Both);
                }
            }
        })?;
        Ok(Self { state })
    }

    /// Whether one has come.
    pub fn has_come(&self) -> bool {
        *self.state.come.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps for `time`, or until a signal comes, if that is sooner.
    pub fn sleep(&self, time: Duration) {
        let come = self.state.come.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.state.woken.wait_timeout_while(come, time, |come| !*come));
    }
}

impl State {
    fn come(&self) {
        *self.come.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.woken.notify_all();
    }
}
