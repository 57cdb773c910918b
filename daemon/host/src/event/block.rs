//! What `block:*` says.

use super::names::until_nul;
use busdma_engine::{BusSize, PhysRange};
use std::fmt;

/// `block_rq_issue` or `block_rq_requeue`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockRequest {
    /// On which disk.
    pub disk: Disk,
    /// The kernel's address of the request, where the source knows it: it tells a second issue from another request.
    pub request: Option<u64>,
    /// What is asked for: `R`, `W`, `D`, `F`, `N` and their flags, as the kernel prints them.
    pub operation: Operation,
    /// The first sector, of 512 bytes.
    pub sector: u64,
    /// Bytes.
    pub size: BusSize,
    /// Where the bytes are, where the source knows.
    pub memory: Box<[PhysRange]>,
    /// Pieces of memory in truth.
    pub pieces: Option<u32>,
}

/// `block_rq_complete`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockCompletion {
    /// On which disk.
    pub disk: Disk,
    /// The kernel's address of the request, where the source knows it.
    pub request: Option<u64>,
    /// What was asked for.
    pub operation: Operation,
    /// The first sector, of 512 bytes.
    pub sector: u64,
    /// Sectors that are done.
    pub sectors: u32,
    /// 0, or a negative errno.
    pub error: i32,
}

/// `block_bio_queue`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockBio {
    /// On which disk.
    pub disk: Disk,
    /// What is asked for.
    pub operation: Operation,
    /// The first sector, of 512 bytes.
    pub sector: u64,
    /// Sectors.
    pub sectors: u32,
}

/// A disk, by its device number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Disk {
    /// The driver's number; 0 for requests that belong to no disk.
    pub major: u32,
    /// The disk's.
    pub minor: u32,
}

/// What a request asks for, as the kernel prints it (`rwbs`): at most 10 letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Operation([u8; 10]);

impl Operation {
    /// The first 10 bytes of what the kernel printed, up to its first NUL.
    pub fn new(letters: &[u8]) -> Self {
        let mut bytes = [0; 10];
        let kept = letters.iter().take_while(|&&byte| byte != 0);
        for (to, from) in bytes.iter_mut().zip(kept) {
            *to = *from;
        }
        Self(bytes)
    }

    /// The letters.
    pub fn bytes(&self) -> &[u8] {
        until_nul(&self.0)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(self.bytes()))
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self.bytes()), f)
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.major, self.minor)
    }
}
