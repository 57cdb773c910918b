//! The load: the main path of the engine.
//!
//! A request is walked part by part. For each part FreeBSD counts the bounce pages it will need, reserves them (or
//! defers, or fails), then cuts the part into pieces, bounces those the device cannot reach, and appends each piece to
//! the segment list until the list is full or the part is done:
//!
//! count → reserve → cut → bounce → append → did it fit?
//!
//! `Loading::request` is that path. The strict profile takes another, in `exact`.

mod page_list;

use crate::addr::{AddressSpace, BusAddr, BusSize, PAGE_MASK, PAGE_SIZE, PageCount, PhysAddr, VirtAddr};
use crate::bounce::{BouncePool, ClientBytes, Commit, PageOffset};
use crate::constraints::{BounceReason, TagFlags};
use crate::decision::{Decision, Observer, Told};
use crate::error::{InvalidRequest, KernelPanic, LoadError};
use crate::hazard::Hazard;
use crate::ids::{MapId, ZoneId};
use crate::map::{Bouncing, DmaMap, SyncListFull, SyncRange};
use crate::memdesc::{Mem, Part, PhysRange, VirtRange};
use crate::platform::Memory;
use crate::profile::{CacheMaintenance, Switches};
use crate::segment::{Joined, SegmentShape};
use crate::tag::DmaTag;

/// Whether a load may wait for bounce pages (`BUS_DMA_WAITOK`, `BUS_DMA_NOWAIT`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum WaitPolicy {
    /// It is queued when pages are short. mbuf and uio loads never are.
    MayDefer,
    /// It fails with `ENOMEM` when pages are short.
    NoWait,
}

/// How far a load came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// The segments are complete.
    Mapped,
    /// Pages are short; the map has to be queued.
    MustWait,
}

/// Why a walk stopped early.
pub(crate) enum Stop {
    /// Pages are short and the load may wait.
    MustWait,
    /// The load failed.
    Failed(LoadError),
}

impl From<LoadError> for Stop {
    #[inline]
    fn from(error: LoadError) -> Self {
        Self::Failed(error)
    }
}

impl From<KernelPanic> for Stop {
    fn from(panic: KernelPanic) -> Self {
        Self::Failed(panic.into())
    }
}

impl From<InvalidRequest> for Stop {
    fn from(request: InvalidRequest) -> Self {
        Self::Failed(request.into())
    }
}

/// The most pieces one range may be cut into: a walk has to end in reasonable time whatever a request says.
const CHUNKS_MAX: u64 = 1 << 24;

/// Bytes that make no more pieces than that however they are cut.
pub(crate) const ALWAYS_WALKABLE: u64 = CHUNKS_MAX;

/// FreeBSD hands the length of a piece back through an int: a longer one makes no progress (`_bus_dmamap_addseg`).
const LEN_MAX: u64 = i32::MAX as u64;

/// One load in progress: the map, its tag, and what it may take from the machine.
pub(crate) struct Loading<'e, M, O> {
    pub(crate) id: MapId,
    pub(crate) map: &'e mut DmaMap,
    pub(crate) tag: &'e DmaTag,
    pub(crate) pool: &'e mut BouncePool,
    pub(crate) memory: &'e M,
    pub(crate) told: &'e mut Told<O>,
    pub(crate) switches: &'e Switches,
    pub(crate) wait: WaitPolicy,
}

impl<M: Memory, O: Observer> Loading<'_, M, O> {
    /// Maps a whole request as FreeBSD does.
    #[inline]
    pub(crate) fn request(&mut self, mem: &Mem<'_>) -> Result<Progress, LoadError> {
        self.map.segments.clear();
        let outcome = match mem {
            Mem::Vaddr(range) => self.virtual_range(AddressSpace::Kernel, *range),
            _ => self.parts(mem),
        };
        match outcome {
            Ok(()) => Ok(Progress::Mapped),
            Err(Stop::MustWait) => Ok(Progress::MustWait),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    fn parts(&mut self, mem: &Mem<'_>) -> Result<(), Stop> {
        let switches = *self.switches;
        mem.for_each_part(&switches, &mut |part| self.part(part))
    }

    fn part(&mut self, part: Part<'_>) -> Result<(), Stop> {
        match part {
            Part::Virtual { space, range } => self.virtual_range(space, range),
            Part::Physical(range) => self.physical_range(range),
            Part::Pages { pages, offset, len } if self.tag.flags.contains(TagFlags::KEEP_PAGE_OFFSET) => {
                self.pages_one_by_one(pages, offset, len)
            }
            Part::Pages { pages, offset, len } => self.page_list(pages, offset, len),
        }
    }

    /// `bounce_bus_dmamap_load_buffer`.
    fn virtual_range(&mut self, space: AddressSpace, range: VirtRange) -> Result<(), Stop> {
        let end = self.checked_end(range.start.raw(), range.len)?;
        if self.tag.could_bounce {
            if self.counts_afresh() {
                self.map.pages_needed = self.count_virtual(space, range.start.raw(), end)?;
                self.tell_count();
            }
            if self.map.pages_needed != 0 {
                self.reserve()?;
            }
        }
        self.cut_virtual(space, range.start.raw(), end)
    }

    /// Counts a page for each page whose first address must bounce. A bounced piece is taken to reach to the end of its
    /// page, rounded up to the alignment; `maxsegsz` and the boundary are not looked at (`_bus_dmamap_count_pages`).
    #[inline]
    fn count_virtual(&self, space: AddressSpace, start: u64, end: u64) -> Result<u32, LoadError> {
        let mut pages = 0;
        let mut vaddr = start;
        while vaddr < end {
            let paddr = self.translate(space, vaddr)?;
            let mut len = PAGE_SIZE - (vaddr & PAGE_MASK);
            if self.tag.constraints.bounces(paddr) {
                len = self.tag.constraints.alignment().round_up(len);
                pages += 1;
            }
            vaddr = vaddr.saturating_add(len);
        }
        Ok(pages)
    }

    /// Cuts a range piece by piece, bouncing while the count lasts: once it is used up, later pieces go out as they are.
    fn cut_virtual(&mut self, space: AddressSpace, start: u64, end: u64) -> Result<(), Stop> {
        let shape = self.tag.shape;
        let maxsegsz = self.tag.constraints.maxsegsz().raw();
        let mut vaddr = start;
        while vaddr < end {
            let paddr = self.translate(space, vaddr)?;
            let kernel = (space == AddressSpace::Kernel).then_some(VirtAddr::new(vaddr));
            let most = (end - vaddr).min(maxsegsz);
            let to_page_end = PAGE_SIZE - paddr.page_offset();
            let (addr, len) = if self.bounces(paddr) {
                let len = self.tag.constraints.alignment().round_up(to_page_end).min(most);
                (self.bounce(ClientBytes { vaddr: kernel, first: paddr, second: None }, len)?, len)
            } else {
                let len = to_page_end.min(most);
                self.keep_coherent(kernel, paddr, len, end - vaddr)?;
                (paddr.raw(), len)
            };
            vaddr += self.append(&shape, addr, len, end - vaddr)?;
        }
        Ok(())
    }

    /// `bounce_bus_dmamap_load_phys`: pieces of `maxsegsz`, tested only at their start.
    fn physical_range(&mut self, range: PhysRange) -> Result<(), Stop> {
        let end = self.checked_end(range.start.raw(), range.len)?;
        if self.tag.could_bounce {
            if self.counts_afresh() {
                self.map.pages_needed = self.count_physical(range.start.raw(), end);
                self.tell_count();
            }
            if self.map.pages_needed != 0 {
                self.reserve()?;
            }
        }
        let shape = self.tag.shape;
        let maxsegsz = self.tag.constraints.maxsegsz().raw();
        let mut paddr = range.start.raw();
        while paddr < end {
            let first = PhysAddr::new(paddr);
            let mut len = (end - paddr).min(maxsegsz);
            let addr = if self.bounces(first) {
                len = len.min(PAGE_SIZE - first.page_offset());
                self.bounce(ClientBytes { vaddr: None, first, second: None }, len)?
            } else {
                self.keep_coherent(None, first, len, end - paddr)?;
                paddr
            };
            let taken = self.append(&shape, addr, len, end - paddr)?;
            if taken > LEN_MAX {
                return Err(Stop::Failed(self.too_many_segments(end - paddr)));
            }
            paddr += taken;
        }
        Ok(())
    }

    /// `_bus_dmamap_count_phys`.
    fn count_physical(&self, start: u64, end: u64) -> u32 {
        let maxsegsz = self.tag.constraints.maxsegsz().raw();
        let mut pages = 0;
        let mut paddr = start;
        while paddr < end {
            let mut len = (end - paddr).min(maxsegsz);
            if self.tag.constraints.bounces(PhysAddr::new(paddr)) {
                len = len.min(PAGE_SIZE - (paddr & PAGE_MASK));
                pages += 1;
            }
            paddr += len;
        }
        pages
    }

    /// A count left over from an earlier load is not renewed.
    #[inline]
    fn counts_afresh(&self) -> bool {
        self.map.bouncing == Bouncing::Possible && self.map.pages_needed == 0
    }

    fn tell_count(&mut self) {
        if self.map.pages_needed != 0 {
            let (map, pages_needed) = (self.id, PageCount::new(self.map.pages_needed));
            self.told.decision(|| Decision::Counted { map, pages_needed });
        }
    }

    /// `_bus_dmamap_reserve_pages`.
    fn reserve(&mut self) -> Result<(), Stop> {
        let zone = self.zone()?;
        let commit = match self.wait {
            WaitPolicy::MayDefer => Commit::Partial,
            WaitPolicy::NoWait => Commit::AllOrNothing,
        };
        let reservation = self.pool.reserve(zone, self.map, commit);
        let map = self.id;
        if reservation.promised > PageCount::ZERO {
            self.told.decision(|| Decision::Reserved { map, zone, pages: reservation.promised });
        }
        if reservation.lacking == PageCount::ZERO {
            return Ok(());
        }
        match self.wait {
            WaitPolicy::MayDefer => {
                self.warn_of_lost_pages();
                Err(Stop::MustWait)
            }
            WaitPolicy::NoWait => Err(Stop::Failed(LoadError::NoBouncePages {
                needed: PageCount::new(self.map.pages_needed.saturating_sub(self.map.pages_reserved)),
                free: self.pool.zone(zone).stats.free_bpages(),
            })),
        }
    }

    fn warn_of_lost_pages(&mut self) {
        let (map, pages) = (self.id, self.map.bounce_page_count());
        if pages > PageCount::ZERO {
            self.told.hazard(|| Hazard::DeferredWithPagesAlreadyAdded { map, pages });
        }
    }

    /// Whether a piece that starts at `paddr` is bounced. Nothing is once the count is used up.
    #[inline]
    fn bounces(&self, paddr: PhysAddr) -> bool {
        self.map.pages_needed != 0 && self.tag.constraints.bounces(paddr)
    }

    /// Bounces a piece because of its first address.
    #[inline]
    fn bounce(&mut self, client: ClientBytes, len: u64) -> Result<u64, LoadError> {
        let constraints = &self.tag.constraints;
        let why = || constraints.must_bounce(client.first).unwrap_or(BounceReason::Window(constraints.window()));
        self.bounce_because(client, len, why)
    }

    /// Takes a bounce page for a piece and says where the device will find it.
    #[inline]
    pub(crate) fn bounce_because(
        &mut self,
        client: ClientBytes,
        len: u64,
        why: impl FnOnce() -> BounceReason,
    ) -> Result<u64, LoadError> {
        let Some(zone) = self.tag.zone else { return Err(KernelPanic::NoReservedPage.into()) };
        let offset =
            if self.tag.flags.contains(TagFlags::KEEP_PAGE_OFFSET) { PageOffset::Kept } else { PageOffset::Zero };
        let (map, len) = (self.id, BusSize::new(len));
        let bounce = self.pool.take_page(zone, self.map, client, len, offset)?;
        self.told.decision(|| Decision::Bounced { map, client: client.first, bounce, len, reason: why() });
        if O::ENABLED && bounce.page_offset() + len.raw() > PAGE_SIZE {
            self.told.hazard(|| Hazard::BounceChunkLongerThanPage { map, bounce, len });
        }
        Ok(bounce.raw())
    }

    /// Appends a piece and says how much of it was taken; `left` is what the part still has.
    #[inline]
    pub(crate) fn append(&mut self, shape: &SegmentShape, addr: u64, len: u64, left: u64) -> Result<u64, LoadError> {
        let joined = if O::ENABLED { Some(self.map.segments.explain(shape, addr, len)) } else { None };
        let Ok(taken) = self.map.segments.append(shape, addr, len) else {
            return Err(self.too_many_segments(left));
        };
        if let Some(joined) = joined {
            let segment = self.map.segments.len() - 1;
            tell_append(self.told, self.id, joined, segment, addr, taken);
        }
        Ok(taken)
    }

    #[cold]
    fn too_many_segments(&self, left: u64) -> LoadError {
        LoadError::TooManySegments {
            limit: self.tag.constraints.nsegments(),
            filled: self.map.segments.len(),
            bytes_left: BusSize::new(left),
        }
    }

    /// Whether direct pieces go on arm64's list of ranges to keep coherent.
    #[inline]
    fn keeps_coherent(&self) -> bool {
        self.switches.cache == CacheMaintenance::Arm64 && !self.tag.coherent
    }

    fn keep_coherent(&mut self, vaddr: Option<VirtAddr>, paddr: PhysAddr, len: u64, left: u64) -> Result<(), Stop> {
        if !self.keeps_coherent() {
            return Ok(());
        }
        let piece = SyncRange { vaddr, paddr, len: BusSize::new(len) };
        let limit = self.tag.constraints.nsegments().count();
        match self.map.sync_list.add(piece, limit) {
            Ok(()) => Ok(()),
            Err(SyncListFull) => Err(Stop::Failed(self.too_many_segments(left))),
        }
    }

    pub(crate) fn zone(&self) -> Result<ZoneId, LoadError> {
        self.tag.zone.ok_or(LoadError::Panic(KernelPanic::NoReservedPage))
    }

    #[inline]
    pub(crate) fn translate(&self, space: AddressSpace, vaddr: u64) -> Result<PhysAddr, LoadError> {
        self.memory.translate(space, VirtAddr::new(vaddr)).ok_or_else(|| not_mapped(space, vaddr))
    }

    /// The exclusive end of a range that neither wraps nor takes for ever to walk.
    #[inline]
    pub(crate) fn checked_end(&self, start: u64, len: BusSize) -> Result<u64, LoadError> {
        let Some(end) = start.checked_add(len.raw()) else {
            return Err(InvalidRequest::RangeWraps { start, len }.into());
        };
        if len.raw() > ALWAYS_WALKABLE {
            let chunks = len.raw() / self.tag.constraints.maxsegsz().raw().min(PAGE_SIZE);
            if chunks > CHUNKS_MAX {
                return Err(InvalidRequest::TooManyChunks { len, chunks, limit: CHUNKS_MAX }.into());
            }
        }
        Ok(end)
    }
}

#[cold]
fn not_mapped(space: AddressSpace, vaddr: u64) -> LoadError {
    InvalidRequest::NotMapped { space, addr: VirtAddr::new(vaddr) }.into()
}

fn tell_append<O: Observer>(told: &mut Told<O>, map: MapId, joined: Joined, segment: usize, addr: u64, taken: u64) {
    let (addr, len) = (BusAddr::new(addr), BusSize::new(taken));
    told.decision(|| match joined {
        Joined::Started(reason) => Decision::Split { map, segment, addr, len, reason },
        Joined::Coalesced => Decision::Coalesced { map, segment, addr, len },
    });
}
