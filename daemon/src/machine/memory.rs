//! Registered memory.

use super::failure::exceeded;
use super::objects::{BufferEntry, MemoryUse};
use super::owner::{Caller, Owner, taped};
use crate::config::{Quota, Scope};
use busdma_api::engine::{DescribeMemoryReply, EngineError, PhysRun, Space};
use busdma_api::{Hex, MemoryOrigin, MemoryRef};
use busdma_engine::{AddressSpace, BusSize, PAGE_SIZE, PhysAddr, VirtAddr};
use busdma_memory::{Backing, Layout, OwnerId, PagemapError, RegisterError, RegisterRequest, Span};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Memory to register.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) length: u64,
    pub(crate) backing: Backing,
    pub(crate) layout: Layout,
    pub(crate) space: AddressSpace,
    pub(crate) vaddr: Option<VirtAddr>,
}

/// Memory that was registered.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) memory: MemoryRef,
    pub(crate) vaddr: VirtAddr,
    /// Its file, when the daemon made it and its bytes lie there in order.
    pub(crate) file: Option<OwnedFd>,
}

/// Whether a reply can carry a file descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FileWanted {
    /// It can.
    Yes,
    /// It cannot, or the client has the file already.
    No,
}

impl Owner {
    /// Registers memory.
    pub(crate) fn register(
        &mut self,
        caller: &Caller<'_>,
        registration: Registration,
        wanted: FileWanted,
    ) -> Result<Made, EngineError> {
        let Registration { length, backing, layout, space, vaddr } = registration;
        let bytes = length.div_ceil(PAGE_SIZE).saturating_mul(PAGE_SIZE);
        let account = &caller.session.account;
        account.take_all(caller.limits, &[(Quota::MemoryBytes, bytes), (Quota::MemoryFiles, 1)])?;
        self.begin();
        let len = BusSize::new(length);
        let owner = OwnerId::new(caller.session.id.0.into());
        let platform = self.engine.platform_mut();
        let registered = platform.register(RegisterRequest { backing, len, space, layout, vaddr, owner });
        let id = registered.map_err(|error| {
            account.give_back(Quota::MemoryBytes, bytes);
            account.give_back(Quota::MemoryFiles, 1);
            invalid(&error)
        })?;
        let number = self.objects.new_buffer();
        self.memory_bytes += bytes;
        let session = Arc::clone(caller.session);
        self.objects.buffers.insert(number, BufferEntry { region: id, session, users: 0, len });
        let memory = self.objects.memory_ref(MemoryOrigin::Registered, number);
        let Some(region) = self.engine.platform().region(id) else {
            return Err(EngineError::NoSuchObject { object: memory.to_string() });
        };
        let vaddr = region.vaddr();
        if self.tape.is_on() {
            self.tape.region_mapped(&taped(region));
        }
        let file = match wanted {
            FileWanted::Yes => region.fd().and_then(|file| file.try_clone_to_owned().ok()),
            FileWanted::No => None,
        };
        Ok(Made { memory, vaddr, file })
    }

    /// Takes registered memory away.
    pub(crate) fn release_memory(&mut self, caller: &Caller<'_>, number: u32) -> Result<(), EngineError> {
        let entry = self.objects.buffer(number, caller)?;
        if entry.users > 0 {
            let user = self.objects.user_of(MemoryUse { origin: MemoryOrigin::Registered, number });
            let object = user.map_or_else(String::new, |map| map.to_string());
            return Err(EngineError::MemoryBusy { object });
        }
        self.drop_buffer(number);
        Ok(())
    }

    pub(super) fn drop_buffer(&mut self, number: u32) {
        self.begin();
        let Some(entry) = self.objects.buffers.remove(&number) else { return };
        let bytes = entry.len.raw().div_ceil(PAGE_SIZE) * PAGE_SIZE;
        if let Some(region) = self.engine.platform().region(entry.region)
            && self.tape.is_on()
        {
            self.tape.region_released(region.space(), region.vaddr().page_start());
        }
        let _ = self.engine.platform_mut().release(entry.region);
        self.memory_bytes -= bytes.min(self.memory_bytes);
        entry.session.account.give_back(Quota::MemoryBytes, bytes);
        entry.session.account.give_back(Quota::MemoryFiles, 1);
    }

    /// Where memory lies.
    pub(crate) fn describe_memory(
        &self,
        caller: &Caller<'_>,
        memory: MemoryRef,
    ) -> Result<DescribeMemoryReply, EngineError> {
        let (vaddr, len, space, pages) = self.layout_of(caller, memory)?;
        let mut runs: Vec<PhysRun> = Vec::new();
        let mut left = len.raw();
        for page in pages {
            let length = page.left_in_page().raw().min(left);
            left -= length;
            match runs.last_mut() {
                Some(run) if run.paddr.0 + run.length == page.raw() => run.length += length,
                _ => runs.push(PhysRun { paddr: Hex(page.raw()), length }),
            }
        }
        let space = match space {
            AddressSpace::Kernel => Space::Kernel,
            AddressSpace::User => Space::User,
        };
        Ok(DescribeMemoryReply { vaddr: Hex(vaddr.raw()), length: len.raw(), space, runs })
    }

    /// Bytes of memory, to be read or written without the machine.
    pub(crate) fn memory_spans(
        &self,
        caller: &Caller<'_>,
        memory: MemoryRef,
        offset: u64,
        length: u64,
    ) -> Result<Vec<Span>, EngineError> {
        let (vaddr, len, _, pages) = self.layout_of(caller, memory)?;
        if offset.checked_add(length).is_none_or(|end| end > len.raw()) {
            return Err(EngineError::OutOfRange { offset, length, size: len.raw() });
        }
        let base = vaddr.page_offset();
        let mut spans = Vec::new();
        let mut at = offset;
        while at < offset + length {
            let (index, within) = ((base + at) / PAGE_SIZE, (base + at) % PAGE_SIZE);
            let piece = (PAGE_SIZE - within).min(offset + length - at);
            let page = usize::try_from(index).ok().and_then(|index| pages.get(index)).copied();
            let addr = page.map(|page| page.page_start().wrapping_add(BusSize::new(within)));
            let span = addr.and_then(|addr| self.engine.platform().span(addr, BusSize::new(piece)));
            spans.push(span.ok_or_else(|| EngineError::NoSuchObject { object: memory.to_string() })?);
            at += piece;
        }
        Ok(spans)
    }

    fn layout_of(
        &self,
        caller: &Caller<'_>,
        memory: MemoryRef,
    ) -> Result<(VirtAddr, BusSize, AddressSpace, &[PhysAddr]), EngineError> {
        let missing = || EngineError::NoSuchObject { object: memory.to_string() };
        match memory.origin {
            MemoryOrigin::Registered => {
                let entry = self.objects.buffer(memory.number, caller)?;
                let region = self.engine.platform().region(entry.region).ok_or_else(missing)?;
                Ok((region.vaddr(), region.len(), region.space(), region.pages()))
            }
            MemoryOrigin::Dmamem => {
                let entry = self.objects.dmamem(memory.number, caller)?;
                Ok((entry.region.vaddr, entry.len, AddressSpace::Kernel, &entry.region.pages))
            }
        }
    }

    /// The quota that a pool could not grow for, when that is why it did not.
    pub(super) fn pool_refused(&self, _: &Caller<'_>) -> Option<EngineError> {
        use busdma_memory::FrameRefusal;
        match self.engine.platform().frame_refusal()? {
            FrameRefusal::TooManyZones { limit } => Some(exceeded("zones", *limit as u64, Scope::Daemon)),
            _ => None,
        }
    }
}

fn invalid(error: &RegisterError) -> EngineError {
    let field = match error {
        RegisterError::Pagemap(PagemapError::NotPrivileged) => {
            return EngineError::NotPrivileged {
                action: "the frames of /proc/self/pagemap are shown to processes with CAP_SYS_ADMIN only".to_owned(),
            };
        }
        RegisterError::Empty | RegisterError::TooLarge { .. } => "length",
        RegisterError::PassedTooShort { .. } => "fd",
        RegisterError::Vaddr(_) => "vaddr",
        _ => "layout",
    };
    EngineError::InvalidMemory { field: field.to_owned(), reason: error.to_string() }
}
