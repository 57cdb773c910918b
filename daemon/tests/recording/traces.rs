//! A recording, read back: replayed here and by `busdma replay`, and counted.

#[path = "../support/programs.rs"]
mod programs;

use busdma_api::SessionId;
use busdma_trace::format::Op;
use busdma_trace::{ReplayOptions, Replayer, Summary};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a directory of recordings holds.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    pub(crate) files: Vec<PathBuf>,
    /// What replaying came to.
    pub(crate) summary: Summary,
    /// Operations by the session that called; none for what the daemon did by itself.
    pub(crate) calls: BTreeMap<(Option<SessionId>, Op), u64>,
    /// Lines with decisions.
    pub(crate) with_decisions: u64,
    /// Lines at which FreeBSD's kernel stops.
    pub(crate) panics: u64,
    /// Scenarios that begin in mid-life.
    pub(crate) from_a_state: u64,
    pub(crate) bytes: u64,
}

impl Traces {
    /// Reads and replays everything below a directory.
    ///
    /// # Panics
    /// At the first difference, and at whatever else is wrong with a file.
    pub(crate) fn read(directory: &Path) -> Self {
        let mut traces = Self::default();
        collect_files(directory, &mut traces.files);
        for file in &traces.files.clone() {
            traces.replay(file);
            traces.count(file);
            traces.bytes += file.metadata().unwrap().len();
        }
        traces
    }

    fn replay(&mut self, file: &Path) {
        let mut reader = busdma_trace::open(file).unwrap();
        let found = Replayer::new(ReplayOptions::DEFAULT).run(&mut reader, |report| {
            let text: Vec<_> = report
                .differences
                .iter()
                .map(|it| {
                    format!(
                        "line {} {}: {}: expected {}, got {}\n{}",
                        it.line, it.op, it.field, it.expected, it.got, it.raw_line
                    )
                })
                .collect();
            assert!(report.matches(), "{} differs:\n{}", file.display(), text.join("\n"));
        });
        let found = found.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(reader.warnings(), [], "{}", file.display());
        self.summary.merge(&found);
    }

    fn count(&mut self, file: &Path) {
        let mut reader = busdma_trace::open(file).unwrap();
        while let Some(header) = reader.next_scenario().unwrap() {
            self.from_a_state += u64::from(header.state.is_some());
            while let Some(operation) = reader.next_operation().unwrap() {
                let session = operation.session.as_ref().map(|session| session.as_str().parse().unwrap());
                *self.calls.entry((session, operation.op)).or_default() += 1;
                let line = operation.raw_line();
                self.with_decisions += u64::from(line.contains("\"decisions\":"));
                self.panics += u64::from(line.contains("\"panic\":"));
            }
        }
    }

    /// All operations of one kind.
    pub(crate) fn of(&self, op: Op) -> u64 {
        self.calls.iter().filter(|((_, of), _)| *of == op).map(|(_, times)| times).sum()
    }

    /// Replays the same files with the program that people use.
    pub(crate) fn replay_with_busdma(&self) {
        let output = Command::new(programs::built("busdma")).arg("replay").args(&self.files).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let Summary { scenarios, operations, .. } = self.summary;
        let expected = format!("{scenarios} scenarios, {operations} operations: {scenarios} match, 0 differ");
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(said.trim_end().lines().last(), Some(&*expected), "{said}");
    }
}

fn collect_files(directory: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort_unstable();
    for entry in entries {
        if entry.is_dir() {
            collect_files(&entry, files);
        } else {
            files.push(entry);
        }
    }
}
