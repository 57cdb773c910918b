//! A machine: its zones, waiters, tags and maps. Names and meanings are those of `org.busdma.Monitor`.

use super::{Name, Trend};

/// One machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Its name.
    pub machine: Name,
    /// The session it belongs to; none for a shared one.
    pub session: Option<Name>,
    /// Which bus_dma(9).
    pub profile: Name,
    /// Bounce zones, in creation order.
    pub zones: Vec<ZoneRow>,
    /// The queue for bounce pages, head first; perhaps not to its end.
    pub waiters: Vec<WaiterRow>,
    /// How long that queue is.
    pub waiters_total: u32,
    /// Tags, in creation order.
    pub tags: Vec<TagRow>,
    /// Maps that are loaded or wait, oldest first; perhaps not all.
    pub maps: Vec<MapRow>,
    /// How many maps there are.
    pub maps_total: MapTotals,
    /// Bytes of registered memory, where that is known.
    pub memory_bytes: Option<u64>,
    /// Bytes of dmamem, where that is known.
    pub dmamem_bytes: Option<u64>,
    /// Loads that were carried out, failed ones too.
    pub loads: u64,
    /// Loads that failed.
    pub loads_failed: u64,
    /// How long things took.
    pub latency: Latency,
}

/// A bounce zone: `hw.busdma.zoneN` by FreeBSD's names, and what they leave out. Pages are of 4 KiB.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneRow {
    /// Its machine.
    pub machine: Name,
    /// Its number.
    pub zone: u32,
    /// Highest address of its pages, inclusive.
    pub lowaddr: u64,
    /// Bytes.
    pub alignment: u64,
    /// Pages ever added.
    pub total_bpages: u32,
    /// Pages neither promised nor in use.
    pub free_bpages: u32,
    /// Pages promised to maps.
    pub reserved_bpages: u32,
    /// Pages that hold a loaded map's bytes.
    pub active_bpages: u32,
    /// The most that were ever active at once.
    pub active_bpages_max: u32,
    /// Syncs that copied, as FreeBSD counts them; wraps.
    pub total_bounced: u32,
    /// Deferred loads, counted when they are woken, as FreeBSD counts them; wraps.
    pub total_deferred: u32,
    /// What resumed loads have waited in all, microseconds.
    pub total_deferred_time: u64,
    /// Maps created for the zone.
    pub map_count: i32,
    /// Maps that wait for its pages.
    pub waiters: u32,
    /// What its counters grew by lately.
    pub rates: ZoneRates,
    /// The same over the last while.
    pub trend: Trend,
}

/// What a zone's counters grow by, a second; none where nothing of that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ZoneRates {
    /// `total_bounced`.
    pub bounced: Option<f64>,
    /// `total_deferred`.
    pub deferred: Option<f64>,
}

impl ZoneRow {
    /// Pages promised or in use, of all there are: 0.0 to 1.0; 0.0 for a zone without pages.
    pub fn pressure(&self) -> f64 {
        if self.total_bpages == 0 {
            return 0.0;
        }
        f64::from(self.reserved_bpages.saturating_add(self.active_bpages)) / f64::from(self.total_bpages)
    }
}

/// A map that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaiterRow {
    /// Its machine.
    pub machine: Name,
    /// Its place in the queue, the head's is 1.
    pub position: u32,
    /// The map.
    pub map: Name,
    /// Its tag.
    pub tag: Name,
    /// Whose it is, where that is known.
    pub session: Option<Name>,
    /// The zone it waits for.
    pub zone: u32,
    /// Pages it needs in all.
    pub needed: u32,
    /// Pages it has been promised.
    pub reserved: u32,
    /// How long it has waited on the frame's clock: nanoseconds, or operations where [`super::Timeline::axis`] says so.
    pub age_ns: u64,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRow {
    /// Its machine.
    pub machine: Name,
    /// The tag.
    pub tag: Name,
    /// Whose it is, where that is known.
    pub session: Option<Name>,
    /// The preset it was made from.
    pub preset: Option<Name>,
    /// Bytes.
    pub alignment: u64,
    /// Bytes; 0 is none.
    pub boundary: u64,
    /// The last address below the excluded window.
    pub lowaddr: u64,
    /// The last excluded address.
    pub highaddr: u64,
    /// Bytes.
    pub maxsize: u64,
    /// None when there is no limit.
    pub nsegments: Option<u32>,
    /// Bytes.
    pub maxsegsz: u64,
    /// Its bounce zone, once it has one.
    pub zone: Option<u32>,
    /// Maps that belong to it.
    pub maps: u32,
}

/// A map that is loaded or waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapRow {
    /// Its machine.
    pub machine: Name,
    /// The map.
    pub map: Name,
    /// Its tag.
    pub tag: Name,
    /// Whose it is, where that is known.
    pub session: Option<Name>,
    /// The user of that session, where that is known.
    pub uid: Option<u32>,
    /// What it is doing.
    pub state: MapState,
    /// Bytes of the mapping.
    pub bytes: u64,
    /// Segments of the mapping.
    pub segments: u32,
    /// Bounce pages it holds.
    pub bounce_pages: u32,
    /// How long it has been in this state on the frame's clock, likewise.
    pub age_ns: u64,
}

/// What a map is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapState {
    /// Nothing.
    Idle,
    /// A load waits for bounce pages.
    Deferred,
    /// The device may use the mapping.
    Loaded,
}

impl MapState {
    /// `idle`, `deferred` or `loaded`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Deferred => "deferred",
            Self::Loaded => "loaded",
        }
    }
}

/// Maps by what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapTotals {
    /// Nothing.
    pub idle: u32,
    /// They wait for bounce pages.
    pub deferred: u32,
    /// They are loaded.
    pub loaded: u32,
}

/// How long things took. None where the source does not measure it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latency {
    /// The engine's part of a load.
    pub load: Option<Distribution>,
    /// A sync that copied, copying included.
    pub sync: Option<Distribution>,
    /// From a load's deferral to its end.
    pub deferral: Option<Distribution>,
}

/// A distribution of spans of time, nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// How many were measured.
    pub count: u64,
    /// The mean.
    pub mean_ns: u64,
    /// Half took at most this.
    pub p50_ns: u64,
    /// Nine of ten.
    pub p90_ns: u64,
    /// 99 of 100.
    pub p99_ns: u64,
    /// 999 of 1000.
    pub p999_ns: u64,
    /// The longest.
    pub max_ns: u64,
    /// How many fell where, by rising limit; bins without any are left out.
    pub bins: Vec<Bin>,
}

/// One bin of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bin {
    /// The longest that falls into it, nanoseconds, inclusive: a power of two less one.
    pub upto_ns: u64,
    /// How many did.
    pub count: u64,
}
