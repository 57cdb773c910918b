//! What to attach, filter and count.

use crate::per_program::ProgramSet;
use busdma_ebpf::common::record::NAME_BYTES;
use busdma_host::event::{Device, Disk};

/// How probes are attached.
#[derive(Clone, Debug)]
pub struct Config {
    /// Programs to attach. All are loaded, so that others can be attached later without any capability.
    pub programs: ProgramSet,
    /// Room for events that nobody has read yet.
    pub ring: RingSize,
    /// Which events are wanted.
    pub filter: Filter,
    /// What becomes of them.
    pub mode: Mode,
    /// Whether the kernel measures its time in the programs.
    pub run_time: RunTime,
}

/// Which events are wanted. What names neither a device nor a disk passes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Only these devices; empty for all. The kernel compares the first 31 bytes of a name.
    pub devices: Vec<Device>,
    /// Only these disks; empty for all. A partition goes with its disk.
    pub disks: Vec<Disk>,
}

/// What becomes of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// It is handed to the owner.
    #[default]
    Events,
    /// The kernel adds it to a total by device and program, which costs the owner nothing.
    Totals,
}

/// Whether the kernel measures its time in eBPF programs, which it does for all of them at once, for some 20 ns a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RunTime {
    /// It does not, but for somebody else.
    #[default]
    Unmeasured,
    /// It does, if `CAP_SYS_ADMIN` is there.
    Measured,
}

/// Bytes of the ring: a power of two, at least a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RingSize(u32);

/// Not a size for a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{bytes} bytes are no size for a ring: it is a power of two from {} to {}", RingSize::MIN.0, RingSize::MAX.0)]
pub struct RingSizeError {
    /// What was asked for.
    pub bytes: u32,
}

impl RingSize {
    /// One page of 4 KiB, in which a long scatter list has no room.
    pub const MIN: Self = Self(4096);
    /// 256 MiB.
    pub const MAX: Self = Self(256 << 20);

    /// That many bytes.
    ///
    /// # Errors
    /// When it is no power of two from [`RingSize::MIN`] to [`RingSize::MAX`].
    pub const fn new(bytes: u32) -> Result<Self, RingSizeError> {
        if bytes.is_power_of_two() && bytes >= Self::MIN.0 && bytes <= Self::MAX.0 {
            Ok(Self(bytes))
        } else {
            Err(RingSizeError { bytes })
        }
    }

    /// The bytes.
    pub const fn bytes(self) -> u32 {
        self.0
    }
}

impl Default for RingSize {
    /// 4 MiB: 114,000 events a second with a poll every 5 ms lose nothing.
    fn default() -> Self {
        Self(4 << 20)
    }
}

impl Default for Config {
    /// Every program, every event.
    fn default() -> Self {
        Self {
            programs: ProgramSet::ALL,
            ring: RingSize::default(),
            filter: Filter::default(),
            mode: Mode::default(),
            run_time: RunTime::default(),
        }
    }
}

/// A device's name as the programs see it.
pub(crate) fn name_key(device: &Device) -> [u8; NAME_BYTES] {
    let mut key = [0; NAME_BYTES];
    for (to, from) in key.iter_mut().take(NAME_BYTES - 1).zip(device.name().bytes()) {
        *to = from;
    }
    key
}

/// A disk's number as the kernel keeps it in memory: 12 bits above 20.
pub(crate) const fn disk_key(disk: Disk) -> u32 {
    disk.major << 20 | disk.minor & 0xf_ffff
}

/// The disk of such a number.
pub(crate) const fn disk_of(number: u32) -> Disk {
    Disk { major: number >> 20, minor: number & 0xf_ffff }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ring_sizes() {
        for (bytes, fits) in [(0, false), (2048, false), (4096, true), (4097, false), (4 << 20, true), (1 << 29, false)]
        {
            assert_eq!(RingSize::new(bytes).is_ok(), fits, "{bytes}");
        }
    }

    #[test]
    fn keys() {
        let disk = Disk { major: 259, minor: 0x1_2345 };
        assert_eq!(disk_of(disk_key(disk)), disk);
        let long = Device::new("0123456789012345678901234567890123456789");
        assert_eq!(name_key(&long)[30], b'0');
        assert_eq!(name_key(&long)[31], 0);
    }
}
