//! What holds for a tag by the manual page, whatever FreeBSD makes of it.

use super::Broken;
use crate::answer::SegmentView;
use busdma_engine::addr::{PAGE_SIZE, PhysAddr};
use busdma_engine::constraints::{AddressFilter, Boundary, ExclusionWindow, FilterVerdict, SegmentLimit, TagTemplate};
use busdma_engine::memdesc::PhysRange;

/// What holds for a tag: its own template and its ancestors', all of it inherited.
#[derive(Clone, Debug)]
pub struct Contract {
    /// Largest alignment of all.
    pub alignment: u64,
    /// Smallest boundary of all.
    pub boundary: Option<u64>,
    /// Smallest of all.
    pub maxsize: u64,
    /// Smallest of all.
    pub maxsegsz: u64,
    /// Smallest of all.
    pub nsegments: SegmentLimit,
    windows: Vec<(ExclusionWindow, Option<AddressFilter>)>,
}

impl Contract {
    /// The contract of a tag whose line of templates, from itself to the root, is given.
    pub fn of<'t>(line: impl IntoIterator<Item = &'t TagTemplate>) -> Self {
        let mut contract = Self {
            alignment: 1,
            boundary: None,
            maxsize: u64::MAX,
            maxsegsz: u64::MAX,
            nsegments: SegmentLimit::Unrestricted,
            windows: Vec::new(),
        };
        for template in line {
            contract.alignment = contract.alignment.max(template.alignment.bytes());
            let boundary = template.boundary.map(Boundary::bytes);
            contract.boundary = contract.boundary.into_iter().chain(boundary).min();
            contract.maxsize = contract.maxsize.min(template.maxsize.raw());
            contract.maxsegsz = contract.maxsegsz.min(template.maxsegsz.raw());
            if template.nsegments.count() < contract.nsegments.count() {
                contract.nsegments = template.nsegments;
            }
            contract.windows.push((template.window, template.filter.clone()));
        }
        contract
    }

    /// The first address from `first` to `last` that the device cannot reach: inside the window of the tag or of an
    /// ancestor, whose filter does not let it pass. A filter that is a function is asked about `first` only.
    pub fn first_excluded(&self, first: u64, last: u64) -> Option<u64> {
        let page_last = |addr: PhysAddr| addr.raw() | (PAGE_SIZE - 1);
        let excluded = self.windows.iter().filter_map(|(window, filter)| {
            let low = first.max(page_last(window.lowaddr).checked_add(1)?);
            let high = last.min(page_last(window.highaddr));
            let within = |from: u64, to: u64| (low.max(from) <= high.min(to)).then_some(low.max(from));
            match filter {
                None => within(0, u64::MAX),
                Some(AddressFilter::Deny(ranges)) => {
                    ranges.iter().filter_map(|&(from, to)| within(from.raw(), to.raw())).min()
                }
                Some(AddressFilter::Custom(filter)) => {
                    within(first, first).filter(|&addr| filter(PhysAddr::new(addr)) == FilterVerdict::Excluded)
                }
            }
        });
        excluded.min()
    }

    /// Whether a piece from `first` to `last` cannot be given to the device as it is.
    pub fn must_bounce(&self, first: u64, last: u64) -> bool {
        self.first_excluded(first, last).is_some() || !first.is_multiple_of(self.alignment)
    }

    /// Checks a mapping against every constraint.
    ///
    /// # Errors
    /// The first constraint that does not hold.
    pub fn check_segments(&self, segments: &[SegmentView]) -> Result<(), Broken> {
        if segments.len() > self.nsegments.count() {
            return Err(Broken::TooManySegments { segments: segments.len(), limit: self.nsegments });
        }
        let bytes = segments.iter().map(|&(_, len)| len).sum();
        if bytes > self.maxsize {
            return Err(Broken::ExceedsMaxSize { bytes, maxsize: self.maxsize });
        }
        segments.iter().try_for_each(|&(addr, len)| self.check_segment(addr, len))
    }

    fn check_segment(&self, addr: u64, len: u64) -> Result<(), Broken> {
        if len == 0 {
            return Err(Broken::EmptySegment { addr });
        }
        if len > self.maxsegsz {
            return Err(Broken::LongSegment { addr, len, maxsegsz: self.maxsegsz });
        }
        if let Some(boundary) = self.boundary
            && addr / boundary != (addr + len - 1) / boundary
        {
            return Err(Broken::CrossesBoundary { addr, len, boundary });
        }
        if !addr.is_multiple_of(self.alignment) {
            return Err(Broken::Misaligned { addr, alignment: self.alignment });
        }
        match self.first_excluded(addr, addr + len - 1) {
            Some(touched) => Err(Broken::Excluded { addr, touched }),
            None => Ok(()),
        }
    }

    /// Whether pieces end where client pages end: nothing cuts them shorter, and no alignment carries one over into the
    /// next page.
    pub fn cuts_at_pages_only(&self) -> bool {
        let roomy = self.maxsegsz >= PAGE_SIZE && self.boundary.is_none_or(|boundary| boundary >= PAGE_SIZE);
        roomy && self.alignment == 1
    }

    /// Pieces of a request that must be bounced; at least, unless [`Self::cuts_at_pages_only`].
    pub fn bounces(&self, client: &[PhysRange]) -> u64 {
        client.iter().filter(|piece| self.must_bounce_piece(piece)).count() as u64
    }

    fn must_bounce_piece(&self, piece: &PhysRange) -> bool {
        let first = piece.start.raw();
        self.must_bounce(first, first + piece.len.raw() - 1)
    }

    /// An upper bound of the segments a request takes: bounced pieces are counted as if none continued another.
    pub fn segments_at_most(&self, client: &[PhysRange]) -> u64 {
        if !self.cuts_at_pages_only() {
            let longest = self.maxsegsz.min(self.boundary.unwrap_or(u64::MAX)).min(PAGE_SIZE);
            let unit = if longest > self.alignment { longest / self.alignment * self.alignment } else { longest };
            let cuts_of = |len: u64, every: u64| if every > 1 { len / every + 1 } else { 0 };
            let pieces_of = |len: u64| {
                // A piece shorter than the alignment may be cut once more where the next aligned one begins.
                let aligned = if self.alignment > longest { self.alignment } else { 0 };
                len.div_ceil(unit) + 1 + cuts_of(len, self.boundary.unwrap_or(0)) + cuts_of(len, aligned)
            };
            return client.iter().map(|piece| pieces_of(piece.len.raw())).sum();
        }
        let mut count = 0;
        let mut open: Option<SegmentView> = None;
        for piece in client {
            let (addr, len) = (piece.start.raw(), piece.len.raw());
            if self.must_bounce_piece(piece) {
                open = None;
                count += 1;
                continue;
            }
            let joins = open.filter(|&(start, open_len)| {
                start + open_len == addr
                    && open_len + len <= self.maxsegsz
                    && self.boundary.is_none_or(|boundary| start / boundary == addr / boundary)
            });
            if let Some((start, open_len)) = joins {
                open = Some((start, open_len + len));
            } else {
                open = Some((addr, len));
                count += 1;
            }
        }
        count
    }
}
