//! The recordings that other tests look at. `RECORDINGS=overwrite` writes them anew.

use crate::traffic::{DeviceMap, Memory, Pieces, Traffic};
use crate::{at, opened};
use busdma_dashboards::frame::{Frame, MapState};
use busdma_dashboards::source::Moment;
use busdma_trace::format::{Flag, SyncOp};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SECOND: u64 = 1_000_000_000;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings").join(name)
}

/// Compares a recording with what its script makes, and returns its last moment.
fn check(name: &str, frames: u64, script: fn(&mut Traffic<Pieces<Vec<u8>>>)) -> Arc<Frame> {
    let mut traffic = Traffic::start(Pieces::new(Vec::new()), frames);
    script(&mut traffic);
    let made = traffic.end().finish().unwrap();
    let path = path(name);
    if std::env::var_os("RECORDINGS").is_some_and(|word| word == "overwrite") {
        std::fs::write(&path, &made).unwrap();
    }
    // Compressors differ from version to version; what they compress does not.
    let text = |bytes: &[u8]| String::from_utf8(zstd::decode_all(bytes).unwrap()).unwrap();
    let kept = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(text(&kept) == text(&made), "{name} is not what its script makes; RECORDINGS=overwrite writes it anew");
    at(&mut opened(&path), Moment::Share(1.0))
}

fn turn(traffic: &mut Traffic<Pieces<Vec<u8>>>, map: &DeviceMap, memory: Memory) {
    traffic.load(map, 2, memory, Flag::NoWait);
    traffic.sync(map, [SyncOp::PreRead, SyncOp::PreWrite]);
    traffic.pass(2_000_000);
    traffic.sync(map, [SyncOp::PostRead, SyncOp::PostWrite]);
    traffic.unload(map);
}

#[test]
fn idle() {
    let frame = check("idle.jsonl.zst", 64, |traffic| {
        traffic.devices();
        let maps: Vec<_> = (0..12).map(|map| traffic.map(1 + map % 3)).collect();
        for map in &maps {
            traffic.pass(SECOND / 4);
            turn(traffic, map, Memory::Low);
        }
        traffic.pass(60 * SECOND);
        turn(traffic, &maps[0], Memory::Low);
    });
    let machine = &frame.machines[0];
    assert_eq!((machine.maps_total.idle, machine.maps_total.loaded, machine.waiters_total), (12, 0, 0));
}

#[test]
fn pressure() {
    let frame = check("pressure.jsonl.zst", 24, |traffic| {
        traffic.devices();
        let maps: Vec<_> = (0..24).map(|map| traffic.map(2 + map % 2)).collect();
        for (number, map) in (1_u32..).zip(&maps) {
            traffic.session(1 + number % 3);
            traffic.load(map, 3, Memory::High, Flag::WaitOk);
            traffic.pass(SECOND / 2);
            if number % 6 == 0 {
                traffic.unload(&maps[number as usize / 6 - 1]);
                traffic.pass(SECOND / 8);
                traffic.drain();
            }
        }
        traffic.pass(3 * SECOND);
        traffic.sync(&maps[5], [SyncOp::PreRead, SyncOp::PreWrite]);
    });
    let machine = &frame.machines[0];
    assert!(machine.waiters_total >= 8, "{}", machine.waiters_total);
    assert!(machine.zones.iter().any(|zone| zone.pressure() > 0.9));
    assert!(machine.latency.deferral.as_ref().is_some_and(|spans| spans.count > 0));
}

#[test]
fn leak() {
    let frame = check("leak.jsonl.zst", 64, |traffic| {
        traffic.devices();
        let maps: Vec<_> = (0..9).map(|_| traffic.map(2)).collect();
        traffic.load(&maps[4], 4, Memory::High, Flag::NoWait);
        for round in 0..90 {
            for map in maps.iter().enumerate().filter(|(number, _)| *number != 4).map(|(_, map)| map) {
                traffic.pass(SECOND / 4);
                turn(traffic, map, if round % 3 == 0 { Memory::High } else { Memory::Low });
            }
        }
    });
    let leaked: Vec<_> = frame.machines[0].maps.iter().filter(|map| map.state == MapState::Loaded).collect();
    assert_eq!(leaked.len(), 1);
    assert!(leaked[0].age_ns > 170 * SECOND && leaked[0].bounce_pages == 4, "{leaked:?}");
}

#[test]
fn thousands() {
    let frame = check("thousands.jsonl.zst", 128, |traffic| {
        traffic.devices();
        for number in 0..4000 {
            traffic.session(1 + number % 40);
            let map = traffic.map(1 + number % 2);
            traffic.load(&map, 1 + u64::from(number % 5), Memory::Low, Flag::NoWait);
            traffic.pass(SECOND / 500);
        }
    });
    let machine = &frame.machines[0];
    assert_eq!((machine.maps_total.loaded, machine.maps.len()), (4000, 4000));
    assert!(machine.maps.windows(2).all(|pair| pair[0].age_ns >= pair[1].age_ns));
}
