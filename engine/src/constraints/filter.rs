//! Address filters: a driver's own test inside the excluded window.

use crate::addr::{PAGE_SIZE, PhysAddr};
use std::fmt;
use std::sync::Arc;

const PAGE_SHIFT: u32 = PAGE_SIZE.trailing_zeros();

/// What an address filter says of a page (`bus_dma_filter_t`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FilterVerdict {
    /// The device reaches it after all; FreeBSD's 0.
    Reachable,
    /// The device does not reach it; FreeBSD's non-zero.
    Excluded,
}

/// A driver's own test for addresses inside the exclusion window.
///
/// FreeBSD calls it for misaligned addresses too; see [`FilterScope`](crate::profile::FilterScope).
#[derive(Clone)]
pub enum AddressFilter {
    /// Excludes the addresses inside any of these ranges; both ends inclusive. An empty list excludes nothing.
    Deny(Arc<[(PhysAddr, PhysAddr)]>),
    /// Any function of the address.
    Custom(Arc<dyn Fn(PhysAddr) -> FilterVerdict + Send + Sync>),
}

impl AddressFilter {
    /// A filter that excludes the given ranges, both ends inclusive.
    pub fn deny(ranges: impl IntoIterator<Item = (PhysAddr, PhysAddr)>) -> Self {
        Self::Deny(ranges.into_iter().collect())
    }

    /// What the filter says of `addr`.
    pub fn verdict(&self, addr: PhysAddr) -> FilterVerdict {
        match self {
            Self::Deny(ranges) => {
                if ranges.iter().any(|&(first, last)| first <= addr && addr <= last) {
                    FilterVerdict::Excluded
                } else {
                    FilterVerdict::Reachable
                }
            }
            Self::Custom(filter) => filter(addr),
        }
    }

    pub(super) fn excludes(&self, addr: PhysAddr) -> bool {
        self.verdict(addr) == FilterVerdict::Excluded
    }

    /// The first excluded address in `first..=last`.
    pub(super) fn first_excluded(&self, first: u64, last: u64) -> Option<PhysAddr> {
        match self {
            Self::Deny(ranges) => ranges
                .iter()
                .filter(|(low, high)| low <= high && low.raw() <= last && high.raw() >= first)
                .map(|(low, _)| PhysAddr::new(low.raw().max(first)))
                .min(),
            Self::Custom(_) => {
                let pages = (first >> PAGE_SHIFT)..=(last >> PAGE_SHIFT);
                let starts = pages.map(|page| PhysAddr::new((page << PAGE_SHIFT).max(first)));
                starts.into_iter().find(|&addr| self.excludes(addr))
            }
        }
    }
}

/// Two filters are the same when they deny the same ranges, or are the same function: the very same, not a copy.
impl PartialEq for AddressFilter {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Deny(own), Self::Deny(other)) => own == other,
            (Self::Custom(own), Self::Custom(other)) => Arc::ptr_eq(own, other),
            (Self::Deny(_), Self::Custom(_)) | (Self::Custom(_), Self::Deny(_)) => false,
        }
    }
}

impl Eq for AddressFilter {}

impl fmt::Debug for AddressFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deny(ranges) => f.debug_tuple("Deny").field(ranges).finish(),
            Self::Custom(_) => f.write_str("Custom(..)"),
        }
    }
}
