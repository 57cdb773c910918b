//! What a device can reach: the template a driver asks for and the constraints that hold after inheritance.

use crate::addr::{BusSize, PAGE_SIZE, PhysAddr};
use crate::profile::{Inheritance, Switches};
use std::fmt;
use std::sync::Arc;

const PAGE_SHIFT: u32 = PAGE_SIZE.trailing_zeros();

bitflags::bitflags! {
    /// Flags of `bus_dma_tag_create`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
    pub struct TagFlags: u32 {
        /// Fill the bounce pool at tag creation, or fail with `ENOMEM` (`BUS_DMA_ALLOCNOW`).
        const ALLOC_NOW = 1;
        /// The device is coherent with the CPU's caches (`BUS_DMA_COHERENT`); only arm64 looks at it.
        const COHERENT = 1 << 1;
        /// A bounced page keeps its offset inside the page (`BUS_DMA_KEEP_PG_OFFSET`, wanted by USB controllers).
        const KEEP_PAGE_OFFSET = 1 << 2;
    }
}

/// A power of two that addresses must be multiples of, in bytes; 1 means any address will do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alignment(u64);

impl Alignment {
    /// Any address will do.
    pub const BYTE: Self = Self(1);

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
    /// At most this many. FreeBSD treats 0 as 1 when it loads; see [`Switches`].
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
/// FreeBSD calls it for misaligned addresses too; see [`Switches`].
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

    fn excludes(&self, addr: PhysAddr) -> bool {
        self.verdict(addr) == FilterVerdict::Excluded
    }

    /// The first excluded address in `first..=last`.
    fn first_excluded(&self, first: u64, last: u64) -> Option<PhysAddr> {
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

impl fmt::Debug for AddressFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deny(ranges) => f.debug_tuple("Deny").field(ranges).finish(),
            Self::Custom(_) => f.write_str("Custom(..)"),
        }
    }
}

/// Which lock function a tag was given (`bus_dma_lock_t`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum LockFunction {
    /// The driver's own, such as `busdma_lock_mutex`: called around a deferred callback.
    #[default]
    Provided,
    /// None: FreeBSD puts in `dflt_lock`, which panics when a deferred load comes to its callback.
    PanicsWhenCalled,
}

/// What a driver asks for in `bus_dma_tag_create`, argument by argument.
#[derive(Clone, Debug)]
pub struct TagTemplate {
    /// Addresses of segments must be multiples of this.
    pub alignment: Alignment,
    /// Multiples of this that no segment may cross; `None` is FreeBSD's 0.
    pub boundary: Option<Boundary>,
    /// Addresses the device cannot reach.
    pub window: ExclusionWindow,
    /// Narrows the window; `None` excludes all of it.
    pub filter: Option<AddressFilter>,
    /// Largest sum of all segment lengths, bytes.
    pub maxsize: BusSize,
    /// Largest number of segments.
    pub nsegments: SegmentLimit,
    /// Largest length of one segment, bytes; 0 is refused with `EINVAL`.
    pub maxsegsz: BusSize,
    /// Flags of the tag.
    pub flags: TagFlags,
    /// Whether deferred callbacks can be locked.
    pub lock: LockFunction,
}

impl Default for TagTemplate {
    /// No constraints: every address, any size, as many segments as it takes.
    fn default() -> Self {
        Self {
            alignment: Alignment::BYTE,
            boundary: None,
            window: ExclusionWindow::NOTHING,
            filter: None,
            maxsize: BusSize::new(u64::from(u32::MAX)),
            nsegments: SegmentLimit::Unrestricted,
            maxsegsz: BusSize::new(u64::from(u32::MAX)),
            flags: TagFlags::empty(),
            lock: LockFunction::Provided,
        }
    }
}

/// Why an address has to be bounced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum BounceReason {
    /// It lies inside the exclusion window `(lowaddr, highaddr]` of the tag or of an ancestor.
    Window(ExclusionWindow),
    /// It is no multiple of the alignment.
    Alignment(Alignment),
    /// It lies inside the window and the filter excludes it.
    Filter(ExclusionWindow),
}

/// One test an address has to pass: a tag's own, or an ancestor's in the filter chain.
#[derive(Clone, Debug)]
pub(crate) struct ReachTest {
    pub(crate) window: ExclusionWindow,
    pub(crate) alignment: Alignment,
    pub(crate) filter: Option<AddressFilter>,
}

/// What holds for a tag after inheritance.
///
/// FreeBSD passes on only the window, the boundary and the filter; a child without a filter of its own skips its parent
/// in the chain, whose alignment is then lost (`sys/x86/x86/busdma_machdep.c`, `common_bus_dma_tag_create`). The strict
/// profile passes on everything, as the manual page says.
#[derive(Clone, Debug)]
pub struct Constraints {
    pub(crate) own: ReachTest,
    /// The tests of the ancestors that the filter chain still visits, nearest first.
    pub(crate) chain: Vec<ReachTest>,
    pub(crate) boundary: Option<Boundary>,
    pub(crate) maxsize: BusSize,
    pub(crate) nsegments: SegmentLimit,
    pub(crate) maxsegsz: BusSize,
    pub(crate) filter_scope: FilterScope,
}

/// What a filter that says "reachable" overrules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FilterScope {
    /// The window and the alignment (`bus_dma_run_filter`).
    WindowAndAlignment,
    /// The window only, as the manual page says.
    WindowOnly,
}

impl Constraints {
    /// The constraints of a root tag made from `template`, whose `maxsegsz` is already clamped to its boundary.
    pub(crate) fn root(template: &TagTemplate, maxsegsz: BusSize, switches: &Switches) -> Self {
        Self {
            own: ReachTest {
                window: template.window.page_rounded(),
                alignment: template.alignment,
                filter: template.filter.clone(),
            },
            chain: Vec::new(),
            boundary: template.boundary,
            maxsize: template.maxsize,
            nsegments: template.nsegments,
            maxsegsz,
            filter_scope: switches.filter_scope,
        }
    }

    /// Adds a parent's restrictions.
    pub(crate) fn inherit(mut self, parent: &Self, inheritance: Inheritance) -> Self {
        let boundary = match (self.boundary, parent.boundary) {
            (Some(own), Some(parent)) => Some(own.min(parent)),
            (own, parent) => own.or(parent),
        };
        self.boundary = boundary;
        match inheritance {
            Inheritance::WindowBoundaryFilter => {
                self.own.window = self.own.window.inherited_from(parent.own.window);
                if self.own.filter.is_none() {
                    self.own.filter.clone_from(&parent.own.filter);
                } else {
                    self.chain.push(parent.own.clone());
                }
                self.chain.extend(parent.chain.iter().cloned());
            }
            Inheritance::Everything => {
                self.chain.push(parent.own.clone());
                self.chain.extend(parent.chain.iter().cloned());
                self.own.alignment = self.own.alignment.max(parent.own.alignment);
                self.maxsize = self.maxsize.min(parent.maxsize);
                self.maxsegsz = self.maxsegsz.min(parent.maxsegsz);
                if let (SegmentLimit::Max(limit), own) = (parent.nsegments, self.nsegments) {
                    self.nsegments = SegmentLimit::Max(match own {
                        SegmentLimit::Max(own) => own.min(limit),
                        SegmentLimit::Unrestricted => limit,
                    });
                }
                if let Some(boundary) = boundary {
                    self.maxsegsz = self.maxsegsz.min(BusSize::new(boundary.bytes()));
                }
            }
        }
        self
    }

    /// Addresses of segments must be multiples of this.
    #[inline]
    pub fn alignment(&self) -> Alignment {
        self.own.alignment
    }

    /// Multiples of this that no segment may cross.
    #[inline]
    pub fn boundary(&self) -> Option<Boundary> {
        self.boundary
    }

    /// The tag's exclusion window after rounding and inheritance.
    ///
    /// Under the strict profile this is the tag's own; ancestors' windows are tested beside it, see [`Self::lowaddr`].
    #[inline]
    pub fn window(&self) -> ExclusionWindow {
        self.own.window
    }

    /// The lowest `lowaddr` among the tag and the ancestors its chain visits: bounce pages must lie at or below it.
    pub fn lowaddr(&self) -> PhysAddr {
        self.chain.iter().fold(self.own.window.lowaddr, |low, test| low.min(test.window.lowaddr))
    }

    /// Largest sum of all segment lengths, bytes.
    #[inline]
    pub fn maxsize(&self) -> BusSize {
        self.maxsize
    }

    /// Largest number of segments.
    #[inline]
    pub fn nsegments(&self) -> SegmentLimit {
        self.nsegments
    }

    /// Largest length of one segment, bytes.
    #[inline]
    pub fn maxsegsz(&self) -> BusSize {
        self.maxsegsz
    }

    /// Whether an address filter, own or inherited, is consulted.
    pub fn has_filter(&self) -> bool {
        self.own.filter.is_some()
    }

    /// Whether a chunk that starts at `addr` cannot be given to the device as it is.
    ///
    /// FreeBSD asks only about the start of a chunk (`bus_dma_run_filter`).
    #[inline]
    pub fn must_bounce(&self, addr: PhysAddr) -> Option<BounceReason> {
        if self.chain.is_empty() {
            if !self.own.window.contains(addr) && self.own.alignment.is_met_by(addr.raw()) {
                return None;
            }
            return self.own.must_bounce(addr, self.filter_scope);
        }
        std::iter::once(&self.own).chain(&self.chain).find_map(|test| test.must_bounce(addr, self.filter_scope))
    }

    /// Why `len` bytes at `addr`, which cross no page, cannot be given to the device as they are: unlike
    /// [`Self::must_bounce`], every byte is looked at.
    pub fn must_bounce_range(&self, addr: PhysAddr, len: BusSize) -> Option<BounceReason> {
        self.excludes_range(addr, len).map(|(_, reason)| reason).or_else(|| {
            let alignment = self.alignment();
            (!alignment.is_met_by(addr.raw())).then_some(BounceReason::Alignment(alignment))
        })
    }

    /// Whether a segment may not start at `addr` because of the tag's own alignment, unless its filter overrules that.
    pub fn forbids_start(&self, addr: PhysAddr) -> bool {
        !self.own.alignment.is_met_by(addr.raw())
            && (self.filter_scope == FilterScope::WindowOnly
                || self.own.filter.as_ref().is_none_or(|filter| filter.excludes(addr)))
    }

    /// The first of `len` bytes at `addr` that the device cannot reach, alignment aside, and why.
    ///
    /// A [`AddressFilter::Custom`] filter is asked once a page, about the first excluded address in it.
    pub fn excludes_range(&self, addr: PhysAddr, len: BusSize) -> Option<(PhysAddr, BounceReason)> {
        let last = addr.raw().saturating_add(len.raw().checked_sub(1)?);
        std::iter::once(&self.own)
            .chain(&self.chain)
            .filter_map(|test| test.excludes_range(addr.raw(), last))
            .min_by_key(|(first, _)| *first)
    }
}

impl ReachTest {
    #[cold]
    #[inline(never)]
    fn must_bounce(&self, addr: PhysAddr, scope: FilterScope) -> Option<BounceReason> {
        if self.window.contains(addr) {
            match &self.filter {
                None => return Some(BounceReason::Window(self.window)),
                Some(filter) if filter.excludes(addr) => return Some(BounceReason::Filter(self.window)),
                Some(_) => {}
            }
        }
        if self.alignment.is_met_by(addr.raw()) {
            return None;
        }
        let overruled = scope == FilterScope::WindowAndAlignment
            && self.filter.as_ref().is_some_and(|filter| !filter.excludes(addr));
        (!overruled).then_some(BounceReason::Alignment(self.alignment))
    }

    fn excludes_range(&self, first: u64, last: u64) -> Option<(PhysAddr, BounceReason)> {
        let first = first.max(self.window.lowaddr.raw().checked_add(1)?);
        let last = last.min(self.window.highaddr.raw());
        if first > last {
            return None;
        }
        match &self.filter {
            None => Some((PhysAddr::new(first), BounceReason::Window(self.window))),
            Some(filter) => {
                let excluded = filter.first_excluded(first, last)?;
                Some((excluded, BounceReason::Filter(self.window)))
            }
        }
    }
}
