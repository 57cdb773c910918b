//! dmamem.

use super::{Session, after, panicked};
use crate::error::{IdKind, OperationError};
use crate::format::{AllocMem, Allocated, Flag, FreeMem, Freed, FreedWord, Hex, Nullable, Output, Region, Ret};
use crate::machine::DmamemAnswers;
use crate::names::NoObject;
use crate::observe;
use crate::request::{page_address, pages_touched};
use busdma_engine::{
    AllocationAlignment, DmamemRegion, MemAllocation, MemError, MemFlags, MemFreed, PhysAddr, TagId, VirtAddr,
};

impl Session {
    pub(super) fn alloc_mem(&mut self, input: &AllocMem<'_>) -> Result<Output<'_>, NoObject> {
        let (id, map_id, tag_id) = (input.dmamem.as_str(), input.map.as_str(), input.tag.as_str());
        self.names.check_new_dmamem(id)?;
        self.names.check_new_map(map_id)?;
        let tag = self.names.tag(tag_id)?;
        let answers = self.answers(tag, &input.region)?;
        self.engine.platform_mut().answer_dmamem(answers);
        let outcome = self.engine.alloc_mem(tag, mem_flags(input));
        self.engine.platform_mut().answer_dmamem(DmamemAnswers::Modelled);
        let map = outcome.as_ref().ok().map(|allocation| allocation.map);
        self.names.add_dmamem(id, tag_id, map);
        self.names.add_map(map_id, tag_id, map);
        let mut output = match outcome {
            Ok(allocation) => self.allocated(&allocation),
            Err(MemError::NoMemory { request }) => Allocated {
                ret: Ret::Enomem,
                alloc: observe::allocator_call(&request),
                vaddr: None,
                paddr: None,
                pages: None,
                misaligned_warning: false,
                map: None,
                zones: None,
                waiting: None,
                decisions: None,
            },
            Err(MemError::Panic(panic)) => return Ok(panicked(panic)),
            Err(_) => return Err(OperationError::UnknownId { kind: IdKind::Tag, id: tag_id.to_owned() }.into()),
        };
        let after = after(&mut self.reported, &self.engine, &self.names, self.decisions);
        output.zones = after.zones;
        output.waiting = after.waiting;
        output.decisions = after.decisions;
        Ok(Output::DmamemAlloc(output))
    }

    /// Who answers the allocation: the trace where it says, or else the model.
    fn answers(&self, tag: TagId, recorded: &Nullable<Region>) -> Result<DmamemAnswers, OperationError> {
        let region = match recorded {
            Nullable::Absent => return Ok(DmamemAnswers::Modelled),
            Nullable::Null => return Ok(DmamemAnswers::Recorded(None)),
            Nullable::Value(region) => region,
        };
        let len = self.engine.tag(tag).map_or(0, |tag| tag.constraints().maxsize().raw());
        let (vaddr, paddr) = (region.vaddr.0, region.paddr.0);
        let pages = region.pages.iter().map(|&page| page_address(page)).collect::<Result<Vec<_>, _>>()?;
        let needed = pages_touched(vaddr, len)?.max(1);
        if needed > pages.len() as u64 {
            return Err(OperationError::TooFewPages { vaddr, len, given: pages.len(), needed });
        }
        let (vaddr_at, paddr_at) = (VirtAddr::new(vaddr), PhysAddr::new(paddr));
        if paddr_at.page_start() != pages[0] || paddr_at.page_offset() != vaddr_at.page_offset() {
            return Err(OperationError::RegionMisplaced { vaddr, paddr });
        }
        Ok(DmamemAnswers::Recorded(Some(DmamemRegion { vaddr: vaddr_at, paddr: paddr_at, pages })))
    }

    pub(super) fn free_mem(&mut self, input: &FreeMem<'_>) -> Result<Output<'_>, NoObject> {
        let memory = self.names.dmamem_of_tag(input.dmamem.as_str(), input.tag.as_str())?;
        let (map, _) = self.names.map(input.map.as_str())?;
        let (ret, freed) = match self.engine.free_mem(memory, map) {
            Ok(freed) => {
                self.names.retire_dmamem(input.dmamem.as_str());
                self.names.retire_map(memory);
                (Ret::Ok, Some(freed))
            }
            Err(MemError::Panic(panic)) => return Ok(panicked(panic)),
            Err(error) => (observe::ret(error.errno()), None),
        };
        let after = after(&mut self.reported, &self.engine, &self.names, self.decisions);
        let (freed, size) = match freed {
            None => (None, None),
            Some(MemFreed::Malloc) => (Some(FreedWord::Malloc), None),
            Some(MemFreed::Pages { size }) => (Some(FreedWord::Kmem), Some(size.raw())),
        };
        Ok(Output::DmamemFree(Freed {
            ret,
            freed,
            size,
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        }))
    }

    fn allocated(&self, allocation: &MemAllocation) -> Allocated<'static> {
        let region = &allocation.region;
        Allocated {
            ret: Ret::Ok,
            alloc: observe::allocator_call(&allocation.request),
            vaddr: Some(Hex(region.vaddr.raw())),
            paddr: Some(Hex(region.paddr.raw())),
            pages: Some(region.pages.iter().map(|page| Hex(page.raw())).collect()),
            misaligned_warning: allocation.alignment == AllocationAlignment::Missed,
            map: self.engine.map(allocation.map).map(|map| observe::map_word(map.form())),
            zones: None,
            waiting: None,
            decisions: None,
        }
    }
}

fn mem_flags(input: &AllocMem<'_>) -> MemFlags {
    input
        .flags
        .iter()
        .map(|flag| match flag {
            Flag::NoWait => MemFlags::NO_WAIT,
            Flag::Coherent => MemFlags::COHERENT,
            Flag::Zero => MemFlags::ZERO,
            Flag::NoCache => MemFlags::NO_CACHE,
            Flag::WaitOk | Flag::AllocNow | Flag::KeepPageOffset => MemFlags::empty(),
        })
        .collect()
}
