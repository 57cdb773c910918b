//! Lines of dmamem.

use super::names::MapNames;
use super::{Scenario, Unwritable};
use crate::chunk::AllocatedMem;
use crate::columns::Told;
use crate::start::Region;
use busdma_engine::{
    AddressSpace, AllocationAlignment, DmamemRegion, DmamemRequest, MapForm, MapId, MemAllocation, MemError, MemFlags,
    MemFreed,
};
use busdma_trace::format::{
    self, AllocMem, Allocated, Flag, FreeMem, Freed, FreedWord, Hex, Input, Output, Ret, WordList,
};
use busdma_trace::observe;

impl Scenario {
    pub(super) fn alloc_mem<'a>(&'a self, told: &Told<'a>) -> Result<(Input<'a>, Output<'a>), Unwritable> {
        let &AllocatedMem { number, map_number, tag, flags, ref result } =
            told.memory.ok_or(Unwritable::NoSuchObject)?;
        let input = Input::DmamemAlloc(AllocMem {
            tag: (&**self.names.tag(tag)?).into(),
            dmamem: number.name().into(),
            map: map_number.name().into(),
            flags: mem_words(flags),
            region: result.as_ref().ok().map(|(allocation, _)| answered(&allocation.region)).into(),
        });
        let mut output = match result {
            Ok((allocation, form)) => allocated(allocation, *form),
            Err(MemError::NoMemory { request }) => answer(Ret::Enomem, request),
            Err(_) => return Err(Unwritable::NoSuchObject),
        };
        let after = self.after(told);
        output.zones = after.zones;
        output.waiting = after.waiting;
        output.decisions = after.decisions;
        Ok((input, Output::DmamemAlloc(output)))
    }

    pub(super) fn free_mem<'a>(
        &'a self,
        told: &Told<'a>,
        memory: MapId,
        map: MapId,
        ret: Ret,
        freed: Option<MemFreed>,
    ) -> Result<(Input<'a>, Output<'a>), Unwritable> {
        let after = self.after(told);
        let MapNames { tag, .. } = self.names.map(memory)?;
        let input = Input::DmamemFree(FreeMem {
            tag: (&**tag).into(),
            dmamem: self.names.memory(memory)?.into(),
            map: (&*self.names.map(map)?.map).into(),
        });
        let (freed, size) = match freed {
            Some(MemFreed::Malloc) => (Some(FreedWord::Malloc), None),
            Some(MemFreed::Pages { size }) => (Some(FreedWord::Kmem), Some(size.raw())),
            None => (None, None),
        };
        let output = Output::DmamemFree(Freed {
            ret,
            freed,
            size,
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        });
        Ok((input, output))
    }

    /// dmamem is kernel memory: it can be loaded by its address.
    pub(super) fn map_dmamem(&mut self, region: &DmamemRegion) {
        self.memory.map(&Region {
            space: AddressSpace::Kernel,
            start: region.vaddr.page_start(),
            pages: region.pages.as_slice().into(),
        });
    }

    /// The memory that came with a map was given back.
    pub(super) fn unmap_dmamem(&mut self, memory: MapId) {
        if let Some(start) = self.names.remove_memory(memory) {
            self.memory.unmap(AddressSpace::Kernel, start);
        }
    }
}

fn allocated(allocation: &MemAllocation, form: MapForm) -> Allocated<'static> {
    let region = &allocation.region;
    Allocated {
        vaddr: Some(Hex(region.vaddr.raw())),
        paddr: Some(Hex(region.paddr.raw())),
        pages: Some(region.pages.iter().map(|page| Hex(page.raw())).collect()),
        misaligned_warning: allocation.alignment == AllocationAlignment::Missed,
        map: Some(observe::map_word(form)),
        ..answer(Ret::Ok, &allocation.request)
    }
}

/// What the allocator answered.
fn answered(region: &DmamemRegion) -> format::Region {
    format::Region {
        vaddr: Hex(region.vaddr.raw()),
        paddr: Hex(region.paddr.raw()),
        pages: region.pages.iter().map(|page| Hex(page.raw())).collect(),
    }
}

/// What was asked of the allocator, and nothing that came of it.
fn answer(ret: Ret, request: &DmamemRequest) -> Allocated<'static> {
    Allocated {
        ret,
        alloc: observe::allocator_call(request),
        vaddr: None,
        paddr: None,
        pages: None,
        misaligned_warning: false,
        map: None,
        zones: None,
        waiting: None,
        decisions: None,
    }
}

fn mem_words(flags: MemFlags) -> WordList<Flag> {
    [
        (MemFlags::NO_WAIT, Flag::NoWait),
        (MemFlags::COHERENT, Flag::Coherent),
        (MemFlags::ZERO, Flag::Zero),
        (MemFlags::NO_CACHE, Flag::NoCache),
    ]
    .into_iter()
    .filter(|(flag, _)| flags.contains(*flag))
    .map(|(_, word)| word)
    .collect()
}
