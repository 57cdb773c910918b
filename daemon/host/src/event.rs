//! One thing that the kernel said about DMA, whichever way it came.
//!
//! Source: the format files of Linux 6.12 and 6.18, `include/trace/events/{dma,swiotlb,iommu,block}.h`.

use busdma_engine::{BusAddr, BusSize, Nanos, PhysAddr, PhysRange};
use std::fmt;
use std::sync::Arc;

/// One event of one tracepoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostEvent {
    /// When, on the clock of the source. Events of one source are in order, but for small steps between processors.
    pub at: Nanos,
    /// The processor it happened on.
    pub cpu: u32,
    /// Who was running, which in an interrupt is anybody.
    pub task: Task,
    /// The tracepoint.
    pub point: Tracepoint,
    /// What it said.
    pub kind: EventKind,
}

/// Who was running.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Task {
    /// The thread's id; 0 is idle.
    pub pid: u32,
    /// Its name, cut to 15 bytes by the kernel.
    pub name: TaskName,
}

/// A thread's name: at most 15 bytes, the rest zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TaskName([u8; 16]);

/// A device, by the name the kernel prints: `0000:00:02.0`, `udmabuf`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device(Arc<str>);

/// What an event said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// A contiguous piece was mapped, or was not: see [`MapPage::failed`].
    MapPage(MapPage),
    /// A contiguous piece is no longer mapped.
    UnmapPage(UnmapPage),
    /// A scatter list was mapped.
    MapSg(MapSg),
    /// Mapping a scatter list failed with an error that the kernel tells of, which are few.
    MapSgFailed(MapSgFailed),
    /// A scatter list is no longer mapped.
    UnmapSg(UnmapSg),
    /// Memory for both sides was allocated (`dma_alloc`, `dma_alloc_pages`, `dma_alloc_sgt`).
    Alloc(Alloc),
    /// Such an allocation failed (`dma_alloc_sgt_err`).
    AllocFailed(Alloc),
    /// Such memory was freed.
    Free(Free),
    /// Ownership of mapped bytes changed.
    Sync(Sync),
    /// swiotlb was asked for room. It may still not have any.
    Bounced(Bounced),
    /// An IOMMU translates from here on.
    IommuMap(IommuMap),
    /// An IOMMU no longer translates.
    IommuUnmap(IommuUnmap),
    /// A request was given to a driver, perhaps once more.
    BlockIssue(BlockRequest),
    /// A request, or part of it, is done.
    BlockComplete(BlockCompletion),
    /// A driver could not take a request, which is issued again later.
    BlockRequeue(BlockRequest),
    /// A bio entered a queue.
    BlockQueue(BlockBio),
    /// Somebody wrote into `trace_marker`.
    Mark(Box<str>),
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

/// A disk, by its device number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Disk {
    /// The driver's number; 0 for requests that belong to no disk.
    pub major: u32,
    /// The disk's.
    pub minor: u32,
}

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

/// What a request asks for, as the kernel prints it (`rwbs`): at most 10 letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Operation([u8; 10]);

macro_rules! tracepoints {
    ($($variant:ident = $group:literal $name:literal),* $(,)?) => {
        /// A tracepoint of the kernel.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Tracepoint {
            $(#[doc = concat!("`", $group, ":", $name, "`")] $variant,)*
        }

        impl Tracepoint {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name, as the kernel spells it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The group it is in.
            pub const fn group(self) -> &'static str {
                match self { $(Self::$variant => $group,)* }
            }

            /// The tracepoint of that name; names are unique over the groups.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

tracepoints! {
    DmaMapPage = "dma" "dma_map_page",
    DmaMapPhys = "dma" "dma_map_phys",
    DmaMapResource = "dma" "dma_map_resource",
    DmaUnmapPage = "dma" "dma_unmap_page",
    DmaUnmapPhys = "dma" "dma_unmap_phys",
    DmaUnmapResource = "dma" "dma_unmap_resource",
    DmaMapSg = "dma" "dma_map_sg",
    DmaMapSgErr = "dma" "dma_map_sg_err",
    DmaUnmapSg = "dma" "dma_unmap_sg",
    DmaAlloc = "dma" "dma_alloc",
    DmaAllocPages = "dma" "dma_alloc_pages",
    DmaAllocSgt = "dma" "dma_alloc_sgt",
    DmaAllocSgtErr = "dma" "dma_alloc_sgt_err",
    DmaFree = "dma" "dma_free",
    DmaFreePages = "dma" "dma_free_pages",
    DmaFreeSgt = "dma" "dma_free_sgt",
    DmaSyncSingleForCpu = "dma" "dma_sync_single_for_cpu",
    DmaSyncSingleForDevice = "dma" "dma_sync_single_for_device",
    DmaSyncSgForCpu = "dma" "dma_sync_sg_for_cpu",
    DmaSyncSgForDevice = "dma" "dma_sync_sg_for_device",
    SwiotlbBounced = "swiotlb" "swiotlb_bounced",
    IommuMap = "iommu" "map",
    IommuUnmap = "iommu" "unmap",
    BlockRqIssue = "block" "block_rq_issue",
    BlockRqComplete = "block" "block_rq_complete",
    BlockRqRequeue = "block" "block_rq_requeue",
    BlockBioQueue = "block" "block_bio_queue",
    MarkWrite = "ftrace" "tracing_mark_write",
}

impl MapPage {
    /// Whether nothing was mapped (`DMA_MAPPING_ERROR`).
    pub fn failed(&self) -> bool {
        self.dma == BusAddr::MAX
    }
}

impl HostEvent {
    /// The device it names.
    pub fn device(&self) -> Option<&Device> {
        match &self.kind {
            EventKind::MapPage(event) => Some(&event.device),
            EventKind::UnmapPage(event) => Some(&event.device),
            EventKind::MapSg(event) => Some(&event.device),
            EventKind::MapSgFailed(event) => Some(&event.device),
            EventKind::UnmapSg(event) => Some(&event.device),
            EventKind::Alloc(event) | EventKind::AllocFailed(event) => Some(&event.device),
            EventKind::Free(event) => Some(&event.device),
            EventKind::Sync(event) => Some(&event.device),
            EventKind::Bounced(event) => Some(&event.device),
            EventKind::IommuMap(_)
            | EventKind::IommuUnmap(_)
            | EventKind::BlockIssue(_)
            | EventKind::BlockComplete(_)
            | EventKind::BlockRequeue(_)
            | EventKind::BlockQueue(_)
            | EventKind::Mark(_) => None,
        }
    }
}

impl Device {
    /// A device of that name.
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
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

impl TaskName {
    /// The first 15 bytes of a name, up to its first NUL.
    pub fn new(name: &[u8]) -> Self {
        let mut bytes = [0; 16];
        let kept = name.iter().take(15).take_while(|&&byte| byte != 0);
        for (to, from) in bytes.iter_mut().zip(kept) {
            *to = *from;
        }
        Self(bytes)
    }

    /// The name.
    pub fn bytes(&self) -> &[u8] {
        until_nul(&self.0)
    }
}

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

fn until_nul(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(self.bytes()))
    }
}

impl fmt::Debug for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self.bytes()), f)
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.name, self.pid)
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

impl fmt::Display for Tracepoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
