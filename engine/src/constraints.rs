//! What a device can reach: the template a driver asks for and the constraints that hold after inheritance.

mod filter;
mod limits;
mod template;

pub use filter::{AddressFilter, FilterVerdict};
pub use limits::{Alignment, Boundary, ExclusionWindow, SegmentLimit};
pub use template::{LockFunction, TagFlags, TagTemplate};

use crate::addr::{BusSize, PhysAddr};
use crate::profile::{FilterScope, Inheritance, Switches};

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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReachTest {
    /// Addresses the device cannot reach.
    pub window: ExclusionWindow,
    /// What addresses must be multiples of.
    pub alignment: Alignment,
    /// Narrows the window.
    pub filter: Option<AddressFilter>,
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

    /// Why a chunk that starts at `addr` cannot be given to the device as it is.
    ///
    /// FreeBSD asks only about the start of a chunk (`bus_dma_run_filter`).
    pub fn must_bounce(&self, addr: PhysAddr) -> Option<BounceReason> {
        std::iter::once(&self.own).chain(&self.chain).find_map(|test| test.must_bounce(addr, self.filter_scope))
    }

    /// Whether there is such a reason: the question every page is asked.
    #[inline]
    pub fn bounces(&self, addr: PhysAddr) -> bool {
        let suspicious = self.own.window.contains(addr) || !self.own.alignment.is_met_by(addr.raw());
        if self.chain.is_empty() && (!suspicious || self.own.filter.is_none()) {
            return suspicious;
        }
        self.must_bounce(addr).is_some()
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
