//! `busdma record`.

use super::daemon::DaemonArgs;
use crate::{duration, size};
use busdma_api::MachineId;
use busdma_api::recorder::{Compression, RecordedDecisions};
use clap::{Args, Subcommand, ValueEnum};

/// What `record` takes.
#[derive(Debug, Args)]
#[command(after_help = RECORD_EXAMPLES)]
pub struct RecordArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: RecordAction,
}

const RECORD_EXAMPLES: &str = "\
Examples:
  busdma record start
  busdma record status
  busdma record stop";

/// What to do with the recording.
#[derive(Debug, Subcommand)]
pub enum RecordAction {
    /// Start a recording
    ///
    /// What is not said here is as the daemon's configuration says.
    Start(RecordStartArgs),
    /// Stop it, and wait until its files are complete
    Stop(RecordStopArgs),
    /// Show how it stands
    Status(RecordStatusArgs),
}

/// What `record start` takes.
#[derive(Debug, Args)]
#[command(after_help = START_EXAMPLES)]
pub struct RecordStartArgs {
    /// A folder for the files, inside the daemon's recording directory [default: that directory]
    pub path: Option<String>,

    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// How the files are compressed
    #[arg(long, value_enum)]
    pub compression: Option<CompressionName>,

    /// Begin a new file after so many bytes
    #[arg(long, value_name = "SIZE", value_parser = size::parse_size)]
    pub rotate_bytes: Option<u64>,

    /// Begin a new file after so long: 90s, 15m, 1h; whole seconds
    #[arg(long, value_name = "TIME", value_parser = duration::parse_seconds)]
    pub rotate_after: Option<u64>,

    /// Which decisions are recorded beside what calls return
    #[arg(long, value_enum)]
    pub decisions: Option<DecisionsChoice>,

    /// Record only this machine; may be given again [default: all, future ones too]
    #[arg(long, value_name = "ID")]
    pub machine: Vec<MachineId>,

    /// Keep the events of the host's real DMA in a file beside, for `busdma correlate`
    ///
    /// It takes a daemon that was started with --probes.
    #[arg(long)]
    pub host: bool,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const START_EXAMPLES: &str = "\
Examples:
  busdma record start
  busdma record start nightly --compression zstd --rotate-bytes 64M --rotate-after 1h
  busdma record start --machine host0 --decisions none";

/// What `record stop` takes.
#[derive(Debug, Args)]
#[command(after_help = STOP_EXAMPLES)]
pub struct RecordStopArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const STOP_EXAMPLES: &str = "\
Examples:
  busdma record stop
  busdma record stop && busdma replay /var/lib/busdma/*.jsonl*";

/// What `record status` takes.
#[derive(Debug, Args)]
#[command(after_help = STATUS_EXAMPLES)]
pub struct RecordStatusArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const STATUS_EXAMPLES: &str = "\
Examples:
  busdma record status
  busdma record status --json | jq .operations_dropped

Exit codes: 0, or 1 when the recording stopped by itself.";

/// How files are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum CompressionName {
    /// zstd; file names end in .zst
    Zstd,
    /// Not at all
    None,
}

impl From<CompressionName> for Compression {
    fn from(name: CompressionName) -> Self {
        match name {
            CompressionName::Zstd => Self::Zstd,
            CompressionName::None => Self::None,
        }
    }
}

/// Which decisions are recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum DecisionsChoice {
    /// Every one, with its reason
    All,
    /// None
    None,
}

impl From<DecisionsChoice> for RecordedDecisions {
    fn from(choice: DecisionsChoice) -> Self {
        match choice {
            DecisionsChoice::All => Self::All,
            DecisionsChoice::None => Self::None,
        }
    }
}
