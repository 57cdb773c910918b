//! What the verbs show and do.

use crate::host::{Busdmad, Running};
use busdma_api::client::Client;
use busdma_api::engine::{
    Buffer, CreateMap, CreateTag, Layout, Load, Outcome, RegisterMemory, Request, Sync, SyncOp, Template, Unload,
};
use busdma_api::monitor::{DecisionRecord, MapInfo, SnapshotReply, TagInfo};
use busdma_api::service::Interface;
use busdma_api::{Hex, MapRef, MemoryRef};
use busdma_cli::status::Status;
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::io::Read;

/// A client whose device reaches 16 MiB, with memory above that.
struct Driver {
    client: Client,
    map: MapRef,
    memory: MemoryRef,
}

impl Driver {
    fn new(daemon: &Busdmad) -> Self {
        let mut client = daemon.client();
        let template =
            Template { lowaddr: Some(Hex(0xff_ffff)), maxsize: Some(8192), nsegments: Some(4), ..Template::default() };
        let tag = CreateTag { machine: None, parent: None, preset: None, template: Some(template) };
        let tag = client.call(&tag).unwrap().tag;
        let map = client.call(&CreateMap { tag }).unwrap().map;
        let pages = Layout::Pages(vec![Hex(0x1_2000_0000), Hex(0x1_4000_0000)]);
        let register = RegisterMemory { length: 8192, layout: Some(pages), ..RegisterMemory::default() };
        let memory = client.call(&register).unwrap().memory;
        Self { client, map, memory }
    }

    fn load(&mut self) {
        let buffer = Buffer { memory: self.memory, offset: Some(512), length: 6000 };
        let load = Load { map: self.map, request: Request::Buffer(buffer), wait: None };
        assert_eq!(self.client.call(&load).unwrap().outcome, Outcome::Loaded);
    }

    fn unload(&mut self) {
        let sync = Sync { map: self.map, ops: vec![SyncOp::PreWrite], detail: None };
        assert_eq!(self.client.call(&sync).unwrap().bytes, 6000);
        self.client.call(&Unload { map: self.map }).unwrap();
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_state_is_shown_as_text_and_as_json() {
    let daemon = Busdmad::start(&[]);
    assert_eq!(daemon.stdout(&["zones"]), "no zones: no tag has needed bounce pages\n");
    assert_eq!(daemon.stdout(&["tags"]), "no tags\n");
    assert_eq!(daemon.stdout(&["maps"]), "0 loaded, 0 waiting, 0 idle.\n");
    let mut driver = Driver::new(&daemon);
    driver.load();

    let zones = json(&daemon.stdout(&["zones", "--json", "--machine", "host0"]));
    assert_eq!((&zones[0]["machine"], &zones[0]["lowaddr"]), (&"host0".into(), &"0xffffff".into()));
    assert_eq!((&zones[0]["active_bpages"], &zones[0]["queue"]), (&2.into(), &Value::Array(Vec::new())));
    let text = daemon.stdout(&["zones"]);
    assert!(text.lines().nth(1).unwrap().starts_with("host0    zone0   24-bit     4K "), "{text}");

    let tags: Vec<TagInfo> = serde_json::from_str(&daemon.stdout(&["tags", "--json"])).unwrap();
    assert_eq!((tags.len(), tags[0].maps, tags[0].nsegments, tags[0].zone), (1, 1, Some(4), Some(0)));
    let text = daemon.stdout(&["tags"]);
    assert!(text.contains("24-bit       8K      4         -  zone0     1\n"), "{text}");

    let maps: Vec<MapInfo> = serde_json::from_str(&daemon.stdout(&["maps", "--json"])).unwrap();
    assert_eq!((maps.len(), maps[0].map, maps[0].bytes, maps[0].bounce_pages), (1, driver.map, 6000, 2));
    let text = daemon.stdout(&["maps"]);
    assert!(text.contains("  loaded   6000     2       2  "), "{text}");
    assert!(text.ends_with("\n1 loaded, 0 waiting, 0 idle.\n"), "{text}");
    let text = daemon.stdout(&["maps", "--limit", "0"]);
    assert_eq!(text, "1 loaded, 0 waiting, 0 idle; 1 of them not shown (--limit).\n");
}

#[test]
fn the_status_names_the_daemon() {
    let daemon = Busdmad::start(&[]);
    let _driver = Driver::new(&daemon);
    let status: Status = serde_json::from_str(&daemon.stdout(&["status", "--json"])).unwrap();
    assert_eq!(status.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(status.socket, daemon.socket().display().to_string());
    assert!(status.uptime_ns > 0);
    assert_eq!(status.machines[0].tags.len(), 1);
    let text = daemon.stdout(&["status"]);
    let first = format!("busdmad {} at {}, up ", status.version, status.socket);
    assert!(text.starts_with(&first), "{text}");
    assert!(text.contains("\n  state  off\n"), "{text}");
    assert!(text.ends_with("\nFindings\n  none\n"), "{text}");
}

#[test]
fn an_unknown_machine_is_refused() {
    let daemon = Busdmad::start(&[]);
    for verb in ["zones", "tags", "maps", "watch"] {
        let expected = "error: the daemon has no vm77, or it belongs to another session\n";
        assert_eq!(daemon.failure(&[verb, "--machine", "vm77"]), (1, expected.to_owned()), "{verb}");
    }
}

#[test]
fn watch_shows_as_many_snapshots_as_asked_for() {
    let daemon = Busdmad::start(&[]);
    let mut driver = Driver::new(&daemon);
    driver.load();
    let lines = daemon.stdout(&["watch", "--count", "3", "--interval", "30", "--json"]);
    let times: Vec<u64> = lines.lines().map(|line| serde_json::from_str::<SnapshotReply>(line).unwrap().t_ns).collect();
    assert_eq!(times.len(), 3);
    let gap = times[2] - times[0];
    assert!((50_000_000..5_000_000_000).contains(&gap), "two intervals of 30 ms: {gap} ns");
    let text = daemon.stdout(&["watch", "--count", "2", "--interval", "30"]);
    assert_eq!(text.lines().count(), 2, "one zone, two snapshots: {text}");
    assert!(text.lines().nth(1).unwrap().contains("2 active of "), "{text}");
    let (code, stderr) = daemon.failure(&["watch", "--interval", "1"]);
    assert_eq!((code, &*stderr), (1, "error: an interval of 1 ms is too short: the daemon allows 20 ms or more\n"));
}

#[test]
fn watch_tells_decisions_with_their_reason() {
    let daemon = Busdmad::start(&[]);
    let mut driver = Driver::new(&daemon);
    let map = driver.map.to_string();
    let arguments = ["watch", "--decisions", "--kind", "bounced", "--kind", "unloaded", "--map", &map, "--count", "3"];
    let text = followed(&daemon, &arguments, &mut driver);
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.contains(&format!("  {map:<9}  s")), "{text}");
    let bounced = "0x120000200+3584 via 0x";
    assert!(text.contains(bounced), "{text}");
    assert!(text.contains(": above 24-bit\n"), "{text}");
    let lines = followed(&daemon, &["watch", "--decisions", "--json", "--count", "20"], &mut driver);
    let kinds: Vec<_> = lines.lines().map(|line| serde_json::from_str::<DecisionRecord>(line).unwrap().kind).collect();
    assert_eq!(kinds.len(), 20);
    for kind in ["counted", "reserved", "bounced", "split", "loaded", "copied", "unloaded"] {
        assert!(kinds.iter().any(|seen| seen == kind), "{kind}: {kinds:?}");
    }
    let (code, stderr) = daemon.failure(&["watch", "--decisions", "--kind", "bounce"]);
    assert_eq!(code, 1);
    assert!(stderr.starts_with("error: no decision is of the kind `bounce` (did you mean `bounced`?); "), "{stderr}");
}

/// What a watch prints while the driver loads and unloads, until the watch ends.
fn followed(daemon: &Busdmad, arguments: &[&str], driver: &mut Driver) -> String {
    let mut watch = daemon.spawn(arguments);
    while watch.0.try_wait().unwrap().is_none() {
        driver.load();
        driver.unload();
    }
    let text = std::io::read_to_string(watch.0.stdout.take().unwrap()).unwrap();
    assert_eq!(watch.end(), (Some(0), String::new()), "{text}");
    text
}

#[test]
fn ctrl_c_and_a_closed_pipe_end_what_follows_quietly() {
    let daemon = Busdmad::start(&[]);
    let follow: [&[&str]; 3] = [
        &["watch", "--interval", "20"],
        &["call", "Monitor.Watch", r#"{"interval_ms": 20}"#, "--more", "--json-lines"],
        &["demo", "--seconds", "600"],
    ];
    for arguments in follow {
        for signal in [Signal::INT, Signal::TERM] {
            let mut running = daemon.spawn(arguments);
            first_line(&mut running);
            running.signal(signal);
            assert_eq!(running.end(), (Some(0), String::new()), "{arguments:?} {signal:?}");
        }
        let mut running = daemon.spawn(arguments);
        drop(first_line(&mut running));
        running.0.stdout = None;
        assert_eq!(running.end(), (Some(0), String::new()), "{arguments:?}, nobody reads");
    }
    let silent = daemon.spawn(&["watch", "--decisions"]);
    silent.await_handler();
    silent.signal(Signal::INT);
    assert_eq!(silent.end(), (Some(0), String::new()), "a watch that has nothing to say");
}

fn first_line(running: &mut Running) -> String {
    let mut line = Vec::new();
    let stdout = running.0.stdout.as_mut().unwrap();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

#[test]
fn a_daemon_that_dies_is_told() {
    for arguments in [&["watch", "--interval", "20"][..], &["demo", "--seconds", "600"]] {
        let mut daemon = Busdmad::start(&[]);
        let mut running = daemon.spawn(arguments);
        first_line(&mut running);
        daemon.kill();
        std::io::read_to_string(running.0.stdout.take().unwrap()).unwrap();
        let (code, stderr) = running.end();
        assert_eq!(code, Some(3), "{arguments:?}: {stderr}");
        assert!(stderr.starts_with(&format!("error: lost busdmad at {}: ", daemon.socket().display())), "{stderr}");
        let path = daemon.socket();
        let expected =
            format!("error: no busdmad at {}: start it with `busdmad` or `systemctl start busdmad`\n", path.display());
        assert_eq!(daemon.failure(&["status"]), (3, expected), "its socket is still there");
    }
}

#[test]
fn a_recording_is_started_stopped_and_replayed() {
    let daemon = Busdmad::start(&["--record", "recordings"]);
    let status = json(&daemon.stdout(&["record", "status", "--json"]));
    if status["state"] == "recording" {
        let (code, stderr) = daemon.failure(&["record", "start"]);
        assert_eq!(code, 1);
        assert!(stderr.starts_with("error: a recording into "), "{stderr}");
        daemon.stdout(&["record", "stop"]);
    }
    assert_eq!(daemon.failure(&["record", "stop"]), (1, "error: nothing is being recorded\n".to_owned()));
    let start = ["record", "start", "nightly", "--compression", "none", "--rotate-bytes", "1M", "--rotate-after", "1h"];
    let text = daemon.stdout(&start);
    assert!(text.starts_with("  state      recording\n  directory  "), "{text}");
    let demo = json(&daemon.stdout(&["demo", "--seconds", "1", "--json"]));
    let status = json(&daemon.stdout(&["record", "stop", "--json"]));
    assert_eq!((&status["state"], &status["operations_dropped"]), (&"off".into(), &0.into()));
    assert!(status["operations_written"].as_u64() > demo["loads"].as_u64(), "{status}");
    let files: Vec<_> = fs::read_dir(daemon.dir().join("recordings/nightly"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "jsonl"))
        .map(|file| file.display().to_string())
        .collect();
    assert!(files.len() > 1, "host0 and the clients' machines: {files:?}");
    let replay: Vec<_> = std::iter::once("replay").chain(files.iter().map(String::as_str)).collect();
    let text = daemon.stdout(&replay);
    assert!(text.ends_with(" match, 0 differ\n"), "{text}");
}

#[test]
fn recordings_that_cannot_be() {
    let daemon = Busdmad::start(&[]);
    let (code, stderr) = daemon.failure(&["record", "start"]);
    assert_eq!((code, stderr.starts_with("error: the daemon has no directory for recordings")), (1, true), "{stderr}");
    assert_eq!(daemon.stdout(&["record", "status"]), "  state  off\n");
    let daemon = Busdmad::start(&["--record", "recordings"]);
    let _ = daemon.failure(&["record", "stop"]);
    let (code, stderr) = daemon.failure(&["record", "start", "../elsewhere"]);
    assert_eq!((code, stderr.starts_with("error: cannot record into `../elsewhere`: ")), (1, true), "{stderr}");
}

#[test]
fn any_method_can_be_called() {
    let daemon = Busdmad::start(&[]);
    let tag = daemon.stdout(&["call", "Engine.CreateTag", r#"{"preset": "nvme"}"#]);
    assert!(tag.starts_with("{\n  \"tag\": \"host0/t2\",\n  \"alignment\": 4,\n"), "fields in their order: {tag}");
    let line = daemon.stdout(&["call", "CreateMachine", r#"{"profile": "strict"}"#, "--json-lines"]);
    assert_eq!(line, "{\"machine\":\"vm1\"}\n");
    let output = daemon.busdma(&["call", "DescribeMachine", "-"]).write_stdin(r#"{"machine": "host0"}"#).output();
    assert_eq!(json(&String::from_utf8(output.unwrap().stdout).unwrap())["profile"], "freebsd-11");
    let info = json(&daemon.stdout(&["call", "org.varlink.service.GetInfo"]));
    assert_eq!(info["interfaces"].as_array().unwrap().len(), Interface::ALL.len());
}

#[test]
fn error_replies_have_their_name_and_parameters() {
    let daemon = Busdmad::start(&[]);
    let check = |arguments: &[&str], code, stderr: &str| {
        let arguments = [&["call"], arguments].concat();
        assert_eq!(daemon.failure(&arguments), (code, format!("error: {stderr}\n")), "{arguments:?}");
    };
    let vm9 = r#"{"machine": "vm9"}"#;
    check(&["DescribeMachine", vm9], 1, r#"org.busdma.Engine.NoSuchObject {"object":"vm9"}"#);
    let nvem = r#"{"preset": "nvem"}"#;
    check(&["CreateTag", nvem], 1, r#"org.busdma.Engine.UnknownPreset {"preset":"nvem","nearest":"nvme"}"#);
    let typo = r#"{"machin": "host0"}"#;
    check(&["DescribeMachine", typo], 1, r#"org.varlink.service.InvalidParameter {"parameter":"machin"}"#);
    check(&["Monitor.Watch"], 1, "org.varlink.service.ExpectedMore {}");
    let hint = "`busdma call --list` shows them all";
    check(
        &["Engine.CreatTag"],
        2,
        &format!("the daemon has no method `Engine.CreatTag` (did you mean `Engine.CreateTag`?); {hint}"),
    );
    check(&["zzz"], 2, &format!("the daemon has no method `zzz`; {hint}"));
}

#[test]
fn methods_are_listed_and_described() {
    let daemon = Busdmad::start(&[]);
    let list = daemon.stdout(&["call", "--list"]);
    for interface in Interface::ALL {
        assert!(list.lines().any(|line| line == interface.name()), "{list}");
        let description = interface.description();
        let methods: Vec<_> = description.lines().filter_map(|line| line.strip_prefix("method ")).collect();
        assert!(!methods.is_empty());
        for method in methods {
            let name = method.split('(').next().unwrap();
            assert!(list.lines().any(|line| line.split_whitespace().next() == Some(name)), "{name}: {list}");
            let text = daemon.stdout(&["call", &format!("{}.{name}", interface.name()), "--describe"]);
            assert!(text.contains(&format!("method {name}(")), "{text}");
            assert!(description.contains(text.split("\n\n").next().unwrap()), "its own words: {text}");
        }
    }
    insta::assert_snapshot!("described", daemon.stdout(&["call", "Engine.Sync", "--describe"]));
}

#[test]
fn the_demonstration_makes_traffic_and_leaves_nothing() {
    let daemon = Busdmad::start(&[]);
    let arguments = ["demo", "--seconds", "2", "--rate", "3000", "--clients", "4", "--seed", "7", "--json"];
    let summary = json(&daemon.stdout(&arguments));
    assert_eq!(summary["socket"], daemon.socket().display().to_string());
    let count = |name: &str| summary[name].as_u64().unwrap();
    for name in ["loads", "loaded", "deferred", "resumed", "waited_ns", "syncs", "bounced_pages", "bounced_bytes"] {
        assert!(count(name) > 0, "{name}: {summary}");
    }
    let refused: u64 = summary["refused"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(count("loads"), count("loaded") + count("deferred") + refused, "{summary}");
    assert!((500..9000).contains(&count("operations")), "{summary}");
    assert_eq!(summary["machines"].as_array().unwrap().len(), 4);
    // The daemon learns of the clients' end a moment after they have ended.
    daemon.comes_to_say(&["zones"], "no zones: no tag has needed bounce pages\n");
    let text = daemon.stdout(&["demo", "--seconds", "1"]);
    assert!(text.lines().nth(1).unwrap().starts_with("   1 s "), "{text}");
    assert!(text.contains(&format!(" of 2 clients on busdmad at {}, seed 1\n", daemon.socket().display())), "{text}");
}
