//! Bounce pools as gauges, with their trends.

use super::{Places, Scene};
use crate::frame::{TrendSample, ZoneRow};
use crate::list::ListState;
use crate::pen::{Pen, columns};
use crate::theme::{Role, Theme};
use crate::units;
use crate::views::{gauge, on_machine, sparkline};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the legend and the zones around the cursor.
pub(super) fn draw(scene: Scene<'_>, zones: &[&ZoneRow], places: &Places, list: &ListState, buf: &mut Buffer) {
    draw_legend(scene.theme, zones.len(), places.legend, buf);
    let top = places.zones_top(list, zones.len());
    for (nth, (place, zone)) in (0u16..).zip(zones.iter().enumerate().skip(top).take(places.zones_page())) {
        let y = places.zones.y.saturating_add(nth.saturating_mul(places.zone_lines));
        let area = Rect { y, height: places.zone_lines, ..places.zones }.intersection(places.zones);
        draw_zone(scene.theme, zone, area, buf);
        if place == list.cursor {
            // The gauge keeps its colours: reversed, pages in use would look free.
            let name = Rect { width: Widths::of(area.width).name.min(area.width), height: area.height.min(1), ..area };
            buf.set_style(name.intersection(buf.area), scene.theme.style(Role::Cursor));
        }
    }
}

fn draw_legend(theme: &Theme, zones: usize, area: Rect, buf: &mut Buffer) {
    let mut pen = Pen::at(area, 0, buf);
    let heading = format!("{zones} bounce pool{}", if zones == 1 { "" } else { "s" });
    pen.put(&heading, theme.style(Role::Heading)).skip(2);
    let signs = [
        (gauge::ACTIVE, "active", Role::Active),
        (gauge::RESERVED, "reserved", Role::Reserved),
        (gauge::FREE, "free", Role::Free),
        (gauge::MOST, "most ever active", Role::Accent),
    ];
    for (sign, meaning, role) in signs {
        if columns(meaning) + 2 <= pen.room() {
            pen.put(sign, theme.style(role)).skip(1).put(meaning, theme.style(Role::Faint)).skip(2);
        }
    }
}

fn draw_zone(theme: &Theme, zone: &ZoneRow, area: Rect, buf: &mut Buffer) {
    let widths = Widths::of(area.width);
    let mut pen = Pen::at(area, 0, buf);
    let word = if widths.wording == Wording::Letters { "z" } else { "zone" };
    let name = on_machine(&zone.machine, &format!("{word}{}", zone.zone), widths.name);
    pen.left(&name, widths.name, theme.style(Role::Accent));
    if widths.limit > 0 {
        pen.skip(1).left(&units::address(zone.lowaddr), widths.limit, theme.style(Role::Plain));
    }
    let numbers = numbers(zone, widths.wording);
    let waiting = waiting(zone.waiters, widths.wording);
    let behind = columns(&numbers).max(widths.numbers) + 1 + waiting.as_ref().map_or(0, |text| columns(text) + 1);
    pen.skip(1);
    let bar = pen.room().saturating_sub(behind);
    gauge::draw(theme, zone, bar, &mut pen);
    pen.skip(1).left(&numbers, columns(&numbers).max(widths.numbers), theme.style(Role::Plain));
    if let Some(waiting) = waiting {
        pen.skip(1).put(&waiting, theme.style(Role::Warn));
    }
    if area.height > 1 {
        draw_trends(theme, zone, widths.name, Pen::at(area, 1, buf));
    }
}

/// How wide the parts of a zone's line are.
#[derive(Clone, Copy, Debug)]
struct Widths {
    name: u16,
    /// The zone's address limit; left out where 0.
    limit: u16,
    numbers: u16,
    wording: Wording,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wording {
    Letters,
    Signs,
    Words,
}

impl Widths {
    const fn of(room: u16) -> Self {
        match room {
            0..60 => Self { name: 10, limit: 0, numbers: 9, wording: Wording::Letters },
            60..100 => Self { name: 12, limit: 6, numbers: 21, wording: Wording::Signs },
            _ => Self { name: 14, limit: 8, numbers: 45, wording: Wording::Words },
        }
    }
}

fn numbers(zone: &ZoneRow, wording: Wording) -> String {
    let ZoneRow { active_bpages, reserved_bpages, free_bpages, total_bpages, active_bpages_max, .. } = zone;
    match wording {
        Wording::Letters => format!("{active_bpages}+{reserved_bpages}/{total_bpages}"),
        Wording::Signs => format!("{active_bpages}+{reserved_bpages} of {total_bpages}, most {active_bpages_max}"),
        Wording::Words => format!(
            "{active_bpages} active, {reserved_bpages} reserved, {free_bpages} free of {total_bpages}, \
             most {active_bpages_max}"
        ),
    }
}

fn waiting(waiters: u32, wording: Wording) -> Option<String> {
    (waiters > 0).then(|| match wording {
        Wording::Letters => format!("{waiters}w"),
        Wording::Signs | Wording::Words => format!("{waiters} waiting"),
    })
}

/// One trend: what it is called, where there is room and where not, its samples and the number of now.
struct TrendOf {
    long: &'static str,
    short: &'static str,
    sample: fn(&TrendSample) -> u32,
    now: String,
}

fn draw_trends(theme: &Theme, zone: &ZoneRow, indent: u16, mut pen: Pen<'_>) {
    let trends = [
        TrendOf { long: "active", short: "act", sample: |sample| sample.active, now: zone.active_bpages.to_string() },
        TrendOf { long: "bounced/s", short: "bnc/s", sample: |sample| sample.bounced, now: rate(zone.rates.bounced) },
        TrendOf {
            long: "deferred/s",
            short: "def/s",
            sample: |sample| sample.deferred,
            now: rate(zone.rates.deferred),
        },
    ];
    pen.skip(indent + 1);
    let each = pen.room() / 3;
    for trend in trends {
        let label = if each >= 28 { trend.long } else { trend.short };
        let rest = each.saturating_sub(columns(label) + 1 + NOW_COLUMNS + 3);
        pen.put(label, theme.style(Role::Faint)).skip(1);
        let samples = zone.trend.samples.iter().map(trend.sample);
        sparkline::draw(samples, rest, theme.style(Role::Active), &mut pen);
        pen.skip(1).left(&trend.now, NOW_COLUMNS, theme.style(Role::Plain)).skip(2);
    }
}

/// Nothing where it is not known.
fn rate(rate: Option<f64>) -> String {
    rate.map(units::number).unwrap_or_default()
}

/// Columns for a number behind a trend: `12.3k` and the like.
const NOW_COLUMNS: u16 = 6;
