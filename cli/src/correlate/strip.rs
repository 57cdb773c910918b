//! A quantity over time as one line of blocks.

use busdma_host::correlation::HistoryReport;

/// Heights of a block, lowest first.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The most that a quantity was in each of `width` stretches of `span`, as parts of `full`.
pub(super) fn strip(history: &[HistoryReport], span: (u64, u64), full: u64, width: usize) -> String {
    let length = span.1.saturating_sub(span.0).max(1);
    let place = |at: u64| {
        let place = u128::from(at.saturating_sub(span.0)) * width as u128 / u128::from(length);
        usize::try_from(place).unwrap_or(usize::MAX).min(width.saturating_sub(1))
    };
    let mut drawn = String::new();
    let (mut before, mut changes) = (0, history.iter().peekable());
    for column in 0..width {
        let mut most = before;
        while let Some(change) = changes.next_if(|change| place(change.start_ns) <= column) {
            most = most.max(change.most);
            before = change.last;
        }
        drawn.push(block(most, full));
    }
    drawn
}

fn block(value: u64, full: u64) -> char {
    let top = BLOCKS.len() as u128;
    let height = (u128::from(value) * top).div_ceil(u128::from(full.max(1))).clamp(1, top);
    let index = usize::try_from(height - 1).unwrap_or(0);
    if value == 0 { '·' } else { BLOCKS.get(index).copied().unwrap_or('█') }
}

#[cfg(test)]
mod tests {
    use super::{HistoryReport, strip};

    fn history(changes: &[(u64, u64, u64)]) -> Vec<HistoryReport> {
        changes.iter().map(|&(start_ns, most, last)| HistoryReport { start_ns, most, last }).collect()
    }

    #[test]
    fn blocks_are_parts_of_the_whole() {
        let check = |changes: &[(u64, u64, u64)], span, full, width, drawn: &str| {
            assert_eq!(strip(&history(changes), span, full, width), drawn);
        };
        check(&[(10, 1, 1), (20, 4, 4), (30, 8, 0)], (0, 40), 8, 4, "·▁▄█");
        check(&[(0, 8, 4)], (0, 40), 8, 4, "█▄▄▄");
        check(&[(5, 3, 3), (6, 8, 0), (40, 8, 8)], (0, 40), 8, 4, "█··█");
        check(&[(7, 1, 0)], (7, 7), 0, 3, "█··");
        check(&[], (0, 0), 1, 2, "··");
    }
}
