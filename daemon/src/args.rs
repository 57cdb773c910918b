//! The command line, and the environment variables that stand in for it.

use crate::exit;
use crate::logging::{LogFilter, LogFormat};
use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Hosts bus_dma(9) machines behind a Varlink socket, and records what they decide
///
/// Clients of any language create tags and maps and load buffers on a shared machine or on private ones, over the interfaces
/// org.busdma.Engine, .Monitor, .Recorder and .Host. Runs in the foreground, under systemd or by hand. SIGTERM and SIGINT finish the
/// calls in progress and stop, SIGHUP applies the limits of a changed file.
#[derive(Clone, PartialEq, Debug, Parser)]
#[command(name = "busdmad", version, max_term_width = 100, after_help = after_help())]
pub struct Args {
    /// Read settings from this file [default: /etc/busdma/busdmad.toml if it exists]
    #[arg(long, value_name = "FILE", env = "BUSDMA_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,

    /// Serve clients on this socket [default: /run/busdma/busdma.varlink for root, else
    /// $XDG_RUNTIME_DIR/busdma.varlink]
    ///
    /// A socket that no daemon listens on any more is replaced. A socket passed by the service manager takes the place of
    /// this one.
    #[arg(long, value_name = "PATH", env = "BUSDMA_SOCKET", hide_env_values = true)]
    pub socket: Option<PathBuf>,

    /// Record into this directory, from the start
    #[arg(long, value_name = "DIR", env = "BUSDMA_RECORD", hide_env_values = true)]
    pub record: Option<PathBuf>,

    /// Answer GET /metrics (OpenMetrics) and GET /healthz on this address, such as 127.0.0.1:9464
    ///
    /// Anybody who reaches it may read it, so it must be a loopback address unless the file has metrics.allow_remote.
    #[arg(long, value_name = "ADDR", env = "BUSDMA_METRICS", hide_env_values = true)]
    pub metrics: Option<SocketAddr>,

    /// Load the eBPF probes at the host's real DMA, and attach them
    ///
    /// It takes root, or CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN, all of which are given up once the probes are loaded. What
    /// cannot be loaded is shown by `busdma host probes`; everything else works without.
    #[arg(long, env = "BUSDMA_PROBES", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub probes: bool,

    /// Log this: off, error, warn, info, debug or trace, also for single targets [default: info]
    ///
    /// Levels and TARGET=LEVEL with commas between, such as `info,busdmad::socket=debug`.
    #[arg(long, value_name = "L", env = "BUSDMA_LOG_LEVEL", hide_env_values = true)]
    pub log_level: Option<LogFilter>,

    /// Write the log so [default: text]
    #[arg(long, value_name = "FORMAT", value_enum, env = "BUSDMA_LOG_FORMAT", hide_env_values = true)]
    pub log_format: Option<LogFormat>,

    /// Print a file that sets every key to its default, with explanations, and stop
    #[arg(long, conflicts_with = "check_config")]
    pub print_config: bool,

    /// Check the settings of the file, the environment and the arguments, print what counts, and stop
    #[arg(long)]
    pub check_config: bool,
}

fn after_help() -> String {
    let codes: Vec<_> = exit::CODES.iter().map(|(code, meaning)| format!("  {code}  {meaning}")).collect();
    format!(
        "An argument counts before its environment variable, that before the file, that before the default.\n\n\
         Exit codes:\n{}",
        codes.join("\n")
    )
}
