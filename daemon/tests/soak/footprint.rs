//! What a daemon at rest takes of the host.

use crate::daemon::PATIENCE;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Memory and descriptors of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Footprint {
    /// Resident memory, KiB, pools and clients' memory included.
    pub(crate) resident_kib: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
}

impl Footprint {
    /// Looks once no more than so many threads are left: a connection's goes last.
    pub(crate) fn at_rest(pid: u32, threads: usize) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let footprint = Self::of(pid);
            if footprint.threads <= threads {
                return footprint;
            }
            assert!(Instant::now() < deadline, "connections are left: {footprint:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        Self {
            resident_kib: resident.trim().trim_end_matches(" kB").parse().unwrap(),
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count(),
            threads: fs::read_dir(format!("/proc/{pid}/task")).unwrap().count(),
        }
    }
}
