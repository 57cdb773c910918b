//! Maps: one mapping each, from idle through perhaps deferred to loaded.

use crate::addr::{BusSize, Nanos, PageCount, PhysAddr, VirtAddr};
use crate::bounce::PageIdx;
use crate::ids::{Recycle, TagId, ZoneId};
use crate::memdesc::StoredMem;
use crate::platform::{DmamemRegion, DmamemRequest};
use crate::segment::{Segment, SegmentList};

/// What a map is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum MapState {
    /// Nothing; a load leaves it. A failed load comes back here, under FreeBSD's profiles with traces left on the map.
    #[default]
    Idle,
    /// A load waits for bounce pages, or has them and waits to be taken up again; draining leaves it.
    Deferred,
    /// The device may use the mapping; an unload leaves it.
    Loaded,
}

/// What FreeBSD hands out as the map.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum MapForm {
    /// A `NULL` pointer: nothing is counted or bounced, whatever the tag says.
    Null,
    /// A map of its own.
    #[default]
    Real,
}

/// Where a map came from.
#[derive(Clone, Debug, Default)]
pub(crate) enum MapOrigin {
    /// `bus_dmamap_create`.
    #[default]
    Created,
    /// `bus_dmamem_alloc`.
    Dmamem(Box<Dmamem>),
}

/// Memory that came with a map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dmamem {
    /// Where it lies.
    pub region: DmamemRegion,
    /// The allocator call it came from.
    pub request: DmamemRequest,
}

/// Whether a map may take bounce pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Bouncing {
    /// Its tag could bounce, and it was made for loads.
    Possible,
    /// It never counts or bounces.
    #[default]
    Never,
}

/// An individual mapping (`bus_dmamap_t`).
#[doc(alias = "bus_dmamap_t")]
#[derive(Clone, Debug)]
pub struct DmaMap {
    pub(crate) tag: TagId,
    /// The tag's zone, kept because FreeBSD can free a tag under a map that holds pages.
    pub(crate) zone: Option<ZoneId>,
    pub(crate) form: MapForm,
    pub(crate) bouncing: Bouncing,
    pub(crate) state: MapState,
    pub(crate) pages_needed: u32,
    pub(crate) pages_reserved: u32,
    pub(crate) segments: SegmentList,
    pub(crate) pages: Vec<PageIdx>,
    pub(crate) sync_list: SyncList,
    pub(crate) origin: MapOrigin,
    pub(crate) waiting: StoredMem,
    pub(crate) queued_at: Nanos,
}

/// Ranges that arm64 keeps coherent itself (`struct sync_list`).
#[derive(Clone, Debug, Default)]
pub(crate) struct SyncList {
    pub(crate) ranges: Vec<SyncRange>,
    /// FreeBSD's `sync_count`: one more than there are ranges after the list overflowed.
    pub(crate) count: u32,
}

/// A range of a mapping that arm64 keeps coherent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SyncRange {
    /// Kernel address; `None` for user and physical memory.
    pub vaddr: Option<VirtAddr>,
    /// First physical address.
    pub paddr: PhysAddr,
    /// Bytes.
    pub len: BusSize,
}

impl Default for DmaMap {
    fn default() -> Self {
        Self {
            tag: TagId::GONE,
            zone: None,
            form: MapForm::Real,
            bouncing: Bouncing::Never,
            state: MapState::Idle,
            pages_needed: 0,
            pages_reserved: 0,
            segments: SegmentList::default(),
            pages: Vec::new(),
            sync_list: SyncList::default(),
            origin: MapOrigin::Created,
            waiting: StoredMem::default(),
            queued_at: Nanos::default(),
        }
    }
}

impl Recycle for DmaMap {
    #[inline]
    fn recycle(&mut self) {
        self.state = MapState::Idle;
        self.zone = None;
        self.pages_needed = 0;
        self.pages_reserved = 0;
        self.segments.clear();
        self.sync_list.clear();
        if !matches!(self.origin, MapOrigin::Created) {
            self.origin = MapOrigin::Created;
        }
    }
}

impl DmaMap {
    /// Leaves nothing of a deferred load but what the pool has to take back.
    pub(crate) fn forget_load(&mut self) {
        self.state = MapState::Idle;
        self.pages_needed = 0;
        self.segments.clear();
        self.sync_list.clear();
        self.queued_at = Nanos::default();
    }

    /// The tag it belongs to.
    pub fn tag(&self) -> TagId {
        self.tag
    }

    /// What FreeBSD hands out.
    pub fn form(&self) -> MapForm {
        self.form
    }

    /// What it is doing.
    pub fn state(&self) -> MapState {
        self.state
    }

    /// Bounce pages it still has to take (`pagesneeded`).
    pub fn pages_needed(&self) -> PageCount {
        PageCount::new(self.pages_needed)
    }

    /// Bounce pages promised to it (`pagesreserved`).
    pub fn pages_reserved(&self) -> PageCount {
        PageCount::new(self.pages_reserved)
    }

    /// Bounce pages it holds.
    pub fn bounce_page_count(&self) -> PageCount {
        PageCount::new(u32::try_from(self.pages.len()).unwrap_or(u32::MAX))
    }

    /// The current mapping: the segments of the last successful load, until the next load or unload. Empty when there is none.
    pub fn segments(&self) -> &[Segment] {
        if self.state == MapState::Loaded { self.segments.as_slice() } else { &[] }
    }

    /// What the last load filled, also when it failed (the caller's array of `bus_dmamap_load_mbuf_sg`).
    pub fn filled_segments(&self) -> &[Segment] {
        self.segments.as_slice()
    }

    /// Ranges sync keeps coherent (arm64's `sync_count`).
    pub fn sync_range_count(&self) -> u32 {
        self.sync_list.count
    }

    /// Since when it has been waiting; meaningful while it is deferred.
    pub fn queued_at(&self) -> Nanos {
        self.queued_at
    }
}

impl SyncList {
    pub(crate) fn clear(&mut self) {
        self.ranges.clear();
        self.count = 0;
    }

    /// Adds a piece, to the last range where it continues it; `false` when the list is full, as FreeBSD's array is.
    pub(crate) fn add(&mut self, piece: SyncRange, limit: usize) -> Result<(), SyncListFull> {
        let whole = self.ranges.len() == self.count as usize;
        if let Some(last) = self.ranges.last_mut().filter(|last| whole && last.continues_into(&piece)) {
            last.len = BusSize::new(last.len.raw() + piece.len.raw());
            return Ok(());
        }
        self.count = self.count.saturating_add(1);
        if self.count as usize > limit {
            return Err(SyncListFull);
        }
        self.ranges.push(piece);
        Ok(())
    }
}

/// arm64's list of ranges has no room left; the load fails with `EFBIG`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SyncListFull;

impl SyncRange {
    fn continues_into(&self, next: &Self) -> bool {
        let virtually = next.vaddr.is_none_or(|next| {
            let end = self.vaddr.unwrap_or_default().wrapping_add(self.len);
            next == end
        });
        virtually && next.paddr == self.paddr.wrapping_add(self.len)
    }
}
