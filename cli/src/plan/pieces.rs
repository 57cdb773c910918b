//! From what the engine decided to the pieces of a buffer and the segments they form.

use super::simulate::Outcome;
use busdma_engine::addr::{BusAddr, BusSize};
use busdma_engine::constraints::{BounceReason, Boundary, SegmentLimit};
use busdma_engine::decision::{Decision, SplitReason};
use busdma_engine::error::LoadError;

/// A piece of the buffer that was appended to the segments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Where it begins in the buffer, bytes.
    pub offset: u64,
    /// Its length, bytes.
    pub len: u64,
    /// Where the device finds it.
    pub addr: BusAddr,
    /// Why it goes through a bounce page; `None` when it does not.
    pub bounced: Option<BounceReason>,
}

/// A segment and why it ended.
#[derive(Clone, Debug)]
pub struct PlannedSegment {
    /// Where it begins in the buffer, bytes.
    pub offset: u64,
    /// First address.
    pub addr: BusAddr,
    /// Bytes.
    pub len: u64,
    /// Its pieces, as indices into [`Run::pieces`](super::simulate::Run::pieces).
    pub pieces: std::ops::Range<usize>,
    /// Why the next byte is not part of it.
    pub end: SegmentEnd,
}

/// Why a segment ended where it did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SegmentEnd {
    /// The buffer ends.
    EndOfBuffer,
    /// It would cross a multiple of the boundary.
    Boundary(Boundary),
    /// It would be longer than a segment may be.
    MaxSegSize(BusSize),
    /// The next page lies elsewhere.
    Discontiguous,
    /// The next bytes go through a bounce page, these do not.
    BounceBegins,
    /// These bytes go through a bounce page, the next do not.
    BounceEnds,
    /// The next bytes go through another bounce page, which is not adjacent.
    OtherBouncePage,
    /// There was no room for a further segment.
    NoSegmentLeft(SegmentLimit),
    /// The load stopped here for another reason.
    LoadStopped,
}

/// Reads the load's pieces and segments out of what was decided.
pub(super) fn pieces_and_segments(
    decisions: &[Decision],
    outcome: &Outcome,
    length: u64,
) -> (Vec<Piece>, Vec<PlannedSegment>) {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut segments: Vec<PlannedSegment> = Vec::new();
    let mut offset = 0;
    let mut bounced = None;
    for decision in decisions {
        let (addr, len, split) = match *decision {
            Decision::Bounced { reason, .. } => {
                bounced = Some(reason);
                continue;
            }
            Decision::Split { addr, len, reason, .. } => (addr, len.raw(), Some(reason)),
            Decision::Coalesced { addr, len, .. } => (addr, len.raw(), None),
            _ => continue,
        };
        let piece = Piece { offset, len, addr, bounced: bounced.take() };
        if let Some(reason) = split {
            if let (Some(segment), Some(last)) = (segments.last_mut(), pieces.last()) {
                segment.end = SegmentEnd::of(reason, last, &piece);
            }
            let start = pieces.len();
            segments.push(PlannedSegment { offset, addr, len: 0, pieces: start..start, end: SegmentEnd::LoadStopped });
        }
        offset += len;
        pieces.push(piece);
        if let Some(segment) = segments.last_mut() {
            segment.len += len;
            segment.pieces.end = pieces.len();
        }
    }
    if let Some(last) = segments.last_mut() {
        last.end = match outcome {
            Outcome::LoadFailed(LoadError::TooManySegments { limit, .. }) => SegmentEnd::NoSegmentLeft(*limit),
            _ if offset == length => SegmentEnd::EndOfBuffer,
            _ => SegmentEnd::LoadStopped,
        };
    }
    (pieces, segments)
}

impl SegmentEnd {
    fn of(reason: SplitReason, last: &Piece, next: &Piece) -> Self {
        match (reason, last.bounced.is_some(), next.bounced.is_some()) {
            (SplitReason::Boundary(boundary), ..) => Self::Boundary(boundary),
            (SplitReason::MaxSegSize(size), ..) => Self::MaxSegSize(size),
            (SplitReason::First | SplitReason::Discontiguous, false, false) => Self::Discontiguous,
            (SplitReason::First | SplitReason::Discontiguous, false, true) => Self::BounceBegins,
            (SplitReason::First | SplitReason::Discontiguous, true, false) => Self::BounceEnds,
            (SplitReason::First | SplitReason::Discontiguous, true, true) => Self::OtherBouncePage,
        }
    }
}
