//! What can be typed.

use crate::configuration::Configuration;
use clap::{Parser, Subcommand};

/// Boots a guest with real DMA under an emulator, and checks what the kernel and busdma tell of it
///
/// Without a verb, all configurations are booted one after another, and what each one hands over is checked. Results are kept
/// in target/lab/CONFIGURATION, in the form that `busdma correlate` reads. qemu and a kernel come from Debian by package name.
#[derive(Clone, PartialEq, Eq, Debug, Parser)]
#[command(name = "busdma-lab", version, max_term_width = 100)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub verb: Option<Verb>,

    /// Where qemu or the kernel cannot be had, say so and succeed
    #[arg(long, env = "BUSDMA_LAB_SKIP", value_parser = clap::builder::FalseyValueParser::new(), global = true)]
    pub skip: bool,
}

/// What to do.
#[derive(Clone, PartialEq, Eq, Debug, Subcommand)]
pub enum Verb {
    /// Boot these configurations, or all, and check them
    Run {
        /// Only these
        #[arg(value_name = "CONFIGURATION")]
        configurations: Vec<Configuration>,
    },
    /// Boot one configuration, check nothing, and print what came of each step
    Boot {
        /// Which
        configuration: Configuration,
    },
    /// List the configurations, and what the kernel is told in each
    List,
    /// Fetch the current kernel, in place of the one that was fetched before
    Fetch,
}
