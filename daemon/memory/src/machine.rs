//! The memory of one machine: what its engine asks for, and the bytes behind every physical address.

mod allocation;
mod regions;

use crate::backed::{BackedPages, PageHome};
use crate::copy::{CopyPlan, Place};
use crate::dmamem::DmamemPool;
use crate::frames::{FramePool, FrameRefusal, ZonePool};
use crate::mapping::{Mapping, Span};
use crate::model::{MemoryModel, ModelError, ReservedArea};
use crate::ranges::PageRanges;
use crate::region::{Region, RegionId};
use crate::vspace::{AddressWindow, VirtualSpace};
use busdma_engine::{AddressSpace, BusSize, Memory, Move, PAGE_SIZE, PageCount, PhysAddr, VirtAddr};
use std::collections::BTreeMap;
use thiserror::Error;

/// Kernel addresses of regions that choose none, the second exclusive.
const KERNEL_WINDOW: (u64, u64) = (0xffff_f800_0000_0000, 0xffff_fe80_0000_0000);

/// User addresses of regions that choose none, the second exclusive.
const USER_WINDOW: (u64, u64) = (0x1_0000, 0x7fff_ffff_f000);

/// Memory of one machine.
///
/// It has one owner, who also owns the engine. The files behind it are closed and unmapped with it, but for those that a
/// [`Span`] or a [`CopyPlan`] still holds.
#[derive(Debug)]
pub struct MachineMemory {
    model: MemoryModel,
    /// Pages of dmamem and of clients.
    taken: PageRanges,
    backed: BackedPages,
    frames: FramePool,
    dmamem: DmamemPool,
    kernel: VirtualSpace,
    user: VirtualSpace,
    kernel_window: AddressWindow,
    user_window: AddressWindow,
    regions: BTreeMap<RegionId, Region>,
    next_region: u64,
}

/// There are no bytes where some were named: nobody registered or allocated the page, or the range goes on beyond it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("no memory at {addr}, {len} bytes: the page is not in use, or they cross its end")]
pub struct NoMemoryThere {
    /// First byte named.
    pub addr: PhysAddr,
    /// How many.
    pub len: BusSize,
}

impl MachineMemory {
    /// A machine with nothing in its memory. The host's memory is used as pages are touched.
    ///
    /// # Errors
    /// [`ModelError`] when the model's areas overlap or have no whole pages.
    pub fn new(model: MemoryModel) -> Result<Self, ModelError> {
        model.check()?;
        Ok(Self {
            model,
            taken: PageRanges::default(),
            backed: BackedPages::default(),
            frames: FramePool::new(model.bounce),
            dmamem: DmamemPool::new(),
            kernel: VirtualSpace::default(),
            user: VirtualSpace::default(),
            kernel_window: AddressWindow::new(KERNEL_WINDOW.0, KERNEL_WINDOW.1),
            user_window: AddressWindow::new(USER_WINDOW.0, USER_WINDOW.1),
            regions: BTreeMap::new(),
            next_region: 0,
        })
    }

    /// Where things lie.
    pub fn model(&self) -> &MemoryModel {
        &self.model
    }

    /// The bounce zones' pages, in the order in which the engine first asked for each.
    pub fn zone_pools(&self) -> impl ExactSizeIterator<Item = ZonePool<'_>> {
        self.frames.pools()
    }

    /// Bounce frames handed out, over all zones; frames passed over for their alignment do not count.
    pub fn frames_taken(&self) -> PageCount {
        self.frames.taken()
    }

    /// Why the engine's last request for a bounce frame was refused; `None` when it was not.
    pub fn frame_refusal(&self) -> Option<&FrameRefusal> {
        self.frames.refusal()
    }

    /// Allows at most so many bounce zones, each of which is an open file; without this call there is no limit.
    pub fn set_zones_max(&mut self, limit: usize) {
        self.frames.set_zones_max(limit);
    }

    /// The bytes at a physical address: in one page, or in several whose bytes follow each other in one file. `None` where some
    /// of them are nobody's, or `len` is 0.
    pub fn span(&self, addr: PhysAddr, len: BusSize) -> Option<Span> {
        let last = addr.checked_add(BusSize::new(len.raw().checked_sub(1)?))?;
        let first = self.home(addr)?;
        let pages = last.raw() / PAGE_SIZE - addr.raw() / PAGE_SIZE;
        for ahead in 1..=pages {
            let home = self.home(addr.checked_add(BusSize::new(ahead * PAGE_SIZE))?)?;
            if home.slot != first.slot || u64::from(home.page) != u64::from(first.page) + ahead {
                return None;
            }
        }
        let offset = u64::from(first.page) * PAGE_SIZE + addr.page_offset();
        Span::new(self.backed.mapping(first.slot)?.clone(), BusSize::new(offset), len)
    }

    /// Resolves what `Engine::plan_sync` decided, so that it can be carried out without the machine. `plan` is overwritten.
    ///
    /// # Errors
    /// [`NoMemoryThere`] at the first move that names no memory or crosses a page; the plan is empty then.
    pub fn plan_copies(&self, moves: &[Move], plan: &mut CopyPlan) -> Result<(), NoMemoryThere> {
        plan.clear();
        let planned = moves.iter().try_for_each(|step| {
            let (from, len) = self.place(step.from, step.len)?;
            let (to, _) = self.place(step.to, step.len)?;
            let missing = NoMemoryThere { addr: step.from, len: step.len };
            plan.push(from, to, len, |slot| self.backed.mapping(slot)).ok_or(missing)
        });
        if planned.is_err() {
            plan.clear();
        }
        planned
    }

    /// Overwrites bytes of bounce pages with 0, so that they can go to another client. The bytes may cross pages.
    ///
    /// # Errors
    /// [`NoMemoryThere`] at the first page that is no bounce page in use; the pages before it are zero then.
    pub fn scrub(&self, addr: PhysAddr, len: BusSize) -> Result<(), NoMemoryThere> {
        let mut addr = addr;
        let mut left = len.raw();
        while left > 0 {
            let piece = BusSize::new(left.min(addr.left_in_page().raw()));
            let missing = NoMemoryThere { addr, len: piece };
            let bounce = self.model.reserved(addr.page_start()) == Some(ReservedArea::Bounce);
            let span = self.span(addr, piece).filter(|_| bounce).ok_or(missing)?;
            span.zero();
            addr = addr.wrapping_add(piece);
            left -= piece.raw();
        }
        Ok(())
    }

    /// The bytes of part of a page.
    #[inline]
    fn place(&self, addr: PhysAddr, len: BusSize) -> Result<(Place, usize), NoMemoryThere> {
        let missing = NoMemoryThere { addr, len };
        if len > addr.left_in_page() {
            return Err(missing);
        }
        let home = self.home(addr).ok_or(missing)?;
        let offset = u64::from(home.page) * PAGE_SIZE + addr.page_offset();
        let (offset, len) = (usize::try_from(offset), usize::try_from(len.raw()));
        Ok((Place { slot: home.slot, offset: offset.map_err(|_| missing)? }, len.map_err(|_| missing)?))
    }

    #[inline]
    fn home(&self, addr: PhysAddr) -> Option<PageHome> {
        self.frames.home(addr).or_else(|| self.backed.home(addr))
    }

    fn space(&self, space: AddressSpace) -> &VirtualSpace {
        match space {
            AddressSpace::Kernel => &self.kernel,
            AddressSpace::User => &self.user,
        }
    }
}

impl Memory for MachineMemory {
    #[inline]
    fn translate(&self, space: AddressSpace, addr: VirtAddr) -> Option<PhysAddr> {
        self.space(space).translate(addr)
    }

    /// Bytes that are nobody's are no memory: nothing is copied from or to them.
    fn copy(&mut self, from: PhysAddr, to: PhysAddr, len: BusSize) {
        let (Ok((from, len)), Ok((to, _))) = (self.place(from, len), self.place(to, len)) else { return };
        if let (Some(source), Some(target)) = (self.backed.mapping(from.slot), self.backed.mapping(to.slot)) {
            Mapping::copy((source, from.offset), (target, to.offset), len);
        }
    }
}
