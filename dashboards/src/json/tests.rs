use super::*;
use crate::frame::{BounceWhy, Decision, DecisionLog, DeviceRow, FindingRow, Lost, PoolRow, Severity, What, ZoneRates};
use busdma_api::hex::Hex;
use busdma_api::ids::{MachineId, MapRef, SessionId, TagRef};
use busdma_api::monitor;

const MACHINE: MachineId = MachineId::private(1);

fn told() -> monitor::MachineSnapshot {
    let map = MapRef { machine: MACHINE, number: 7 };
    let tag = TagRef { machine: MACHINE, number: 3 };
    let session = SessionId(5);
    monitor::MachineSnapshot {
        machine: MACHINE,
        session: Some(session),
        profile: "freebsd-15".to_owned(),
        zones: vec![monitor::ZoneInfo {
            zone: 0,
            lowaddr: Hex(0xffff_ffff),
            alignment: 4096,
            total_bpages: 64,
            free_bpages: 10,
            reserved_bpages: 14,
            active_bpages: 40,
            active_bpages_max: 50,
            total_bounced: 1234,
            total_deferred: 56,
            total_deferred_time: 7890,
            map_count: -1,
            waiters: 1,
        }],
        waiters: vec![monitor::Waiter { map, tag, session, zone: 0, needed: 9, reserved: 4, age_ns: 123_456_789 }],
        waiters_total: 1,
        tags: vec![monitor::TagInfo {
            tag,
            session,
            preset: Some("nvme".to_owned()),
            alignment: 4,
            boundary: Hex(0x10000),
            lowaddr: Hex(0xffff_ffff),
            highaddr: Hex(u64::MAX),
            maxsize: 131_072,
            nsegments: None,
            maxsegsz: 65_536,
            zone: Some(0),
            maps: 2,
        }],
        maps: vec![monitor::MapInfo {
            map,
            tag,
            session,
            uid: 1000,
            state: monitor::MapState::Deferred,
            bytes: 36_864,
            segments: 0,
            bounce_pages: 4,
            age_ns: 123_456_789,
        }],
        maps_total: monitor::MapTotals { idle: 1, deferred: 1, loaded: 0 },
        memory_bytes: 1 << 20,
        dmamem_bytes: 4096,
        loads: 99,
        loads_failed: 2,
        latency: monitor::Latency { load: percentiles(1), sync: percentiles(2), deferral: percentiles(3) },
    }
}

fn percentiles(scale: u64) -> monitor::Percentiles {
    monitor::Percentiles {
        count: 10 * scale,
        mean_ns: 100 * scale,
        p50_ns: 90 * scale,
        p90_ns: 200 * scale,
        p99_ns: 300 * scale,
        p999_ns: 400 * scale,
        max_ns: 500 * scale,
        bins: vec![monitor::Bin { upto_ns: 127, count: 10 * scale }],
    }
}

/// The machine of [`told`] in a frame, with rates.
fn shown() -> Machine {
    let mut machine = Machine::from(told());
    machine.zones[0].rates = ZoneRates { bounced: Some(12.5), deferred: Some(0.5) };
    machine
}

fn empty(kind: OriginKind) -> Frame {
    Frame::empty(Origin { kind, name: "/run/busdma.sock".to_owned(), state: OriginState::Running, recording: None })
}

/// Everything of `told` is in `shown`, which may hold more.
fn check_holds(told: &Value, shown: &Value, place: &str) {
    match (told, shown) {
        (Value::Object(told), Value::Object(shown)) => {
            for (name, value) in told {
                let place = format!("{place}.{name}");
                check_holds(value, shown.get(name).unwrap_or_else(|| panic!("{place} is missing")), &place);
            }
        }
        (Value::Array(told), Value::Array(shown)) => {
            assert_eq!(told.len(), shown.len(), "{place}");
            for (at, (told, shown)) in told.iter().zip(shown).enumerate() {
                check_holds(told, shown, &format!("{place}[{at}]"));
            }
        }
        _ => assert_eq!(told, shown, "{place}"),
    }
}

#[test]
fn machines_are_as_monitor_snapshot_tells_them() {
    let reply = monitor::SnapshotReply { t_ns: 42, machines: vec![told()] };
    let frame = Frame { t_ns: 42, machines: vec![shown()], ..empty(OriginKind::Live) };
    let json = super::frame(&frame);
    check_holds(&serde_json::to_value(&reply).unwrap(), &json, "");
    assert_eq!(json["machines"][0]["zones"][0]["pressure"], json!(54.0 / 64.0));
    assert_eq!(json["machines"][0]["waiters"][0]["position"], json!(1));
    assert!(json["machines"][0]["tags"][0].get("nsegments").is_none(), "what is absent is left out");
}

#[test]
fn what_is_not_known_is_left_out() {
    let machine = Machine { session: None, memory_bytes: None, latency: Latency::default(), ..shown() };
    let json = super::frame(&Frame { machines: vec![machine], ..empty(OriginKind::Recording) });
    for path in ["/unix_ns", "/host", "/timeline", "/origin/recording"] {
        assert_eq!(json.pointer(path), None, "{path}");
    }
    for path in ["/machines/0/session", "/machines/0/memory_bytes", "/machines/0/latency/load"] {
        assert_eq!(json.pointer(path), None, "{path}");
    }
    assert_eq!(json["origin"], json!({ "kind": "recording", "name": "/run/busdma.sock", "state": "running" }));
}

#[test]
fn what_frames_hold_beside_machines() {
    let decision = |t_ns| Decision {
        t_ns,
        machine: "vm1".into(),
        session: None,
        map: Some("vm1/m7".into()),
        tag: None,
        what: What::Bounced {
            client: 0x1000,
            bounce: 0x2000,
            len: 512,
            why: BounceWhy::Window { lowaddr: 0xffff_ffff, highaddr: u64::MAX },
        },
    };
    let mut decisions = DecisionLog::default();
    (0..150).for_each(|t_ns| decisions.push(decision(t_ns)));
    let finding = FindingRow {
        severity: Severity::Error,
        kind: "never_satisfiable".into(),
        machine: Some("vm1".into()),
        object: Some("vm1/m7".into()),
        session: None,
        message: "it waits for ever".to_owned(),
        advice: String::new(),
        first_ns: 1,
        last_ns: 2,
        count: 3,
    };
    let host = HostFrame {
        probes: Probes::Unavailable { reason: "no BTF".to_owned() },
        devices: vec![DeviceRow {
            device: "0000:00:04.0".into(),
            driver: None,
            dma_mask: Some(0xffff_ffff),
            iommu_domain: None,
            mappings_per_s: 1.5,
            bytes_per_s: 4096.0,
            bounced_per_s: 0.0,
            failed_per_s: 0.0,
            mapped: 4,
            mapped_bytes: 4096,
            live: 1,
            live_bytes: 1024,
            bounced: 1,
            failed: 0,
            agree: 0,
            differ: 0,
            unknown: 4,
        }],
        pool: Some(PoolRow { total_slots: None, used_slots: 1, high_water_slots: 2, full: 0 }),
        delivered: 10,
        dropped: 1,
    };
    let lost = Lost { decisions: 1, events: 2, findings: 3, lines: 4 };
    let frame = Frame { decisions, findings: vec![finding], host: Some(host), lost, ..empty(OriginKind::Live) };
    let json = super::frame(&frame);
    assert_eq!(json["decisions"].as_array().map(Vec::len), Some(DECISIONS));
    let last = json!({
        "number": 149, "t_ns": 149, "machine": "vm1", "kind": "bounced", "map": "vm1/m7", "client": "0x1000",
        "addr": "0x2000", "length": 512, "reason": "window (0xffffffff, 0xffffffffffffffff]",
    });
    assert_eq!(json["decisions"][99], last);
    assert_eq!(json["findings"][0]["severity"], "error");
    assert_eq!(json["host"]["why"], "no BTF");
    assert_eq!(json["host"]["devices"][0]["dma_mask"], "0xffffffff");
    assert_eq!(json["host"]["devices"][0]["bounce_share"], json!(0.25));
    assert!(json["host"]["devices"][0].get("agreement").is_none());
    assert_eq!(json["host"]["pool"], json!({ "used_slots": 1, "high_water_slots": 2, "full": 0 }));
    assert_eq!(json["lost"], json!({ "decisions": 1, "events": 2, "findings": 3, "lines": 4 }));
}

#[test]
fn it_is_told_of_how_many_operations_decisions_are() {
    for (decisions, told) in [(DecisionLog::of_last(512), json!(512)), (DecisionLog::default(), Value::Null)] {
        let frame = Frame { decisions, ..empty(OriginKind::Recording) };
        assert_eq!(super::frame(&frame)["decisions_of_operations"], told);
    }
}

#[test]
fn ages_are_left_out_where_no_time_is_known() {
    for (axis, known) in [(TimeAxis::Nanoseconds, true), (TimeAxis::Operations, false)] {
        let timeline = Timeline { axis, start: 0, end: 9, at: 5, step: 1, buckets: Vec::new().into() };
        let frame = Frame { machines: vec![shown()], timeline: Some(timeline), ..empty(OriginKind::Recording) };
        let machine = &super::frame(&frame)["machines"][0];
        for rows in ["waiters", "maps"] {
            assert_eq!(machine[rows][0].get("age_ns").is_some(), known, "{rows} {axis:?}");
        }
    }
}

#[test]
fn maps_that_look_forgotten_are_marked() {
    const SECOND: u64 = 1_000_000_000;
    let mut machine = shown();
    let maps = [600, 1, 2, 1, 3].map(|age| {
        let first = machine.maps[0].clone();
        crate::frame::MapRow { state: crate::frame::MapState::Loaded, age_ns: age * SECOND, ..first }
    });
    machine.maps = maps.into();
    let json = super::frame(&Frame { machines: vec![machine], ..empty(OriginKind::Live) });
    let marks: Vec<_> = (0..5).map(|at| json["machines"][0]["maps"][at].get("suspect")).collect();
    assert_eq!(marks, [Some(&json!(true)), None, None, None, None]);
}
