//! A small host for the engine's own tests: kernel pages at fixed places, 8 bounce frames from 1 MiB on.

use busdma_engine::{
    AddressSpace, Alignment, BusSize, DmamemRegion, DmamemRequest, Engine, FrameSource, Log, MachineLimits, Memory,
    Observer, PAGE_SIZE, PageCount, PhysAddr, Profile, VirtAddr, VirtRange,
};
use std::collections::BTreeMap;

pub(crate) const KERNEL: u64 = 0xffff_fe00_0000_0000;
pub(crate) const HIGH: u64 = 0x1_2000_0000;
const FRAMES: u64 = 0x10_0000;

#[derive(Debug, Default)]
pub(crate) struct Host {
    /// Physical page of each kernel page, by index from [`KERNEL`].
    pub(crate) pages: Vec<u64>,
    pub(crate) bytes: BTreeMap<u64, u8>,
    pub(crate) frames_left: u64,
    frames_used: u64,
}

impl Memory for Host {
    fn translate(&self, space: AddressSpace, addr: VirtAddr) -> Option<PhysAddr> {
        let base = match space {
            AddressSpace::Kernel => KERNEL,
            AddressSpace::User => 0,
        };
        let offset = addr.raw().checked_sub(base)?;
        let page = self.pages.get(usize::try_from(offset / PAGE_SIZE).ok()?)?;
        Some(PhysAddr::new(page + offset % PAGE_SIZE))
    }

    fn copy(&mut self, from: PhysAddr, to: PhysAddr, len: BusSize) {
        assert!(from.page_offset() + len.raw() <= PAGE_SIZE, "the source crosses a page");
        assert!(to.page_offset() + len.raw() <= PAGE_SIZE, "the destination crosses a page");
        for offset in 0..len.raw() {
            let byte = self.bytes.get(&(from.raw() + offset)).copied().unwrap_or(0);
            self.bytes.insert(to.raw() + offset, byte);
        }
    }
}

impl FrameSource for Host {
    fn bounce_frame(&mut self, high: PhysAddr, alignment: Alignment) -> Option<PhysAddr> {
        let step = alignment.bytes().max(PAGE_SIZE);
        let frame = (FRAMES + self.frames_used * PAGE_SIZE).next_multiple_of(step);
        if self.frames_left == 0 || frame > high.raw() {
            return None;
        }
        self.frames_left -= 1;
        self.frames_used = (frame - FRAMES) / PAGE_SIZE + 1;
        Some(PhysAddr::new(frame))
    }

    fn dmamem(&mut self, request: &DmamemRequest) -> Option<DmamemRegion> {
        let pages = (0..request.size.to_pages_ceil()).map(|page| PhysAddr::new(0x80_0000 + page * PAGE_SIZE));
        Some(DmamemRegion {
            vaddr: VirtAddr::new(KERNEL + 0x1_0000_0000),
            paddr: PhysAddr::new(0x80_0000),
            pages: pages.collect(),
        })
    }

    fn free_dmamem(&mut self, _: &DmamemRegion, _: &DmamemRequest) {}
}

/// An engine with 64 scattered kernel pages above 4 GiB and `frames` bounce frames.
pub(crate) fn engine(profile: Profile, frames: u64) -> Engine<Host, Log> {
    observed_by(Log::default(), profile, frames)
}

/// The same with an observer of the caller's choice.
pub(crate) fn observed_by<O: Observer>(observer: O, profile: Profile, frames: u64) -> Engine<Host, O> {
    let pages = (0..64).map(|page| HIGH + page * 2 * PAGE_SIZE).collect();
    let host = Host { pages, frames_left: frames, ..Host::default() };
    let limits = MachineLimits { maxmem: BusSize::new(0x2_4000_0000), max_bpages: PageCount::new(8192) };
    Engine::with_observer(host, observer, limits, profile.switches())
}

/// Kernel memory from `offset` on.
pub(crate) fn buffer(offset: u64, len: u64) -> VirtRange {
    VirtRange { start: VirtAddr::new(KERNEL + offset), len: BusSize::new(len) }
}
