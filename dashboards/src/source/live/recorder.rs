//! Recording on and off, on a connection for that call alone.

use super::link::{Follow, Gone, PATIENCE, Turn};
use super::news::News;
use crate::frame::RecordingState;
use crate::source::{Done, Refused};
use busdma_api::client::Client;
use busdma_api::recorder::{RecorderState, Start, Status, StatusReply, Stop};
use std::sync::Arc;
use std::time::Duration;

/// Start a recording, or stop the one that is going on, once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Toggle;

/// Asks the daemon's recorder, and says what has come of it.
#[derive(Debug)]
pub(super) struct Recorder {
    news: Arc<News>,
}

impl Recorder {
    pub(super) fn new(news: Arc<News>) -> Self {
        Self { news }
    }

    fn refused(&self, why: &Gone) {
        let refused = Refused::Daemon { why: why.to_string() };
        self.news.put(|newest| newest.outcome = Some(Err(refused)));
    }
}

impl Follow for Recorder {
    type Call = Toggle;

    fn patience(_: &Toggle) -> Option<Duration> {
        Some(PATIENCE)
    }

    fn follow(&mut self, client: &mut Client, turn: &mut Turn<'_, Toggle>) -> Gone {
        let toggled = toggle(client);
        // Whoever is told may ask again at once.
        turn.over();
        match toggled {
            Ok((state, said)) => self.news.put_at_once(|newest| {
                newest.recording = Some(state);
                newest.outcome = Some(Ok(Done::Said(said)));
            }),
            Err(gone) => self.refused(&gone),
        }
        Gone::Unwanted
    }

    /// Nobody wants a recording that begins when a daemon comes back much later.
    fn gone(&mut self, why: &Gone, turn: &Turn<'_, Toggle>) {
        turn.over();
        self.refused(why);
    }
}

fn toggle(client: &mut Client) -> Result<(RecordingState, String), Gone> {
    if client.call(&Status {})?.state == RecorderState::Recording {
        let status = client.call(&Stop {})?;
        let said = format!("recorded {} operations into {}", status.operations_written, directory(&status));
        return Ok((RecordingState::Off, said));
    }
    let status = client.call(&Start::default())?;
    Ok((RecordingState::On, format!("recording into {}", directory(&status))))
}

fn directory(status: &StatusReply) -> &str {
    status.directory.as_deref().unwrap_or("the daemon's directory")
}

#[cfg(test)]
mod tests {
    use super::super::link::Follower;
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixListener;
    use std::path::Path;
    use std::thread;
    use std::time::Instant;

    fn recorder(socket: &Path) -> (Follower<Toggle>, Arc<News>) {
        let news = Arc::new(News::default());
        (Follower::start("recorder", socket, None, Recorder::new(Arc::clone(&news))).unwrap(), news)
    }

    #[test]
    fn nobody_waits_for_a_daemon_that_does_not_answer() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let daemon = UnixListener::bind(&socket).unwrap();
        let (recorder, news) = recorder(&socket);
        let began = Instant::now();
        recorder.ask(Some(Toggle));
        let (mut asked, _) = daemon.accept().unwrap();
        asked.read_exact(&mut [0]).unwrap();
        drop(recorder);
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        assert!(matches!(news.newest().outcome, Some(Err(Refused::Daemon { .. }))));
    }

    #[test]
    fn a_daemon_that_comes_later_is_not_asked() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let (recorder, news) = recorder(&socket);
        recorder.ask(Some(Toggle));
        let outcome = loop {
            if let Some(outcome) = news.newest().outcome.take() {
                break outcome;
            }
            thread::yield_now();
        };
        assert_eq!(outcome, Err(Refused::Daemon { why: "no daemon is running".to_owned() }));
        let daemon = UnixListener::bind(&socket).unwrap();
        daemon.set_nonblocking(true).unwrap();
        thread::sleep(Duration::from_millis(400));
        assert!(daemon.accept().is_err());
        recorder.ask(Some(Toggle));
        daemon.set_nonblocking(false).unwrap();
        daemon.accept().unwrap();
    }
}
