//! The strict profile's load: every constraint cuts first, one walk both counts and loads, and failure leaves no trace.
//!
//! measure → refuse what can never work → reserve → take pages and append → or roll back.

use crate::addr::{AddressSpace, BusSize, PAGE_SIZE, PageCount, PhysAddr, VirtAddr};
use crate::bounce::{ClientBytes, Commit};
use crate::constraints::{Alignment, BounceReason, Boundary, TagFlags};
use crate::decision::{Decision, Observer};
use crate::error::{InvalidRequest, LoadError};
use crate::load::{Loading, Progress, WaitPolicy};
use crate::map::Bouncing;
use crate::memdesc::{Mem, Part};
use crate::platform::Memory;

/// A piece no constraint would cut again.
#[derive(Clone, Copy, Debug)]
struct Piece {
    vaddr: Option<VirtAddr>,
    paddr: PhysAddr,
    len: u64,
    /// Why it has to be bounced; it is then no longer than a page.
    bounce: Option<BounceReason>,
    /// First byte of the second page, when the bounced piece gathers the beginning of it.
    second: Option<PhysAddr>,
}

/// What a request will take.
#[derive(Clone, Copy, Default, Debug)]
struct Measure {
    bytes: u64,
    pages: u32,
}

impl<M: Memory, O: Observer> Loading<'_, M, O> {
    /// Maps a whole request as the manual page promises. On failure the map is as it was; the caller wakes waiters.
    pub(crate) fn request_exactly(&mut self, mem: &Mem<'_>) -> Result<Progress, LoadError> {
        let outcome = self.whole_request(mem);
        if outcome.is_err() {
            self.roll_back();
        }
        outcome
    }

    /// Memory can have been remapped while a load waited: also a load with promised pages can fail at every step.
    fn whole_request(&mut self, mem: &Mem<'_>) -> Result<Progress, LoadError> {
        let measure = self.measure(mem)?;
        self.check_size(measure)?;
        if measure.pages > 0 || self.map.pages_reserved > 0 {
            match self.reserve_exactly(measure.pages)? {
                Progress::Mapped => {}
                Progress::MustWait => return Ok(Progress::MustWait),
            }
        }
        self.fill(mem)?;
        self.map.pages_needed = 0;
        Ok(Progress::Mapped)
    }

    fn measure(&mut self, mem: &Mem<'_>) -> Result<Measure, LoadError> {
        let mut measure = Measure::default();
        self.for_each_piece(mem, |loading, piece| {
            measure.bytes = measure.bytes.saturating_add(piece.len);
            if let Some(reason) = piece.bounce {
                loading.check_bounceable(&piece, reason)?;
                measure.pages = measure.pages.saturating_add(1);
            }
            Ok(())
        })?;
        Ok(measure)
    }

    /// Bouncing must be possible at all, and must cure what is wrong with the address.
    fn check_bounceable(&self, piece: &Piece, reason: BounceReason) -> Result<(), LoadError> {
        let alignment = self.tag.constraints.alignment();
        let offset_kept = self.tag.flags.contains(TagFlags::KEEP_PAGE_OFFSET);
        let still_misaligned = offset_kept && !alignment.is_met_by(piece.paddr.page_offset());
        if self.map.bouncing == Bouncing::Never || still_misaligned {
            let reason = if still_misaligned { BounceReason::Alignment(alignment) } else { reason };
            return Err(LoadError::Unreachable { addr: piece.paddr, reason });
        }
        Ok(())
    }

    fn check_size(&self, measure: Measure) -> Result<(), LoadError> {
        let maxsize = self.tag.constraints.maxsize();
        if measure.bytes > maxsize.raw() {
            return Err(LoadError::ExceedsMaxSize { bytes: BusSize::new(measure.bytes), maxsize });
        }
        if measure.pages == 0 {
            return Ok(());
        }
        let total = self.pool.zone(self.zone()?).stats.total_bpages();
        if measure.pages > total.raw() {
            return Err(LoadError::NeverSatisfiable { needed: PageCount::new(measure.pages), total });
        }
        Ok(())
    }

    /// A first attempt reserves all or nothing; what a resumed load holds too much, because memory was remapped while it
    /// waited, goes back.
    fn reserve_exactly(&mut self, pages: u32) -> Result<Progress, LoadError> {
        let zone = self.zone()?;
        self.map.pages_needed = pages;
        if self.map.pages_reserved > pages {
            self.pool.cancel_reservation(zone, self.map);
        }
        let reservation = self.pool.reserve(zone, self.map, Commit::AllOrNothing);
        let map = self.id;
        if reservation.lacking == PageCount::ZERO {
            self.told.decision(|| Decision::Counted { map, pages_needed: PageCount::new(pages) });
            self.told.decision(|| Decision::Reserved { map, zone, pages: reservation.promised });
            return Ok(Progress::Mapped);
        }
        match self.wait {
            WaitPolicy::MayDefer => Ok(Progress::MustWait),
            WaitPolicy::NoWait => Err(LoadError::NoBouncePages {
                needed: PageCount::new(pages),
                free: self.pool.zone(zone).stats.free_bpages(),
            }),
        }
    }

    fn fill(&mut self, mem: &Mem<'_>) -> Result<(), LoadError> {
        self.map.segments.clear();
        let shape = self.tag.shape;
        self.for_each_piece(mem, |loading, piece| {
            let addr = match piece.bounce {
                Some(reason) => {
                    let client = ClientBytes { vaddr: piece.vaddr, first: piece.paddr, second: piece.second };
                    loading.bounce_because(client, piece.len, || reason)?
                }
                None => piece.paddr.raw(),
            };
            let taken = loading.append(&shape, addr, piece.len, piece.len)?;
            debug_assert_eq!(taken, piece.len, "a piece is cut at the boundary before it is appended");
            Ok(())
        })
    }

    /// Leaves the map without pages, reservations and counts.
    fn roll_back(&mut self) {
        self.map.pages_needed = 0;
        if let Some(zone) = self.tag.zone {
            self.pool.cancel_reservation(zone, self.map);
            while let Some(page) = self.map.pages.pop() {
                self.pool.put_page(zone, page);
            }
        }
    }

    fn for_each_piece(
        &mut self,
        mem: &Mem<'_>,
        mut visit: impl FnMut(&mut Self, Piece) -> Result<(), LoadError>,
    ) -> Result<(), LoadError> {
        let switches = *self.switches;
        mem.for_each_part(&switches, &mut |part| self.pieces_of(part, &mut visit))
    }

    fn pieces_of(
        &mut self,
        part: Part<'_>,
        visit: &mut impl FnMut(&mut Self, Piece) -> Result<(), LoadError>,
    ) -> Result<(), LoadError> {
        let (source, len) = match part {
            Part::Virtual { space, range } => (Source::Virtual { space, start: range.start.raw() }, range.len),
            Part::Physical(range) => (Source::Physical { start: range.start.raw() }, range.len),
            Part::Pages { pages, offset, len } => (Source::Pages { pages, offset }, len),
        };
        self.checked_end(source.start(), len)?;
        let mut done = 0;
        while done < len.raw() {
            let piece = self.piece_at(&source, done, len.raw() - done)?;
            done += piece.len;
            visit(self, piece)?;
        }
        Ok(())
    }

    /// The longest piece at `offset` that no constraint cuts: up to a page when it bounces, a contiguous run otherwise.
    fn piece_at(&self, source: &Source<'_>, offset: u64, left: u64) -> Result<Piece, LoadError> {
        let paddr = self.locate(source, offset)?;
        let vaddr = source.kernel_address(offset);
        let shape = self.tag.shape;
        let most = left.min(self.tag.constraints.maxsegsz().raw()).min(shape.left_in_boundary(paddr.raw()));
        let in_page = most.min(PAGE_SIZE - paddr.page_offset());
        if let Some(reason) = self.must_bounce_range(paddr, in_page) {
            let len = self.bounced_len(paddr, in_page, left);
            let to_page_end = PAGE_SIZE - paddr.page_offset();
            let second = if len > to_page_end { Some(self.locate(source, offset + to_page_end)?) } else { None };
            return Ok(Piece { vaddr, paddr, len, bounce: Some(reason), second });
        }
        let len = self.direct_run(source, offset, paddr, in_page, most)?;
        let len = if len < left { self.end_aligned(paddr, len) } else { len };
        Ok(Piece { vaddr, paddr, len, bounce: None, second: None })
    }

    /// How much goes into one bounce page. As FreeBSD does, a piece is rounded up to the alignment and so may gather the
    /// beginning of the next page: what follows a misaligned piece is misaligned too.
    fn bounced_len(&self, paddr: PhysAddr, in_page: u64, left: u64) -> u64 {
        let constraints = &self.tag.constraints;
        if self.tag.flags.contains(TagFlags::KEEP_PAGE_OFFSET) {
            return if in_page < left { self.end_aligned(paddr, in_page) } else { in_page };
        }
        let boundary = constraints.boundary().map_or(PAGE_SIZE, Boundary::bytes);
        let to_page_end = PAGE_SIZE - paddr.page_offset();
        constraints
            .alignment()
            .round_up(to_page_end)
            .min(PAGE_SIZE)
            .min(left)
            .min(constraints.maxsegsz().raw())
            .min(boundary)
    }

    fn must_bounce_range(&self, paddr: PhysAddr, len: u64) -> Option<BounceReason> {
        self.tag.constraints.must_bounce_range(paddr, BusSize::new(len))
    }

    /// Extends a direct piece over the following pages while they are contiguous and reachable.
    ///
    /// Virtual memory is cut at page ends, as FreeBSD does, unless the next page's start would break the alignment.
    fn direct_run(
        &self,
        source: &Source<'_>,
        offset: u64,
        paddr: PhysAddr,
        in_page: u64,
        most: u64,
    ) -> Result<u64, LoadError> {
        let by_page = !matches!(source, Source::Physical { .. });
        if by_page && self.tag.constraints.alignment() <= Alignment::PAGE {
            return Ok(in_page);
        }
        let mut len = in_page;
        while len < most {
            let next = self.locate(source, offset + len)?;
            let step = (most - len).min(PAGE_SIZE);
            let contiguous = paddr.raw().wrapping_add(len) == next.raw();
            if !contiguous || self.tag.constraints.excludes_range(next, BusSize::new(step)).is_some() {
                break;
            }
            len += step;
        }
        Ok(len)
    }

    /// Shortened so that what follows starts aligned, where the piece is long enough for that.
    fn end_aligned(&self, paddr: PhysAddr, len: u64) -> u64 {
        let alignment = self.tag.constraints.alignment().bytes();
        let beyond = paddr.raw().wrapping_add(len) & (alignment - 1);
        if beyond < len { len - beyond } else { len }
    }

    fn locate(&self, source: &Source<'_>, offset: u64) -> Result<PhysAddr, LoadError> {
        match *source {
            Source::Virtual { space, start } => self.translate(space, start.wrapping_add(offset)),
            Source::Physical { start } => Ok(PhysAddr::new(start.wrapping_add(offset))),
            Source::Pages { pages, offset: first } => {
                let at = first + offset;
                let index = usize::try_from(at / PAGE_SIZE).unwrap_or(usize::MAX);
                let page = pages.get(index).ok_or(InvalidRequest::PagesTooShort {
                    covered: BusSize::new((pages.len() as u64 * PAGE_SIZE).saturating_sub(first)),
                    bcount: BusSize::new(offset),
                })?;
                Ok(page.wrapping_add(BusSize::new(at % PAGE_SIZE)))
            }
        }
    }
}

/// Where a part's bytes lie.
enum Source<'a> {
    Virtual { space: AddressSpace, start: u64 },
    Physical { start: u64 },
    Pages { pages: &'a [PhysAddr], offset: u64 },
}

impl Source<'_> {
    fn start(&self) -> u64 {
        match *self {
            Self::Virtual { start, .. } | Self::Physical { start } => start,
            Self::Pages { offset, .. } => offset,
        }
    }

    fn kernel_address(&self, offset: u64) -> Option<VirtAddr> {
        match *self {
            Self::Virtual { space: AddressSpace::Kernel, start } => Some(VirtAddr::new(start.wrapping_add(offset))),
            _ => None,
        }
    }
}
