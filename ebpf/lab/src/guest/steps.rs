//! How each step is carried out, and what is kept of it.

use super::block::Transfers;
use super::daemon::RunningDaemon;
use super::ftrace::Trace;
use super::scenario::{Outcome, Step};
use super::udmabuf::Sharing;
use super::{GuestError, await_that, facts, names_in, read, write};
use crate::parcel::ParcelFile;
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How long devices may take to come.
const PATIENCE: Duration = Duration::from_secs(15);

/// Longer than anything under way takes.
const SETTLING: Duration = Duration::from_millis(100);

/// Longer than a load takes to ask for its first mapping, also where the emulator is slow.
const STARVING: Duration = Duration::from_millis(300);

/// finit_module's MODULE_INIT_COMPRESSED_FILE: the kernel unpacks the module.
const COMPRESSED: i32 = 4;

/// Everything that the steps share: what watches, and what was found.
#[derive(Default, Debug)]
pub(super) struct Bench {
    files: Vec<ParcelFile>,
    trace: Option<Trace>,
    daemon: Option<RunningDaemon>,
    unbound: Vec<String>,
    work: Vec<String>,
    times: Vec<String>,
    pool: String,
}

impl Bench {
    /// Carries out one step; what came of a load is noted, whatever it is.
    pub(super) fn carry_out(&mut self, step: &Step) -> Result<(), GuestError> {
        // The console shows where a guest that hangs came to.
        let _ = writeln!(io::stdout(), "busdma-lab: {step}");
        if self.trace.is_some() {
            Trace::mark(&format!("LABMARK {step}"))?;
        }
        let outcome = match step {
            Step::AwaitDisk(disk) => await_disk(disk)?,
            Step::Unbind(driver) => self.unbind(driver)?,
            Step::Bind(driver) => self.bind(driver)?,
            Step::StartTrace => self.start_trace()?,
            Step::StopTrace => self.stop_trace()?,
            Step::StartDaemon => self.start_daemon()?,
            Step::StopDaemon => self.stop_daemon()?,
            Step::Load(module) => load(module)?,
            Step::SamplePool(label) => self.sample_pool(label)?,
            Step::Transfer(transfers) => transfers.run(),
            Step::Contend(loads) => contend(loads),
            Step::Share(sharing) => sharing.run(),
            Step::Starve(sharing, loads) => starve(sharing, loads),
            Step::Settle => settle(),
        };
        self.work.push(format!("{step}: {outcome}\n"));
        Ok(())
    }

    /// Keeps a file.
    pub(super) fn put(&mut self, name: &str, contents: impl Into<Vec<u8>>) {
        self.files.push(ParcelFile { name: name.to_owned(), contents: contents.into() });
    }

    /// Keeps what can be kept of a scenario that broke off; what fails now too is not told.
    pub(super) fn salvage(&mut self) {
        let _ = self.stop_daemon();
        let _ = self.stop_trace();
        let _ = facts::collect(self);
    }

    /// Notes how long after the kernel's start this is, under `label`.
    pub(super) fn note_time(&mut self, label: &str) -> Result<(), GuestError> {
        let uptime = read("/proc/uptime")?;
        let seconds = uptime.split_whitespace().next().unwrap_or_default();
        self.times.push(format!("{label}={seconds}"));
        Ok(())
    }

    /// All files; `swiotlb.txt` only where there is a pool.
    pub(super) fn into_files(mut self) -> Vec<ParcelFile> {
        let (work, times, pool) = (self.work.concat(), format!("{}\n", self.times.join(" ")), self.pool.clone());
        self.put("work.txt", work);
        self.put("times.txt", times);
        if !pool.is_empty() {
            self.put("swiotlb.txt", pool);
        }
        self.files
    }

    fn unbind(&mut self, driver: &str) -> Result<Outcome, GuestError> {
        let folder = Path::new("/sys/bus/pci/drivers").join(driver);
        self.unbound = names_in(&folder)?.into_iter().filter(|name| name.starts_with("0000:")).collect();
        for address in &self.unbound {
            write(folder.join("unbind"), address)?;
        }
        Ok(Outcome::Done)
    }

    fn bind(&mut self, driver: &str) -> Result<Outcome, GuestError> {
        let folder = Path::new("/sys/bus/pci/drivers").join(driver);
        for address in self.unbound.drain(..) {
            write(folder.join("bind"), &address)?;
        }
        Ok(Outcome::Done)
    }

    fn start_trace(&mut self) -> Result<Outcome, GuestError> {
        self.trace = Some(Trace::start()?);
        Ok(Outcome::Done)
    }

    fn stop_trace(&mut self) -> Result<Outcome, GuestError> {
        if let Some(trace) = self.trace.take() {
            let found = trace.stop()?;
            self.put("trace.txt", found.text);
            self.put("tracestats.txt", found.stats);
            self.put("hits.txt", found.hits);
        }
        Ok(Outcome::Done)
    }

    fn start_daemon(&mut self) -> Result<Outcome, GuestError> {
        self.daemon = Some(RunningDaemon::start()?);
        Ok(Outcome::Done)
    }

    fn stop_daemon(&mut self) -> Result<Outcome, GuestError> {
        if let Some(daemon) = self.daemon.take() {
            let found = daemon.stop()?;
            self.files.extend(found);
        }
        Ok(Outcome::Done)
    }

    fn sample_pool(&mut self, label: &str) -> Result<Outcome, GuestError> {
        self.pool.push_str(&facts::pool(label)?);
        Ok(Outcome::Done)
    }
}

fn await_disk(disk: &str) -> Result<Outcome, GuestError> {
    let device = Path::new("/dev").join(disk);
    await_that(&format!("/dev/{disk}"), PATIENCE, || {
        fs::metadata(&device).is_ok_and(|found| found.file_type().is_block_device())
    })?;
    Ok(Outcome::Done)
}

fn load(module: &str) -> Result<Outcome, GuestError> {
    let path = format!("/modules/{module}.ko.xz");
    let file = File::open(&path).map_err(GuestError::file(&path))?;
    let loaded = rustix::system::finit_module(file, c"", COMPRESSED);
    loaded.map_err(|errno| GuestError::file(&path)(errno.into()))?;
    Ok(Outcome::Done)
}

/// The loads at once; the first thing that goes wrong counts.
fn contend(loads: &[Transfers]) -> Outcome {
    thread::scope(|scope| {
        let running: Vec<_> = loads.iter().map(|load| scope.spawn(|| load.run())).collect();
        let outcomes = running.into_iter().map(|load| load.join().unwrap_or(Outcome::Refused(Errno::FAULT)));
        outcomes.fold(Outcome::Done, |first, next| if first == Outcome::Done { next } else { first })
    })
}

/// Begins the loads while the memory is shared, and waits for them when it no longer is.
fn starve(sharing: &Sharing, loads: &[Transfers]) -> Outcome {
    thread::scope(|scope| {
        let mut running = None;
        let shared = sharing.run_around(|| {
            running = Some(scope.spawn(|| contend(loads)));
            thread::sleep(STARVING);
            Outcome::Done
        });
        let loaded = running.map_or(Outcome::Done, |loads| loads.join().unwrap_or(Outcome::Refused(Errno::FAULT)));
        if shared == Outcome::Done { loaded } else { shared }
    })
}

fn settle() -> Outcome {
    thread::sleep(SETTLING);
    Outcome::Done
}
