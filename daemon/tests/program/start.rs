//! Starting, stopping and being told by signals and service managers, with the real program.

use crate::daemon::{Daemon, PATIENCE, busdmad, directory, without_settings};
use rustix::process::Signal;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Output};

/// Runs a daemon that should refuse to.
fn refused(socket: &Path) -> (i32, String) {
    let Output { status, stderr, .. } = busdmad().arg("--socket").arg(socket).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

fn connects(socket: &Path) -> bool {
    UnixStream::connect(socket).is_ok()
}

/// A connection on which a call was answered, if the daemon serves it.
fn served(socket: &Path) -> Option<UnixStream> {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may be closed already; the answer tells.
    let _ = stream.write_all(b"{\"method\":\"org.varlink.service.GetInfo\"}\0");
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).unwrap_or(0);
    (length > 0).then_some(stream)
}

#[test]
fn a_stop_signal_removes_the_socket_and_is_no_failure() {
    for signal in [Signal::TERM, Signal::INT] {
        let (directory, socket) = directory();
        let mut daemon = Daemon::serving(&socket, |_| {});
        let _idle = served(&socket).unwrap();
        daemon.send(signal);
        assert_eq!(daemon.ended().code(), Some(0), "{signal:?}");
        let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["s.lock"], "{signal:?}");
    }
}

#[test]
fn the_socket_has_its_mode_whatever_the_umask() {
    for (umask, setting, mode) in [("000", "0660", 0o660), ("077", "0660", 0o660), ("027", "0606", 0o606)] {
        let (directory, socket) = directory();
        let file = directory.path().join("busdmad.toml");
        fs::write(&file, format!("socket.mode = '{setting}'")).unwrap();
        let mut shell = without_settings(Command::new("sh"));
        shell.args(["-c", "umask $0; exec \"$@\"", umask, env!("CARGO_BIN_EXE_busdmad"), "--socket"]);
        let mut daemon = Daemon::spawn(shell.arg(&socket).arg("--config").arg(&file));
        daemon.logged("serving");
        let metadata = fs::symlink_metadata(&socket).unwrap();
        assert!(metadata.file_type().is_socket());
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{umask}");
        let lock = fs::metadata(directory.path().join("s.lock")).unwrap();
        assert_eq!(lock.permissions().mode() & 0o7777, 0o600 & !u32::from_str_radix(umask, 8).unwrap());
    }
}

#[test]
fn a_second_daemon_is_refused_and_the_first_goes_on() {
    let (_directory, socket) = directory();
    let first = Daemon::serving(&socket, |_| {});
    let (code, message) = refused(&socket);
    assert_eq!(code, 4, "{message}");
    assert!(message.contains(&format!("served already, by process {}", first.pid())), "{message}");
    assert!(connects(&socket));
}

#[test]
fn a_daemon_that_was_killed_leaves_a_socket_that_is_taken_over() {
    let (_directory, socket) = directory();
    let mut first = Daemon::serving(&socket, |_| {});
    first.send(Signal::KILL);
    first.ended();
    assert!(socket.exists());
    assert!(!connects(&socket));
    let _second = Daemon::serving(&socket, |_| {});
    assert!(connects(&socket));
}

#[test]
fn a_socket_that_somebody_else_listens_on_is_left_alone() {
    let (_directory, socket) = directory();
    let other = UnixListener::bind(&socket).unwrap();
    let (code, message) = refused(&socket);
    assert_eq!(code, 4, "{message}");
    drop(other);
    let _daemon = Daemon::serving(&socket, |_| {});
}

#[test]
fn what_is_no_socket_is_never_replaced() {
    let (directory, socket) = directory();
    let precious = directory.path().join("precious");
    fs::write(&precious, "kept").unwrap();
    fs::write(&socket, "kept").unwrap();
    let (code, message) = refused(&socket);
    assert_eq!(code, 5, "{message}");
    assert!(message.contains("exists and is no socket"), "{message}");
    assert_eq!(fs::read_to_string(&socket).unwrap(), "kept");

    fs::remove_file(&socket).unwrap();
    symlink(&precious, &socket).unwrap();
    assert_eq!(refused(&socket).0, 5);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "kept");
}

#[test]
fn a_socket_that_cannot_be_made_says_what_to_do() {
    let (directory, _) = directory();
    let check = |socket: &Path, message: &str| {
        let (code, said) = refused(socket);
        assert_eq!(code, 5, "{said}");
        assert!(said.contains(message) && said.contains("hint: "), "{said}");
    };
    check(&directory.path().join("missing/s"), "missing/s.lock: No such file or directory");
    check(&directory.path().join("x".repeat(120)), "is too long for a socket");
    symlink("/dev/null", directory.path().join("l.lock")).unwrap();
    check(&directory.path().join("l"), "cannot lock");
}

#[test]
fn a_successor_is_not_disturbed_by_the_end_of_who_lost_its_socket() {
    let (_directory, socket) = directory();
    let mut daemon = Daemon::serving(&socket, |_| {});
    fs::remove_file(&socket).unwrap();
    let _successor = UnixListener::bind(&socket).unwrap();
    daemon.send(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(connects(&socket));
}

#[test]
fn a_reload_applies_a_good_file_and_survives_a_bad_one() {
    let (directory, socket) = directory();
    let file = directory.path().join("busdmad.toml");
    fs::write(&file, "[limits]\nconnections = 1").unwrap();
    let mut daemon = Daemon::serving(&socket, |command| {
        command.arg("--config").arg(&file);
    });
    let _first = served(&socket).unwrap();
    assert!(served(&socket).is_none());

    fs::write(&file, "[limits]\nconections = 2").unwrap();
    daemon.send(Signal::HUP);
    let line = daemon.logged("not reloaded: the limits stay as they were");
    assert!(line.contains("busdmad.toml:2: unknown key `limits.conections`"), "{line}");
    assert!(served(&socket).is_none());

    fs::write(&file, "drain_timeout = '1s'\n[limits]\nconnections = 2").unwrap();
    daemon.send(Signal::HUP);
    assert!(daemon.logged("a restart applies it").contains("drain_timeout"));
    daemon.logged("limits reloaded");
    let _second = served(&socket).unwrap();
    assert!(served(&socket).is_none());
}

#[test]
fn the_log_has_the_form_that_was_asked_for() {
    let (_directory, socket) = directory();
    let json = ["--log-format", "json", "--log-level", "busdmad=debug"];
    let mut daemon = Daemon::spawn(busdmad().arg("--socket").arg(&socket).args(json));
    let line: serde_json::Value = serde_json::from_str(&daemon.logged("serving")).unwrap();
    assert_eq!((&line["level"], &line["message"]), (&"INFO".into(), &"serving".into()));
    assert_eq!(line["socket"], socket.to_str().unwrap());
    daemon.send(Signal::TERM);
    daemon.ended();

    let mut daemon = Daemon::serving(&socket, |command| {
        command.args(["--log-level", "off,busdmad::server=info,busdmad::server::drain=off"]);
    });
    daemon.send(Signal::TERM);
    daemon.logged("stopping");
    daemon.ended();
    assert_eq!(daemon.lines_with("stopped"), [""; 0]);
}

#[test]
fn peers_on_no_list_are_refused_and_logged_once() {
    let (directory, socket) = directory();
    let file = directory.path().join("busdmad.toml");
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    fs::write(&file, format!("[socket]\nallowed_uids = [{}]\nallowed_gids = [{}]", uid + 1, gid + 1)).unwrap();
    let mut daemon = Daemon::serving(&socket, |command| {
        command.arg("--config").arg(&file);
    });
    for _ in 0..3 {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    let line = daemon.logged("connection refused");
    assert!(line.contains(&format!("uid={uid} gid={gid}")), "{line}");
    assert_eq!(daemon.lines_with("connection refused").len(), 1);
}

/// A datagram socket as the service manager has one.
struct ServiceManager(UnixDatagram);

impl ServiceManager {
    fn new(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    /// The next message with a state, as lines.
    fn told(&self, state: &str) -> Vec<String> {
        loop {
            let mut buffer = [0; 4096];
            let length = self.0.recv(&mut buffer).unwrap_or_else(|error| panic!("waiting for {state}: {error}"));
            let lines: Vec<_> = str::from_utf8(&buffer[..length]).unwrap().lines().map(str::to_owned).collect();
            if lines.iter().any(|line| line == state) {
                return lines;
            }
        }
    }
}

#[test]
fn the_service_manager_is_told_of_start_reload_life_and_end() {
    let (directory, socket) = directory();
    let path = directory.path().join("notify");
    let manager = ServiceManager::new(&path);
    let mut daemon = Daemon::serving(&socket, |command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
    });
    let ready = manager.told("READY=1");
    assert!(ready[1].starts_with("STATUS="), "{ready:?}");
    assert!(connects(&socket));
    for _ in 0..3 {
        manager.told("WATCHDOG=1");
    }

    daemon.send(Signal::HUP);
    let reloading = manager.told("RELOADING=1");
    let clock: u64 = reloading[1].strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
    assert!(clock > 0);
    manager.told("READY=1");

    daemon.send(Signal::TERM);
    manager.told("STOPPING=1");
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn without_a_watchdog_nobody_is_told_to_expect_one() {
    let (directory, socket) = directory();
    let path = directory.path().join("notify");
    let manager = ServiceManager::new(&path);
    let daemon = Daemon::serving(&socket, |command| {
        // For some other process.
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "1000").env("WATCHDOG_PID", "1");
    });
    manager.told("READY=1");
    daemon.send(Signal::TERM);
    loop {
        let mut buffer = [0; 4096];
        let length = manager.0.recv(&mut buffer).unwrap();
        let message = str::from_utf8(&buffer[..length]).unwrap();
        assert!(!message.contains("WATCHDOG"), "{message}");
        if message.contains("STOPPING=1") {
            break;
        }
    }
}

/// A command that gets a descriptor as its third, as the service manager passes sockets.
fn activated(passed: OwnedFd, args: &[&str]) -> Command {
    const SCRIPT: &str = r#"exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@""#;
    let mut shell = without_settings(Command::new("sh"));
    shell.args(["-c", SCRIPT, "sh", env!("CARGO_BIN_EXE_busdmad")]).args(args).stdin(passed);
    shell
}

#[test]
fn a_passed_socket_is_served_and_left_behind() {
    let (directory, socket) = directory();
    let listener = UnixListener::bind(&socket).unwrap();
    let early = UnixStream::connect(&socket).unwrap();
    let unused = directory.path().join("unused");
    let passed = listener.try_clone().unwrap().into();
    let mut daemon = Daemon::spawn(&mut activated(passed, &["--socket", unused.to_str().unwrap()]));
    let line = daemon.logged("serving");
    assert!(line.contains(socket.to_str().unwrap()), "{line}");
    assert!(!unused.exists());
    early.set_read_timeout(Some(PATIENCE)).unwrap();

    // The listener of the test stands for the service manager's, which never accepts.
    let (code, message) = refused(&socket);
    assert_eq!(code, 4);
    assert!(message.contains(&format!("by process {}", daemon.pid())), "{message}");

    daemon.send(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(socket.exists());
}

#[test]
fn what_is_passed_must_be_a_listening_unix_socket() {
    let check = |passed: OwnedFd| {
        let output = activated(passed, &[]).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(5), "{message}");
        assert!(message.contains("is no listening Unix stream socket"), "{message}");
    };
    check(UnixStream::pair().unwrap().0.into());
    check(UnixDatagram::unbound().unwrap().into());
    check(std::net::TcpListener::bind("127.0.0.1:0").unwrap().into());
    check(fs::File::open("/dev/null").unwrap().into());
}

#[test]
fn without_a_path_root_serves_the_system_and_others_their_session() {
    let (directory, _) = directory();
    if rustix::process::geteuid().is_root() {
        assert_eq!(busdmad::socket::default_path().unwrap(), Path::new("/run/busdma/busdma.varlink"));
    }
    fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
    let mut command = unprivileged(directory.path());
    let mut daemon = Daemon::spawn(command.env("XDG_RUNTIME_DIR", directory.path()));
    daemon.logged("serving");
    assert!(connects(&directory.path().join("busdma.varlink")));

    drop(daemon);
    let output = unprivileged(directory.path()).env_remove("XDG_RUNTIME_DIR").output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{message}");
    assert!(message.contains("hint: say where with --socket PATH"), "{message}");
}

/// The daemon as a user who is not root; root becomes nobody, who may not reach the build directory.
fn unprivileged(directory: &Path) -> Command {
    // A copy made here would be open for writing while other tests fork, and a program that is cannot be run.
    const SCRIPT: &str = r#"cp "$0" "$1" && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$1""#;
    if !rustix::process::geteuid().is_root() {
        return busdmad();
    }
    let mut command = without_settings(Command::new("sh"));
    command.args(["-c", SCRIPT, env!("CARGO_BIN_EXE_busdmad")]).arg(directory.join("busdmad"));
    command
}
