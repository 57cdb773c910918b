//! The last while of a zone, for sparklines.

/// Samples at even intervals, oldest first; the last one ends at the frame's moment, or less than an
/// interval before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trend {
    /// How much time a sample stands for, nanoseconds.
    pub interval_ns: u64,
    /// The samples.
    pub samples: Vec<TrendSample>,
}

/// What happened in one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrendSample {
    /// The most pages in use at once, as far as it was looked.
    pub active: u32,
    /// By how much `total_bounced` grew.
    pub bounced: u32,
    /// By how much `total_deferred` grew.
    pub deferred: u32,
}
