//! Clients that share nothing with us but the interfaces: Python programs on the packages `varlink` and `asyncvarlink` from
//! PyPI and on plain sockets, each against a real daemon of its own. They are also examples: `BUSDMA_SOCKET` names the socket.

#[path = "program/daemon.rs"]
#[expect(dead_code, reason = "the tests of the program use all of it")]
mod daemon;

use daemon::{Daemon, PATIENCE, directory};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// Pinned, so that a new release is taken up on purpose.
const PACKAGES: [&str; 2] = ["varlink==31.0.0", "asyncvarlink==0.3.3"];

#[test]
fn introspect() {
    passes("introspect.py", Daemons::KeepRunning);
}

#[test]
fn cycle() {
    passes("cycle.py", Daemons::KeepRunning);
}

#[test]
fn loads() {
    passes("loads.py", Daemons::KeepRunning);
}

#[test]
fn deferred() {
    passes("deferred.py", Daemons::AreStopped);
}

#[test]
fn errors() {
    passes("errors.py", Daemons::KeepRunning);
}

#[test]
fn limits() {
    passes("limits.py", Daemons::KeepRunning);
}

#[test]
fn device() {
    passes("device.py", Daemons::KeepRunning);
}

#[test]
fn asynchronous() {
    passes("asynchronous.py", Daemons::KeepRunning);
}

#[test]
fn monitor() {
    passes("monitor.py", Daemons::AreStopped);
}

#[test]
fn recorder() {
    passes("recorder.py", Daemons::Record);
}

#[test]
fn host() {
    passes("host.py", Daemons::Probe);
}

#[test]
fn host_without_probes() {
    passes("host_without_probes.py", Daemons::KeepRunning);
}

/// README's example, as a user would copy it.
#[test]
fn readme() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let (_, rest) = readme.split_once("```python service\n").expect("README has a program");
    let (program, _) = rest.split_once("\n```").expect("it ends");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("readme.py");
    fs::write(&path, program).unwrap();
    passes(path.to_str().unwrap(), Daemons::KeepRunning);
}

/// What a script expects of its daemon, and does to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Daemons {
    /// It records nothing, and serves on.
    KeepRunning,
    /// The script ends it with SIGTERM.
    AreStopped,
    /// It records from the start, and serves on.
    Record,
    /// It loads the probes and records from the start, and serves on.
    Probe,
}

/// Runs a script against a daemon; both must come to a good end.
fn passes(script: &str, daemons: Daemons) {
    let python = python();
    let (directory, socket) = directory();
    let mut daemon = Daemon::serving(&socket, |command| {
        if matches!(daemons, Daemons::Record | Daemons::Probe) {
            command.arg("--record").arg(directory.path().join("recordings"));
        }
        if daemons == Daemons::Probe {
            command.arg("--probes");
        }
    });
    let output = directory.path().join("output");
    let status = ended(start(python, script, &socket, &output));
    let said = fs::read_to_string(&output).unwrap();
    assert!(status.success(), "{script}, {status}:\n{said}\nThe daemon:\n{}", daemon.lines_with("").join("\n"));
    if daemons != Daemons::AreStopped {
        daemon.send(Signal::TERM);
    }
    let status = daemon.ended();
    assert!(status.success(), "the daemon after {script}, {status}:\n{}", daemon.lines_with("").join("\n"));
    assert_eq!(daemon.lines_with("panicked"), [""; 0]);
}

fn start(python: &Path, script: &str, socket: &Path, output: &Path) -> Child {
    let output = File::create(output).unwrap();
    let mut command = Command::new(python);
    // No other modules than ours and those of the environment, and no compiled ones among the sources.
    command.args(["-E", "-s", "-B", "-X", "faulthandler"]);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script));
    command.env("BUSDMA_SOCKET", socket).stdout(output.try_clone().unwrap()).stderr(output);
    command.spawn().unwrap()
}

/// How a script ends. One that hangs is made to say where.
fn ended(mut child: Child) -> ExitStatus {
    let deadline = Instant::now() + 4 * PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            kill_process(Pid::from_child(&child), Signal::ABORT).unwrap();
            return child.wait().unwrap();
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// A Python that has the packages, in an environment that is kept for the next time.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let environment = directory.join(format!("python-{}", PACKAGES.join("-")));
        if !environment.exists() {
            // Elsewhere first: what has its name is whole, also when two make it at once or one fails to.
            let draft = tempfile::tempdir_in(directory).unwrap();
            make(draft.path());
            let _ = fs::rename(draft.path(), &environment);
        }
        environment.join("bin/python")
    })
}

fn make(environment: &Path) {
    let venv = "install Python 3.11 or later with its venv module (Debian: apt-get install python3-venv)";
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(environment), venv);
    let pypi = "install pip (Debian: apt-get install python3-venv) and let it reach PyPI or a mirror of it";
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(environment.join("bin/python")).args(pip).args(PACKAGES), pypi);
}

/// Runs a command that must succeed; `remedy` says what to do when it does not.
fn run(command: &mut Command, remedy: &str) {
    match command.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!(
            "the Python clients cannot be tested: {remedy}\n{command:?}:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => panic!("the Python clients cannot be tested: {remedy}"),
        Err(error) => panic!("{command:?}: {error}"),
    }
}
