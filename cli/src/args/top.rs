//! `busdma top`.

use super::daemon::DaemonArgs;
use busdma_dashboards::settings::INTERVAL_MS;
use busdma_dashboards::theme::ThemeName;
use busdma_dashboards::views::View;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::env;
use std::path::PathBuf;

/// What `top` takes.
#[derive(Debug, Args)]
#[command(after_help = TOP_EXAMPLES)]
pub struct TopArgs {
    /// The daemon's socket [default: $BUSDMA_SOCKET, else /run/busdma/busdma.varlink for root, else busdma.varlink in
    /// $XDG_RUNTIME_DIR, else root's]
    #[arg(long, value_name = "PATH", group = "source", help_heading = "What is shown")]
    pub socket: Option<PathBuf>,

    /// Rather than a daemon, a recording: a busdma-trace file, or a capture of a host's DMA; .zst too
    #[arg(long, value_name = "FILE", group = "source", help_heading = "What is shown")]
    pub replay: Option<PathBuf>,

    /// Rather than a daemon, made-up traffic on an engine in this process
    #[arg(long, group = "source", help_heading = "What is shown")]
    pub demo: bool,

    /// Only this machine, such as host0 or vm1
    #[arg(long, value_name = "ID", help_heading = "What is shown")]
    pub machine: Option<String>,

    /// Milliseconds from frame to frame; in a recording, from step to step [default: that of the settings, else 1000; in
    /// a recording, a thousandth of it]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(INTERVAL_MS))]
    #[arg(help_heading = "What is shown")]
    pub interval: Option<u64>,

    /// The view to begin with [default: that of the settings, else overview]
    #[arg(long, value_name = "NAME", value_parser = view(), help_heading = "What is shown")]
    pub view: Option<View>,

    /// Begin at this moment of the recording and stay there: 12:03:01, +5s, 50%
    #[arg(long, value_name = "TIME", requires = "replay", help_heading = "What is shown")]
    pub at: Option<String>,

    /// Colours [default: mono where NO_COLOR is set, else those of the settings, else dark]
    #[arg(long, value_name = "NAME", value_parser = theme(), help_heading = "How it is shown")]
    pub theme: Option<ThemeName>,

    /// Keys and colours [default: busdma/busdma.toml in $XDG_CONFIG_HOME or ~/.config, if it is there]
    #[arg(long, value_name = "FILE", help_heading = "How it is shown")]
    pub config: Option<PathBuf>,

    /// Print one frame as text and end
    #[arg(long, help_heading = "One frame")]
    pub once: bool,

    /// Columns of that text [default: the terminal's, else 120]
    #[arg(long, value_name = "N", requires = "once", conflicts_with = "json", help_heading = "One frame")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub width: Option<u16>,

    /// Rows of that text [default: the terminal's, else 40]
    #[arg(long, value_name = "N", requires = "once", conflicts_with = "json", help_heading = "One frame")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub height: Option<u16>,

    /// Print that frame as one JSON object
    #[arg(long, requires = "once", help_heading = "One frame")]
    pub json: bool,
}

impl TopArgs {
    /// Where the daemon is. The variable of the environment only says where, not that a daemon shall be shown.
    pub fn daemon(&self) -> DaemonArgs {
        let from_environment = || env::var_os("BUSDMA_SOCKET").map(PathBuf::from);
        DaemonArgs { socket: self.socket.clone().or_else(from_environment) }
    }
}

fn view() -> impl TypedValueParser<Value = View> {
    let names = PossibleValuesParser::new(View::ALL.map(View::name));
    names.try_map(|name| View::ALL.into_iter().find(|view| view.name() == name).ok_or("no view"))
}

fn theme() -> impl TypedValueParser<Value = ThemeName> {
    PossibleValuesParser::new(ThemeName::ALL.map(ThemeName::name)).try_map(|name| name.parse::<ThemeName>())
}

const TOP_EXAMPLES: &str = "\
Examples:
  busdma top
  busdma top --demo
  busdma top --replay trace.jsonl.zst --view waiters --at 50%
  busdma top --once --view maps > report.txt
  busdma top --once --json | jq '.machines[].zones[] | select(.waiters > 0)'

Keys: ? shows them all, q quits, Tab and 1 to 8 change the view, / filters, s sorts, space freezes.

One frame of a recording is its last unless --at says otherwise; one of a daemon comes after an interval, since rates \
need two snapshots; one of the demonstration is always the same.

Exit codes: 0 it was shown, 2 usage or unusable input, 3 no daemon to talk to, 128 and the signal's number where one \
ended it.";
