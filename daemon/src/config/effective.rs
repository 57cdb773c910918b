//! The settings of a run: arguments before environment before file before default.

use super::file::{self, FileError};
use super::{Config, MachineConfig};
use crate::args::Args;
use std::net::SocketAddr;
use std::time::Duration;
use thiserror::Error;

/// Why there are no settings to run with.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A setting that makes no sense, wherever it came from.
    #[error("{key}: {found} is out of range; expected {expected}")]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// The value.
        found: String,
        /// What would be valid.
        expected: &'static str,
    },
    /// Metrics would be shown to other hosts.
    #[error("metrics.listen: {0} can be reached from other hosts, and the listener asks nobody who they are")]
    RemoteMetrics(SocketAddr),
    /// Recording would start without a place for it.
    #[error("recorder.autostart is set, but neither recorder.directory nor --record says where to record")]
    NowhereToRecord,
}

/// The settings for these arguments, in which those from the environment are contained.
///
/// # Errors
///
/// [`ConfigError`], naming the key and, for the file, the line.
pub fn effective(args: &Args) -> Result<Config, ConfigError> {
    let mut config = file::load(args.config.as_deref())?;
    overlay(&mut config, args);
    validate(&config)?;
    Ok(config)
}

fn overlay(config: &mut Config, args: &Args) {
    if let Some(path) = &args.socket {
        config.socket.path = Some(path.clone());
    }
    if let Some(directory) = &args.record {
        config.recorder.directory = Some(directory.clone());
        config.recorder.autostart = true;
    }
    if let Some(listen) = args.metrics {
        config.metrics.listen = Some(listen);
    }
    if args.probes {
        config.probes.load = true;
    }
    if let Some(level) = &args.log_level {
        config.log.level = level.clone();
    }
    if let Some(format) = args.log_format {
        config.log.format = format;
    }
}

fn validate(config: &Config) -> Result<(), ConfigError> {
    if let Some(listen) = config.metrics.listen
        && !listen.ip().is_loopback()
        && !config.metrics.allow_remote
    {
        return Err(ConfigError::RemoteMetrics(listen));
    }
    if config.recorder.autostart && config.recorder.directory.is_none() {
        return Err(ConfigError::NowhereToRecord);
    }
    validate_ranges(config)?;
    crate::probes::ring_size(&config.probes)?;
    validate_machine(&config.host0)
}

fn validate_ranges(config: &Config) -> Result<(), ConfigError> {
    let limits = &config.limits;
    at_least("socket.backlog", config.socket.backlog.into(), 1, "at least 1")?;
    at_least("limits.connections", limits.connections, 1, "at least 1")?;
    at_least("limits.message_bytes", limits.message_bytes, 4096, "at least 4096: introspection needs that")?;
    at_least("limits.batch_operations", limits.batch_operations, 1, "at least 1")?;
    at_least("limits.decisions_backlog", limits.decisions_backlog, 1, "at least 1")?;
    for (key, duration) in [
        ("limits.watch_interval_min", limits.watch_interval_min),
        ("limits.write_timeout", limits.write_timeout),
        ("recorder.sync_interval", config.recorder.sync_interval),
    ] {
        if duration < Duration::from_millis(1) {
            let found = humantime::format_duration(duration).to_string();
            return Err(ConfigError::OutOfRange { key, found, expected: "at least 1ms" });
        }
    }
    Ok(())
}

fn validate_machine(machine: &MachineConfig) -> Result<(), ConfigError> {
    whole_pages("host0.memory_bytes", machine.memory_bytes)?;
    whole_pages("host0.bounce_base", machine.bounce_base)?;
    whole_pages("host0.bounce_stride", machine.bounce_stride)?;
    at_least("host0.bounce_stride", machine.bounce_stride, PAGE_BYTES, "at least 4096")?;
    let frames = u64::from(machine.bounce_frames);
    let end = machine.bounce_stride.checked_mul(frames).and_then(|bytes| bytes.checked_add(machine.bounce_base));
    match end {
        Some(end) if end <= machine.memory_bytes => Ok(()),
        _ => Err(ConfigError::OutOfRange {
            key: "host0.bounce_frames",
            found: frames.to_string(),
            expected: "so few that bounce_base + bounce_stride * bounce_frames is at most memory_bytes",
        }),
    }
}

const PAGE_BYTES: u64 = 4096;

fn whole_pages(key: &'static str, found: u64) -> Result<(), ConfigError> {
    if found.is_multiple_of(PAGE_BYTES) {
        return Ok(());
    }
    Err(ConfigError::OutOfRange { key, found: format!("{found:#x}"), expected: "a multiple of 4096" })
}

fn at_least(key: &'static str, found: u64, least: u64, expected: &'static str) -> Result<(), ConfigError> {
    if found >= least {
        return Ok(());
    }
    Err(ConfigError::OutOfRange { key, found: found.to_string(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        validate(&config).unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_valid() {
        assert!(validate(&Config::default()).is_ok());
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let check = |change: fn(&mut Config), message: &str| assert!(refused(change).starts_with(message), "{message}");
        check(|c| c.metrics.listen = "0.0.0.0:1".parse().ok(), "metrics.listen: 0.0.0.0:1 can be reached");
        check(|c| c.metrics.listen = "[2001:db8::1]:1".parse().ok(), "metrics.listen: [2001:db8::1]:1 can be reached");
        check(|c| c.recorder.autostart = true, "recorder.autostart is set");
        check(|c| c.limits.connections = 0, "limits.connections: 0 is out of range");
        check(|c| c.limits.message_bytes = 4095, "limits.message_bytes: 4095");
        check(|c| c.limits.watch_interval_min = Duration::ZERO, "limits.watch_interval_min: 0s");
        check(|c| c.host0.bounce_base = 100, "host0.bounce_base: 0x64");
        check(|c| c.host0.bounce_stride = 0, "host0.bounce_stride: 0 ");
        check(|c| c.host0.bounce_frames = u32::MAX, "host0.bounce_frames: 4294967295");
        check(|c| c.host0.memory_bytes = 1 << 20, "host0.bounce_frames: 8192");
    }

    #[test]
    fn metrics_for_other_hosts_when_asked_for() {
        let mut config = Config::default();
        config.metrics.listen = "0.0.0.0:9464".parse().ok();
        config.metrics.allow_remote = true;
        assert!(validate(&config).is_ok());
    }
}
