//! A daemon that is killed while it records: what it had recorded can be replayed.

use crate::bystander::Metronome;
use crate::daemon::{Daemon, directory};
use crate::driver::{Driver, Pool, sync};
use busdma_api::MachineId;
use busdma_api::client::Client;
use busdma_api::engine::{CreateMachine, Session, SyncOp, Unload};
use busdma_api::recorder::{RecorderState, Status};
use busdma_trace::format::Op;
use busdma_trace::{ReplayOptions, Replayer};
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

const SYNC_INTERVAL: Duration = Duration::from_millis(200);

/// How fast clients work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pace {
    /// So that the recorder keeps up even while much else is done here.
    Moderate,
    /// As fast as they can: what waits in the recorder's queue is lost however long ago it was told.
    Full,
}

/// What a client had done when the daemon died.
struct Done {
    session: String,
    /// When each sync was answered.
    syncs: Vec<Instant>,
}

/// The directory and the socket stay the same over all rounds; each round is killed at another moment.
#[test]
fn what_was_recorded_before_a_kill_replays() {
    let (directory, socket) = directory();
    // In memory: how long a disk takes to sync is no part of it.
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let (traces, file) = (memory.path().join("traces"), directory.path().join("busdmad.toml"));
    let mut known = BTreeSet::new();
    let rounds = [
        ("zstd", 650, Pace::Moderate),
        ("none", 1130, Pace::Moderate),
        ("zstd", 1370, Pace::Full),
        ("none", 490, Pace::Full),
    ];
    for (compression, lives, pace) in rounds {
        let recorder = format!("compression = '{compression}'\nsync_interval = '{}ms'", SYNC_INTERVAL.as_millis());
        fs::write(&file, format!("[recorder]\n{recorder}\n[host0]\nbounce_frames = 64\nmax_bpages = 64")).unwrap();
        let mut daemon = Daemon::serving(&socket, |command| {
            command.arg("--config").arg(&file).arg("--record").arg(&traces);
        });
        let metronome = Metronome::start();
        let (done, killed) = kill_after(&mut daemon, &socket, Duration::from_millis(lives), pace);
        let unsynced = 2 * SYNC_INTERVAL + metronome.allowance();
        let files = files(&traces).difference(&known).cloned().collect();
        let recorded = replayed(&files);
        for done in done {
            let due = done.syncs.iter().filter(|&&at| at + unsynced < killed).count();
            let found = recorded.get(&done.session).copied().unwrap_or(0);
            assert!(found >= due || pace == Pace::Full, "{}: {found} of {due} are recorded", done.session);
            // The last one may have been carried out without an answer.
            assert!(found <= done.syncs.len() + 1, "{}: {found} of {}", done.session, done.syncs.len());
        }
        known.extend(files);
    }
}

/// Kills a daemon that two clients of `host0` and one with a machine of its own keep busy.
fn kill_after(daemon: &mut Daemon, socket: &Path, lives: Duration, pace: Pace) -> (Vec<Done>, Instant) {
    thread::scope(|scope| {
        let mut onlooker = Client::connect(socket).unwrap();
        let mut own = Client::connect(socket).unwrap();
        let machine = own.call(&CreateMachine::default()).unwrap().machine;
        let private = Driver::on(own, machine, Pool::Contended, 8);
        let shared =
            [3, 5].map(|pages| Driver::on(Client::connect(socket).unwrap(), MachineId::HOST0, Pool::Quiet, pages));
        let drivers = shared.into_iter().chain([private]);
        let running: Vec<_> = drivers.map(|driver| scope.spawn(move || drive(driver, pace))).collect();
        while onlooker.call(&Status {}).unwrap().files < 2 {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(lives);
        let status = onlooker.call(&Status {}).unwrap();
        assert_eq!(status.state, RecorderState::Recording);
        assert!(status.operations_dropped == 0 || pace == Pace::Full, "{status:?}");
        let killed = Instant::now();
        daemon.send(Signal::KILL);
        daemon.ended();
        (running.into_iter().map(|driver| driver.join().unwrap()).collect(), killed)
    })
}

/// Works until the daemon dies.
fn drive(mut driver: Driver, pace: Pace) -> Done {
    let session = driver.client.call(&Session {}).unwrap().session.to_string();
    let (map, mut syncs) = (driver.map, Vec::new());
    let (before, after) = (sync(map, &[SyncOp::PreRead, SyncOp::PreWrite]), sync(map, &[SyncOp::PostRead]));
    while driver.load(map).is_ok() {
        for call in [&before, &after] {
            if driver.client.call(call).is_ok() {
                syncs.push(Instant::now());
            }
        }
        let _ = driver.client.call(&Unload { map });
        if pace == Pace::Moderate {
            thread::sleep(Duration::from_millis(1));
        }
    }
    Done { session, syncs }
}

fn files(directory: &Path) -> BTreeSet<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Replays files without a difference, and counts the syncs of each session.
fn replayed(files: &BTreeSet<PathBuf>) -> BTreeMap<String, usize> {
    assert_eq!(files.len(), 2, "a file for each machine: {files:?}");
    let mut syncs = BTreeMap::new();
    for path in files {
        let mut reader = busdma_trace::open(path).unwrap();
        let mut replayer = Replayer::new(ReplayOptions::default());
        let mut operations = 0;
        while let Some(report) = replayer.next_scenario(&mut reader).unwrap() {
            assert!(report.matches(), "{}: {:#?}", path.display(), report.differences);
            operations += report.operations;
        }
        assert!(operations > 100, "{}: {operations} operations", path.display());
        assert!(reader.warnings().len() <= 1, "{:?}", reader.warnings());
        count_syncs(path, &mut syncs);
    }
    syncs
}

fn count_syncs(path: &Path, syncs: &mut BTreeMap<String, usize>) {
    let mut reader = busdma_trace::open(path).unwrap();
    while reader.next_scenario().unwrap().is_some() {
        while let Some(operation) = reader.next_operation().unwrap() {
            if operation.op == Op::Sync {
                let session = operation.session.unwrap().as_str().to_owned();
                *syncs.entry(session).or_default() += 1;
            }
        }
    }
}
