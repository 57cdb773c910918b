//! What verbs that talk to the daemon have in common; `busdma status`, `zones`, `tags` and `maps`.

use busdma_api::MachineId;
use clap::Args;
use std::path::PathBuf;

/// Where the daemon is.
#[derive(Clone, Debug, Args)]
pub struct DaemonArgs {
    /// The daemon's socket [default: /run/busdma/busdma.varlink for root, else busdma.varlink in $XDG_RUNTIME_DIR, else
    /// root's]
    #[arg(long, value_name = "PATH", env = "BUSDMA_SOCKET", hide_env_values = true, help_heading = "Daemon")]
    pub socket: Option<PathBuf>,
}

/// What `status` takes.
#[derive(Debug, Args)]
#[command(after_help = STATUS_EXAMPLES)]
pub struct StatusArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const STATUS_EXAMPLES: &str = "\
Examples:
  busdma status
  busdma status --json | jq '.findings[] | select(.severity == \"corruption\")'

The JSON object has the keys version, socket, uptime_ns, machines, recorder, findings and findings_lost; what is in them \
is as in org.busdma.Monitor and org.busdma.Recorder (`busdma call Monitor.Snapshot --describe`).";

/// What `zones` takes.
#[derive(Debug, Args)]
#[command(after_help = ZONES_EXAMPLES)]
pub struct ZonesArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Only this machine, such as host0 or vm1
    #[arg(long, value_name = "ID")]
    pub machine: Option<MachineId>,

    /// Print a JSON array, one object a zone; queue holds who waits for it
    #[arg(long)]
    pub json: bool,
}

const ZONES_EXAMPLES: &str = "\
Examples:
  busdma zones
  busdma zones --machine host0
  busdma zones --json | jq '.[] | select(.waiters > 0)'";

/// What `tags` takes.
#[derive(Debug, Args)]
#[command(after_help = TAGS_EXAMPLES)]
pub struct TagsArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Only this machine, such as host0 or vm1
    #[arg(long, value_name = "ID")]
    pub machine: Option<MachineId>,

    /// Print a JSON array, one object a tag
    #[arg(long)]
    pub json: bool,
}

const TAGS_EXAMPLES: &str = "\
Examples:
  busdma tags
  busdma tags --json | jq '.[] | select(.maps == 0) | .tag'";

/// What `maps` takes.
#[derive(Debug, Args)]
#[command(after_help = MAPS_EXAMPLES)]
pub struct MapsArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Only this machine, such as host0 or vm1
    #[arg(long, value_name = "ID")]
    pub machine: Option<MachineId>,

    /// Maps to show at most, of each machine
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u32,

    /// Print a JSON array, one object a map
    #[arg(long)]
    pub json: bool,
}

const MAPS_EXAMPLES: &str = "\
Examples:
  busdma maps --limit 10
  busdma maps --json | jq '.[] | select(.age_ns > 60e9) | .map'";
