//! Devices, verdicts, findings and pool on one screen.

mod render;

use super::{TABLE_WIDTH, call};
use crate::args::HostArgs;
use crate::console;
use crate::daemon::{Daemon, DaemonError, InWords};
use crate::failure::Answer;
use busdma_api::host::{Correlation, CorrelationReply, DeviceInfo, Devices, HostError, Probes, ProbesReply};
use serde::{Deserialize, Serialize};

pub use render::render;
pub(super) use render::{mebibytes, per_second};

/// How the host's DMA stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Overview {
    /// The probes.
    pub probes: ProbesReply,
    /// The devices, by name.
    pub devices: Vec<DeviceInfo>,
    /// Mappings against what their devices can do; absent until probes were attached.
    pub correlation: Option<CorrelationReply>,
}

/// Shows how the host stands.
pub(super) fn run(args: &HostArgs) -> anyhow::Result<Answer> {
    let overview = Overview::ask(&mut Daemon::connect(&args.daemon)?, args.device.as_ref())?;
    let text =
        if args.json { console::pretty_json(&overview)? } else { render(&overview, console::width_or(TABLE_WIDTH)) };
    console::print(&text)?;
    Ok(Answer::Yes)
}

impl Overview {
    fn ask(daemon: &mut Daemon, device: Option<&String>) -> Result<Self, DaemonError> {
        let probes = daemon.call(&Probes {})?;
        let devices = call(daemon, &Devices { device: device.cloned() })?.devices;
        let correlation = match daemon.ask(&Correlation { device: device.cloned() })? {
            Ok(reply) => Some(reply),
            // A device whose limits are known need not have mapped anything.
            Err(HostError::NotAttached { .. } | HostError::NoSuchObject { .. }) => None,
            Err(other) => return Err(DaemonError::Refused { words: other.in_words() }),
        };
        Ok(Self { probes, devices, correlation })
    }
}
