//! The daemon's clock.

use busdma_engine::Nanos;
use std::time::Instant;

/// Counts nanoseconds from the daemon's start, on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts counting.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// What time it is.
    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        Nanos::new(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
