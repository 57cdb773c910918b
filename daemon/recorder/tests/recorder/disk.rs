//! Files: rotated, deleted, cut off, and what happens when they cannot be written.

use crate::support::{Host, Machines, config, description, recorder, replay, request};
use busdma_engine::Profile;
use busdma_recorder::{
    Compression, RecorderError, RecorderFinding, RecorderState, RecordingPath, Retention, StartRequest,
};
use busdma_sim::harness::Rig;
use busdma_sim::workload::{Traffic, Workload};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A machine under load, alone in its set.
fn machines(recorder: &busdma_recorder::Recorder, machines: &Arc<Machines>) {
    let rig = Rig::usual(Profile::Freebsd11);
    let spec = Traffic::BouncePressure.machine();
    machines.lock().push(Host::new(recorder, description("m", rig.profile, &spec)));
}

fn traffic(count: usize) -> impl Iterator<Item = busdma_sim::ops::Op> {
    Workload::new(Traffic::BouncePressure, 3).take(count)
}

fn paths(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort_unstable();
    paths
}

/// Waits until `done`.
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn every_part_replays_by_itself() {
    for compression in [Compression::None, Compression::Zstd] {
        let folder = tempfile::tempdir().unwrap();
        let set = Arc::new(Machines::default());
        let recorder = recorder(config(folder.path()), &set);
        machines(&recorder, &set);
        recorder.start(StartRequest { compression, rotate_bytes: NonZeroU64::new(2000), ..request() }).unwrap();
        for (at, op) in traffic(2000).enumerate() {
            set.lock()[0].apply(&op);
            if at % 100 == 0 {
                std::thread::sleep(Duration::from_millis(7));
            }
        }
        let status = recorder.stop().unwrap();
        let replayed = replay(folder.path());
        assert!(replayed.files.len() > 4, "{:?}", replayed.files);
        assert_eq!(replayed.files.len() as u64, status.files);
        assert_eq!(replayed.files.len(), replayed.scenarios.len());
        assert_eq!((replayed.operations(), status.operations_dropped), (set.told(), 0));
        let numbers =
            replayed.files.iter().map(|file| file.split(['-', '.']).nth(2).unwrap().parse::<usize>().unwrap());
        assert!(numbers.eq(1..=replayed.files.len()), "{:?}", replayed.files);
    }
}

#[test]
fn quiet_machines_rotate_by_age_once() {
    let folder = tempfile::tempdir().unwrap();
    let set = Arc::new(Machines::default());
    let recorder = recorder(config(folder.path()), &set);
    machines(&recorder, &set);
    recorder.start(StartRequest { rotate_after: Some(Duration::from_millis(30)), ..request() }).unwrap();
    set.lock()[0].apply_all(traffic(50));
    wait_until("a second file", || recorder.status().files == 2);
    std::thread::sleep(Duration::from_millis(100));
    // A file without operations is not followed by another one.
    assert_eq!(recorder.stop().unwrap().files, 2);
    let replayed = replay(folder.path());
    assert_eq!(replayed.scenarios.iter().map(|report| report.operations).collect::<Vec<_>>(), [set.told(), 0]);
}

#[test]
fn a_queue_of_one_chunk_drops_and_counts() {
    let folder = tempfile::tempdir().unwrap();
    let set = Arc::new(Machines::default());
    let small =
        busdma_recorder::RecorderConfig { queue_capacity: std::num::NonZeroUsize::MIN, ..config(folder.path()) };
    let recorder = recorder(small, &set);
    machines(&recorder, &set);
    recorder.start(request()).unwrap();
    for burst in 0..4 {
        let mut hosts = set.lock();
        // Under the lock the recorder cannot fetch anything, and it may be waiting for the lock.
        hosts[0].apply_all(Workload::new(Traffic::BouncePressure, burst).take(4000));
        drop(hosts);
        wait_until("room in the queue", || recorder.status().queue_length == 0);
        set.lock()[0].apply_all(Workload::new(Traffic::BouncePressure, burst).skip(20).take(20));
    }
    let status = recorder.stop().unwrap();
    assert!(status.operations_dropped > 1000, "{status:?}");
    assert_eq!(status.operations_written + status.operations_dropped, set.told());
    let replayed = replay(folder.path());
    assert_eq!(replayed.operations(), status.operations_written);
    assert_eq!(replayed.files.len(), 1);
    assert!(replayed.scenarios.len() > 2, "the recording went on {} times", replayed.scenarios.len());
    let text = std::fs::read_to_string(&paths(folder.path())[0]).unwrap();
    let dropped: u64 = text
        .lines()
        .filter_map(|line| line.split_once("goes on after "))
        .map(|(_, rest)| rest.split_once(' ').unwrap().0.parse::<u64>().unwrap())
        .sum();
    assert!(dropped > 0 && dropped <= status.operations_dropped);
}

#[test]
fn what_is_left_of_a_file_that_was_cut_off_replays() {
    for compression in [Compression::None, Compression::Zstd] {
        let folder = tempfile::tempdir().unwrap();
        let set = Arc::new(Machines::default());
        let recorder = recorder(config(folder.path()), &set);
        machines(&recorder, &set);
        recorder.start(StartRequest { compression, ..request() }).unwrap();
        for (at, op) in traffic(400).enumerate() {
            set.lock()[0].apply(&op);
            if at % 100 == 99 {
                let bytes = recorder.status().bytes_written;
                wait_until("a sync", || recorder.status().bytes_written > bytes);
            }
        }
        recorder.stop().unwrap();
        let whole = std::fs::read(&paths(folder.path())[0]).unwrap();
        let cut = tempfile::tempdir().unwrap();
        let path = cut.path().join(paths(folder.path())[0].file_name().unwrap());
        let (mut before, mut torn) = (0, 0);
        for length in (1..=12).map(|twelfth| whole.len() * twelfth / 12) {
            std::fs::write(&path, &whole[..length]).unwrap();
            let replayed = replay(cut.path());
            assert!(replayed.operations() >= before, "{length} of {} bytes", whole.len());
            before = replayed.operations();
            torn += replayed.torn;
        }
        assert_eq!(before, set.told());
        assert!(torn > 5, "{torn}");
    }
}

#[test]
fn old_files_go_and_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let old = "other-20200101T000000Z-0001.jsonl.zst";
    for name in [old, "notes.txt", "m-2020-0001.jsonl"] {
        std::fs::write(folder.path().join(name), b"x").unwrap();
    }
    let set = Arc::new(Machines::default());
    let retention = Retention { files_max: Some(3), ..Retention::default() };
    let recorder = recorder(busdma_recorder::RecorderConfig { retention, ..config(folder.path()) }, &set);
    machines(&recorder, &set);
    recorder.start(StartRequest { rotate_bytes: NonZeroU64::new(2000), ..request() }).unwrap();
    let mut ops = traffic(usize::MAX);
    wait_until("ten files", || {
        set.lock()[0].apply_all(ops.by_ref().take(20));
        recorder.status().files >= 10
    });
    let left = || {
        let names = paths(folder.path());
        names.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    wait_until("old files are gone", || left().len() <= 2 + 3 + 1);
    let last = recorder.stop().unwrap().files;
    let names = left();
    assert!(!names.contains(&old.to_owned()), "{names:?}");
    for stays in ["notes.txt", "m-2020-0001.jsonl"] {
        assert!(names.contains(&stays.to_owned()), "{names:?}");
    }
    assert!(names.iter().any(|name| name.contains(&format!("-{last:04}.jsonl"))), "{names:?}");
}

#[test]
fn a_quota_ends_the_recording_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("something"), [0; 1000]).unwrap();
    let limited = |disk_bytes_max| busdma_recorder::RecorderConfig {
        disk_bytes_max: Some(disk_bytes_max),
        ..config(folder.path())
    };
    let set = Arc::new(Machines::default());
    let full = recorder(limited(1000), &set);
    let error = full.start(request()).unwrap_err();
    assert!(matches!(error, RecorderError::QuotaReached { used: 1000, limit: 1000 }), "{error}");
    let recorder = recorder(limited(30_000), &set);
    machines(&recorder, &set);
    let id = recorder.start(request()).unwrap();
    fails(&set, &recorder);
    let status = recorder.status();
    assert_eq!(status.state, RecorderState::Failed(id));
    assert!(matches!(status.finding, Some(RecorderFinding::QuotaReached { limit: 30_000, .. })), "{status:?}");
    assert_eq!(status.operations_written, replay_but(folder.path(), "something"));
    let bytes: u64 = paths(folder.path()).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(bytes <= 30_000, "{bytes}");
    // The next one is refused or fails, and the machine goes on.
    if recorder.start(request()).is_ok() {
        fails(&set, &recorder);
    }
    set.lock()[0].apply_all(traffic(100));
}

/// Carries out operations until the recording has failed; everything told to it is accounted for.
fn fails(set: &Machines, recorder: &busdma_recorder::Recorder) {
    let before = set.told();
    let mut ops = traffic(usize::MAX);
    wait_until("the recording fails", || {
        set.lock()[0].apply_all(ops.by_ref().take(100));
        matches!(recorder.status().state, RecorderState::Failed(_))
    });
    let accounted = || {
        let status = recorder.status();
        status.operations_written + status.operations_dropped == set.told() - before
    };
    wait_until("everything is counted", accounted);
}

fn replay_but(directory: &Path, other: &str) -> u64 {
    std::fs::remove_file(directory.join(other)).unwrap();
    replay(directory).operations()
}

/// Where a test of the full disk finds its own file system.
const SMALL_DISK: &str = "BUSDMA_SMALL_DISK";

/// Runs this test again in a mount namespace where a small file system is mounted. Without the right to do that, what is
/// left is the device that is always full, in the tests of `files::part`.
#[test]
fn a_full_disk_ends_the_recording_and_nothing_else() {
    if let Some(directory) = std::env::var_os(SMALL_DISK) {
        return on_a_full_disk(Path::new(&directory));
    }
    let folder = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=2m none "$1" || exit 77; exec "$2" --exact "$3" --nocapture"#;
    let outcome = Command::new("unshare")
        .args(["--mount", "--map-root-user", "--user", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .arg("disk::a_full_disk_ends_the_recording_and_nothing_else")
        .env(SMALL_DISK, folder.path())
        .output();
    match outcome {
        Ok(output) if output.status.code() == Some(77) => eprintln!("no file system can be mounted here"),
        Ok(output) if String::from_utf8_lossy(&output.stderr).starts_with("unshare: ") => {
            eprintln!("no mount namespace can be made here");
        }
        Ok(output) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        }
        Err(error) => eprintln!("there is no unshare: {error}"),
    }
}

fn on_a_full_disk(directory: &Path) {
    for compression in [Compression::None, Compression::Zstd] {
        let set = Arc::new(Machines::default());
        let recorder = recorder(config(directory), &set);
        machines(&recorder, &set);
        let path = RecordingPath::parse(if compression == Compression::None { "text" } else { "zstd" }).unwrap();
        let id = recorder.start(StartRequest { directory: Some(path.clone()), compression, ..request() }).unwrap();
        fails(&set, &recorder);
        let status = recorder.status();
        assert_eq!(status.state, RecorderState::Failed(id));
        assert!(matches!(status.finding, Some(RecorderFinding::DiskFull { .. })), "{status:?}");
        let replayed = replay(&directory.join(path.as_path()));
        assert_eq!((replayed.operations(), replayed.torn), (status.operations_written, 0), "{compression:?}");
        assert!(status.operations_written > 0);
        std::fs::remove_dir_all(directory.join(path.as_path())).unwrap();
        // The disk has room again, and so the next recording has.
        recorder.start(StartRequest { directory: Some(path.clone()), ..request() }).unwrap();
        set.lock()[0].apply_all(traffic(50));
        assert!(recorder.stop().unwrap().finding.is_none());
        std::fs::remove_dir_all(directory.join(path.as_path())).unwrap();
    }
}
