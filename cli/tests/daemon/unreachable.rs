//! Where the daemon is looked for, and what is said when it cannot be talked to.

use crate::host::Busdmad;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A user that is neither root nor in root's group.
const NOBODY: u32 = 65_534;

/// The tool as an ordinary user would run it: as the one who runs the tests, or as nobody where that is root.
fn ordinary(dir: &Path, arguments: &[&str]) -> Command {
    let mut command;
    if rustix::process::geteuid().is_root() {
        // Where the tests are built may be closed to others.
        let copy: PathBuf = dir.join("busdma");
        fs::copy(env!("CARGO_BIN_EXE_busdma"), &copy).unwrap();
        command = Command::new(copy);
        command.uid(NOBODY).gid(NOBODY);
    } else {
        command = Command::new(env!("CARGO_BIN_EXE_busdma"));
    }
    command.args(arguments).env_remove("BUSDMA_SOCKET").env_remove("XDG_RUNTIME_DIR").current_dir("/");
    command
}

fn uid() -> u32 {
    let uid = rustix::process::geteuid();
    if uid.is_root() { NOBODY } else { uid.as_raw() }
}

fn check(output: &Output, code: i32, stderr: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(stderr), "{said}");
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(said.lines().count(), 1, "one sentence: {said}");
}

#[test]
fn it_is_looked_for_in_the_login_session_then_at_roots() {
    let daemon = Busdmad::start(&[]);
    fs::set_permissions(daemon.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    let found = ordinary(daemon.dir(), &["status"]).env("XDG_RUNTIME_DIR", daemon.dir()).output().unwrap();
    assert_eq!(found.status.code(), Some(0), "{}", String::from_utf8_lossy(&found.stderr));
    let empty = tempfile::tempdir().unwrap();
    fs::set_permissions(&empty, fs::Permissions::from_mode(0o755)).unwrap();
    if !Path::new("/run/busdma/busdma.varlink").exists() {
        let other = ordinary(daemon.dir(), &["status"]).env("XDG_RUNTIME_DIR", empty.path()).output().unwrap();
        check(
            &other,
            3,
            "error: no busdmad at /run/busdma/busdma.varlink: start it with `busdmad` or `systemctl start",
        );
    }
    let named = ordinary(daemon.dir(), &["status", "--socket"]).arg(daemon.socket()).output().unwrap();
    assert_eq!(named.status.code(), Some(0), "{}", String::from_utf8_lossy(&named.stderr));
    let both =
        ordinary(daemon.dir(), &["status", "--socket", "/nowhere"]).env("BUSDMA_SOCKET", daemon.socket()).output();
    check(&both.unwrap(), 3, "no busdmad at /nowhere: ");
}

#[test]
fn a_socket_that_is_closed_to_the_user() {
    let daemon = Busdmad::start(&[]);
    fs::set_permissions(daemon.socket(), fs::Permissions::from_mode(0o000)).unwrap();
    for verb in ["status", "demo"] {
        let output = ordinary(daemon.dir(), &[verb, "--socket"]).arg(daemon.socket()).output().unwrap();
        check(
            &output,
            3,
            &format!("error: busdmad's socket {} is closed to user {}: ", daemon.socket().display(), uid()),
        );
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("sudo"), "what to do: {said}");
    }
}

#[test]
fn a_user_who_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("busdmad.toml");
    fs::write(&config, "[socket]\nallowed_uids = [4000000000]\nmode = \"0666\"\n").unwrap();
    let daemon = Busdmad::start(&["--config", config.to_str().unwrap()]);
    let output = ordinary(daemon.dir(), &["status", "--socket"]).arg(daemon.socket()).output().unwrap();
    check(&output, 3, &format!("its configuration does not allow user {}", uid()));
}

#[test]
fn a_demonstration_goes_on_without_a_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("busdma.varlink");
    let output = Command::new(env!("CARGO_BIN_EXE_busdma"))
        .args(["demo", "--seconds", "1", "--json", "--socket"])
        .arg(&socket)
        .output()
        .unwrap();
    let expected =
        format!("note: no busdmad at {}, so an engine inside this process takes the traffic\n", socket.display());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["socket"], output.status.code()), (&serde_json::Value::Null, Some(0)));
    assert!(summary["deferred"].as_u64() > Some(0), "{summary}");
}
