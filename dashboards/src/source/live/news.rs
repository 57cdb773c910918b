//! The newest of everything that the daemon said: threads put it in, frames are made of it.

use super::convert::unavailable;
use crate::frame::{
    DecisionLog, FindingRow, Frame, HostFrame, Lost, Machine, Origin, OriginKind, OriginState, Probes, RecordingState,
};
use crate::source::{Done, Refused};
use std::cmp::Reverse;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What threads and frames share.
#[derive(Debug, Default)]
pub(super) struct News {
    newest: Mutex<Newest>,
}

/// The newest of everything.
#[derive(Debug, Default)]
pub(super) struct Newest {
    /// How often anything changed.
    pub(super) changes: u64,
    /// How often it was what shall be shown at once: a snapshot, or the connection.
    pub(super) beats: u64,
    pub(super) t_ns: u64,
    pub(super) unix_ns: Option<i64>,
    pub(super) machines: Vec<Machine>,
    pub(super) findings: Vec<FindingRow>,
    pub(super) host_findings: Vec<FindingRow>,
    pub(super) findings_lost: u64,
    pub(super) decisions: DecisionLog,
    pub(super) decisions_lost: u64,
    /// What Watch says of the host, while it says anything.
    pub(super) host: Option<HostFrame>,
    /// How the probes are, once that is known.
    pub(super) probes: Option<Probes>,
    pub(super) recording: Option<RecordingState>,
    /// What has come of a wish that took its time, until it is told.
    pub(super) outcome: Option<Result<Done, Refused>>,
    pub(super) gone: Option<Away>,
}

/// There is no daemon.
#[derive(Clone, Debug)]
pub(super) struct Away {
    pub(super) since: Instant,
    pub(super) why: String,
}

impl News {
    /// To read.
    pub(super) fn newest(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something in that can wait for the next snapshot.
    pub(super) fn put(&self, put: impl FnOnce(&mut Newest)) {
        let mut newest = self.newest();
        put(&mut newest);
        newest.changes += 1;
    }

    /// Puts something in that shall be shown at once.
    pub(super) fn put_at_once(&self, put: impl FnOnce(&mut Newest)) {
        let mut newest = self.newest();
        put(&mut newest);
        newest.changes += 1;
        newest.beats += 1;
    }
}

impl Newest {
    /// What is there now, from the daemon at the socket `name`.
    pub(super) fn frame(&self, name: &str) -> Frame {
        let host = self.host_frame();
        let events = host.as_ref().map_or(0, |host| host.dropped);
        let state = self.gone.as_ref().map_or(OriginState::Running, Away::state);
        let recording = self.recording;
        Frame {
            origin: Origin { kind: OriginKind::Live, name: name.to_owned(), state, recording },
            t_ns: self.t_ns,
            unix_ns: self.unix_ns,
            machines: self.machines.clone(),
            findings: self.all_findings(),
            decisions: self.decisions.clone(),
            host,
            lost: Lost { decisions: self.decisions_lost, events, findings: self.findings_lost, lines: 0 },
            timeline: None,
        }
    }

    fn host_frame(&self) -> Option<HostFrame> {
        let probes = self.probes.clone()?;
        Some(match &self.host {
            Some(host) => HostFrame { probes, ..host.clone() },
            None => unavailable(probes),
        })
    }

    fn all_findings(&self) -> Vec<FindingRow> {
        let mut findings: Vec<_> = self.findings.iter().chain(&self.host_findings).cloned().collect();
        findings.sort_by_key(|finding| Reverse((finding.severity, finding.last_ns)));
        findings
    }
}

impl Away {
    /// In whole seconds, so that a frame that only waits is seldom another one.
    pub(super) fn state(&self) -> OriginState {
        OriginState::Disconnected { since_ns: self.seconds() * 1_000_000_000, why: self.why.clone() }
    }

    /// For how long, in whole seconds.
    pub(super) fn seconds(&self) -> u64 {
        self.since.elapsed().as_secs()
    }
}
