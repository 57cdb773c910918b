//! What the traffic came to.

use super::host::{Ended, Refusal};
use super::{Pools, Run};
use crate::args::DemoArgs;
use busdma_api::monitor::ZoneInfo;
use serde::Serialize;
use std::collections::BTreeMap;

/// Counts of one client, or of all.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Tally {
    /// Everything that was carried out, each step of a transfer for itself.
    pub(super) operations: u64,
    /// Loads, refused ones too.
    pub(super) loads: u64,
    /// Loads that had their mapping at once.
    pub(super) loaded: u64,
    /// Loads that had to wait.
    pub(super) deferred: u64,
    /// Deferred loads that came to their end.
    pub(super) resumed: u64,
    /// What those have waited in all, nanoseconds.
    pub(super) waited_ns: u64,
    /// The longest wait, nanoseconds.
    pub(super) waited_ns_max: u64,
    /// Errors that a driver has to expect.
    pub(super) refused: BTreeMap<Refusal, u64>,
    pub(super) syncs: u64,
    /// Bounce pages that syncs copied.
    pub(super) bounced_pages: u64,
    /// Bytes that syncs copied.
    pub(super) bounced_bytes: u64,
}

impl Tally {
    pub(super) fn refused(&mut self, refusal: Refusal) {
        *self.refused.entry(refusal).or_default() += 1;
    }

    pub(super) fn resumed(&mut self, ended: Ended) {
        self.resumed += 1;
        self.waited_ns += ended.waited_ns;
        self.waited_ns_max = self.waited_ns_max.max(ended.waited_ns);
        if let Err(refusal) = ended.result {
            self.refused(refusal);
        }
    }

    pub(super) fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.operations += other.operations;
        self.loads += other.loads;
        self.loaded += other.loaded;
        self.deferred += other.deferred;
        self.resumed += other.resumed;
        self.waited_ns += other.waited_ns;
        self.waited_ns_max = self.waited_ns_max.max(other.waited_ns_max);
        self.syncs += other.syncs;
        self.bounced_pages += other.bounced_pages;
        self.bounced_bytes += other.bounced_bytes;
        for (&refusal, count) in &other.refused {
            *self.refused.entry(refusal).or_default() += count;
        }
    }
}

/// A whole run.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// The daemon's socket; null for an engine in this process.
    pub(super) socket: Option<String>,
    pub(super) seconds: f64,
    pub(super) clients: u8,
    pub(super) seed: u64,
    #[serde(flatten)]
    pub(super) tally: Tally,
    /// What was found wrong on the clients' machines, and how often.
    pub(super) findings: BTreeMap<String, u64>,
    pub(super) machines: Vec<MachinePools>,
}

/// The zones of one machine at the end.
#[derive(Debug, Serialize)]
pub(super) struct MachinePools {
    pub(super) machine: String,
    pub(super) zones: Vec<ZoneInfo>,
}

impl Summary {
    pub(super) fn new(args: &DemoArgs, socket: Option<String>, run: Run) -> Self {
        let machines =
            run.seen.pools.into_iter().map(|(machine, zones): Pools| MachinePools { machine, zones }).collect();
        let (clients, seed) = (args.clients, args.seed);
        Self {
            socket,
            seconds: run.time.as_secs_f64(),
            clients,
            seed,
            tally: run.tally,
            findings: run.seen.findings,
            machines,
        }
    }
}
