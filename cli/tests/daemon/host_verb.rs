//! `busdma host` against real daemons. Where the tests run without the rights that probes take, the daemon says so, and
//! that is what is asserted.

use crate::host::Busdmad;
use busdma_api::host::{EventRecord, Probes, ProbesReply, ProbesState, WatchReply};
use busdma_cli::host::overview::Overview;
use rustix::process::Signal;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// A user that is neither root nor the daemon's.
const NOBODY: u32 = 65_534;

const WITHOUT_PROBES: &str = "the daemon was started without probes; start busdmad with --probes";

fn probes(daemon: &Busdmad) -> ProbesReply {
    daemon.client().call(&Probes {}).unwrap()
}

/// A daemon with probes, and whether they are attached; if not, it must say why and what to do.
fn with_probes() -> (Busdmad, bool) {
    let daemon = Busdmad::start(&["--probes"]);
    let reply = probes(&daemon);
    let attached = reply.state == ProbesState::Attached;
    let text = daemon.stdout(&["host", "probes"]);
    if !attached {
        assert!(text.starts_with("no probe is attached: "), "{text}");
        assert!(reply.reason.is_some() && reply.advice.is_some(), "{reply:?}");
        let (code, stderr) = daemon.failure(&["host", "record", "never-written"]);
        assert_eq!((code, stderr.starts_with("error: no probe is attached: ")), (1, true), "{stderr}");
        assert!(!Path::new("never-written").exists());
    }
    (daemon, attached)
}

/// Writes to a disk, past all caches.
fn write_to_disk() {
    let mut file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    file.write_all(&vec![0x5a; 1 << 16]).unwrap();
    file.sync_all().unwrap();
}

#[test]
fn a_daemon_without_probes_still_knows_the_devices() {
    let daemon = Busdmad::start(&[]);
    assert_eq!(daemon.stdout(&["host", "probes"]), format!("no probe is attached: {WITHOUT_PROBES}\n"));
    let text = daemon.stdout(&["host"]);
    assert!(text.starts_with(&format!("no probe is attached: {WITHOUT_PROBES}\n\nDevices\n  ")), "{text}");
    assert!(!text.contains("Mappings by verdict"), "{text}");
    let overview: Overview = serde_json::from_str(&daemon.stdout(&["host", "--json"])).unwrap();
    assert_eq!((overview.probes.state, overview.correlation), (ProbesState::Unavailable, None));
    for arguments in [&["host", "mappings"][..], &["host", "events"], &["host", "record", "f"], &["host", "--watch"]] {
        let expected = format!("error: no probe is attached: {WITHOUT_PROBES}\n");
        assert_eq!(daemon.failure(arguments), (1, expected), "{arguments:?}");
    }
    let (code, stderr) = daemon.failure(&["host", "attach"]);
    assert_eq!((code, stderr), (1, format!("error: no probe can be attached: {WITHOUT_PROBES}\n")));
}

#[test]
fn what_is_recorded_is_correlated() {
    let (daemon, attached) = with_probes();
    if !attached {
        return;
    }
    let text = daemon.stdout(&["host", "probes"]);
    let issue = text.lines().find(|line| line.starts_with("block:block_rq_issue")).unwrap();
    assert_eq!(issue.split_whitespace().nth(1), Some("attached"), "{text}");
    for name in ["dma.busdma-host", "dma.busdma-host.zst"] {
        let path = daemon.dir().join(name).display().to_string();
        let mut running = daemon.spawn(&["host", "record", &path, "--seconds", "2"]);
        while running.0.try_wait().unwrap().is_none() {
            write_to_disk();
        }
        let printed = std::io::read_to_string(running.0.stdout.take().unwrap()).unwrap();
        assert_eq!(running.end(), (Some(0), String::new()), "{printed}");
        assert!(printed.starts_with(&format!("{path}: ")) && printed.contains(" events in 2."), "{printed}");
        let output = daemon.busdma(&["correlate", &path, "--json"]).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(report["events"]["block_rq_issue"].as_u64() > Some(0), "{report}");
        let written: u64 = report["events"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        assert!(printed.contains(&format!(": {written} events in ")), "{printed}: {}", report["events"]);
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert!(header(&path).contains(&format!("\"kernel\":\"{}\"", release.trim())), "{}", header(&path));
    }
}

/// The first line of a capture.
fn header(path: &str) -> String {
    let file = File::open(path).unwrap();
    let mut line = String::new();
    if Path::new(path).extension().is_some_and(|extension| extension == "zst") {
        BufReader::new(zstd::Decoder::new(file).unwrap()).read_line(&mut line).unwrap();
    } else {
        BufReader::new(file).read_line(&mut line).unwrap();
    }
    line
}

#[test]
fn events_and_watch_end_quietly() {
    let (daemon, attached) = with_probes();
    if !attached {
        return;
    }
    let follow: [&[&str]; 3] = [
        &["host", "events", "--event", "block_rq_issue", "--event", "block:block_rq_complete"],
        &["host", "events", "--json"],
        &["host", "--watch", "--interval", "50ms"],
    ];
    for arguments in follow {
        let mut running = daemon.spawn(arguments);
        running.await_handler();
        write_to_disk();
        let line = first_line(&mut running);
        assert!(!line.is_empty());
        if arguments.contains(&"--json") {
            serde_json::from_str::<EventRecord>(&line).unwrap();
        }
        running.signal(Signal::INT);
        assert_eq!(running.end(), (Some(0), String::new()), "{arguments:?}");
        let mut running = daemon.spawn(arguments);
        running.await_handler();
        running.0.stdout = None;
        while running.0.try_wait().unwrap().is_none() {
            write_to_disk();
        }
        assert_eq!(running.end(), (Some(0), String::new()), "{arguments:?}, nobody reads");
    }
    let path = daemon.dir().join("until-ctrl-c").display().to_string();
    let recording = daemon.spawn(&["host", "record", &path]);
    recording.await_handler();
    recording.signal(Signal::TERM);
    assert_eq!(recording.end(), (Some(0), String::new()));
    assert!(header(&path).starts_with("{\"format\":\"busdma-host\",\"version\":1,"));
    let mut running = daemon.spawn(&["host", "--watch", "--interval", "50ms", "--json"]);
    serde_json::from_str::<WatchReply>(&first_line(&mut running)).unwrap();
    let (code, stderr) = daemon.failure(&["host", "--watch", "--interval", "1ms"]);
    assert_eq!((code, &*stderr), (1, "error: an interval of 1 ms is too short: the daemon allows 20 ms or more\n"));
}

fn first_line(running: &mut crate::host::Running) -> String {
    let mut line = String::new();
    BufReader::new(running.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line
}

#[test]
fn probes_are_detached_and_attached_anew() {
    let (daemon, attached) = with_probes();
    if !attached {
        return;
    }
    let detached = "no probe is attached: `busdma host attach` attaches them";
    assert_eq!(daemon.stdout(&["host", "detach"]), format!("{detached}\n"));
    assert_eq!(daemon.failure(&["host", "events"]), (1, format!("error: {detached}\n")));
    assert!(daemon.stdout(&["host", "mappings"]).ends_with("live mappings.\n"), "what was counted stays");
    let text = daemon.stdout(&["host", "attach", "--totals"]);
    assert!(text.contains(" probes are attached: totals only of all devices; "), "{text}");
    let only_counts = "error: the probes only count (--totals): `busdma host attach` attaches them anew, for events\n";
    assert_eq!(daemon.failure(&["host", "events"]), (1, only_counts.to_owned()));
    let attach = daemon.busdma(&["host", "attach", "--device", "udmabuf0", "--json"]).output().unwrap();
    let reply: ProbesReply = serde_json::from_slice(&attach.stdout).unwrap();
    assert_eq!((reply.state, reply.devices), (ProbesState::Attached, vec!["udmabuf0".to_owned()]));
    let warning = "warning: no device `udmabuf0` is known or has mapped anything; waiting for it to come\n";
    assert_eq!(String::from_utf8(attach.stderr).unwrap(), warning);
}

#[test]
fn misspelt_names_suggest_the_nearest() {
    let daemon = Busdmad::start(&[]);
    let overview: Overview = serde_json::from_str(&daemon.stdout(&["host", "--json"])).unwrap();
    let (code, stderr) = daemon.failure(&["host", "--device", "zzz"]);
    assert_eq!((code, &*stderr), (1, "error: no device `zzz` is known or has mapped anything\n"));
    if let Some(device) = overview.devices.first() {
        let typo = format!("{}0", device.device);
        let (code, stderr) = daemon.failure(&["host", "--device", &typo]);
        assert_eq!(code, 1);
        assert!(stderr.contains("(did you mean `"), "{stderr}");
        let text = daemon.stdout(&["host", "--device", &device.device]);
        assert!(text.contains(&format!("\n  {}  ", device.device)), "{text}");
    }
    let (code, stderr) = daemon.failure(&["host", "events", "--event", "dma_map_sq"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("no tracepoint is called so (did you mean `dma_map_sg`?)"), "{stderr}");
}

#[test]
fn where_things_are_mapped_is_not_for_everybody() {
    let daemon = Busdmad::start(&["--probes"]);
    fs::set_permissions(daemon.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    let run = |arguments: &[&str]| {
        // Where the tests are built may be closed to others.
        let copy = daemon.dir().join("busdma");
        if !copy.exists() {
            fs::copy(env!("CARGO_BIN_EXE_busdma"), &copy).unwrap();
        }
        let mut command = Command::new(copy);
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let output = command.args(arguments).env("BUSDMA_SOCKET", daemon.socket()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(&["host"]), (Some(0), String::new()), "how much is mapped is for everybody");
    let (code, stderr) = run(&["host", "mappings"]);
    if rustix::process::geteuid().is_root() {
        let refused = "error: what the host maps is for root and the daemon's own user, not for user 65534: use sudo, or \
                       run as the daemon's user\n";
        for verb in ["attach", "detach", "mappings"] {
            assert_eq!(run(&["host", verb]), (Some(1), refused.to_owned()), "{verb}");
        }
    } else {
        assert!(!stderr.contains("is for root"), "the daemon's own user may ask: {code:?} {stderr}");
    }
}

#[test]
fn without_a_daemon_every_action_says_so() {
    let expected = "error: no busdmad at /nowhere: start it with `busdmad` or `systemctl start busdmad`\n";
    let actions: [&[&str]; 8] = [
        &[],
        &["--watch"],
        &["probes"],
        &["attach"],
        &["detach"],
        &["mappings"],
        &["events"],
        &["record", "never-written"],
    ];
    for action in actions {
        let mut command = Command::new(env!("CARGO_BIN_EXE_busdma"));
        let output = command.arg("host").args(action).env("BUSDMA_SOCKET", "/nowhere").output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), expected, "{action:?}");
        assert_eq!(output.status.code(), Some(3), "{action:?}");
    }
}
