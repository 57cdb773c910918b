//! Replays the files of a directory.

use busdma_trace::{ReplayOptions, Replayer, ScenarioReport};
use std::path::Path;

/// What a directory of recordings came to.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// Files, by name.
    pub(crate) files: Vec<String>,
    /// Scenarios in order of the files.
    pub(crate) scenarios: Vec<ScenarioReport>,
    /// Lines and streams that ended too early.
    pub(crate) torn: usize,
}

impl Replayed {
    pub(crate) fn operations(&self) -> u64 {
        self.scenarios.iter().map(|report| report.operations).sum()
    }
}

/// Replays every file in `directory`; all of them have to match.
pub(crate) fn replay(directory: &Path) -> Replayed {
    let mut replayed = Replayed::default();
    let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort_unstable();
    for path in paths {
        replayed.files.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        let mut reader = busdma_trace::open(&path).unwrap();
        let mut replayer = Replayer::new(ReplayOptions::default());
        while let Some(report) =
            replayer.next_scenario(&mut reader).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        {
            assert!(report.matches(), "{}: {:#?}", path.display(), &report.differences[..1]);
            replayed.scenarios.push(report);
        }
        replayed.torn += reader.warnings().len();
    }
    replayed
}
