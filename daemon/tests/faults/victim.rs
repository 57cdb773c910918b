//! Clients in processes of their own, to be killed: this program run again, with its part in the environment.

use crate::killed;
use rustix::process::{Signal, set_parent_process_death_signal};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// The variables that make this program a client.
const ROLE: &str = "BUSDMA_FAULT_ROLE";
const SOCKET: &str = "BUSDMA_FAULT_SOCKET";
const PAGES: &str = "BUSDMA_FAULT_PAGES";

/// What a client says once it is where it is to die.
const READY: &str = "@ready";

/// A part to play: its name, and what it does with the socket and the pages of the contended pool, until it is killed.
#[derive(Clone, Copy)]
pub(crate) struct Role(pub(crate) &'static str, pub(crate) fn(&Path, u64) -> !);

/// A client that waits to be killed.
pub(crate) struct Victim(Child);

impl Victim {
    /// Runs a client, and is back once it is ready.
    pub(crate) fn start(role: Role, socket: &Path, pages: u64) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "victim::plays_its_role", "--nocapture", "--test-threads=1"]);
        command.env(ROLE, role.0).env(SOCKET, socket).env(PAGES, pages.to_string());
        let mut victim = Self(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut said = BufReader::new(victim.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(said.any(|line| line.contains(READY)), "{} did not get ready", role.0);
        victim
    }

    /// Kills it, and is back once it is dead.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        let status = self.0.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(Signal::KILL.as_raw()));
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says that it is ready, and waits for its end.
pub(crate) fn dies() -> ! {
    let mut stdout = std::io::stdout();
    stdout.write_all(READY.as_bytes()).and_then(|()| stdout.write_all(b"\n")).unwrap();
    stdout.flush().unwrap();
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

/// In a process that is to be a client, the client; else it asserts that each role is found by its name.
#[test]
fn plays_its_role() {
    let Ok(name) = std::env::var(ROLE) else {
        for role in killed::ROLES {
            assert_eq!(killed::ROLES.iter().filter(|other| other.0 == role.0).count(), 1, "{}", role.0);
        }
        return;
    };
    // Nobody is to outlive the test.
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    let role = killed::ROLES.iter().find(|role| role.0 == name).unwrap();
    let socket = std::env::var_os(SOCKET).unwrap();
    let pages = std::env::var(PAGES).unwrap().parse().unwrap();
    role.1(Path::new(&socket), pages)
}
