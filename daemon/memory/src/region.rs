//! What clients register: a buffer's bytes, its virtual address and its physical pages.

use crate::mapping::{Mapping, MappingError};
use crate::model::ReservedArea;
use crate::pagemap::PagemapError;
use crate::passed::PassedMemory;
use crate::vspace::VaddrError;
use busdma_engine::{AddressSpace, BusSize, PAGE_SIZE, PhysAddr, VirtAddr};
use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use thiserror::Error;

/// The longest region, bytes: 4 GiB. What the machine keeps for every page of a region comes to 2 % of it.
pub const REGION_BYTES_MAX: BusSize = BusSize::new(4 << 30);

/// A buffer to register.
#[derive(Debug)]
pub struct RegisterRequest {
    /// Where its bytes are kept.
    pub backing: Backing,
    /// How many there are, at least 1, at most [`REGION_BYTES_MAX`]; the last page need not be full.
    pub len: BusSize,
    /// Which page table its virtual address is in.
    pub space: AddressSpace,
    /// Which physical pages it has.
    pub layout: Layout,
    /// Its virtual address, a multiple of the page size; `None` for one that nothing uses.
    pub vaddr: Option<VirtAddr>,
    /// Who registers it.
    pub owner: OwnerId,
}

/// Where the bytes of a region are kept.
#[derive(Debug)]
pub enum Backing {
    /// In the client's own memory file, which has at least as many bytes as the region.
    Passed(PassedMemory),
    /// In a file that the daemon makes: all zero, sealed.
    Made,
}

/// Which physical pages a region has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Layout {
    /// One behind the other.
    Contiguous {
        /// The first; `None` for the highest free ones, so that a device that does not reach all of memory has to bounce.
        base: Option<PhysAddr>,
    },
    /// Free pages of the clients' area as a random generator picks them.
    Scattered {
        /// The same seed picks the same pages, as long as the same ones are free.
        seed: u64,
    },
    /// These, one for every page of the region.
    ///
    /// Of the pages that the daemon made for the same owner some may occur, and any page several times: they are the same
    /// bytes wherever they occur. In a passed file every page has bytes of its own, so there all are distinct and free.
    Pages(Vec<PhysAddr>),
    /// Those of the host that hold the bytes at the time of registering.
    Pagemap,
}

/// Who registers: pages are shared among the regions of one owner only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OwnerId(u64);

/// Names a region. Ids are never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionId(u64);

/// A registered buffer.
#[derive(Debug)]
pub struct Region {
    pub(crate) vaddr: VirtAddr,
    pub(crate) len: BusSize,
    pub(crate) space: AddressSpace,
    pub(crate) owner: OwnerId,
    pub(crate) pages: Vec<PhysAddr>,
    /// The file that has its pages in order, if there is one.
    pub(crate) file: Option<Arc<Mapping>>,
}

/// Why a buffer is not registered. Nothing changed then.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// Nothing to register.
    #[error("0 bytes were asked for, expected at least 1")]
    Empty,
    /// Too long.
    #[error("{len} bytes were asked for, expected at most {REGION_BYTES_MAX}")]
    TooLarge {
        /// Bytes asked for.
        len: BusSize,
    },
    /// The passed file is shorter than the region.
    #[error("{passed} bytes of a file were passed for a region of {len} bytes")]
    PassedTooShort {
        /// Bytes passed.
        passed: BusSize,
        /// Bytes asked for.
        len: BusSize,
    },
    /// The virtual address will not do.
    #[error(transparent)]
    Vaddr(#[from] VaddrError),
    /// Too few or too many pages are listed.
    #[error("{found} pages are listed, the region has {expected}")]
    PageCount {
        /// Pages listed.
        found: usize,
        /// Pages needed.
        expected: u64,
    },
    /// A page's address is no page's.
    #[error("page {page} is no multiple of {PAGE_SIZE}")]
    PageUnaligned {
        /// Its address.
        page: PhysAddr,
    },
    /// A page lies outside memory.
    #[error("page {page} lies outside the machine's memory, which ends at {maxmem:#x}", maxmem = .maxmem.raw())]
    PageBeyondMemory {
        /// Its address.
        page: PhysAddr,
        /// Where memory ends, exclusive.
        maxmem: BusSize,
    },
    /// A page lies where the machine keeps its own.
    #[error("page {page} is reserved: {area}")]
    PageReserved {
        /// Its address.
        page: PhysAddr,
        /// What for.
        area: ReservedArea,
    },
    /// A page is somebody else's, or its bytes are in a passed file.
    #[error("page {page} is in use")]
    PageTaken {
        /// Its address.
        page: PhysAddr,
    },
    /// A page occurs twice where every page has bytes of its own.
    #[error("page {page} is listed twice, which only memory made by the daemon can be")]
    PageRepeated {
        /// Its address.
        page: PhysAddr,
    },
    /// Memory is full, or in pieces too small.
    #[error("no {pages} pages in a row are free")]
    NoRange {
        /// Pages asked for.
        pages: u64,
    },
    /// Memory is full.
    #[error("no {pages} pages are free")]
    NoPages {
        /// Pages asked for.
        pages: u64,
    },
    /// The host gave no memory.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// The host's page frames are unknown.
    #[error(transparent)]
    Pagemap(#[from] PagemapError),
}

/// No region has this id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("no {0}, expected the id of a region that was registered and not released")]
pub struct NoSuchRegion(pub RegionId);

impl Region {
    /// Address of its first byte, a multiple of the page size.
    pub fn vaddr(&self) -> VirtAddr {
        self.vaddr
    }

    /// Bytes registered.
    pub fn len(&self) -> BusSize {
        self.len
    }

    /// Never: an empty region is refused.
    pub fn is_empty(&self) -> bool {
        self.len == BusSize::ZERO
    }

    /// Which page table [`Self::vaddr`] is in.
    pub fn space(&self) -> AddressSpace {
        self.space
    }

    /// Who registered it.
    pub fn owner(&self) -> OwnerId {
        self.owner
    }

    /// First byte of each page, in order.
    pub fn pages(&self) -> &[PhysAddr] {
        &self.pages
    }

    /// The file with its bytes in order from [`Self::fd_offset`] on; `None` when pages occur twice or are shared with an
    /// older region.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_deref().map(Mapping::fd)
    }

    /// Where in the file its first byte lies: 0 in a file that the daemon made.
    pub fn fd_offset(&self) -> u64 {
        self.file.as_deref().map_or(0, Mapping::file_offset)
    }
}

impl OwnerId {
    /// Wraps a number that stands for one owner.
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The number.
    pub const fn raw(self) -> u64 {
        self.0
    }
}

impl RegionId {
    /// Wraps the number of a region.
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The number, counted from 0 in the order of registering.
    pub const fn raw(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RegionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "region{}", self.0)
    }
}

impl fmt::Debug for RegionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
