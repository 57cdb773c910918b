//! What busdmad records of `busdma demo`, against what the daemon itself says of its machines at that moment.

#[path = "live/daemon.rs"]
#[expect(dead_code, reason = "other tests make more of it")]
mod daemon;

use busdma_api::client::Client;
use busdma_api::monitor::{MachineSnapshot, MapState as Doing, Snapshot};
use busdma_api::recorder::{Start, Stop};
use busdma_dashboards::frame::{Machine, MapState};
use busdma_dashboards::source::recording::Recording;
use busdma_dashboards::source::{Interest, Moment, Play, Source, Wanted, Wish};
use daemon::{Busdmad, PATIENCE, programs};
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Text of a file after which the next is begun, compressed bytes.
const ROTATE_BYTES: u64 = 20_000;

/// Machines of the demonstration.
const MACHINES: [&str; 2] = ["vm1", "vm2"];

/// A demonstration that can be made to stand still.
struct Demo(Child);

impl Demo {
    fn start(daemon: &Busdmad) -> Self {
        let mut demo = Command::new(programs::built("busdma"));
        demo.args(["demo", "--seconds", "600", "--rate", "3000", "--json", "--socket"]).arg(daemon.socket());
        Self(demo.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn snapshot(client: &mut Client) -> Vec<MachineSnapshot> {
    client.call(&Snapshot { machine: None, limit: Some(1000) }).unwrap().machines
}

/// Waits for the machines to be busy, and for so many loads of each.
fn busy(client: &mut Client, loads: u64) {
    let started = Instant::now();
    loop {
        let machines = snapshot(client);
        let of = |name: &str| machines.iter().find(|machine| machine.machine.to_string() == name);
        let waits = of("vm1").is_some_and(|machine| machine.waiters_total > 0);
        if waits && MACHINES.iter().all(|name| of(name).is_some_and(|machine| machine.loads >= loads)) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "the demonstration does not get on: {machines:#?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The machines, when nothing happens any more.
fn quiet(client: &mut Client) -> Vec<MachineSnapshot> {
    let state = |machines: &[MachineSnapshot]| {
        machines.iter().map(|machine| (machine.loads, machine.maps_total, machine.zones.clone())).collect::<Vec<_>>()
    };
    let started = Instant::now();
    loop {
        let before = snapshot(client);
        thread::sleep(Duration::from_millis(300));
        let after = snapshot(client);
        if state(&before) == state(&after) {
            return after;
        }
        assert!(started.elapsed() < PATIENCE, "the machines do not come to rest");
    }
}

/// The files of a machine, in order.
fn files(folder: &Path, machine: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{machine}-"))))
        .collect();
    files.sort();
    files
}

/// The machine at the end of a file.
fn end_of(file: &Path) -> Machine {
    let mut recording = Recording::open(file).unwrap_or_else(|error| panic!("{error}"));
    recording.wait();
    recording.ask(Wish::Play(Play::Pause)).unwrap();
    recording.ask(Wish::Interest(Interest { decisions: Wanted::Yes, rows: 1000 })).unwrap();
    recording.ask(Wish::Seek(Moment::Share(1.0))).unwrap();
    let frame = recording.frame(Duration::ZERO);
    assert_eq!(frame.lost.total(), 0, "{}", file.display());
    frame.machines[0].clone()
}

/// Compares a file's end with what the daemon said then.
fn check(file: &Path, told: &MachineSnapshot) {
    let shown = end_of(file);
    let name = told.machine.to_string();
    let what = file.display();
    assert_eq!(shown.machine, name, "{what}");
    assert_eq!(shown.zones.len(), told.zones.len(), "{what}");
    for (zone, expected) in shown.zones.iter().zip(&told.zones) {
        let pages = (zone.total_bpages, zone.free_bpages, zone.reserved_bpages, zone.active_bpages);
        let expected_pages =
            (expected.total_bpages, expected.free_bpages, expected.reserved_bpages, expected.active_bpages);
        assert_eq!(pages, expected_pages, "{what}");
        let counts = (zone.zone, zone.total_bounced, zone.total_deferred, zone.map_count, zone.waiters);
        let expected_counts =
            (expected.zone, expected.total_bounced, expected.total_deferred, expected.map_count, expected.waiters);
        assert_eq!(counts, expected_counts, "{what}");
        assert_eq!((zone.lowaddr, zone.alignment), (expected.lowaddr.0, expected.alignment), "{what}");
    }
    let own = |object: String| object.trim_start_matches(&format!("{name}/")).to_owned();
    let waiters: Vec<_> = shown
        .waiters
        .iter()
        .map(|row| (row.position, row.map.to_string(), row.tag.to_string(), row.zone, row.needed, row.reserved))
        .collect();
    let expected: Vec<_> = (1..)
        .zip(&told.waiters)
        .map(|(position, row)| {
            (position, own(row.map.to_string()), own(row.tag.to_string()), row.zone, row.needed, row.reserved)
        })
        .collect();
    assert_eq!(waiters, expected, "{what}");
    let mut maps: Vec<_> = shown
        .maps
        .iter()
        .map(|row| (row.map.to_string(), row.tag.to_string(), row.state, row.bytes, row.segments, row.bounce_pages))
        .collect();
    let mut expected: Vec<_> = told
        .maps
        .iter()
        .map(|row| {
            let state = match row.state {
                Doing::Idle => MapState::Idle,
                Doing::Deferred => MapState::Deferred,
                Doing::Loaded => MapState::Loaded,
            };
            let (map, tag) = (own(row.map.to_string()), own(row.tag.to_string()));
            (map, tag, state, row.bytes, row.segments, row.bounce_pages)
        })
        .collect();
    maps.sort_by(|one, other| one.0.cmp(&other.0));
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(maps, expected, "{what}");
    let (totals, expected) = (shown.maps_total, told.maps_total);
    assert_eq!(
        (totals.idle, totals.deferred, totals.loaded),
        (expected.idle, expected.deferred, expected.loaded),
        "{what}"
    );
}

fn machine<'a>(machines: &'a [MachineSnapshot], name: &str) -> &'a MachineSnapshot {
    machines.iter().find(|machine| machine.machine.to_string() == name).unwrap()
}

#[test]
fn recordings_end_as_the_daemon_says() {
    let daemon = Busdmad::start();
    let mut client = daemon.client();
    let demo = Demo::start(&daemon);
    let recordings = daemon.socket().with_file_name("recordings");
    busy(&mut client, 300);
    demo.signal(Signal::STOP);
    let told = quiet(&mut client);
    client.call(&Stop {}).unwrap();
    for name in MACHINES {
        let [whole] = &files(&recordings, name)[..] else { panic!("{name} has one file") };
        check(whole, machine(&told, name));
        let shown = end_of(whole);
        let told = machine(&told, name);
        assert_eq!((shown.loads, shown.loads_failed), (told.loads, told.loads_failed), "{name}");
    }

    // The next recording begins in the middle of the machines' lives, and so does each of its files.
    let start = Start { path: Some("later".to_owned()), rotate_bytes: Some(ROTATE_BYTES), ..Start::default() };
    client.call(&start).unwrap();
    demo.signal(Signal::CONT);
    let later = recordings.join("later");
    let started = Instant::now();
    while MACHINES.iter().any(|name| files(&later, name).len() < 3) {
        assert!(started.elapsed() < PATIENCE, "nothing is rotated");
        thread::sleep(Duration::from_millis(50));
    }
    busy(&mut client, 300);
    demo.signal(Signal::STOP);
    let told = quiet(&mut client);
    client.call(&Stop {}).unwrap();
    for name in MACHINES {
        let parts = files(&later, name);
        check(parts.last().unwrap(), machine(&told, name));
        for part in &parts {
            assert_eq!(end_of(part).tags.len(), machine(&told, name).tags.len(), "{}", part.display());
        }
    }
}
