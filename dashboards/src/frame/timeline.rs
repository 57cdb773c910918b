//! A whole recording as a bar.

use std::sync::Arc;

/// A whole recording, from its first moment to its last, and where in it the frame is.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// What moments are counted in.
    pub axis: TimeAxis,
    /// The first moment.
    pub start: u64,
    /// The last moment, inclusive; of what has been read so far.
    pub end: u64,
    /// The moment of the frame.
    pub at: u64,
    /// How far one step goes.
    pub step: u64,
    /// Equal parts of the time from `start` to `end`, in order.
    pub buckets: Arc<[Bucket]>,
}

/// What moments are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeAxis {
    /// Nanoseconds.
    Nanoseconds,
    /// Operations, where the recording holds no times.
    Operations,
}

/// One part of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bucket {
    /// Pages promised or in use of all there are, in the fullest zone at its fullest: 0.0 to 1.0.
    pub pressure: f32,
    /// Loads that were deferred.
    pub deferred: u32,
}
