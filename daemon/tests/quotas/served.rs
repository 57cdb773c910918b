//! A daemon with limits, and what it answers.

use crate::daemon::{Daemon, directory};
use busdma_api::client::{CallError, Client};
use busdma_api::engine::{EngineError, SessionReply};
use busdmad::config::Quota;
use std::fs;
use std::path::PathBuf;

/// A daemon with these limits.
pub(crate) struct Served {
    pub(crate) daemon: Daemon,
    pub(crate) socket: PathBuf,
    pub(crate) config: PathBuf,
    _directory: tempfile::TempDir,
}

impl Served {
    pub(crate) fn new(limits: &str) -> Self {
        let (directory, socket) = directory();
        let config = directory.path().join("busdmad.toml");
        fs::write(&config, limits).unwrap();
        let daemon = Daemon::serving(&socket, |command| {
            command.arg("--config").arg(&config);
        });
        Self { daemon, socket, config, _directory: directory }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.socket).unwrap()
    }
}

/// What is used of a quota and its limit, of the session and of the user.
pub(crate) fn quota_of(reply: &SessionReply, quota: Quota) -> [u64; 4] {
    let found = reply.quotas.iter().find(|found| found.quota == quota.name()).unwrap();
    [found.used, found.limit, found.uid_used, found.uid_limit]
}

pub(crate) fn answered<R>(reply: Result<R, CallError<EngineError>>) -> Result<R, EngineError> {
    match reply {
        Ok(reply) => Ok(reply),
        Err(CallError::Refused(error)) => Err(error),
        Err(error) => panic!("{error:?}"),
    }
}

pub(crate) fn exceeded(quota: &str, limit: u64, scope: &str) -> EngineError {
    EngineError::QuotaExceeded { quota: quota.to_owned(), limit, scope: scope.to_owned() }
}
