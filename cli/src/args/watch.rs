//! `busdma watch`.

use super::daemon::DaemonArgs;
use busdma_api::{MachineId, MapRef, TagRef};
use clap::Args;

/// What `watch` takes.
#[derive(Debug, Args)]
#[command(after_help = WATCH_EXAMPLES)]
pub struct WatchArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Milliseconds from snapshot to snapshot
    #[arg(long, value_name = "MS", default_value_t = 1000, conflicts_with = "decisions")]
    pub interval: u64,

    /// Only this machine, such as host0 or vm1
    #[arg(long, value_name = "ID")]
    pub machine: Option<MachineId>,

    /// End after so many snapshots or decisions
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// Print JSON, one object a line: a snapshot or a decision, or {"lost": N} for decisions that came too fast
    #[arg(long)]
    pub json: bool,

    /// Follow decisions rather than zones
    #[arg(long, help_heading = "Decisions")]
    pub decisions: bool,

    /// Only decisions of this kind, such as bounced, split, deferred or rejected; may be given again
    #[arg(long, value_name = "KIND", help_heading = "Decisions", requires = "decisions")]
    pub kind: Vec<String>,

    /// Only decisions about this map, such as host0/m3
    #[arg(long, value_name = "MAP", help_heading = "Decisions", requires = "decisions")]
    pub map: Option<MapRef>,

    /// Only decisions about this tag and its maps, such as host0/t3
    #[arg(long, value_name = "TAG", help_heading = "Decisions", requires = "decisions")]
    pub tag: Option<TagRef>,
}

const WATCH_EXAMPLES: &str = "\
Examples:
  busdma watch
  busdma watch --interval 100 --machine host0 --count 50
  busdma watch --decisions --kind deferred --kind resumed
  busdma watch --decisions --json | jq -r 'select(.kind == \"bounced\") | .reason'

A decision that could not be shown in time is lost, oldest first; how many is said where they are missing.";
