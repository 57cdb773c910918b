//! The time bar of a recording: pressure along it, deferrals below it, and where the frame is.

use crate::frame::{Bucket, OriginKind, Timeline};
use crate::moment::{Moments, Precision};
use crate::pen::{self, Pen};
use crate::theme::Role;
use crate::views::Scene;
use crate::views::sparkline::LEVELS;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Below a part of the bar in which loads were deferred, or in a capture of a host mappings failed.
const fn sign(kind: OriginKind) -> (&'static str, &'static str) {
    match kind {
        OriginKind::HostCapture => ("f", "failed"),
        OriginKind::Live | OriginKind::Recording | OriginKind::Demo => ("d", "deferred"),
    }
}

/// Below the moment of the frame.
const HERE: &str = "▲";

/// Draws the bar into the first line of `area` and its marks into the second. Nothing where there is no recording.
pub fn draw(scene: Scene<'_>, area: Rect, buf: &mut Buffer) {
    let Some(timeline) = &scene.frame.timeline else { return };
    let bar = bar(area);
    draw_ends(scene, timeline, area, bar, buf);
    let above = Rect { height: area.height.min(1), ..bar };
    let below = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1).min(1), ..bar };
    let here = column_of(timeline, bar.width);
    for column in 0..bar.width {
        let Bucket { pressure, deferred } = worst(&timeline.buckets, column, bar.width);
        let role = if pressure >= 1.0 { Role::Warn } else { Role::Active };
        put(above, column, level(pressure), scene, role, buf);
        if deferred > 0 {
            put(below, column, sign(scene.frame.origin.kind).0, scene, Role::Warn, buf);
        }
        if column == here {
            put(above, column, level(pressure), scene, Role::Cursor, buf);
            put(below, column, HERE, scene, Role::Heading, buf);
        }
    }
}

/// Where in the recording that column of the screen is, 0.0 to 1.0; none beside the bar.
pub fn share_at(area: Rect, column: u16) -> Option<f64> {
    let bar = bar(area);
    let nth = column.checked_sub(bar.x).filter(|&nth| nth < bar.width)?;
    match bar.width {
        1 => Some(0.0),
        width => Some(f64::from(nth) / f64::from(width - 1)),
    }
}

/// Columns at each side for the times of the ends.
const fn ends(width: u16) -> u16 {
    match width {
        0..20 => 0,
        20..80 => 9,
        _ => 13,
    }
}

const fn bar(area: Rect) -> Rect {
    let ends = ends(area.width);
    Rect { x: area.x.saturating_add(ends), width: area.width - 2 * ends, ..area }
}

fn draw_ends(scene: Scene<'_>, timeline: &Timeline, area: Rect, bar: Rect, buf: &mut Buffer) {
    let width = ends(area.width).saturating_sub(1);
    let moments = Moments::of(scene);
    let text = |t| {
        let exact = moments.at(t, Precision::Milliseconds);
        if pen::columns(&exact) <= width { exact } else { moments.at(t, Precision::Seconds) }
    };
    let plain = scene.theme.style(Role::Plain);
    let faint = scene.theme.style(Role::Faint);
    let right = Rect { x: bar.right().saturating_add(1), width, ..area };
    Pen::at(Rect { width, ..area }, 0, buf).right(&text(timeline.start), width, plain);
    Pen::at(right, 0, buf).put_cut(&text(timeline.end), plain);
    let step = format!("±{}", moments.span(timeline.step));
    Pen::at(Rect { width, ..area }, 1, buf).right(&step, width, faint);
    let (sign, meaning) = sign(scene.frame.origin.kind);
    let legends = [format!("{sign} {meaning}"), meaning.to_owned()];
    let legend = legends.iter().find(|legend| pen::columns(legend) <= width);
    Pen::at(right, 1, buf).put_cut(legend.map_or(sign, String::as_str), faint);
}

fn put(line: Rect, column: u16, sign: &str, scene: Scene<'_>, role: Role, buf: &mut Buffer) {
    let position = Position::new(line.x.saturating_add(column), line.y);
    if line.contains(position)
        && let Some(cell) = buf.cell_mut(position)
    {
        cell.set_symbol(sign).set_style(scene.theme.style(role));
    }
}

/// The column of the frame's moment.
fn column_of(timeline: &Timeline, width: u16) -> u16 {
    let whole = u128::from(timeline.end.saturating_sub(timeline.start)).max(1);
    let passed = u128::from(timeline.at.saturating_sub(timeline.start)).min(whole);
    let last = width.saturating_sub(1);
    u16::try_from(passed * u128::from(last) / whole).unwrap_or(last)
}

/// The most of what happened in the buckets that a column stands for.
fn worst(buckets: &[Bucket], column: u16, width: u16) -> Bucket {
    let edge = |column: u16| usize::from(column) * buckets.len() / usize::from(width.max(1));
    let from = edge(column);
    let to = edge(column.saturating_add(1)).max(from + 1).min(buckets.len());
    let covered = buckets.get(from..to).unwrap_or_default();
    covered.iter().fold(Bucket::default(), |worst, bucket| Bucket {
        pressure: worst.pressure.max(bucket.pressure),
        deferred: worst.deferred.saturating_add(bucket.deferred),
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the casts saturate, and the level is clamped"
)]
fn level(pressure: f32) -> &'static str {
    if pressure <= 0.0 || pressure.is_nan() {
        return "·";
    }
    let nth = (pressure * 8.0).ceil() as usize;
    LEVELS.get(nth.clamp(1, LEVELS.len()) - 1).copied().unwrap_or("█")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, Origin, OriginState, TimeAxis};
    use crate::theme::Theme;
    use jiff::tz::TimeZone;

    fn frame(axis: TimeAxis, at: u64) -> Frame {
        let origin = Origin {
            kind: OriginKind::Recording,
            name: "a.jsonl".to_owned(),
            state: OriginState::Paused,
            recording: None,
        };
        let mut frame = Frame::empty(origin);
        let bucket = |pressure, deferred| Bucket { pressure, deferred };
        let buckets = [bucket(0.0, 0), bucket(0.1, 0), bucket(0.5, 0), bucket(1.0, 2), bucket(0.8, 0)];
        frame.timeline =
            Some(Timeline { axis, start: 0, end: 10_000_000_000, at, step: 100_000_000, buckets: buckets.into() });
        frame.t_ns = at;
        frame
    }

    fn lines(frame: &Frame, width: u16) -> [String; 2] {
        let area = Rect::new(0, 0, width, 2);
        let mut buf = Buffer::empty(area);
        draw(Scene { frame, machine: None, theme: &Theme::default(), time_zone: &TimeZone::UTC }, area, &mut buf);
        let line =
            |nth: u16| (0..width).map(|x| buf.cell((x, nth)).map_or("", ratatui::buffer::Cell::symbol)).collect();
        [line(0), line(1)]
    }

    #[test]
    fn pressure_deferrals_and_position() {
        let frame = frame(TimeAxis::Nanoseconds, 5_000_000_000);
        assert_eq!(
            lines(&frame, 28),
            [" 0.000 s ··▁▁▄▄██▇▇ 10.000 s", " ±100 ms     ▲ dd   deferred"].map(str::to_owned)
        );
        assert_eq!(lines(&frame, 10), ["··▁▁▄▄██▇▇", "    ▲ dd  "]);
    }

    #[test]
    fn columns_are_shares_and_back() {
        for width in [1, 19, 20, 40, 80, 200] {
            let area = Rect::new(7, 3, width, 2);
            let bar = bar(area);
            let last = u64::from(bar.width - 1).max(1);
            for nth in 0..bar.width {
                let mut frame = frame(TimeAxis::Operations, 0);
                let timeline = frame.timeline.as_mut().unwrap();
                (timeline.end, timeline.at) = (100_000, (u64::from(nth) * 100_000).div_ceil(last));
                assert_eq!(column_of(timeline, bar.width), nth, "{width}");
                let share = share_at(area, bar.x + nth).unwrap();
                assert!((share * f64::from(bar.width - 1) - f64::from(nth)).abs() < 1e-9, "{width} {nth} {share}");
            }
            assert_eq!(share_at(area, bar.right()), None);
            assert_eq!(share_at(area, bar.x - 1), None);
        }
    }
}
