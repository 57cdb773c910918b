//! The clock of a recording: one that never runs back, over all scenarios of a file.

use crate::frame::TimeAxis;

/// Where a reader stands in time, after so many operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Clock {
    axis: Option<TimeAxis>,
    /// Operations so far.
    pub(super) operations: u64,
    /// The time of the last one.
    pub(super) now: u64,
    /// What is added to the times of this scenario, so that they come after those of the one before.
    offset: u64,
    scenario: Scenario,
}

/// Whether a scenario has had an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Scenario {
    #[default]
    Fresh,
    Begun,
}

impl Clock {
    /// What moments are counted in; the first operation decides it.
    pub(super) fn axis(&self) -> TimeAxis {
        self.axis.unwrap_or(TimeAxis::Nanoseconds)
    }

    /// A header was read.
    pub(super) fn scenario(&mut self) {
        self.scenario = Scenario::Fresh;
    }

    /// The clock after an operation that began at `t`.
    #[must_use]
    pub(super) fn after(mut self, t: Option<u64>) -> Self {
        self.operations += 1;
        let axis = *self.axis.get_or_insert(match t {
            Some(_) => TimeAxis::Nanoseconds,
            None => TimeAxis::Operations,
        });
        match (axis, t) {
            (TimeAxis::Operations, _) => self.now = self.operations,
            (TimeAxis::Nanoseconds, None) => {}
            (TimeAxis::Nanoseconds, Some(t)) => {
                if self.scenario == Scenario::Fresh {
                    self.offset = self.now.saturating_sub(t);
                }
                self.now = self.now.max(t.saturating_add(self.offset));
            }
        }
        self.scenario = Scenario::Begun;
        self
    }

    /// A time of this scenario's own, on this clock.
    pub(super) fn of_scenario(&self, t: u64) -> u64 {
        t.saturating_add(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn time_never_runs_back() {
        let check = |steps: &[Option<Option<u64>>], times: &[u64]| {
            let mut clock = Clock::default();
            let mut found = Vec::new();
            for step in steps {
                match step {
                    None => clock.scenario(),
                    Some(t) => {
                        clock = clock.after(*t);
                        found.push(clock.now);
                    }
                }
            }
            assert_eq!(found, times, "{steps:?}");
        };
        check(&[Some(Some(5)), Some(Some(9)), Some(Some(7)), Some(None)], &[5, 9, 9, 9]);
        check(&[Some(Some(5)), None, Some(Some(1)), Some(Some(3))], &[5, 5, 7]);
        check(&[Some(Some(5)), None, Some(Some(8))], &[5, 8]);
        check(&[Some(None), Some(None), None, Some(Some(1))], &[1, 2, 3]);
        check(&[Some(Some(u64::MAX)), None, Some(Some(1)), Some(Some(9))], &[u64::MAX, u64::MAX, u64::MAX]);
    }
}
