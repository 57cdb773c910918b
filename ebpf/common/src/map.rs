//! The values of the maps that the programs and the daemon share.

use crate::record::NAME_BYTES;

/// Elements of arrays with one for each program, some of them spare.
pub const PROGRAM_SLOTS: usize = 32;

/// Elements of a histogram of sizes: bucket `n` counts sizes from 2^n up to but not including 2^(n+1) bytes. 0 is in
/// the first, all from 2^31 in the last.
pub const SIZE_BUCKETS: usize = 32;

/// Page structures that one calibration samples at most.
pub const CALIBRATION_PAGES: usize = 1024;

/// Every run gives a record.
pub const MODE_EVENTS: u32 = 0;
/// Every run is added to a [`Total`]; there are no records.
pub const MODE_TOTALS: u32 = 1;

/// The switches: the one element of the map `config`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Config {
    /// [`MODE_EVENTS`] or [`MODE_TOTALS`].
    pub mode: u32,
    /// Not 0: only devices named in the map `devices`.
    pub device_filter: u32,
    /// Not 0: only disks numbered in the map `disks`.
    pub disk_filter: u32,
    /// Zero.
    pub reserved: u32,
}

/// What became of the runs of each program on one processor: the one element of the map `counters`.
///
/// The five add up to the number of runs.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Counters {
    /// A record went into the ring.
    pub delivered: [u64; PROGRAM_SLOTS],
    /// The ring had no room.
    pub dropped: [u64; PROGRAM_SLOTS],
    /// The filter said no.
    pub filtered: [u64; PROGRAM_SLOTS],
    /// Added to a total.
    pub totalled: [u64; PROGRAM_SLOTS],
    /// There were too many totals for another one.
    pub untotalled: [u64; PROGRAM_SLOTS],
}

/// What one total is of: the key of the map `totals`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(C)]
pub struct TotalKey {
    /// The device's name, padded with zeros; zeros only where the tracepoint names none.
    pub device: [u8; NAME_BYTES],
    /// The number of the whole disk; 0 for what is not about a disk.
    pub disk: u32,
    /// [`crate::program::Program::number`].
    pub program: u32,
}

/// What one processor saw of one device and program.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Total {
    /// Runs.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Runs by size: see [`SIZE_BUCKETS`].
    pub sizes: [u64; SIZE_BUCKETS],
}

/// Page structures as one thread was given them: the one element of the map `calibration`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Calibration {
    /// The thread; 0 for none.
    pub thread: u32,
    /// Elements of `pages` that are filled.
    pub count: u32,
    /// Bytes of a page structure.
    pub page_struct_bytes: u32,
    /// Zero.
    pub reserved: u32,
    /// The kernel's addresses of the page structures.
    pub pages: [u64; CALIBRATION_PAGES],
}

const _: () = assert!(size_of::<Config>() == 16);
const _: () = assert!(size_of::<Counters>() == 5 * 8 * PROGRAM_SLOTS);
const _: () = assert!(size_of::<TotalKey>() == 40);
const _: () = assert!(size_of::<Total>() == 16 + 8 * SIZE_BUCKETS);
const _: () = assert!(size_of::<Calibration>() == 16 + 8 * CALIBRATION_PAGES);
