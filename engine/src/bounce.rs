//! Bounce zones: pools of reachable pages, promised to loads by count and handed out from the head of a free list.

use crate::addr::{BusAddr, BusSize, PAGE_MASK, PageCount, PhysAddr, VirtAddr};
use crate::constraints::Alignment;
use crate::decision::{Decision, Observer, Told};
use crate::error::KernelPanic;
use crate::ids::ZoneId;
use crate::map::DmaMap;
use crate::platform::FrameSource;
use crate::stats::ZoneStats;
use crate::tag::DmaTag;
use std::collections::VecDeque;

/// All zones and their pages. Neither is ever freed, as in FreeBSD.
#[derive(Clone, Debug, Default)]
pub(crate) struct BouncePool {
    pub(crate) zones: Vec<BounceZone>,
    pub(crate) pages: Vec<BouncePage>,
}

/// A pool of bounce pages at or below one address (`struct bounce_zone`).
#[derive(Clone, Debug)]
pub(crate) struct BounceZone {
    pub(crate) lowaddr: PhysAddr,
    pub(crate) alignment: Alignment,
    /// Pages that no map holds, also those already promised: a promise is only a count.
    pub(crate) free_list: VecDeque<PageIdx>,
    pub(crate) stats: ZoneStats,
}

/// Position of a page in [`BouncePool::pages`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(crate) struct PageIdx(pub(crate) u32);

/// One page of a zone (`struct bounce_page`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BouncePage {
    /// First byte of the frame.
    pub frame: PhysAddr,
    /// Offset at which the client's bytes begin: 0 unless the tag keeps page offsets.
    pub offset: u64,
    /// Client bytes it stands for, 0 on the free list.
    pub len: BusSize,
    /// Where they lie.
    pub client: ClientBytes,
}

/// Where the client bytes of a bounce page lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientBytes {
    /// Kernel address of the first byte; `None` for user and physical memory, which is copied through its pages.
    pub vaddr: Option<VirtAddr>,
    /// Physical address of the first byte.
    pub first: PhysAddr,
    /// First byte of the second page, when the piece was recorded as spanning two.
    pub second: Option<PhysAddr>,
}

impl BounceZone {
    /// Whether its pages are aligned and low enough for the tag.
    pub(crate) fn suits(&self, tag: &DmaTag) -> bool {
        tag.constraints.alignment() <= self.alignment && tag.constraints.lowaddr() >= self.lowaddr
    }
}

impl BouncePage {
    /// Where the device sees the client's bytes.
    #[inline]
    pub(crate) fn bus(&self) -> BusAddr {
        BusAddr::new(self.frame.raw() | self.offset)
    }
}

/// What a load is willing to reserve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Commit {
    /// All it needs or nothing.
    AllOrNothing,
    /// Whatever there is, and the rest later.
    Partial,
}

impl BouncePool {
    pub(crate) fn zone(&self, zone: ZoneId) -> &BounceZone {
        &self.zones[zone.index()]
    }

    pub(crate) fn zone_mut(&mut self, zone: ZoneId) -> &mut BounceZone {
        &mut self.zones[zone.index()]
    }

    /// The first zone in creation order that is aligned and low enough for the tag (`alloc_bounce_zone`).
    pub(crate) fn find(&self, tag: &DmaTag) -> Option<ZoneId> {
        let index = self.zones.iter().position(|zone| zone.suits(tag))?;
        Some(ZoneId(u32::try_from(index).unwrap_or(u32::MAX)))
    }

    /// A new, empty zone for the tag (`alloc_bounce_zone`).
    pub(crate) fn create(&mut self, tag: &DmaTag) -> ZoneId {
        let id = ZoneId(u32::try_from(self.zones.len()).unwrap_or(u32::MAX));
        let lowaddr = tag.constraints.lowaddr();
        let alignment = tag.constraints.alignment().max(Alignment::PAGE);
        self.zones.push(BounceZone {
            lowaddr,
            alignment,
            free_list: VecDeque::new(),
            stats: ZoneStats::new(id, lowaddr, alignment),
        });
        id
    }

    /// Adds up to `wanted` pages and says how many there were (`alloc_bounce_pages`).
    pub(crate) fn grow<O: Observer>(
        &mut self,
        zone_id: ZoneId,
        wanted: u64,
        frame_alignment: Alignment,
        frames: &mut impl FrameSource,
        told: &mut Told<O>,
    ) -> u32 {
        let high = self.zone(zone_id).lowaddr;
        let mut added = 0;
        while u64::from(added) < wanted {
            let Ok(index) = u32::try_from(self.pages.len()) else { break };
            let Some(frame) = frames.bounce_frame(high, frame_alignment) else { break };
            self.pages.push(BouncePage::free(frame));
            self.zone_mut(zone_id).free_list.push_back(PageIdx(index));
            added += 1;
        }
        let stats = &mut self.zone_mut(zone_id).stats;
        stats.total_bpages += added;
        stats.free_bpages += added;
        told.decision(|| Decision::PoolGrown { zone: zone_id, wanted, added });
        added
    }

    /// Promises pages to a map; says how many it still lacks (`reserve_bounce_pages`).
    pub(crate) fn reserve(&mut self, zone: ZoneId, map: &mut DmaMap, commit: Commit) -> Reservation {
        let stats = &mut self.zone_mut(zone).stats;
        let lacking = map.pages_needed.saturating_sub(map.pages_reserved);
        let pages = stats.free_bpages.min(lacking);
        if commit == Commit::AllOrNothing && pages < lacking {
            return Reservation { promised: PageCount::ZERO, lacking: PageCount::new(lacking - pages) };
        }
        stats.free_bpages -= pages;
        stats.reserved_bpages += pages;
        map.pages_reserved += pages;
        Reservation { promised: PageCount::new(pages), lacking: PageCount::new(lacking - pages) }
    }

    /// Takes the page at the head of the free list for a piece of client memory (`add_bounce_page`).
    #[inline]
    pub(crate) fn take_page(
        &mut self,
        zone: ZoneId,
        map: &mut DmaMap,
        client: ClientBytes,
        len: BusSize,
        offset: PageOffset,
    ) -> Result<BusAddr, KernelPanic> {
        if map.pages_needed == 0 || map.pages_reserved == 0 {
            return Err(KernelPanic::NoReservedPage);
        }
        let zone = &mut self.zones[zone.index()];
        let index = zone.free_list.pop_front().ok_or(KernelPanic::NoReservedPage)?;
        map.pages_needed -= 1;
        map.pages_reserved -= 1;
        zone.stats.reserved_bpages -= 1;
        zone.stats.activate();
        let page = &mut self.pages[index.0 as usize];
        page.offset = match offset {
            PageOffset::Zero => 0,
            PageOffset::Kept => client.first.raw() & PAGE_MASK,
        };
        page.len = len;
        page.client = client;
        let bus = page.bus();
        map.pages.push(index);
        Ok(bus)
    }

    /// Puts a page back at the head of the free list (`free_bounce_page`, without the waking).
    #[inline]
    pub(crate) fn put_page(&mut self, zone: ZoneId, index: PageIdx) {
        let zone = &mut self.zones[zone.index()];
        zone.free_list.push_front(index);
        zone.stats.free_bpages += 1;
        zone.stats.active_bpages -= 1;
        let page = &mut self.pages[index.0 as usize];
        page.offset = 0;
        page.len = BusSize::ZERO;
    }

    /// Takes back one page promised to a map.
    pub(crate) fn take_back_promise(&mut self, zone: ZoneId, map: &mut DmaMap) {
        let stats = &mut self.zone_mut(zone).stats;
        stats.free_bpages += 1;
        stats.reserved_bpages -= 1;
        map.pages_reserved -= 1;
    }

    /// Takes back everything promised to a map.
    pub(crate) fn cancel_reservation(&mut self, zone: ZoneId, map: &mut DmaMap) {
        let stats = &mut self.zone_mut(zone).stats;
        stats.free_bpages += map.pages_reserved;
        stats.reserved_bpages -= map.pages_reserved;
        map.pages_reserved = 0;
    }
}

/// Where in its bounce page a piece begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PageOffset {
    /// At the page's start.
    Zero,
    /// Where it began in the client's page (`BUS_DMA_KEEP_PG_OFFSET`).
    Kept,
}

/// What a reservation came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reservation {
    /// Pages newly promised.
    pub(crate) promised: PageCount,
    /// Pages still lacking.
    pub(crate) lacking: PageCount,
}

impl BouncePage {
    pub(crate) const fn free(frame: PhysAddr) -> Self {
        let client = ClientBytes { vaddr: None, first: PhysAddr::new(0), second: None };
        Self { frame, offset: 0, len: BusSize::ZERO, client }
    }
}
