//! The daemon's clock.

use busdma_engine::Nanos;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// Counts nanoseconds from the daemon's start, on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// The start as the kernel counts, which is since the host's boot.
    start_monotonic: u64,
}

impl Clock {
    /// Starts counting.
    pub(crate) fn start() -> Self {
        let now = clock_gettime(ClockId::Monotonic);
        let seconds = Duration::from_secs(u64::try_from(now.tv_sec).unwrap_or(0));
        let since_boot = seconds + Duration::from_nanos(u64::try_from(now.tv_nsec).unwrap_or(0));
        Self { start: Instant::now(), start_monotonic: u64::try_from(since_boot.as_nanos()).unwrap_or(u64::MAX) }
    }

    /// A time of the kernel's monotonic clock; what was before the start is at the start.
    pub(crate) fn of_monotonic(&self, at: Nanos) -> Nanos {
        Nanos::new(at.raw().saturating_sub(self.start_monotonic))
    }

    /// What time it is.
    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        Nanos::new(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
