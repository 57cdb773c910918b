//! How long the program has run.

use std::time::{Duration, Instant};

/// From one reading to the next at most. A longer time is one in which the program was stopped without seeing it come.
const UNREAD_MAX: Duration = Duration::from_secs(1);

/// Time since the program began, without what it was stopped for: a recording must not have played on meanwhile.
pub(super) struct Clock {
    counted: Duration,
    read_at: Instant,
}

impl Clock {
    /// One that begins now.
    pub(super) const fn starting(now: Instant) -> Self {
        Self { counted: Duration::ZERO, read_at: now }
    }

    /// The time that has passed by now.
    pub(super) fn at(&mut self, now: Instant) -> Duration {
        self.counted += now.saturating_duration_since(self.read_at).min(UNREAD_MAX);
        self.read_at = now;
        self.counted
    }

    /// Leaves out the time since the last reading.
    pub(super) const fn leave_out_until(&mut self, now: Instant) {
        self.read_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_only_while_the_program_runs() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut clock = Clock::starting(began);
        assert_eq!(clock.at(at(0)), Duration::ZERO);
        assert_eq!(clock.at(at(300)), Duration::from_millis(300));
        assert_eq!(clock.at(at(800)), Duration::from_millis(800));
        clock.leave_out_until(at(10_000));
        assert_eq!(clock.at(at(10_100)), Duration::from_millis(900), "a stop of its own");
        assert_eq!(clock.at(at(90_000)), Duration::from_millis(1900), "one that it did not see coming");
        assert_eq!(clock.at(at(90_100)), Duration::from_secs(2));
    }
}
