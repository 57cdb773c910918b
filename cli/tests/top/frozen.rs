//! What is shown is what the daemon says, number by number.

use crate::host::Busdmad;
use busdma_api::client::Client;
use busdma_api::engine::{
    BounceModel, Buffer, CreateMachine, CreateMap, CreateTag, Layout, Load, Outcome, RegisterMemory, Request, Sync,
    SyncOp, Template,
};
use busdma_api::monitor::{Findings, Snapshot};
use busdma_api::{Hex, MachineId};
use serde_json::{Value, json};

const PAGE: u64 = 4096;

/// Bounce pages of the machine.
const POOL: u32 = 8;

/// A machine on which a load is there, another waits, and nothing happens any more. The session ends with the client.
fn frozen(client: &mut Client) -> MachineId {
    let bounce = Some(BounceModel { base: Hex(0x10_0000), stride: PAGE, frames: POOL.into() });
    let machine = CreateMachine { bounce, max_bpages: Some(POOL), ..CreateMachine::default() };
    let machine = client.call(&machine).unwrap().machine;
    let maxsize = Some(u64::from(POOL) * PAGE);
    let template = Template { lowaddr: Some(Hex(0xff_ffff)), maxsize, ..Template::default() };
    let tag = CreateTag { machine: Some(machine), parent: None, preset: None, template: Some(template) };
    let tag = client.call(&tag).unwrap().tag;
    let layout = Some(Layout::Pages((0..u64::from(POOL)).map(|page| Hex(0x1_0000_0000 + 2 * page * PAGE)).collect()));
    let length = u64::from(POOL) * PAGE;
    let memory = RegisterMemory { machine: Some(machine), length, layout, ..RegisterMemory::default() };
    let memory = client.call(&memory).unwrap().memory;
    for (pages, expected) in [(u64::from(POOL) - 2, Outcome::Loaded), (4, Outcome::Deferred)] {
        let map = client.call(&CreateMap { tag }).unwrap().map;
        let buffer = Buffer { memory, offset: None, length: pages * PAGE };
        let load = client.call(&Load { map, request: Request::Buffer(buffer), wait: None }).unwrap();
        assert_eq!(load.outcome, expected);
        if expected == Outcome::Loaded {
            client.call(&Sync { map, ops: vec![SyncOp::PreWrite], detail: None }).unwrap();
        }
    }
    machine
}

#[test]
fn one_frame_holds_what_monitor_tells() {
    let daemon = Busdmad::start(&[]);
    let mut client = daemon.client();
    let machine = frozen(&mut client);
    let mut told = || {
        let snapshot = client.call(&Snapshot { machine: Some(machine), limit: None }).unwrap();
        let findings = client.call(&Findings { machine: Some(machine) }).unwrap();
        let mut told = serde_json::to_value(snapshot).unwrap();
        told["findings"] = json!(findings.findings.len());
        told
    };
    let before = told();
    let machine = machine.to_string();
    let shown = daemon.stdout(&["top", "--once", "--json", "--machine", &machine, "--interval", "200"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let after = told();
    let mut numbers = 0;
    check(&before["t_ns"], &shown["t_ns"], &after["t_ns"], "t_ns", &mut numbers);
    check(&before["machines"], &shown["machines"], &after["machines"], "machines", &mut numbers);
    assert!(numbers > 60, "only {numbers} values were compared");
    assert_eq!(json!(shown["findings"].as_array().unwrap().len()), after["findings"]);
}

/// Everything that is told is shown as it is told; ages and the clock, which go on, lie between two tellings.
fn check(before: &Value, shown: &Value, after: &Value, place: &str, compared: &mut u32) {
    match (before, after) {
        (Value::Object(fields), _) => {
            for (name, before) in fields {
                check(before, &shown[name], &after[name], &format!("{place}.{name}"), compared);
            }
        }
        (Value::Array(items), _) => {
            assert_eq!(Some(items.len()), shown.as_array().map(Vec::len), "{place}");
            for (nth, before) in items.iter().enumerate() {
                check(before, &shown[nth], &after[nth], &format!("{place}[{nth}]"), compared);
            }
        }
        (Value::Number(before), Value::Number(after)) if place.ends_with("age_ns") || place == "t_ns" => {
            let between = before.as_u64().unwrap()..=after.as_u64().unwrap();
            assert!(shown.as_u64().is_some_and(|shown| between.contains(&shown)), "{place}: {shown} in {between:?}");
            *compared += 1;
        }
        _ => {
            assert_eq!((shown, before), (before, after), "{place}");
            *compared += 1;
        }
    }
}
