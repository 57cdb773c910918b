//! dmamem: first fit over free pages, each region in a memory file of its own.

use crate::mapping::{Mapping, MappingError};
use crate::model::MemoryModel;
use crate::ranges::{PageRanges, page_address, page_number};
use crate::vspace::{AddressWindow, VaddrError};
use busdma_engine::{AllocatorClass, BusSize, DmamemRequest, PAGE_SIZE, PhysAddr, VirtAddr};
use std::collections::BTreeMap;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use thiserror::Error;

/// Most pages in one allocation; a replay's machine has the same limit.
const PAGES_MAX: u64 = 4096;

/// Kernel addresses of dmamem, the second exclusive.
const VADDR_WINDOW: (u64, u64) = (0xffff_fe80_0000_0000, 0xffff_ffff_ffff_f000);

/// Regions in use.
#[derive(Debug)]
pub(crate) struct DmamemPool {
    pub(crate) window: AddressWindow,
    bytes: u64,
    bytes_max: BusSize,
    /// By the address of the first page.
    regions: BTreeMap<PhysAddr, DmamemAllocation>,
    pub(crate) refusal: Option<DmamemRefusal>,
}

/// One region in use.
#[derive(Debug)]
pub(crate) struct DmamemAllocation {
    pub(crate) vaddr: VirtAddr,
    pub(crate) pages: Vec<PhysAddr>,
    pub(crate) mapping: Arc<Mapping>,
}

/// Where the bytes of a dmamem region are.
#[derive(Clone, Copy, Debug)]
pub struct DmamemBacking<'m> {
    /// The file: the region's pages in order, and nothing else.
    pub fd: BorrowedFd<'m>,
    /// Where in the file the first page lies: 0.
    pub offset: u64,
    /// Bytes, whole pages.
    pub len: BusSize,
}

/// Why there was no dmamem.
#[derive(Debug, Error)]
pub enum DmamemRefusal {
    /// No size that an allocator serves.
    #[error("{size} bytes of dmamem were asked for, expected 1 to {PAGES_MAX} pages")]
    Size {
        /// Bytes asked for.
        size: BusSize,
    },
    /// The machine has all the dmamem it is allowed.
    #[error("{wanted} bytes of dmamem were asked for and {in_use} are in use, {limit} are allowed")]
    Cap {
        /// Bytes asked for, whole pages.
        wanted: BusSize,
        /// Bytes in use.
        in_use: BusSize,
        /// Bytes allowed.
        limit: BusSize,
    },
    /// No free pages meet the request.
    #[error("no {pages} free pages lie as asked: {class:?}")]
    NoRange {
        /// Pages asked for.
        pages: u64,
        /// How they were to lie.
        class: AllocatorClass,
    },
    /// No kernel addresses are left.
    #[error(transparent)]
    Vaddr(#[from] VaddrError),
    /// The host gave no memory.
    #[error(transparent)]
    Mapping(#[from] MappingError),
}

impl DmamemPool {
    pub(crate) fn new() -> Self {
        Self {
            window: AddressWindow::new(VADDR_WINDOW.0, VADDR_WINDOW.1),
            bytes: 0,
            bytes_max: BusSize::new(u64::MAX),
            regions: BTreeMap::new(),
            refusal: None,
        }
    }

    pub(crate) fn bytes(&self) -> BusSize {
        BusSize::new(self.bytes)
    }

    pub(crate) fn set_bytes_max(&mut self, limit: BusSize) {
        self.bytes_max = limit;
    }

    /// Chooses the pages of a region.
    pub(crate) fn choose(
        &self,
        request: &DmamemRequest,
        model: &MemoryModel,
        taken: &PageRanges,
    ) -> Result<Vec<PhysAddr>, DmamemRefusal> {
        let pages = page_count(request)?;
        let wanted = BusSize::new(pages * PAGE_SIZE);
        if self.bytes.saturating_add(wanted.raw()) > self.bytes_max.raw() {
            return Err(DmamemRefusal::Cap { wanted, in_use: self.bytes(), limit: self.bytes_max });
        }
        find(request.class, pages, model, taken).ok_or(DmamemRefusal::NoRange { pages, class: request.class })
    }

    pub(crate) fn insert(&mut self, paddr: PhysAddr, allocation: DmamemAllocation) {
        self.bytes += allocation.mapping.len().raw();
        self.regions.insert(paddr, allocation);
    }

    pub(crate) fn remove(&mut self, paddr: PhysAddr) -> Option<DmamemAllocation> {
        let allocation = self.regions.remove(&paddr)?;
        self.bytes -= allocation.mapping.len().raw();
        Some(allocation)
    }

    pub(crate) fn backing(&self, paddr: PhysAddr) -> Option<DmamemBacking<'_>> {
        let mapping = &self.regions.get(&paddr)?.mapping;
        Some(DmamemBacking { fd: mapping.fd(), offset: mapping.file_offset(), len: mapping.len() })
    }
}

fn page_count(request: &DmamemRequest) -> Result<u64, DmamemRefusal> {
    // malloc(9) gives memory for no bytes as well.
    let size = if request.class.is_malloc() { request.size.max(BusSize::new(1)) } else { request.size };
    let pages = size.to_pages_ceil();
    if (1..=PAGES_MAX).contains(&pages) { Ok(pages) } else { Err(DmamemRefusal::Size { size }) }
}

fn find(class: AllocatorClass, pages: u64, model: &MemoryModel, taken: &PageRanges) -> Option<Vec<PhysAddr>> {
    match class {
        AllocatorClass::Malloc => find_row(windows(model, PhysAddr::MAX), pages, 1, None, taken),
        AllocatorClass::Pages { high, .. } => find_scattered(windows(model, high), pages, taken),
        AllocatorClass::Contiguous { high, alignment, boundary, .. } => {
            let boundary = match boundary {
                Some(boundary) if boundary.bytes() < pages * PAGE_SIZE => return None,
                boundary => boundary.map(|boundary| boundary.bytes() / PAGE_SIZE),
            };
            let alignment = alignment.bytes().div_ceil(PAGE_SIZE);
            find_row(windows(model, high), pages, alignment, boundary, taken)
        }
    }
}

/// Where dmamem may lie, in order of preference: its own area, then the clients', both no higher than `high`.
fn windows(model: &MemoryModel, high: PhysAddr) -> [Range<u64>; 2] {
    let end = model.maxmem.to_pages_floor();
    let end = high.raw().checked_add(1).map_or(end, |high| end.min(high / PAGE_SIZE));
    let (dmamem, clients) = (page_number(model.dmamem_base), page_number(model.client_base));
    [dmamem..clients.min(end), clients..end]
}

/// The lowest free pages, wherever they are.
fn find_scattered(windows: [Range<u64>; 2], pages: u64, taken: &PageRanges) -> Option<Vec<PhysAddr>> {
    let mut found = Vec::new();
    let mut lacking = pages;
    for mut window in windows {
        while lacking > 0
            && let Some(gap) = taken.next_gap(window.clone())
        {
            let used = lacking.min(gap.end - gap.start);
            found.extend((gap.start..gap.start + used).map(page_address));
            lacking -= used;
            window.start = gap.end;
        }
    }
    (lacking == 0).then_some(found)
}

/// The lowest free pages in a row. `alignment` and `boundary` are in pages, powers of two; the row is no longer than `boundary`.
fn find_row(
    windows: [Range<u64>; 2],
    pages: u64,
    alignment: u64,
    boundary: Option<u64>,
    taken: &PageRanges,
) -> Option<Vec<PhysAddr>> {
    for mut window in windows {
        while let Some(gap) = taken.next_gap(window.clone()) {
            if let Some(first) = place(gap.start, pages, alignment, boundary)
                && first.checked_add(pages).is_some_and(|end| end <= gap.end)
            {
                return Some((first..first + pages).map(page_address).collect());
            }
            window.start = gap.end;
        }
    }
    None
}

/// The first place at or above `start` that is aligned and crosses no boundary.
fn place(start: u64, pages: u64, alignment: u64, boundary: Option<u64>) -> Option<u64> {
    let first = start.checked_next_multiple_of(alignment)?;
    match boundary {
        Some(boundary) if first / boundary != (first + pages - 1) / boundary => {
            first.checked_next_multiple_of(boundary)?.checked_next_multiple_of(alignment)
        }
        _ => Some(first),
    }
}
