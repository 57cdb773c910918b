//! The thread that reads the probes: every few milliseconds it takes what they have told, and does what it is asked.

use super::Shared;
use super::activity::Activity;
use busdma_api::host::{Attach, Gathering, HostError, ProbeInfo, ProbeState, ProbesReply, ProbesState};
use busdma_host::event::{Device, HostEvent};
use busdma_probes::statistics::Timed;
use busdma_probes::status::Capability;
use busdma_probes::{Filter, Mode, POLL_INTERVAL, ProbeStatus, Probes, Program, ProgramSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// What the thread can be asked for.
#[derive(Debug)]
pub(super) enum Command {
    /// To attach the probes.
    Attach { call: Attach, reply: Sender<Result<ProbesReply, HostError>> },
    /// To detach them.
    Detach { reply: Sender<Result<ProbesReply, HostError>> },
    /// How they are.
    Describe { reply: Sender<Result<ProbesReply, HostError>> },
}

/// The thread.
#[derive(Debug)]
pub(super) struct Probing {
    probes: Probes,
    shared: Arc<Shared>,
    wanted: Wanted,
    /// Events of one poll.
    batch: Vec<HostEvent>,
    next_totals: Instant,
}

/// What was asked for last.
#[derive(Clone, Debug, Default)]
struct Wanted {
    devices: Vec<String>,
    gathering: Option<Gathering>,
}

/// Events that are taken in before others may look.
const BATCH: usize = 1024;

/// How often the kernel's own totals are read.
const TOTALS_INTERVAL: Duration = Duration::from_millis(500);

impl Probing {
    pub(super) fn new(probes: Probes, shared: Arc<Shared>) -> Self {
        Self {
            probes,
            shared,
            wanted: Wanted::default(),
            batch: Vec::with_capacity(BATCH),
            next_totals: Instant::now(),
        }
    }

    /// Works until nobody can ask for anything any more.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        if self.probes.attached() != ProgramSet::NONE {
            self.shared.begin();
        }
        loop {
            let patience = if self.probes.attached() == ProgramSet::NONE { IDLE } else { POLL_INTERVAL };
            match commands.recv_timeout(patience) {
                Ok(command) => self.obey(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.poll();
        }
    }

    /// Takes what the probes have told.
    fn poll(&mut self) {
        let Self { probes, batch, shared, .. } = self;
        let clock = shared.clock;
        let report = probes.poll(|mut event| {
            event.at = clock.of_monotonic(event.at);
            batch.push(event);
            if batch.len() >= BATCH {
                shared.take(batch, 0);
                batch.clear();
            }
        });
        shared.take(batch, report.lost.sum() + report.undecodable);
        batch.clear();
        if report.undecodable > 0 {
            tracing::warn!(records = report.undecodable, "the probes and this daemon are not of one build");
        }
        if self.wanted.gathering == Some(Gathering::Totals) && Instant::now() >= self.next_totals {
            self.next_totals = Instant::now() + TOTALS_INTERVAL;
            self.read_totals();
        }
    }

    fn read_totals(&self) {
        match self.probes.totals() {
            Ok(totals) => self.shared.with_activity(|activity| activity.set_kernel_totals(totals)),
            Err(error) => tracing::warn!(%error, "the kernel's totals cannot be read"),
        }
    }

    fn obey(&mut self, command: Command) {
        let (reply, to) = match command {
            Command::Attach { call, reply } => (self.attach(call), reply),
            Command::Detach { reply } => (Ok(self.detach()), reply),
            Command::Describe { reply } => (Ok(self.describe()), reply),
        };
        // Whoever asked may have gone.
        let _ = to.send(reply);
    }

    fn attach(&mut self, call: Attach) -> Result<ProbesReply, HostError> {
        let devices = call.devices.unwrap_or_default();
        let filter = Filter { devices: devices.iter().map(|name| Device::new(name)).collect(), disks: Vec::new() };
        let gathering = call.gathering.unwrap_or(Gathering::Events);
        let mode = match gathering {
            Gathering::Events => Mode::Events,
            Gathering::Totals => Mode::Totals,
        };
        self.probes.set_programs(ProgramSet::ALL);
        self.wanted = Wanted { devices, gathering: Some(gathering) };
        let reply = self.describe();
        if reply.state != ProbesState::Attached {
            return Err(HostError::CannotAttach {
                reason: reply.reason.unwrap_or_default(),
                advice: reply.advice.unwrap_or_default(),
            });
        }
        let switched = self.probes.set_filter(&filter).and_then(|()| self.probes.set_mode(mode));
        switched.map_err(|error| HostError::CannotAttach { reason: error.to_string(), advice: String::new() })?;
        self.shared.begin();
        Ok(self.describe())
    }

    fn detach(&mut self) -> ProbesReply {
        self.poll();
        self.probes.set_programs(ProgramSet::NONE);
        self.poll();
        self.describe()
    }

    fn describe(&self) -> ProbesReply {
        let statuses = self.probes.statuses();
        let statistics = self.probes.statistics().ok();
        let probes = statuses.iter().map(|(program, status)| {
            let statistics = statistics.as_ref().map(|all| all.get(program));
            let counts = statistics.map(|of| of.counts).unwrap_or_default();
            ProbeInfo {
                program: program.function().to_owned(),
                tracepoint: format!("{}:{}", program.group(), program.tracepoint()),
                state: state(status),
                reason: reason(status),
                delivered: counts.delivered,
                dropped: counts.dropped,
                filtered: counts.filtered,
                runs: Some(counts.runs()).filter(|_| statistics.is_some()),
                missed: statistics.and_then(|of| of.missed),
                ns_per_run: statistics.and_then(|of| of.timed.as_ref()).and_then(Timed::ns_per_run),
            }
        });
        let probes: Vec<_> = probes.collect();
        let worst = worst(statuses.iter());
        let attached = probes.iter().any(|probe| probe.state == ProbeState::Attached);
        let state = match (attached, worst) {
            (true, _) => ProbesState::Attached,
            (false, Some(_)) => ProbesState::Unavailable,
            (false, None) => ProbesState::Detached,
        };
        let (reason, advice) = match worst.filter(|_| !attached) {
            Some(status) => (reason(status), Some(advice(status).to_owned())),
            None => (None, None),
        };
        let (delivered, dropped) = self.shared.delivered_and_dropped();
        ProbesReply {
            state,
            reason,
            advice,
            gathering: self.wanted.gathering.unwrap_or(Gathering::Events),
            devices: self.wanted.devices.clone(),
            probes,
            delivered,
            dropped,
        }
    }
}

/// How long the thread sleeps when nothing is attached and nobody asks.
const IDLE: Duration = Duration::from_hours(1);

impl super::Shared {
    /// Takes events in and gives them to whoever reads along.
    fn take(&self, events: &[HostEvent], dropped: u64) {
        if events.is_empty() && dropped == 0 {
            let now = self.clock.now();
            self.with_activity(|activity| activity.advance(now));
            return;
        }
        self.with_activity(|activity| {
            activity.take(events);
            activity.dropped += dropped;
        });
        self.listeners.publish(events, dropped);
        if let Some(capture) = &*self.capture() {
            capture.take(events, dropped, self.clock.now());
        }
    }

    /// Counts from here on.
    fn begin(&self) {
        *self.activity() = Some(Activity::begin());
    }

    fn with_activity(&self, act: impl FnOnce(&mut Activity)) {
        if let Some(activity) = &mut *self.activity() {
            act(activity);
        }
    }

    fn delivered_and_dropped(&self) -> (u64, u64) {
        self.activity().as_ref().map_or((0, 0), |activity| (activity.delivered, activity.dropped))
    }
}

const fn state(status: &ProbeStatus) -> ProbeState {
    match status {
        ProbeStatus::Disabled => ProbeState::Disabled,
        ProbeStatus::Attached => ProbeState::Attached,
        ProbeStatus::Missing => ProbeState::Missing,
        ProbeStatus::Denied { .. } => ProbeState::Denied,
        ProbeStatus::Failed { .. } => ProbeState::Failed,
    }
}

fn reason(status: &ProbeStatus) -> Option<String> {
    match status {
        ProbeStatus::Disabled | ProbeStatus::Attached => None,
        // What to do about it is told once for all of them.
        ProbeStatus::Denied { capability } => Some(format!("{capability} is missing")),
        status => Some(status.to_string()),
    }
}

/// Why nothing runs: what most probes suffer from. Some tracepoints are missing from every kernel.
fn worst<'s>(statuses: impl Iterator<Item = (Program, &'s ProbeStatus)>) -> Option<&'s ProbeStatus> {
    let mut worst = None;
    for (_, status) in statuses {
        match status {
            ProbeStatus::Denied { .. } | ProbeStatus::Failed { .. } => return Some(status),
            ProbeStatus::Missing => worst = worst.or(Some(status)),
            ProbeStatus::Disabled => return None,
            ProbeStatus::Attached => {}
        }
    }
    worst
}

const fn advice(status: &ProbeStatus) -> &'static str {
    match status {
        ProbeStatus::Denied { capability: Capability::Bpf | Capability::Perfmon | Capability::SysAdmin } => {
            "start busdmad as root, or with CAP_BPF, CAP_PERFMON and, for physical addresses, CAP_SYS_ADMIN, which it gives up \
             once the probes are loaded"
        }
        ProbeStatus::Missing => "run Linux 6.12 or later, where the DMA API has tracepoints",
        ProbeStatus::Disabled | ProbeStatus::Attached | ProbeStatus::Failed { .. } => {
            "read a capture instead: busdma correlate FILE"
        }
    }
}
