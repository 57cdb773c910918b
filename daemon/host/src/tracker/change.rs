//! What an event changed.

use super::pending::Piece;
use crate::event::SyncOwner;
use crate::mapping::Mapping;

/// What an event changed. One event can change several mappings, or none.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// swiotlb was asked for room; for which mapping, and whether it had any, comes later.
    Asked(&'a Piece),
    /// A mapping was made.
    Began {
        /// The mapping, live.
        mapping: &'a Mapping,
        /// Its bounces, in order.
        pieces: &'a [Piece],
    },
    /// A mapping was tried and not made. Known late for scatter lists: its time is in the mapping.
    Failed {
        /// The mapping that never was.
        mapping: &'a Mapping,
        /// Its bounces, in order; the last one found no room.
        pieces: &'a [Piece],
    },
    /// Ownership of some of a mapping's bytes changed.
    Synced {
        /// The mapping, counted.
        mapping: &'a Mapping,
        /// Whose the bytes are now.
        owner: SyncOwner,
    },
    /// A mapping is over.
    Ended(&'a Mapping),
    /// A mapping's addresses were given out again, and the event that ended it did not come.
    Superseded(&'a Mapping),
    /// A live mapping was forgotten for want of room.
    GivenUp(&'a Mapping),
    /// Bounces were forgotten: it is not known what they belong to.
    Unexplained(&'a [Piece]),
}
