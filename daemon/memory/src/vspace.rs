//! Virtual address spaces: page tables, and addresses for those who do not choose their own.

use crate::ranges::PageRanges;
use busdma_engine::{BusSize, PAGE_SIZE, PhysAddr, VirtAddr};
use rustc_hash::FxHashMap;
use std::ops::Range;
use thiserror::Error;

/// One page table.
#[derive(Debug, Default)]
pub(crate) struct VirtualSpace {
    /// Virtual page number to the address of a physical page.
    pages: FxHashMap<u64, PhysAddr>,
    /// Virtual page numbers in use.
    taken: PageRanges,
}

/// Where addresses come from that nobody chose: one after the other with a page between them. An address comes back only
/// when all of the window has been used.
#[derive(Debug)]
pub(crate) struct AddressWindow {
    /// Page numbers.
    pages: Range<u64>,
    next: u64,
}

/// Why there is no virtual address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum VaddrError {
    /// The address is no multiple of the page size.
    #[error("virtual address {vaddr} is no multiple of {PAGE_SIZE}")]
    Unaligned {
        /// Address asked for.
        vaddr: VirtAddr,
    },
    /// The bytes would go on past the end of the address space.
    #[error("{pages} pages at virtual address {vaddr} do not fit the address space")]
    PastEnd {
        /// Address asked for.
        vaddr: VirtAddr,
        /// Pages asked for.
        pages: u64,
    },
    /// Something is mapped there.
    #[error("virtual address {vaddr} is mapped already, release the region it belongs to first")]
    Taken {
        /// First page in use, in the range asked for.
        vaddr: VirtAddr,
    },
    /// Everything else is in use.
    #[error("no {pages} virtual pages in a row are free")]
    Exhausted {
        /// Pages asked for.
        pages: u64,
    },
}

impl VirtualSpace {
    /// Where a byte lies.
    #[inline]
    pub(crate) fn translate(&self, addr: VirtAddr) -> Option<PhysAddr> {
        let page = self.pages.get(&(addr.raw() / PAGE_SIZE))?;
        Some(page.wrapping_add(BusSize::new(addr.page_offset())))
    }

    /// Whether a chosen address can be mapped.
    pub(crate) fn check(&self, vaddr: VirtAddr, pages: u64) -> Result<VirtAddr, VaddrError> {
        if vaddr.page_offset() != 0 {
            return Err(VaddrError::Unaligned { vaddr });
        }
        let first = vaddr.raw() / PAGE_SIZE;
        let end = first.checked_add(pages).filter(|&end| end <= u64::MAX / PAGE_SIZE + 1);
        let end = end.ok_or(VaddrError::PastEnd { vaddr, pages })?;
        match self.taken.first_taken(&(first..end)) {
            None => Ok(vaddr),
            Some(taken) => Err(VaddrError::Taken { vaddr: VirtAddr::new(taken * PAGE_SIZE) }),
        }
    }

    /// An address from a window, which moves on only in [`AddressWindow::use_up`].
    pub(crate) fn find(&self, window: &AddressWindow, pages: u64) -> Result<VirtAddr, VaddrError> {
        let with_guard = pages.saturating_add(1);
        let found = self
            .taken
            .first_fit(window.next..window.pages.end, with_guard)
            .or_else(|| self.taken.first_fit(window.pages.clone(), with_guard));
        found.map(|first| VirtAddr::new(first * PAGE_SIZE)).ok_or(VaddrError::Exhausted { pages })
    }

    /// Maps pages at an address that [`Self::check`] or [`Self::find`] gave.
    pub(crate) fn map(&mut self, vaddr: VirtAddr, pages: &[PhysAddr]) {
        let first = vaddr.raw() / PAGE_SIZE;
        self.taken.insert(first..first + pages.len() as u64);
        self.pages.reserve(pages.len());
        self.pages.extend((first..).zip(pages.iter().copied()));
    }

    /// Takes back what [`Self::map`] did.
    pub(crate) fn unmap(&mut self, vaddr: VirtAddr, pages: u64) {
        let first = vaddr.raw() / PAGE_SIZE;
        self.taken.remove(first..first + pages);
        for page in first..first + pages {
            self.pages.remove(&page);
        }
    }
}

impl AddressWindow {
    /// The window `[start, end)`, whole pages.
    pub(crate) const fn new(start: u64, end: u64) -> Self {
        let first = start / PAGE_SIZE;
        Self { pages: first..end / PAGE_SIZE, next: first }
    }

    /// Moves on behind an address that [`VirtualSpace::find`] gave, and behind its guard page.
    pub(crate) fn use_up(&mut self, vaddr: VirtAddr, pages: u64) {
        self.next = vaddr.raw() / PAGE_SIZE + pages + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressWindow, VaddrError, VirtualSpace};
    use busdma_engine::{PAGE_SIZE, PhysAddr, VirtAddr};

    /// Takes an address and gives it back at once.
    fn pass(space: &mut VirtualSpace, window: &mut AddressWindow, pages: u64) -> Result<u64, VaddrError> {
        let vaddr = space.find(window, pages)?;
        window.use_up(vaddr, pages);
        Ok(vaddr.raw() / PAGE_SIZE)
    }

    #[test]
    fn addresses_come_back_when_the_window_is_used_up() {
        let (mut space, mut window) = (VirtualSpace::default(), AddressWindow::new(8 * PAGE_SIZE, 18 * PAGE_SIZE));
        space.map(VirtAddr::new(8 * PAGE_SIZE), &[PhysAddr::new(0)]);
        assert_eq!(pass(&mut space, &mut window, 2), Ok(9));
        assert_eq!(pass(&mut space, &mut window, 5), Ok(12));
        assert_eq!(pass(&mut space, &mut window, 3), Ok(9), "around, and behind what is mapped");
        assert_eq!(pass(&mut space, &mut window, 9), Err(VaddrError::Exhausted { pages: 9 }));
        space.unmap(VirtAddr::new(8 * PAGE_SIZE), 1);
        assert_eq!(pass(&mut space, &mut window, 9), Ok(8));
        assert_eq!(pass(&mut space, &mut window, u64::MAX), Err(VaddrError::Exhausted { pages: u64::MAX }));
    }

    #[test]
    fn the_last_page_of_the_address_space_can_be_mapped() {
        let mut space = VirtualSpace::default();
        let last = VirtAddr::new(0xffff_ffff_ffff_f000);
        assert_eq!(space.check(last, 1), Ok(last));
        assert_eq!(space.check(last, 2), Err(VaddrError::PastEnd { vaddr: last, pages: 2 }));
        space.map(last, &[PhysAddr::new(0x5000)]);
        assert_eq!(space.translate(VirtAddr::MAX), Some(PhysAddr::new(0x5fff)));
        assert_eq!(space.check(last, 1), Err(VaddrError::Taken { vaddr: last }));
    }
}
