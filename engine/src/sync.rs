//! Sync: which bounce pages are copied which way, and which cache lines are written back or dropped.

use crate::addr::{AddressSpace, BusAddr, BusSize, PAGE_SIZE, PageCount, PhysAddr, VirtAddr};
use crate::bounce::{BouncePage, BouncePool};
use crate::decision::{CopyDirection, Decision, Observer, Told};
use crate::error::{InvalidRequest, KernelPanic, SyncError};
use crate::hazard::Hazard;
use crate::ids::MapId;
use crate::map::{DmaMap, SyncRange};
use crate::platform::Memory;
use crate::profile::{CacheMaintenance, Counters, CrossPageCopy, KernelAssertions, Switches, SyncOrder};
use crate::tag::DmaTag;

bitflags::bitflags! {
    /// What `bus_dmamap_sync` is asked to do, seen from host memory: a read is data coming from the device.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
    pub struct SyncOps: u8 {
        /// Before the device updates memory.
        const PRE_READ = 1;
        /// After the device updated memory, before the CPU looks.
        const POST_READ = 2;
        /// After the CPU updated memory, before the device looks.
        const PRE_WRITE = 4;
        /// After the device looked.
        const POST_WRITE = 8;
    }
}

/// What one sync comes to: the copies, as FreeBSD's loop makes them, and the moves that carry them out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SyncPlan {
    /// One entry a bounce page, in list order.
    pub copies: Vec<BounceCopy>,
    /// The bytes to move: whole or part of a page each, in order.
    pub moves: Vec<Move>,
    /// Cache operations in order; empty on x86.
    pub cache: Vec<CacheOp>,
}

/// The copy of one bounce page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct BounceCopy {
    /// Which way.
    pub direction: CopyDirection,
    /// Where the device sees the bytes.
    pub bounce: BusAddr,
    /// Bytes FreeBSD copies.
    pub len: BusSize,
    /// Whether they fit the bounce page.
    pub fit: CopyFit,
}

/// Whether a copy fits its bounce page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum CopyFit {
    /// It does.
    Fits,
    /// It runs past the page's end. FreeBSD overwrites what lies there; the engine drops that part.
    Overruns,
}

/// A copy inside memory; neither range crosses a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Move {
    /// Source.
    pub from: PhysAddr,
    /// Destination.
    pub to: PhysAddr,
    /// Bytes.
    pub len: BusSize,
}

/// One cache operation (`cpu_dcache_*_range`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct CacheOp {
    /// What is done.
    pub kind: CacheOpKind,
    /// Kernel address.
    pub addr: VirtAddr,
    /// Bytes.
    pub len: BusSize,
}

/// What is done to cache lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum CacheOpKind {
    /// Written back to memory.
    WriteBack,
    /// Dropped.
    Invalidate,
    /// Written back, then dropped.
    WriteBackInvalidate,
}

/// What a sync did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SyncReport {
    /// Bounce pages copied.
    pub pages: PageCount,
    /// Bytes copied.
    pub bytes: BusSize,
}

impl SyncPlan {
    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.copies.clear();
        self.moves.clear();
        self.cache.clear();
    }
}

/// What a sync's steps are given to: a plan that keeps them, or memory that carries them out.
pub(crate) trait SyncSink<M> {
    fn copy(&mut self, copy: BounceCopy);
    fn step(&mut self, memory: &mut M, step: Move);
    fn cache(&mut self, op: CacheOp);
}

impl<M> SyncSink<M> for SyncPlan {
    fn copy(&mut self, copy: BounceCopy) {
        self.copies.push(copy);
    }

    fn step(&mut self, _: &mut M, step: Move) {
        self.moves.push(step);
    }

    fn cache(&mut self, op: CacheOp) {
        self.cache.push(op);
    }
}

/// Carries steps out at once.
pub(crate) struct AtOnce;

impl<M: Memory> SyncSink<M> for AtOnce {
    #[inline]
    fn copy(&mut self, _: BounceCopy) {}

    #[inline]
    fn step(&mut self, memory: &mut M, step: Move) {
        memory.copy(step.from, step.to, step.len);
    }

    #[inline]
    fn cache(&mut self, _: CacheOp) {}
}

/// Where the kernel sees all of physical memory on arm64 (`DMAP_MIN_ADDRESS`): the addresses of cache operations on bounce
/// pages, user and physical memory.
const DIRECT_MAP_BASE: u64 = 0xffff_f800_0000_0000;

/// Bytes in a cache line (`dcache_line_size`).
const CACHE_LINE: u64 = 64;

/// One sync in progress.
pub(crate) struct Syncing<'e, M, O, S> {
    pub(crate) id: MapId,
    pub(crate) map: &'e DmaMap,
    pub(crate) tag: &'e DmaTag,
    pub(crate) pool: &'e mut BouncePool,
    pub(crate) memory: &'e mut M,
    pub(crate) told: &'e mut Told<O>,
    pub(crate) switches: &'e Switches,
    pub(crate) sink: &'e mut S,
}

impl<M: Memory, O: Observer, S: SyncSink<M>> Syncing<'_, M, O, S> {
    /// `bounce_bus_dmamap_sync`.
    pub(crate) fn run(&mut self, ops: SyncOps) -> Result<SyncReport, SyncError> {
        let arm64 = self.switches.cache == CacheMaintenance::Arm64;
        if arm64 && ops == SyncOps::POST_WRITE {
            return Ok(SyncReport::default());
        }
        let mut report = SyncReport::default();
        self.check(ops)?;
        if !self.map.pages.is_empty() {
            for direction in self.directions(ops).into_iter().flatten() {
                let copied = self.copy_all(direction)?;
                report.pages = PageCount::new(report.pages.raw() + copied.pages.raw());
                report.bytes = BusSize::new(report.bytes.raw() + copied.bytes.raw());
            }
            self.count(ops, report);
            if arm64 && !self.tag.coherent && ops & (SyncOps::PRE_WRITE | SyncOps::PRE_READ) == SyncOps::PRE_READ {
                self.each_page(|sync, page| sync.cache(CacheOpKind::WriteBackInvalidate, page.kva(), page.len));
            }
        }
        for range in &self.map.sync_list.ranges {
            range_cache_ops(range, ops, self.sink);
        }
        Ok(report)
    }

    /// What would stop FreeBSD's kernel on the way, found before anything is copied.
    fn check(&self, ops: SyncOps) -> Result<(), SyncError> {
        if self.map.sync_list.count != 0 && !has_cache_operation(ops) {
            return Err(KernelPanic::UnsupportedSyncOperations.into());
        }
        let asserts = self.switches.assertions == KernelAssertions::On
            && self.switches.cross_page_copy == CrossPageCopy::StopsAtPageEnd;
        let copies = self.directions(ops).iter().any(Option::is_some);
        let mismatch = |page: &BouncePage| page.recorded_len() < page.len;
        if asserts && copies && self.map.pages.iter().any(|&page| mismatch(&self.pool.pages[page.0 as usize])) {
            return Err(KernelPanic::BounceSizeMismatch.into());
        }
        Ok(())
    }

    /// Which copies a combination of operations makes, in order.
    fn directions(&self, ops: SyncOps) -> [Option<CopyDirection>; 2] {
        let to_bounce = ops.contains(SyncOps::PRE_WRITE).then_some(CopyDirection::ToBounce);
        let from_bounce = ops.contains(SyncOps::POST_READ).then_some(CopyDirection::FromBounce);
        match self.switches.sync_order {
            SyncOrder::PostThenPre => [from_bounce, to_bounce],
            SyncOrder::PostreadSkippedAfterPrewrite => {
                // On arm64 the loop over PREREAD's cache operations uses the cursor up as well.
                let used_up = match self.switches.cache {
                    CacheMaintenance::None => SyncOps::PRE_WRITE,
                    CacheMaintenance::Arm64 => SyncOps::PRE_WRITE | SyncOps::PRE_READ,
                };
                [to_bounce, from_bounce.filter(|_| !ops.intersects(used_up))]
            }
        }
    }

    fn count(&mut self, ops: SyncOps, report: SyncReport) {
        let Some(zone) = self.tag.zone else { return };
        let stats = &mut self.pool.zone_mut(zone).stats;
        let counted = match self.switches.counters {
            Counters::AsNamed => report.pages.raw(),
            Counters::AsFreebsd => (ops & (SyncOps::PRE_WRITE | SyncOps::POST_READ)).bits().count_ones(),
        };
        stats.total_bounced = stats.total_bounced.wrapping_add(counted);
    }

    fn copy_all(&mut self, direction: CopyDirection) -> Result<SyncReport, SyncError> {
        let mut bytes = 0;
        for &index in &self.map.pages {
            let page = self.pool.pages[index.0 as usize];
            bytes += self.copy_page(&page, direction)?;
        }
        let (map, pages) = (self.id, self.map.bounce_page_count());
        let bytes = BusSize::new(bytes);
        self.told.decision(|| Decision::Copied { map, direction, pages, bytes });
        Ok(SyncReport { pages, bytes })
    }

    #[inline]
    fn copy_page(&mut self, page: &BouncePage, direction: CopyDirection) -> Result<u64, SyncError> {
        let bounce = page.bus();
        let (cache_kind, coherent) = match direction {
            CopyDirection::ToBounce => (CacheOpKind::WriteBack, self.tag.coherent),
            CopyDirection::FromBounce => (CacheOpKind::Invalidate, self.tag.coherent),
        };
        if self.switches.cache == CacheMaintenance::Arm64 && !coherent {
            self.cache(cache_kind, page.kva(), page.len);
        }
        let len = match self.switches.cross_page_copy {
            CrossPageCopy::RunsOn => page.len,
            CrossPageCopy::StopsAtPageEnd => page.recorded_len(),
        };
        self.warn_of_missed_page(page);
        let room = PAGE_SIZE - page.offset;
        let fit = if len.raw() > room { CopyFit::Overruns } else { CopyFit::Fits };
        if fit == CopyFit::Overruns {
            let map = self.id;
            self.told.hazard(|| Hazard::BounceCopyOverrunsPage { map, bounce, len });
        }
        self.sink.copy(BounceCopy { direction, bounce, len, fit });
        let copied = len.raw().min(room);
        let mut done = 0;
        while done < copied {
            let client = self.client_at(page, done)?;
            let step = (copied - done).min(PAGE_SIZE - client.page_offset());
            let inside = bounce.to_phys().wrapping_add(BusSize::new(done));
            let (from, to) = match direction {
                CopyDirection::ToBounce => (client, inside),
                CopyDirection::FromBounce => (inside, client),
            };
            self.sink.step(self.memory, Move { from, to, len: BusSize::new(step) });
            done += step;
        }
        Ok(copied)
    }

    fn warn_of_missed_page(&mut self, page: &BouncePage) {
        let (map, client, len, recorded) = (self.id, page.client.first, page.len, page.recorded_len());
        if recorded < len {
            self.told.hazard(|| Hazard::CopyMissesSecondPage { map, client, len, recorded });
        }
    }

    /// Where the client byte `done` bytes into a bounce page lies now.
    #[inline]
    fn client_at(&self, page: &BouncePage, done: u64) -> Result<PhysAddr, InvalidRequest> {
        if let Some(vaddr) = page.client.vaddr {
            let addr = vaddr.wrapping_add(BusSize::new(done));
            let space = AddressSpace::Kernel;
            return self.memory.translate(space, addr).ok_or(InvalidRequest::NotMapped { space, addr });
        }
        let in_first = PAGE_SIZE - page.client.first.page_offset();
        match page.client.second {
            Some(second) if done >= in_first => Ok(second.wrapping_add(BusSize::new(done - in_first))),
            _ => Ok(page.client.first.wrapping_add(BusSize::new(done))),
        }
    }

    fn each_page(&mut self, mut visit: impl FnMut(&mut Self, &BouncePage)) {
        for &index in &self.map.pages {
            let page = self.pool.pages[index.0 as usize];
            visit(self, &page);
        }
    }

    fn cache(&mut self, kind: CacheOpKind, addr: VirtAddr, len: BusSize) {
        self.sink.cache(CacheOp { kind, addr, len });
    }
}

impl BouncePage {
    /// Client bytes whose page was recorded: all of them, or those up to the page end when the piece crosses it.
    fn recorded_len(&self) -> BusSize {
        if self.client.vaddr.is_some() || self.client.second.is_some() {
            return self.len;
        }
        self.len.min(self.client.first.left_in_page())
    }

    fn kva(&self) -> VirtAddr {
        VirtAddr::new(DIRECT_MAP_BASE.wrapping_add(self.bus().raw()))
    }
}

/// The combinations `dma_dcache_sync` knows.
fn has_cache_operation(ops: SyncOps) -> bool {
    cache_action(ops).is_some()
}

#[derive(Clone, Copy)]
enum CacheAction {
    WriteBack,
    InvalidateKeepingNeighbours,
    Invalidate,
}

fn cache_action(ops: SyncOps) -> Option<CacheAction> {
    if ops == SyncOps::PRE_WRITE || ops == SyncOps::PRE_WRITE | SyncOps::PRE_READ {
        Some(CacheAction::WriteBack)
    } else if ops == SyncOps::PRE_READ {
        Some(CacheAction::InvalidateKeepingNeighbours)
    } else if ops == SyncOps::POST_READ || ops == SyncOps::POST_READ | SyncOps::POST_WRITE {
        Some(CacheAction::Invalidate)
    } else {
        None
    }
}

/// `dma_dcache_sync`: a kernel range at once, other memory page by page through the direct map.
fn range_cache_ops<M>(range: &SyncRange, ops: SyncOps, sink: &mut impl SyncSink<M>) {
    let Some(action) = cache_action(ops) else { return };
    if let Some(vaddr) = range.vaddr {
        return act(action, vaddr, range.len, sink);
    }
    let mut paddr = range.paddr;
    let mut left = range.len.raw();
    while left > 0 {
        let len = left.min(PAGE_SIZE - paddr.page_offset());
        let vaddr = VirtAddr::new(DIRECT_MAP_BASE.wrapping_add(paddr.raw()));
        act(action, vaddr, BusSize::new(len), sink);
        paddr = paddr.wrapping_add(BusSize::new(len));
        left -= len;
    }
}

fn act<M>(action: CacheAction, addr: VirtAddr, len: BusSize, sink: &mut impl SyncSink<M>) {
    let mut op = |kind, addr, len| sink.cache(CacheOp { kind, addr, len });
    match action {
        CacheAction::WriteBack => op(CacheOpKind::WriteBack, addr, len),
        CacheAction::Invalidate => op(CacheOpKind::Invalidate, addr, len),
        CacheAction::InvalidateKeepingNeighbours => {
            // Lines that the range shares with its neighbours are written back before they are dropped (`dma_preread_safe`).
            let end = addr.wrapping_add(len);
            for edge in [addr, end] {
                if edge.raw() % CACHE_LINE != 0 {
                    op(CacheOpKind::WriteBack, edge, BusSize::new(1));
                }
            }
            op(CacheOpKind::Invalidate, addr, len);
        }
    }
}
