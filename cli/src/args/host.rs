//! `busdma host`.

use super::daemon::DaemonArgs;
use busdma_host::event::Tracepoint;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// What `host` takes.
#[derive(Debug, Args)]
#[command(after_help = HOST_EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct HostArgs {
    /// What to do, when it is not to show how the host stands.
    #[command(subcommand)]
    pub action: Option<HostAction>,

    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Only this device, such as 0000:00:02.0
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,

    /// Show devices, pool and losses again and again, one line each, until Ctrl-C
    #[arg(long)]
    pub watch: bool,

    /// From one time to the next: 500ms, 1s, 1m
    #[arg(long, value_name = "TIME", default_value = "1s", requires = "watch", value_parser = humantime::parse_duration)]
    pub interval: Duration,

    /// Print one JSON object; with --watch one a line
    #[arg(long)]
    pub json: bool,
}

const HOST_EXAMPLES: &str = "\
Examples:
  busdma host
  busdma host --device 0000:00:02.0
  busdma host --watch --interval 5s
  busdma host --json | jq '.correlation.differences[] | .sentence'

The JSON object has the keys probes, devices and correlation, each as in org.busdma.Host (`busdma call Host.Devices \
--describe`); correlation is null until probes were attached.";

/// What to do about the host's DMA.
#[derive(Debug, Subcommand)]
pub enum HostAction {
    /// Show each probe: whether it is attached, why not, and what it costs
    ///
    /// The first sentence says what is attached, or why nothing is and what to grant.
    Probes(HostProbesArgs),
    /// Attach the probes, anew when they are attached: counting begins again
    ///
    /// For root and the daemon's own user; the daemon must have been started with --probes.
    Attach(HostAttachArgs),
    /// Detach the probes; what was counted stays
    ///
    /// For root and the daemon's own user.
    Detach(HostDetachArgs),
    /// Show mappings that live, oldest first
    ///
    /// Leaks are at the top, beside what drivers keep on purpose. For root and the daemon's own user.
    Mappings(HostMappingsArgs),
    /// Follow events as they come, one line each
    ///
    /// Time, thread, processor, and what the kernel told. For root and the daemon's own user. Ctrl-C ends it.
    Events(HostEventsArgs),
    /// Record events into a capture, which `busdma correlate` reads
    ///
    /// The capture begins with what is known of the devices, the kernel command line and the bounce pool, so that nothing
    /// else is needed to correlate it, here or elsewhere. A file that is there already is replaced. For root and the
    /// daemon's own user.
    Record(HostRecordArgs),
}

/// What `host probes` takes.
#[derive(Debug, Args)]
#[command(after_help = PROBES_EXAMPLES)]
pub struct HostProbesArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const PROBES_EXAMPLES: &str = "\
Examples:
  busdma host probes
  busdma host probes --json | jq '.probes[] | select(.state != \"attached\") | .reason'";

/// What `host attach` takes.
#[derive(Debug, Args)]
#[command(after_help = ATTACH_EXAMPLES)]
pub struct HostAttachArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Only events of this device, chosen in the kernel; may be given again
    #[arg(long, value_name = "NAME")]
    pub device: Vec<String>,

    /// Only count, in the kernel, which costs less: no mappings, verdicts or events
    #[arg(long)]
    pub totals: bool,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const ATTACH_EXAMPLES: &str = "\
Examples:
  busdma host attach
  busdma host attach --device 0000:00:02.0 --totals";

/// What `host detach` takes.
#[derive(Debug, Args)]
#[command(after_help = DETACH_EXAMPLES)]
pub struct HostDetachArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const DETACH_EXAMPLES: &str = "\
Examples:
  busdma host detach";

/// What `host mappings` takes.
#[derive(Debug, Args)]
#[command(after_help = MAPPINGS_EXAMPLES)]
pub struct HostMappingsArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Only this device, such as 0000:00:02.0
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,

    /// Only mappings at least so old: 500ms, 10s, 5m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub older_than: Option<Duration>,

    /// Only mappings through the bounce pool
    #[arg(long)]
    pub bounced: bool,

    /// Mappings to show at most; the daemon gives 10000 at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u32,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const MAPPINGS_EXAMPLES: &str = "\
Examples:
  busdma host mappings --older-than 10s
  busdma host mappings --device 0000:00:02.0 --bounced --limit 20
  busdma host mappings --json | jq '.mappings[] | .sentence'";

/// What `host events` takes.
#[derive(Debug, Args)]
#[command(after_help = EVENTS_EXAMPLES)]
pub struct HostEventsArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Only events that name this device, which those of iommu and block do not
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,

    /// Only events of this tracepoint, such as dma_map_sg; may be given again
    #[arg(long, value_name = "NAME", value_parser = parse_tracepoint)]
    pub event: Vec<Tracepoint>,

    /// Print JSON, one object a line: an event, or {"lost": N} or {"dropped": N} where some are missing
    #[arg(long)]
    pub json: bool,
}

const EVENTS_EXAMPLES: &str = "\
Examples:
  busdma host events
  busdma host events --event dma_map_sg --event dma_unmap_sg --device 0000:00:02.0
  busdma host events --json | jq -r 'select(.error) | .task'

Events that came too fast for the reader are lost, oldest first; those that found no room in the kernel's ring are \
dropped. How many is said where they are missing, on standard error, or with --json among the events.";

/// What `host record` takes.
#[derive(Debug, Args)]
#[command(after_help = RECORD_EXAMPLES)]
pub struct HostRecordArgs {
    /// The file to write; compressed when its name ends in .zst
    pub file: PathBuf,

    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Only events of this device, and those that name none: of iommu and block; may be given again
    #[arg(long, value_name = "NAME")]
    pub device: Vec<String>,

    /// Seconds to record [default: until Ctrl-C]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: Option<u64>,
}

const RECORD_EXAMPLES: &str = "\
Examples:
  busdma host record dma.busdma-host.zst --seconds 10
  busdma correlate dma.busdma-host.zst";

/// Why a text is no tracepoint.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("no tracepoint is called so{}; the tracepoints are {}", busdma_presets::nearest::parenthesised(nearest.as_ref()),
    known())]
pub(super) struct NoTracepoint {
    /// The one that may be meant.
    pub(super) nearest: Option<String>,
}

/// Reads a tracepoint's name, with its group before it or without.
///
/// # Errors
///
/// [`NoTracepoint`].
pub(super) fn parse_tracepoint(text: &str) -> Result<Tracepoint, NoTracepoint> {
    let (group, name) = text.split_once(':').map_or((None, text), |(group, name)| (Some(group), name));
    Tracepoint::from_name(name).filter(|point| group.is_none_or(|group| group == point.group())).ok_or_else(|| {
        let names = Tracepoint::ALL.iter().map(|point| point.name());
        NoTracepoint { nearest: busdma_presets::nearest(name, names) }
    })
}

fn known() -> String {
    let names: Vec<_> = Tracepoint::ALL.iter().map(|point| point.name()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracepoints_are_read_with_and_without_their_group() {
        assert_eq!(parse_tracepoint("dma_map_sg"), Ok(Tracepoint::DmaMapSg));
        assert_eq!(parse_tracepoint("dma:dma_map_sg"), Ok(Tracepoint::DmaMapSg));
        assert_eq!(parse_tracepoint("iommu:map"), Ok(Tracepoint::IommuMap));
        assert!(parse_tracepoint("block:dma_map_sg").is_err());
        let error = parse_tracepoint("dma_map_sq").unwrap_err().to_string();
        assert!(
            error.starts_with(
                "no tracepoint is called so (did you mean `dma_map_sg`?); the tracepoints are dma_map_page, "
            ),
            "{error}"
        );
    }
}
