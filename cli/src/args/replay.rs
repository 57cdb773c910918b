//! `busdma replay`.

use super::plan::ProfileName;
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What `replay` takes.
#[derive(Debug, Args)]
#[command(after_help = REPLAY_EXAMPLES)]
pub struct ReplayArgs {
    /// Traces to replay
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Whose answers are given
    #[arg(long, value_enum, default_value_t = ReplayProfile::Auto)]
    pub profile: ReplayProfile,

    /// How the result is printed
    #[arg(long, value_enum, default_value_t = ReplayFormat::Human)]
    pub format: ReplayFormat,

    /// Compare each scenario only up to its first line marked as a hazard, that line not included
    #[arg(long)]
    pub until_hazard: bool,

    /// Files replayed at the same time [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
}

const REPLAY_EXAMPLES: &str = "\
Examples:
  busdma replay trace.jsonl
  busdma replay --profile strict --until-hazard traces/*.jsonl.zst
  zstdcat trace.jsonl.zst | busdma replay --format junit - > junit.xml

Exit codes: 0 all match, 1 a difference, 2 usage or unusable input.";

/// Whose answers a replay gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplayProfile {
    /// What the header of each scenario says.
    Auto,
    /// Always these.
    Fixed(ProfileName),
}

impl ValueEnum for ReplayProfile {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Auto,
            Self::Fixed(ProfileName::Freebsd11),
            Self::Fixed(ProfileName::Freebsd12),
            Self::Fixed(ProfileName::Arm64Freebsd12),
            Self::Fixed(ProfileName::Strict),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Auto => Some(PossibleValue::new("auto").help("What the header of each scenario says")),
            Self::Fixed(name) => name.to_possible_value(),
        }
    }
}

/// How the result of a replay is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ReplayFormat {
    /// Text
    Human,
    /// One JSON object
    Json,
    /// JUnit XML: one test suite a file, one test case a scenario
    Junit,
}
