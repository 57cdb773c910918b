//! So many operations a second, and no more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The longest sleep between looks at whether to stop.
const NAP: Duration = Duration::from_millis(10);

/// Holds a client back to its rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    started: Instant,
    rate: u64,
    done: u64,
}

impl Pace {
    /// `rate` operations a second from `started` on, at least 1.
    pub(super) fn new(started: Instant, rate: u64) -> Self {
        Self { started, rate: rate.max(1), done: 0 }
    }

    /// Sleeps as long as more was done than there was time for.
    pub(super) fn carried_out(&mut self, operations: u64, stop: &AtomicBool) {
        self.done += operations;
        while !stop.load(Ordering::Relaxed) {
            let early = self.due().saturating_sub(self.started.elapsed());
            if early.is_zero() {
                return;
            }
            thread::sleep(early.min(NAP));
        }
    }

    /// When what was done so far should have been done.
    fn due(&self) -> Duration {
        let nanoseconds = u128::from(self.done) * 1_000_000_000 / u128::from(self.rate);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_spread_over_time() {
        let started = Instant::now();
        let mut pace = Pace::new(started, 1000);
        let stop = AtomicBool::new(false);
        for _ in 0..5 {
            pace.carried_out(10, &stop);
        }
        assert!(started.elapsed() >= Duration::from_millis(50), "{:?}", started.elapsed());
        stop.store(true, Ordering::Relaxed);
        pace.carried_out(1_000_000, &stop);
        assert!(started.elapsed() < Duration::from_mins(1), "who is to stop does not sleep");
    }
}
