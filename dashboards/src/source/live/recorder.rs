//! Recording on and off, on a connection for that call alone.

use super::link::{self, PATIENCE, words_of_call};
use super::words;
use crate::frame::RecordingState;
use busdma_api::recorder::{RecorderState, Start, Status, StatusReply, Stop};
use std::path::Path;

/// Starts a recording, or stops the one that is going on; says what has come of it. Waits for the daemon.
///
/// # Errors
/// Why it does not, in a few words.
pub(super) fn toggle(path: &Path) -> Result<(RecordingState, String), String> {
    let (mut client, _) = link::connect(path, Some(PATIENCE)).map_err(|error| link::words_of_connecting(&error))?;
    let in_words = |error| words_of_call(&error, words::recorder);
    if client.call(&Status {}).map_err(in_words)?.state == RecorderState::Recording {
        let status = client.call(&Stop {}).map_err(in_words)?;
        let said = format!("recorded {} operations into {}", status.operations_written, directory(&status));
        return Ok((RecordingState::Off, said));
    }
    let status = client.call(&Start::default()).map_err(in_words)?;
    Ok((RecordingState::On, format!("recording into {}", directory(&status))))
}

fn directory(status: &StatusReply) -> &str {
    status.directory.as_deref().unwrap_or("the daemon's directory")
}
