//! What a tracker has seen, each thing counted once.

use crate::event::{Device, SyncOwner};
use crate::mapping::{Failure, Mapping, Origin, Translation};

/// What a tracker has seen. Every mapping is in one of the states of [`Lives`], every bounce in one of [`BounceCounts`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TrackerStats {
    /// Events, of every kind.
    pub events: u64,
    /// Mappings by what became of them.
    pub lives: Lives,
    /// Failed mappings by the reason.
    pub failures: Failures,
    /// `swiotlb_bounced` events by what they turned out to be.
    pub bounces: BounceCounts,
    /// `iommu:map` and `iommu:unmap` events.
    pub translations: TranslationCounts,
    /// Syncs of known mappings.
    pub syncs: u64,
    /// Ends and syncs of mappings that nobody knows.
    pub unknown: Unknown,
    /// Unmaps whose size, direction or number of entries differ from the mapping they end.
    pub odd_unmaps: u64,
    /// Events of devices beyond the limit on devices, which were not looked at.
    pub beyond_devices: u64,
}

/// Mappings by what became of them: `begun` is the sum of the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lives {
    /// Made, or tried.
    pub begun: u64,
    /// Over.
    pub unmapped: u64,
    /// Never made.
    pub failed: u64,
    /// In use by the device.
    pub live: u64,
    /// Over, by what was given out again; the event that ended them was lost.
    pub superseded: u64,
    /// Live when there was no more room for them.
    pub given_up: u64,
}

/// Failed mappings by the reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Failures {
    /// [`Failure::PoolFull`].
    pub pool_full: u64,
    /// [`Failure::Overflow`].
    pub overflow: u64,
    /// [`Failure::Errno`].
    pub errno: u64,
    /// [`Failure::Untold`].
    pub untold: u64,
}

/// `swiotlb_bounced` events: `events` is the sum of the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BounceCounts {
    /// All of them.
    pub events: u64,
    /// Of mappings that were made.
    pub mapped: u64,
    /// Of mappings that failed.
    pub failed: u64,
    /// Not yet known.
    pub pending: u64,
    /// Never known: too many at once, or a source that tells of bounces and not of mappings.
    pub given_up: u64,
}

/// IOMMU events. `maps` is the sum of `attached`, `pending` and `unattached`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TranslationCounts {
    /// `iommu:map` events.
    pub maps: u64,
    /// `iommu:unmap` events.
    pub unmaps: u64,
    /// Maps that belong to a mapping.
    pub attached: u64,
    /// Maps that may still turn out to.
    pub pending: u64,
    /// Maps that belong to none: reserved regions, guests' memory, mappings whose event was lost.
    pub unattached: u64,
}

/// Ends and syncs of mappings that nobody knows: begun before the first event, given up, or their beginning was lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unknown {
    /// `dma_unmap_page`, `dma_unmap_phys` and `dma_unmap_resource`.
    pub unmap_page: u64,
    /// `dma_unmap_sg`.
    pub unmap_sg: u64,
    /// `dma_free` and its like.
    pub free: u64,
    /// `dma_sync_*`.
    pub sync: u64,
}

/// One device's share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceTotals {
    /// Which.
    pub device: Device,
    /// Its mappings by what became of them.
    pub lives: Lives,
    /// Its mappings by what made them, failed ones too.
    pub origins: Origins,
    /// Its failed mappings by the reason.
    pub failures: Failures,
    /// Bytes that were mapped, as far as they are told.
    pub bytes: u64,
    /// Bytes of the mappings that live, of the same.
    pub live_bytes: u64,
    /// Mappings made that bounced.
    pub bounced: u64,
    /// Bytes of mappings made for which swiotlb gave room.
    pub bounced_bytes: u64,
    /// Mappings made that an IOMMU translates, told or inferred.
    pub translated: u64,
    /// Mappings made of fewer entries than were asked for.
    pub merged: u64,
    /// Syncs of known mappings to the processor.
    pub syncs_for_cpu: u64,
    /// Syncs of known mappings to the device.
    pub syncs_for_device: u64,
    /// Ends and syncs of mappings that nobody knows.
    pub unknown: Unknown,
}

/// Mappings by what made them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Origins {
    /// [`Origin::Page`].
    pub page: u64,
    /// [`Origin::Resource`].
    pub resource: u64,
    /// [`Origin::Sg`].
    pub sg: u64,
    /// [`Origin::Alloc`].
    pub alloc: u64,
}

impl DeviceTotals {
    pub(super) fn new(device: Device) -> Self {
        Self {
            device,
            lives: Lives::default(),
            origins: Origins::default(),
            failures: Failures::default(),
            bytes: 0,
            live_bytes: 0,
            bounced: 0,
            bounced_bytes: 0,
            translated: 0,
            merged: 0,
            syncs_for_cpu: 0,
            syncs_for_device: 0,
            unknown: Unknown::default(),
        }
    }

    pub(super) fn made(&mut self, mapping: &Mapping) {
        self.lives.made();
        self.origins.count(mapping.origin);
        // What a damaged capture says can be any number.
        self.bytes = self.bytes.saturating_add(mapping.size.raw());
        self.live_bytes = self.live_bytes.saturating_add(mapping.size.raw());
        self.bounced += u64::from(mapping.bounced());
        self.bounced_bytes = self.bounced_bytes.saturating_add(mapping.bounces.size.raw());
        self.translated += u64::from(mapping.translation != Translation::None);
        self.merged += u64::from(mapping.given_entries < mapping.entries);
    }

    /// A mapping that lived no longer does; `count` says why.
    pub(super) fn over(&mut self, mapping: &Mapping, count: impl Fn(&mut Lives)) {
        count(&mut self.lives);
        self.live_bytes = self.live_bytes.saturating_sub(mapping.size.raw());
    }

    pub(super) fn failed(&mut self, origin: Origin, failure: Failure) {
        self.lives.failed();
        self.origins.count(origin);
        self.failures.count(failure);
    }

    pub(super) fn synced(&mut self, owner: SyncOwner) {
        match owner {
            SyncOwner::Cpu => self.syncs_for_cpu += 1,
            SyncOwner::Device => self.syncs_for_device += 1,
        }
    }
}

impl Lives {
    pub(super) fn made(&mut self) {
        self.begun += 1;
        self.live += 1;
    }

    pub(super) fn failed(&mut self) {
        self.begun += 1;
        self.failed += 1;
    }

    pub(super) fn unmapped(&mut self) {
        self.live -= 1;
        self.unmapped += 1;
    }

    pub(super) fn superseded(&mut self) {
        self.live -= 1;
        self.superseded += 1;
    }

    pub(super) fn given_up(&mut self) {
        self.live -= 1;
        self.given_up += 1;
    }
}

impl Failures {
    pub(super) fn count(&mut self, failure: Failure) {
        match failure {
            Failure::PoolFull => self.pool_full += 1,
            Failure::Overflow => self.overflow += 1,
            Failure::Errno(_) => self.errno += 1,
            Failure::Untold => self.untold += 1,
        }
    }
}

impl Origins {
    fn count(&mut self, origin: Origin) {
        match origin {
            Origin::Page => self.page += 1,
            Origin::Resource => self.resource += 1,
            Origin::Sg => self.sg += 1,
            Origin::Alloc => self.alloc += 1,
        }
    }
}
