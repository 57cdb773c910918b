//! Where `bus_dmamem_alloc` gets memory: one pointer that only grows, for all three allocators.

use super::PhysMemory;
use crate::format::DmamemModel;
use busdma_engine::{
    AllocatorClass, AllocatorFill, Boundary, BusSize, DmamemRegion, DmamemRequest, PAGE_SIZE, PhysAddr, VirtAddr,
};

/// Where memory ends when the model does not say, exclusive.
const LIMIT_DEFAULT: u64 = 0x3ff_ffff_ffff;

/// Most pages in one allocation.
const PAGES_MAX: u64 = 4096;

/// First kernel address handed out.
const VADDR_BASE: u64 = 0xffff_fe80_0000_0000;

/// What memory holds that nobody asked to be zeroed.
const LEFTOVER: u8 = 0xa5;

/// The allocators' common pointer.
#[derive(Clone, Copy, Debug)]
pub(super) struct DmamemPool {
    page_stride: u64,
    malloc_align: u64,
    limit: u64,
    next: u64,
    next_vaddr: u64,
}

/// A block found, before the pointer moves over it.
struct Block {
    paddr: u64,
    pages: u64,
    stride: u64,
    /// Where the pointer goes.
    end: u64,
}

impl DmamemPool {
    pub(super) fn new(model: DmamemModel) -> Self {
        Self {
            page_stride: model.page_stride,
            malloc_align: model.malloc_align,
            limit: model.limit.map_or(LIMIT_DEFAULT, |limit| limit.0),
            next: model.base.0,
            next_vaddr: VADDR_BASE,
        }
    }

    /// Allocates, or fails and leaves the pointer where it was.
    pub(super) fn allocate(&mut self, request: &DmamemRequest) -> Option<DmamemRegion> {
        let size = request.size.raw();
        let block = match request.class {
            AllocatorClass::Malloc => self.malloc(size),
            AllocatorClass::Pages { high, .. } => self.pages(size, high.raw()),
            AllocatorClass::Contiguous { high, alignment, boundary, .. } => {
                self.contiguous(size, high.raw(), alignment.bytes(), boundary.map(Boundary::bytes))
            }
        }?;
        let vaddr = self.next_vaddr + block.paddr % PAGE_SIZE;
        self.next = block.end;
        self.next_vaddr = self.next_vaddr.checked_add((block.pages + 1) * PAGE_SIZE)?;
        let first = block.paddr - block.paddr % PAGE_SIZE;
        let pages = (0..block.pages).map(|i| PhysAddr::new(first + i * block.stride)).collect();
        Some(DmamemRegion { vaddr: VirtAddr::new(vaddr), paddr: PhysAddr::new(block.paddr), pages })
    }

    fn malloc(&self, size: u64) -> Option<Block> {
        let pages = page_count(size.max(1))?;
        let align = match self.malloc_align {
            0 => size.max(16).checked_next_power_of_two()?,
            align => align,
        };
        let mut paddr = self.next.checked_next_multiple_of(align)?;
        if paddr % PAGE_SIZE + size > PAGE_SIZE {
            paddr = paddr.checked_next_multiple_of(PAGE_SIZE)?;
        }
        let end = paddr.checked_add(size).filter(|&end| end <= self.limit)?;
        Some(Block { paddr, pages, stride: PAGE_SIZE, end })
    }

    fn pages(&self, size: u64, high: u64) -> Option<Block> {
        let pages = page_count(size)?;
        let paddr = self.next.checked_next_multiple_of(PAGE_SIZE)?;
        let last = (pages - 1).checked_mul(self.page_stride)?.checked_add(paddr)?;
        let end = last.checked_add(PAGE_SIZE)?;
        (end - 1 <= high && end <= self.limit).then_some(Block { paddr, pages, stride: self.page_stride, end })
    }

    fn contiguous(&self, size: u64, high: u64, alignment: u64, boundary: Option<u64>) -> Option<Block> {
        let pages = page_count(size)?;
        let bytes = pages * PAGE_SIZE;
        let alignment = alignment.max(PAGE_SIZE);
        let mut paddr = self.next.checked_next_multiple_of(alignment)?;
        if let Some(boundary) = boundary {
            if bytes > boundary {
                return None;
            }
            if crosses(paddr, bytes, boundary) {
                paddr = paddr.checked_next_multiple_of(boundary)?.checked_next_multiple_of(alignment)?;
            }
            if crosses(paddr, bytes, boundary) {
                return None;
            }
        }
        let end = paddr.checked_add(bytes)?;
        (end - 1 <= high && end <= self.limit).then_some(Block { paddr, pages, stride: PAGE_SIZE, end })
    }
}

/// Gives fresh memory its bytes: what was asked for from malloc(9), whole pages otherwise.
pub(super) fn fill(memory: &mut PhysMemory, region: &DmamemRegion, request: &DmamemRequest) {
    let byte = match request.fill {
        AllocatorFill::Zero => 0,
        AllocatorFill::Leftover => LEFTOVER,
    };
    if request.class.is_malloc() {
        memory.fill(region.paddr, request.size, byte);
    } else {
        for &page in &region.pages {
            memory.fill(page, BusSize::PAGE, byte);
        }
    }
}

fn page_count(size: u64) -> Option<u64> {
    Some(size.div_ceil(PAGE_SIZE)).filter(|pages| (1..=PAGES_MAX).contains(pages))
}

fn crosses(paddr: u64, bytes: u64, boundary: u64) -> bool {
    paddr / boundary != paddr.saturating_add(bytes - 1) / boundary
}
