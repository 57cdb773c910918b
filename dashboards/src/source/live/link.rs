//! A connection that a thread of its own follows: what it shall ask for, hanging up, and trying again.

use super::words;
use busdma_api::client::{CallError, Client};
use busdma_api::host::HostError;
use busdma_api::monitor::MonitorError;
use busdma_api::recorder::RecorderError;
use busdma_api::wire::WireError;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use thiserror::Error;

/// How long a daemon may leave a call without a reply, beside the interval that was asked for.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// What a thread does with a connection.
pub(super) trait Follow: Send + 'static {
    /// What it asks for.
    type Call: Clone + PartialEq + Send + 'static;

    /// How long the daemon may say nothing; for ever where it speaks only when it has something to say.
    fn patience(call: &Self::Call) -> Option<Duration>;

    /// Asks and takes the replies in until there are no more. Each good one is told to `turn`.
    fn follow(&mut self, client: &mut Client, turn: &mut Turn<'_, Self::Call>) -> Gone;

    /// There is no connection, and soon another one will be tried, unless the call is over. That nobody is there is told by
    /// the connection of snapshots: the others have nothing to say.
    fn gone(&mut self, _why: &Gone, _turn: &Turn<'_, Self::Call>) {}
}

/// Why a connection is over.
#[derive(Debug, Error)]
pub(super) enum Gone {
    /// Nobody can be connected to.
    #[error("{}", words_of_connecting(.0))]
    Unreachable(#[source] io::Error),
    /// A call of `org.busdma.Monitor` failed.
    #[error("{}", words_of_call(.0, words::monitor))]
    Monitor(#[from] CallError<MonitorError>),
    /// A call of `org.busdma.Recorder` failed.
    #[error("{}", words_of_call(.0, words::recorder))]
    Recorder(#[from] CallError<RecorderError>),
    /// A call of `org.busdma.Host` failed.
    #[error("{}", words_of_call(.0, words::host))]
    Host(#[from] CallError<HostError>),
    /// Something else is wanted, or nothing more.
    #[error("something else is wanted")]
    Unwanted,
}

/// A thread that follows a connection. It ends, and is waited for, when this is dropped.
#[derive(Debug)]
pub(super) struct Follower<C> {
    line: Arc<Line<C>>,
    thread: Option<JoinHandle<()>>,
}

impl<C: Clone + PartialEq + Send + 'static> Follower<C> {
    /// Follows the daemon at `path`; asks for nothing as long as `call` is none.
    ///
    /// # Errors
    /// There are no more threads.
    pub(super) fn start(name: &str, path: &Path, call: Option<C>, follow: impl Follow<Call = C>) -> io::Result<Self> {
        let line = Arc::new(Line::new(call));
        let (shared, path) = (Arc::clone(&line), path.to_owned());
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || run(&shared, &path, follow))?;
        Ok(Self { line, thread: Some(thread) })
    }

    /// Asks for something else from now on, or for nothing.
    pub(super) fn ask(&self, call: Option<C>) {
        let mut state = self.line.lock();
        if state.call != call {
            state.call = call;
            self.line.change(&mut state);
        }
    }
}

impl<C> Drop for Follower<C> {
    fn drop(&mut self) {
        let mut state = self.line.lock();
        state.stopping = true;
        self.line.change(&mut state);
        drop(state);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so itself, and a drop is no place to go on with it.
            let _ = thread.join();
        }
    }
}

fn run<C: Clone + PartialEq, F: Follow<Call = C>>(line: &Line<C>, path: &Path, mut follow: F) {
    let mut retry = FIRST_RETRY;
    while let Some(mut turn) = line.turn() {
        let gone = match connect(path, F::patience(&turn.call)) {
            Ok((mut client, socket)) => {
                if line.hold(&turn, socket) == Held::No {
                    continue;
                }
                let gone = follow.follow(&mut client, &mut turn);
                line.release();
                gone
            }
            Err(error) => Gone::Unreachable(error),
        };
        if turn.progress == Progress::Made {
            retry = FIRST_RETRY;
        }
        if turn.is_current() {
            follow.gone(&gone, &turn);
            turn.sleep(retry);
            retry = (retry * 2).min(LAST_RETRY);
        }
    }
}

/// Connects to the daemon at `path`; no read shall take longer than `patience`, which is not 0.
pub(super) fn connect(path: &Path, patience: Option<Duration>) -> io::Result<(Client, UnixStream)> {
    let socket = UnixStream::connect(path)?;
    socket.set_read_timeout(patience)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok((Client::new(socket.try_clone()?), socket))
}

/// What a thread is to ask for, and the socket by which it can be made to listen.
#[derive(Debug)]
struct Line<C> {
    state: Mutex<State<C>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<C> {
    call: Option<C>,
    changes: u64,
    stopping: bool,
    socket: Option<UnixStream>,
}

/// One call and its connection, until something else is wanted.
#[derive(Debug)]
pub(super) struct Turn<'l, C> {
    pub(super) call: C,
    line: &'l Line<C>,
    changes: u64,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Held {
    Yes,
    No,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    NotYet,
    Made,
}

impl<C: Clone> Line<C> {
    fn new(call: Option<C>) -> Self {
        let state = State { call, changes: 0, stopping: false, socket: None };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Waits until something is wanted; none at the end.
    fn turn(&self) -> Option<Turn<'_, C>> {
        let mut state = self.lock();
        loop {
            if state.stopping {
                return None;
            }
            if let Some(call) = &state.call {
                let (call, changes) = (call.clone(), state.changes);
                return Some(Turn { call, line: self, changes, progress: Progress::NotYet });
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Keeps a socket for hanging up, unless something else is wanted already.
    fn hold(&self, turn: &Turn<'_, C>, socket: UnixStream) -> Held {
        let mut state = self.lock();
        if state.changes != turn.changes {
            return Held::No;
        }
        state.socket = Some(socket);
        Held::Yes
    }

    fn release(&self) {
        self.lock().socket = None;
    }
}

impl<C> Line<C> {
    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, state: &mut State<C>) {
        state.changes += 1;
        if let Some(socket) = &state.socket {
            // It fails when the daemon has hung up already, which ends the read just as well.
            let _ = socket.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
    }
}

impl<C> Turn<'_, C> {
    /// Whether the call is still what is wanted.
    pub(super) fn is_current(&self) -> bool {
        self.line.lock().changes == self.changes
    }

    /// The call is over, whatever came of it: it is not asked again.
    pub(super) fn over(&self) {
        let mut state = self.line.lock();
        if state.changes == self.changes {
            state.call = None;
            state.changes += 1;
        }
    }

    /// A good reply came.
    pub(super) fn made_progress(&mut self) {
        self.progress = Progress::Made;
    }

    /// Sleeps until something else is wanted, for `time` at most.
    pub(super) fn sleep(&self, time: Duration) {
        let state = self.line.lock();
        drop(self.line.changed.wait_timeout_while(state, time, |state| state.changes == self.changes));
    }
}

/// Why nobody can be connected to.
fn words_of_connecting(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => "no daemon is running".to_owned(),
        ErrorKind::PermissionDenied => "the socket is closed to this user".to_owned(),
        _ => error.to_string(),
    }
}

/// Why a call failed; `refusal` finds words for an error of the interface.
fn words_of_call<E>(error: &CallError<E>, refusal: impl FnOnce(&E) -> String) -> String {
    match error {
        CallError::Refused(error) => refusal(error),
        CallError::Closed => "the daemon ended the connection".to_owned(),
        CallError::Wire(WireError::Socket(cause)) => match cause.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => "the daemon does not answer".to_owned(),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => "the daemon ended the connection".to_owned(),
            _ => cause.to_string(),
        },
        CallError::Malformed(_) => "the daemon answers what this program does not understand".to_owned(),
        other => other.to_string(),
    }
}
