//! What the caller supplies: memory to translate and copy, and frames for bounce pages and dmamem.

use crate::addr::{AddressSpace, BusSize, PageCount, PhysAddr, VirtAddr};
use crate::constraints::{Alignment, Boundary};

/// Memory as the engine needs it.
pub trait Memory {
    /// Translates a virtual address (`pmap_kextract`, `pmap_extract`); `None` when nothing is mapped there.
    fn translate(&self, space: AddressSpace, addr: VirtAddr) -> Option<PhysAddr>;

    /// Copies `len` bytes. Neither range crosses a page; the two never overlap unless a caller's own pages do.
    fn copy(&mut self, from: PhysAddr, to: PhysAddr, len: BusSize);
}

/// Where frames come from.
pub trait FrameSource {
    /// One page at or below `high` (`contigmalloc(PAGE_SIZE, .., high, PAGE_SIZE, 0)`), aligned to `alignment` where that is
    /// more than a page. `None` when there is none. Bounce pages are never given back.
    fn bounce_frame(&mut self, high: PhysAddr, alignment: Alignment) -> Option<PhysAddr>;

    /// Memory for `bus_dmamem_alloc`; `None` when there is none that fits.
    fn dmamem(&mut self, request: &DmamemRequest) -> Option<DmamemRegion>;

    /// Gives memory back. `request` is the one it was allocated with.
    fn free_dmamem(&mut self, region: &DmamemRegion, request: &DmamemRequest);
}

/// Everything a caller supplies.
pub trait Platform: Memory + FrameSource {}

impl<T: Memory + FrameSource> Platform for T {}

/// One call of a kernel allocator by `bus_dmamem_alloc`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DmamemRequest {
    /// Which allocator.
    pub class: AllocatorClass,
    /// Bytes: the tag's `maxsize`.
    pub size: BusSize,
    /// Whether the caller may sleep.
    pub wait: AllocatorWait,
    /// Whether the bytes are zeroed.
    pub fill: AllocatorFill,
}

/// Which kernel allocator `bus_dmamem_alloc` picks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AllocatorClass {
    /// malloc(9): small, and any address will do.
    Malloc,
    /// `kmem_alloc_attr`: pages anywhere at or below `high`.
    Pages {
        /// Highest address, inclusive.
        high: PhysAddr,
        /// Caching of the mapping.
        attribute: MemoryAttribute,
    },
    /// `kmem_alloc_contig`: one contiguous block at or below `high`.
    Contiguous {
        /// Highest address, inclusive.
        high: PhysAddr,
        /// Alignment of the block.
        alignment: Alignment,
        /// Multiples the block may not cross.
        boundary: Option<Boundary>,
        /// Caching of the mapping.
        attribute: MemoryAttribute,
    },
}

impl AllocatorClass {
    /// Whether it is malloc(9).
    pub const fn is_malloc(&self) -> bool {
        matches!(self, Self::Malloc)
    }
}

/// Caching of a mapping (`vm_memattr_t`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum MemoryAttribute {
    /// `VM_MEMATTR_DEFAULT`.
    Default,
    /// `VM_MEMATTR_UNCACHEABLE`.
    Uncacheable,
}

/// Whether an allocation may sleep (`M_WAITOK`, `M_NOWAIT`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum AllocatorWait {
    /// It may sleep.
    MaySleep,
    /// It fails rather than sleep.
    NoWait,
}

/// Whether allocated bytes are zeroed (`M_ZERO`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum AllocatorFill {
    /// Zeroed.
    Zero,
    /// Whatever was there.
    Leftover,
}

/// Memory that `bus_dmamem_alloc` got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DmamemRegion {
    /// Kernel address of the first byte.
    pub vaddr: VirtAddr,
    /// Physical address of the first byte.
    pub paddr: PhysAddr,
    /// First byte of each page, in order.
    pub pages: Vec<PhysAddr>,
}

/// What the machine is: the two numbers FreeBSD's pool rules look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MachineLimits {
    /// Bytes of physical address space in use; FreeBSD's `Maxmem` is this in pages, rounded down.
    pub maxmem: BusSize,
    /// The most pages that map creation grows a zone to (`MAX_BPAGES`).
    pub max_bpages: PageCount,
}

impl MachineLimits {
    pub(crate) const fn maxmem_pages(&self) -> u64 {
        self.maxmem.to_pages_floor()
    }
}
