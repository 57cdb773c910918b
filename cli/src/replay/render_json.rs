//! A replay as one JSON object.

use super::file::FileReport;
use super::words;
use busdma_trace::format::DecisionRecord;
use busdma_trace::{Difference, ScenarioReport, Summary};
use serde::Serialize;
use serde_json::value::RawValue;

/// The report as pretty-printed JSON with a line feed at the end.
///
/// # Errors
///
/// Never in practice: every key is a string.
pub fn render(files: &[FileReport]) -> serde_json::Result<String> {
    let mut total = Summary::default();
    for file in files {
        total.merge(&file.summary);
    }
    let object = Object { summary: Counts::of(&total), files: files.iter().map(FileObject::of).collect() };
    Ok(serde_json::to_string_pretty(&object)? + "\n")
}

#[derive(Serialize)]
struct Object<'a> {
    summary: Counts,
    files: Vec<FileObject<'a>>,
}

#[derive(Serialize)]
struct Counts {
    scenarios: u64,
    operations: u64,
    r#match: u64,
    differ: u64,
}

#[derive(Serialize)]
struct FileObject<'a> {
    file: &'a str,
    #[serde(flatten)]
    counts: Counts,
    error: Option<String>,
    warnings: Vec<String>,
    differing: Vec<ScenarioObject<'a>>,
    differing_not_listed: u64,
}

#[derive(Serialize)]
struct ScenarioObject<'a> {
    scenario: &'a str,
    family: &'a str,
    line: u64,
    profile: &'static str,
    operations: u64,
    difference_count: u64,
    differences: Vec<DifferenceObject<'a>>,
}

#[derive(Serialize)]
struct DifferenceObject<'a> {
    line: u64,
    seq: u64,
    op: String,
    field: &'a str,
    expected: &'a str,
    got: &'a str,
    r#in: Option<&'a RawValue>,
    decisions: &'a [DecisionRecord<'static>],
}

impl Counts {
    fn of(summary: &Summary) -> Self {
        Self {
            scenarios: summary.scenarios,
            operations: summary.operations,
            r#match: summary.matching,
            differ: summary.differing,
        }
    }
}

impl<'a> FileObject<'a> {
    fn of(file: &'a FileReport) -> Self {
        Self {
            file: &file.name,
            counts: Counts::of(&file.summary),
            error: file.error.as_ref().map(ToString::to_string),
            warnings: file.warnings.iter().map(ToString::to_string).collect(),
            differing: file.differing().map(ScenarioObject::of).collect(),
            differing_not_listed: file.differing_not_kept,
        }
    }
}

impl<'a> ScenarioObject<'a> {
    fn of(scenario: &'a ScenarioReport) -> Self {
        Self {
            scenario: &scenario.name,
            family: &scenario.family,
            line: scenario.line,
            profile: scenario.profile.name(),
            operations: scenario.operations,
            difference_count: scenario.difference_count,
            differences: scenario.differences.iter().map(DifferenceObject::of).collect(),
        }
    }
}

impl<'a> DifferenceObject<'a> {
    fn of(difference: &'a Difference) -> Self {
        Self {
            line: difference.line,
            seq: difference.seq,
            op: difference.op.to_string(),
            field: &difference.field,
            expected: &difference.expected,
            got: &difference.got,
            r#in: serde_json::from_str(words::operation_input(difference)).ok(),
            decisions: &difference.decisions,
        }
    }
}
