//! Whether a device reaches memory, and how many segments it needs for it: questions for the engine.

use crate::limits::DeviceLimits;
use crate::limits::tag::window_above;
use busdma_engine::{
    AddressSpace, Alignment, BusAddr, BusSize, DmaTag, DmamemRegion, DmamemRequest, Engine, ExclusionWindow,
    FrameSource, LoadError, LoadOutcome, MachineLimits, MapId, Mem, MemDesc, Memory, PageCount, PhysAddr, PhysRange,
    Profile, TagId, TagTemplate, VirtAddr, WaitPolicy,
};

/// One device in an engine of its own, under the contract of bus_dma(9) without FreeBSD's quirks.
#[derive(Debug)]
pub struct Reach {
    engine: Engine<NoFrames>,
    /// Says what is out of reach.
    window: TagId,
    /// Loads count segments.
    map: MapId,
    mask: BusAddr,
}

/// What the engine says of some memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reached {
    /// The first byte that the device does not reach.
    pub first_out_of_reach: Option<PhysAddr>,
    /// Ranges with such a byte.
    pub entries_out_of_reach: u32,
    /// Whether the memory fits the device's other limits.
    pub fit: Fit,
}

/// Whether memory fits a device's limits on segments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fit {
    /// It does, in so many segments.
    Segments(u32),
    /// It needs more segments than the device takes.
    TooMany {
        /// What the device takes.
        limit: u32,
    },
    /// That was not found out: it is not known where all of it is.
    Unknown,
}

impl Reach {
    /// A device with these limits that reaches `mask`, inclusive. `None` when its limits contradict each other.
    pub fn new(limits: &DeviceLimits, mask: BusAddr) -> Option<Self> {
        let machine = MachineLimits { maxmem: BusSize::new(u64::MAX), max_bpages: PageCount::ZERO };
        let mut engine = Engine::new(NoFrames, machine, Profile::Strict);
        // Linux bounces nothing for its alignment: drivers align, or copy by themselves.
        let limited = TagTemplate { alignment: Alignment::BYTE, ..limits.tag_template() };
        let above = TagTemplate { window: window_above(mask), ..limited.clone() };
        let window = engine.create_tag(None, &above).ok()?;
        // Linux bounces an entry of a list as a whole, so that bouncing changes nothing about segments.
        let everywhere = TagTemplate { window: ExclusionWindow::NOTHING, maxsize: BusSize::new(u64::MAX), ..limited };
        let tag = engine.create_tag(None, &everywhere).ok()?;
        let map = engine.create_map(tag).ok()?;
        Some(Self { engine, window, map, mask })
    }

    /// The highest address that the device reaches, inclusive.
    pub fn mask(&self) -> BusAddr {
        self.mask
    }

    /// What the engine says of these ranges, as one request.
    pub fn ask(&mut self, ranges: &[PhysRange]) -> Reached {
        let (mut first_out_of_reach, mut entries_out_of_reach) = (None, 0);
        if let Some(constraints) = self.engine.tag(self.window).map(DmaTag::constraints) {
            for (addr, _) in ranges.iter().filter_map(|range| constraints.excludes_range(range.start, range.len)) {
                first_out_of_reach = first_out_of_reach.or(Some(addr));
                entries_out_of_reach += 1;
            }
        }
        Reached { first_out_of_reach, entries_out_of_reach, fit: self.fit(ranges) }
    }

    fn fit(&mut self, ranges: &[PhysRange]) -> Fit {
        let request = MemDesc::Mem(Mem::Plist(ranges));
        let fit = match self.engine.load(self.map, &request, WaitPolicy::NoWait) {
            Ok(LoadOutcome::Loaded(segments)) => Fit::Segments(u32::try_from(segments.len()).unwrap_or(u32::MAX)),
            Err(LoadError::TooManySegments { limit, .. }) => {
                Fit::TooMany { limit: u32::try_from(limit.count()).unwrap_or(u32::MAX) }
            }
            Ok(LoadOutcome::Deferred | LoadOutcome::NoData) | Err(_) => Fit::Unknown,
        };
        // The map exists, so that unloading it cannot fail.
        let _ = self.engine.unload(self.map);
        fit
    }
}

/// The memory of an engine that neither bounces nor copies.
#[derive(Debug)]
struct NoFrames;

impl Memory for NoFrames {
    fn translate(&self, _: AddressSpace, _: VirtAddr) -> Option<PhysAddr> {
        None
    }

    fn copy(&mut self, _: PhysAddr, _: PhysAddr, _: BusSize) {}
}

impl FrameSource for NoFrames {
    fn bounce_frame(&mut self, _: PhysAddr, _: Alignment) -> Option<PhysAddr> {
        None
    }

    fn dmamem(&mut self, _: &DmamemRequest) -> Option<DmamemRegion> {
        None
    }

    fn free_dmamem(&mut self, _: &DmamemRegion, _: &DmamemRequest) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{AddressBits, BlockDisk, QueueLimits};

    fn range(start: u64, len: u64) -> PhysRange {
        PhysRange { start: PhysAddr::new(start), len: BusSize::new(len) }
    }

    fn ask(bits: u64, queue: QueueLimits, ranges: &[PhysRange]) -> Reached {
        let mask = AddressBits::new(bits).unwrap();
        let disk = BlockDisk { queue, ..BlockDisk::default() };
        let limits = DeviceLimits { mask: Some(mask), disks: vec![disk], ..DeviceLimits::default() };
        Reach::new(&limits, mask.highest()).unwrap().ask(ranges)
    }

    #[test]
    fn one_byte_above_the_mask_is_out_of_reach() {
        let check = |start, len, first: Option<u64>| {
            let reached = ask(32, QueueLimits::default(), &[range(start, len)]);
            assert_eq!(reached.first_out_of_reach.map(PhysAddr::raw), first, "{start:#x}+{len}");
        };
        check(0xffff_f000, 4096, None);
        check(0xffff_f001, 4096, Some(0x1_0000_0000));
        check(0x1_0000_0000, 1, Some(0x1_0000_0000));
        check(0, 1, None);
        check(u64::MAX, 1, Some(u64::MAX));
    }

    #[test]
    fn only_entries_out_of_reach_are_counted() {
        let ranges = [range(0x1000, 4096), range(0x1_0000_0000, 4096), range(0x2000, 4096)];
        let reached = ask(32, QueueLimits::default(), &ranges);
        assert_eq!(reached.entries_out_of_reach, 1);
        assert_eq!(reached.fit, Fit::Segments(3), "an entry that bounces stays whole");
        assert_eq!(ask(64, QueueLimits::default(), &ranges).entries_out_of_reach, 0);
    }

    #[test]
    fn segments_are_counted_against_the_limit() {
        let queue = QueueLimits { max_segments: Some(2), max_segment_size: Some(8192), ..QueueLimits::default() };
        let fit = |ranges: &[PhysRange]| ask(64, queue, ranges).fit;
        assert_eq!(fit(&[range(0x1000, 4096), range(0x2000, 4096)]), Fit::Segments(1), "neighbours are one segment");
        assert_eq!(fit(&[range(0x1000, 12288)]), Fit::Segments(2), "max_segment_size cuts");
        let apart = [range(0x1000, 4096), range(0x3000, 4096), range(0x5000, 4096)];
        assert_eq!(fit(&apart), Fit::TooMany { limit: 2 });
    }

    #[test]
    fn a_device_of_few_bits_still_answers() {
        assert_eq!(ask(13, QueueLimits::default(), &[range(0x4000, 1)]).entries_out_of_reach, 1);
    }
}
