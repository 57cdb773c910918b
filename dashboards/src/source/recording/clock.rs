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

/// What is known of a scenario's own time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Scenario {
    /// Nothing: its first operation decides the offset.
    #[default]
    Fresh,
    /// Its header told when it began, but it has had no operation.
    Placed,
    /// It has had an operation.
    Begun,
}

impl Clock {
    /// What moments are counted in; the first operation decides it.
    pub(super) fn axis(&self) -> TimeAxis {
        self.axis.unwrap_or(TimeAxis::Nanoseconds)
    }

    /// A header was read, of a scenario that began at `t` of its own time, where the header tells that.
    pub(super) fn scenario(&mut self, t: Option<u64>) {
        self.scenario = Scenario::Fresh;
        if let Some(t) = t {
            self.offset = self.now.saturating_sub(t);
            self.scenario = Scenario::Placed;
        }
    }

    /// Whether the scenario has had an operation.
    pub(super) fn has_begun(&self) -> bool {
        self.scenario == Scenario::Begun
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
    use Step::{Header, Operation};

    #[derive(Debug)]
    enum Step {
        Header(Option<u64>),
        Operation(Option<u64>),
    }

    #[test]
    fn time_never_runs_back() {
        let check = |steps: &[Step], times: &[u64]| {
            let mut clock = Clock::default();
            let mut found = Vec::new();
            for step in steps {
                match *step {
                    Header(t) => clock.scenario(t),
                    Operation(t) => {
                        clock = clock.after(t);
                        found.push(clock.now);
                    }
                }
            }
            assert_eq!(found, times, "{steps:?}");
        };
        let at = |t| Operation(Some(t));
        check(&[at(5), at(9), at(7), Operation(None)], &[5, 9, 9, 9]);
        check(&[at(5), Header(None), at(1), at(3)], &[5, 5, 7]);
        check(&[at(5), Header(None), at(8)], &[5, 8]);
        check(&[Operation(None), Operation(None), Header(None), at(1)], &[1, 2, 3]);
        check(&[at(u64::MAX), Header(None), at(1), at(9)], &[u64::MAX, u64::MAX, u64::MAX]);
        // A header that tells when its scenario began: what passed before the first operation counts.
        check(&[at(2000), Header(Some(4)), at(5), at(7)], &[2000, 2001, 2003]);
        check(&[at(5), Header(Some(7)), at(8)], &[5, 8]);
        check(&[Header(Some(8)), at(9)], &[9]);
    }
}
