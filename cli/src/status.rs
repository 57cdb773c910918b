//! `busdma status`: the daemon on one screen.

mod render;

use crate::args::StatusArgs;
use crate::console;
use crate::daemon::{Daemon, DaemonError};
use crate::failure::Answer;
use busdma_api::monitor::{Finding, Findings, MachineSnapshot, Snapshot};
use busdma_api::recorder;
use serde::{Deserialize, Serialize};

pub use render::render;

/// How the daemon stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Which daemon.
    pub version: String,
    /// Where it listens.
    pub socket: String,
    /// For how long, nanoseconds.
    pub uptime_ns: u64,
    /// Its machines, `host0` first.
    pub machines: Vec<MachineSnapshot>,
    /// The recording.
    pub recorder: recorder::StatusReply,
    /// What was found wrong, worst first.
    pub findings: Vec<Finding>,
    /// Findings that the daemon had no room for.
    pub findings_lost: u64,
}

/// Shows how the daemon stands.
///
/// # Errors
///
/// The daemon does not answer, or standard output cannot be written.
pub fn run(args: &StatusArgs) -> anyhow::Result<Answer> {
    let status = Status::ask(&mut Daemon::connect(&args.daemon)?)?;
    let text = if args.json {
        console::pretty_json(&status)?
    } else {
        render(&status, console::width_or(console::DEFAULT_WIDTH))
    };
    console::print(&text)?;
    Ok(Answer::Yes)
}

impl Status {
    fn ask(daemon: &mut Daemon) -> Result<Self, DaemonError> {
        let info = daemon.info()?;
        let snapshot = daemon.call(&Snapshot::default())?;
        let recorder = daemon.call(&recorder::Status {})?;
        let findings = daemon.call(&Findings::default())?;
        Ok(Self {
            version: info.version,
            socket: daemon.path().display().to_string(),
            uptime_ns: snapshot.t_ns,
            machines: snapshot.machines,
            recorder,
            findings: findings.findings,
            findings_lost: findings.lost,
        })
    }
}
