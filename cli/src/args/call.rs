//! `busdma call`.

use super::daemon::DaemonArgs;
use clap::Args;

/// What `call` takes.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that can be typed")]
#[command(after_help = CALL_EXAMPLES)]
pub struct CallArgs {
    /// The method: org.busdma.Engine.CreateTag, or as much of its end as names one method: Engine.CreateTag, CreateTag
    #[arg(value_name = "METHOD", required_unless_present = "list")]
    pub method: Option<String>,

    /// Its parameters, a JSON object; - reads them from standard input
    #[arg(value_name = "JSON", default_value = "{}", hide_default_value = true, conflicts_with = "list")]
    pub parameters: String,

    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Take more than one reply, until the last one or Ctrl-C
    #[arg(long)]
    pub more: bool,

    /// Print each reply on one line; otherwise it is indented, also where standard output is no terminal
    #[arg(long)]
    pub json_lines: bool,

    /// Print the daemon's interfaces and their methods instead
    #[arg(long, conflicts_with_all = ["method", "more", "json_lines", "describe"])]
    pub list: bool,

    /// Print what the method takes and replies, in Varlink's interface language, instead of calling it
    #[arg(long, conflicts_with_all = ["more", "json_lines"])]
    pub describe: bool,
}

const CALL_EXAMPLES: &str = "\
Examples:
  busdma call --list
  busdma call Engine.CreateTag --describe
  busdma call Engine.CreateTag '{\"preset\": \"nvme\"}'
  busdma call Monitor.Watch '{\"interval_ms\": 500}' --more --json-lines
  echo '{\"machine\": \"host0\"}' | busdma call DescribeMachine -

What a call creates belongs to its connection and is released when it ends: use Engine.Submit for calls that build on one \
another.

Exit codes: 0 it was carried out, 1 an error reply, 2 usage, 3 no daemon to talk to.";
