//! `busdma correlate`: what the kernel told of DMA, each mapping compared with its device's limits. No daemon is needed.

mod facts;
mod input;
mod render_human;
mod strip;

use crate::args::CorrelateArgs;
use crate::console;
use crate::failure::{self, Answer};
use anyhow::bail;
use busdma_host::correlation::{Correlation, Report};
use input::Input;
use std::path::{Path, PathBuf};

/// Columns where there is no terminal to ask: a device has many counts.
const TABLE_WIDTH: usize = 130;

/// Reads the inputs and prints what they amount to.
///
/// # Errors
///
/// A file that cannot be read or holds no event, facts that cannot be understood, two directories, standard input named
/// twice, or standard output that cannot be written.
pub fn run(args: &CorrelateArgs) -> anyhow::Result<Answer> {
    let inputs = inputs(&args.files)?;
    let mut correlation = Correlation::new(facts::gather(args, &inputs)?);
    for input in inputs {
        input.read_into(&mut correlation)?;
    }
    correlation.finish();
    let report = correlation.report();
    warn_of_losses(&report);
    let text = if args.json {
        console::pretty_json(&report)?
    } else {
        render_human::render(&report, console::width_or(TABLE_WIDTH))
    };
    console::print(&text)?;
    Ok(if report.has_differences() { Answer::No } else { Answer::Yes })
}

fn inputs(files: &[PathBuf]) -> anyhow::Result<Vec<Input>> {
    let directories: Vec<&Path> = files.iter().map(PathBuf::as_path).filter(|path| path.is_dir()).collect();
    if let [first, second, ..] = &*directories {
        bail!("{} and {} are of different hosts; give one directory at a time", first.display(), second.display());
    }
    if files.iter().filter(|file| file.as_os_str() == "-").count() > 1 {
        bail!("standard input (-) is named more than once");
    }
    files.iter().map(|path| Input::open(path)).collect()
}

fn warn_of_losses(report: &Report) {
    for source in &report.sources {
        if source.overwritten {
            failure::warn(&format!(
                "{}: the oldest events were overwritten; mappings may lack their beginning",
                source.name
            ));
        }
        if source.lost_notices > 0 {
            let lost = if source.lost > 0 { source.lost.to_string() } else { "some".to_owned() };
            failure::warn(&format!("{}: {lost} events were lost while recording", source.name));
        }
        if source.not_understood > 0 {
            let first = source.first_not_understood.first().map_or("", String::as_str);
            failure::warn(&format!(
                "{}: {} lines were not understood, first {first}",
                source.name, source.not_understood
            ));
        }
    }
}
