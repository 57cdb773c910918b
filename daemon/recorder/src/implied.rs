//! Decisions that go without saying: what most operations decide is told by their results already, and a tape need not copy
//! it.

use crate::chunk::Body;
use busdma_engine::{Decision, MapId, PageCount, Segment, SplitReason};

/// The decisions of an operation that has only those its result implies: a load of one piece that is not bounced, or an
/// unload that gives no pages back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Implied {
    /// The piece begins the first segment, which ends the load.
    Loaded { map: MapId, segment: Segment },
    /// The map was unloaded.
    Unloaded { map: MapId },
}

impl Implied {
    /// What the decisions of an operation would be if nothing else was decided; none where that depends on more.
    #[inline]
    pub(crate) const fn by(body: &Body, segments: &[Segment]) -> Option<Self> {
        match (body, segments) {
            (&Body::BufferLoaded { map, .. }, &[segment]) => Some(Self::Loaded { map, segment }),
            (&Body::Unload { map, .. }, _) => Some(Self::Unloaded { map }),
            _ => None,
        }
    }

    /// Whether they are these, field by field: on the engine's thread, where to make them first would cost more than to copy.
    #[inline]
    pub(crate) fn are(self, decisions: &[Decision]) -> bool {
        let are = match (self, decisions) {
            (
                Self::Loaded { map, segment },
                &[
                    Decision::Split { map: cut, segment: 0, addr, len, reason: SplitReason::First },
                    Decision::Loaded { map: loaded, segments: 1, bounce_pages: PageCount::ZERO },
                ],
            ) => cut == map && loaded == map && segment == Segment { addr, len },
            (Self::Unloaded { map }, &[Decision::Unloaded { map: unloaded, released: PageCount::ZERO }]) => {
                unloaded == map
            }
            _ => false,
        };
        debug_assert_eq!(are, self.with_all(|all| all == decisions));
        are
    }

    /// Hands them out.
    #[inline]
    pub(crate) fn with_all<R>(self, take: impl FnOnce(&[Decision]) -> R) -> R {
        match self {
            Self::Loaded { map, segment: Segment { addr, len } } => take(&[
                Decision::Split { map, segment: 0, addr, len, reason: SplitReason::First },
                Decision::Loaded { map, segments: 1, bounce_pages: PageCount::ZERO },
            ]),
            Self::Unloaded { map } => take(&[Decision::Unloaded { map, released: PageCount::ZERO }]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Implied;
    use busdma_engine::{BusAddr, BusSize, Decision, MapId, PageCount, Segment, SplitReason};

    const SEGMENT: Segment = Segment { addr: BusAddr::new(0x1000), len: BusSize::new(512) };

    fn map(index: u32) -> MapId {
        MapId::from_parts(index, 1).unwrap()
    }

    fn split(map: MapId, segment: usize, Segment { addr, len }: Segment, reason: SplitReason) -> Decision {
        Decision::Split { map, segment, addr, len, reason }
    }

    fn loaded(map: MapId, segments: usize, bounce_pages: u32) -> Decision {
        Decision::Loaded { map, segments, bounce_pages: PageCount::new(bounce_pages) }
    }

    fn unloaded(map: MapId, released: u32) -> Decision {
        Decision::Unloaded { map, released: PageCount::new(released) }
    }

    #[test]
    fn nothing_but_what_the_result_tells_is_implied() {
        let load = Implied::Loaded { map: map(0), segment: SEGMENT };
        let unload = Implied::Unloaded { map: map(0) };
        let (first, longer) = (SplitReason::First, Segment { len: BusSize::new(513), ..SEGMENT });
        let moved = Segment { addr: BusAddr::new(0x2000), ..SEGMENT };
        let begun = split(map(0), 0, SEGMENT, first);
        let bounced = Decision::Counted { map: map(0), pages_needed: PageCount::new(1) };
        let cases: [(Implied, &[Decision], bool); 17] = [
            (load, &[begun, loaded(map(0), 1, 0)], true),
            (load, &[], false),
            (load, &[begun], false),
            (load, &[loaded(map(0), 1, 0)], false),
            (load, &[bounced, begun, loaded(map(0), 1, 0)], false),
            (load, &[begun, loaded(map(1), 1, 0)], false),
            (load, &[begun, loaded(map(0), 2, 0)], false),
            (load, &[begun, loaded(map(0), 1, 1)], false),
            (load, &[split(map(1), 0, SEGMENT, first), loaded(map(0), 1, 0)], false),
            (load, &[split(map(0), 1, SEGMENT, first), loaded(map(0), 1, 0)], false),
            (load, &[split(map(0), 0, longer, first), loaded(map(0), 1, 0)], false),
            (load, &[split(map(0), 0, moved, first), loaded(map(0), 1, 0)], false),
            (load, &[split(map(0), 0, SEGMENT, SplitReason::Discontiguous), loaded(map(0), 1, 0)], false),
            (unload, &[unloaded(map(0), 0)], true),
            (unload, &[unloaded(map(0), 1)], false),
            (unload, &[unloaded(map(1), 0)], false),
            (unload, &[unloaded(map(0), 0), unloaded(map(0), 0)], false),
        ];
        for (implied, decisions, expected) in cases {
            assert_eq!(implied.are(decisions), expected, "{implied:?}: {decisions:?}");
            assert_eq!(implied.with_all(|all| all == decisions), expected, "{implied:?}: {decisions:?}");
        }
    }
}
