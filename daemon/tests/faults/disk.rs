//! A recording that cannot go on: it ends and says why, and the service goes on.

use crate::bystander::Untimed;
use crate::driver::{Driver, Pool};
use crate::fault::{Conditions, Rig, Surroundings, fault};
use busdma_api::monitor::{Findings, Severity};
use busdma_api::recorder::{RecorderState, Start, Status, StatusReply};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The most that the recordings have room for in these tests, bytes.
const ROOM: u64 = 1 << 20;

/// A small file system, in a mount namespace of the daemon's own.
fn small_disk(directory: &Path) -> Command {
    let mut command = unshare();
    command.args(["sh", "-c", r#"mount -t tmpfs -o size=1m none "$0" && exec "$@""#]).arg(directory);
    command
}

/// A limit on the size of each file; files of memory are files too, and smaller.
fn small_files(directory: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap "" XFSZ; ulimit -f 2048; exec "$@""#]).arg(directory);
    command
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
}

#[test]
fn a_full_disk() {
    let mounts = unshare().args(["mount", "-t", "tmpfs", "none", "/tmp"]).output().unwrap();
    if mounts.status.success() {
        ends_the_recording(small_disk, "no space left to write");
    } else {
        // Where nothing may be mounted, `a_file_that_may_not_grow` is all that can be seen.
        let reason = String::from_utf8(mounts.stderr).unwrap().to_lowercase();
        assert!(reason.contains("permi") || reason.contains("unshare failed"), "{reason}");
    }
}

#[test]
fn a_file_that_may_not_grow() {
    ends_the_recording(small_files, "cannot be written");
}

fn ends_the_recording(around: fn(&Path) -> Command, why: &'static str) {
    let conditions =
        Conditions { surroundings: Surroundings::Recording(around), error: "recording ended", ..Conditions::USUAL };
    fault(conditions, |rig| {
        let status = fills(rig);
        assert!(status.error.as_ref().is_some_and(|error| error.contains(why)), "{status:?}");
        assert!(status.bytes_written > ROOM / 2 && status.operations_written > 0, "{status:?}");
        let found = rig.monitor().call(&Findings::default()).unwrap().findings;
        let found = found.iter().find(|finding| finding.kind == "recording_stopped").unwrap();
        assert_eq!((found.severity, found.machine), (Severity::Error, None));
        assert!(found.message.contains(why), "{found:?}");
        // The service goes on, and so would a recording that has room.
        let written = rig.monitor().call(&Status {}).unwrap().operations_written;
        Driver::new(&rig.socket, Pool::Contended, 8).cycle(3, &mut Untimed);
        assert_eq!(rig.monitor().call(&Status {}).unwrap().operations_written, written);
        let again = rig.monitor().call(&Start::default());
        assert!(again.is_ok() || format!("{again:?}").contains("CannotWrite"), "{again:?}");
        fills(rig);
    });
}

/// Works until the recording has failed.
fn fills(rig: &mut Rig) -> StatusReply {
    let mut driver = Driver::new(&rig.socket, Pool::Contended, 16);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        for seed in 0..50 {
            driver.cycle(seed, &mut Untimed);
        }
        let status = rig.monitor().call(&Status {}).unwrap();
        if status.state == RecorderState::Failed {
            return status;
        }
        assert!(Instant::now() < deadline, "{status:?}");
    }
}
