//! The machine a scenario runs on: memory, page tables and allocators that behave the same on every run.
//!
//! The rules are those of the format's machine model; with them a trace fixes every address and every byte.

mod content;
mod dmamem;
mod memory;

pub use content::{Fnv1a, Pattern};
pub use memory::PhysMemory;

use crate::error::OperationError;
use crate::format::{BounceModel, Contents, MachineModel};
use busdma_engine::{
    AddressSpace, Alignment, BusSize, DmamemRegion, DmamemRequest, FrameSource, MachineLimits, Memory, PAGE_SIZE,
    PageCount, PhysAddr, VirtAddr,
};
use dmamem::DmamemPool;
use rustc_hash::FxHashMap;

/// Bounce frames handed out at most: 4 GiB of them. A scenario that takes more is refused.
pub const FRAMES_MAX: u64 = 1 << 20;

/// One deterministic machine.
#[derive(Clone, Debug)]
pub struct TraceMachine {
    memory: PhysMemory,
    tables: PageTables,
    frames: BounceFrames,
    dmamem: DmamemPool,
    answers: DmamemAnswers,
    contents: Contents,
}

/// Who answers when memory is allocated.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum DmamemAnswers {
    /// The machine model.
    #[default]
    Modelled,
    /// The recording: every call gets this answer, `None` for nothing to be had.
    Recorded(Option<DmamemRegion>),
}

/// Virtual page number to the address of a physical page, for each address space.
#[derive(Clone, Debug, Default)]
pub struct PageTables {
    kernel: FxHashMap<u64, PhysAddr>,
    user: FxHashMap<u64, PhysAddr>,
}

impl TraceMachine {
    /// An empty machine: nothing mapped, nothing allocated, all memory zero.
    ///
    /// # Errors
    /// [`OperationError::PageSize`] unless pages have 4096 bytes, [`OperationError::MachineUnaligned`] where frames or
    /// pages would not be whole pages.
    pub fn new(model: &MachineModel<'_>) -> Result<Self, OperationError> {
        if model.page_size != PAGE_SIZE {
            return Err(OperationError::PageSize { found: model.page_size });
        }
        whole_pages("bounce.base", model.bounce.base.0)?;
        stride("bounce.stride", model.bounce.stride)?;
        stride("dmamem.page_stride", model.dmamem.page_stride)?;
        Ok(Self {
            memory: PhysMemory::default(),
            tables: PageTables::default(),
            frames: BounceFrames { model: model.bounce, next: 0, refused: false },
            dmamem: DmamemPool::new(model.dmamem),
            answers: DmamemAnswers::Modelled,
            contents: Contents::Recorded,
        })
    }

    /// The numbers of the model that the engine's pool rules look at.
    pub const fn limits(model: &MachineModel<'_>) -> MachineLimits {
        MachineLimits { maxmem: BusSize::new(model.maxmem.0), max_bpages: PageCount::new(model.max_bpages) }
    }

    /// Maps virtual pages, the first the one that `start` lies in, onto physical ones. Earlier mappings are replaced.
    pub fn map_range(&mut self, space: AddressSpace, start: VirtAddr, pages: impl IntoIterator<Item = PhysAddr>) {
        let table = match space {
            AddressSpace::Kernel => &mut self.tables.kernel,
            AddressSpace::User => &mut self.tables.user,
        };
        let mut at = start;
        for page in pages {
            table.insert(at.raw() / PAGE_SIZE, page);
            at = at.wrapping_add(BusSize::PAGE);
        }
    }

    /// Whether fresh memory is filled: where contents are unrecorded nobody can tell.
    pub fn set_contents(&mut self, contents: Contents) {
        self.contents = contents;
    }

    /// Says who answers the allocations that follow.
    pub fn answer_dmamem(&mut self, answers: DmamemAnswers) {
        self.answers = answers;
    }

    /// Bounce frames handed out so far, those included that were passed over.
    pub const fn frames_taken(&self) -> u64 {
        self.frames.next
    }

    /// Goes on as if so many bounce frames had been handed out.
    pub fn set_frames_taken(&mut self, frames: u64) {
        self.frames.next = frames;
    }

    /// Physical memory.
    pub fn memory(&self) -> &PhysMemory {
        &self.memory
    }

    /// Physical memory, to write.
    pub fn memory_mut(&mut self) -> &mut PhysMemory {
        &mut self.memory
    }

    /// The page tables and the memory behind them.
    pub fn split_mut(&mut self) -> (&PageTables, &mut PhysMemory) {
        (&self.tables, &mut self.memory)
    }

    /// The page tables.
    pub fn tables(&self) -> &PageTables {
        &self.tables
    }

    /// Whether the scenario has asked for more than this machine is willing to keep; its answers are then wrong.
    ///
    /// # Errors
    /// [`OperationError::TooMuchMemory`], [`OperationError::TooManyFrames`].
    pub fn check_limits(&self) -> Result<(), OperationError> {
        if self.frames.refused {
            return Err(OperationError::TooManyFrames { limit: FRAMES_MAX });
        }
        self.memory.check_limit()
    }
}

impl PageTables {
    /// Where a byte lies, `None` when its page was never mapped.
    #[inline]
    pub fn translate(&self, space: AddressSpace, addr: VirtAddr) -> Option<PhysAddr> {
        let table = match space {
            AddressSpace::Kernel => &self.kernel,
            AddressSpace::User => &self.user,
        };
        let page = table.get(&(addr.raw() / PAGE_SIZE))?;
        Some(page.wrapping_add(BusSize::new(addr.page_offset())))
    }
}

impl Memory for TraceMachine {
    #[inline]
    fn translate(&self, space: AddressSpace, addr: VirtAddr) -> Option<PhysAddr> {
        self.tables.translate(space, addr)
    }

    fn copy(&mut self, from: PhysAddr, to: PhysAddr, len: BusSize) {
        self.memory.copy(from, to, len);
    }
}

impl FrameSource for TraceMachine {
    fn bounce_frame(&mut self, high: PhysAddr, alignment: Alignment) -> Option<PhysAddr> {
        self.frames.next(high, alignment)
    }

    fn dmamem(&mut self, request: &DmamemRequest) -> Option<DmamemRegion> {
        let region = match &self.answers {
            DmamemAnswers::Modelled => self.dmamem.allocate(request)?,
            DmamemAnswers::Recorded(answer) => answer.clone()?,
        };
        self.map_range(AddressSpace::Kernel, region.vaddr, region.pages.iter().copied());
        if self.contents == Contents::Recorded {
            dmamem::fill(&mut self.memory, &region, request);
        }
        Some(region)
    }

    /// Memory never comes back.
    fn free_dmamem(&mut self, _: &DmamemRegion, _: &DmamemRequest) {}
}

/// Bounce frames in a row, never taken back.
#[derive(Clone, Copy, Debug)]
struct BounceFrames {
    model: BounceModel,
    next: u64,
    /// Whether a frame was refused only because of [`FRAMES_MAX`].
    refused: bool,
}

impl BounceFrames {
    /// The next frame at or below `high`. Frames that break an alignment above a page are passed over, but only when a
    /// later one is handed out.
    fn next(&mut self, high: PhysAddr, alignment: Alignment) -> Option<PhysAddr> {
        for k in self.next..self.model.frames {
            let frame = k.checked_mul(self.model.stride)?.checked_add(self.model.base.0)?;
            if frame > high.raw() {
                return None;
            }
            if k >= FRAMES_MAX {
                self.refused = true;
                return None;
            }
            if alignment.bytes() <= PAGE_SIZE || alignment.is_met_by(frame) {
                self.next = k + 1;
                return Some(PhysAddr::new(frame));
            }
        }
        None
    }
}

fn whole_pages(field: &'static str, found: u64) -> Result<(), OperationError> {
    if found.is_multiple_of(PAGE_SIZE) { Ok(()) } else { Err(OperationError::MachineUnaligned { field, found }) }
}

fn stride(field: &'static str, found: u64) -> Result<(), OperationError> {
    whole_pages(field, found)?;
    if found == 0 { Err(OperationError::MachineUnaligned { field, found }) } else { Ok(()) }
}
