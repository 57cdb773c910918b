//! An engine's decisions as they are shown.

use crate::frame::{BounceWhy, CopyWay, SplitWhy, What};
use busdma_engine::constraints::BounceReason;
use busdma_engine::{CopyDirection, Decision, MapId, SplitReason, TagId, ZoneId, ZoneOrigin};
use compact_str::ToCompactString;

/// What was decided.
pub(super) fn what(decision: &Decision) -> What {
    match *decision {
        Decision::ZoneChosen { zone: of, origin, .. } => {
            What::ZoneChosen { zone: zone(of), created: origin == ZoneOrigin::Created }
        }
        Decision::PoolGrown { zone: of, wanted, added } => {
            What::PoolGrown { zone: zone(of), wanted, added: added.into() }
        }
        Decision::Counted { pages_needed, .. } => What::Counted { pages: pages_needed.raw() },
        Decision::Reserved { zone: of, pages, .. } => What::Reserved { zone: zone(of), pages: pages.raw() },
        Decision::Deferred { zone: of, needed, reserved, ahead, .. } => {
            What::Deferred { zone: zone(of), needed: needed.raw(), reserved: reserved.raw(), ahead: ahead as u64 }
        }
        Decision::Woken { zone: of, .. } => What::Woken { zone: zone(of) },
        Decision::Resumed { waited_ns, .. } => What::Resumed { waited_ns },
        Decision::Bounced { client, bounce, len, reason, .. } => {
            What::Bounced { client: client.raw(), bounce: bounce.raw(), len: len.raw(), why: bounce_why(reason) }
        }
        Decision::Split { segment, addr, len, reason, .. } => {
            What::Split { segment: segment as u64, addr: addr.raw(), len: len.raw(), why: split_why(reason) }
        }
        Decision::Coalesced { segment, addr, len, .. } => {
            What::Coalesced { segment: segment as u64, addr: addr.raw(), len: len.raw() }
        }
        Decision::Loaded { segments, bounce_pages, .. } => {
            What::Loaded { segments: segments as u64, bpages: bounce_pages.raw() }
        }
        Decision::Rejected { error, .. } => What::Rejected { error: error.to_compact_string() },
        Decision::Unloaded { released, .. } => What::Unloaded { pages: released.raw() },
        Decision::Cancelled { released, .. } => What::Cancelled { pages: released.raw() },
        Decision::Copied { direction, pages, bytes, .. } => {
            let way = match direction {
                CopyDirection::ToBounce => CopyWay::ToBounce,
                CopyDirection::FromBounce => CopyWay::FromBounce,
            };
            What::Copied { way, pages: pages.raw(), bytes: bytes.raw() }
        }
    }
}

/// The map a decision is about.
pub(super) const fn map(decision: &Decision) -> Option<MapId> {
    match *decision {
        Decision::ZoneChosen { .. } | Decision::PoolGrown { .. } => None,
        Decision::Counted { map, .. }
        | Decision::Reserved { map, .. }
        | Decision::Deferred { map, .. }
        | Decision::Woken { map, .. }
        | Decision::Resumed { map, .. }
        | Decision::Bounced { map, .. }
        | Decision::Split { map, .. }
        | Decision::Coalesced { map, .. }
        | Decision::Loaded { map, .. }
        | Decision::Rejected { map, .. }
        | Decision::Unloaded { map, .. }
        | Decision::Cancelled { map, .. }
        | Decision::Copied { map, .. } => Some(map),
    }
}

/// The tag a decision names itself.
pub(super) const fn tag(decision: &Decision) -> Option<TagId> {
    match *decision {
        Decision::ZoneChosen { tag, .. } => Some(tag),
        _ => None,
    }
}

/// A zone's number.
pub(super) fn zone(zone: ZoneId) -> u32 {
    u32::try_from(zone.index()).unwrap_or(u32::MAX)
}

fn bounce_why(reason: BounceReason) -> BounceWhy {
    match reason {
        BounceReason::Window(window) => {
            BounceWhy::Window { lowaddr: window.lowaddr.raw(), highaddr: window.highaddr.raw() }
        }
        BounceReason::Filter(window) => {
            BounceWhy::Filter { lowaddr: window.lowaddr.raw(), highaddr: window.highaddr.raw() }
        }
        BounceReason::Alignment(alignment) => BounceWhy::Alignment { bytes: alignment.bytes() },
    }
}

fn split_why(reason: SplitReason) -> SplitWhy {
    match reason {
        SplitReason::First => SplitWhy::First,
        SplitReason::Discontiguous => SplitWhy::Discontiguous,
        SplitReason::Boundary(boundary) => SplitWhy::Boundary { bytes: boundary.bytes() },
        SplitReason::MaxSegSize(bytes) => SplitWhy::MaxSegSize { bytes: bytes.raw() },
    }
}
