//! What traffic came to.

use super::host::{Ended, Refusal};
use serde::Serialize;
use std::collections::BTreeMap;

/// Counts of one client, or of all.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    /// Everything that was carried out, each step of a transfer for itself.
    pub operations: u64,
    /// Loads, refused ones too.
    pub loads: u64,
    /// Loads that had their mapping at once.
    pub loaded: u64,
    /// Loads that had to wait.
    pub deferred: u64,
    /// Deferred loads that came to their end.
    pub resumed: u64,
    /// What those have waited in all, nanoseconds.
    pub waited_ns: u64,
    /// The longest wait, nanoseconds.
    pub waited_ns_max: u64,
    /// Errors that a driver has to expect.
    pub refused: BTreeMap<Refusal, u64>,
    /// Syncs.
    pub syncs: u64,
    /// Bounce pages that syncs copied.
    pub bounced_pages: u64,
    /// Bytes that syncs copied.
    pub bounced_bytes: u64,
}

impl Tally {
    /// Counts an error.
    pub fn refused(&mut self, refusal: Refusal) {
        *self.refused.entry(refusal).or_default() += 1;
    }

    /// Counts the end of a deferred load.
    pub fn resumed(&mut self, ended: Ended) {
        self.resumed += 1;
        self.waited_ns += ended.waited_ns;
        self.waited_ns_max = self.waited_ns_max.max(ended.waited_ns);
        if let Err(refusal) = ended.result {
            self.refused(refusal);
        }
    }

    /// Errors of every kind.
    pub fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Adds the counts of another client.
    pub fn add(&mut self, other: &Self) {
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
