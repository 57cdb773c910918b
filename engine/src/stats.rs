//! Counters of a zone: FreeBSD's by their sysctl names, and what they leave out.

use crate::addr::{PageCount, PhysAddr};
use crate::constraints::Alignment;
use crate::ids::ZoneId;

/// `hw.busdma.zoneN`, plus high-water marks and waiting times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ZoneStats {
    /// The zone.
    pub zone: ZoneId,
    /// Highest address of its pages, inclusive.
    pub lowaddr: PhysAddr,
    /// The larger of a page and the first tag's alignment.
    pub alignment: Alignment,
    pub(crate) total_bpages: u32,
    pub(crate) free_bpages: u32,
    pub(crate) reserved_bpages: u32,
    pub(crate) active_bpages: u32,
    pub(crate) active_bpages_max: u32,
    /// FreeBSD's `total_bounced`; what it counts is a switch, see [`Counters`](crate::profile::Counters).
    pub total_bounced: u32,
    /// FreeBSD's `total_deferred`; what it counts is a switch, see [`Counters`](crate::profile::Counters).
    pub total_deferred: u32,
    /// Maps created for the zone and not destroyed; also counts creations that failed, as FreeBSD does.
    pub map_count: i32,
    /// Nanoseconds that resumed loads have waited in all.
    pub deferred_ns: u64,
}

impl ZoneStats {
    pub(crate) const fn new(zone: ZoneId, lowaddr: PhysAddr, alignment: Alignment) -> Self {
        Self {
            zone,
            lowaddr,
            alignment,
            total_bpages: 0,
            free_bpages: 0,
            reserved_bpages: 0,
            active_bpages: 0,
            active_bpages_max: 0,
            total_bounced: 0,
            total_deferred: 0,
            map_count: 0,
            deferred_ns: 0,
        }
    }

    #[inline]
    pub(crate) fn activate(&mut self) {
        self.active_bpages += 1;
        self.active_bpages_max = self.active_bpages_max.max(self.active_bpages);
    }

    pub(crate) fn count_wait(&mut self, waited_ns: u64) {
        self.deferred_ns = self.deferred_ns.saturating_add(waited_ns);
    }

    /// Pages ever added (`total_bpages`).
    pub const fn total_bpages(&self) -> PageCount {
        PageCount::new(self.total_bpages)
    }

    /// Pages neither promised nor in use (`free_bpages`).
    pub const fn free_bpages(&self) -> PageCount {
        PageCount::new(self.free_bpages)
    }

    /// Pages promised to maps, waiting ones included (`reserved_bpages`).
    pub const fn reserved_bpages(&self) -> PageCount {
        PageCount::new(self.reserved_bpages)
    }

    /// Pages that hold a loaded map's bytes (`active_bpages`).
    pub const fn active_bpages(&self) -> PageCount {
        PageCount::new(self.active_bpages)
    }

    /// The most pages that were ever active at once.
    pub const fn active_bpages_max(&self) -> PageCount {
        PageCount::new(self.active_bpages_max)
    }
}
