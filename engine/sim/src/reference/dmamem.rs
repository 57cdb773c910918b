//! dmamem: which allocator is asked, and which gets the memory back.

use super::{Kernel, Map, Origin, PAGE, Reference, Tag};
use crate::answer::{Answer, FreedTo, MapNo, MemoryView, TagNo};
use busdma_engine::addr::{BusSize, PhysAddr};
use busdma_engine::constraints::{Alignment, Boundary, TagFlags};
use busdma_engine::error::KernelPanic;
use busdma_engine::mem::MemFlags;
use busdma_engine::platform::{
    AllocatorClass, AllocatorFill, AllocatorWait, DmamemRequest, FrameSource, MemoryAttribute,
};

impl Reference {
    /// `bus_dmamem_alloc`; `no` is the map it comes with.
    pub(super) fn new_memory(&mut self, no: MapNo, tag_no: TagNo, flags: MemFlags) -> Answer {
        let tag = self.tags[&tag_no].clone();
        let class = self.allocator(&tag, flags);
        let request = DmamemRequest {
            class,
            size: BusSize::new(tag.maxsize),
            wait: if flags.contains(MemFlags::NO_WAIT) { AllocatorWait::NoWait } else { AllocatorWait::MaySleep },
            fill: if flags.contains(MemFlags::ZERO) { AllocatorFill::Zero } else { AllocatorFill::Leftover },
        };
        if class != AllocatorClass::Malloc {
            self.tags.get_mut(&tag_no).expect("live tag").used_kmem = true;
        }
        let Some(region) = self.machine.dmamem(&request) else { return Answer::NoMemory(request) };
        let misaligned = !region.paddr.raw().is_multiple_of(tag.alignment);
        let origin = if self.kernel.is_arm64() { Origin::Memory } else { Origin::NullMemory };
        if origin == Origin::Memory {
            self.tags.get_mut(&tag_no).expect("live tag").maps += 1;
        }
        let map = Map::new(tag_no, origin);
        let handle = map.handle();
        self.maps.insert(no, map);
        Answer::Memory(MemoryView { request, region, map: handle, misaligned })
    }

    /// `bus_dmamem_free` of the memory that came with the map `memory`, naming the map `passed`.
    pub(super) fn give_up_memory(&mut self, memory: MapNo, passed: MapNo) -> Answer {
        if matches!(self.maps[&passed].origin, Origin::Bouncing | Origin::Direct) {
            return Answer::Panic(KernelPanic::InvalidMapFreed);
        }
        let tag_no = self.maps[&memory].tag;
        self.maps.remove(&memory);
        let tag = self.tags.get_mut(&tag_no).expect("tags stay in the model");
        if self.kernel.is_arm64() {
            tag.maps -= 1;
        }
        let freed = if tag.used_kmem { FreedTo::Kmem { size: tag.maxsize } } else { FreedTo::Malloc };
        Answer::MemoryFreed(freed)
    }

    fn allocator(&self, tag: &Tag, flags: MemFlags) -> AllocatorClass {
        let uncached = flags.contains(MemFlags::NO_CACHE)
            || (self.kernel.is_arm64()
                && flags.contains(MemFlags::COHERENT)
                && !tag.flags.contains(TagFlags::COHERENT));
        let attribute = if uncached { MemoryAttribute::Uncacheable } else { MemoryAttribute::Default };
        let high = PhysAddr::new(tag.lowaddr);
        let small = tag.maxsize <= PAGE && tag.alignment <= tag.maxsize;
        let anywhere = tag.lowaddr >= self.machine.spec().maxmem / PAGE * PAGE;
        if small && anywhere && !uncached {
            return AllocatorClass::Malloc;
        }
        let (pieces, boundary_allows) = if self.kernel == Kernel::Amd64Release11 {
            (wrapping_div_ceil(tag.maxsize, PAGE), tag.boundary == 0 || tag.boundary >= tag.lowaddr)
        } else {
            (wrapping_div_ceil(tag.maxsize, tag.maxsegsz.min(PAGE)), tag.boundary.is_multiple_of(PAGE))
        };
        // The limit is a C int: BUS_SPACE_UNRESTRICTED is -1, and compared with an unsigned number it is above all others.
        let segments = if tag.nsegments == u64::from(u32::MAX) { u64::MAX } else { tag.nsegments };
        if segments >= pieces && tag.alignment <= PAGE && boundary_allows {
            return AllocatorClass::Pages { high, attribute };
        }
        let alignment = Alignment::new(tag.alignment).expect("a power of two");
        AllocatorClass::Contiguous { high, alignment, boundary: Boundary::new(tag.boundary), attribute }
    }
}

/// Rounded up as C does it, by adding first.
fn wrapping_div_ceil(size: u64, unit: u64) -> u64 {
    size.wrapping_add(unit - 1) / unit
}
