//! The socket clients connect to: one that is passed by the service manager, or one made here and removed again.

mod activation;
mod bind;
mod descriptors;
mod lock;
mod peer;

pub use descriptors::raise_limit as raise_descriptor_limit;
pub use peer::{Admission, Peer};

use crate::config::SocketConfig;
use std::env;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why there is no socket.
#[derive(Debug, Error)]
pub enum SocketError {
    /// No place for it.
    #[error("there is no XDG_RUNTIME_DIR to put the socket into, and /run/busdma is root's")]
    NoPlace,
    /// Somebody listens there.
    #[error("{} is served already{}", path.display(), by(*pid))]
    Running {
        /// The socket.
        path: PathBuf,
        /// The process, where it left its id.
        pid: Option<u32>,
    },
    /// Something that is no socket is in its place.
    #[error("{} exists and is no socket, so it is not replaced", path.display())]
    Occupied {
        /// The place.
        path: PathBuf,
    },
    /// The system allows shorter paths only.
    #[error("{} is too long for a socket: {} bytes of at most {max}", path.display(), path.as_os_str().len())]
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// Bytes a path may have.
        max: usize,
    },
    /// The file that keeps a second daemon away cannot be made.
    #[error("cannot lock {}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It cannot be made.
    #[error("cannot make the socket {}", path.display())]
    Bind {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The service manager passed several.
    #[error("the service manager passed {count} sockets; expected one")]
    SeveralPassed {
        /// How many.
        count: usize,
    },
    /// The service manager passed something else.
    #[error("what the service manager passed is no listening Unix stream socket")]
    UnusablePassed(#[source] io::Error),
    /// The metrics listener cannot be made.
    #[error("cannot listen on {address} for metrics")]
    Metrics {
        /// Where it should be.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

impl SocketError {
    /// What to do about it.
    pub(crate) const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoPlace => Some("say where with --socket PATH"),
            Self::Running { .. } => Some("stop the other daemon, or serve another socket with --socket PATH"),
            Self::Occupied { .. } => Some("move it away, or serve another socket with --socket PATH"),
            Self::PathTooLong { .. } | Self::Lock { .. } | Self::Bind { .. } => {
                Some("the directory must exist and be writable; --socket PATH names another")
            }
            Self::SeveralPassed { .. } | Self::UnusablePassed(_) => {
                Some("the socket unit needs one ListenStream= with a path, and Accept=no")
            }
            Self::Metrics { .. } => None,
        }
    }
}

fn by(pid: Option<u32>) -> String {
    pid.map(|pid| format!(", by process {pid}")).unwrap_or_default()
}

/// A socket that listens, and what keeps it ours.
#[derive(Debug)]
pub struct Listening {
    /// Where connections arrive; never blocks.
    pub listener: UnixListener,
    /// What is held as long as it is served.
    pub place: Place,
}

/// The place of a socket: its file, if it was made here, and the lock on it.
#[derive(Debug)]
pub struct Place {
    path: Option<PathBuf>,
    file: Option<bind::BoundFile>,
    _lock: Option<lock::Lock>,
}

impl Place {
    /// Where clients find the socket, for people.
    pub fn shown(&self) -> String {
        self.path.as_deref().map_or_else(|| "a socket without a name".to_owned(), |path| path.display().to_string())
    }

    /// Takes the socket's file away, so that nobody connects any more. The lock stays until the place is dropped.
    pub fn remove_file(&mut self) {
        self.file = None;
    }
}

/// The socket: the one the service manager passed, else one at the configured place.
///
/// Must be called before there are other threads: it changes the process's environment and, for a moment, its umask.
///
/// # Errors
///
/// [`SocketError`]; [`SocketError::Running`] if somebody listens at that place.
pub fn open(config: &SocketConfig) -> Result<Listening, SocketError> {
    if let Some(listener) = activation::passed()? {
        let path = listener.local_addr().ok().and_then(|address| address.as_pathname().map(Path::to_owned));
        let lock = path.as_deref().map(lock_passed).transpose()?.flatten();
        return Ok(Listening { listener, place: Place { path, file: None, _lock: lock } });
    }
    let path = match &config.path {
        Some(path) => path.clone(),
        None => default_path().and_then(with_directory)?,
    };
    let lock = lock::Lock::acquire(&path)?;
    let (listener, file) = bind::bind(&path, config)?;
    Ok(Listening { listener, place: Place { path: Some(path), file: Some(file), _lock: Some(lock) } })
}

/// The place of the socket when none is configured: root's in `/run`, anybody else's in the directory of the login session.
///
/// # Errors
///
/// [`SocketError::NoPlace`] if there is no such directory.
pub fn default_path() -> Result<PathBuf, SocketError> {
    if rustix::process::geteuid().is_root() {
        return Ok(Path::new("/run/busdma").join(NAME));
    }
    match env::var_os("XDG_RUNTIME_DIR") {
        Some(directory) if !directory.is_empty() => Ok(Path::new(&directory).join(NAME)),
        _ => Err(SocketError::NoPlace),
    }
}

const NAME: &str = "busdma.varlink";

/// Nobody has made root's directory where no service was installed.
fn with_directory(path: PathBuf) -> Result<PathBuf, SocketError> {
    match path.parent().map(std::fs::create_dir_all) {
        Some(Err(source)) => Err(SocketError::Bind { path, source }),
        _ => Ok(path),
    }
}

/// A passed socket is ours without a lock, which only keeps daemons started by hand away. The directory may not be ours.
fn lock_passed(path: &Path) -> Result<Option<lock::Lock>, SocketError> {
    match lock::Lock::acquire(path) {
        Err(SocketError::Lock { path, source }) => {
            tracing::warn!(path = %path.display(), error = %source, "cannot lock the passed socket");
            Ok(None)
        }
        lock => lock.map(Some),
    }
}
