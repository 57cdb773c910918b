//! Why the daemon did not do what was asked.

use super::words::{self, InWords};
use busdma_api::client::CallError;
use busdma_api::service::ServiceError;
use busdma_api::wire::WireError;
use rustix::process::geteuid;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why the daemon did not do what was asked.
///
/// None of them has an I/O error as its source: a daemon that went away must not be taken for a closed standard output.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// Nobody listens.
    #[error("no busdmad at {}: start it with `busdmad` or `systemctl start busdmad`", path.display())]
    NotRunning {
        /// The socket.
        path: PathBuf,
    },
    /// The socket's permissions keep the caller out.
    #[error("busdmad's socket {} is closed to user {uid}: {}", path.display(), cure(*group))]
    NotAllowed {
        /// The socket.
        path: PathBuf,
        /// Who was turned away.
        uid: u32,
        /// The group that the socket belongs to, where it can be seen.
        group: Option<u32>,
    },
    /// The daemon serves certain users and groups only.
    #[error("busdmad at {} does not serve user {uid}: its configuration must allow the user or a group of theirs \
        (allowed_uids, allowed_gids)", path.display())]
    NotServed {
        /// The socket.
        path: PathBuf,
        /// Who was turned away.
        uid: u32,
    },
    /// Anything else that the system says.
    #[error("cannot connect to busdmad at {}: {why}", path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// It went away.
    #[error("lost busdmad at {}: {why}", path.display())]
    Lost {
        /// The socket.
        path: PathBuf,
        /// What happened.
        why: String,
    },
    /// Its answer is not what the interface says.
    #[error("busdmad at {} answers what this busdma does not understand; are they of one version?", path.display())]
    NotUnderstood {
        /// The socket.
        path: PathBuf,
        /// Where.
        source: serde_json::Error,
    },
    /// It answered with an error.
    #[error("{words}")]
    Refused {
        /// The error in words, or by its name and parameters.
        words: String,
    },
}

impl DaemonError {
    /// Why connecting to `path` failed.
    pub(super) fn no_connection(path: PathBuf, source: &io::Error) -> Self {
        match source.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Self::NotRunning { path },
            ErrorKind::PermissionDenied => {
                let group = fs::metadata(&path).ok().map(|metadata| metadata.gid());
                Self::NotAllowed { path, uid: geteuid().as_raw(), group }
            }
            _ => Self::Unreachable { path, why: source.to_string() },
        }
    }

    /// Why a call over the connection to `path` failed.
    pub(super) fn of_call<E: InWords>(path: &Path, error: CallError<E>) -> Self {
        match error {
            CallError::Refused(refusal) => Self::Refused { words: refusal.in_words() },
            CallError::Service(ServiceError::PermissionDenied) => {
                Self::NotServed { path: path.to_owned(), uid: geteuid().as_raw() }
            }
            CallError::Service(error) => Self::Refused { words: words::service(&error) },
            other => RawFailure::from(other).at(path),
        }
    }

    pub(super) fn lost(path: &Path, why: &str) -> Self {
        Self::Lost { path: path.to_owned(), why: why.to_owned() }
    }

    /// Whether it is an answer of the daemon's, rather than none.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

/// Why a call failed whose interface is not known; not yet where.
#[derive(Debug)]
pub(super) enum RawFailure {
    /// An error reply by its name and parameters.
    Reply(String),
    /// A reply that is none.
    Malformed(serde_json::Error),
    /// No reply.
    Lost(String),
}

impl RawFailure {
    /// The same with the place.
    pub(super) fn at(self, path: &Path) -> DaemonError {
        match self {
            Self::Reply(words) => DaemonError::Refused { words },
            Self::Malformed(source) => DaemonError::NotUnderstood { path: path.to_owned(), source },
            Self::Lost(why) => DaemonError::lost(path, &why),
        }
    }
}

impl<E> From<CallError<E>> for RawFailure {
    fn from(error: CallError<E>) -> Self {
        match error {
            CallError::Service(error) => Self::Reply(words::by_name(&error)),
            CallError::Unknown { name, parameters } => Self::Reply(words::name_and_parameters(&name, &parameters)),
            CallError::Malformed(error) => Self::Malformed(error),
            CallError::Closed => Self::Lost(hung_up()),
            CallError::Wire(WireError::Socket(error)) if is_hang_up(&error) => Self::Lost(hung_up()),
            CallError::Wire(error) => Self::Lost(with_causes(&error)),
            CallError::Transport(error) => Self::Lost(error.to_string()),
            CallError::Refused(_) => Self::Reply("an error".to_owned()),
        }
    }
}

/// A daemon that does not serve a user says nothing and closes the connection.
fn hung_up() -> String {
    format!(
        "it ended the connection; if that was at once, its configuration does not allow user {}",
        geteuid().as_raw()
    )
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

fn with_causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", with_causes(source)),
        None => error.to_string(),
    }
}

/// What to do about a socket one may not open.
fn cure(group: Option<u32>) -> String {
    match group {
        Some(0) => "use sudo, or have the daemon's configuration give the socket another group".to_owned(),
        Some(gid) => {
            let group = group_name(gid).unwrap_or_else(|| gid.to_string());
            format!("join the group {group} (`sudo usermod -aG {group} $USER`, then log in again), or use sudo")
        }
        None => "join the group of its directory, or use sudo".to_owned(),
    }
}

/// The name of a group in /etc/group.
fn group_name(gid: u32) -> Option<String> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    let gid = gid.to_string();
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _password, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number == gid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_connecting_fails_with_says_what_to_do() {
        let check = |kind: ErrorKind, start: &str| {
            let error = DaemonError::no_connection("/nowhere/busdma.varlink".into(), &kind.into()).to_string();
            assert!(error.starts_with(start), "{error}");
        };
        check(ErrorKind::NotFound, "no busdmad at /nowhere/busdma.varlink: start it with `busdmad`");
        check(ErrorKind::ConnectionRefused, "no busdmad at /nowhere/busdma.varlink: start it with `busdmad`");
        check(ErrorKind::PermissionDenied, "busdmad's socket /nowhere/busdma.varlink is closed to user ");
        check(ErrorKind::TimedOut, "cannot connect to busdmad at /nowhere/busdma.varlink: timed out");
    }

    #[test]
    fn the_cure_names_the_group() {
        assert!(cure(Some(0)).starts_with("use sudo"), "nobody is told to join root's group");
        assert!(cure(Some(4_000_000_000)).starts_with("join the group 4000000000 ("));
        assert_eq!(group_name(0).as_deref(), Some("root"));
    }
}
