//! What several views have in common.

use super::*;
use crate::frame::{Machine, MapRow};
use crate::list::{Detail, ListState};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

type Draw = fn(Scene<'_>, &mut ListState, Rect, &mut Buffer);

fn drawn(frame: &Frame, size: (u16, u16), draw: Draw) -> String {
    let mut list = fixtures::list(0, Detail::Open, "");
    fixtures::lines(frame, size, |scene, area, buf| draw(scene, &mut list, area, buf)).join("\n")
}

/// A machine with a zone, a map and a waiter, both of them two old.
fn machine() -> Machine {
    let (mut map, mut waiter) = (fixtures::map("vm1", 1), fixtures::waiter("vm1"));
    (map.age_ns, waiter.age_ns) = (2, 2);
    let tags = vec![fixtures::tag("vm1", "vm1/t1", 9)];
    Machine { maps: vec![map], waiters: vec![waiter], waiters_total: 1, tags, ..fixtures::machine("vm1", 1) }
}

#[test]
fn ages_count_operations_where_no_time_is_known() {
    let with_time = Frame { machines: vec![machine()], ..fixtures::empty() };
    let without = Frame { machines: vec![machine()], ..fixtures::without_time() };
    let check = |draw: Draw, times: usize| {
        for (frame, expected, other) in [(&with_time, "2 ns", "2 ops"), (&without, "2 ops", "2 ns")] {
            let drawn = drawn(frame, (120, 40), draw);
            assert_eq!((drawn.matches(expected).count(), drawn.matches(other).count()), (times, 0), "{drawn}");
        }
    };
    check(waiters::draw, 2);
    check(maps::draw, 2);
    check(zones::draw, 1);
    check(overview::draw, 2);
}

#[test]
fn a_forgotten_map_is_told_of_in_full() {
    let mut machine = machine();
    machine.maps[0].age_ns = 700_000_000_000;
    machine.maps_total.loaded = 1;
    let frame = Frame { machines: vec![machine], ..fixtures::empty() };
    let drawn = drawn(&frame, (80, 21), maps::draw);
    for expected in ["perhaps forgotten", "bounce_pages", "tag vm1/t1", "maxsegsz", "maps                 9"] {
        assert!(drawn.contains(expected), "{expected}\n{drawn}");
    }
}

#[test]
fn why_a_map_looks_forgotten() {
    let mut machine = machine();
    let ages = [60, 1, 2, 1, 3].map(|seconds| seconds * 1_000_000_000);
    machine.maps = (1..).zip(ages).map(|(number, age_ns)| MapRow { age_ns, ..fixtures::map("vm1", number) }).collect();
    let frame = Frame { machines: vec![machine], ..fixtures::empty() };
    let drawn = drawn(&frame, (130, 21), maps::draw).split_whitespace().collect::<Vec<_>>().join(" ");
    let expected = "perhaps forgotten: loaded for 1 min 0 s, while a quarter of the 5 loaded maps of its tag that were \
                    looked at is at most 1.00 s old";
    assert!(drawn.contains(expected), "{drawn}");
}

#[test]
fn what_tells_rows_of_a_machine_apart_is_never_cut() {
    let check = |machine, what, room, expected: &str| {
        let text = on_machine(machine, what, room);
        assert_eq!(text, expected);
        assert!(columns(&text) <= room.max(columns(what) + 1), "{text}");
    };
    check("vm1", "zone0", 12, "vm1 zone0");
    check("pub-defer-0333", "z1", 10, "pub-de… z1");
    check("pub-defer-0333", "zone12", 12, "pub-… zone12");
    check("pub-defer-0333", "deferral", 15, "pub-d… deferral");
    check("日本語の名前", "zone1", 12, "日本… zone1");
    check("pub-defer-0333", "zone4294967295", 12, " zone4294967295");
    let frame = Frame { machines: vec![fixtures::machine("pub-defer-0333", 3)], ..fixtures::empty() };
    let check = |draw: Draw, size, expected: &[&str]| {
        let mut list = ListState::default();
        let lines = fixtures::lines(&frame, size, |scene, area, buf| draw(scene, &mut list, area, buf)).join("\n");
        for expected in expected {
            assert!(lines.contains(expected), "{expected}\n{lines}");
        }
    };
    check(overview::draw, (40, 12), &["pub-de… z0", "pub-de… z1", "pub-de… z2"]);
    check(overview::draw, (80, 24), &["pub-d… zone0 24-bit", "pub-d… zone0 2 maps wait", "pub-d… zone2"]);
    check(latency::draw, (80, 21), &["pub-defer… load", "pub-defer… sync", "pub-d… deferral"]);
}
