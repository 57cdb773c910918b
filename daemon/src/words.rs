//! Decisions in the words of the interface.

use busdma_api::Hex;
use busdma_api::monitor::DecisionRecord;
use busdma_engine::constraints::BounceReason;
use busdma_engine::{CopyDirection, Decision, SplitReason, ZoneId, ZoneOrigin};

/// Every kind of decision.
pub(crate) const KINDS: [&str; 15] = [
    "zone_chosen",
    "pool_grown",
    "counted",
    "reserved",
    "deferred",
    "woken",
    "resumed",
    "bounced",
    "split",
    "coalesced",
    "loaded",
    "rejected",
    "unloaded",
    "cancelled",
    "copied",
];

/// The kind of a decision, as traces name it too.
pub(crate) const fn kind(decision: &Decision) -> &'static str {
    let index = match decision {
        Decision::ZoneChosen { .. } => 0,
        Decision::PoolGrown { .. } => 1,
        Decision::Counted { .. } => 2,
        Decision::Reserved { .. } => 3,
        Decision::Deferred { .. } => 4,
        Decision::Woken { .. } => 5,
        Decision::Resumed { .. } => 6,
        Decision::Bounced { .. } => 7,
        Decision::Split { .. } => 8,
        Decision::Coalesced { .. } => 9,
        Decision::Loaded { .. } => 10,
        Decision::Rejected { .. } => 11,
        Decision::Unloaded { .. } => 12,
        Decision::Cancelled { .. } => 13,
        Decision::Copied { .. } => 14,
    };
    KINDS[index]
}

/// A decision's kind and numbers, without the ids of who and where.
pub(crate) fn record(decision: &Decision) -> DecisionRecord {
    let mut record = DecisionRecord { kind: kind(decision).to_owned(), ..DecisionRecord::default() };
    match *decision {
        Decision::ZoneChosen { zone: of, origin, .. } => {
            record.zone = Some(zone(of));
            record.reason = Some(origin_word(origin).to_owned());
        }
        Decision::PoolGrown { zone: of, wanted, added } => {
            record.zone = Some(zone(of));
            record.needed = Some(wanted);
            record.pages = Some(added.into());
        }
        Decision::Counted { pages_needed, .. } => record.needed = Some(pages_needed.raw().into()),
        Decision::Reserved { zone: of, pages, .. } => {
            record.zone = Some(zone(of));
            record.pages = Some(pages.raw().into());
        }
        Decision::Deferred { zone: of, needed, reserved, ahead, .. } => {
            record.zone = Some(zone(of));
            record.needed = Some(needed.raw().into());
            record.pages = Some(reserved.raw().into());
            record.ahead = Some(ahead as u64);
        }
        Decision::Woken { zone: of, .. } => record.zone = Some(zone(of)),
        Decision::Resumed { waited_ns, .. } => record.waited_ns = Some(waited_ns),
        Decision::Bounced { client, bounce, len, reason, .. } => {
            record.client = Some(Hex(client.raw()));
            record.addr = Some(Hex(bounce.raw()));
            record.length = Some(len.raw());
            record.reason = Some(bounce_word(reason));
        }
        Decision::Split { segment, addr, len, reason, .. } => {
            record.segment = Some(segment as u64);
            record.addr = Some(Hex(addr.raw()));
            record.length = Some(len.raw());
            record.reason = Some(split_word(reason));
        }
        Decision::Coalesced { segment, addr, len, .. } => {
            record.segment = Some(segment as u64);
            record.addr = Some(Hex(addr.raw()));
            record.length = Some(len.raw());
        }
        Decision::Loaded { segments, bounce_pages, .. } => {
            record.segment = Some(segments as u64);
            record.pages = Some(bounce_pages.raw().into());
        }
        Decision::Rejected { error, .. } => record.reason = Some(error.to_string()),
        Decision::Unloaded { released, .. } | Decision::Cancelled { released, .. } => {
            record.pages = Some(released.raw().into());
        }
        Decision::Copied { direction, pages, bytes, .. } => {
            record.reason = Some(copy_word(direction).to_owned());
            record.pages = Some(pages.raw().into());
            record.length = Some(bytes.raw());
        }
    }
    record
}

fn zone(zone: ZoneId) -> u32 {
    u32::try_from(zone.index()).unwrap_or(u32::MAX)
}

const fn origin_word(origin: ZoneOrigin) -> &'static str {
    match origin {
        ZoneOrigin::Shared => "shared",
        ZoneOrigin::Created => "created",
    }
}

fn bounce_word(reason: BounceReason) -> String {
    match reason {
        BounceReason::Window(window) => format!("window ({:#x}, {:#x}]", window.lowaddr.raw(), window.highaddr.raw()),
        BounceReason::Filter(window) => {
            format!("filter in ({:#x}, {:#x}]", window.lowaddr.raw(), window.highaddr.raw())
        }
        BounceReason::Alignment(alignment) => format!("alignment {}", alignment.bytes()),
    }
}

fn split_word(reason: SplitReason) -> String {
    match reason {
        SplitReason::First => "first".to_owned(),
        SplitReason::Discontiguous => "discontiguous".to_owned(),
        SplitReason::Boundary(boundary) => format!("boundary {:#x}", boundary.bytes()),
        SplitReason::MaxSegSize(bytes) => format!("maxsegsz {}", bytes.raw()),
    }
}

const fn copy_word(direction: CopyDirection) -> &'static str {
    match direction {
        CopyDirection::ToBounce => "to_bounce",
        CopyDirection::FromBounce => "from_bounce",
    }
}
