//! What the engine allocates: bounce frames and dmamem.

use super::MachineMemory;
use crate::backed::{Holder, PageHome, Released};
use crate::dmamem::{DmamemAllocation, DmamemBacking, DmamemRefusal};
use crate::mapping::Mapping;
use crate::ranges::runs;
use busdma_engine::{Alignment, BusSize, DmamemRegion, DmamemRequest, FrameSource, PAGE_SIZE, PhysAddr};
use std::sync::Arc;

impl MachineMemory {
    /// The file of a dmamem region in use, by its physical address.
    pub fn dmamem_region(&self, paddr: PhysAddr) -> Option<DmamemBacking<'_>> {
        self.dmamem.backing(paddr)
    }

    /// Bytes of dmamem in use, whole pages.
    pub fn dmamem_bytes(&self) -> BusSize {
        self.dmamem.bytes()
    }

    /// Allows at most so many bytes of dmamem at a time; without this call there is no limit.
    pub fn set_dmamem_bytes_max(&mut self, limit: BusSize) {
        self.dmamem.set_bytes_max(limit);
    }

    /// Why the engine's last request for dmamem was refused; `None` when it was not.
    pub fn dmamem_refusal(&self) -> Option<&DmamemRefusal> {
        self.dmamem.refusal.as_ref()
    }

    fn allocate_dmamem(&mut self, request: &DmamemRequest) -> Result<DmamemRegion, DmamemRefusal> {
        let pages = self.dmamem.choose(request, &self.model, &self.taken)?;
        let count = pages.len() as u64;
        let vaddr = self.kernel.find(&self.dmamem.window, count)?;
        let mapping = Arc::new(Mapping::make("busdma-dmamem", BusSize::new(count * PAGE_SIZE))?);
        let paddr = pages.first().copied().unwrap_or_default();
        let slot = self.backed.add_mapping(Arc::clone(&mapping), Holder::Dmamem);
        for (page, &addr) in (0..).zip(&pages) {
            self.backed.use_page(addr, PageHome { slot, page });
        }
        runs(&pages).for_each(|run| self.taken.insert(run));
        self.kernel.map(vaddr, &pages);
        self.dmamem.window.use_up(vaddr, count);
        self.dmamem.insert(paddr, DmamemAllocation { vaddr, pages: pages.clone(), mapping });
        Ok(DmamemRegion { vaddr, paddr, pages })
    }

    /// Ends one use of each page; those that nobody uses any more are free.
    pub(super) fn release_pages(&mut self, pages: &[PhysAddr]) {
        let mut free = Vec::new();
        free.extend(pages.iter().copied().filter(|&page| self.backed.release(page) == Released::Free));
        runs(&free).for_each(|run| self.taken.remove(run));
    }
}

impl FrameSource for MachineMemory {
    fn bounce_frame(&mut self, high: PhysAddr, alignment: Alignment) -> Option<PhysAddr> {
        self.frames.take(high, alignment, &mut self.backed)
    }

    /// Fresh pages, all zero whether that was asked for or not.
    fn dmamem(&mut self, request: &DmamemRequest) -> Option<DmamemRegion> {
        match self.allocate_dmamem(request) {
            Ok(region) => {
                self.dmamem.refusal = None;
                Some(region)
            }
            Err(refusal) => {
                self.dmamem.refusal = Some(refusal);
                None
            }
        }
    }

    fn free_dmamem(&mut self, region: &DmamemRegion, _: &DmamemRequest) {
        let Some(allocation) = self.dmamem.remove(region.paddr) else { return };
        self.kernel.unmap(allocation.vaddr, allocation.pages.len() as u64);
        self.release_pages(&allocation.pages);
    }
}
