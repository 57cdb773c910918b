//! Attach, poll, switch, read counts.

use crate::config::{Config, Filter, Mode, RunTime};
use crate::diagnosis;
use crate::frames::{FrameStatus, Frames};
use crate::kernel::{Kernel, Loaded};
use crate::per_program::{PerProgram, ProgramSet};
use crate::ring::{Decoder, Ring};
use crate::statistics::{ProgramStatistics, RunCounts};
use crate::status::ProbeStatus;
use crate::totals::{self, Total};
use aya::sys::{Stats, enable_stats};
use busdma_host::event::HostEvent;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How often [`Probes::poll`] is best called: the kernel wakes nobody, because that would cost more than the event.
pub const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The programs, and what came of them. Dropping it detaches them all.
#[derive(Debug)]
pub struct Probes {
    statuses: PerProgram<ProbeStatus>,
    running: Option<Running>,
    frames: FrameStatus,
}

/// What one poll found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PollReport {
    /// Events handed over.
    pub delivered: u64,
    /// Records that were not understood, which means that object and daemon are not of one build.
    pub undecodable: u64,
    /// Events that had no room in the ring since the last poll that could count them.
    pub lost: PerProgram<u64>,
    /// Why nobody knows how many were lost, where that is so.
    pub uncounted: Option<MapsError>,
}

/// The switches of running programs could not be changed, or their counts not be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the programs' maps cannot be used: {status}")]
pub struct MapsError {
    /// What the kernel says.
    pub status: ProbeStatus,
}

#[derive(Debug)]
struct Running {
    kernel: Kernel,
    ring: Ring,
    decoder: Decoder,
    filter: Filter,
    mode: Mode,
    lost: PerProgram<u64>,
    /// As long as it is open, the kernel measures.
    measuring: Option<OwnedFd>,
}

impl Probes {
    /// Loads every program and attaches those that are wanted, which takes some 0.3 s. What cannot be is a status.
    pub fn attach(config: &Config) -> Self {
        let loaded = match Kernel::load(config.ring) {
            Ok(loaded) => loaded,
            Err(status) => return Self::none(config.programs, &status),
        };
        let Loaded { mut kernel, ring, statuses } = loaded;
        let frames = Frames::calibrate(&mut kernel);
        if let Err(error) = kernel.switch(&config.filter, config.mode) {
            return Self::none(config.programs, &diagnosis::of_map(&error));
        }
        let running = Running {
            kernel,
            ring: Ring::new(ring, config.ring),
            decoder: Decoder::new(frames.frames()),
            filter: config.filter.clone(),
            mode: config.mode,
            lost: PerProgram::default(),
            measuring: measure(config.run_time),
        };
        let mut probes = Self { statuses, running: Some(running), frames };
        probes.set_programs(config.programs);
        probes
    }

    /// What became of each program.
    pub fn statuses(&self) -> &PerProgram<ProbeStatus> {
        &self.statuses
    }

    /// Whether physical addresses of scatter lists and block requests are known.
    pub fn frames(&self) -> &FrameStatus {
        &self.frames
    }

    /// Attaches `wanted` and detaches the rest, as far as they are loaded. It needs no capability.
    pub fn set_programs(&mut self, wanted: ProgramSet) {
        let Some(running) = &mut self.running else { return };
        for &program in crate::Program::ALL {
            let status = self.statuses.get_mut(program);
            if !matches!(status, ProbeStatus::Disabled | ProbeStatus::Attached) {
                continue;
            }
            let (done, reached) = if wanted.contains(program) {
                (running.kernel.attach(program), ProbeStatus::Attached)
            } else {
                (running.kernel.detach(program), ProbeStatus::Disabled)
            };
            *status = done.map_or_else(|error| diagnosis::of_program(&error), |()| reached);
        }
    }

    /// Hands every event since the last poll to `sink`, but at most a ring full, and says what was lost meanwhile.
    pub fn poll(&mut self, mut sink: impl FnMut(HostEvent)) -> PollReport {
        let mut report = PollReport::default();
        let Some(running) = &mut self.running else { return report };
        running.ring.drain(|record| match running.decoder.decode(record) {
            Some(event) => {
                report.delivered += 1;
                sink(event);
            }
            None => report.undecodable += 1,
        });
        match running.kernel.counters() {
            Ok(counters) => {
                let counts = RunCounts::sum(&counters);
                report.lost = PerProgram::from_fn(|program| {
                    let dropped = counts.get(program).dropped;
                    dropped - std::mem::replace(running.lost.get_mut(program), dropped)
                });
            }
            Err(error) => report.uncounted = Some(error.into()),
        }
        report
    }

    /// Changes which events are wanted.
    ///
    /// # Errors
    /// When the kernel refuses: more than 256 devices or disks.
    pub fn set_filter(&mut self, filter: &Filter) -> Result<(), MapsError> {
        let Some(running) = &mut self.running else { return Ok(()) };
        running.kernel.switch(filter, running.mode)?;
        running.filter.clone_from(filter);
        Ok(())
    }

    /// Changes what becomes of events.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_mode(&mut self, mode: Mode) -> Result<(), MapsError> {
        let Some(running) = &mut self.running else { return Ok(()) };
        running.kernel.switch(&running.filter, mode)?;
        running.mode = mode;
        Ok(())
    }

    /// What the kernel has added up in [`Mode::Totals`] since the programs were loaded, in no order.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn totals(&self) -> Result<Vec<Total>, MapsError> {
        self.running.as_ref().map_or_else(|| Ok(Vec::new()), |running| Ok(totals::read(&running.kernel.totals)?))
    }

    /// What became of every run of each program since it was loaded, and how long they took.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn statistics(&self) -> Result<PerProgram<ProgramStatistics>, MapsError> {
        let Some(running) = &self.running else { return Ok(PerProgram::default()) };
        let counts = RunCounts::sum(&running.kernel.counters()?);
        Ok(PerProgram::from_fn(|program| {
            let descriptor = running.kernel.descriptor(program);
            ProgramStatistics::read(*counts.get(program), descriptor)
        }))
    }

    /// Whether this process has the kernel measure its time in programs.
    pub fn measures(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.measuring.is_some())
    }

    /// The programs that run.
    pub fn attached(&self) -> ProgramSet {
        self.running.as_ref().map_or(ProgramSet::NONE, |running| running.kernel.attached())
    }

    fn none(wanted: ProgramSet, status: &ProbeStatus) -> Self {
        let statuses =
            PerProgram::from_fn(
                |program| {
                    if wanted.contains(program) { status.clone() } else { ProbeStatus::Disabled }
                },
            );
        Self { statuses, running: None, frames: FrameStatus::not_loaded() }
    }
}

fn measure(wanted: RunTime) -> Option<OwnedFd> {
    match wanted {
        RunTime::Measured => enable_stats(Stats::RunTime).ok(),
        RunTime::Unmeasured => None,
    }
}

impl From<aya::maps::MapError> for MapsError {
    fn from(error: aya::maps::MapError) -> Self {
        Self { status: diagnosis::of_map(&error) }
    }
}
