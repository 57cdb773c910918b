//! `busdma host`: the real DMA of the host, as the daemon's eBPF probes see it.
//!
//! | module | holds |
//! |---|---|
//! | `overview` | devices, verdicts, findings and pool on one screen |
//! | `watch` | the same again and again, one line a device |
//! | `probes` | probes: shown, attached, detached |
//! | `mappings` | live mappings |
//! | `stream` | events as they come |
//! | `record` | events into a capture, behind its `header` |
//! | `events` | events of the interface as events of the host |
//! | `words` | the daemon's refusals in words |

pub mod events;
pub mod header;
pub mod mappings;
pub mod overview;
pub mod probes;
mod record;
pub mod stream;
pub mod watch;
mod words;

use crate::args::{HostAction, HostArgs};
use crate::daemon::{Daemon, DaemonError, InWords};
use crate::failure::{self, Answer};
use busdma_api::Method;
use busdma_api::host::{Devices, Gathering, HostError, ProbesReply, ProbesState};

/// Columns where there is no terminal to ask: a device has many counts.
const TABLE_WIDTH: usize = 130;

/// Shows how the host stands, or does what was asked for.
///
/// # Errors
///
/// The daemon does not answer or refuses, or what is printed or recorded cannot be written.
pub fn run(args: &HostArgs) -> anyhow::Result<Answer> {
    match &args.action {
        None if args.watch => watch::run(args),
        None => overview::run(args),
        Some(HostAction::Probes(args)) => probes::show(args),
        Some(HostAction::Attach(args)) => probes::attach(args),
        Some(HostAction::Detach(args)) => probes::detach(args),
        Some(HostAction::Mappings(args)) => mappings::run(args),
        Some(HostAction::Events(args)) => stream::run(args),
        Some(HostAction::Record(args)) => record::run(args),
    }
}

/// Calls a method, and says more of its refusal than the daemon does: which device may be meant, or how the probes are.
fn call<M: Method<Error = HostError>>(daemon: &mut Daemon, call: &M) -> Result<M::Reply, DaemonError> {
    let words = match daemon.ask(call)? {
        Ok(reply) => return Ok(reply),
        Err(HostError::NoSuchObject { object }) => words::no_such_device(&object, &device_names(daemon)?),
        Err(HostError::NotAttached { .. }) => words::probes(&daemon.call(&busdma_api::host::Probes {})?),
        Err(other) => other.in_words(),
    };
    Err(DaemonError::Refused { words })
}

/// The names of all devices that the daemon knows.
fn device_names(daemon: &mut Daemon) -> Result<Vec<String>, DaemonError> {
    let devices = daemon.call(&Devices::default())?.devices;
    Ok(devices.into_iter().map(|device| device.device).collect())
}

/// Warns of devices that nobody has heard of: they may come, or be misspelt.
fn warn_of_unknown<'a>(daemon: &mut Daemon, wanted: impl IntoIterator<Item = &'a String>) -> Result<(), DaemonError> {
    let mut wanted = wanted.into_iter().peekable();
    if wanted.peek().is_none() {
        return Ok(());
    }
    let known = device_names(daemon)?;
    for device in wanted.filter(|device| !known.contains(device)) {
        failure::warn(&format!("{}; waiting for it to come", words::no_such_device(device, &known)));
    }
    Ok(())
}

/// The probes, when events come of them; refused otherwise, since nothing would ever come.
fn probes_with_events(daemon: &mut Daemon) -> Result<ProbesReply, DaemonError> {
    let probes = daemon.call(&busdma_api::host::Probes {})?;
    let words = match (probes.state, probes.gathering) {
        (ProbesState::Attached, Gathering::Events) => return Ok(probes),
        (ProbesState::Attached, Gathering::Totals) => {
            "the probes only count (--totals): `busdma host attach` attaches them anew, for events".to_owned()
        }
        (ProbesState::Detached | ProbesState::Unavailable, _) => words::probes(&probes),
    };
    Err(DaemonError::Refused { words })
}
