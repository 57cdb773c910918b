//! dmamem, and the files of a machine's pools.

use super::failure::{self, exceeded};
use super::objects::{DmamemEntry, MapEntry, MapOrigin, MemoryUse};
use super::owner::{Caller, Owner, Sharing, tape};
use crate::config::Quota;
use busdma_api::engine::{AllocMemReply, EngineError, FreeMemReply, Freed, MemFlag, PoolRun, ZonePool};
use busdma_api::wire::DESCRIPTORS_MAX;
use busdma_api::{Hex, MemoryOrigin};
use busdma_engine::{AllocationAlignment, BusSize, MemAllocation, MemFlags, MemFreed, PAGE_SIZE};
use busdma_memory::DmamemRefusal;
use busdma_recorder::{MapNumber, MemoryNumber, TapedVerb};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// dmamem with its file.
#[derive(Debug)]
pub(crate) struct Allocated {
    pub(crate) reply: AllocMemReply,
    pub(crate) file: Option<OwnedFd>,
}

impl Owner {
    /// bus_dmamem_alloc.
    pub(crate) fn alloc_mem(
        &mut self,
        caller: &Caller<'_>,
        tag: u32,
        flags: &[MemFlag],
    ) -> Result<Allocated, EngineError> {
        let id = self.objects.tag(tag, caller)?.id;
        let size = self.engine.tag(id).map_or(0, |tag| tag.constraints().maxsize().raw());
        let bytes = size.div_ceil(PAGE_SIZE).saturating_mul(PAGE_SIZE);
        let account = &caller.session.account;
        let shares = [(Quota::Maps, 1), (Quota::DmamemBytes, bytes), (Quota::MemoryFiles, 1)];
        account.take_all(caller.limits, &shares)?;
        let at = self.begin();
        let (memory, map) = (self.objects.new_dmamem(), self.objects.new_map());
        let flags = flags.iter().fold(MemFlags::empty(), |flags, &flag| flags | mem_flag(flag));
        let result = self.engine.alloc_mem(id, flags);
        if let Ok(allocation) = &result {
            self.enter(caller, allocation, (memory, map), (tag, size), at);
        }
        let taped = result.as_ref().map_err(|error| *error);
        let (number_, map_number) = (MemoryNumber(memory.into()), MapNumber(map.into()));
        tape!(
            self,
            Some(caller.session),
            at,
            TapedVerb::AllocMem { number: number_, map_number, tag: id, flags, result: taped }
        );
        self.finish(Some(caller.session), at);
        match result {
            Ok(allocation) => {
                self.dmamem_bytes += bytes;
                Ok(self.allocated(&allocation, memory, map, size))
            }
            Err(error) => {
                for (quota, amount) in shares {
                    account.give_back(quota, amount);
                }
                Err(self.dmamem_refused().unwrap_or_else(|| failure::of_mem(&error, &self.objects.tag_ref(tag))))
            }
        }
    }

    /// bus_dmamem_free.
    pub(crate) fn free_mem(&mut self, caller: &Caller<'_>, memory: u32) -> Result<FreeMemReply, EngineError> {
        let entry = self.objects.dmamem(memory, caller)?;
        let (map, users) = (entry.map, entry.users);
        let used = MemoryUse { origin: MemoryOrigin::Dmamem, number: memory };
        let own = self.objects.maps.get(&map).is_some_and(|entry| entry.uses.contains(&used));
        if users > u32::from(own) {
            let object = self.objects.user_of(used).map_or_else(String::new, |map| map.to_string());
            return Err(EngineError::MemoryBusy { object });
        }
        self.free(Some(caller), memory)
    }

    /// Frees dmamem that no other map refers to.
    pub(super) fn free(&mut self, caller: Option<&Caller<'_>>, memory: u32) -> Result<FreeMemReply, EngineError> {
        let name = self.objects.memory_ref(MemoryOrigin::Dmamem, memory);
        let missing = || EngineError::NoSuchObject { object: name.to_string() };
        let entry = self.objects.dmamem.get(&memory).ok_or_else(missing)?;
        let id = self.objects.maps.get(&entry.map).ok_or_else(missing)?.id;
        let at = self.begin();
        let result = self.engine.free_mem(id, id);
        let session = caller.map(|caller| caller.session);
        tape!(self, session, at, TapedVerb::FreeMem { memory: id, map: id, result });
        self.finish(session.map(|session| &**session), at);
        let freed = result.map_err(|error| failure::of_mem(&error, &name))?;
        self.forget_dmamem(memory);
        Ok(FreeMemReply {
            freed: match freed {
                MemFreed::Malloc => Freed::Malloc,
                MemFreed::Pages { .. } => Freed::Pages,
            },
        })
    }

    /// Takes dmamem that the engine no longer has, and its map, out of the books.
    pub(super) fn forget_dmamem(&mut self, memory: u32) {
        let Some(entry) = self.objects.dmamem.remove(&memory) else { return };
        self.forget_map(entry.map);
        let bytes = entry.len.raw().div_ceil(PAGE_SIZE) * PAGE_SIZE;
        self.dmamem_bytes -= bytes.min(self.dmamem_bytes);
        entry.session.account.give_back(Quota::DmamemBytes, bytes);
        entry.session.account.give_back(Quota::MemoryFiles, 1);
    }

    /// The machine's bounce pools with their files; only where no other session's bytes go through them.
    pub(crate) fn zone_pools(&self) -> Result<(Vec<ZonePool>, Vec<OwnedFd>), EngineError> {
        if self.sharing == Sharing::Shared {
            return Err(EngineError::NotOwner { object: self.objects.machine.to_string() });
        }
        let all = self.engine.platform().zone_pools();
        if all.len() > DESCRIPTORS_MAX {
            return Err(exceeded("file_descriptors", DESCRIPTORS_MAX as u64, crate::config::Scope::Connection));
        }
        let (mut pools, mut files) = (Vec::new(), Vec::new());
        for pool in all {
            let Ok(file) = pool.fd.try_clone_to_owned() else {
                return Err(exceeded("file_descriptors", files.len() as u64, crate::config::Scope::Daemon));
            };
            let zones = self.engine.zones().filter(|zone| zone.lowaddr == pool.high);
            pools.push(ZonePool {
                zones: zones.map(|zone| failure::zone_number(zone.zone)).collect(),
                fd: u32::try_from(files.len()).unwrap_or(u32::MAX),
                runs: pool.runs.iter().map(|run| run_of(run.bus.raw(), run.offset, run.len)).collect(),
            });
            files.push(file);
        }
        Ok((pools, files))
    }

    fn enter(
        &mut self,
        caller: &Caller<'_>,
        allocation: &MemAllocation,
        (memory, map): (u32, u32),
        (tag, size): (u32, u64),
        at: busdma_engine::Nanos,
    ) {
        let session = caller.session;
        let entry = MapEntry::new(allocation.map, tag, Arc::clone(session), MapOrigin::Dmamem(memory), at);
        self.objects.enter_map(map, entry);
        let (session, region) = (Arc::clone(session), allocation.region.clone());
        let entry = DmamemEntry { map, session, region, len: BusSize::new(size), users: 0 };
        self.objects.dmamem.insert(memory, entry);
    }

    fn allocated(&self, allocation: &MemAllocation, memory: u32, map: u32, size: u64) -> Allocated {
        let backing = self.engine.platform().dmamem_region(allocation.region.paddr);
        let mut runs: Vec<PoolRun> = Vec::new();
        let first = backing.as_ref().map_or(0, |backing| backing.offset);
        let (mut offset, mut left) = (first, size);
        for (index, page) in allocation.region.pages.iter().enumerate() {
            let addr = if index == 0 { allocation.region.paddr } else { *page };
            let length = addr.left_in_page().raw().min(left);
            match runs.last_mut() {
                Some(run) if run.addr.0 + run.length == addr.raw() => run.length += length,
                _ => runs.push(run_of(addr.raw(), offset, BusSize::new(length))),
            }
            offset += length;
            left -= length;
        }
        Allocated {
            reply: AllocMemReply {
                memory: self.objects.memory_ref(MemoryOrigin::Dmamem, memory),
                map: self.objects.map_ref(map),
                vaddr: Hex(allocation.region.vaddr.raw()),
                length: size,
                runs,
                aligned: allocation.alignment == AllocationAlignment::Met,
                fd: None,
            },
            file: backing.and_then(|backing| backing.fd.try_clone_to_owned().ok()),
        }
    }

    fn dmamem_refused(&self) -> Option<EngineError> {
        match self.engine.platform().dmamem_refusal()? {
            DmamemRefusal::Cap { limit, .. } => {
                Some(exceeded("dmamem_bytes", limit.raw(), crate::config::Scope::Daemon))
            }
            _ => None,
        }
    }
}

fn run_of(addr: u64, offset: u64, len: BusSize) -> PoolRun {
    PoolRun { addr: Hex(addr), offset, length: len.raw() }
}

const fn mem_flag(flag: MemFlag) -> MemFlags {
    match flag {
        MemFlag::NoWait => MemFlags::NO_WAIT,
        MemFlag::Coherent => MemFlags::COHERENT,
        MemFlag::Zero => MemFlags::ZERO,
        MemFlag::NoCache => MemFlags::NO_CACHE,
    }
}
