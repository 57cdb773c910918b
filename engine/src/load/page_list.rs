//! Lists of pages without a kernel mapping: x86's own load primitive for unmapped bios.

use super::{Loading, Stop};
use crate::addr::{BusSize, PAGE_MASK, PAGE_SIZE, PhysAddr};
use crate::bounce::ClientBytes;
use crate::decision::Observer;
use crate::error::{InvalidRequest, KernelPanic, LoadError};
use crate::memdesc::page_by_page;
use crate::platform::Memory;
use crate::profile::KernelAssertions;

impl<M: Memory, O: Observer> Loading<'_, M, O> {
    /// `bounce_bus_dmamap_load_ma`: a bounce page may gather the end of one client page and the beginning of the next.
    pub(super) fn page_list(&mut self, pages: &[PhysAddr], offset: u64, len: BusSize) -> Result<(), Stop> {
        if self.tag.could_bounce {
            if self.counts_afresh() {
                let counted = self.count_page_list(pages, offset, len.raw());
                self.map.pages_needed = counted.pages;
                self.tell_count();
                counted.end?;
            }
            if self.map.pages_needed != 0 {
                self.reserve()?;
            }
        }
        let shape = self.tag.shape;
        let mut at = PageCursor { pages, index: 0, offset, left: len.raw() };
        while at.left > 0 {
            let paddr = at.paddr()?;
            let most = at.left.min(self.tag.constraints.maxsegsz().raw());
            let to_page_end = PAGE_SIZE - at.offset;
            let (addr, len) = if self.bounces(paddr) {
                let len = self.tag.constraints.alignment().round_up(to_page_end).min(most);
                self.assert_aligned(len)?;
                let second = if at.offset + len > PAGE_SIZE { Some(at.next_page()?) } else { None };
                (self.bounce(ClientBytes { vaddr: None, first: paddr, second }, len)?, len)
            } else {
                (paddr.raw(), to_page_end.min(most))
            };
            let taken = self.append(&shape, addr, len, at.left)?;
            at.advance(taken);
        }
        Ok(())
    }

    /// `_bus_dmamap_count_ma`. The count stays on the map even where the walk ends in an assertion.
    fn count_page_list(&self, pages: &[PhysAddr], offset: u64, len: u64) -> PageListCount {
        let mut at = PageCursor { pages, index: 0, offset, left: len };
        let mut pages = 0;
        while at.left > 0 {
            let paddr = match at.paddr() {
                Ok(paddr) => paddr,
                Err(error) => return PageListCount { pages, end: Err(error.into()) },
            };
            let most = at.left.min(self.tag.constraints.maxsegsz().raw());
            let mut len = (PAGE_SIZE - at.offset).min(most);
            if self.tag.constraints.bounces(paddr) {
                len = self.tag.constraints.alignment().round_up(len).min(most);
                if let Err(error) = self.assert_aligned(len) {
                    return PageListCount { pages, end: Err(error) };
                }
                pages += 1;
            }
            at.advance(len);
        }
        PageListCount { pages, end: Ok(()) }
    }

    fn assert_aligned(&self, len: u64) -> Result<(), LoadError> {
        let broken =
            self.switches.assertions == KernelAssertions::On && !self.tag.constraints.alignment().is_met_by(len);
        if broken { Err(KernelPanic::SegmentSizeUnaligned.into()) } else { Ok(()) }
    }

    pub(super) fn pages_one_by_one(&mut self, pages: &[PhysAddr], offset: u64, len: BusSize) -> Result<(), Stop> {
        page_by_page(pages, offset, len, &mut |part| self.part(part))
    }
}

struct PageListCount {
    pages: u32,
    end: Result<(), LoadError>,
}

/// A position in a list of pages.
struct PageCursor<'a> {
    pages: &'a [PhysAddr],
    index: usize,
    offset: u64,
    left: u64,
}

impl PageCursor<'_> {
    fn paddr(&self) -> Result<PhysAddr, InvalidRequest> {
        let page = self.pages.get(self.index).ok_or_else(|| self.too_short())?;
        Ok(page.wrapping_add(BusSize::new(self.offset)))
    }

    fn next_page(&self) -> Result<PhysAddr, InvalidRequest> {
        self.pages.get(self.index + 1).copied().ok_or_else(|| self.too_short())
    }

    fn too_short(&self) -> InvalidRequest {
        InvalidRequest::PagesTooShort { covered: BusSize::ZERO, bcount: BusSize::new(self.left) }
    }

    /// Moves on by `len` bytes, to the next page at most once however long the piece was, as FreeBSD does.
    fn advance(&mut self, len: u64) {
        if self.offset + len >= PAGE_SIZE {
            self.index += 1;
        }
        self.offset = (self.offset + len) & PAGE_MASK;
        self.left -= len;
    }
}
