//! Which zone a tag's bounce pages come from, and when its pool grows.

use crate::addr::PAGE_SIZE;
use crate::bounce::BouncePool;
use crate::constraints::{Alignment, Boundary};
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
        let grown = match self.switches.initial_pages {
            InitialPages::OneAPage if total.saturating_mul(PAGE_SIZE) < maxsize.raw() => {
                self.grow_as_int(zone, maxsize.to_pages_floor().wrapping_sub(total))
            }
            InitialPages::OneAPage => Ok(()),
            InitialPages::OneAPiece => self.grow(zone, pieces_of_one_load(tag).saturating_sub(total)),
        };
        grown.map_err(|Shortage { zone, wanted, got }| TagError::NoBouncePages { zone, wanted, got })
    }

    /// Grows the tag's pool for one more map, within reason (`bounce_bus_dmamap_create`). Shortage matters only until the
    /// tag's pool once held enough.
    pub(crate) fn for_map(&mut self, id: TagId, tag: &mut DmaTag) -> Result<(), MapError> {
        let zone = self.choose_zone(id, tag);
        let grown = self.grow_by_maxsize(zone, tag);
        // FreeBSD counts the map although it hands none out.
        if grown.is_ok() || self.switches.failed_load == FailedLoad::LeavesTraces {
            self.pool.zone_mut(zone).stats.map_count += 1;
        }
        tag.initial_pages_done |= grown.is_ok();
        grown.map_err(|Shortage { zone, wanted, got }| MapError::NoBouncePages { zone, wanted, got })
    }

    /// Adds `maxsize` worth of pages, whatever the zone already has, and at least one even beyond the cap.
    fn grow_by_maxsize(&mut self, zone: ZoneId, tag: &DmaTag) -> Result<(), Shortage> {
        let stats = &self.pool.zone(zone).stats;
        let (total, cap) = (i64::from(stats.total_bpages), i64::from(self.pool_cap(tag)));
        let first = !tag.initial_pages_done;
        if !first && (stats.map_count <= 0 || total >= cap) {
            return Ok(());
        }
        let pages = match self.switches.initial_pages {
            #[expect(clippy::cast_possible_truncation, reason = "FreeBSD's own conversion to int")]
            InitialPages::OneAPage => i64::from(tag.constraints.maxsize().to_pages_floor().max(1) as i32),
            InitialPages::OneAPiece => i64::try_from(pieces_of_one_load(tag)).unwrap_or(i64::MAX),
        };
        let grown = self.grow(zone, pages.min(cap - total).max(1).unsigned_abs());
        if first { grown } else { Ok(()) }
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

    /// FreeBSD keeps the number of pages in an int: an absurd `maxsize` makes it negative, which takes every frame there is
    /// and is content with any.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "FreeBSD's own conversions")]
    fn grow_as_int(&mut self, zone: ZoneId, pages: u64) -> Result<(), Shortage> {
        let pages = pages as i32;
        let grown = self.grow(zone, u64::from(pages as u32));
        if pages < 0 { Ok(()) } else { grown }
    }

    fn grow(&mut self, zone: ZoneId, wanted: u64) -> Result<(), Shortage> {
        let alignment = match self.switches.chunking {
            Chunking::AsFreebsd => Alignment::PAGE,
            Chunking::Exact => self.pool.zone(zone).alignment,
        };
        if wanted == 0 {
            return Ok(());
        }
        let got = self.pool.grow(zone, wanted, alignment, self.frames, self.told);
        if u64::from(got) < wanted { Err(Shortage { zone, wanted, got }) } else { Ok(()) }
    }
}

/// Bounce pages that an aligned load of `maxsize` needs: one for each piece, none larger than a page.
fn pieces_of_one_load(tag: &DmaTag) -> u64 {
    let constraints = &tag.constraints;
    let boundary = constraints.boundary().map_or(PAGE_SIZE, Boundary::bytes);
    let piece = constraints.maxsegsz().raw().min(boundary).min(PAGE_SIZE);
    constraints.maxsize().to_pages_floor().max(1).saturating_mul(PAGE_SIZE.div_ceil(piece))
}
