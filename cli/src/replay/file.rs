//! One file replayed to its end, or to the first thing that is wrong with it.

use super::progress::Progress;
use busdma_trace::{ReplayOptions, Replayer, ScenarioReport, Summary, TraceError, TraceReader, Warning, open};
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use thiserror::Error;

/// Differing scenarios of one file that are kept with their differences; further ones are only counted.
pub const DETAILED_MAX: usize = 1000;

/// What came of a file.
#[derive(Debug)]
pub struct FileReport {
    /// Its name as it was given; `<stdin>` for standard input.
    pub name: String,
    /// Scenarios and operations counted.
    pub summary: Summary,
    /// Scenarios kept, in the file's order: see [`Keep`].
    pub scenarios: Vec<ScenarioReport>,
    /// Differing scenarios that were counted but not kept.
    pub differing_not_kept: u64,
    /// What was passed over.
    pub warnings: Vec<Warning>,
    /// Why the file could not be replayed to its end.
    pub error: Option<FileError>,
}

/// Why a file could not be replayed to its end.
#[derive(Debug, Error)]
pub enum FileError {
    /// Something in it is wrong.
    #[error("{}", with_cause(.0))]
    Trace(TraceError),
    /// There is nothing in it.
    #[error("{file}: no scenario, expected a line with \"format\":\"busdma-trace\"")]
    NoScenario {
        /// The file.
        file: String,
    },
}

/// Which scenarios are kept; counting goes on whatever is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// Those that differ, [`DETAILED_MAX`] at most: memory does not grow with the trace.
    DifferingScenarios,
    /// Every one, for formats that list them all.
    AllScenarios,
}

/// Whether the argument names standard input.
pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Replays a file, or standard input for `-`.
pub(super) fn replay(path: &Path, options: ReplayOptions, keep: Keep, progress: &Progress) -> FileReport {
    if is_stdin(path) {
        let reader = TraceReader::new(BufReader::new(io::stdin()), "<stdin>");
        return replay_from(reader, "<stdin>".to_owned(), options, keep, progress);
    }
    let name = path.display().to_string();
    match open(path) {
        Ok(reader) => replay_from(reader, name, options, keep, progress),
        Err(error) => FileReport { error: Some(FileError::Trace(error)), ..FileReport::new(name) },
    }
}

fn replay_from<R: BufRead>(
    mut reader: TraceReader<R>,
    name: String,
    options: ReplayOptions,
    keep: Keep,
    progress: &Progress,
) -> FileReport {
    let mut report = FileReport::new(name);
    let mut replayer = Replayer::new(options);
    report.error = loop {
        match replayer.next_scenario(&mut reader) {
            Ok(Some(scenario)) => {
                progress.scenario_done(scenario.operations);
                report.take(scenario, keep);
            }
            Ok(None) if report.summary.scenarios == 0 => {
                break Some(FileError::NoScenario { file: report.name.clone() });
            }
            Ok(None) => break None,
            Err(error) => break Some(FileError::Trace(error)),
        }
    };
    report.warnings = reader.warnings().to_vec();
    report
}

impl FileReport {
    fn new(name: String) -> Self {
        Self {
            name,
            summary: Summary::default(),
            scenarios: Vec::new(),
            differing_not_kept: 0,
            warnings: Vec::new(),
            error: None,
        }
    }

    fn take(&mut self, scenario: ScenarioReport, keep: Keep) {
        self.summary.add(&scenario);
        let differs = !scenario.matches();
        let room = self.summary.differing <= DETAILED_MAX as u64;
        match keep {
            Keep::AllScenarios => self.scenarios.push(scenario),
            Keep::DifferingScenarios if differs && room => self.scenarios.push(scenario),
            Keep::DifferingScenarios => self.differing_not_kept += u64::from(differs),
        }
    }

    /// The kept scenarios that differ.
    pub fn differing(&self) -> impl Iterator<Item = &ScenarioReport> {
        self.scenarios.iter().filter(|scenario| !scenario.matches())
    }
}

/// An error with its causes on one line.
fn with_cause(error: &TraceError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
