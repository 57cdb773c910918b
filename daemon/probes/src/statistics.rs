//! Runs, drops and time per program.

use crate::per_program::PerProgram;
use busdma_ebpf::common::map::{Counters, PROGRAM_SLOTS};
use std::fs;
use std::os::fd::RawFd;
use std::time::Duration;

/// What became of a program's runs, and how long they took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProgramStatistics {
    /// What became of them.
    pub counts: RunCounts,
    /// How long they took; nothing where the kernel never measured.
    pub timed: Option<Timed>,
    /// Times that the tracepoint was reached while the program was already running on that processor, so that it was
    /// not run and told nothing. Nothing where the kernel does not count them.
    pub missed: Option<u64>,
}

/// What became of a program's runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RunCounts {
    /// An event went into the ring.
    pub delivered: u64,
    /// The ring had no room: the event is lost.
    pub dropped: u64,
    /// The filter said no.
    pub filtered: u64,
    /// Added to a total.
    pub totalled: u64,
    /// The kernel had no room for another total: the run is in none.
    pub untotalled: u64,
}

/// How long runs took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timed {
    /// Runs while the kernel measured.
    pub runs: u64,
    /// Their time in all.
    pub time: Duration,
}

impl RunCounts {
    /// How often the program ran.
    pub const fn runs(&self) -> u64 {
        self.delivered + self.dropped + self.filtered + self.totalled + self.untotalled
    }

    /// The counts of all processors together.
    pub(crate) fn sum(processors: &[Counters]) -> PerProgram<Self> {
        let sum = |index: usize, count: fn(&Counters) -> &[u64; PROGRAM_SLOTS]| -> u64 {
            processors.iter().filter_map(|counters| count(counters).get(index)).sum()
        };
        PerProgram::from_fn(|program| Self {
            delivered: sum(program.index(), |counters| &counters.delivered),
            dropped: sum(program.index(), |counters| &counters.dropped),
            filtered: sum(program.index(), |counters| &counters.filtered),
            totalled: sum(program.index(), |counters| &counters.totalled),
            untotalled: sum(program.index(), |counters| &counters.untotalled),
        })
    }
}

impl Timed {
    /// Nanoseconds that a run took on average; nothing without runs.
    pub fn ns_per_run(&self) -> Option<u64> {
        let ns = u64::try_from(self.time.as_nanos()).ok()?;
        ns.checked_div(self.runs)
    }
}

impl ProgramStatistics {
    pub(crate) fn read(counts: RunCounts, descriptor: Option<RawFd>) -> Self {
        let text = descriptor.and_then(|fd| fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok());
        let text = text.unwrap_or_default();
        Self { counts, timed: timed(&text), missed: number(&text, "recursion_misses") }
    }
}

/// The kernel tells 0 runs where it never measured.
fn timed(fdinfo: &str) -> Option<Timed> {
    let runs = number(fdinfo, "run_cnt").filter(|&runs| runs > 0)?;
    Some(Timed { runs, time: Duration::from_nanos(number(fdinfo, "run_time_ns")?) })
}

fn number(fdinfo: &str, name: &str) -> Option<u64> {
    let line = fdinfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fdinfo_is_read_as_the_kernel_writes_it() {
        let told = "pos:\t0\nprog_type:\t26\nrun_time_ns:\t1200\nrun_cnt:\t10\nrecursion_misses:\t3\n";
        assert_eq!(timed(told).and_then(|timed| timed.ns_per_run()), Some(120));
        assert_eq!(number(told, "recursion_misses"), Some(3));
        for told in ["", "run_time_ns:\t0\nrun_cnt:\t0\n", "run_cnt:\tx\n", "run_cnt"] {
            assert_eq!(timed(told), None, "{told}");
        }
    }
}
