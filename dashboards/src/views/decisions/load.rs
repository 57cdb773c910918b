//! One load, gathered from the decisions about its map.

use crate::frame::{BounceWhy, Decision, DecisionLog, Name, SplitWhy, What};

/// One load, as far as the log tells of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Load {
    /// Its map.
    pub(super) map: Name,
    /// Bounce pages that it needs, if it was counted.
    pub(super) needed: Option<u32>,
    /// How long it waited, nanoseconds, if it did and goes on.
    pub(super) waited_ns: Option<u64>,
    /// How it ended, or that it has not.
    pub(super) end: LoadEnd,
    /// Segments in order.
    pub(super) segments: Vec<Segment>,
    /// Pieces in order of the buffer, with those of all segments.
    pub(super) pieces: Vec<Piece>,
}

/// How a load ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LoadEnd {
    /// It waits for bounce pages.
    Waits,
    /// Nothing is told of its end.
    NotTold,
    /// The device may begin.
    Loaded,
    /// It failed.
    Rejected(Name),
    /// It was given up while it waited.
    Cancelled,
}

/// One segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its number in the load, from 0.
    pub(super) number: u64,
    /// Its first bus address.
    pub(super) addr: u64,
    /// Bytes.
    pub(super) len: u64,
    /// Where it begins, bytes behind the first that is known of the buffer.
    pub(super) offset: u64,
    /// Why it begins.
    pub(super) why: SplitWhy,
    /// The first of its bytes that are bounced, and why.
    pub(super) bounced: Option<Bounced>,
}

/// Where bounced bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounced {
    /// The client's physical address.
    pub(super) client: u64,
    /// Why.
    pub(super) why: BounceWhy,
}

/// Bytes that were placed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Where in the buffer, bytes.
    pub(super) offset: u64,
    /// Bytes.
    pub(super) len: u64,
    /// Which way they go.
    pub(super) path: Path,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Path {
    /// The device finds them where the client has them.
    Direct,
    /// Through a bounce page.
    Bounced,
}

/// Decisions that are looked through each way for those of one load.
const LOOKED_THROUGH: u64 = 1 << 16;

impl Load {
    /// The load that the decision of that number belongs to; none where it belongs to no map.
    pub(super) fn around(log: &DecisionLog, number: u64) -> Option<Self> {
        let at = log.get(number)?;
        let map = at.map.as_ref()?;
        let same = |decision: &&Decision| decision.map.as_ref() == Some(map) && decision.machine == at.machine;
        let from = number.saturating_sub(LOOKED_THROUGH).max(log.first());
        let to = number.saturating_add(1).saturating_add(LOOKED_THROUGH).min(log.end());
        let earlier = (from..number).rev().filter_map(|number| log.get(number)).filter(same);
        let later = (number + 1..to).filter_map(|number| log.get(number)).filter(same);
        let mut load = Self::new(map.clone());
        for told in belonging(&at.what, earlier.map(|decision| &decision.what), later.map(|decision| &decision.what)) {
            load.take(&told);
        }
        Some(load)
    }

    /// Bytes that were placed.
    pub(super) fn bytes(&self) -> u64 {
        self.pieces.last().map_or(0, |piece| piece.offset.saturating_add(piece.len))
    }

    /// Bytes of those that are bounced.
    pub(super) fn bounced_bytes(&self) -> u64 {
        let bounced = self.pieces.iter().filter(|piece| piece.path == Path::Bounced);
        bounced.fold(0, |sum, piece| sum.saturating_add(piece.len))
    }

    const fn new(map: Name) -> Self {
        Self { map, needed: None, waited_ns: None, end: LoadEnd::NotTold, segments: Vec::new(), pieces: Vec::new() }
    }

    fn take(&mut self, told: &Told<'_>) {
        match told.what {
            What::Counted { pages } => self.needed = Some(*pages),
            What::Deferred { needed, .. } => {
                self.needed = Some(*needed);
                self.end = LoadEnd::Waits;
            }
            What::Resumed { waited_ns } => {
                self.waited_ns = Some(*waited_ns);
                self.end = LoadEnd::NotTold;
            }
            What::Split { segment, addr, len, why } => {
                if *segment == 0 {
                    self.segments.clear();
                    self.pieces.clear();
                }
                let offset = self.bytes();
                let bounced = told.bounced;
                self.segments.push(Segment { number: *segment, addr: *addr, len: *len, offset, why: *why, bounced });
                self.place(*len, bounced);
            }
            What::Coalesced { len, .. } => {
                if let Some(segment) = self.segments.last_mut() {
                    segment.len = segment.len.saturating_add(*len);
                    segment.bounced = segment.bounced.or(told.bounced);
                    self.place(*len, told.bounced);
                }
            }
            What::Loaded { .. } => self.end = LoadEnd::Loaded,
            What::Rejected { error } => self.end = LoadEnd::Rejected(error.clone()),
            What::Cancelled { .. } => self.end = LoadEnd::Cancelled,
            _ => {}
        }
    }

    fn place(&mut self, len: u64, bounced: Option<Bounced>) {
        let path = if bounced.is_some() { Path::Bounced } else { Path::Direct };
        self.pieces.push(Piece { offset: self.bytes(), len, path });
    }
}

/// A decision, and for one that places bytes the bounce before it.
#[derive(Clone, Copy, Debug)]
struct Told<'a> {
    what: &'a What,
    bounced: Option<Bounced>,
}

/// The decisions of the load that `at` belongs to, in order. `earlier` are those of its map before it, the newest first.
fn belonging<'a>(
    at: &'a What,
    earlier: impl Iterator<Item = &'a What>,
    later: impl Iterator<Item = &'a What>,
) -> Vec<Told<'a>> {
    let mut whats = vec![at];
    let mut placed = places(at);
    let open = !ends(at) && !is_after(at);
    for what in earlier {
        let before_it = match what {
            What::Unloaded { .. } | What::Cancelled { .. } => true,
            // What follows the end of another load is not of it.
            What::Loaded { .. } | What::Rejected { .. } => placed || !is_after_all(&whats),
            _ => false,
        };
        if before_it {
            break;
        }
        placed |= places(what);
        whats.push(what);
    }
    whats.reverse();
    if open {
        for what in later {
            whats.push(what);
            if ends(what) || is_after(what) {
                break;
            }
        }
    }
    with_bounces(&whats)
}

/// Whether a decision places bytes or goes before that.
const fn places(what: &What) -> bool {
    !is_after(what) && !ends(what)
}

/// Whether a decision ends a load.
const fn ends(what: &What) -> bool {
    matches!(what, What::Loaded { .. } | What::Rejected { .. } | What::Cancelled { .. })
}

/// Whether a decision is about a mapping that a load has made.
const fn is_after(what: &What) -> bool {
    matches!(what, What::Copied { .. } | What::Unloaded { .. })
}

fn is_after_all(whats: &[&What]) -> bool {
    whats.iter().all(|what| is_after(what))
}

/// Puts each bounce to the piece that goes through it.
fn with_bounces<'a>(whats: &[&'a What]) -> Vec<Told<'a>> {
    let mut pending = None;
    let told = whats.iter().map(|&what| {
        let bounced = match *what {
            What::Bounced { client, bounce, why, .. } => {
                pending = Some((bounce, Bounced { client, why }));
                None
            }
            What::Split { addr, .. } | What::Coalesced { addr, .. } => {
                pending.take().filter(|(bounce, _)| *bounce == addr).map(|(_, bounced)| bounced)
            }
            _ => None,
        };
        Told { what, bounced }
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::fixtures;

    fn whats() -> Vec<What> {
        let window = BounceWhy::Window { lowaddr: 0xffff, highaddr: u64::MAX };
        vec![
            What::Split { segment: 0, addr: 0x100, len: 7, why: SplitWhy::First },
            What::Loaded { segments: 1, bpages: Some(0) },
            What::Unloaded { pages: Some(0) },
            What::Counted { pages: 1 },
            What::Reserved { zone: 0, pages: 0 },
            What::Deferred { zone: 0, needed: 1, reserved: 0, ahead: 0 },
            What::Woken { zone: 0 },
            What::Resumed { waited_ns: 900 },
            What::Split { segment: 0, addr: 0x4000, len: 4096, why: SplitWhy::First },
            What::Bounced { client: 0x9_0000, bounce: 0x1000, len: 512, why: window },
            What::Split { segment: 1, addr: 0x1000, len: 512, why: SplitWhy::Discontiguous },
            What::Coalesced { segment: 1, addr: 0x1200, len: 512 },
            What::Loaded { segments: 2, bpages: Some(1) },
            What::Copied { way: crate::frame::CopyWay::ToBounce, pages: 1, bytes: 512 },
            What::Unloaded { pages: Some(1) },
            What::Counted { pages: 5 },
            What::Rejected { error: "too many segments".into() },
        ]
    }

    /// The decisions about m1 stand at even numbers.
    fn log() -> DecisionLog {
        let mut log = DecisionLog::default();
        for what in whats() {
            log.push(fixtures::decision(log.end(), "vm1/m1", what));
            log.push(fixtures::decision(log.end(), "vm1/m2", What::Unloaded { pages: Some(1) }));
        }
        log
    }

    #[test]
    fn every_decision_of_a_load_leads_to_it() {
        let log = log();
        let window = BounceWhy::Window { lowaddr: 0xffff, highaddr: u64::MAX };
        let bounced = Some(Bounced { client: 0x9_0000, why: window });
        let expected = Load {
            map: "vm1/m1".into(),
            needed: Some(1),
            waited_ns: Some(900),
            end: LoadEnd::Loaded,
            segments: vec![
                Segment { number: 0, addr: 0x4000, len: 4096, offset: 0, why: SplitWhy::First, bounced: None },
                Segment { number: 1, addr: 0x1000, len: 1024, offset: 4096, why: SplitWhy::Discontiguous, bounced },
            ],
            pieces: vec![
                Piece { offset: 0, len: 4096, path: Path::Direct },
                Piece { offset: 4096, len: 512, path: Path::Bounced },
                Piece { offset: 4608, len: 512, path: Path::Direct },
            ],
        };
        for nth in 3..=14 {
            assert_eq!(Load::around(&log, nth * 2).as_ref(), Some(&expected), "{nth}");
        }
        assert_eq!((expected.bytes(), expected.bounced_bytes()), (5120, 512));
    }

    #[test]
    fn loads_before_and_after_are_others() {
        let log = log();
        for nth in 0..=2 {
            let load = Load::around(&log, nth * 2).unwrap();
            assert_eq!((load.bytes(), load.end), (7, LoadEnd::Loaded), "{nth}");
        }
        for nth in 15..=16 {
            let load = Load::around(&log, nth * 2).unwrap();
            assert_eq!((load.needed, load.end), (Some(5), LoadEnd::Rejected("too many segments".into())), "{nth}");
        }
        assert_eq!(Load::around(&log, 1).map(|load| load.end), Some(LoadEnd::NotTold));
        assert_eq!(Load::around(&log, log.end()), None);
    }

    #[test]
    fn a_load_that_waits_or_was_given_up() {
        let mut log = DecisionLog::default();
        for what in whats().into_iter().skip(3).take(3) {
            log.push(fixtures::decision(0, "vm1/m1", what));
        }
        assert_eq!(Load::around(&log, 0).map(|load| load.end), Some(LoadEnd::Waits));
        log.push(fixtures::decision(0, "vm1/m1", What::Cancelled { pages: 1 }));
        for number in 0..4 {
            assert_eq!(Load::around(&log, number).map(|load| load.end), Some(LoadEnd::Cancelled));
        }
    }
}
