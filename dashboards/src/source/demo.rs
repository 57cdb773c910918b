//! Frames of made-up traffic on engines in this process.
//!
//! Time is passed in and everything else follows from the seed: the same times give the same frames. One machine has too few
//! bounce pages and its loads wait all the time; on the other, disks and network adapters share a bus, and one more driver
//! forgets to unload now and then.

mod client;
mod ear;
mod findings;
mod leak;
mod machine;
mod names;
mod waits;

use crate::frame::{DecisionLog, FindingRow, Frame, Lost, Machine, Name, Origin, OriginKind, OriginState, Severity};
use crate::source::rates::Rates;
use crate::source::{Done, Interest, Refused, Source, Wish};
use busdma_engine::Nanos;
use busdma_sim::driver::LocalError;
use busdma_sim::workload::Traffic;
use client::{Client, Plan};
use leak::Leak;
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

/// Time goes on in steps of this, so that rates do not depend on how often frames are asked for.
const TICK: Duration = Duration::from_millis(100);

/// Samples of trends.
const SAMPLE: Duration = Duration::from_secs(1);

/// After a longer pause, as when the program was stopped, the rest of it never happened.
const CATCH_UP: Duration = Duration::from_mins(2);

/// Maps and waiters listed until an [`Interest`] says otherwise.
const ROWS: u32 = 512;

/// A demonstration as a source.
#[derive(Debug)]
pub struct Demo {
    options: DemoOptions,
    clients: Vec<Client>,
    rates: Rates,
    decisions: DecisionLog,
    machines: Vec<Machine>,
    rows: u32,
    interval: Duration,
    /// How far the demonstration is behind the program's own time.
    skipped: Duration,
    /// How far it has come: a multiple of [`TICK`].
    done: Duration,
    stopped: Option<LocalError>,
    shown: Option<Arc<Frame>>,
    shown_at: Duration,
}

/// What to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DemoOptions {
    /// The same seed makes the same traffic.
    pub seed: u64,
    /// Operations a second on each machine; 0 counts as 1.
    pub rate: u64,
    /// When it begins, Unix time, nanoseconds; frames have no time of day without.
    pub unix_ns: Option<i64>,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self { seed: 1, rate: 400, unix_ns: None }
    }
}

impl Demo {
    /// A demonstration at its beginning.
    pub fn new(options: DemoOptions) -> Self {
        let plan = |traffic, seed, leak| Plan { traffic, seed, rate: options.rate.max(1), leak };
        let pressure = plan(Traffic::BouncePressure, options.seed, None);
        let mixed = plan(Traffic::Mixed, options.seed.wrapping_add(1), Some(Leak::default()));
        Self {
            options,
            clients: vec![
                Client::new(Name::const_new("demo1"), Name::const_new("s1"), pressure),
                Client::new(Name::const_new("demo2"), Name::const_new("s2"), mixed),
            ],
            rates: Rates::new(SAMPLE),
            decisions: DecisionLog::default(),
            machines: Vec::new(),
            rows: ROWS,
            interval: TICK,
            skipped: Duration::ZERO,
            done: Duration::ZERO,
            stopped: None,
            shown: None,
            shown_at: Duration::ZERO,
        }
    }

    /// Goes on to `until`, tick by tick.
    fn advance(&mut self, until: Duration) {
        while self.stopped.is_none() && (self.machines.is_empty() || self.done + TICK <= until) {
            if !self.machines.is_empty() {
                self.done += TICK;
            }
            let now = nanos(self.done);
            let advanced = self.clients.iter_mut().try_for_each(|client| client.advance(now));
            if let Err(error) = advanced {
                self.stop(error);
            }
            self.keep_decisions();
            let rows = usize::try_from(self.rows).unwrap_or(usize::MAX);
            self.machines = self.clients.iter().map(|client| machine::machine(client, now, rows)).collect();
            self.rates.take(now.raw(), &mut self.machines);
        }
    }

    /// Goes no further, and shows that at once.
    fn stop(&mut self, error: LocalError) {
        self.stopped = Some(error);
        self.shown = None;
    }

    /// Each machine tells of its own in order; together they are put in order of time.
    fn keep_decisions(&mut self) {
        let mut decisions: Vec<_> = self.clients.iter_mut().flat_map(Client::decisions).collect();
        decisions.sort_by_key(|decision| decision.t_ns);
        for decision in decisions {
            self.decisions.push(decision);
        }
    }

    fn make_frame(&self) -> Frame {
        let at = nanos(self.done);
        let state = if self.stopped.is_some() { OriginState::Ended } else { OriginState::Running };
        let lost = self.clients.iter().map(|client| client.findings.lost()).sum();
        let since_start = i64::try_from(at.raw()).unwrap_or(i64::MAX);
        Frame {
            origin: Origin {
                kind: OriginKind::Demo,
                name: format!("seed {}", self.options.seed),
                state,
                recording: None,
            },
            t_ns: at.raw(),
            unix_ns: self.options.unix_ns.map(|start| start.saturating_add(since_start)),
            machines: self.machines.clone(),
            findings: self.findings(),
            decisions: self.decisions.clone(),
            host: None,
            lost: Lost { findings: lost, ..Lost::default() },
            timeline: None,
        }
    }

    fn findings(&self) -> Vec<FindingRow> {
        let mut findings: Vec<_> = self.clients.iter().flat_map(|client| client.findings.rows()).cloned().collect();
        findings.extend(self.stopped.as_ref().map(|error| ended(error, nanos(self.done))));
        findings.sort_by_key(|finding| Reverse((finding.severity, finding.last_ns)));
        findings
    }
}

impl Source for Demo {
    fn frame(&mut self, elapsed: Duration) -> Arc<Frame> {
        let behind = elapsed.saturating_sub(self.skipped + self.done);
        self.skipped += behind.saturating_sub(CATCH_UP);
        self.advance(elapsed.saturating_sub(self.skipped));
        let is_new = self.done >= self.shown_at + self.interval;
        match &self.shown {
            Some(shown) if !is_new => Arc::clone(shown),
            _ => {
                let frame = Arc::new(self.make_frame());
                self.shown_at = self.done;
                Arc::clone(self.shown.insert(frame))
            }
        }
    }

    fn ask(&mut self, wish: Wish) -> Result<Done, Refused> {
        match wish {
            Wish::Interval(interval) => self.interval = interval.max(TICK),
            Wish::Interest(Interest { rows, .. }) => self.rows = rows,
            // The machines go on whatever is looked at.
            Wish::Play(_) => {}
            Wish::Step(_) | Wish::Deferral(_) | Wish::Seek(_) => return Err(Refused::NotARecording),
            Wish::ToggleRecording => return Err(Refused::NotLive),
        }
        Ok(Done::Silently)
    }
}

/// The demonstration goes no further.
fn ended(error: &LocalError, at: Nanos) -> FindingRow {
    FindingRow {
        severity: Severity::Error,
        kind: Name::const_new("demonstration_ended"),
        machine: None,
        object: None,
        session: None,
        message: error.to_string(),
        advice: "begin anew, with another seed".to_owned(),
        first_ns: at.raw(),
        last_ns: at.raw(),
        count: 1,
    }
}

fn nanos(time: Duration) -> Nanos {
    Nanos::new(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
