//! Everything at once: events in, and out come totals by device and verdict, with samples of what differs.
//!
//! [`Correlation`] feeds a [`Tracker`], shows each new mapping to the [`Shadow`] and keeps count of the verdicts; the pool's
//! use is estimated beside it. [`Correlation::report`] can be asked for at any time.

mod findings;
mod ledger;
mod report;
mod requests;
mod source;

pub use findings::{Finding, FindingKind, FindingWeight};
pub use ledger::{Bounced, DeviceLedger, Sample};
pub use report::{
    BouncedReport, DeviceReport, EpisodeReport, FindingReport, HistoryReport, LiveReport, PoolReadingReport,
    PoolReport, Report, SampleReport, TotalsReport, VerdictReport,
};
pub use requests::{DiskTotals, Retried, RetryEnd};
pub use source::SourceReport;

use crate::event::{EventKind, HostEvent, Tracepoint};
use crate::limits::{Facts, PoolReading};
use crate::mapping::Mapping;
use crate::pool::{PoolEstimate, PoolSize};
use crate::shadow::{Prediction, Shadow};
use crate::text::TextStats;
use crate::tracker::{Change, Tracker, TrackerLimits};
use crate::verdict::Verdict;
use busdma_engine::Nanos;
use ledger::Ledger;
use requests::DiskRequests;

/// Points of the pool's history that are kept.
const HISTORY_POINTS: usize = 256;

/// Events, and all that they amount to.
#[derive(Clone, Debug)]
pub struct Correlation {
    tracker: Tracker,
    judge: Judge,
    requests: DiskRequests,
    points: [u64; Tracepoint::ALL.len()],
    span: Option<Span>,
    sources: Vec<SourceReport>,
    reading: Option<PoolReading>,
}

/// A mapping with what was expected of it.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// The mapping, made or failed.
    pub mapping: &'a Mapping,
    /// What was expected.
    pub prediction: Prediction,
    /// Whether it came to that.
    pub verdict: Verdict,
}

/// From the earliest to the latest event, both inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The earliest.
    pub first: Nanos,
    /// The latest.
    pub last: Nanos,
}

/// What looks at every change of the tracker.
#[derive(Clone, Debug)]
struct Judge {
    shadow: Shadow,
    pool: PoolEstimate,
    ledger: Ledger,
}

impl Correlation {
    /// A correlation that has seen nothing, of a host of which these facts are known.
    pub fn new(facts: Facts) -> Self {
        Self::with_limits(facts, TrackerLimits::default())
    }

    /// The same, with other limits on what is kept.
    pub fn with_limits(facts: Facts, limits: TrackerLimits) -> Self {
        let reading = facts.host.readings.last().cloned();
        let size = facts.host.pool.slots().map(|slots| PoolSize { slots });
        Self {
            tracker: Tracker::new(limits),
            judge: Judge {
                shadow: Shadow::new(facts),
                pool: PoolEstimate::new(size, HISTORY_POINTS),
                ledger: Ledger::default(),
            },
            requests: DiskRequests::default(),
            points: [0; Tracepoint::ALL.len()],
            span: None,
            sources: Vec::new(),
            reading,
        }
    }

    /// Takes one event in.
    pub fn event(&mut self, event: &HostEvent) {
        self.event_with(event, &mut |_, _| {});
    }

    /// Takes one event in; `sink` is told of every change, and of the verdict where a mapping was made or failed.
    pub fn event_with(&mut self, event: &HostEvent, sink: &mut dyn FnMut(&Change<'_>, Option<&Judged<'_>>)) {
        if let Some(count) = self.points.get_mut(event.point as usize) {
            *count += 1;
        }
        let span = self.span.get_or_insert(Span { first: event.at, last: event.at });
        *span = Span { first: span.first.min(event.at), last: span.last.max(event.at) };
        match &event.kind {
            EventKind::BlockIssue(request) => self.requests.issue(request),
            EventKind::BlockComplete(done) => self.requests.complete(done),
            EventKind::Bounced(bounced) => self.judge.ledger.asked(bounced),
            _ => {}
        }
        let judge = &mut self.judge;
        self.tracker.event(event, &mut |change| judge.change(&change, sink));
    }

    /// Lets time pass without an event: what has waited too long is settled.
    pub fn advance(&mut self, now: Nanos) {
        let judge = &mut self.judge;
        self.tracker.advance(now, &mut |change| judge.change(&change, &mut |_, _| {}));
    }

    /// The verdict on a mapping that was shown before, as it would be now.
    pub fn verdict(&mut self, mapping: &Mapping) -> Verdict {
        Verdict::of(mapping, &self.judge.shadow.predict(mapping))
    }

    /// Settles what waits for further events: there are none.
    pub fn finish(&mut self) {
        let judge = &mut self.judge;
        self.tracker.finish(&mut |change| judge.change(&change, &mut |_, _| {}));
    }

    /// Takes in what debugfs said of the pool; it is taken to be later than what was said before.
    pub fn pool_reading(&mut self, reading: PoolReading) {
        if let Some(slots) = reading.slots {
            self.judge.pool.set_size(PoolSize { slots });
        }
        self.reading = Some(reading);
    }

    /// Takes in what the text of one input held beside its events.
    pub fn add_text(&mut self, name: &str, stats: &TextStats) {
        self.sources.push(SourceReport::of_text(name, stats));
    }

    /// Takes in what is known of one input.
    pub fn add_source(&mut self, source: SourceReport) {
        self.sources.push(source);
    }

    /// Lives of mappings.
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// What is expected of mappings.
    pub fn shadow(&self) -> &Shadow {
        &self.judge.shadow
    }

    /// The same, to take in devices that became known later.
    pub fn shadow_mut(&mut self) -> &mut Shadow {
        &mut self.judge.shadow
    }

    /// The bounce pool.
    pub fn pool(&self) -> &PoolEstimate {
        &self.judge.pool
    }

    /// The same, to take in how large the pool is.
    pub fn pool_mut(&mut self) -> &mut PoolEstimate {
        &mut self.judge.pool
    }

    /// Verdicts of each device, in the order in which the devices were first seen.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceLedger> {
        self.judge.ledger.devices()
    }

    /// Samples of what differs, in order.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.judge.ledger.samples()
    }

    /// Requests of each disk, by number.
    pub fn disks(&self) -> impl Iterator<Item = &DiskTotals> {
        self.requests.disks()
    }

    /// Events of a tracepoint.
    pub fn count(&self, point: Tracepoint) -> u64 {
        self.points.get(point as usize).copied().unwrap_or(0)
    }

    /// From the earliest to the latest event; `None` before the first.
    pub fn span(&self) -> Option<Span> {
        self.span
    }

    /// What no single mapping shows.
    pub fn findings(&self) -> Vec<Finding> {
        findings::find(self)
    }

    /// All of it, to be printed.
    pub fn report(&self) -> Report {
        Report::of(self)
    }
}

impl Judge {
    fn change(&mut self, change: &Change<'_>, sink: &mut dyn FnMut(&Change<'_>, Option<&Judged<'_>>)) {
        self.pool.change(change);
        match change {
            Change::Began { mapping, .. } | Change::Failed { mapping, .. } => {
                let prediction = self.shadow.predict(mapping);
                let judged = Judged { mapping, prediction, verdict: Verdict::of(mapping, &prediction) };
                self.ledger.judged(&judged);
                sink(change, Some(&judged));
            }
            _ => sink(change, None),
        }
    }
}
