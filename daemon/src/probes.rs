//! Loading the probes while the process has one thread, and giving up what that took.

use crate::config::{ConfigError, ProbesConfig};
use busdma_probes::privileges::drop_process_to;
use busdma_probes::{Capability, Config, Probes, ProgramSet, RingSize, RunTime};

/// Loads the probes if the configuration says so, and attaches them if it says that too. Afterwards the process has no
/// capability but what the configuration keeps. What goes wrong is told by the probes' states.
///
/// To be called while the process has one thread.
pub fn load(config: &ProbesConfig) -> Option<Probes> {
    if !config.load {
        return None;
    }
    let probes = Probes::attach(&Config {
        programs: if config.attach { ProgramSet::ALL } else { ProgramSet::NONE },
        ring: ring_size(config).unwrap_or_default(),
        run_time: if config.measure { RunTime::Measured } else { RunTime::Unmeasured },
        ..Config::default()
    });
    let kept: &[Capability] = if config.keep_sys_admin { &[Capability::SysAdmin] } else { &[] };
    if let Err(error) = drop_process_to(kept) {
        tracing::error!(%error, "capabilities are kept");
    }
    for (program, status) in probes.statuses().iter() {
        tracing::debug!(tracepoint = program.tracepoint(), %status, "probe");
    }
    let attached = probes.statuses().iter().filter(|(_, status)| status.is_attached()).count();
    tracing::info!(attached, of = probes.statuses().iter().count(), "probes loaded");
    Some(probes)
}

/// The ring's size.
///
/// # Errors
/// It is no power of two, or out of range.
pub(crate) fn ring_size(config: &ProbesConfig) -> Result<RingSize, ConfigError> {
    let size = u32::try_from(config.ring_bytes).ok().and_then(|bytes| RingSize::new(bytes).ok());
    size.ok_or_else(|| ConfigError::OutOfRange {
        key: "probes.ring_bytes",
        found: config.ring_bytes.to_string(),
        expected: "a power of two from 4K to 256M",
    })
}
