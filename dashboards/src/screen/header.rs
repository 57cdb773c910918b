//! The two lines at the top: what is watched and how that goes, and the tabs.

mod tabs;

pub use tabs::tab_at;

use crate::frame::{Frame, Name, OriginKind, OriginState, RecordingState};
use crate::moment::{Moments, Precision};
use crate::pen::{Pen, columns};
use crate::theme::Role;
use crate::units;
use crate::views::{Scene, View};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::BTreeSet;
use std::time::Duration;

/// What the header shows beside the frame.
#[derive(Clone, Copy, Debug)]
pub struct HeaderState<'a> {
    /// The view that is shown.
    pub view: View,
    /// Whether the frame stays although newer ones come.
    pub frozen: Frozen,
    /// How often frames come, or how far a recording's step goes.
    pub interval: Duration,
    /// Frames that came since the frame was frozen.
    pub unseen_frames: u64,
    /// The newest of them.
    pub newest: Option<&'a Frame>,
}

/// Whether the frame stays although newer ones come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Frozen {
    /// It goes on.
    #[default]
    No,
    /// It stays.
    Yes,
}

/// Draws both lines into the first two of `area`.
pub fn draw(scene: Scene<'_>, state: &HeaderState<'_>, area: Rect, buf: &mut Buffer) {
    let mut parts = parts(scene, state);
    shorten(&mut parts, area.width);
    let mut pen = Pen::at(area, 0, buf);
    let (left, right): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(|part| part.side == Side::Left);
    for part in left {
        pen.put_cut(&part.text, scene.theme.style(part.role)).put("  ", scene.theme.style(Role::Plain));
    }
    pen.skip_to_last(width(&right).saturating_sub(GAP));
    for part in right {
        pen.put_cut(&part.text, scene.theme.style(part.role)).skip(GAP);
    }
    tabs::draw(scene.theme, state.view, area, buf);
}

const GAP: u16 = 2;

/// On which side of the line a part stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// One part of the first line.
#[derive(Debug)]
struct Part {
    /// Which go first where the screen is narrow: the highest; those with 0 stay.
    drops: u8,
    side: Side,
    role: Role,
    text: String,
    /// What is shown instead before any part goes.
    shorter: Option<String>,
}

/// Everything that could be shown, in the order of the line.
fn parts(scene: Scene<'_>, state: &HeaderState<'_>) -> Vec<Part> {
    let frame = scene.frame;
    let mut parts = Vec::with_capacity(10);
    parts.push(source(frame.origin.kind, &frame.origin.name));
    let mut left = |drops, role, text: String| parts.push(Part { drops, side: Side::Left, role, text, shorter: None });
    if frame.origin.kind != OriginKind::HostCapture {
        left(4, Role::Accent, machine(scene));
    }
    if let Some(profile) = profile(scene) {
        left(7, Role::Plain, profile);
    }
    if let Some(host) = &frame.host {
        left(6, Role::Plain, format!("probes {}", host.probes.word()));
    }
    let mut right =
        |drops, role, text: String| parts.push(Part { drops, side: Side::Right, role, text, shorter: None });
    if frame.lost.total() > 0 {
        right(2, Role::Warn, format!("lost {}", frame.lost.total()));
    }
    if frame.origin.recording == Some(RecordingState::On) {
        right(1, Role::Bad, "● rec".to_owned());
    }
    if matches!(frame.origin.kind, OriginKind::Live | OriginKind::Demo) {
        right(8, Role::Faint, format!("every {}", units::duration(nanoseconds(state.interval))));
    }
    let (role, text) = going(scene, state);
    right(0, role, text);
    let gone = matches!(frame.origin.state, OriginState::Disconnected { .. });
    if state.frozen == Frozen::Yes || !gone {
        right(3, Role::Plain, Moments::of(scene).at(frame.t_ns, Precision::Milliseconds));
    }
    parts
}

/// Shortens parts, and then drops some, until the others fit. One that stays alone is cut when it is drawn.
fn shorten(parts: &mut Vec<Part>, room: u16) {
    if width(parts).saturating_sub(GAP) > room {
        for part in &mut *parts {
            if let Some(shorter) = part.shorter.take() {
                part.text = shorter;
            }
        }
    }
    while width(parts).saturating_sub(GAP) > room {
        let Some(first) = parts.iter().enumerate().max_by_key(|(_, part)| part.drops) else { return };
        if first.1.drops == 0 {
            return;
        }
        let first = first.0;
        parts.remove(first);
    }
}

fn width(parts: &[Part]) -> u16 {
    parts.iter().fold(0, |sum: u16, part| sum.saturating_add(columns(&part.text)).saturating_add(GAP))
}

/// Which daemon or file; without its directories where there is little room.
fn source(kind: OriginKind, name: &str) -> Part {
    let file = name.trim_end_matches('/').rsplit('/').next().unwrap_or(name).to_owned();
    let (text, shorter) = match kind {
        OriginKind::Live => (format!("daemon {name}"), Some("daemon".to_owned())),
        OriginKind::Recording => (format!("recording {name}"), Some(file)),
        OriginKind::HostCapture => (format!("capture {name}"), Some(file)),
        OriginKind::Demo => ("demo".to_owned(), None),
    };
    Part { drops: 5, side: Side::Left, role: Role::Heading, text, shorter }
}

fn machine(scene: Scene<'_>) -> String {
    let mut machines = scene.machines();
    match (scene.machine, machines.next(), machines.count()) {
        (Some(chosen), Some(_), _) => chosen.to_string(),
        (Some(chosen), None, _) => format!("{chosen} (gone)"),
        (None, None, _) => "no machines".to_owned(),
        (None, Some(only), 0) => only.machine.to_string(),
        (None, Some(_), others) => format!("{} machines", others + 1),
    }
}

fn profile(scene: Scene<'_>) -> Option<String> {
    let profiles: BTreeSet<&Name> = scene.machines().map(|machine| &machine.profile).collect();
    match (profiles.first(), profiles.len()) {
        (Some(only), 1) => Some(only.to_string()),
        (Some(_), several) => Some(format!("{several} profiles")),
        (None, _) => None,
    }
}

/// Whether time goes on, in a word or two; of what is frozen too, whether its daemon is there.
fn going(scene: Scene<'_>, state: &HeaderState<'_>) -> (Role, String) {
    let Some(frozen) = frozen(state) else { return moving(scene) };
    let newest = Scene { frame: state.newest.unwrap_or(scene.frame), ..scene };
    match &newest.frame.origin.state {
        OriginState::Disconnected { since_ns, why } => {
            (Role::Bad, format!("{frozen}, {}", disconnected(newest, *since_ns, why)))
        }
        _ => (Role::Warn, frozen),
    }
}

fn frozen(state: &HeaderState<'_>) -> Option<String> {
    match (state.frozen, state.unseen_frames) {
        (Frozen::No, _) => None,
        (Frozen::Yes, 0) => Some("frozen".to_owned()),
        (Frozen::Yes, unseen) => Some(format!("frozen, {unseen} newer")),
    }
}

fn disconnected(scene: Scene<'_>, since_ns: u64, why: &str) -> String {
    let span = units::duration(since_ns);
    let since = match scene.frame.unix_ns {
        Some(_) => {
            let time = Moments::of(scene).at(scene.frame.t_ns, Precision::Seconds);
            format!("disconnected since {time} ({span} ago)")
        }
        None => format!("disconnected since {span}"),
    };
    if why.is_empty() { since } else { format!("{since}: {why}") }
}

fn moving(scene: Scene<'_>) -> (Role, String) {
    let origin = &scene.frame.origin;
    let (role, word) = match (&origin.state, origin.kind) {
        (OriginState::Disconnected { since_ns, why }, _) => return (Role::Bad, disconnected(scene, *since_ns, why)),
        (OriginState::Unreadable { why }, _) => return (Role::Bad, format!("cannot be read: {why}")),
        (OriginState::Paused, _) => (Role::Warn, "paused"),
        (OriginState::Ended, _) => (Role::Accent, "ended"),
        (OriginState::Indexing { percent }, _) => return (Role::Accent, format!("indexing {percent} %")),
        (OriginState::Running, OriginKind::Live | OriginKind::Demo) => (Role::Good, "live"),
        (OriginState::Running, OriginKind::Recording | OriginKind::HostCapture) => (Role::Good, "playing"),
    };
    (role, word.to_owned())
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{HostFrame, Lost, Origin, Probes};
    use crate::theme::Theme;
    use jiff::tz::TimeZone;

    fn frame(state: OriginState) -> Frame {
        let name = "/run/busdma/busdma.varlink".to_owned();
        let recording = Some(RecordingState::On);
        let mut frame = Frame::empty(Origin { kind: OriginKind::Live, name, state, recording });
        frame.t_ns = 5_250_000_000;
        frame.unix_ns = Some(1_795_262_580_250_000_000);
        frame.lost = Lost { decisions: 7, events: 5, ..Lost::default() };
        frame.host =
            Some(HostFrame { probes: Probes::Attached, devices: Vec::new(), pool: None, delivered: 0, dropped: 5 });
        frame
    }

    fn first_line(frame: &Frame, frozen: Frozen, newest: Option<&Frame>, width: u16) -> String {
        let area = Rect::new(0, 0, width, 2);
        let mut buf = Buffer::empty(area);
        let scene = Scene { frame, machine: None, theme: &Theme::default(), time_zone: &TimeZone::UTC };
        let interval = Duration::from_millis(500);
        draw(scene, &HeaderState { view: View::Zones, frozen, interval, unseen_frames: 3, newest }, area, &mut buf);
        let line: String = buf.content.iter().take(width.into()).map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned()
    }

    #[test]
    fn parts_go_where_there_is_no_room() {
        let frame = frame(OriginState::Running);
        let check = |width, expected: &str| assert_eq!(first_line(&frame, Frozen::No, None, width), expected);
        check(
            125,
            "daemon /run/busdma/busdma.varlink  no machines  probes attached              lost 12  ● rec  every 500 ms  live  12:03:00.250",
        );
        check(
            100,
            "daemon  no machines  probes attached                lost 12  ● rec  every 500 ms  live  12:03:00.250",
        );
        check(80, "daemon  no machines  probes attached          lost 12  ● rec  live  12:03:00.250");
        check(40, "      lost 12  ● rec  live  12:03:00.250");
        check(6, "  live");
        check(3, "li…");
        check(0, "");
    }

    #[test]
    fn how_it_goes_is_told() {
        let check = |state, frozen, expected: &str| {
            let line = first_line(&frame(state), frozen, None, 120);
            assert!(line.contains(expected), "{line}");
        };
        check(OriginState::Running, Frozen::Yes, "  frozen, 3 newer  ");
        check(OriginState::Paused, Frozen::No, "  paused  ");
        check(OriginState::Ended, Frozen::No, "  ended  ");
        check(OriginState::Indexing { percent: 43 }, Frozen::No, "  indexing 43 %  ");
        let unreadable = OriginState::Unreadable { why: "no space".to_owned() };
        check(unreadable, Frozen::No, "  cannot be read: no space  ");
        let gone = OriginState::Disconnected { since_ns: 12_000_000_000, why: "connection refused".to_owned() };
        check(gone.clone(), Frozen::No, "disconnected since 12:03:00 (12.0 s ago): connection refused");
        check(
            gone,
            Frozen::Yes,
            "frozen, 3 newer, disconnected since 12:03:00 (12.0 s ago): connection refused  12:03:00.250",
        );
    }

    #[test]
    fn a_daemon_that_comes_and_goes_behind_what_is_frozen_is_told() {
        let held = frame(OriginState::Running);
        let gone = OriginState::Disconnected { since_ns: 2_000_000_000, why: String::new() };
        let gone = Frame { unix_ns: held.unix_ns.map(|unix_ns| unix_ns + 5_000_000_000), ..frame(gone) };
        let line = first_line(&held, Frozen::Yes, Some(&gone), 120);
        assert!(line.ends_with("  frozen, 3 newer, disconnected since 12:03:05 (2.00 s ago)  12:03:00.250"), "{line}");
        let line = first_line(&gone, Frozen::Yes, Some(&held), 120);
        assert!(line.ends_with("  frozen, 3 newer  12:03:05.250"), "{line}");
    }
}
