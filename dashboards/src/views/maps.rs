//! Maps that are loaded or wait, the oldest first; those that look forgotten stand out.

pub(crate) mod suspects;

use super::table::detail::Lines;
use super::table::{self, Mark, Table};
use crate::fields::TAG_FIELDS;
use crate::frame::{Machine, MapRow, MapState, TagRow};
use crate::list::{ListState, Rows};
use crate::moment::Moments;
use crate::theme::Role;
use crate::views::Scene;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use suspects::{Baselines, Suspect};

/// Draws the maps.
pub(crate) fn draw(scene: Scene<'_>, list: &mut ListState, area: Rect, buf: &mut Buffer) {
    let rows = Rows::of(scene.machines().map(|machine| machine.maps.as_slice()));
    let total = scene.machines().map(busy).sum();
    let mut baselines = std::mem::take(&mut list.baselines);
    let known = baselines.of(scene.into(), || Baselines::of(scene.machines()));
    let table = Table {
        title: "Maps",
        rows: &rows,
        total,
        listed_first: "oldest",
        hidden: super::hidden(scene),
        mark: &|row| mark(row, known),
        remark: None,
        empty: "no map is loaded or waits",
    };
    table::draw(scene, &table, |row| detail(scene, row, known.suspect(row)), list, area, buf);
    list.baselines = baselines;
}

/// It looks forgotten, or waits.
fn mark(row: &MapRow, known: &Baselines) -> Option<Mark> {
    if known.suspect(row).is_some() {
        return Some(Mark { sign: "!", role: Role::Bad });
    }
    (row.state == MapState::Deferred).then_some(Mark { sign: "~", role: Role::Warn })
}

/// Maps of a machine that can be listed.
fn busy(machine: &Machine) -> usize {
    machine.maps_total.deferred as usize + machine.maps_total.loaded as usize
}

fn detail(scene: Scene<'_>, row: &MapRow, suspect: Option<Suspect>) -> Lines {
    let mut lines = Lines::titled(row.map.as_str());
    if let Some(suspect) = suspect {
        lines.sentence(why(Moments::of(scene), row, suspect), Role::Bad);
    }
    let names = ["machine", "tag", "session", "uid", "state", "age_ns", "bytes", "segments", "bounce_pages"];
    lines.fields(scene, row, &names);
    if let Some(tag) = tag_of(scene, row) {
        let names = TAG_FIELDS.each_ref().map(|field| field.name);
        let of_tag: Vec<_> = names.into_iter().filter(|name| !["machine", "tag", "session"].contains(name)).collect();
        lines.sentence(format!("tag {}", tag.tag), Role::Heading);
        lines.fields(scene, tag, &of_tag);
    }
    lines
}

/// Why it looks forgotten.
fn why(moments: Moments<'_>, row: &MapRow, suspect: Suspect) -> String {
    let age = moments.span(row.age_ns);
    match suspect {
        Suspect::Older { looked_at, young_ns } => {
            let young = moments.span(young_ns);
            format!(
                "perhaps forgotten: loaded for {age}, while a quarter of the {looked_at} loaded maps of its tag that were \
                 looked at is at most {young} old"
            )
        }
        Suspect::Alone { idle } => {
            format!("perhaps forgotten: loaded for {age}, while {idle} other maps of its tag are idle")
        }
    }
}

fn tag_of<'a>(scene: Scene<'a>, row: &MapRow) -> Option<&'a TagRow> {
    scene.frame.machine(&row.machine)?.tags.iter().find(|tag| tag.tag == row.tag)
}
