//! A buffer drawn as a strip: where it is cut, and which parts go through bounce pages. Readable without colour.

use super::simulate::Run;
use crate::size;
use crate::text::{self, ACCENT, BAD, FAINT, WARN};
use anstyle::Style;
use std::fmt::Write as _;

const DIRECT: char = '█';
const BOUNCED: char = '▒';
const UNMAPPED: char = '·';

/// What one column of the strip shows of its bytes: the worst of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Column {
    Direct,
    Bounced,
    Unmapped,
}

/// The strip as lines of at most `width` columns: cuts, bytes, offsets, and what the signs mean.
pub(super) fn draw(run: &Run, length: u64, width: usize, indent: &str) -> String {
    let columns = width.saturating_sub(indent.len()).max(16).min(usize::try_from(length).unwrap_or(usize::MAX));
    let scale = Scale { length, columns };
    let (cuts, meaning) = cuts(run, scale);
    let mut out = String::new();
    for line in [text::styled(FAINT, &cuts), bytes(run, scale), text::styled(FAINT, &offsets(scale))] {
        out.push_str(indent);
        out.push_str(&line);
        out.push('\n');
    }
    out.push_str(indent);
    out.push_str(&legend(run, length, meaning));
    out.push('\n');
    out
}

#[derive(Clone, Copy)]
struct Scale {
    length: u64,
    columns: usize,
}

impl Scale {
    /// The column that shows the byte at `offset`.
    fn column(self, offset: u64) -> usize {
        let column = u128::from(offset) * self.columns as u128 / u128::from(self.length.max(1));
        usize::try_from(column).unwrap_or(usize::MAX).min(self.columns - 1)
    }
}

/// The line above the bytes: a mark and a number where each segment begins, or how many begin in a column.
fn cuts(run: &Run, scale: Scale) -> (String, &'static str) {
    let starts: Vec<usize> = run.segments.iter().map(|segment| scale.column(segment.offset)).collect();
    if starts.windows(2).all(|pair| pair[0] < pair[1]) {
        (numbered(&starts, scale), "│n segment n begins")
    } else {
        (crowded(&starts, scale), "digits: segments that begin in the column (+ more than 9)")
    }
}

fn numbered(starts: &[usize], scale: Scale) -> String {
    let mut line = String::new();
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(scale.columns);
        let label = format!("│{index}");
        let room = end - start;
        let shown = if label.chars().count() <= room { label } else { "│".to_owned() };
        let _ = write!(line, "{shown:room$}");
    }
    line.truncate(line.trim_end().len());
    line
}

fn crowded(starts: &[usize], scale: Scale) -> String {
    let mut counts = vec![0u32; scale.columns];
    for &start in starts {
        counts[start] += 1;
    }
    let line: String = counts
        .iter()
        .map(|&count| match count {
            0 => ' ',
            1..=9 => char::from_digit(count, 10).unwrap_or('+'),
            _ => '+',
        })
        .collect();
    line.trim_end().to_owned()
}

fn bytes(run: &Run, scale: Scale) -> String {
    let mut columns = vec![Column::Direct; scale.columns];
    let mapped = run.mapped_bytes();
    if mapped < scale.length {
        columns[scale.column(mapped)..].fill(Column::Unmapped);
    }
    for piece in run.bounced_pieces() {
        let last = scale.column(piece.offset + piece.len.max(1) - 1);
        for column in &mut columns[scale.column(piece.offset)..=last] {
            *column = (*column).max(Column::Bounced);
        }
    }
    let mut out = String::new();
    for run_of_same in columns.chunk_by(|a, b| a == b) {
        let (sign, style) = sign(run_of_same[0]);
        let signs: String = std::iter::repeat_n(sign, run_of_same.len()).collect();
        out.push_str(&text::styled(style, &signs));
    }
    out
}

fn sign(column: Column) -> (char, Style) {
    match column {
        Column::Direct => (DIRECT, ACCENT),
        Column::Bounced => (BOUNCED, WARN),
        Column::Unmapped => (UNMAPPED, BAD),
    }
}

/// The line below the bytes: offsets at the ends and, where there is room, at the quarters.
fn offsets(scale: Scale) -> String {
    let end = size::short(scale.length);
    let mut line = "0".to_owned();
    for quarter in 1..4 {
        let offset = scale.length / 4 * quarter;
        let label = size::short(offset);
        let at = scale.column(offset);
        let used = line.chars().count();
        if scale.length.is_multiple_of(4) && at > used && at + label.len() + end.len() + 2 < scale.columns {
            line.push_str(&" ".repeat(at - used));
            line.push_str(&label);
        }
    }
    let used = line.chars().count();
    let padding = scale.columns.saturating_sub(used + end.len());
    format!("{line}{}{end}", " ".repeat(padding.max(1)))
}

fn legend(run: &Run, length: u64, meaning: &str) -> String {
    let mut parts = Vec::new();
    let mapped = run.mapped_bytes();
    let bounced = run.bounced_bytes();
    if mapped > bounced {
        parts.push(format!("{} direct", text::styled(ACCENT, &DIRECT.to_string())));
    }
    if bounced > 0 {
        parts.push(format!("{} bounced", text::styled(WARN, &BOUNCED.to_string())));
    }
    if mapped < length {
        parts.push(format!("{} not mapped", text::styled(BAD, &UNMAPPED.to_string())));
    }
    if !run.segments.is_empty() {
        parts.push(meaning.to_owned());
    }
    parts.join("   ")
}
