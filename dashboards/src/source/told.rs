//! Decisions in the form of busdma-trace: the one that an engine's are put into, and that recordings hold.

use crate::frame::{BounceWhy, CopyWay, Name, SplitWhy, What};
use busdma_trace::format::{CopyDir, DecisionRecord, ReasonRecord};

/// One decision, and what it is about.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) map: Option<Name>,
    pub(super) tag: Option<Name>,
    pub(super) what: What,
}

/// What a record tells; `None` for a kind that is not known.
pub(super) fn told(record: &DecisionRecord<'_>) -> Option<Told> {
    let (map, what) = match record {
        DecisionRecord::ZoneChosen { tag, zone, created } => {
            let what = What::ZoneChosen { zone: small(*zone), created: *created };
            return Some(Told { map: None, tag: Some(Name::new(tag.as_str())), what });
        }
        DecisionRecord::PoolGrown { zone, wanted, added } => {
            let what = What::PoolGrown { zone: small(*zone), wanted: *wanted, added: (*added).into() };
            return Some(Told { map: None, tag: None, what });
        }
        DecisionRecord::Counted { map, pages } => (map, What::Counted { pages: *pages }),
        DecisionRecord::Reserved { map, zone, pages } => (map, What::Reserved { zone: small(*zone), pages: *pages }),
        DecisionRecord::Deferred { map, zone, needed, reserved, ahead } => {
            let (zone, ahead) = (small(*zone), *ahead as u64);
            (map, What::Deferred { zone, needed: *needed, reserved: *reserved, ahead })
        }
        DecisionRecord::Woken { map, zone } => (map, What::Woken { zone: small(*zone) }),
        DecisionRecord::Resumed { map, waited_ns } => (map, What::Resumed { waited_ns: *waited_ns }),
        DecisionRecord::Bounced { map, client, bounce, len, reason } => {
            (map, What::Bounced { client: client.0, bounce: bounce.0, len: *len, why: bounce_why(reason) })
        }
        DecisionRecord::Split { map, segment, addr, len, reason } => {
            (map, What::Split { segment: *segment as u64, addr: addr.0, len: *len, why: split_why(reason) })
        }
        DecisionRecord::Coalesced { map, segment, addr, len } => {
            (map, What::Coalesced { segment: *segment as u64, addr: addr.0, len: *len })
        }
        DecisionRecord::Loaded { map, segments, bpages } => {
            (map, What::Loaded { segments: *segments as u64, bpages: Some(*bpages) })
        }
        DecisionRecord::Rejected { map, error } => (map, What::Rejected { error: Name::new(error.as_str()) }),
        DecisionRecord::Unloaded { map, pages } => (map, What::Unloaded { pages: Some(*pages) }),
        DecisionRecord::Cancelled { map, pages } => (map, What::Cancelled { pages: *pages }),
        DecisionRecord::Copied { map, dir, pages, bytes } => {
            (map, What::Copied { way: way(*dir), pages: *pages, bytes: *bytes })
        }
        DecisionRecord::Unknown => return None,
    };
    Some(Told { map: Some(Name::new(map.as_str())), tag: None, what })
}

/// Which way a copy goes.
pub(super) const fn way(dir: CopyDir) -> CopyWay {
    match dir {
        CopyDir::ToBounce => CopyWay::ToBounce,
        CopyDir::FromBounce => CopyWay::FromBounce,
    }
}

const fn bounce_why(reason: &ReasonRecord) -> BounceWhy {
    match reason {
        ReasonRecord::Window { lowaddr, highaddr } => BounceWhy::Window { lowaddr: lowaddr.0, highaddr: highaddr.0 },
        ReasonRecord::Filter { lowaddr, highaddr } => BounceWhy::Filter { lowaddr: lowaddr.0, highaddr: highaddr.0 },
        ReasonRecord::Alignment { bytes } => BounceWhy::Alignment { bytes: *bytes },
        _ => BounceWhy::NotTold,
    }
}

const fn split_why(reason: &ReasonRecord) -> SplitWhy {
    match reason {
        ReasonRecord::First => SplitWhy::First,
        ReasonRecord::Discontiguous => SplitWhy::Discontiguous,
        ReasonRecord::Boundary { bytes } => SplitWhy::Boundary { bytes: *bytes },
        ReasonRecord::MaxSegSize { bytes } => SplitWhy::MaxSegSize { bytes: *bytes },
        _ => SplitWhy::NotTold,
    }
}

fn small(zone: usize) -> u32 {
    u32::try_from(zone).unwrap_or(u32::MAX)
}
