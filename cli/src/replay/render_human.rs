//! A replay as text: the first differences of each scenario that differs, then one line that sums up.

use super::file::FileReport;
use super::words;
use crate::text::{self, ACCENT, BAD, Cell, FAINT, GOOD, HEADING, Side, Table};
use busdma_trace::{Difference, ScenarioReport, Summary};
use std::fmt::Write as _;

/// Decisions shown of one operation.
const DECISIONS_MAX: usize = 12;

/// The whole report.
pub fn render(files: &[FileReport], width: usize) -> String {
    let mut out = String::new();
    for file in files {
        for scenario in file.differing() {
            out.push_str(&differing(&file.name, scenario, width));
            out.push('\n');
        }
        if file.differing_not_kept > 0 {
            let more = text::counted(file.differing_not_kept, "further scenario");
            let _ = writeln!(out, "{}: {more} with differences, not shown\n", file.name);
        }
    }
    out.push_str(&summary(files));
    out
}

/// One scenario that differs: where it is, and operation by operation what was expected and what came.
pub(super) fn differing(file: &str, scenario: &ScenarioReport, width: usize) -> String {
    let place = format!("{file}:{}", scenario.line);
    let mut out = format!(
        "{} {} {}\n",
        text::styled(BAD, "DIFFERS"),
        text::styled(HEADING, &scenario.name),
        text::styled(FAINT, &format!("({place}, {}, as {})", scenario.family, scenario.profile.name()))
    );
    for of_one_line in scenario.differences.chunk_by(|a, b| a.line == b.line) {
        out.push_str(&operation(file, of_one_line, width));
    }
    let more = scenario.difference_count - scenario.differences.len() as u64;
    if more > 0 {
        let _ = writeln!(out, "  {}", text::styled(FAINT, &format!("and {more} more")));
    }
    out
}

fn operation(file: &str, differences: &[Difference], width: usize) -> String {
    let Some(first) = differences.first() else { return String::new() };
    let heading = format!("{file}:{} seq {} {}", first.line, first.seq, first.op);
    let room = width.saturating_sub(heading.chars().count() + 3);
    let input = text::shortened(words::operation_input(first), room.max(20));
    let mut out = format!("  {} {}\n", text::styled(ACCENT, &heading), text::styled(FAINT, &input));
    out.push_str(&fields(differences, width));
    out.push_str(&decisions(first, width));
    out
}

fn fields(differences: &[Difference], width: usize) -> String {
    let name_width = differences.iter().map(|difference| difference.field.chars().count()).max().unwrap_or(0).max(5);
    let room = width.saturating_sub(4 + name_width + 2 + 2) / 2;
    let mut table =
        Table::new(width, [("FIELD", Side::Left), ("EXPECTED", Side::Left), ("GOT", Side::Left)]).indented(4);
    for difference in differences {
        let (expected, got) = words::side_by_side(&difference.expected, &difference.got, room.max(12));
        table.row([(&*difference.field).into(), Cell::new(GOOD, expected), Cell::new(BAD, got)]);
    }
    table.render()
}

/// What the engine decided in the operation, cut in the middle when it was much.
fn decisions(difference: &Difference, width: usize) -> String {
    let all = &difference.decisions;
    let left_out = if all.len() > DECISIONS_MAX { DECISIONS_MAX / 2..all.len() - DECISIONS_MAX / 2 } else { 0..0 };
    let mut lines = Vec::new();
    for (index, decision) in all.iter().enumerate() {
        if index == left_out.start && !left_out.is_empty() {
            lines.push(format!("… {} more", left_out.len()));
        }
        if !left_out.contains(&index) {
            lines.push(words::decision(decision));
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let mut out = format!("    {}\n", text::styled(HEADING, "DECIDED"));
    for line in lines {
        let _ = writeln!(out, "    {}", text::styled(FAINT, &text::shortened(&line, width.saturating_sub(4))));
    }
    out
}

/// `N scenarios, M operations: K match, D differ`, where K and D count scenarios; then the files that could not be used.
fn summary(files: &[FileReport]) -> String {
    let mut total = Summary::default();
    for file in files {
        total.merge(&file.summary);
    }
    let style = if total.differing == 0 { GOOD } else { BAD };
    let verdict = format!("{} match, {} differ", total.matching, total.differing);
    let unusable = files.iter().filter(|file| file.error.is_some()).count() as u64;
    let unusable = if unusable == 0 {
        String::new()
    } else {
        text::styled(BAD, &format!(", {} not usable", text::counted(unusable, "file")))
    };
    format!(
        "{} scenarios, {} operations: {}{unusable}\n",
        total.scenarios,
        total.operations,
        text::styled(style, &verdict)
    )
}
