//! Bounce frames: handed out in a row, each zone's pages in a memory file of its own.

use crate::backed::{BackedPages, Holder, PageHome, SlotId};
use crate::mapping::{Mapping, MappingError};
use crate::model::BounceFrames;
use busdma_engine::{Alignment, BusAddr, BusSize, PAGE_SIZE, PageCount, PhysAddr};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use thiserror::Error;

/// The machine's bounce frames and its zones' files.
#[derive(Debug)]
pub(crate) struct FramePool {
    model: BounceFrames,
    /// Frames handed out, those passed over included.
    next: u32,
    taken: u32,
    /// Where the last frame handed out ends, exclusive; 0 when none was.
    end: u64,
    /// By frame: `None` for one that was passed over.
    homes: Vec<Option<PageHome>>,
    zones: Vec<ZoneFile>,
    zones_max: usize,
    refusal: Option<FrameRefusal>,
}

/// Why there was no bounce frame.
#[derive(Debug, Error)]
pub enum FrameRefusal {
    /// All have been handed out, or none of those left is aligned as asked.
    #[error("none of the machine's {frames} bounce frames is left that would do")]
    RanOut {
        /// How many the model has.
        frames: PageCount,
    },
    /// The next one lies too high.
    #[error("the next bounce frame is {frame}, above {high}")]
    AboveHigh {
        /// The next frame.
        frame: PhysAddr,
        /// Highest address asked for, inclusive.
        high: PhysAddr,
    },
    /// A new zone would need one file too many.
    #[error("the machine has {limit} bounce zones, more are not allowed")]
    TooManyZones {
        /// How many are allowed.
        limit: usize,
    },
    /// The host gave no memory.
    #[error(transparent)]
    Mapping(#[from] MappingError),
}

/// The pages of one bounce zone, as their file has them.
#[derive(Clone, Copy, Debug)]
pub struct ZonePool<'m> {
    /// Highest address its frames may have, inclusive: the zone's `lowaddr`.
    pub high: PhysAddr,
    /// Alignment its frames were asked with. FreeBSD's profiles ask with a page, whatever the zone's alignment.
    pub alignment: Alignment,
    /// The file.
    pub fd: BorrowedFd<'m>,
    /// Its frames: together they fill the file from offset 0 on, without a hole.
    pub runs: &'m [PoolRun],
}

/// Frames that follow each other both on the bus and in the zone's file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolRun {
    /// Where the device sees the first byte.
    pub bus: BusAddr,
    /// Where the file has it.
    pub offset: u64,
    /// Bytes, whole pages.
    pub len: BusSize,
}

#[derive(Debug)]
struct ZoneFile {
    high: PhysAddr,
    alignment: Alignment,
    mapping: Arc<Mapping>,
    slot: SlotId,
    frames: u32,
    runs: Vec<PoolRun>,
}

impl FramePool {
    pub(crate) fn new(model: BounceFrames) -> Self {
        let (homes, zones) = (Vec::new(), Vec::new());
        Self { model, next: 0, taken: 0, end: 0, homes, zones, zones_max: usize::MAX, refusal: None }
    }

    /// The next frame at or below `high`. Frames that break an alignment above a page are passed over, but only when a
    /// later one is handed out; a replay does the same.
    pub(crate) fn take(&mut self, high: PhysAddr, alignment: Alignment, backed: &mut BackedPages) -> Option<PhysAddr> {
        let found = self.find(high, alignment).and_then(|(index, frame)| {
            let zone = self.zone(high, alignment, backed)?;
            Ok((index, frame, zone))
        });
        match found {
            Ok((index, frame, zone)) => {
                self.refusal = None;
                self.hand_out(index, frame, zone);
                Some(frame)
            }
            Err(refusal) => {
                self.refusal = Some(refusal);
                None
            }
        }
    }

    /// Where the bytes of a frame are that was handed out.
    #[inline]
    pub(crate) fn home(&self, addr: PhysAddr) -> Option<PageHome> {
        if addr.raw() >= self.end {
            return None;
        }
        *self.homes.get(self.model.index_of(addr)? as usize)?
    }

    pub(crate) fn taken(&self) -> PageCount {
        PageCount::new(self.taken)
    }

    pub(crate) fn refusal(&self) -> Option<&FrameRefusal> {
        self.refusal.as_ref()
    }

    pub(crate) fn set_zones_max(&mut self, limit: usize) {
        self.zones_max = limit;
    }

    pub(crate) fn pools(&self) -> impl ExactSizeIterator<Item = ZonePool<'_>> {
        self.zones.iter().map(|zone| ZonePool {
            high: zone.high,
            alignment: zone.alignment,
            fd: zone.mapping.fd(),
            runs: &zone.runs,
        })
    }

    fn find(&self, high: PhysAddr, alignment: Alignment) -> Result<(u32, PhysAddr), FrameRefusal> {
        let frames = self.model.frames;
        for index in self.next..frames.raw() {
            let Some(frame) = self.model.frame(index) else { break };
            if frame > high {
                return Err(FrameRefusal::AboveHigh { frame, high });
            }
            if alignment.bytes() <= PAGE_SIZE || alignment.is_met_by(frame.raw()) {
                return Ok((index, frame));
            }
        }
        Err(FrameRefusal::RanOut { frames })
    }

    /// The zone that is asked for this way, made when it is the first time.
    fn zone(&mut self, high: PhysAddr, alignment: Alignment, backed: &mut BackedPages) -> Result<usize, FrameRefusal> {
        if let Some(zone) = self.zones.iter().position(|zone| (zone.high, zone.alignment) == (high, alignment)) {
            return Ok(zone);
        }
        if self.zones.len() >= self.zones_max {
            return Err(FrameRefusal::TooManyZones { limit: self.zones_max });
        }
        let bytes = BusSize::new(u64::from(self.model.frames.raw()) * PAGE_SIZE);
        let mapping = Arc::new(Mapping::make("busdma-bounce", bytes)?);
        let slot = backed.add_mapping(Arc::clone(&mapping), Holder::Bounce);
        self.zones.push(ZoneFile { high, alignment, mapping, slot, frames: 0, runs: Vec::new() });
        Ok(self.zones.len() - 1)
    }

    fn hand_out(&mut self, index: u32, frame: PhysAddr, zone: usize) {
        let home = self.zones[zone].add(frame);
        self.homes.resize(index as usize, None);
        self.homes.push(Some(home));
        self.end = frame.page_last().raw().saturating_add(1);
        self.next = index + 1;
        self.taken += 1;
    }
}

impl ZoneFile {
    fn add(&mut self, frame: PhysAddr) -> PageHome {
        let page = self.frames;
        self.frames += 1;
        let bus = frame.to_bus();
        match self.runs.last_mut() {
            Some(run) if run.bus.wrapping_add(run.len) == bus => run.len = BusSize::new(run.len.raw() + PAGE_SIZE),
            _ => self.runs.push(PoolRun { bus, offset: u64::from(page) * PAGE_SIZE, len: BusSize::PAGE }),
        }
        PageHome { slot: self.slot, page }
    }
}
