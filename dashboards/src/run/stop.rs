//! Ctrl-Z: stopping as a job of the shell.

use rustix::process::{Signal, getpgrp, getppid, getsid, kill_current_process_group};
use rustix::termios::tcgetpgrp;
use signal_hook::consts::SIGTSTP;
use signal_hook::low_level::emulate_default_handler;
use std::io;
use thiserror::Error;

/// Why the program does not stop.
#[derive(Debug, Error)]
pub(super) enum NotStopped {
    /// Nobody could let it go on.
    #[error("there is no shell to go back to")]
    NoShell,
    /// The system refuses.
    #[error("cannot stop: {why}")]
    Refused {
        /// What it says.
        why: io::Error,
    },
}

/// Whether somebody is there who can let the program go on: a parent of the same session, as shells are. Without one the
/// system ignores SIGTSTP too.
pub(super) fn is_possible() -> bool {
    getppid().is_some_and(|parent| matches!((getsid(Some(parent)), getsid(None)), (Ok(its), Ok(own)) if its == own))
}

/// Asks the whole job to stop, as Ctrl-Z does outside of raw mode: `sudo busdma top` stops as one. The signal comes back
/// like any other.
///
/// # Errors
/// [`NotStopped`].
pub(super) fn ask_for_a_stop() -> Result<(), NotStopped> {
    if !is_possible() {
        return Err(NotStopped::NoShell);
    }
    kill_current_process_group(Signal::TSTP).map_err(|why| NotStopped::Refused { why: why.into() })
}

/// Whether the terminal is this job's. Another one that sets its modes is stopped for it, and is then deaf to signals that
/// would end it: a job that was stopped and goes on may be about to be ended (`kill %1`), or sent to the background (`bg`).
pub(super) fn is_in_front() -> bool {
    // Nobody waits for a terminal that controls no jobs.
    tcgetpgrp(io::stdout()).map_or(true, |front| front == getpgrp())
}

/// Stops, and returns when the program is told to go on.
///
/// # Errors
/// The system refuses.
pub(super) fn stop() -> io::Result<()> {
    emulate_default_handler(SIGTSTP)
}
