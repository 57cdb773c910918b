//! The processes at the other end.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A daemon.
pub(crate) struct Service {
    child: Child,
    directory: TempDir,
}

impl Service {
    /// Starts one and waits until it serves.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_busdmad"));
        command.arg("--socket").arg(directory.path().join("s")).args(arguments).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the daemon");
        let stderr = child.stderr.take().expect("its log");
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("serving")), "the daemon does not serve");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, directory }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("s")
    }

    /// Processor time it has used.
    pub(crate) fn cpu(&self) -> Duration {
        cpu_in(&std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs"))
    }

    /// Processor time that its threads of such names have used, as far as they still run.
    pub(crate) fn cpu_of(&self, name: &str) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let stats = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("stat")).ok());
        stats.filter(|stat| stat.contains(&format!("({name}"))).map(|stat| cpu_in(&stat)).sum()
    }
}

/// User and system time of a line of the kernel's.
fn cpu_in(stat: &str) -> Duration {
    let after_name = stat.rsplit(')').next().expect("a name");
    let ticks = after_name.split_whitespace().skip(11).take(2);
    Duration::from_millis(10 * ticks.map(|ticks| ticks.parse::<u64>().expect("a number")).sum::<u64>())
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that answers as many bytes as it is asked for.
pub(crate) struct Echo {
    child: Child,
    directory: TempDir,
}

const ECHO: &str = "BUSDMA_BENCH_ECHO";

pub(crate) fn is_echo() -> bool {
    std::env::var_os(ECHO).is_some()
}

impl Echo {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("s");
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program).env(ECHO, &socket).spawn().expect("an echo");
        while !socket.exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Self { child, directory }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("s")
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads messages of a size and answers each with one of another: the first eight bytes of a connection say which.
pub(crate) fn echo() {
    let path = std::env::var_os(ECHO).expect("a path");
    let (mut stream, _) = UnixListener::bind(Path::new(&path)).expect("a socket").accept().expect("a client");
    let mut sizes = [0; 8];
    stream.read_exact(&mut sizes).expect("sizes");
    let size = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes")) as usize;
    let (mut asked, answer) = (vec![0; size(&sizes[..4])], vec![0; size(&sizes[4..])]);
    while stream.read_exact(&mut asked).is_ok() && stream.write_all(&answer).is_ok() {}
}

/// Connects to an echo of such sizes.
pub(crate) fn connect_echo(echo: &Echo, asked: usize, answered: usize) -> UnixStream {
    let mut stream = UnixStream::connect(echo.socket()).expect("an echo");
    let size = |size: usize| u32::try_from(size).expect("a small message").to_le_bytes();
    stream.write_all(&size(asked)).and_then(|()| stream.write_all(&size(answered))).expect("sizes");
    stream
}
