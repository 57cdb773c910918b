//! How every verb treats its output: closed pipes, full disks, colour, completions and manual pages.

use assert_cmd::Command;
use std::fs::{self, File};
use std::io;
use std::process::Stdio;

const VERBS: [&str; 16] = [
    "plan",
    "presets",
    "replay",
    "correlate",
    "status",
    "zones",
    "tags",
    "maps",
    "watch",
    "top",
    "record",
    "host",
    "call",
    "demo",
    "completions",
    "man",
];

/// Command lines that print a lot, one for each verb and format.
const TALKATIVE: [&[&str]; 14] = [
    &["presets"],
    &["presets", "--json"],
    &["plan", "--preset", "nvme", "--length", "128K", "--all"],
    &["plan", "--preset", "nvme", "--length", "128K", "--json"],
    &["plan", "--preset", "vge", "--length", "64K"],
    &["replay", "tests/data/differs.jsonl"],
    &["correlate", "../daemon/host/tests/data/nvme-force"],
    &["correlate", "../daemon/host/tests/data/nvme-force", "--json"],
    &["demo", "--local", "--seconds", "1"],
    &["top", "--once", "--demo"],
    &["top", "--once", "--demo", "--json"],
    &["completions", "bash"],
    &["man"],
    &["--help"],
];

/// Where the tool looks for settings, so that it does not find those of whoever runs the tests.
const NOWHERE: &str = "/nowhere";

fn busdma() -> Command {
    let mut command = Command::cargo_bin("busdma").unwrap();
    command.env("XDG_CONFIG_HOME", NOWHERE);
    command
}

fn stdout(arguments: &[&str]) -> String {
    String::from_utf8(busdma().args(arguments).output().unwrap().stdout).unwrap()
}

#[test]
fn a_closed_pipe_is_a_quiet_success() {
    for arguments in TALKATIVE {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_busdma"))
            .args(arguments)
            .env("XDG_CONFIG_HOME", NOWHERE)
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    for arguments in TALKATIVE {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_busdma"))
            .args(arguments)
            .env("XDG_CONFIG_HOME", NOWHERE)
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn there_is_no_colour_without_a_terminal() {
    let arguments = ["plan", "--preset", "fxp", "--length", "8K"];
    assert!(!stdout(&arguments).contains('\x1b'));
    let forced = busdma().args(arguments).env("CLICOLOR_FORCE", "1").output().unwrap();
    let forced = String::from_utf8(forced.stdout).unwrap();
    assert!(forced.contains('\x1b'), "the report has styles");
    let stripped = anstream::adapter::strip_str(&forced).to_string();
    assert_eq!(stripped, stdout(&arguments), "styles are all that differs");
}

#[test]
fn completions_know_every_verb() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&["completions", shell]);
        for verb in VERBS {
            assert!(script.contains(verb), "{shell}: {verb}");
        }
    }
}

#[test]
fn the_manual_has_every_verb_option_and_example() {
    insta::with_settings!({filters => vec![(r"busdma \d+\.\d+\.\d+", "busdma [VERSION]"), (r"v\d+\.\d+\.\d+", "v[VERSION]")]}, {
        insta::assert_snapshot!("manual", stdout(&["man"]));
    });
}

#[test]
fn a_manual_page_for_each_verb() {
    let dir = tempfile::tempdir().unwrap();
    busdma().args(["man", "--dir"]).arg(dir.path()).assert().success().stdout("");
    let mut pages: Vec<String> =
        fs::read_dir(&dir).unwrap().map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    pages.sort();
    let mut expected: Vec<_> = VERBS.iter().map(|verb| format!("busdma-{verb}.1")).collect();
    expected.extend(["start", "status", "stop"].map(|action| format!("busdma-record-{action}.1")));
    let host = ["attach", "detach", "events", "mappings", "probes", "record"];
    expected.extend(host.map(|action| format!("busdma-host-{action}.1")));
    expected.push("busdma.1".to_owned());
    expected.sort();
    assert_eq!(pages, expected);
    for page in pages {
        let roff = fs::read_to_string(dir.path().join(&page)).unwrap();
        assert!(roff.contains(".SH EXAMPLES"), "{page:?}");
    }
}

#[test]
fn a_directory_that_cannot_be_made() {
    busdma()
        .args(["man", "--dir", "Cargo.toml/pages"])
        .assert()
        .code(2)
        .stderr("error: cannot write the pages to Cargo.toml/pages: Not a directory (os error 20)\n");
}
