//! Which zone a tag's bounce pages come from, and when its pool grows.

use crate::addr::{BusSize, PAGE_SIZE};
use crate::bounce::BouncePool;
use crate::constraints::Alignment;
use crate::decision::{Decision, Observer, Told, ZoneOrigin};
use crate::error::{MapError, TagError};
use crate::ids::{TagId, ZoneId};
use crate::platform::{FrameSource, MachineLimits};
use crate::profile::{Chunking, FailedLoad, InitialPages, Switches};
use crate::tag::DmaTag;

/// What growing touches.
pub(crate) struct Growing<'e, P, O> {
    pub(crate) pool: &'e mut BouncePool,
    pub(crate) frames: &'e mut P,
    pub(crate) told: &'e mut Told<O>,
    pub(crate) limits: &'e MachineLimits,
    pub(crate) switches: &'e Switches,
}

/// Too few frames: the zone keeps those it got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Shortage {
    zone: ZoneId,
    wanted: u64,
    got: u32,
}

impl<P: FrameSource, O: Observer> Growing<'_, P, O> {
    /// `BUS_DMA_ALLOCNOW`: a zone with `maxsize` worth of pages before the tag is handed out.
    pub(crate) fn for_tag(&mut self, id: TagId, tag: &mut DmaTag) -> Result<(), TagError> {
        let zone = self.choose_zone(id, tag);
        tag.initial_pages_done = true;
        let total = u64::from(self.pool.zone(zone).stats.total_bpages);
        let maxsize = tag.constraints.maxsize();
        let target = match self.switches.initial_pages {
            InitialPages::RoundedDown if total.saturating_mul(PAGE_SIZE) < maxsize.raw() => maxsize.to_pages_floor(),
            InitialPages::RoundedDown => total,
            InitialPages::RoundedUp => unaligned_load_pages(maxsize),
        };
        self.grow(zone, target.saturating_sub(total))
            .map_err(|Shortage { zone, wanted, got }| TagError::NoBouncePages { zone, wanted, got })
    }

    /// Grows the tag's pool for one more map, within reason (`bounce_bus_dmamap_create`). Shortage matters only until the
    /// tag's pool once held enough.
    pub(crate) fn for_map(&mut self, id: TagId, tag: &mut DmaTag) -> Result<(), MapError> {
        let zone = self.choose_zone(id, tag);
        let stats = &self.pool.zone(zone).stats;
        let (total, cap) = (i64::from(stats.total_bpages), i64::from(self.pool_cap(tag)));
        let first = !tag.initial_pages_done;
        let mut grown = Ok(());
        if first || (stats.map_count > 0 && total < cap) {
            let wanted = self.map_pages(tag).min(cap - total).max(1);
            grown = self.grow(zone, wanted.unsigned_abs()).or_else(|short| if first { Err(short) } else { Ok(()) });
        }
        // FreeBSD counts the map although it hands none out.
        if grown.is_ok() || self.switches.failed_load == FailedLoad::LeavesTraces {
            self.pool.zone_mut(zone).stats.map_count += 1;
        }
        tag.initial_pages_done |= grown.is_ok();
        grown.map_err(|Shortage { zone, wanted, got }| MapError::NoBouncePages { zone, wanted, got })
    }

    /// The first zone that fits, or a new one (`alloc_bounce_zone`).
    fn choose_zone(&mut self, id: TagId, tag: &mut DmaTag) -> ZoneId {
        if let Some(zone) = tag.zone {
            return zone;
        }
        let (zone, origin) = match self.pool.find(tag) {
            Some(zone) => (zone, ZoneOrigin::Shared),
            None => (self.pool.create(tag), ZoneOrigin::Created),
        };
        tag.zone = Some(zone);
        self.told.decision(|| Decision::ZoneChosen { tag: id, zone, origin });
        zone
    }

    /// The most pages that map creation grows a zone to: no more than could ever need bouncing, when alignment is no issue.
    fn pool_cap(&self, tag: &DmaTag) -> u32 {
        let max_bpages = self.limits.max_bpages.raw();
        if tag.constraints.alignment().bytes() > 1 {
            return max_bpages;
        }
        let above = self.limits.maxmem_pages().wrapping_sub(tag.constraints.lowaddr().raw() / PAGE_SIZE);
        u32::try_from(above).map_or(max_bpages, |above| above.min(max_bpages))
    }

    /// Pages one map asks for, before any cap. FreeBSD keeps the number in an int.
    fn map_pages(&self, tag: &DmaTag) -> i64 {
        let maxsize = tag.constraints.maxsize();
        match self.switches.initial_pages {
            InitialPages::RoundedDown => {
                let pages = maxsize.to_pages_floor().max(1);
                #[expect(clippy::cast_possible_truncation, reason = "FreeBSD's own conversion to int")]
                let as_int = pages as i32;
                i64::from(as_int)
            }
            InitialPages::RoundedUp => i64::try_from(unaligned_load_pages(maxsize)).unwrap_or(i64::MAX),
        }
    }

    fn grow(&mut self, zone: ZoneId, wanted: u64) -> Result<(), Shortage> {
        let alignment = match self.switches.chunking {
            Chunking::AsFreebsd => Alignment::PAGE,
            Chunking::Exact => self.pool.zone(zone).alignment,
        };
        let got = self.pool.grow(zone, wanted, alignment, self.frames, self.told);
        if u64::from(got) < wanted { Err(Shortage { zone, wanted, got }) } else { Ok(()) }
    }
}

/// Bounce pages that an unaligned load of `maxsize` can need.
fn unaligned_load_pages(maxsize: BusSize) -> u64 {
    maxsize.to_pages_ceil() + 1
}
