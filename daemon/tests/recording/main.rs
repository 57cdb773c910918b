//! Recordings of what real clients do: `busdma replay` takes every one of them with no difference, and what the clients did
//! is what the recordings say.

mod counts;
#[path = "../program/daemon.rs"]
#[expect(dead_code, reason = "the tests of the program use all of it")]
mod daemon;
#[expect(dead_code, reason = "a soak's clients work in one more place")]
mod driver;
mod loads;
mod random;
mod shapes;
mod traces;

use busdma_api::MachineId;
use busdma_api::client::Client;
use busdma_api::monitor::Snapshot;
use busdma_api::recorder::{Compression, RecordedDecisions, RecorderState, Start, StatusReply, Stop};
use busdma_trace::format::Op;
use counts::Counts;
use daemon::{Daemon, PATIENCE, directory};
use driver::{Driver, Home};
use rustix::process::Signal;
use shapes::Mix;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use traces::Traces;

/// A daemon that can record, and somebody who tells it to.
struct Rig {
    daemon: Daemon,
    control: Client,
    socket: PathBuf,
    recordings: PathBuf,
    _directory: tempfile::TempDir,
}

/// The recorder begins the next file when it looks, which is not for every operation.
const PAUSE: Duration = Duration::from_millis(10);

/// Whether a daemon records from its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Begins {
    WithTheDaemon,
    WhenTold,
}

/// Few pages, so that loads wait for them; all files are kept.
const CONFIG: &str = "[host0]\nbounce_frames = 4096\nmax_bpages = 24\n[recorder]\nkeep_files = \"unlimited\"\n";

impl Rig {
    /// `recorder` are further keys of the configuration's `[recorder]`.
    fn new(begins: Begins, recorder: &str) -> Self {
        let (directory, socket) = directory();
        let recordings = directory.path().join("recordings");
        let file = directory.path().join("busdmad.toml");
        let place = format!("directory = {:?}\n", recordings.to_str().unwrap());
        let known = if begins == Begins::WhenTold { &*place } else { "" };
        std::fs::write(&file, format!("{CONFIG}{known}{recorder}")).unwrap();
        let daemon = Daemon::serving(&socket, |command| {
            command.arg("--config").arg(&file);
            if begins == Begins::WithTheDaemon {
                command.arg("--record").arg(&recordings);
            }
        });
        let control = Client::connect(&socket).unwrap();
        Self { daemon, control, socket, recordings, _directory: directory }
    }

    /// Waits until the daemon has released what all sessions had.
    fn settle(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let machines = self.control.call(&Snapshot::default()).unwrap().machines;
            let [host0] = &machines[..] else { continue };
            if (host0.tags.len(), host0.maps_total.idle, host0.memory_bytes) == (0, 0, 0) {
                return;
            }
            assert!(Instant::now() < deadline, "not released: {host0:#?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn stop(&mut self) -> StatusReply {
        let status = self.control.call(&Stop {}).unwrap();
        assert_eq!((status.state, &status.error), (RecorderState::Off, &None));
        status
    }

    /// Ends the daemon, which must have nothing to complain of.
    fn end(mut self) {
        drop(self.control);
        self.daemon.send(Signal::TERM);
        assert_eq!(self.daemon.ended().code(), Some(0));
        for word in ["panicked", "ERROR"] {
            assert_eq!(self.daemon.lines_with(word), [""; 0]);
        }
    }
}

/// Runs clients side by side, each for so many steps, with a pause now and then.
fn run_clients(socket: &Path, homes: &[Home], steps: u64, pause: Duration, seed: u64) -> Counts {
    let mut counts = Counts::default();
    thread::scope(|scope| {
        let clients: Vec<_> = (seed..)
            .zip(homes)
            .map(|(seed, home)| {
                scope.spawn(move || {
                    let mut driver = Driver::new(socket, home.clone(), Mix::Everything, seed);
                    for step in 0..steps {
                        driver.step();
                        if step % 20 == 0 {
                            thread::sleep(pause);
                        }
                    }
                    driver.end()
                })
            })
            .collect();
        for client in clients {
            counts.merge(&client.join().unwrap());
        }
    });
    counts
}

/// Asserts that the recordings hold what clients did, and nothing of a client's that it did not do. Unloads, cancels and
/// runs of the queue are the daemon's too.
fn assert_complete(traces: &Traces, counts: &Counts) {
    let sessions: BTreeSet<_> = counts.calls.keys().map(|(session, _)| *session).collect();
    for (&session, op) in sessions.iter().flat_map(|session| OPERATIONS.map(|op| (session, op))) {
        let recorded = traces.calls.get(&(Some(session), op)).copied().unwrap_or(0);
        let times = counts.range(session, op);
        match op {
            Op::Cancel => {}
            Op::Unload => assert!(recorded >= *times.start(), "{session} {op}: {recorded} of {times:?} recorded"),
            op => assert!(times.contains(&recorded), "{session} {op}: {recorded} of {times:?} recorded"),
        }
    }
    for op in OPERATIONS {
        if !matches!(op, Op::Unload | Op::RunDeferred | Op::Cancel | Op::TagDestroy) {
            assert_eq!(traces.of(op), counts.of(op), "{op}");
        }
    }
}

/// What a mix of everything brings about.
const OPERATIONS: [Op; 11] = [
    Op::TagCreate,
    Op::TagDestroy,
    Op::MapCreate,
    Op::MapDestroy,
    Op::Load,
    Op::RunDeferred,
    Op::Sync,
    Op::Unload,
    Op::DmamemAlloc,
    Op::DmamemFree,
    Op::Cancel,
];

/// Asserts that recordings hold every operation, and panics too.
fn assert_mixed(recordings: &[Traces]) {
    for op in OPERATIONS {
        assert!(recordings.iter().any(|traces| traces.of(op) > 0), "no {op} at all");
    }
    assert!(recordings.iter().all(|traces| traces.panics > 0));
}

/// Where four clients work.
fn homes() -> [Home; 4] {
    [Home::Host0, Home::Private { profile: "strict" }, Home::Host0, Home::Private { profile: "arm64-12" }]
}

#[test]
fn one_client_from_the_start() {
    let mut recordings = Vec::new();
    for (seed, home) in (1..).zip([
        Home::Host0,
        Home::Private { profile: "freebsd-11" },
        Home::Private { profile: "freebsd-12" },
        Home::Private { profile: "strict" },
        Home::Private { profile: "arm64-12" },
    ]) {
        let mut rig = Rig::new(Begins::WithTheDaemon, "");
        let counts = run_clients(&rig.socket, &[home], 3000, Duration::ZERO, seed);
        rig.settle();
        let status = rig.stop();
        let traces = Traces::read(&rig.recordings);
        assert_eq!((status.operations_written, status.operations_dropped), (traces.summary.operations, 0));
        assert_eq!(status.bytes_written, traces.bytes);
        assert_complete(&traces, &counts);
        assert!(traces.with_decisions > 0);
        assert!(traces.files.iter().all(|file| file.extension().is_some_and(|extension| extension == "zst")));
        traces.replay_with_busdma();
        recordings.push(traces);
        rig.end();
    }
    assert_mixed(&recordings);
}

#[test]
fn four_clients_with_tiny_files() {
    for (compression, decisions) in [("none", false), ("none", true), ("zstd", false), ("zstd", true)] {
        let settings = format!("compression = {compression:?}\ndecisions = {decisions}\nrotate_bytes = \"4K\"\n");
        let mut rig = Rig::new(Begins::WithTheDaemon, &settings);
        let counts = run_clients(&rig.socket, &homes(), 2000, PAUSE, 100);
        rig.settle();
        let status = rig.stop();
        let traces = Traces::read(&rig.recordings);
        assert_eq!(status.operations_written, traces.summary.operations);
        assert_eq!((status.files, status.bytes_written), (traces.files.len() as u64, traces.bytes));
        assert_complete(&traces, &counts);
        assert_mixed(std::slice::from_ref(&traces));
        assert_eq!(traces.with_decisions > 0, decisions);
        assert!(traces.from_a_state > 10, "{traces:#?}");
        traces.replay_with_busdma();
        rig.end();
    }
}

/// The recording is started, stopped and started again with other settings while four clients go on.
#[test]
fn recordings_started_in_mid_life() {
    let mut rig = Rig::new(Begins::WhenTold, "");
    let over = AtomicBool::new(false);
    let (socket, mut written) = (rig.socket.clone(), 0);
    thread::scope(|scope| {
        for (seed, home) in (200..).zip(homes()) {
            let (socket, over) = (&socket, &over);
            scope.spawn(move || {
                let mut driver = Driver::new(socket, home, Mix::Everything, seed);
                while !over.load(Ordering::Relaxed) {
                    driver.step();
                    // As much as is wanted in the files, which are all replayed.
                    thread::sleep(Duration::from_millis(1));
                }
                driver.end();
            });
        }
        for turn in 0..12 {
            thread::sleep(Duration::from_millis(150));
            rig.control.call(&start(turn)).unwrap();
            thread::sleep(Duration::from_millis(250));
            let status = rig.stop();
            assert_eq!(status.operations_dropped, 0);
            assert!(status.operations_written > 0);
            written += status.operations_written;
            let traces = Traces::read(&rig.recordings.join(format!("turn{turn}")));
            assert_eq!(traces.summary.operations, status.operations_written, "turn {turn}");
            assert!(traces.from_a_state > 0, "turn {turn}");
        }
        over.store(true, Ordering::Relaxed);
    });
    let traces = Traces::read(&rig.recordings);
    assert_eq!(traces.summary.operations, written);
    traces.replay_with_busdma();
    rig.settle();
    rig.end();
}

/// The settings of each turn.
fn start(turn: u32) -> Start {
    Start {
        path: Some(format!("turn{turn}")),
        compression: Some(if turn.is_multiple_of(2) { Compression::Zstd } else { Compression::None }),
        decisions: Some(if turn.is_multiple_of(3) { RecordedDecisions::None } else { RecordedDecisions::All }),
        rotate_bytes: (turn % 4 == 1).then_some(32 << 10),
        rotate_seconds: None,
        machines: (turn % 4 == 2).then(|| vec![MachineId::HOST0]),
        host: None,
    }
}
