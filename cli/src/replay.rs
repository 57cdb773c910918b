//! `busdma replay`: recorded traces are run again and compared.
//!
//! Each file is replayed by one worker ([`mod@file`]); what came of it is rendered in the order of the arguments, so that the
//! output does not depend on how many workers there were.

pub mod file;
mod progress;
pub mod render_human;
pub mod render_json;
pub mod render_junit;
mod words;

use crate::args::{ReplayArgs, ReplayFormat, ReplayProfile};
use crate::console;
use crate::failure::{self, Answer};
use anyhow::bail;
use busdma_engine::Profile;
use busdma_trace::{Extent, ProfileChoice, ReplayOptions};
use file::{FileReport, Keep};
use progress::Progress;
use rayon::prelude::*;

/// Differences kept for one scenario.
const DIFFERENCES_MAX: usize = 8;

/// Replays traces and prints what came of it.
///
/// # Errors
///
/// Standard input is named twice, workers cannot be started, or standard output cannot be written. A trace that cannot be
/// used is reported and answered with [`Answer::UnusableInput`].
pub fn run(args: &ReplayArgs) -> anyhow::Result<Answer> {
    if args.files.iter().filter(|file| file::is_stdin(file)).count() > 1 {
        bail!("standard input (-) is named more than once");
    }
    let files = replay_all(args)?;
    for warning in files.iter().flat_map(|file| &file.warnings) {
        failure::warn(&warning.to_string());
    }
    for file in &files {
        if let Some(error) = &file.error {
            failure::report_message(&error.to_string());
        }
    }
    let text = match args.format {
        ReplayFormat::Human => render_human::render(&files, console::width_or(console::DEFAULT_WIDTH)),
        ReplayFormat::Json => render_json::render(&files)?,
        ReplayFormat::Junit => render_junit::render(&files)?,
    };
    console::print(&text)?;
    Ok(answer(&files))
}

fn replay_all(args: &ReplayArgs) -> anyhow::Result<Vec<FileReport>> {
    let options = ReplayOptions {
        profile: profile_choice(args.profile),
        extent: if args.until_hazard { Extent::UntilHazard } else { Extent::Whole },
        differences_max: DIFFERENCES_MAX,
    };
    let keep = if args.format == ReplayFormat::Junit { Keep::AllScenarios } else { Keep::DifferingScenarios };
    let workers = rayon::ThreadPoolBuilder::new().num_threads(args.jobs.map_or(0, usize::from)).build()?;
    let progress = Progress::new(args.files.len());
    let replay = |path| {
        let report = file::replay(path, options, keep, &progress);
        progress.file_done();
        report
    };
    let files = workers.install(|| args.files.par_iter().map(|path| replay(path.as_path())).collect());
    progress.finish();
    Ok(files)
}

fn profile_choice(profile: ReplayProfile) -> ProfileChoice {
    match profile {
        ReplayProfile::Auto => ProfileChoice::FromSource { otherwise: Profile::default() },
        ReplayProfile::Fixed(name) => ProfileChoice::Fixed(name.into()),
    }
}

fn answer(files: &[FileReport]) -> Answer {
    if files.iter().any(|file| file.error.is_some()) {
        Answer::UnusableInput
    } else if files.iter().any(|file| file.summary.differing > 0) {
        Answer::No
    } else {
        Answer::Yes
    }
}
