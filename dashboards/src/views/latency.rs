//! Latency: how long loads, syncs and deferrals take, as percentiles and as a histogram.

mod histogram;

use super::{Scene, on_machine};
use crate::fields::{DISTRIBUTION_FIELDS, GAP, Identity, fit};
use crate::frame::{Distribution, Machine, Name};
use crate::list::ListState;
use crate::pen::Pen;
use crate::theme::Role;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the table, and below it the histogram of the distribution under the cursor.
pub(crate) fn draw(scene: Scene<'_>, list: &mut ListState, area: Rect, buf: &mut Buffer) {
    let mut all: Vec<Measured<'_>> = scene.machines().flat_map(Measured::of).collect();
    all.sort_by_key(Measured::place);
    let rows: Vec<&Measured<'_>> = all.iter().filter(|row| list.filter.is_in(&row.label())).collect();
    let below = area.height.saturating_sub(1);
    let lines = u16::try_from(rows.len()).unwrap_or(u16::MAX);
    let table = if below > HISTOGRAM_LINES_MIN {
        lines.min((below - HISTOGRAM_LINES_MIN).max(1)).min(below / 2)
    } else {
        below
    };
    list.listed = all.len();
    list.body = Rect { y: area.y.saturating_add(1), height: table, ..area };
    list.keep(rows.iter().map(|row| row.identity()), table.max(1).into());
    if rows.is_empty() {
        let nothing =
            if all.is_empty() { "No machines, and so nothing that takes time." } else { "Nothing matches the filter." };
        Pen::at(area, 0, buf).put_cut(nothing, scene.theme.style(Role::Faint));
        return;
    }
    draw_table(scene, &rows, list, area, buf);
    if let Some(row) = rows.get(list.cursor) {
        let y = list.body.bottom().saturating_add(1);
        let rest = Rect { y, height: area.bottom().saturating_sub(y), ..area };
        histogram::draw(scene.theme, &row.label(), row.distribution, rest, buf);
    }
}

/// Lines that a histogram takes at least, its heading and the blank above included.
const HISTOGRAM_LINES_MIN: u16 = 5;

/// One thing that takes time.
#[derive(Debug)]
struct Measured<'a> {
    machine: &'a Name,
    what: &'static str,
    distribution: Option<&'a Distribution>,
}

impl<'a> Measured<'a> {
    fn of(machine: &'a Machine) -> [Self; 3] {
        let latency = &machine.latency;
        let measured = [("load", &latency.load), ("sync", &latency.sync), ("deferral", &latency.deferral)];
        measured.map(|(what, distribution)| Self {
            machine: &machine.machine,
            what,
            distribution: distribution.as_ref(),
        })
    }

    /// What was measured stands first, and what is never measured last.
    const fn place(&self) -> u8 {
        match self.distribution {
            Some(Distribution { count: 1.., .. }) => 0,
            Some(_) => 1,
            None => 2,
        }
    }

    fn identity(&self) -> Identity<'_> {
        Identity { machine: self.machine, object: "", number: 0, kind: self.what }
    }

    fn label(&self) -> String {
        format!("{} {}", self.machine, self.what)
    }
}

fn draw_table(scene: Scene<'_>, rows: &[&Measured<'_>], list: &ListState, area: Rect, buf: &mut Buffer) {
    let style = |role| scene.theme.style(role);
    let label = if area.width < 100 { 15 } else { 18 };
    let columns = fit(&DISTRIBUTION_FIELDS, &[], None, area.width.saturating_sub(label + GAP));
    let fields = || columns.iter().filter_map(|&at| DISTRIBUTION_FIELDS.get(at));
    let mut pen = Pen::at(area, 0, buf);
    pen.left("what took", label, style(Role::Heading));
    for field in fields() {
        pen.skip(GAP).right(field.heading, field.width, style(Role::Heading));
    }
    let shown = rows.iter().enumerate().skip(list.top);
    for (nth, (place, row)) in (0..list.body.height).zip(shown) {
        let mut pen = Pen::at(list.body, nth, buf);
        pen.left(&on_machine(row.machine, row.what, label), label, style(Role::Accent));
        match row.distribution {
            None => {
                pen.skip(GAP).put_cut("not recorded", style(Role::Faint));
            }
            Some(Distribution { count: 0, .. }) => {
                pen.skip(GAP).put_cut("none so far", style(Role::Faint));
            }
            Some(distribution) => {
                for field in fields() {
                    pen.skip(GAP).right(&field.screen(distribution), field.width, style(Role::Plain));
                }
            }
        }
        if place == list.cursor {
            let line = Rect { y: list.body.y.saturating_add(nth), height: 1, ..list.body };
            buf.set_style(line.intersection(buf.area), style(Role::Cursor));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;
    use crate::list::Detail;
    use crate::views::fixtures;

    #[test]
    fn percentiles_and_the_histogram_under_the_cursor() {
        let mut frame = fixtures::empty();
        frame.machines = vec![fixtures::machine("vm1", 1)];
        let mut list = ListState::default();
        let lines = fixtures::lines(&frame, (80, 12), |scene, area, buf| draw(scene, &mut list, area, buf));
        let expected = [
            "what took            count          p50          p99        p99.9          max",
            "vm1 load               100      1.00 µs      12.0 µs      16.0 µs      16.0 µs",
            "vm1 deferral     none so far",
            "vm1 sync         not recorded",
            "",
            "vm1 load: 100 measured, mean 1.50 µs",
        ];
        assert_eq!(lines[..6], expected);
        assert_eq!((list.shown, list.page), (3, 3));
        list.select(2);
        let lines = fixtures::lines(&frame, (40, 9), |scene, area, buf| draw(scene, &mut list, area, buf));
        assert_eq!(lines[5], "vm1 sync: not recorded");
    }

    #[test]
    fn the_cursor_stays_on_what_took_time() {
        let mut frame = fixtures::empty();
        frame.machines = vec![fixtures::machine("vm1", 1), fixtures::machine("vm2", 1)];
        frame.machines[1].latency.load = None;
        let mut list = ListState::default();
        let drawn = |frame: &Frame, list: &mut ListState| {
            fixtures::lines(frame, (80, 16), |scene, area, buf| draw(scene, list, area, buf)).join("\n")
        };
        drawn(&frame, &mut list);
        list.down(1);
        assert!(drawn(&frame, &mut list).contains("vm1 deferral: none so far"));
        frame.machines[1].latency.load = Some(fixtures::distribution());
        assert!(drawn(&frame, &mut list).contains("vm1 deferral: none so far"));
    }

    #[test]
    fn every_size_is_survived() {
        let mut frame = fixtures::empty();
        for machines in [0, 1, 50] {
            frame.machines = (0..machines).map(|nth| fixtures::machine(&format!("vm{nth}"), 1)).collect();
            for size in fixtures::SIZES {
                for cursor in [0, 1, 149] {
                    let mut list = fixtures::list(cursor, Detail::Closed, "");
                    let lines = fixtures::lines(&frame, size, |scene, area, buf| draw(scene, &mut list, area, buf));
                    assert!(size.0 < 10 || size.1 == 0 || !lines[0].is_empty(), "{machines} {size:?}");
                }
            }
        }
    }
}
