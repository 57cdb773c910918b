//! `busdma presets`, `completions` and `man`: what there is to read.

use clap::Args;
use std::path::PathBuf;

/// What `presets` takes.
#[derive(Debug, Args)]
#[command(after_help = PRESETS_EXAMPLES)]
pub struct PresetsArgs {
    /// Show this one
    pub name: Option<String>,

    /// Print JSON: an array of presets, or the one named
    #[arg(long)]
    pub json: bool,
}

const PRESETS_EXAMPLES: &str = "\
Examples:
  busdma presets
  busdma presets fxp
  busdma presets --json | jq -r '.[] | select(.lowaddr == \"0xffffffff\") | .name'";

/// What `completions` takes.
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  busdma completions bash > ~/.local/share/bash-completion/completions/busdma
  busdma completions zsh > ~/.zfunc/_busdma
  busdma completions fish > ~/.config/fish/completions/busdma.fish";

/// What `man` takes.
#[derive(Debug, Args)]
#[command(after_help = MAN_EXAMPLES)]
pub struct ManArgs {
    /// Write busdma.1 and one page for each verb into this directory
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

const MAN_EXAMPLES: &str = "\
Examples:
  busdma man | man -l -
  busdma man --dir ~/.local/share/man/man1";
