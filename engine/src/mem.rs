//! dmamem: memory that needs no bouncing because it was allocated under the tag's constraints.

use crate::addr::{BusSize, PAGE_SIZE};
use crate::constraints::Boundary;
use crate::decision::Observer;
use crate::engine::Engine;
use crate::error::{KernelPanic, MemError};
use crate::ids::{MapId, TagId};
use crate::map::{Bouncing, Dmamem, MapForm, MapOrigin, MapState};
use crate::platform::{
    AllocatorClass, AllocatorFill, AllocatorWait, DmamemRegion, DmamemRequest, MachineLimits, MemoryAttribute, Platform,
};
use crate::profile::{CoherentDmamem, DmamemClass, DmamemFree, DmamemMap, Switches};
use crate::tag::DmaTag;

bitflags::bitflags! {
    /// Flags of `bus_dmamem_alloc`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
    pub struct MemFlags: u32 {
        /// Fail rather than sleep (`BUS_DMA_NOWAIT`).
        const NO_WAIT = 1;
        /// Coherent with the device (`BUS_DMA_COHERENT`).
        const COHERENT = 1 << 1;
        /// Zeroed (`BUS_DMA_ZERO`).
        const ZERO = 1 << 2;
        /// Not cached (`BUS_DMA_NOCACHE`).
        const NO_CACHE = 1 << 3;
    }
}

/// Memory that `bus_dmamem_alloc` handed out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemAllocation {
    /// The map that came with it; load it to learn the bus address.
    pub map: MapId,
    /// Where it lies.
    pub region: DmamemRegion,
    /// The allocator call.
    pub request: DmamemRequest,
    /// Whether the tag's alignment was met.
    pub alignment: AllocationAlignment,
}

/// Whether allocated memory meets the tag's alignment. FreeBSD only prints "failed to align" when it does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum AllocationAlignment {
    /// It does.
    Met,
    /// It does not.
    Missed,
}

/// How `bus_dmamem_free` gave memory back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemFreed {
    /// To malloc(9).
    Malloc,
    /// To the kernel's page allocator.
    Pages {
        /// Bytes: the tag's `maxsize`.
        size: BusSize,
    },
}

impl<P: Platform, O: Observer> Engine<P, O> {
    /// Allocates `maxsize` bytes that meet the tag's constraints, with a map to load them (`bus_dmamem_alloc`).
    ///
    /// # Errors
    /// [`MemError::NoMemory`] (`ENOMEM`) when the allocator has nothing that fits, [`MemError::NoSuchTag`].
    #[doc(alias = "bus_dmamem_alloc")]
    pub fn alloc_mem(&mut self, tag_id: TagId, flags: MemFlags) -> Result<MemAllocation, MemError> {
        let tag = self.tags.get_mut(tag_id).ok_or(MemError::NoSuchTag(tag_id))?;
        let mut request = tag.dmamem_request(flags, &self.limits, &self.switches);
        tag.allocated_pages |= !request.class.is_malloc();
        let no_memory = MemError::NoMemory { request };
        let mut region = self.platform.dmamem(&request).ok_or(no_memory)?;
        if tag.alignment_of(&region) == AllocationAlignment::Missed
            && self.switches.dmamem_free == DmamemFree::ByAllocation
        {
            self.platform.free_dmamem(&region, &request);
            request.class = tag.contiguous_class(MemoryAttribute::Default);
            region = self.platform.dmamem(&request).ok_or(MemError::NoMemory { request })?;
        }
        let alignment = tag.alignment_of(&region);
        let form = match self.switches.dmamem_map {
            DmamemMap::NullAndUncounted => MapForm::Null,
            DmamemMap::RealAndCounted => {
                tag.map_count += 1;
                MapForm::Real
            }
        };
        let (id, map) = self.maps.insert();
        map.tag = tag_id;
        map.form = form;
        map.bouncing = Bouncing::Never;
        map.origin = MapOrigin::Dmamem(Box::new(Dmamem { region: region.clone(), request }));
        Ok(MemAllocation { map: id, region, request, alignment })
    }

    /// Gives memory back (`bus_dmamem_free`). `memory` is the map it came with, `map` the one the driver passes: they
    /// should be the same.
    ///
    /// # Errors
    /// [`MemError::Panic`] when `map` did not come from [`Self::alloc_mem`], [`MemError::NoSuchMap`], and under the strict
    /// profile [`MemError::StillLoaded`].
    #[doc(alias = "bus_dmamem_free")]
    pub fn free_mem(&mut self, memory: MapId, map: MapId) -> Result<MemFreed, MemError> {
        let passed = self.maps.get(map).ok_or(MemError::NoSuchMap(map))?;
        let valid = match self.switches.dmamem_map {
            DmamemMap::NullAndUncounted => passed.form == MapForm::Null,
            DmamemMap::RealAndCounted => matches!(passed.origin, MapOrigin::Dmamem(_)),
        };
        if !valid {
            return Err(KernelPanic::InvalidMapFreed.into());
        }
        let owner = self.maps.get_mut(memory).ok_or(MemError::NoSuchMap(memory))?;
        let by_allocation = self.switches.dmamem_free == DmamemFree::ByAllocation;
        if by_allocation && owner.state == MapState::Loaded {
            return Err(MemError::StillLoaded);
        }
        let MapOrigin::Dmamem(dmamem) = std::mem::take(&mut owner.origin) else {
            return Err(KernelPanic::InvalidMapFreed.into());
        };
        let tag_id = owner.tag;
        self.maps.remove(memory);
        self.platform.free_dmamem(&dmamem.region, &dmamem.request);
        let mut pages = !dmamem.request.class.is_malloc();
        if let Some(tag) = self.tags.get_mut(tag_id) {
            if self.switches.dmamem_map == DmamemMap::RealAndCounted {
                tag.map_count -= 1;
            }
            if !by_allocation {
                pages = tag.allocated_pages;
            }
        }
        Ok(if pages { MemFreed::Pages { size: dmamem.request.size } } else { MemFreed::Malloc })
    }
}

impl DmaTag {
    /// Which allocator `bus_dmamem_alloc` asks, and for what.
    fn dmamem_request(&self, flags: MemFlags, limits: &MachineLimits, switches: &Switches) -> DmamemRequest {
        let attribute = self.memory_attribute(flags, switches);
        let constraints = &self.constraints;
        let (size, alignment) = (constraints.maxsize(), constraints.alignment().bytes());
        let anywhere = constraints.lowaddr().raw() >= limits.maxmem_pages() * PAGE_SIZE;
        let class = if size.raw() <= PAGE_SIZE
            && alignment <= size.raw()
            && anywhere
            && attribute == MemoryAttribute::Default
        {
            AllocatorClass::Malloc
        } else if alignment <= PAGE_SIZE && self.scattered_pages_do(switches) {
            AllocatorClass::Pages { high: constraints.lowaddr(), attribute }
        } else {
            self.contiguous_class(attribute)
        };
        DmamemRequest {
            class,
            size,
            wait: if flags.contains(MemFlags::NO_WAIT) { AllocatorWait::NoWait } else { AllocatorWait::MaySleep },
            fill: if flags.contains(MemFlags::ZERO) { AllocatorFill::Zero } else { AllocatorFill::Leftover },
        }
    }

    fn contiguous_class(&self, attribute: MemoryAttribute) -> AllocatorClass {
        AllocatorClass::Contiguous {
            high: self.constraints.lowaddr(),
            alignment: self.constraints.alignment(),
            boundary: self.constraints.boundary(),
            attribute,
        }
    }

    fn memory_attribute(&self, flags: MemFlags, switches: &Switches) -> MemoryAttribute {
        let uncached_for_device = flags.contains(MemFlags::COHERENT)
            && switches.coherent_dmamem == CoherentDmamem::UncachedUnlessTagCoherent
            && !self.coherent;
        if flags.contains(MemFlags::NO_CACHE) || uncached_for_device {
            MemoryAttribute::Uncacheable
        } else {
            MemoryAttribute::Default
        }
    }

    fn scattered_pages_do(&self, switches: &Switches) -> bool {
        let constraints = &self.constraints;
        let segments = constraints.nsegments().count() as u64;
        let boundary = constraints.boundary().map_or(0, Boundary::bytes);
        match switches.dmamem_class {
            DmamemClass::PagesAgainstSegments => {
                segments >= rounded_up(constraints.maxsize().raw(), PAGE_SIZE)
                    && (boundary == 0 || boundary >= constraints.lowaddr().raw())
            }
            DmamemClass::PiecesAgainstSegments => {
                let piece = constraints.maxsegsz().raw().min(PAGE_SIZE);
                segments >= rounded_up(constraints.maxsize().raw(), piece) && boundary.is_multiple_of(PAGE_SIZE)
            }
        }
    }

    fn alignment_of(&self, region: &DmamemRegion) -> AllocationAlignment {
        if self.constraints.alignment().is_met_by(region.paddr.raw()) {
            AllocationAlignment::Met
        } else {
            AllocationAlignment::Missed
        }
    }
}

/// `btoc` and `howmany`, which wrap for an absurd size.
const fn rounded_up(size: u64, unit: u64) -> u64 {
    size.wrapping_add(unit - 1) / unit
}
