//! The frame of every fault: a daemon at rest, a bystander that must not notice, and everything back afterwards.

use crate::bystander::{Bystander, Untimed};
use crate::daemon::{Daemon, PATIENCE, busdmad, directory, without_settings};
use crate::driver::{Driver, Pool};
use crate::holdings::Holdings;
use crate::raw::Raw;
use crate::victim::{Role, Victim};
use busdma_api::client::Client;
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Pages the bystander maps at a time.
const BYSTANDER_PAGES: u64 = 4;

/// What a fault happens under.
#[derive(Clone, Copy)]
pub(crate) struct Conditions {
    /// Pages of the contended pool, which are there from the start; a few more come in time.
    pub(crate) pages: u64,
    /// Tags that come to the contended pool, at most. Each makes it grow by a page, as on FreeBSD.
    pub(crate) tags: u64,
    /// The configuration's `[limits]`.
    pub(crate) limits: &'static str,
    /// What the daemon is run under.
    pub(crate) surroundings: Surroundings,
    /// What the log says where it speaks of an error; empty where it must not.
    pub(crate) error: &'static str,
}

/// What the daemon is run under.
#[derive(Clone, Copy)]
pub(crate) enum Surroundings {
    /// Nothing special.
    Usual,
    /// It records, into a directory that this command makes out of the one it is given, before it runs the rest of its
    /// arguments.
    Recording(fn(&Path) -> Command),
}

impl Conditions {
    /// The default limits, a pool of a few pages, and nothing to complain of.
    pub(crate) const USUAL: Self =
        Self { pages: 64, tags: 60, limits: "", surroundings: Surroundings::Usual, error: "" };
}

/// A daemon that is about to suffer.
pub(crate) struct Rig {
    pub(crate) daemon: Daemon,
    pub(crate) socket: PathBuf,
    pub(crate) pages: u64,
    monitor: Client,
    baseline: Holdings,
    error: &'static str,
    _directory: tempfile::TempDir,
}

/// Makes a fault and asserts that it harms nobody.
pub(crate) fn fault(conditions: Conditions, inject: impl FnOnce(&mut Rig)) {
    let (mut rig, driver) = Rig::new(conditions);
    let bystander = Bystander::start(driver);
    inject(&mut rig);
    let mut driver = bystander.stop();
    rig.is_at_rest();
    driver.cycle(7, &mut Untimed);
    drop(driver);
    rig.ends();
}

impl Rig {
    fn new(conditions: Conditions) -> (Self, Driver) {
        let Conditions { pages, tags, limits, surroundings, error } = conditions;
        let (directory, socket) = directory();
        let file = directory.path().join("busdmad.toml");
        let frames = pages + BYSTANDER_PAGES + tags;
        let recorder = "[recorder]\ncompression = 'none'\nsync_interval = '50ms'";
        let host0 = format!("[host0]\nbounce_frames = {frames}\nmax_bpages = {pages}");
        fs::write(&file, format!("{host0}\n{recorder}\n[limits]\n{limits}")).unwrap();
        let mut command = surroundings.command(directory.path());
        let mut daemon = Daemon::spawn(command.arg("--socket").arg(&socket).arg("--config").arg(&file));
        daemon.logged("serving");
        let mut monitor = Client::connect(&socket).unwrap();
        let mut bystander = Driver::new(&socket, Pool::Quiet, BYSTANDER_PAGES);
        bystander.cycle(1, &mut Untimed);
        let before = Holdings::of(daemon.pid(), &mut monitor);
        // What the pool grows by stays, and so does its file.
        drop(Driver::new(&socket, Pool::Contended, pages));
        let mut rig = Self { daemon, socket, pages, monitor, baseline: before, error, _directory: directory };
        rig.baseline = rig.settled();
        (rig, bystander)
    }

    /// What is held once the client that filled the pool is gone.
    fn settled(&mut self) -> Holdings {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.holdings();
            if now.is_with_one_pool_more_than(&self.baseline) {
                return now;
            }
            assert!(Instant::now() < deadline, "never at rest: {now:#?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn holdings(&mut self) -> Holdings {
        Holdings::of(self.daemon.pid(), &mut self.monitor)
    }

    /// The monitor's connection, for looking at the daemon in other ways.
    pub(crate) fn monitor(&mut self) -> &mut Client {
        &mut self.monitor
    }

    /// A new connection.
    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.socket).unwrap()
    }

    /// A new connection, for what no client says.
    pub(crate) fn raw(&self) -> Raw {
        Raw::connect(&self.socket)
    }

    /// A client in a process of its own, which has come to the point where it is to die.
    pub(crate) fn victim(&self, role: Role) -> Victim {
        Victim::start(role, &self.socket, self.pages)
    }

    /// Asserts that a client that comes now is served.
    pub(crate) fn serves(&self) {
        let mut raw = self.raw();
        raw.send(b"{\"method\":\"org.varlink.service.GetInfo\"}\0");
        assert_eq!(raw.reply()["parameters"]["product"], "busdmad");
    }

    /// Waits until everything is as it was.
    fn is_at_rest(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.holdings();
            if now == self.baseline {
                return;
            }
            assert!(Instant::now() < deadline, "not at rest again\nbefore: {:#?}\nnow: {now:#?}", self.baseline);
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops the daemon, and asserts that nothing went wrong in it.
    fn ends(mut self) {
        drop(self.monitor);
        self.daemon.send(Signal::TERM);
        assert_eq!(self.daemon.ended().code(), Some(0));
        self.daemon.logged("stopped");
        assert_eq!(self.daemon.lines_with("panicked"), [""; 0]);
        let errors = self.daemon.lines_with("ERROR");
        assert_eq!(errors.is_empty(), self.error.is_empty(), "{errors:#?}");
        assert!(errors.iter().all(|line| line.contains(self.error)), "{errors:#?}");
    }
}

impl Surroundings {
    fn command(self, directory: &Path) -> Command {
        let Self::Recording(around) = self else { return busdmad() };
        let traces = directory.join("traces");
        fs::create_dir(&traces).unwrap();
        let mut command = without_settings(around(&traces));
        command.arg(env!("CARGO_BIN_EXE_busdmad")).arg("--record").arg(traces);
        command
    }
}
