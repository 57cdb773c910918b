//! What `dma:*`, `swiotlb:*` and `iommu:*` say.

use super::Device;
use busdma_engine::{BusAddr, BusSize, PhysAddr};

/// `dma_map_page`, `dma_map_phys` or `dma_map_resource`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MapPage {
    /// For which device.
    pub device: Device,
    /// Which way bytes go.
    pub direction: Direction,
    /// Where the device finds it; all ones when it was not mapped.
    pub dma: BusAddr,
    /// How much.
    pub size: BusSize,
    /// Where it is.
    pub phys: PhysAddr,
    /// How it was asked for.
    pub attributes: Attributes,
}

/// `dma_unmap_page`, `dma_unmap_phys` or `dma_unmap_resource`. It does not say where the bytes are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnmapPage {
    /// For which device.
    pub device: Device,
    /// Which way bytes went.
    pub direction: Direction,
    /// Where the device found it.
    pub dma: BusAddr,
    /// How much.
    pub size: BusSize,
    /// How it was asked for.
    pub attributes: Attributes,
}

/// `dma_map_sg`. Its lists may be cut short: `entries` and `mapped` say how long they are in truth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MapSg {
    /// For which device.
    pub device: Device,
    /// Which way bytes go.
    pub direction: Direction,
    /// Entries that were asked for.
    pub entries: u32,
    /// Entries that the device is given; fewer when some were merged.
    pub mapped: u32,
    /// Where each entry is, as far as it is told. Their lengths are told only where nothing was merged.
    pub phys: Box<[PhysAddr]>,
    /// What the device is given, as far as it is told.
    pub dma: Box<[DmaRange]>,
    /// How it was asked for.
    pub attributes: Attributes,
}

/// Addresses as a device sees them: `size` bytes from `start`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DmaRange {
    /// The first byte.
    pub start: BusAddr,
    /// Bytes.
    pub size: BusSize,
}

/// `dma_map_sg_err`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MapSgFailed {
    /// For which device.
    pub device: Device,
    /// Which way bytes would have gone.
    pub direction: Direction,
    /// Where each entry is, as far as it is told.
    pub phys: Box<[PhysAddr]>,
    /// The negative errno.
    pub error: i32,
    /// How it was asked for.
    pub attributes: Attributes,
}

/// `dma_unmap_sg`. It says where the bytes are, and not where the device found them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnmapSg {
    /// For which device.
    pub device: Device,
    /// Which way bytes went.
    pub direction: Direction,
    /// Where each entry is, as far as it is told.
    pub phys: Box<[PhysAddr]>,
    /// Entries in truth, where the source knows.
    pub entries: Option<u32>,
    /// How it was asked for.
    pub attributes: Attributes,
}

/// `dma_alloc`, `dma_alloc_pages`, `dma_alloc_sgt` or `dma_alloc_sgt_err`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alloc {
    /// For which device.
    pub device: Device,
    /// Which way bytes go.
    pub direction: Direction,
    /// Where the device finds it.
    pub dma: BusAddr,
    /// How much.
    pub size: BusSize,
    /// Where it is; only `dma_alloc_sgt` says.
    pub phys: Box<[PhysAddr]>,
    /// How it was asked for.
    pub attributes: Attributes,
}

/// `dma_free`, `dma_free_pages` or `dma_free_sgt`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Free {
    /// For which device.
    pub device: Device,
    /// Which way bytes went.
    pub direction: Direction,
    /// Where the device found it.
    pub dma: BusAddr,
    /// How much.
    pub size: BusSize,
    /// Where it is; only `dma_free_sgt` says.
    pub phys: Box<[PhysAddr]>,
    /// How it was asked for.
    pub attributes: Attributes,
}

/// `dma_sync_{single,sg}_for_{cpu,device}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sync {
    /// For which device.
    pub device: Device,
    /// Which way bytes go.
    pub direction: Direction,
    /// Whose the bytes are from here on.
    pub owner: SyncOwner,
    /// The bytes, as the device sees them, as far as they are told.
    pub ranges: Box<[DmaRange]>,
}

/// Whose mapped bytes are after a sync.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SyncOwner {
    /// The processor's.
    Cpu,
    /// The device's.
    Device,
}

/// `swiotlb_bounced`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bounced {
    /// For which device.
    pub device: Device,
    /// The highest address that the device reaches, inclusive.
    pub mask: BusAddr,
    /// Where the bytes are, as the device would see them.
    pub addr: BusAddr,
    /// How much.
    pub size: BusSize,
    /// Why.
    pub cause: BounceCause,
}

/// Why swiotlb was asked for room, as the kernel says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum BounceCause {
    /// Everything bounces: `swiotlb=force`, or a guest whose memory the device must not see (`FORCE`).
    Forced,
    /// The device does not reach the bytes (`NORMAL`).
    Mask,
}

/// `iommu:map`. It names no device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IommuMap {
    /// What the device sees.
    pub iova: BusAddr,
    /// Where it is.
    pub phys: PhysAddr,
    /// How much.
    pub size: BusSize,
}

/// `iommu:unmap`. It names no device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IommuUnmap {
    /// What the device saw.
    pub iova: BusAddr,
    /// How much was to be unmapped.
    pub size: BusSize,
    /// How much was.
    pub unmapped: BusSize,
}

/// A direction of transfer (`enum dma_data_direction`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// Both.
    Bidirectional,
    /// The device reads.
    ToDevice,
    /// The device writes.
    FromDevice,
    /// Neither.
    None,
}

bitflags::bitflags! {
    /// `DMA_ATTR_*`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
    pub struct Attributes: u32 {
        /// Reads and writes may pass each other.
        const WEAK_ORDERING = 1 << 1;
        /// Writes may be combined.
        const WRITE_COMBINE = 1 << 2;
        /// No address for the kernel is wanted.
        const NO_KERNEL_MAPPING = 1 << 4;
        /// The driver synchronises by itself.
        const SKIP_CPU_SYNC = 1 << 5;
        /// Physically contiguous memory is wanted.
        const FORCE_CONTIGUOUS = 1 << 6;
        /// Small pages will do.
        const ALLOC_SINGLE_PAGES = 1 << 7;
        /// No word about failures.
        const NO_WARN = 1 << 8;
        /// The device may use supervisor accesses.
        const PRIVILEGED = 1 << 9;
        /// No memory but registers (6.18).
        const MMIO = 1 << 10;
        /// The cache holds nothing that must be written (6.18).
        const CACHE_CLEAN = 1 << 11;
    }
}

impl MapPage {
    /// Whether nothing was mapped (`DMA_MAPPING_ERROR`).
    pub fn failed(&self) -> bool {
        self.dma == BusAddr::MAX
    }
}

impl Direction {
    /// All of them, in the order of the kernel's numbers.
    pub const ALL: [Self; 4] = [Self::Bidirectional, Self::ToDevice, Self::FromDevice, Self::None];

    /// As the kernel prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bidirectional => "BIDIRECTIONAL",
            Self::ToDevice => "TO_DEVICE",
            Self::FromDevice => "FROM_DEVICE",
            Self::None => "NONE",
        }
    }

    /// What the kernel prints so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.name() == name)
    }
}
