//! The engine: tags, maps and zones of one machine, and a method for every verb of bus_dma(9).
//!
//! The verbs are in the modules below, one family each; dmamem's are in [`crate::mem`], those of deferred loads in
//! [`crate::resume`].

/// The parts that growing a pool touches, borrowed one by one so that a tag can be borrowed beside them.
macro_rules! growing {
    ($engine:expr) => {
        Growing {
            pool: &mut $engine.pool,
            frames: &mut $engine.platform,
            told: &mut $engine.told,
            limits: &$engine.limits,
            switches: &$engine.switches,
        }
    };
}

mod cancel;
mod loads;
mod maps;
mod syncs;
mod tags;

pub use cancel::CancelReport;
pub(crate) use loads::Attempt;
pub use loads::{LoadOutcome, UnloadReport};
pub use tags::{Forgetting, FreedTags};

use crate::addr::{BusAddr, BusSize, Nanos, PhysAddr};
use crate::bounce::BouncePool;
use crate::decision::{NoObserver, Observer, Told};
use crate::defer::{WaitQueues, Waking};
use crate::ids::{Arena, MapId, TagId, ZoneId};
use crate::map::DmaMap;
pub use crate::platform::MachineLimits;
use crate::platform::Platform;
use crate::profile::{Profile, Switches, Waiting};
use crate::stats::ZoneStats;
use crate::tag::DmaTag;

/// One client page's worth of bytes on a bounce page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BouncedPiece {
    /// Where the device sees them.
    pub bounce: BusAddr,
    /// Where the client's first byte lies.
    pub client: PhysAddr,
    /// How many.
    pub len: BusSize,
}

/// One simulated host's bus_dma(9).
///
/// `P` supplies memory and frames, `O` hears what is decided. The engine does no I/O, reads no clock and has no threads.
#[derive(Debug)]
pub struct Engine<P, O = NoObserver> {
    pub(crate) platform: P,
    pub(crate) told: Told<O>,
    pub(crate) limits: MachineLimits,
    pub(crate) switches: Switches,
    pub(crate) tags: Arena<DmaTag>,
    pub(crate) maps: Arena<DmaMap>,
    pub(crate) pool: BouncePool,
    pub(crate) queues: WaitQueues,
}

impl<P: Platform> Engine<P> {
    /// An empty machine that nobody observes.
    pub fn new(platform: P, limits: MachineLimits, profile: Profile) -> Self {
        Self::with_observer(platform, NoObserver, limits, profile.switches())
    }
}

impl<P: Platform, O: Observer> Engine<P, O> {
    /// An empty machine: no tags, no zones, and the clock at 0.
    pub fn with_observer(platform: P, observer: O, limits: MachineLimits, switches: Switches) -> Self {
        Self {
            platform,
            told: Told { observer, now: Nanos::default() },
            limits,
            switches,
            tags: Arena::new(),
            maps: Arena::new(),
            pool: BouncePool::default(),
            queues: WaitQueues::default(),
        }
    }

    /// Says what time it is for the verbs that follow.
    pub fn at(&mut self, now: Nanos) -> &mut Self {
        self.told.now = now;
        self
    }

    /// A tag.
    pub fn tag(&self, tag: TagId) -> Option<&DmaTag> {
        self.tags.get(tag)
    }

    /// A map.
    pub fn map(&self, map: MapId) -> Option<&DmaMap> {
        self.maps.get(map)
    }

    /// All tags that have not been freed.
    pub fn tags(&self) -> impl Iterator<Item = (TagId, &DmaTag)> {
        self.tags.iter()
    }

    /// All maps that have not been destroyed, those that came with dmamem included.
    pub fn maps(&self) -> impl Iterator<Item = (MapId, &DmaMap)> {
        self.maps.iter()
    }

    /// The bounced pieces of a map, in list order; none for an unknown map.
    pub fn bounce_pages(&self, map: MapId) -> impl Iterator<Item = BouncedPiece> + '_ {
        let pages = self.maps.get(map).map_or(&[][..], |map| &map.pages);
        pages.iter().map(|&index| {
            let page = &self.pool.pages[index.0 as usize];
            BouncedPiece { bounce: page.bus(), client: page.client.first, len: page.len }
        })
    }

    /// The zones' counters, in creation order.
    pub fn zones(&self) -> impl Iterator<Item = &ZoneStats> {
        self.pool.zones.iter().map(|zone| &zone.stats)
    }

    /// Counters of one zone.
    pub fn zone(&self, zone: ZoneId) -> Option<&ZoneStats> {
        self.pool.zones.get(zone.index()).map(|zone| &zone.stats)
    }

    /// What supplies memory.
    pub fn platform(&self) -> &P {
        &self.platform
    }

    /// What supplies memory, to change it.
    pub fn platform_mut(&mut self) -> &mut P {
        &mut self.platform
    }

    /// Who hears of decisions.
    pub fn observer(&self) -> &O {
        &self.told.observer
    }

    /// Who hears of decisions, to change it.
    pub fn observer_mut(&mut self) -> &mut O {
        &mut self.told.observer
    }

    /// Which bus_dma(9) this is.
    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    /// Serves waiters with the pages a pool has grown by, also where that was not enough for whoever asked. FreeBSD leaves
    /// them waiting.
    pub(crate) fn serve_grown(&mut self, zone: Option<ZoneId>) {
        if let Some(zone) = zone
            && self.switches.waiting == Waiting::QueuePerZone
        {
            self.waking().wake(zone);
        }
    }

    pub(crate) fn waking(&mut self) -> Waking<'_, O> {
        Waking {
            queues: &mut self.queues,
            maps: &mut self.maps,
            pool: &mut self.pool,
            told: &mut self.told,
            switches: &self.switches,
        }
    }
}
