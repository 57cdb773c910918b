//! What a disk's driver lets the block layer ask for (`/sys/block/*/queue`).

use crate::event::Disk;

/// A disk of a device.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BlockDisk {
    /// Its name: `sda`, `nvme0n1`.
    pub name: Box<str>,
    /// Its device number.
    pub number: Option<Disk>,
    /// Its limits.
    pub queue: QueueLimits,
}

/// Limits of one request queue. An absent value is an unknown one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct QueueLimits {
    /// Most pieces of a request.
    pub max_segments: Option<u64>,
    /// Most bytes of a piece.
    pub max_segment_size: Option<u64>,
    /// Most KiB of a request that the device takes.
    pub max_hw_sectors_kb: Option<u64>,
    /// Most KiB of a request that the block layer makes.
    pub max_sectors_kb: Option<u64>,
    /// Bits that must be zero in the address of a user's buffer for it to be used in place.
    pub dma_alignment: Option<u64>,
    /// Bits that must be zero wherever one piece ends and the next begins; 0 when any bits may be set.
    pub virt_boundary_mask: Option<u64>,
    /// Bytes of a block.
    pub logical_block_size: Option<u64>,
}

impl QueueLimits {
    /// The names of the limits, as the files of sysfs are called.
    pub const NAMES: [&str; 7] = [
        "max_segments",
        "max_segment_size",
        "max_hw_sectors_kb",
        "max_sectors_kb",
        "dma_alignment",
        "virt_boundary_mask",
        "logical_block_size",
    ];

    /// The limit of that name.
    pub fn slot(&mut self, name: &str) -> Option<&mut Option<u64>> {
        match name {
            "max_segments" => Some(&mut self.max_segments),
            "max_segment_size" => Some(&mut self.max_segment_size),
            "max_hw_sectors_kb" => Some(&mut self.max_hw_sectors_kb),
            "max_sectors_kb" => Some(&mut self.max_sectors_kb),
            "dma_alignment" => Some(&mut self.dma_alignment),
            "virt_boundary_mask" => Some(&mut self.virt_boundary_mask),
            "logical_block_size" => Some(&mut self.logical_block_size),
            _ => None,
        }
    }

    /// What both queues keep to: the wider limit of each. A mapping does not say which disk it is for.
    #[must_use]
    pub fn wider(self, other: Self) -> Self {
        let most = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a.max(b));
        let bits = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a & b);
        Self {
            max_segments: most(self.max_segments, other.max_segments),
            max_segment_size: most(self.max_segment_size, other.max_segment_size),
            max_hw_sectors_kb: most(self.max_hw_sectors_kb, other.max_hw_sectors_kb),
            max_sectors_kb: most(self.max_sectors_kb, other.max_sectors_kb),
            dma_alignment: bits(self.dma_alignment, other.dma_alignment),
            virt_boundary_mask: bits(self.virt_boundary_mask, other.virt_boundary_mask),
            logical_block_size: self.logical_block_size.min(other.logical_block_size),
        }
    }
}

impl BlockDisk {
    /// Whether `disk` may be this one: by number where that is known, else by what the name says of it.
    ///
    /// Names of SCSI disks determine their number; for virtio and NVMe only the class of numbers is fixed, so several disks
    /// may match.
    pub fn may_be(&self, disk: Disk) -> bool {
        if let Some(number) = self.number {
            return number == disk;
        }
        match (self.name.strip_prefix("sd"), self.name.strip_prefix("vd")) {
            (Some(letters), _) => letters_index(letters).is_some_and(|index| scsi_number(index) == Some(disk)),
            (_, Some(letters)) => {
                let dynamic = (234..=254).contains(&disk.major);
                dynamic && letters_index(letters).is_some_and(|index| index == disk.minor / 16)
            }
            _ if self.name.starts_with("nvme") => disk.major == 259,
            _ => false,
        }
    }
}

/// `a` is 0, `z` 25, `aa` 26.
fn letters_index(letters: &str) -> Option<u32> {
    let mut index: u32 = 0;
    for byte in letters.bytes() {
        let digit = byte.checked_sub(b'a').filter(|&digit| digit < 26)?;
        index = index.checked_mul(26)?.checked_add(u32::from(digit) + 1)?;
    }
    index.checked_sub(1)
}

/// The number of a whole SCSI disk: 16 majors of 16 disks each; further disks have numbers that only the host knows.
fn scsi_number(index: u32) -> Option<Disk> {
    let major = match index / 16 {
        0 => 8,
        block @ 1..=7 => 64 + block,
        block @ 8..=15 => 120 + block,
        _ => return None,
    };
    Some(Disk { major, minor: index % 16 * 16 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_numbers() {
        let check = |name: &str, major, minor, expected| {
            let disk = BlockDisk { name: name.into(), ..BlockDisk::default() };
            assert_eq!(disk.may_be(Disk { major, minor }), expected, "{name} {major},{minor}");
        };
        check("sda", 8, 0, true);
        check("sda", 8, 16, false);
        check("sdb", 8, 16, true);
        check("sdq", 65, 0, true);
        check("sdaa", 65, 160, true);
        check("sd", 8, 0, false);
        check("vda", 254, 0, true);
        check("vdb", 254, 16, true);
        check("vdb", 254, 0, false);
        check("vda", 8, 0, false);
        check("nvme0n1", 259, 3, true);
        check("loop0", 7, 0, false);
    }

    #[test]
    fn a_known_number_wins() {
        let disk = BlockDisk { number: Some(Disk { major: 8, minor: 32 }), name: "sda".into(), ..BlockDisk::default() };
        assert!(disk.may_be(Disk { major: 8, minor: 32 }));
        assert!(!disk.may_be(Disk { major: 8, minor: 0 }));
    }
}
