//! Block requests by disk: which were issued again and again, and how many should have been mapped.

use crate::event::{BlockCompletion, BlockRequest, Disk, Operation};
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Requests in flight that are followed; further ones are only counted.
const IN_FLIGHT_MAX: usize = 1 << 16;

/// Disks that are told apart; requests of further ones are not counted.
const DISKS_MAX: usize = 1 << 12;

/// Requests of each disk.
#[derive(Clone, Debug, Default)]
pub(super) struct DiskRequests {
    disks: BTreeMap<Disk, DiskTotals>,
    in_flight: FxHashMap<Key, u64>,
}

/// Requests of one disk that read or write: others need no memory, or not always.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiskTotals {
    /// Which.
    pub disk: Disk,
    /// Times that a request was given to the driver, again included.
    pub issues: u64,
    /// Of those, times that a request was issued that was in flight already.
    pub reissues: u64,
    /// Requests done, with or without an error.
    pub completed: u64,
    /// Requests done with an error.
    pub errors: u64,
    /// The request that was issued most often, where one was issued twice.
    pub worst: Option<Retried>,
}

/// A request that was issued more than once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retried {
    /// The first sector, of 512 bytes.
    pub sector: u64,
    /// What was asked for.
    pub operation: Operation,
    /// Bytes.
    pub size: u64,
    /// Times that it was issued.
    pub issues: u64,
    /// What became of it.
    pub end: RetryEnd,
}

/// What became of a request that was issued more than once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RetryEnd {
    /// It was not done.
    Open,
    /// It was done.
    Done,
    /// It ended in an error.
    Failed,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Key {
    Address(u64),
    Place(Disk, u64, Operation),
}

impl DiskRequests {
    pub(super) fn disks(&self) -> impl Iterator<Item = &DiskTotals> {
        self.disks.values()
    }

    pub(super) fn issue(&mut self, request: &BlockRequest) {
        if !moves_data(request.operation) || request.size.raw() == 0 {
            return;
        }
        let key = Key::of(request.request, request.disk, request.sector, request.operation);
        let followed = self.in_flight.len();
        let Some(totals) = self.disk(request.disk) else { return };
        totals.issues += 1;
        let Some(issues) = self.in_flight.get_mut(&key) else {
            if followed < IN_FLIGHT_MAX {
                self.in_flight.insert(key, 1);
            }
            return;
        };
        *issues += 1;
        let issues = *issues;
        let retried = Retried {
            sector: request.sector,
            operation: request.operation,
            size: request.size.raw(),
            issues,
            end: RetryEnd::Open,
        };
        if let Some(totals) = self.disks.get_mut(&request.disk) {
            totals.reissues += 1;
            if totals.worst.is_none_or(|worst| worst.issues < issues) {
                totals.worst = Some(retried);
            }
        }
    }

    /// A completion of no sectors without an error is a request that its driver gives back.
    pub(super) fn complete(&mut self, done: &BlockCompletion) {
        if !moves_data(done.operation) || (done.sectors == 0 && done.error == 0) {
            return;
        }
        self.in_flight.remove(&Key::of(done.request, done.disk, done.sector, done.operation));
        let Some(totals) = self.disk(done.disk) else { return };
        totals.completed += 1;
        totals.errors += u64::from(done.error != 0);
        if let Some(worst) = totals.worst.as_mut().filter(|worst| worst.is(done)) {
            worst.end = if done.error == 0 { RetryEnd::Done } else { RetryEnd::Failed };
        }
    }

    fn disk(&mut self, disk: Disk) -> Option<&mut DiskTotals> {
        if self.disks.len() >= DISKS_MAX && !self.disks.contains_key(&disk) {
            return None;
        }
        Some(self.disks.entry(disk).or_insert_with(|| DiskTotals {
            disk,
            issues: 0,
            reissues: 0,
            completed: 0,
            errors: 0,
            worst: None,
        }))
    }
}

impl Retried {
    fn is(&self, done: &BlockCompletion) -> bool {
        self.sector == done.sector && self.operation == done.operation
    }
}

impl Key {
    fn of(request: Option<u64>, disk: Disk, sector: u64, operation: Operation) -> Self {
        request.map_or(Self::Place(disk, sector, operation), Self::Address)
    }
}

/// Whether a request reads or writes, by the letters of the kernel: `WS`, `RA`, `FWFS`, and not `D`, `F` or `N`.
fn moves_data(operation: Operation) -> bool {
    let letters = operation.bytes();
    let letters = letters.strip_prefix(b"F").unwrap_or(letters);
    matches!(letters.first(), Some(b'R' | b'W'))
}

/// The disks whose requests were tried most often, worst first.
pub(super) fn retried<'a>(disks: impl Iterator<Item = &'a DiskTotals>) -> Vec<(&'a DiskTotals, Retried)> {
    let mut retried: Vec<_> = disks.filter_map(|disk| Some((disk, disk.worst?))).collect();
    retried.sort_by_key(|(_, worst)| Reverse(worst.issues));
    retried
}

#[cfg(test)]
mod tests {
    use super::*;
    use busdma_engine::BusSize;

    const DISK: Disk = Disk { major: 8, minor: 0 };

    fn issue(operation: &str, sector: u64, size: u64) -> BlockRequest {
        BlockRequest {
            disk: DISK,
            request: None,
            operation: Operation::new(operation.as_bytes()),
            sector,
            size: BusSize::new(size),
            memory: Box::default(),
            pieces: None,
        }
    }

    fn done(operation: &str, sector: u64, sectors: u32, error: i32) -> BlockCompletion {
        let operation = Operation::new(operation.as_bytes());
        BlockCompletion { disk: DISK, request: None, operation, sector, sectors, error }
    }

    #[test]
    fn a_request_that_fails_after_six_attempts() {
        let mut requests = DiskRequests::default();
        for _ in 0..6 {
            requests.issue(&issue("R", 0, 4096));
        }
        requests.complete(&done("R", 0, 0, 0));
        assert_eq!(requests.disks().next().unwrap().worst.unwrap().end, RetryEnd::Open);
        requests.complete(&done("R", 0, 8, -5));
        let disk = requests.disks().next().unwrap();
        assert_eq!((disk.issues, disk.reissues, disk.completed, disk.errors), (6, 5, 1, 1));
        assert_eq!(disk.worst.map(|worst| (worst.issues, worst.end)), Some((6, RetryEnd::Failed)));
    }

    #[test]
    fn the_same_sectors_again_are_another_request() {
        let mut requests = DiskRequests::default();
        for _ in 0..3 {
            requests.issue(&issue("WS", 8, 512));
            requests.complete(&done("WS", 8, 1, 0));
        }
        let disk = requests.disks().next().unwrap();
        assert_eq!((disk.issues, disk.reissues, disk.worst), (3, 0, None));
    }

    #[test]
    fn only_reads_and_writes_of_data_count() {
        let mut requests = DiskRequests::default();
        for (operation, size) in [("N", 36), ("F", 0), ("FF", 0), ("D", 4096), ("R", 0), ("", 512)] {
            requests.issue(&issue(operation, 0, size));
        }
        assert_eq!(requests.disks().count(), 0);
        for operation in ["R", "RA", "WS", "FWFS", "FW"] {
            requests.issue(&issue(operation, 0, 512));
        }
        assert_eq!(requests.disks().next().unwrap().issues, 5);
    }
}
