//! Decisions: the log, the newest at the bottom, and the load that the one under the cursor belongs to.

mod detail;
mod finder;
mod load;
mod log_view;
mod strip;

pub use log_view::LogView;

use super::{Scene, pane_lines};
use crate::frame::{Decision, OriginKind};
use crate::list::{Detail, ListState};
use crate::moment::{Moments, Precision};
use crate::pen::{Pen, wrapped};
use crate::theme::Role;
use crate::words::{self, Counted};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the log around the cursor, and below it the load, if that is wanted. While the cursor is on the last row it
/// follows the log.
pub(crate) fn draw(scene: Scene<'_>, list: &mut ListState, view: &mut LogView, area: Rect, buf: &mut Buffer) {
    let log = &scene.frame.decisions;
    let pane = match list.detail {
        Detail::Closed => 0,
        Detail::Open => pane_lines(area.height),
    };
    let lines = area.height - pane;
    list.body = Rect { y: area.y.saturating_add(1), height: lines.saturating_sub(1), ..area };
    list.page = usize::from(list.body.height.max(1));
    list.listed = log.len();
    view.update(log, scene.machine, list);
    Pen::at(area, 0, buf).put_cut(&title(scene, list, view), scene.theme.style(Role::Heading));
    if log.is_empty() {
        draw_nothing(scene, list.body, buf);
    }
    for nth in 0..list.body.height {
        let place = list.top + usize::from(nth);
        let Some(decision) = view.number(place).and_then(|number| log.get(number)) else { break };
        draw_line(scene, decision, list.body, nth, buf);
        if place == list.cursor {
            let line = Rect { y: list.body.y.saturating_add(nth), height: 1, ..list.body };
            buf.set_style(line.intersection(buf.area), scene.theme.style(Role::Cursor));
        }
    }
    if pane > 0
        && let Some(number) = view.number(list.cursor)
    {
        let below = Rect { y: area.bottom() - pane, height: pane, ..area };
        detail::draw(scene, number, below, buf);
    }
}

/// How many there are, how many of them match, and what is missing.
fn title(scene: Scene<'_>, list: &ListState, view: &LogView) -> String {
    let log = &scene.frame.decisions;
    let searched = view.searched_percent(log).map(|percent| format!(" (searched {percent} %)"));
    let matching = view.is_choosing().then(|| format!("{} match{}", list.shown, searched.unwrap_or_default()));
    let lost = scene.frame.lost.decisions;
    let lost = (lost > 0).then(|| format!("{lost} lost: they came too fast"));
    let forgotten = (log.first() > 0).then(|| format!("the first {} not kept", log.first()));
    let decisions = Counted(log.end(), "decision");
    let counted = match log.of_operations() {
        Some(operations) => format!("{decisions} of the last {operations} operations"),
        None => decisions.to_string(),
    };
    let at_top = log.of_operations().is_some() && list.top == 0 && !log.is_empty();
    let earlier = at_top.then(|| "go back in time for any earlier".to_owned());
    let parts = [Some(counted), matching, lost, forgotten, earlier];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn draw_nothing(scene: Scene<'_>, area: Rect, buf: &mut Buffer) {
    let text = match (scene.frame.origin.kind, scene.frame.decisions.of_operations()) {
        (_, Some(_)) => "No decisions in the last operations up to this moment.",
        (OriginKind::Live, None) => "No decisions since this view was opened.",
        (OriginKind::Recording, None) => "No decisions up to this moment.",
        (OriginKind::HostCapture, None) => "A capture of a host holds mappings, no decisions.",
        (OriginKind::Demo, None) => "No decisions yet.",
    };
    for (nth, line) in (0..area.height).zip(wrapped(text, area.width)) {
        Pen::at(area, nth, buf).put_cut(&line, scene.theme.style(Role::Faint));
    }
}

fn draw_line(scene: Scene<'_>, decision: &Decision, area: Rect, nth: u16, buf: &mut Buffer) {
    let style = |role| scene.theme.style(role);
    let kind = decision.what.kind();
    let mut pen = Pen::at(area, nth, buf);
    if area.width >= 60 {
        let time = Moments::of(scene).at(decision.t_ns, Precision::Milliseconds);
        pen.right(&time, 12, style(Role::Faint)).skip(1);
    }
    pen.left(object(decision), object_columns(area.width), style(Role::Accent)).skip(1);
    if area.width >= 90 {
        pen.left(decision.session.as_ref().map_or("-", |name| name.as_str()), 5, style(Role::Plain)).skip(1);
    }
    if area.width >= 60 {
        pen.left(kind.name(), 11, style(words::role(kind))).skip(1);
    }
    pen.put_cut(&words::sentence(decision), style(if area.width >= 60 { Role::Plain } else { words::role(kind) }));
}

const fn object_columns(width: u16) -> u16 {
    match width {
        0..90 => 10,
        _ => 14,
    }
}

/// The map it is about, else the tag, else the machine.
fn object(decision: &Decision) -> &str {
    decision.map.as_ref().or(decision.tag.as_ref()).unwrap_or(&decision.machine)
}

#[cfg(test)]
mod tests;
