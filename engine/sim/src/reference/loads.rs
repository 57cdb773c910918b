//! Loads: counting, reserving, cutting, segments.

use super::parts::Part;
use super::{CacheRange, Origin, PAGE, Piece, Reference, Source};
use crate::answer::{Answer, CallbackView, LoadView, MapNo, SegmentView};
use crate::request::{MbufRequest, Request};
use busdma_engine::addr::{AddressSpace, BusSize};
use busdma_engine::constraints::TagFlags;
use busdma_engine::error::{Errno, KernelPanic};
use busdma_engine::load::WaitPolicy;
use busdma_engine::memdesc::{CcbDirection, PacketHeader};
use busdma_engine::profile::KernelAssertions;

/// Why the parts of a load did not all go in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Halt {
    Error(Errno),
    Panic(KernelPanic),
    Refused,
}

impl Reference {
    /// One of the `bus_dmamap_load*`.
    pub(super) fn load_request(&mut self, map: MapNo, request: &Request, wait: WaitPolicy) -> Answer {
        if let Request::Mbuf(MbufRequest { header: PacketHeader::Missing { .. }, .. }) = request
            && self.assertions == KernelAssertions::On
        {
            return Answer::Panic(KernelPanic::NoPacketHeader);
        }
        if self.is_queued(map) {
            return Answer::Refused;
        }
        if let Request::Ccb(ccb) = request
            && ccb.direction == CcbDirection::None
        {
            self.map_mut(map).mapping.clear();
            let callback = CallbackView { error: None, segments: None, mapsize: None };
            return Answer::Load(LoadView { returned: None, callback: Some(callback), direct: None });
        }
        let wait = match request {
            Request::Mbuf(_) | Request::MbufSg(_) | Request::Uio(_) => WaitPolicy::NoWait,
            _ => wait,
        };
        let mut segments = Vec::new();
        self.map_mut(map).kept = Some(request.clone());
        self.find_held_pages(map);
        let outcome = self.load_parts(map, request, wait, &mut segments);
        match outcome {
            Err(Halt::Panic(panic)) => Answer::Panic(panic),
            Err(Halt::Refused) => {
                self.map_mut(map).mapping.clear();
                Answer::Refused
            }
            Err(Halt::Error(error)) => {
                self.map_mut(map).mapping.clear();
                Answer::Load(failed(request, error, segments))
            }
            Ok(()) => {
                self.map_mut(map).mapping.clone_from(&segments);
                Answer::Load(succeeded(request, segments))
            }
        }
    }

    /// The parts of a request one after the other, until one fails.
    pub(super) fn load_parts(
        &mut self,
        map: MapNo,
        request: &Request,
        wait: WaitPolicy,
        segments: &mut Vec<SegmentView>,
    ) -> Result<(), Halt> {
        let parts = self.parts(request, self.tag_of(map).flags);
        if parts.iter().any(|part| matches!(part, Part::OutOfBounds)) {
            self.find_stale_counts(map);
            return Err(Halt::Refused);
        }
        let outcome = parts.into_iter().try_for_each(|part| self.load_part(map, part, wait, segments));
        match outcome {
            Err(Halt::Error(Errno::Einprogress)) => self.find_early_pages(map),
            Err(Halt::Panic(_)) => {}
            Ok(()) => {
                self.find_in_segments(map, segments);
                self.find_stale_counts(map);
            }
            Err(_) => self.find_stale_counts(map),
        }
        outcome
    }

    fn load_part(
        &mut self,
        map: MapNo,
        part: Part,
        wait: WaitPolicy,
        segments: &mut Vec<SegmentView>,
    ) -> Result<(), Halt> {
        match part {
            Part::Stop(panic) => Err(Halt::Panic(panic)),
            Part::OutOfBounds => Err(Halt::Refused),
            Part::Virtual(space, start, len) => self.load_virtual(map, (space, start, len), wait, segments),
            Part::Physical(start, len) => self.load_physical(map, (start, len), wait, segments),
            Part::Pages(pages, offset, len) => self.load_pages(map, &pages, (offset, len), wait, segments),
        }
    }

    fn load_virtual(
        &mut self,
        map: MapNo,
        (space, start, len): (AddressSpace, u64, u64),
        wait: WaitPolicy,
        segments: &mut Vec<SegmentView>,
    ) -> Result<(), Halt> {
        let tag = self.tag_of(map).clone();
        let tag_no = self.maps[&map].tag;
        if self.counts_afresh(map) {
            let mut at = start;
            while at < start + len {
                let mut step = PAGE - at % PAGE;
                if self.must_bounce(tag_no, self.translate(space, at)) {
                    step = step.next_multiple_of(tag.alignment);
                    self.map_mut(map).needed += 1;
                }
                at += step;
            }
        }
        self.reserve_or_queue(map, wait)?;
        let mut at = start;
        while at < start + len {
            let paddr = self.translate(space, at);
            let kernel_address = if space == AddressSpace::Kernel { at } else { 0 };
            let most = (start + len - at).min(tag.maxsegsz);
            let to_page_end = PAGE - paddr % PAGE;
            let (bus, wanted) = if self.bounces_now(map, paddr) {
                let size = to_page_end.next_multiple_of(tag.alignment).min(most);
                let source = match space {
                    AddressSpace::Kernel => Source::Kernel(at),
                    AddressSpace::User => Source::Pages { second: None },
                };
                (self.take_bounce_page(map, paddr, size, source)?, size)
            } else {
                let size = to_page_end.min(most);
                self.note_range(map, kernel_address, paddr, size)?;
                (paddr, size)
            };
            at += self.append(map, segments, bus, wanted)?;
        }
        Ok(())
    }

    fn load_physical(
        &mut self,
        map: MapNo,
        (start, len): (u64, u64),
        wait: WaitPolicy,
        segments: &mut Vec<SegmentView>,
    ) -> Result<(), Halt> {
        let tag_no = self.maps[&map].tag;
        let maxsegsz = self.tag_of(map).maxsegsz;
        if self.counts_afresh(map) {
            let mut at = start;
            while at < start + len {
                let mut step = (start + len - at).min(maxsegsz);
                if self.must_bounce(tag_no, at) {
                    step = step.min(PAGE - at % PAGE);
                    self.map_mut(map).needed += 1;
                }
                at += step;
            }
        }
        self.reserve_or_queue(map, wait)?;
        let mut at = start;
        while at < start + len {
            let most = (start + len - at).min(maxsegsz);
            let (bus, wanted) = if self.bounces_now(map, at) {
                let size = most.min(PAGE - at % PAGE);
                (self.take_bounce_page(map, at, size, Source::Pages { second: None })?, size)
            } else {
                self.note_range(map, 0, at, most)?;
                (at, most)
            };
            at += self.append(map, segments, bus, wanted)?;
        }
        Ok(())
    }

    fn load_pages(
        &mut self,
        map: MapNo,
        pages: &[u64],
        (offset, len): (u64, u64),
        wait: WaitPolicy,
        segments: &mut Vec<SegmentView>,
    ) -> Result<(), Halt> {
        let tag = self.tag_of(map).clone();
        let tag_no = self.maps[&map].tag;
        if self.counts_afresh(map) {
            let (mut page, mut in_page, mut left) = (0, offset, len);
            while left > 0 {
                let most = left.min(tag.maxsegsz);
                let mut step = (PAGE - in_page).min(most);
                if self.must_bounce(tag_no, pages[page] + in_page) {
                    step = step.next_multiple_of(tag.alignment).min(most);
                    self.check_aligned(step, tag.alignment)?;
                    self.map_mut(map).needed += 1;
                }
                left -= step;
                (page, in_page) = page_after(page, in_page + step);
            }
        }
        self.reserve_or_queue(map, wait)?;
        let (mut page, mut in_page, mut left) = (0, offset, len);
        while left > 0 {
            let paddr = pages[page] + in_page;
            let most = left.min(tag.maxsegsz);
            let (bus, wanted) = if self.bounces_now(map, paddr) {
                let size = (PAGE - in_page).next_multiple_of(tag.alignment).min(most);
                self.check_aligned(size, tag.alignment)?;
                let second = if in_page + size > PAGE { Some(pages[page + 1]) } else { None };
                (self.take_bounce_page(map, paddr, size, Source::Pages { second })?, size)
            } else {
                (paddr, (PAGE - in_page).min(most))
            };
            let taken = self.append(map, segments, bus, wanted)?;
            left -= taken;
            (page, in_page) = page_after(page, in_page + taken);
        }
        Ok(())
    }

    fn check_aligned(&self, size: u64, alignment: u64) -> Result<(), Halt> {
        if self.assertions == KernelAssertions::On && !size.is_multiple_of(alignment) {
            return Err(Halt::Panic(KernelPanic::SegmentSizeUnaligned));
        }
        Ok(())
    }

    /// Pages are counted only on a map that can bounce and has none counted.
    fn counts_afresh(&self, map: MapNo) -> bool {
        let state = &self.maps[&map];
        self.tag_of(map).can_bounce && state.origin == Origin::Bouncing && state.needed == 0
    }

    /// Promises pages of the pool to the map, or sends it to the queue.
    fn reserve_or_queue(&mut self, map: MapNo, wait: WaitPolicy) -> Result<(), Halt> {
        if !self.tag_of(map).can_bounce || self.maps[&map].needed == 0 {
            return Ok(());
        }
        let missing = self.maps[&map].needed - self.maps[&map].reserved;
        let free = self.pool_of(map).expect("a bouncing tag has a pool").free;
        if wait == WaitPolicy::NoWait && missing > free {
            return Err(Halt::Error(Errno::Enomem));
        }
        if self.reserve(map) > 0 {
            self.waiting.push(map);
            return Err(Halt::Error(Errno::Einprogress));
        }
        Ok(())
    }

    /// Promises what is free; says how many pages are still missing.
    pub(super) fn reserve(&mut self, map: MapNo) -> i64 {
        let missing = self.maps[&map].needed - self.maps[&map].reserved;
        let pool = self.pool_of(map).expect("a bouncing tag has a pool");
        let promised = missing.min(pool.free);
        pool.free -= promised;
        pool.reserved += promised;
        self.map_mut(map).reserved += promised;
        missing - promised
    }

    /// Whether the piece at `paddr` is bounced: only as long as counted pages are left.
    fn bounces_now(&self, map: MapNo, paddr: u64) -> bool {
        let state = &self.maps[&map];
        self.tag_of(map).can_bounce && state.needed != 0 && self.must_bounce(state.tag, paddr)
    }

    fn take_bounce_page(&mut self, map: MapNo, client: u64, len: u64, source: Source) -> Result<u64, Halt> {
        let keeps_offset = self.tag_of(map).flags.contains(TagFlags::KEEP_PAGE_OFFSET);
        let state = self.map_mut(map);
        state.needed -= 1;
        if state.reserved == 0 {
            return Err(Halt::Panic(KernelPanic::NoReservedPage));
        }
        state.reserved -= 1;
        let pool = self.pool_of(map).expect("a bouncing tag has a pool");
        if pool.unused.is_empty() {
            return Err(Halt::Panic(KernelPanic::NoReservedPage));
        }
        let page = pool.unused.remove(0);
        pool.reserved -= 1;
        pool.active += 1;
        let bus = if keeps_offset { page + client % PAGE } else { page };
        self.map_mut(map).pieces.push(Piece { bus, len, source, client });
        self.find_long_chunk(bus, len);
        Ok(bus)
    }

    /// Puts bytes into the segment list; says how many went in.
    fn append(&self, map: MapNo, segments: &mut Vec<SegmentView>, addr: u64, len: u64) -> Result<u64, Halt> {
        let tag = self.tag_of(map);
        let mut len = len;
        if tag.boundary != 0 {
            len = len.min(tag.boundary - addr % tag.boundary);
        }
        if let Some(last) = segments.last_mut() {
            let adjacent = last.0 + last.1 == addr;
            let short_enough = last.1 + len <= tag.maxsegsz;
            let same_window = tag.boundary == 0 || last.0 / tag.boundary == addr / tag.boundary;
            if adjacent && short_enough && same_window {
                last.1 += len;
                return Ok(len);
            }
            // The first segment is never held against the limit.
            if segments.len() as u64 >= tag.nsegments {
                return Err(Halt::Error(Errno::Efbig));
            }
        }
        segments.push((addr, len));
        Ok(len)
    }

    /// arm64: remembers bytes that sync has to keep coherent. A list that was overrun ends in an entry of nothing, which
    /// nothing continues.
    fn note_range(&mut self, map: MapNo, vaddr: u64, paddr: u64, len: u64) -> Result<(), Halt> {
        if !self.kernel.is_arm64() || self.tag_of(map).flags.contains(TagFlags::COHERENT) {
            return Ok(());
        }
        let limit = self.tag_of(map).nsegments;
        let state = self.map_mut(map);
        let overrun = state.range_count > state.ranges.len() as u64;
        if let Some(last) = state.ranges.last_mut()
            && !overrun
        {
            let same_kernel_range = vaddr == 0 || last.vaddr + last.len == vaddr;
            if same_kernel_range && last.paddr + last.len == paddr {
                last.len += len;
                return Ok(());
            }
        }
        state.range_count += 1;
        if state.range_count > limit {
            return Err(Halt::Error(Errno::Efbig));
        }
        state.ranges.push(CacheRange { vaddr, paddr, len });
        Ok(())
    }
}

/// Goes on to the next page when `in_page` reached the end of this one: by one page, however far.
fn page_after(page: usize, in_page: u64) -> (usize, u64) {
    if in_page >= PAGE { (page + 1, in_page % PAGE) } else { (page, in_page) }
}

fn succeeded(request: &Request, segments: Vec<SegmentView>) -> LoadView {
    let mapsize = request.desc().mapsize().map(BusSize::raw);
    if let Request::MbufSg(_) = request {
        return LoadView { returned: None, callback: None, direct: Some(segments) };
    }
    let callback = CallbackView { error: None, segments: Some(segments), mapsize };
    LoadView { returned: None, callback: Some(callback), direct: None }
}

fn failed(request: &Request, error: Errno, filled: Vec<SegmentView>) -> LoadView {
    if error == Errno::Einprogress {
        return LoadView { returned: Some(error), callback: None, direct: None };
    }
    let mapsize = match request {
        Request::MbufSg(_) => return LoadView { returned: Some(error), callback: None, direct: Some(filled) },
        Request::Mbuf(_) | Request::Uio(_) => Some(0),
        _ => None,
    };
    let tells_caller = mapsize.is_some() || error == Errno::Enomem;
    let callback = CallbackView { error: Some(error), segments: Some(Vec::new()), mapsize };
    LoadView { returned: tells_caller.then_some(error), callback: Some(callback), direct: None }
}
