//! What the daemon's state looks like, from snapshots in `tests/data`.

use busdma_api::monitor::{DecisionRecord, Finding, MapTotals, SnapshotReply};
use busdma_api::recorder::StatusReply;
use busdma_cli::status::{self, Status};
use busdma_cli::watch::decisions;
use busdma_cli::watch::zones::ZoneLines;
use busdma_cli::{maps, record, tags, zones};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::fs;

const WIDTH: usize = 100;

fn data<T: DeserializeOwned>(name: &str) -> T {
    let text = fs::read_to_string(format!("tests/data/{name}")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn plain(text: &str) -> String {
    let text = anstream::adapter::strip_str(text).to_string();
    for line in text.lines() {
        assert_eq!(line.trim_end(), line, "no line ends in blanks");
    }
    text
}

#[test]
fn zones_and_their_queue() {
    let snapshot: SnapshotReply = data("snapshot.json");
    insta::assert_snapshot!("zones", plain(&zones::render(&snapshot, 120)));
    insta::assert_snapshot!("zones_json", zones::json(&snapshot).unwrap());
}

#[test]
fn tags_of_all_machines() {
    let snapshot: SnapshotReply = data("snapshot.json");
    insta::assert_snapshot!("tags", plain(&tags::render(&snapshot, WIDTH)));
    insta::assert_snapshot!("tags_json", tags::json(&snapshot).unwrap());
}

#[test]
fn maps_oldest_first() {
    let snapshot: SnapshotReply = data("snapshot.json");
    insta::assert_snapshot!("maps", plain(&maps::render(&snapshot, WIDTH)));
    insta::assert_snapshot!("maps_json", maps::json(&snapshot).unwrap());
}

#[test]
fn a_daemon_without_objects() {
    let mut snapshot: SnapshotReply = data("snapshot.json");
    snapshot.machines.truncate(1);
    let machine = &mut snapshot.machines[0];
    (machine.zones, machine.tags, machine.maps) = (Vec::new(), Vec::new(), Vec::new());
    machine.maps_total = MapTotals::default();
    assert_eq!(zones::render(&snapshot, WIDTH), "no zones: no tag has needed bounce pages\n");
    assert_eq!(tags::render(&snapshot, WIDTH), "no tags\n");
    assert_eq!(maps::render(&snapshot, WIDTH), "0 loaded, 0 waiting, 0 idle.\n");
}

#[test]
fn the_status_fits_a_screen() {
    let mut status: Status = data("status.json");
    insta::assert_snapshot!("status", plain(&status::render(&status, WIDTH)));
    status.findings =
        (0..200).map(|nth| Finding { kind: format!("kind{}", nth % 20), ..status.findings[0].clone() }).collect();
    status.machines.resize(50, status.machines[0].clone());
    let lines = plain(&status::render(&status, WIDTH)).lines().count();
    assert!(lines < 80, "{lines} lines");
}

#[test]
fn a_recording_in_every_state() {
    let status: Status = data("status.json");
    let recording: StatusReply = status.recorder;
    let failed = StatusReply {
        state: busdma_api::recorder::RecorderState::Failed,
        error: Some("no space left on device".to_owned()),
        ..recording.clone()
    };
    let off = StatusReply {
        state: busdma_api::recorder::RecorderState::Off,
        directory: None,
        operations_dropped: 0,
        ..recording.clone()
    };
    let all: Vec<_> = [recording, failed, off].iter().map(|status| plain(&record::facts(status, WIDTH))).collect();
    insta::assert_snapshot!("recordings", all.join("\n"));
}

#[test]
fn watched_zones_show_what_was_added() {
    let mut lines = ZoneLines::default();
    let first = lines.render(&data("snapshot.json"));
    let second = lines.render(&data("snapshot-later.json"));
    insta::assert_snapshot!("watched_zones", plain(&(first + &second)));
}

#[test]
fn watched_decisions_have_their_reason() {
    let at = |nth: u64, fields: serde_json::Value| {
        let mut decision = json!({ "t_ns": 11_530_123_456_789 + nth * 1_000_000, "machine": "host0", "session": "s4" });
        decision.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let decision: DecisionRecord = serde_json::from_value(decision).unwrap();
        decisions::line(&decision)
    };
    let lines = [
        at(0, json!({ "kind": "counted", "map": "host0/m31", "tag": "host0/t7", "needed": 5 })),
        at(
            1,
            json!({ "kind": "deferred", "map": "host0/m31", "tag": "host0/t7", "zone": 1, "needed": 5, "pages": 3, "ahead": 0 }),
        ),
        decisions::lost(12),
        at(7, json!({ "kind": "resumed", "map": "host0/m31", "tag": "host0/t7", "waited_ns": 6_000_000 })),
        at(
            7,
            json!({ "kind": "bounced", "map": "host0/m31", "tag": "host0/t7", "client": "0x120000000", "addr": "0x105000",
            "length": 4096, "reason": "window (0xffffff, 0xffffffffffffffff]" }),
        ),
        at(
            7,
            json!({ "kind": "split", "map": "host0/m31", "tag": "host0/t7", "segment": 0, "addr": "0x105000", "length": 4096,
            "reason": "first" }),
        ),
        at(8, json!({ "kind": "zone_chosen", "tag": "host0/t9", "zone": 1, "reason": "shared" })),
        at(9, json!({ "kind": "pool_grown", "zone": 1, "needed": 5, "pages": 5 })),
    ];
    insta::assert_snapshot!("watched_decisions", plain(&lines.concat()));
}
