//! One frame as text or JSON, and what is said where there is none.

use crate::host::{Busdmad, NOWHERE};
use assert_cmd::Command;
use std::fs;
use std::io::Read;
use std::process::Stdio;

fn busdma(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("busdma").unwrap();
    command.args(arguments).env_remove("BUSDMA_SOCKET").env("XDG_CONFIG_HOME", NOWHERE);
    command
}

#[test]
fn as_large_as_asked_for() {
    let check = |arguments: &[&str], columns: usize, rows: usize| {
        let output = busdma(&[&["top", "--once", "--demo"], arguments].concat()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}");
        assert_eq!(text.lines().count(), rows, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= columns && line.trim_end() == line), "{text}");
        assert!(!text.contains('\x1b'), "plain text");
        text
    };
    assert!(check(&[], 120, 40).contains("[1 Overview]"));
    assert!(check(&["--view", "host", "--width", "80", "--height", "24"], 80, 24).contains("[7 Host]"));
    assert!(check(&["--width", "20", "--height", "3"], 20, 3).contains("20×3"));
    check(&["--width", "1", "--height", "1"], 1, 1);
}

#[test]
fn the_pool_of_a_demonstration_is_under_pressure() {
    let output = busdma(&["top", "--once", "--demo", "--json"]).output().unwrap();
    let frame: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let zones = frame["machines"].as_array().unwrap().iter().flat_map(|machine| machine["zones"].as_array().unwrap());
    let bounced: u64 = zones.map(|zone| zone["total_bounced"].as_u64().unwrap()).sum();
    assert!(bounced > 0, "{frame}");
}

#[test]
fn a_daemon_with_nothing_going_on() {
    let daemon = Busdmad::start(&[]);
    let text = daemon.stdout(&["top", "--once"]);
    assert!(text.contains("[1 Overview]") && text.contains("live"), "{text}");
}

#[test]
fn whoever_reads_may_stop() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_busdma"))
        .args(["top", "--once", "--demo"])
        .env("XDG_CONFIG_HOME", NOWHERE)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}

#[test]
fn what_cannot_be_shown() {
    let dir = tempfile::tempdir().unwrap();
    let settings = dir.path().join("busdma.toml");
    fs::write(&settings, "[top]\nthem = \"dark\"\n").unwrap();
    let not_a_trace = dir.path().join("not-a-trace");
    fs::write(&not_a_trace, "{\"a\": 1}\n").unwrap();
    let (settings, not_a_trace) = (settings.to_str().unwrap(), not_a_trace.to_str().unwrap());
    let check = |arguments: &[&str], code: i32, words: &[&str]| {
        let output = busdma(&[&["top"], arguments].concat()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        for word in words {
            assert!(said.contains(word), "{arguments:?}: {word} is in: {said}");
        }
    };
    check(&["--demo"], 2, &["standard output is not a terminal", "--once"]);
    check(&["--once", "--socket", "/nowhere"], 3, &["error: no busdmad at /nowhere: start it with `busdmad`"]);
    check(&["--once", "--replay", "/nowhere"], 2, &["error: /nowhere: no such file"]);
    check(&["--once", "--replay", "/"], 2, &["error: / is neither a busdma-trace file nor a capture of a host: "]);
    check(&["--once", "--replay", not_a_trace], 2, &[not_a_trace]);
    check(&["--once", "--demo", "--machine", "vm7"], 2, &["no machine `vm7`; there are demo1, demo2"]);
    check(&["--once", "--demo", "--machine", "vm7", "--json"], 2, &["no machine `vm7`"]);
    check(&["--once", "--machine", "7"], 2, &["`7` is no machine, such as `host0` or `vm1`"]);
    check(&["--once", "--demo", "--config", "/nowhere"], 2, &["cannot read /nowhere: No such file or directory"]);
    check(&["--once", "--demo", "--config", settings], 2, &[settings, "them", "line 2"]);
    check(&["--once", "--replay", "tests/data/match.jsonl", "--at", "noon"], 2, &["noon"]);
}

/// A frame with more text than is decompressed at once goes through a temporary file, for which there is no folder here.
#[test]
fn a_recording_that_cannot_be_read_to_its_end_is_an_error() {
    let recordings = concat!(env!("CARGO_MANIFEST_DIR"), "/../dashboards/tests/recordings");
    let mut bytes = fs::read(format!("{recordings}/idle.jsonl.zst")).unwrap();
    bytes.extend(zstd::encode_all(&vec![b'\n'; 20 << 20][..], 1).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.zst");
    fs::write(&path, bytes).unwrap();
    let output =
        busdma(&["top", "--once", "--replay", path.to_str().unwrap()]).env("TMPDIR", "/nowhere").output().unwrap();
    let (shown, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(shown.contains("[1 Overview]") && shown.contains("cannot be read: "), "{shown}");
    assert!(said.contains("large.zst cannot be read to its end: "), "{said}");
}
