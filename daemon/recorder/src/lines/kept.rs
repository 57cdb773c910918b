//! Lines that are kept because the next one may say the same: who loads a map again loads mostly the same buffer, and
//! nearly all unloads of a map are alike. Only `seq` and `t` differ then, which a line begins with.

use super::address_map::Edition;
use crate::chunk::{Body, Record, TapedDecisions};
use crate::columns::{Told, ToldDecisions};
use crate::operation::SessionNumber;
use busdma_engine::{BounceCopy, Decision, MapId, Segment, SyncOps};

/// Bytes above which a line is not kept.
const LINE_BYTES_MAX: usize = 4096;

/// Lines kept at a time; one that falls into the place of another takes it.
const PLACES: usize = 256;

/// The last lines of maps' loads, syncs and unloads.
#[derive(Debug, Default)]
pub(super) struct KeptLines {
    /// Absent until a line is kept.
    places: Vec<KeptLine>,
}

/// What a line says, and how.
#[derive(Debug, Default)]
struct KeptLine {
    /// Absent where nothing is kept.
    said: Option<Said>,
    decisions: Vec<Decision>,
    segments: Vec<Segment>,
    copies: Vec<BounceCopy>,
    /// The line from behind `t`.
    rest: Vec<u8>,
}

/// What the record of an operation says, but for its time. Ids are never used again, so names stay; pages do not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Said {
    session: Option<SessionNumber>,
    body: Body,
    decisions: TapedDecisions,
    edition: Edition,
}

impl KeptLines {
    /// What is to follow `t` on the line of an operation, if a line that says the same is kept.
    #[inline]
    pub(super) fn rest(&self, told: &Told<'_>, edition: Edition) -> Option<&[u8]> {
        let kept = self.places.get(place(told)?)?;
        kept.says(told, edition).then_some(&kept.rest)
    }

    /// Keeps what followed `t` on the line of an operation.
    pub(super) fn keep(&mut self, told: &Told<'_>, edition: Edition, rest: &[u8]) {
        let Some(place) = place(told).filter(|_| rest.len() <= LINE_BYTES_MAX) else { return };
        if self.places.is_empty() {
            self.places.resize_with(PLACES, KeptLine::default);
        }
        let Some(kept) = self.places.get_mut(place) else { return };
        kept.said = Some(Said::by(told.record, edition));
        replace(&mut kept.decisions, listed(told));
        replace(&mut kept.segments, told.segments);
        replace(&mut kept.copies, told.copies);
        replace(&mut kept.rest, rest);
    }
}

impl KeptLine {
    #[inline]
    fn says(&self, told: &Told<'_>, edition: Edition) -> bool {
        self.said == Some(Said::by(told.record, edition))
            && self.segments == told.segments
            && self.copies == told.copies
            && self.decisions == listed(told)
    }
}

impl Said {
    #[inline]
    fn by(&Record { session, body, decisions, .. }: &Record, edition: Edition) -> Self {
        Self { session, body, decisions, edition }
    }
}

/// The decisions that do not follow from what is compared anyway.
#[inline]
fn listed<'c>(told: &Told<'c>) -> &'c [Decision] {
    match told.decisions {
        ToldDecisions::Listed(decisions) => decisions,
        ToldDecisions::Implied(_) | ToldDecisions::LeftOut => &[],
    }
}

fn replace<T: Copy>(kept: &mut Vec<T>, values: &[T]) {
    kept.clear();
    kept.extend_from_slice(values);
}

/// Where the line of an operation is kept: each map has a place for its loads, its unloads, and its syncs before and after.
/// None where the line says what only this one can say.
#[inline]
fn place(told: &Told<'_>) -> Option<usize> {
    let alone = told.panic.is_some() || !told.hazards.is_empty() || told.zones.is_some() || told.waiting.is_some();
    if alone {
        return None;
    }
    match told.record.body {
        Body::BufferLoaded { map, .. } => Some(of_map(map, 0)),
        Body::Unload { map, .. } => Some(of_map(map, 1)),
        Body::Sync { map, ops, .. } if told.cache.is_empty() => {
            let before = ops.contains(SyncOps::PRE_READ) || ops.contains(SyncOps::PRE_WRITE);
            Some(of_map(map, if before { 2 } else { 3 }))
        }
        _ => None,
    }
}

#[inline]
fn of_map(map: MapId, verb: usize) -> usize {
    let (slot, _) = map.parts();
    (4 * slot as usize + verb) % PLACES
}

#[cfg(test)]
mod tests {
    use super::{Edition, KeptLines, LINE_BYTES_MAX};
    use crate::chunk::{Body, Count, Record, TapedDecisions};
    use crate::columns::{Told, ToldDecisions};
    use crate::operation::SessionNumber;
    use busdma_engine::{
        BusAddr, BusSize, Decision, MapId, Nanos, PageCount, Segment, VirtAddr, VirtRange, WaitPolicy,
    };

    fn segment(addr: u64) -> Segment {
        Segment { addr: BusAddr::new(addr), len: BusSize::PAGE }
    }

    fn loaded(session: u64, at: u64, start: u64) -> Record {
        let range = VirtRange { start: VirtAddr::new(start), len: BusSize::PAGE };
        let (map, wait) = (MapId::from_parts(7, 1).unwrap(), WaitPolicy::NoWait);
        Record {
            session: Some(SessionNumber(session)),
            at: Nanos::new(at),
            body: Body::BufferLoaded { map, range, wait, segments: Count::of(&[()]), counters: None },
            decisions: TapedDecisions::Listed(Count::of(&[()])),
        }
    }

    fn decided(pages: u32) -> Decision {
        Decision::Counted { map: MapId::from_parts(7, 1).unwrap(), pages_needed: PageCount::new(pages) }
    }

    /// Whether a line is found again that was kept of a load.
    fn is_found(told: &Told<'_>, edition: Edition, rest: &[u8]) -> bool {
        let (record, segments, decisions) = (loaded(1, 10, 0x1000), [segment(0x1000)], [decided(1)]);
        let kept = Told { segments: &segments, decisions: ToldDecisions::Listed(&decisions), ..Told::of(&record) };
        let mut lines = KeptLines::default();
        lines.keep(&kept, Edition::default(), rest);
        lines.rest(told, edition).inspect(|found| assert_eq!(*found, rest)).is_some()
    }

    #[test]
    fn a_line_is_found_by_who_says_the_same_at_another_time() {
        let (now, first) = (loaded(1, 20, 0x1000), Edition::default());
        let (segments, decisions) = ([segment(0x1000)], [decided(1)]);
        let same = Told { segments: &segments, decisions: ToldDecisions::Listed(&decisions), ..Told::of(&now) };
        assert!(is_found(&same, first, b"..."));
        assert!(!is_found(&same, first.next(), b"..."));
        assert!(!is_found(&same, first, &[b'.'; LINE_BYTES_MAX + 1]));
        let (sender, buffer) = (loaded(2, 20, 0x1000), loaded(1, 20, 0x2000));
        let (moved, counted) = ([segment(0x2000)], [decided(2)]);
        for other in [
            Told { record: &sender, ..same },
            Told { record: &buffer, ..same },
            Told { segments: &moved, ..same },
            Told { decisions: ToldDecisions::Listed(&counted), ..same },
            Told { zones: Some(&[]), ..same },
            Told { waiting: Some(&[]), ..same },
        ] {
            assert!(!is_found(&other, first, b"..."), "{other:?}");
        }
    }
}
