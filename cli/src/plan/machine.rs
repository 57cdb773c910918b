//! The machine a plan runs on: one buffer, and free frames for bounce pages.

use super::request::PlanRequest;
use crate::layout::FIRST_FREE;
use busdma_engine::addr::{AddressSpace, BusSize, PAGE_SIZE, PhysAddr, VirtAddr};
use busdma_engine::constraints::Alignment;
use busdma_engine::platform::{DmamemRegion, DmamemRequest, FrameSource, Memory};
use std::collections::HashSet;

/// A fresh machine: bounce pages come from the lowest free frames, so that neighbours are contiguous, and no byte is kept.
#[derive(Debug)]
pub(super) struct PlanMachine<'a> {
    space: AddressSpace,
    first_page: VirtAddr,
    pages: &'a [PhysAddr],
    taken: HashSet<PhysAddr>,
    next_frame: PhysAddr,
    frames_left: u32,
    maxmem: u64,
}

impl<'a> PlanMachine<'a> {
    pub(super) fn new(request: &'a PlanRequest) -> Self {
        let buffer = &request.buffer;
        Self {
            space: buffer.space(),
            first_page: buffer.start.page_start(),
            pages: &buffer.pages,
            taken: buffer.pages.iter().copied().collect(),
            next_frame: FIRST_FREE,
            frames_left: request.machine.pool,
            maxmem: request.machine.maxmem,
        }
    }
}

impl Memory for PlanMachine<'_> {
    fn translate(&self, space: AddressSpace, addr: VirtAddr) -> Option<PhysAddr> {
        let index = addr.raw().checked_sub(self.first_page.raw())? / PAGE_SIZE;
        let page = self.pages.get(usize::try_from(index).ok()?)?;
        (space == self.space).then(|| page.wrapping_add(BusSize::new(addr.page_offset())))
    }

    fn copy(&mut self, _: PhysAddr, _: PhysAddr, _: BusSize) {
        // A plan is about where bytes go, not what they are.
    }
}

impl FrameSource for PlanMachine<'_> {
    fn bounce_frame(&mut self, high: PhysAddr, alignment: Alignment) -> Option<PhysAddr> {
        let step = alignment.bytes().max(PAGE_SIZE);
        let mut frame = self.next_frame.raw().checked_next_multiple_of(step)?;
        while self.taken.contains(&PhysAddr::new(frame)) {
            frame = frame.checked_add(step)?;
        }
        let next = frame.checked_add(PAGE_SIZE)?;
        if self.frames_left == 0 || frame > high.raw() || next > self.maxmem {
            return None;
        }
        self.frames_left -= 1;
        self.next_frame = PhysAddr::new(next);
        Some(PhysAddr::new(frame))
    }

    fn dmamem(&mut self, _: &DmamemRequest) -> Option<DmamemRegion> {
        None
    }

    fn free_dmamem(&mut self, _: &DmamemRegion, _: &DmamemRequest) {}
}
