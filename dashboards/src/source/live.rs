//! Frames from a daemon.
//!
//! Threads follow one connection each and keep the newest replies; a frame is made of those without waiting for anything.
//! When the daemon is gone the last frame stays, and the threads try to reach it again.

mod convert;
mod decisions;
mod findings;
mod host;
mod link;
mod news;
mod recorder;
mod snapshots;
mod words;

pub use convert::NotADecision;

use crate::frame::Frame;
use crate::source::{Done, Interest, Refused, Source, Wanted, Wish};
use busdma_api::MachineId;
use busdma_api::client::ConnectError;
use busdma_api::monitor::{Decisions, Snapshot, Watch};
use decisions::DecisionStream;
use findings::{Asked, Seldom};
use host::HostStream;
use link::{Follower, Gone, PATIENCE};
use news::News;
use recorder::{Recorder, Toggle};
use snapshots::Snapshots;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// From asking to asking what changes seldom, at least.
const SELDOM: Duration = Duration::from_secs(1);

/// A daemon as a source.
#[derive(Debug)]
pub struct Live {
    name: String,
    options: LiveOptions,
    interest: Interest,
    news: Arc<News>,
    snapshots: Follower<Watch>,
    seldom: Follower<Asked>,
    host: Follower<busdma_api::host::Watch>,
    decisions: Follower<Decisions>,
    recorder: Follower<Toggle>,
    shown: Shown,
}

/// What to watch, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveOptions {
    /// One machine; all that the caller may see when there is none.
    pub machine: Option<MachineId>,
    /// From frame to frame. Where the daemon does not allow one so short, its shortest.
    pub interval: Duration,
    /// Maps and waiters to list at most, each, a machine, until an [`Interest`] says otherwise.
    pub rows: u32,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self { machine: None, interval: Duration::from_secs(1), rows: 512 }
    }
}

/// Why there is no first frame.
#[derive(Debug, Error)]
pub enum LiveError {
    /// Nobody answers at the socket.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The daemon answers with an error, or not at all.
    #[error("the daemon at {} does not show its machines: {why}", path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
        /// Why, in a few words.
        why: String,
    },
    /// There are no more threads.
    #[error("cannot start a thread that follows the daemon")]
    Thread(#[source] io::Error),
}

/// The frame that was shown last, and what of.
#[derive(Debug)]
struct Shown {
    frame: Arc<Frame>,
    changes: u64,
    beats: u64,
    away_s: Option<u64>,
    at: Duration,
}

impl Live {
    /// Connects to the daemon at `path` and waits for all that a first frame shows.
    ///
    /// # Errors
    /// [`LiveError`].
    pub fn connect(path: &Path, options: LiveOptions) -> Result<Self, LiveError> {
        let news = Arc::new(News::default());
        let mut snapshots = Snapshots::new(Arc::clone(&news));
        let mut seldom = Seldom::new(Arc::clone(&news));
        first_replies(path, options, &mut snapshots, &mut seldom)?;
        let name = path.display().to_string();
        let newest = news.newest();
        let frame = Arc::new(newest.frame(&name));
        let (changes, beats) = (newest.changes, newest.beats);
        drop(newest);
        let interest = Interest { decisions: Wanted::No, rows: options.rows };
        let calls = Calls { options, interest };
        let thread = LiveError::Thread;
        Ok(Self {
            snapshots: Follower::start("top-snapshots", path, Some(calls.watch()), snapshots).map_err(thread)?,
            seldom: Follower::start("top-findings", path, Some(calls.seldom()), seldom).map_err(thread)?,
            host: Follower::start("top-host", path, Some(calls.host()), HostStream::new(Arc::clone(&news)))
                .map_err(thread)?,
            decisions: Follower::start("top-decisions", path, None, DecisionStream::new(Arc::clone(&news)))
                .map_err(thread)?,
            recorder: Follower::start("top-recorder", path, None, Recorder::new(Arc::clone(&news))).map_err(thread)?,
            name,
            options,
            interest,
            news,
            shown: Shown { frame, changes, beats, away_s: None, at: Duration::ZERO },
        })
    }

    fn ask_anew(&self) {
        let calls = Calls { options: self.options, interest: self.interest };
        self.snapshots.ask(Some(calls.watch()));
        self.seldom.ask(Some(calls.seldom()));
        self.host.ask(Some(calls.host()));
        self.decisions.ask(calls.decisions());
    }
}

impl Source for Live {
    fn frame(&mut self, elapsed: Duration) -> Arc<Frame> {
        let newest = self.news.newest();
        let away_s = newest.gone.as_ref().map(news::Away::seconds);
        let shown = &mut self.shown;
        let at_once = newest.beats != shown.beats || away_s != shown.away_s;
        let in_time = newest.changes != shown.changes && elapsed.saturating_sub(shown.at) >= self.options.interval;
        if at_once || in_time {
            let frame = Arc::new(newest.frame(&self.name));
            *shown = Shown { frame, changes: newest.changes, beats: newest.beats, away_s, at: elapsed };
        }
        Arc::clone(&shown.frame)
    }

    fn ask(&mut self, wish: Wish) -> Result<Done, Refused> {
        match wish {
            Wish::Interval(interval) => self.options.interval = interval,
            Wish::Interest(interest) => self.interest = interest,
            // The daemon goes on whatever is looked at.
            Wish::Play(_) => return Ok(Done::Silently),
            Wish::ToggleRecording => {
                self.recorder.ask(Some(Toggle));
                return Ok(Done::Said("the daemon is asked".to_owned()));
            }
            Wish::Step(_) | Wish::Deferral(_) | Wish::Seek(_) => return Err(Refused::NotARecording),
        }
        self.ask_anew();
        Ok(Done::Silently)
    }

    fn outcome(&mut self) -> Option<Result<Done, Refused>> {
        self.news.newest().outcome.take()
    }
}

/// What is asked of the daemon, as wishes are.
#[derive(Clone, Copy, Debug)]
struct Calls {
    options: LiveOptions,
    interest: Interest,
}

impl Calls {
    fn watch(self) -> Watch {
        let interval_ms = Some(milliseconds(self.options.interval));
        Watch { machine: self.options.machine, limit: Some(self.interest.rows), interval_ms }
    }

    fn seldom(self) -> Asked {
        Asked { machine: self.options.machine, interval: self.options.interval.max(SELDOM) }
    }

    fn host(self) -> busdma_api::host::Watch {
        host::call(self.options.interval)
    }

    fn decisions(self) -> Option<Decisions> {
        (self.interest.decisions == Wanted::Yes).then(|| decisions::call(self.options.machine, self.options.interval))
    }
}

fn first_replies(
    path: &Path,
    options: LiveOptions,
    snapshots: &mut Snapshots,
    seldom: &mut Seldom,
) -> Result<(), LiveError> {
    let connected = link::connect(path, Some(PATIENCE));
    let (mut client, _) = connected.map_err(|source| ConnectError { path: path.to_owned(), source })?;
    let refused = |gone: Gone| LiveError::Refused { path: path.to_owned(), why: gone.to_string() };
    let call = Snapshot { machine: options.machine, limit: Some(options.rows) };
    snapshots.take_first(client.call(&call).map_err(|error| refused(error.into()))?);
    let asked = Asked { machine: options.machine, interval: SELDOM };
    seldom.ask(&mut client, asked).map_err(refused)
}

fn milliseconds(interval: Duration) -> u64 {
    u64::try_from(interval.as_millis()).unwrap_or(u64::MAX)
}
