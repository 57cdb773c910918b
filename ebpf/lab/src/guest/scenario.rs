//! What the guest does, step by step, and what should come of it.
//!
//! The disks' drivers are attached only when everything watches, so that every mapping is seen from its beginning; nothing
//! touches a disk between the last load and the end of watching, so that every mapping's end is seen too.

use super::block::{Action, Transfers};
use super::udmabuf::{Layout, Sharing};
use crate::configuration::Configuration;
use rustix::io::Errno;
use std::fmt::{self, Display, Formatter};

/// One thing that the guest does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Waits for a block device.
    AwaitDisk(&'static str),
    /// Takes every device from its PCI driver.
    Unbind(&'static str),
    /// Gives the devices back, in the order of their addresses.
    Bind(&'static str),
    /// Starts the kernel's own trace.
    StartTrace,
    /// Stops it.
    StopTrace,
    /// Starts the daemon, and waits until it listens.
    StartDaemon,
    /// Asks the daemon what is to be kept, and stops it.
    StopDaemon,
    /// Loads a module of the image.
    Load(&'static str),
    /// Notes the bounce pool's state under this name.
    SamplePool(&'static str),
    /// Reads or writes a disk past the page cache.
    Transfer(Transfers),
    /// Several loads at once, which get in each other's way.
    Contend(&'static [Transfers]),
    /// Shares memory with the udmabuf device.
    Share(Sharing),
    /// Shares memory for a while, in which the loads begin.
    Starve(Sharing, &'static [Transfers]),
    /// Waits for what is under way to end.
    Settle,
}

/// Whether the image has the daemon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Daemon {
    /// It is started before the disks, and stopped after the last load.
    Present,
    /// Its steps are left out.
    Absent,
}

/// What came of a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was carried out.
    Done,
    /// The kernel refused it.
    Refused(Errno),
    /// Other bytes came back than were written, the first at this offset of the disk or memory.
    Differs(u64),
}

/// The scenario of `configuration`.
pub fn steps(configuration: Configuration, daemon: Daemon) -> Vec<Step> {
    let mut steps = vec![Step::AwaitDisk("nvme0n1"), Step::SamplePool("boot"), Step::Unbind("nvme"), Step::StartTrace];
    if daemon == Daemon::Present {
        steps.push(Step::StartDaemon);
    }
    steps.extend([Step::Bind("nvme"), Step::Load("virtio_blk")]);
    steps.extend([Step::AwaitDisk("nvme0n1"), Step::AwaitDisk("vda"), Step::Settle, Step::SamplePool("after-probe")]);
    steps.extend(disk_load("nvme0n1", 4));
    steps.push(Step::SamplePool("nvme"));
    steps.extend(disk_load("vda", 512));
    steps.push(Step::SamplePool("virtio"));
    steps.extend(SHARINGS.map(Step::Share));
    steps.push(Step::SamplePool("udmabuf"));
    if configuration.exhausts_pool() {
        steps.push(Step::Starve(WHOLE_POOL, SINGLE_PAGES));
        steps.extend([Step::AwaitDisk("nvme1n1"), Step::Contend(CONTENTION)]);
    }
    steps.extend([Step::Settle, Step::SamplePool("end")]);
    if daemon == Daemon::Present {
        steps.push(Step::StopDaemon);
    }
    steps.push(Step::StopTrace);
    steps
}

/// What should come of `step`: everything succeeds but memory that a pool of 1 MiB cannot hold.
pub fn expected(step: &Step, configuration: Configuration) -> Outcome {
    match step {
        Step::Share(sharing) if configuration.exhausts_pool() && sharing.pages > POOL_PAGES => {
            Outcome::Refused(Errno::IO)
        }
        _ => Outcome::Done,
    }
}

/// Pages of 4 KiB in a pool of 512 slots of 2 KiB.
const POOL_PAGES: usize = 256;

const SHARINGS: [Sharing; 4] = [
    Sharing { pages: 16, layout: Layout::InOrder, syncs: 2 },
    Sharing { pages: 64, layout: Layout::EveryOtherReversed, syncs: 1 },
    Sharing { pages: 200, layout: Layout::InOrder, syncs: 1 },
    Sharing { pages: 1024, layout: Layout::InOrder, syncs: 1 },
];

const WHOLE_POOL: Sharing = Sharing { pages: POOL_PAGES, layout: Layout::InOrder, syncs: 1 };

/// Each is mapped as pages, not as a list.
const SINGLE_PAGES: &[Transfers] = &[SMALL_READS, Transfers { disk: "nvme0n1", ..SMALL_READS }];

/// Three times as much at once as a pool of 1 MiB holds, on a disk that is slow to give it back; and small reads of another
/// disk, which may find the pool full.
const CONTENTION: &[Transfers] = &[
    Transfers { disk: "nvme1n1", bytes: 65536, count: 1, threads: 48, ..SMALL_READS },
    Transfers { count: 400, ..SMALL_READS },
];

const SMALL_READS: Transfers =
    Transfers { disk: "vda", action: Action::Read, bytes: 4096, count: 1, buffer_offset: 0, threads: 1, pieces: 1 };

/// Loads of one disk, whose driver takes buffers at multiples of `alignment` bytes.
fn disk_load(disk: &'static str, alignment: usize) -> Vec<Step> {
    let base = Transfers {
        disk,
        action: Action::WriteAndCompare,
        bytes: 4096,
        count: 4,
        buffer_offset: 0,
        threads: 1,
        pieces: 1,
    };
    let loads = [
        base,
        Transfers { bytes: 512, count: 2, buffer_offset: alignment, ..base },
        Transfers { bytes: 4096, buffer_offset: 512, ..base },
        Transfers { bytes: 65536, buffer_offset: 512, ..base },
        Transfers { bytes: 65536, pieces: 16, ..base },
        Transfers { bytes: 131_072, count: 2, ..base },
        Transfers { bytes: 16384, threads: 4, ..base },
        Transfers { action: Action::Read, bytes: 65536, threads: 2, ..base },
    ];
    loads.map(Step::Transfer).to_vec()
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::AwaitDisk(disk) => write!(f, "await {disk}"),
            Self::Unbind(driver) => write!(f, "unbind {driver}"),
            Self::Bind(driver) => write!(f, "bind {driver}"),
            Self::StartTrace => f.write_str("start trace"),
            Self::StopTrace => f.write_str("stop trace"),
            Self::StartDaemon => f.write_str("start daemon"),
            Self::StopDaemon => f.write_str("stop daemon"),
            Self::Load(module) => write!(f, "load {module}"),
            Self::SamplePool(label) => write!(f, "sample pool {label}"),
            Self::Transfer(transfers) => transfers.fmt(f),
            Self::Contend(loads) => {
                f.write_str("at once")?;
                loads.iter().try_for_each(|load| write!(f, " [{load}]"))
            }
            Self::Share(sharing) => sharing.fmt(f),
            Self::Starve(sharing, loads) => {
                write!(f, "{sharing}, meanwhile")?;
                loads.iter().try_for_each(|load| write!(f, " [{load}]"))
            }
            Self::Settle => f.write_str("settle"),
        }
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Refused(errno) => write!(f, "{}", std::io::Error::from(*errno)),
            Self::Differs(offset) => write!(f, "other bytes came back from offset {offset}"),
        }
    }
}
