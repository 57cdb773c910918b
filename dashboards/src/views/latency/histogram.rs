//! A distribution as horizontal bars over spans that double.

use crate::frame::Distribution;
use crate::pen::{Pen, columns};
use crate::theme::{Role, Theme};
use crate::units;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws a heading and as many bars as there are lines; neighbours share one where there are too few.
pub(super) fn draw(theme: &Theme, label: &str, distribution: Option<&Distribution>, area: Rect, buf: &mut Buffer) {
    let told = match distribution {
        None => "not recorded".to_owned(),
        Some(Distribution { count: 0, .. }) => "none so far".to_owned(),
        Some(Distribution { count, mean_ns, .. }) => format!("{count} measured, mean {}", units::duration(*mean_ns)),
    };
    Pen::at(area, 0, buf).put_cut(&format!("{label}: {told}"), theme.style(Role::Heading));
    let Some(distribution) = distribution else { return };
    let bars = bars(distribution, area.height.saturating_sub(1));
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0);
    let marks = bars.iter().map(|bar| columns(&bar.marks)).max().unwrap_or(0);
    let scale = Scale { most, total: distribution.count, marks };
    for (nth, bar) in (1..area.height).zip(&bars) {
        draw_bar(theme, bar, scale, &mut Pen::at(area, nth, buf));
    }
}

/// What bars are drawn in relation to.
#[derive(Clone, Copy, Debug)]
struct Scale {
    /// The count of the longest bar.
    most: u64,
    /// All counts together.
    total: u64,
    /// Columns for the names of percentiles.
    marks: u16,
}

/// How many spans were not longer than `upto_ns`, and longer than the bar above.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bar {
    upto_ns: u64,
    count: u64,
    /// The percentiles that fall into it: `p50 p90`.
    marks: String,
}

/// Bars from the shortest span to the longest, `room` at most.
fn bars(distribution: &Distribution, room: u16) -> Vec<Bar> {
    let mut counts = [0u64; 65];
    for bin in &distribution.bins {
        if let Some(count) = counts.get_mut(bits(bin.upto_ns)) {
            *count = count.saturating_add(bin.count);
        }
    }
    let (Some(first), Some(last)) = (counts.iter().position(|&n| n > 0), counts.iter().rposition(|&n| n > 0)) else {
        return Vec::new();
    };
    if room == 0 {
        return Vec::new();
    }
    let shared = (last - first + 1).div_ceil(usize::from(room));
    let shown = counts.get(first..=last).unwrap_or_default();
    let ends = (first..=last).step_by(shared).map(|start| (start + shared - 1).min(last));
    let mut shorter = None;
    shown
        .chunks(shared)
        .zip(ends)
        .map(|(part, end)| {
            let upto_ns = longest_of(end);
            let marks = marks(distribution, shorter, upto_ns);
            shorter = Some(upto_ns);
            Bar { upto_ns, count: part.iter().fold(0, |sum, count| sum.saturating_add(*count)), marks }
        })
        .collect()
}

/// Bits that a number takes: 0 to 64.
fn bits(number: u64) -> usize {
    usize::try_from(u64::BITS - number.leading_zeros()).unwrap_or(64)
}

/// The largest number of so many bits.
fn longest_of(bits: usize) -> u64 {
    u32::try_from(bits).ok().and_then(|bits| u64::MAX.checked_shr(64 - bits.min(64))).unwrap_or(0)
}

/// The percentiles longer than `shorter` and not longer than `upto_ns`.
fn marks(distribution: &Distribution, shorter: Option<u64>, upto_ns: u64) -> String {
    let Distribution { p50_ns, p90_ns, p99_ns, p999_ns, .. } = *distribution;
    let percentiles = [("p50", p50_ns), ("p90", p90_ns), ("p99", p99_ns), ("p99.9", p999_ns)];
    let here = |ns: u64| ns <= upto_ns && shorter.is_none_or(|shorter| ns > shorter);
    let names: Vec<&str> = percentiles.into_iter().filter(|&(_, ns)| here(ns)).map(|(name, _)| name).collect();
    names.join(" ")
}

const LIMIT_COLUMNS: u16 = 13;
const COUNT_COLUMNS: u16 = 9;
const SHARE_COLUMNS: u16 = 7;

fn draw_bar(theme: &Theme, bar: &Bar, scale: Scale, pen: &mut Pen<'_>) {
    pen.right(&format!("≤ {}", units::duration(bar.upto_ns)), LIMIT_COLUMNS, theme.style(Role::Plain)).skip(1);
    let roomy = pen.room() >= 50;
    let count = if roomy { COUNT_COLUMNS } else { columns(&scale.most.to_string()) };
    let share_columns = if roomy { SHARE_COLUMNS } else { 0 };
    let behind = 1 + count + share_columns + 1 + scale.marks;
    let width = pen.room().saturating_sub(behind);
    draw_eighths(theme, bar.count, scale.most, width, pen);
    pen.skip(1).right(&bar.count.to_string(), count, theme.style(Role::Plain));
    pen.right(&share(bar.count, scale.total), share_columns, theme.style(Role::Faint))
        .skip(1)
        .put_cut(&bar.marks, theme.style(Role::Accent));
}

#[expect(clippy::cast_precision_loss, reason = "a share is shown with two digits")]
fn share(count: u64, total: u64) -> String {
    if total == 0 { String::new() } else { units::share(count as f64 / total as f64) }
}

/// A bar in steps of an eighth of a column; something is seen of every number that is not 0.
fn draw_eighths(theme: &Theme, count: u64, most: u64, width: u16, pen: &mut Pen<'_>) {
    const PARTS: [&str; 9] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];
    let eighths = (u128::from(count) * u128::from(width) * 8).div_ceil(u128::from(most.max(1)));
    let whole = u16::try_from(eighths / 8).unwrap_or(width).min(width);
    let part = usize::try_from(eighths % 8).ok().and_then(|part| PARTS.get(part)).copied().unwrap_or_default();
    for _ in 0..whole {
        pen.put("█", theme.style(Role::Active));
    }
    pen.left(part, width - whole, theme.style(Role::Active));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Bin;
    use crate::views::fixtures;

    #[test]
    fn bars_double_and_share_lines() {
        let check = |bins: &[(u64, u64)], room, expected: &[(u64, u64)]| {
            let bins = bins.iter().map(|&(upto_ns, count)| Bin { upto_ns, count }).collect();
            let bars = bars(&Distribution { count: 1, bins, ..Distribution::default() }, room);
            let bars: Vec<_> = bars.into_iter().map(|bar| (bar.upto_ns, bar.count)).collect();
            assert_eq!(bars, expected);
        };
        check(&[], 10, &[]);
        check(&[(1023, 5)], 10, &[(1023, 5)]);
        check(&[(1023, 5), (4095, 2)], 10, &[(1023, 5), (2047, 0), (4095, 2)]);
        check(&[(1023, 5), (2047, 1), (4095, 2)], 2, &[(2047, 6), (4095, 2)]);
        check(&[(1023, 5), (2047, 1)], 0, &[]);
        check(&[(0, 1), (u64::MAX, u64::MAX), (u64::MAX, 1)], 1, &[(u64::MAX, u64::MAX)]);
    }

    #[test]
    fn limits_of_up_to_years_fit_into_their_columns() {
        for bits in 0..60 {
            let limit = format!("≤ {}", units::duration(longest_of(bits)));
            assert!(columns(&limit) <= LIMIT_COLUMNS, "{limit}");
        }
    }

    #[test]
    fn bars_with_counts_shares_and_percentiles() {
        let area = Rect::new(0, 0, 80, 6);
        let mut buf = Buffer::empty(area);
        draw(&Theme::default(), "vm1 load", Some(&fixtures::distribution()), area, &mut buf);
        let lines: Vec<String> = (0..6)
            .map(|y| (0..80).filter_map(|x| buf.cell((x, y))).map(ratatui::buffer::Cell::symbol).collect::<String>())
            .collect();
        let bar = "█".repeat(39);
        assert_eq!(lines[1], format!("    ≤ 1.02 µs {bar}        50   50 % p50      "));
        assert_eq!(lines[3].trim_end(), format!("    ≤ 4.10 µs {}         0    0 %", " ".repeat(39)));
        assert!(lines[5].trim_end().ends_with(" 9  9.0 % p99 p99.9"), "{}", lines[5]);
    }
}
