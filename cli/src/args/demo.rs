//! `busdma demo`.

use super::daemon::DaemonArgs;
use clap::Args;

/// What `demo` takes.
#[derive(Debug, Args)]
#[command(after_help = DEMO_EXAMPLES)]
pub struct DemoArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// How long
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,

    /// Operations a second, all clients together
    #[arg(long, value_name = "OPS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub rate: u64,

    /// The same seed makes the same traffic
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Clients; the first and each fourth after it drive a 24-bit device with too few bounce pages, the others disks and
    /// network adapters
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub clients: u8,

    /// Use an engine inside this process, daemon or not
    #[arg(long)]
    pub local: bool,

    /// Print only the summary, as one JSON object
    #[arg(long)]
    pub json: bool,
}

const DEMO_EXAMPLES: &str = "\
Examples:
  busdma demo
  busdma demo --seconds 60 --rate 20000 --clients 4 & busdma watch
  busdma demo --local --seconds 2 --json | jq .deferred

Exit codes: 0 it ran, 1 the daemon refused, 2 usage.";
