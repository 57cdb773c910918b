//! A real busdmad for tests, and the tool pointed at it.

#[path = "../../../daemon/tests/support/programs.rs"]
mod programs;

use assert_cmd::Command;
use busdma_api::client::Client;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Where the tool looks for settings, so that it does not find those of whoever runs the tests.
pub(crate) const NOWHERE: &str = "/nowhere";

/// A daemon of the test's own, ended when dropped.
pub(crate) struct Busdmad {
    child: Child,
    dir: TempDir,
}

impl Busdmad {
    /// Starts a daemon on a socket in a directory of its own, which others may enter.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        let socket = dir.path().join("busdma.varlink");
        let child = std::process::Command::new(programs::built("busdmad"))
            .current_dir(&dir)
            .arg("--socket")
            .arg(&socket)
            .args(arguments)
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while UnixStream::connect(&socket).is_err() {
            let log = fs::read_to_string(dir.path().join("log")).unwrap();
            assert!(started.elapsed() < PATIENCE, "busdmad does not listen: {log}");
            thread::sleep(Duration::from_millis(10));
        }
        Self { child, dir }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("busdma.varlink")
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A connection of the test's own.
    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.socket()).unwrap()
    }

    /// The tool, told where this daemon is.
    pub(crate) fn busdma(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("busdma").unwrap();
        command.args(arguments).env("BUSDMA_SOCKET", self.socket()).env("XDG_CONFIG_HOME", NOWHERE).timeout(PATIENCE);
        command
    }

    /// What the tool prints, when it succeeds.
    pub(crate) fn stdout(&self, arguments: &[&str]) -> String {
        let output = self.busdma(arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        assert_eq!(stderr, "", "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until that is what the tool prints.
    pub(crate) fn comes_to_say(&self, arguments: &[&str], expected: &str) {
        let started = Instant::now();
        loop {
            let text = self.stdout(arguments);
            if text == expected {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{arguments:?} says, still: {text}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The exit code and what the tool says on standard error.
    pub(crate) fn failure(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.busdma(arguments).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    /// The tool in the background, its output in pipes.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Running {
        let child = std::process::Command::new(env!("CARGO_BIN_EXE_busdma"))
            .args(arguments)
            .env("BUSDMA_SOCKET", self.socket())
            .env("XDG_CONFIG_HOME", NOWHERE)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running(child)
    }

    /// Ends the daemon without any warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Busdmad {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A run of the tool; ended when dropped.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// Waits until it handles SIGINT.
    pub(crate) fn await_handler(&self) {
        let path = format!("/proc/{}/status", self.0.id());
        let started = Instant::now();
        loop {
            let status = fs::read_to_string(&path).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            if u64::from_str_radix(caught.trim(), 16).unwrap() & 1 << (Signal::INT.as_raw() - 1) != 0 {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "it does not handle SIGINT");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end: exit code (`None` for one that a signal brought about) and standard error.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(5));
        };
        let stderr = std::io::read_to_string(self.0.stderr.take().unwrap()).unwrap();
        (status.code(), stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
