//! Overview: every bounce pool as a gauge with its trends, what is wrong, and the host in one line.

mod detail;
mod findings;
mod host_line;
mod waiting;
mod zones;

use super::{Scene, pane_lines};
use crate::fields::{Identity, Row};
use crate::frame::{FindingRow, OriginKind, ZoneRow};
use crate::list::{Detail, Filter, ListState};
use crate::pen::{Pen, wrapped};
use crate::theme::Role;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws pools, findings and the host. The cursor goes over the pools first and then the findings.
pub(crate) fn draw(scene: Scene<'_>, list: &mut ListState, area: Rect, buf: &mut Buffer) {
    let content = Content::of(scene, &list.filter);
    list.listed = Content::of(scene, &Filter::default()).len();
    list.keep(content.identities(), list.page);
    let detail = match list.detail {
        Detail::Closed => None,
        Detail::Open => detail::of(scene, &content, list),
    };
    let mut above = area;
    let pane = detail.as_ref().map_or(0, |detail| detail.height(area.width).min(pane_lines(area.height)));
    let pane = take_bottom(&mut above, pane);
    let places = Places::of(scene, &content, above);
    list.body = above;
    list.set_page(places.page(list.cursor, content.zones.len()));
    if content.listed_nothing(list) {
        draw_nothing(scene, places.zones, buf);
    } else {
        zones::draw(scene, &content.zones, &places, list, buf);
    }
    waiting::draw(scene, &content.zones, list, places.waiting, buf);
    findings::draw(scene, &content, &places, list.cursor, buf);
    host_line::draw(scene, places.host, buf);
    if let Some(detail) = detail {
        detail.draw(scene.theme, pane, buf);
    }
}

/// The row of the list in that line of the screen, with the list as it was last drawn.
pub(crate) fn place_at(scene: Scene<'_>, list: &ListState, area: Rect, line: u16) -> Option<usize> {
    let content = Content::of(scene, &list.filter);
    let places = Places::of(scene, &content, area.intersection(list.body));
    let below = |part: Rect| line.checked_sub(part.y).filter(|&nth| nth < part.height).map(usize::from);
    if let Some(nth) = below(places.zones) {
        let place = places.zones_top(list, content.zones.len()) + nth / usize::from(places.zone_lines);
        return (place < content.zones.len()).then_some(place);
    }
    let place = places.findings_top(list.cursor, content.zones.len()) + below(places.findings)?;
    (place < content.findings.len()).then_some(content.zones.len() + place)
}

/// What is listed.
#[derive(Debug)]
struct Content<'a> {
    zones: Vec<&'a ZoneRow>,
    findings: Vec<&'a FindingRow>,
}

impl<'a> Content<'a> {
    fn of(scene: Scene<'a>, filter: &Filter) -> Self {
        let zones = scene.machines().flat_map(|machine| &machine.zones);
        let here = |finding: &&FindingRow| {
            scene.machine.is_none_or(|chosen| finding.machine.as_ref().is_none_or(|machine| machine == chosen))
        };
        let findings = scene.frame.findings.iter().filter(here);
        if filter.is_empty() {
            return Self { zones: zones.collect(), findings: findings.collect() };
        }
        let (mut zone, mut finding) = (filter.finder::<ZoneRow>(), filter.finder::<FindingRow>());
        Self {
            zones: zones.filter(|row| zone.matches(row)).collect(),
            findings: findings.filter(|row| finding.matches(row)).collect(),
        }
    }

    fn len(&self) -> usize {
        self.zones.len() + self.findings.len()
    }

    /// What tells the rows apart, in the order in which the cursor goes over them.
    fn identities(&self) -> impl Iterator<Item = Identity<'a>> + Clone {
        let zones = self.zones.iter().map(|zone| zone.identity());
        zones.chain(self.findings.iter().map(|finding| finding.identity()))
    }

    /// Whether there are no zones, and not because of a filter.
    fn listed_nothing(&self, list: &ListState) -> bool {
        self.zones.is_empty() && list.filter.is_empty()
    }
}

/// What is where.
#[derive(Clone, Copy, Debug)]
struct Places {
    /// One line: what the signs of gauges mean.
    legend: Rect,
    zones: Rect,
    /// Lines that a zone takes.
    zone_lines: u16,
    /// Who waits for pages, and who holds them.
    waiting: Rect,
    /// One line: how many findings there are.
    findings_heading: Rect,
    findings: Rect,
    host: Rect,
}

/// Pools of which it is said who waits and who holds, at most.
const QUEUES: u16 = 8;

/// Columns from which a zone has room for trends on a line of their own.
const TREND_COLUMNS_MIN: u16 = 60;

impl Places {
    fn of(scene: Scene<'_>, content: &Content<'_>, area: Rect) -> Self {
        let mut rest = area;
        let host = u16::from(scene.frame.host.is_some() && rest.height >= 5);
        let host = take_bottom(&mut rest, host);
        let any_zones = !content.zones.is_empty();
        let legend = u16::from(rest.height >= 4 && any_zones);
        let legend = take_top(&mut rest, legend);
        let zones = lines(if any_zones { content.zones.len() } else { wrapped(nothing(scene), area.width).len() });
        let heading = u16::from(rest.height >= 4);
        let findings = heading + lines(content.findings.len());
        let roomy = any_zones
            && area.width >= TREND_COLUMNS_MIN
            && (zones.saturating_mul(2).saturating_add(findings) <= rest.height || rest.height >= 16);
        let zone_lines = if roomy { 2 } else { 1 };
        let queues = lines(content.zones.iter().filter(|zone| zone.waiters > 0).count()).min(QUEUES);
        let wanted = zones.saturating_mul(zone_lines);
        let above = if roomy && queues > 0 { wanted.saturating_add(queues * waiting::LINES + 2) } else { wanted };
        let findings = findings.min((rest.height / 3).max(rest.height.saturating_sub(above)));
        let whole_zones = wanted.min(rest.height - findings) / zone_lines * zone_lines;
        let zones = take_top(&mut rest, whole_zones);
        let gap = |rest: &mut Rect| take_top(rest, u16::from(rest.height > findings));
        gap(&mut rest);
        let room = rest.height.saturating_sub(findings + 1) / waiting::LINES;
        let queues = queues.min(room);
        let waiting = take_top(&mut rest, queues * waiting::LINES);
        if queues > 0 {
            gap(&mut rest);
        }
        let findings_heading = take_top(&mut rest, heading);
        Self { legend, zones, zone_lines, waiting, findings_heading, findings: rest, host }
    }

    /// Rows on the screen at once of those that the cursor is among: zones, of which there are so many, or findings.
    fn page(&self, cursor: usize, zones: usize) -> usize {
        if cursor < zones { self.zones_page() } else { self.findings.height.max(1).into() }
    }

    /// Zones on the screen at once.
    fn zones_page(&self) -> usize {
        usize::from((self.zones.height / self.zone_lines).max(1))
    }

    /// The first zone on the screen.
    fn zones_top(&self, list: &ListState, zones: usize) -> usize {
        let top = list.top.min(zones.saturating_sub(self.zones_page()));
        if list.cursor >= zones {
            return top;
        }
        top.clamp((list.cursor + 1).saturating_sub(self.zones_page()), list.cursor)
    }

    /// The first finding on the screen.
    fn findings_top(&self, cursor: usize, zones: usize) -> usize {
        let finding = cursor.checked_sub(zones);
        finding.map_or(0, |finding| (finding + 1).saturating_sub(usize::from(self.findings.height.max(1))))
    }
}

fn lines(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

fn take_top(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    let taken = Rect { height, ..*rest };
    *rest = Rect { y: rest.y.saturating_add(height), height: rest.height - height, ..*rest };
    taken
}

fn take_bottom(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    rest.height -= height;
    Rect { y: rest.bottom(), height, ..*rest }
}

fn draw_nothing(scene: Scene<'_>, area: Rect, buf: &mut Buffer) {
    for (nth, line) in (0..area.height).zip(wrapped(nothing(scene), area.width)) {
        Pen::at(area, nth, buf).put_cut(&line, scene.theme.style(Role::Faint));
    }
}

/// Why there is nothing, and how there will be something.
fn nothing(scene: Scene<'_>) -> &'static str {
    let machines = scene.machines().next().is_some();
    match (scene.frame.origin.kind, machines) {
        (OriginKind::HostCapture, _) => "A capture of a host holds no bounce pools; its devices are in the view Host.",
        (_, true) => "No bounce pools: no tag has needed one yet.",
        (OriginKind::Live, false) => "The daemon hosts no machine. `busdma demo` makes one with traffic to look at.",
        (OriginKind::Recording, false) => "No machine at this moment of the recording.",
        (OriginKind::Demo, false) => "The demonstration begins.",
    }
}

#[cfg(test)]
mod tests;
