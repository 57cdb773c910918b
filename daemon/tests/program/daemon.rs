//! A daemon as a real process, with its socket in a directory of its own.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything is waited for. Long, since CI's machines are slow; nothing takes it that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The command, without the settings of whoever runs the tests.
pub(crate) fn busdmad() -> Command {
    without_settings(Command::new(env!("CARGO_BIN_EXE_busdmad")))
}

/// A command that runs the daemon in the end, without the settings of whoever runs the tests.
pub(crate) fn without_settings(mut command: Command) -> Command {
    for name in ["CONFIG", "SOCKET", "RECORD", "METRICS", "LOG_LEVEL", "LOG_FORMAT"] {
        command.env_remove(format!("BUSDMA_{name}"));
    }
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "COLUMNS"] {
        command.env_remove(name);
    }
    command
}

/// A process and the lines of its log.
pub(crate) struct Daemon {
    child: Child,
    log: Receiver<String>,
    seen: Vec<String>,
}

impl Daemon {
    /// Serves a socket, and is waited for until it does.
    pub(crate) fn serving(socket: &Path, configure: impl FnOnce(&mut Command)) -> Self {
        let mut command = busdmad();
        command.arg("--socket").arg(socket);
        configure(&mut command);
        let mut daemon = Self::spawn(&mut command);
        daemon.logged("serving");
        daemon
    }

    /// Starts a command, and reads what it writes to standard error.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, log) = mpsc::channel();
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, log, seen: Vec::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of the log that contains a text, waited for.
    pub(crate) fn logged(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Ok(line) = self.log.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
                panic!("no `{text}` in the log: {:#?}", self.seen);
            };
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// All lines so far that contain a text, those already waited for included.
    pub(crate) fn lines_with(&mut self, text: &str) -> Vec<String> {
        self.seen.extend(self.log.try_iter());
        self.seen.iter().filter(|line| line.contains(text)).cloned().collect()
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// How it ends, waited for.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "still running: {:#?}", self.seen);
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory for a socket, whose path must be short.
pub(crate) fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::Builder::new().prefix("busdmad").tempdir_in("/tmp").unwrap();
    let socket = directory.path().join("s");
    (directory, socket)
}
