//! Decisions in words: what was decided, and why.

use crate::frame::{BounceWhy, CopyWay, Decision, DecisionKind, SplitWhy, What};
use crate::theme::Role;
use crate::units;
use std::fmt::{self, Display, Write as _};

/// What is said where a source does not tell the reason.
pub const NO_REASON: &str = "for no reason given";

/// What was decided, as one sentence without a subject: `waits for zone0: needs 3, has 1, 2 ahead`.
pub fn sentence(decision: &Decision) -> String {
    let mut out = String::new();
    write_sentence(&mut out, &decision.what);
    out
}

/// Adds what was decided to `out`.
pub fn write_sentence(out: &mut String, what: &What) {
    // A `String` takes all that is written into it.
    let _ = match what {
        What::ZoneChosen { zone, created: true } => write!(out, "bounces through zone{zone}, made for it"),
        What::ZoneChosen { zone, created: false } => {
            write!(out, "bounces through zone{zone}, made for an earlier tag")
        }
        What::PoolGrown { zone, wanted, added } => {
            write!(out, "zone{zone} grows by {} of {wanted} wanted", bounce_pages(*added))
        }
        What::Counted { pages } => write!(out, "needs {}", bounce_pages(*pages)),
        What::Reserved { zone, pages } => write!(out, "is promised {} of zone{zone}", bounce_pages(*pages)),
        What::Deferred { zone, needed, reserved, ahead } => {
            write!(out, "waits for zone{zone}: needs {needed}, has {reserved}, {ahead} ahead")
        }
        What::Woken { zone } => write!(out, "has all its pages of zone{zone}"),
        What::Resumed { waited_ns } => write!(out, "goes on after {}", units::duration(*waited_ns)),
        What::Bounced { client, bounce, len, why } => {
            write!(out, "{client:#x}+{len} via {bounce:#x}: {}", WhyBounced(*why))
        }
        What::Split { segment, addr, len, why } => {
            write!(out, "segment {segment} at {addr:#x}+{len}: {}", WhySplit(*why))
        }
        What::Coalesced { segment, addr, len } => write!(out, "segment {segment} goes on: {addr:#x}+{len}"),
        What::Loaded { segments, bpages: Some(pages) } => {
            write!(out, "has {} and {}", Counted(*segments, "segment"), bounce_pages(*pages))
        }
        What::Loaded { segments, bpages: None } => write!(out, "has {}", Counted(*segments, "segment")),
        What::Rejected { error } => write!(out, "{error}"),
        What::Unloaded { pages: Some(pages) } => write!(out, "gives back {}", bounce_pages(*pages)),
        What::Unloaded { pages: None } => out.write_str("ends its mapping"),
        What::Cancelled { pages } => write!(out, "gives up its deferred load and {}", bounce_pages(*pages)),
        What::Copied { way, pages, bytes } => {
            let way = match way {
                CopyWay::ToBounce => "to",
                CopyWay::FromBounce => "from",
            };
            write!(out, "{} {way} {}", Counted(*bytes, "byte"), bounce_pages(*pages))
        }
    };
}

/// What a kind of decisions means at a glance: who has to wait, what goes wrong, what goes well.
pub const fn role(kind: DecisionKind) -> Role {
    match kind {
        DecisionKind::Deferred | DecisionKind::Bounced => Role::Warn,
        DecisionKind::Rejected | DecisionKind::Cancelled => Role::Bad,
        DecisionKind::Loaded | DecisionKind::Resumed => Role::Good,
        DecisionKind::Coalesced | DecisionKind::Counted => Role::Faint,
        DecisionKind::ZoneChosen
        | DecisionKind::PoolGrown
        | DecisionKind::Reserved
        | DecisionKind::Woken
        | DecisionKind::Split
        | DecisionKind::Unloaded
        | DecisionKind::Copied => Role::Plain,
    }
}

/// Why a piece is bounced.
pub(crate) struct WhyBounced(pub(crate) BounceWhy);

impl Display for WhyBounced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            BounceWhy::Window { lowaddr, highaddr: u64::MAX } => write!(f, "above {}", units::address(lowaddr)),
            BounceWhy::Window { lowaddr, highaddr } => {
                write!(f, "in the excluded window {}", Window(lowaddr, highaddr))
            }
            BounceWhy::Filter { lowaddr, highaddr } => {
                write!(f, "excluded by the filter in {}", Window(lowaddr, highaddr))
            }
            BounceWhy::Alignment { bytes } => write!(f, "not aligned to {bytes}"),
            BounceWhy::NotTold => f.write_str(NO_REASON),
        }
    }
}

/// Addresses above the first and up to the second.
struct Window(u64, u64);

impl Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {}]", units::address(self.0), units::address(self.1))
    }
}

/// Why a segment begins.
pub(crate) struct WhySplit(pub(crate) SplitWhy);

impl Display for WhySplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            SplitWhy::First => f.write_str("first piece"),
            SplitWhy::Discontiguous => f.write_str("not adjacent"),
            SplitWhy::Boundary { bytes } => write!(f, "would cross boundary {bytes:#x}"),
            SplitWhy::MaxSegSize { bytes } => write!(f, "would exceed maxsegsz {bytes}"),
            SplitWhy::NotTold => f.write_str(NO_REASON),
        }
    }
}

/// `1 page`, `2 pages`.
pub(crate) struct Counted(pub(crate) u64, pub(crate) &'static str);

impl Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}

fn bounce_pages(pages: impl Into<u64>) -> Counted {
    Counted(pages.into(), "bounce page")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_sentence() {
        let check = |what: What, expected: &str| {
            let decision = Decision { t_ns: 0, machine: "vm1".into(), session: None, map: None, tag: None, what };
            assert_eq!(sentence(&decision), expected);
        };
        check(What::ZoneChosen { zone: 1, created: true }, "bounces through zone1, made for it");
        check(What::ZoneChosen { zone: 1, created: false }, "bounces through zone1, made for an earlier tag");
        check(What::PoolGrown { zone: 1, wanted: 4, added: 1 }, "zone1 grows by 1 bounce page of 4 wanted");
        check(What::Counted { pages: 2 }, "needs 2 bounce pages");
        check(What::Reserved { zone: 0, pages: 2 }, "is promised 2 bounce pages of zone0");
        check(What::Deferred { zone: 0, needed: 3, reserved: 1, ahead: 2 }, "waits for zone0: needs 3, has 1, 2 ahead");
        check(What::Woken { zone: 0 }, "has all its pages of zone0");
        check(What::Resumed { waited_ns: 1500 }, "goes on after 1.50 µs");
        let bounced = |why, expected: &str| {
            let what = What::Bounced { client: 0x5000, bounce: 0x1000, len: 512, why };
            check(what, &format!("0x5000+512 via 0x1000: {expected}"));
        };
        let (lowaddr, highaddr) = (0xffff, 0xf_ffff);
        bounced(BounceWhy::Window { lowaddr, highaddr }, "in the excluded window (16-bit, 20-bit]");
        bounced(BounceWhy::Window { lowaddr, highaddr: u64::MAX }, "above 16-bit");
        bounced(BounceWhy::Filter { lowaddr, highaddr }, "excluded by the filter in (16-bit, 20-bit]");
        bounced(BounceWhy::Alignment { bytes: 64 }, "not aligned to 64");
        bounced(BounceWhy::NotTold, "for no reason given");
        let split = |why, expected: &str| {
            let what = What::Split { segment: 1, addr: 0x1000, len: 512, why };
            check(what, &format!("segment 1 at 0x1000+512: {expected}"));
        };
        split(SplitWhy::First, "first piece");
        split(SplitWhy::Discontiguous, "not adjacent");
        split(SplitWhy::Boundary { bytes: 0x1000 }, "would cross boundary 0x1000");
        split(SplitWhy::MaxSegSize { bytes: 512 }, "would exceed maxsegsz 512");
        split(SplitWhy::NotTold, "for no reason given");
        check(What::Coalesced { segment: 1, addr: 0x1000, len: 1 }, "segment 1 goes on: 0x1000+1");
        check(What::Loaded { segments: 1, bpages: Some(0) }, "has 1 segment and 0 bounce pages");
        check(What::Loaded { segments: 2, bpages: None }, "has 2 segments");
        check(What::Rejected { error: "too many segments".into() }, "too many segments");
        check(What::Unloaded { pages: Some(1) }, "gives back 1 bounce page");
        check(What::Unloaded { pages: None }, "ends its mapping");
        check(What::Cancelled { pages: 1 }, "gives up its deferred load and 1 bounce page");
        check(What::Copied { way: CopyWay::ToBounce, pages: 1, bytes: 9 }, "9 bytes to 1 bounce page");
        check(What::Copied { way: CopyWay::FromBounce, pages: 2, bytes: 1 }, "1 byte from 2 bounce pages");
    }
}
