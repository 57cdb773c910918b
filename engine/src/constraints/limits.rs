//! The single constraints: alignment, boundary, segment limit and the excluded window.

use crate::addr::{PAGE_SIZE, PhysAddr};
use std::fmt;

/// A power of two that addresses must be multiples of, in bytes; 1 means any address will do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alignment(u64);

impl Alignment {
    /// Any address will do.
    pub const BYTE: Self = Self(1);

    /// Whole pages.
    pub const PAGE: Self = Self(PAGE_SIZE);

    /// Wraps an alignment; `None` unless it is a power of two. bus_dma(9) takes other values unchecked, and then loops for ever.
    pub const fn new(bytes: u64) -> Option<Self> {
        if bytes.is_power_of_two() { Some(Self(bytes)) } else { None }
    }

    /// The alignment in bytes.
    #[inline]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Whether `addr` is a multiple.
    #[inline]
    pub const fn is_met_by(self, addr: u64) -> bool {
        addr & (self.0 - 1) == 0
    }

    /// `size` rounded up to a multiple (`roundup2`).
    #[inline]
    pub(crate) const fn round_up(self, size: u64) -> u64 {
        size.wrapping_add(self.0 - 1) & !(self.0 - 1)
    }
}

impl Default for Alignment {
    fn default() -> Self {
        Self::BYTE
    }
}

impl fmt::Debug for Alignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Alignment({})", self.0)
    }
}

impl fmt::Display for Alignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A power of two whose multiples no segment may cross, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Boundary(u64);

impl Boundary {
    /// Wraps a boundary; `None` unless it is a power of two. FreeBSD's 0 ("no boundary") is an absent `Boundary` here.
    pub const fn new(bytes: u64) -> Option<Self> {
        if bytes.is_power_of_two() { Some(Self(bytes)) } else { None }
    }

    /// The boundary in bytes.
    #[inline]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Boundary({:#x})", self.0)
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// How many segments a mapping may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum SegmentLimit {
    /// At most this many. FreeBSD treats 0 as 1 when it loads; the strict profile allows none.
    Max(u32),
    /// No limit (`BUS_SPACE_UNRESTRICTED`).
    Unrestricted,
}

impl SegmentLimit {
    /// The `nsegments` argument as FreeBSD's drivers write it: 0xffffffff is `BUS_SPACE_UNRESTRICTED`.
    pub const fn from_nsegments(nsegments: u32) -> Self {
        if nsegments == u32::MAX { Self::Unrestricted } else { Self::Max(nsegments) }
    }

    /// The limit as a number; the largest there is when unrestricted.
    #[inline]
    pub const fn count(self) -> usize {
        match self {
            Self::Max(n) => n as usize,
            Self::Unrestricted => usize::MAX,
        }
    }
}

impl fmt::Display for SegmentLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max(n) => n.fmt(f),
            Self::Unrestricted => f.write_str("unrestricted"),
        }
    }
}

/// The addresses a device can *not* reach: greater than `lowaddr` and at most `highaddr`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct ExclusionWindow {
    /// Last reachable address below the window; itself outside the window.
    pub lowaddr: PhysAddr,
    /// Last excluded address, inclusive.
    pub highaddr: PhysAddr,
}

impl ExclusionWindow {
    /// Excludes nothing.
    pub const NOTHING: Self = Self { lowaddr: PhysAddr::MAX, highaddr: PhysAddr::MAX };

    /// Excludes everything above `lowaddr`, the usual form.
    pub const fn above(lowaddr: PhysAddr) -> Self {
        Self { lowaddr, highaddr: PhysAddr::MAX }
    }

    /// Whether `addr` is excluded: `lowaddr < addr <= highaddr`.
    #[inline]
    pub const fn contains(&self, addr: PhysAddr) -> bool {
        addr.raw() > self.lowaddr.raw() && addr.raw() <= self.highaddr.raw()
    }

    /// Both ends moved to the last byte of their page, as `common_bus_dma_tag_create` does.
    pub(crate) const fn page_rounded(self) -> Self {
        Self { lowaddr: self.lowaddr.page_last(), highaddr: self.highaddr.page_last() }
    }

    /// What a child sees below a parent: the lower `lowaddr` and the higher `highaddr`.
    pub(crate) fn inherited_from(self, parent: Self) -> Self {
        Self { lowaddr: self.lowaddr.min(parent.lowaddr), highaddr: self.highaddr.max(parent.highaddr) }
    }
}
