//! What is under the cursor, in full.

use super::{Content, Scene};
use crate::frame::FindingRow;
use crate::list::ListState;
use crate::moment::{Moments, Precision};
use crate::theme::Role;
use crate::views::table::detail::Lines;
use crate::views::waiters::holders::Holders;
use crate::views::zones;

/// The zone or the finding under the cursor.
pub(super) fn of(scene: Scene<'_>, content: &Content<'_>, list: &mut ListState) -> Option<Lines> {
    if let Some(zone) = content.zones.get(list.cursor) {
        let mut holders = std::mem::take(&mut list.holders);
        let lines = zones::detail(scene, zone, holders.of(scene.into(), || Holders::of(scene.machines())));
        list.holders = holders;
        return Some(lines);
    }
    let finding = content.findings.get(list.cursor.checked_sub(content.zones.len())?)?;
    Some(of_finding(scene, finding))
}

fn of_finding(scene: Scene<'_>, finding: &FindingRow) -> Lines {
    let moments = Moments::of(scene);
    let at = |t| moments.at(t, Precision::Milliseconds);
    let mut lines = Lines::titled(format!("{}: {}", finding.severity.name(), finding.kind));
    lines.sentence(finding.message.as_str(), Role::Heading);
    lines.sentence(finding.advice.as_str(), Role::Accent);
    let who = [("on", &finding.machine), ("about", &finding.object), ("first shown by", &finding.session)];
    let who = who.into_iter().filter_map(|(word, name)| name.as_ref().map(|name| format!("{word} {name}, ")));
    let (count, first, last) = (finding.count, at(finding.first_ns), at(finding.last_ns));
    let when = if count == 1 {
        format!("seen once, at {last}")
    } else {
        format!("seen {count} times, from {first} to {last}")
    };
    lines.sentence(format!("{}{when}", who.collect::<String>()), Role::Faint);
    lines
}
