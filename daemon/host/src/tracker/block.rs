//! Block requests by what became of them.
//!
//! A driver that finds no room for a mapping gives the request back, and it is issued again later, so the second issue
//! must be told from another request: by the request's address where the source knows it, or else by disk, sector and
//! operation, which requests in flight at the same time seldom share.

use crate::event::{BlockCompletion, BlockRequest, Disk, Operation};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Bytes in a sector, whatever the disk's own.
const SECTOR: u64 = 512;

/// Requests in flight, and counts of those that were. `issued` is the sum of `completed`, `in_flight` and `given_up`.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    in_flight: FxHashMap<Key, InFlight>,
    /// The same by age.
    by_age: BTreeMap<u64, Key>,
    /// Requests that belong to no sector, in flight: they cannot be told apart.
    passthrough: FxHashMap<(Disk, Operation), u64>,
    ages: u64,
    counts: RequestCounts,
}

/// Requests by what became of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RequestCounts {
    /// Given to a driver for the first time.
    pub issued: u64,
    /// Issues of a request that was in flight already.
    pub reissued: u64,
    /// Requests given back by a driver, as far as it is told.
    pub requeued: u64,
    /// Done, all of it.
    pub completed: u64,
    /// Of those, with an error.
    pub errors: u64,
    /// Completions of a part, or of nothing.
    pub partial: u64,
    /// Issued and not done.
    pub in_flight: u64,
    /// In flight when there was no more room for them.
    pub given_up: u64,
    /// Completions of requests that nobody knows.
    pub unknown: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Key {
    Address(u64),
    Place(Disk, u64, Operation),
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    age: u64,
    sectors: u64,
}

impl Requests {
    /// What became of all requests.
    pub fn counts(&self) -> RequestCounts {
        self.counts
    }

    pub(super) fn issue(&mut self, request: &BlockRequest, limit: usize) {
        if request.request.is_none() && is_passthrough(request.operation, request.sector) {
            return self.issue_passthrough(request, limit);
        }
        let sectors = request.size.raw().div_ceil(SECTOR);
        let key = key(request.request, request.disk, request.sector, request.operation);
        if self.in_flight.contains_key(&key) {
            self.counts.reissued += 1;
            return;
        }
        self.counts.issued += 1;
        self.counts.in_flight += 1;
        self.insert(key, sectors);
        while self.in_flight.len() > limit {
            let Some((_, key)) = self.by_age.pop_first() else { break };
            self.in_flight.remove(&key);
            self.counts.in_flight -= 1;
            self.counts.given_up += 1;
        }
    }

    pub(super) fn requeue(&mut self) {
        self.counts.requeued += 1;
    }

    pub(super) fn complete(&mut self, done: &BlockCompletion) {
        if done.request.is_none() && is_passthrough(done.operation, done.sector) {
            return self.complete_passthrough(done);
        }
        let key = key(done.request, done.disk, done.sector, done.operation);
        let Some(request) = self.in_flight.remove(&key) else {
            self.counts.unknown += 1;
            return;
        };
        self.by_age.remove(&request.age);
        let sectors = u64::from(done.sectors);
        if done.error == 0 && sectors < request.sectors {
            self.counts.partial += 1;
            let next = done.sector.wrapping_add(sectors);
            self.insert_rest(self::key(done.request, done.disk, next, done.operation), request.sectors - sectors);
        } else {
            self.completed(done);
        }
    }

    fn issue_passthrough(&mut self, request: &BlockRequest, limit: usize) {
        let known = self.passthrough.len();
        self.counts.issued += 1;
        match self.passthrough.get_mut(&(request.disk, request.operation)) {
            Some(count) => *count += 1,
            None if known < limit => {
                self.passthrough.insert((request.disk, request.operation), 1);
            }
            None => {
                self.counts.given_up += 1;
                return;
            }
        }
        self.counts.in_flight += 1;
    }

    fn complete_passthrough(&mut self, done: &BlockCompletion) {
        let key = (done.disk, done.operation);
        let Some(count) = self.passthrough.get_mut(&key) else {
            self.counts.unknown += 1;
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.passthrough.remove(&key);
        }
        self.completed(done);
    }

    fn completed(&mut self, done: &BlockCompletion) {
        self.counts.in_flight -= 1;
        self.counts.completed += 1;
        self.counts.errors += u64::from(done.error != 0);
    }

    /// The rest of a request may begin where another is in flight; then they are one from here on.
    fn insert_rest(&mut self, key: Key, sectors: u64) {
        if self.in_flight.contains_key(&key) {
            self.counts.in_flight -= 1;
            self.counts.given_up += 1;
        } else {
            self.insert(key, sectors);
        }
    }

    fn insert(&mut self, key: Key, sectors: u64) {
        self.ages += 1;
        self.by_age.insert(self.ages, key);
        self.in_flight.insert(key, InFlight { age: self.ages, sectors });
    }
}

fn key(request: Option<u64>, disk: Disk, sector: u64, operation: Operation) -> Key {
    request.map_or(Key::Place(disk, sector, operation), Key::Address)
}

/// Requests to the device itself have no sector: they are issued at 0 and completed at the highest number there is.
fn is_passthrough(operation: Operation, sector: u64) -> bool {
    operation.bytes().first() == Some(&b'N') || sector == u64::MAX
}
