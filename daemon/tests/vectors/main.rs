//! FreeBSD's own answers through the socket: every golden vector is fed to a private machine, call by call, and what the
//! daemon replies is compared. A scenario that cannot be put in calls is left out for a stated reason, and counted.

mod bytes;
#[path = "../program/daemon.rs"]
#[expect(dead_code, reason = "the tests of the program use all of it")]
mod daemon;
mod loads;
mod memory;
mod reason;
mod request;
mod run;
mod scenario;
mod verdict;

use busdma_api::client::Client;
use daemon::{Daemon, directory};
use reason::Reason;
use scenario::{Scenario, golden_scenarios};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use verdict::{Difference, Seen, Verdict};

/// Connections at work.
const CONNECTIONS: usize = 4;

#[test]
fn every_golden_vector_through_the_socket() {
    let (_directory, socket) = directory();
    let _daemon = Daemon::serving(&socket, |_| {});
    let scenarios = golden_scenarios();
    let mut table = Table::default();
    for (index, verdict, differences) in carry_out_all(&socket, &scenarios) {
        table.add(&scenarios[index], &verdict, &differences);
    }
    assert!(table.differences.is_empty(), "{}\n{}", table.differences, table.text());
    let left_out: Vec<_> = table.left_out.iter().map(|(&reason, &count)| (reason, count)).collect();
    assert_eq!((table.ran, &left_out[..], table.seen), (RAN, &LEFT_OUT[..], SEEN), "{}", table.text());
    assert_eq!(RAN + LEFT_OUT.iter().map(|(_, count)| count).sum::<u64>(), 723);
}

/// Scenarios that are carried out to their end.
const RAN: u64 = 624;

/// All others.
const LEFT_OUT: [(Reason, u64); 7] = [
    (Reason::PageInDmamemArea, 46),
    (Reason::PageIsBounceFrame, 2),
    (Reason::TakenUpLater, 16),
    (Reason::FreedWithForeignMap, 2),
    (Reason::DmamemTooLow, 23),
    (Reason::DmamemLiesElsewhere, 7),
    (Reason::MallocMisaligned, 3),
];

/// What is compared in those that are carried out.
const SEEN: Seen = Seen {
    operations: 7249,
    callbacks: 31,
    client_hashes: 431,
    bounce_hashes: 231,
    bounce_hashes_unseen: 26,
    map_states: 1912,
    map_states_unseen: 271,
};

/// Divides the scenarios among several connections.
fn carry_out_all(socket: &Path, scenarios: &[Scenario]) -> Vec<(usize, Verdict, Vec<Difference>)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut client = Client::connect(socket).unwrap();
        let mut done = Vec::new();
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(scenario) = scenarios.get(index)
        {
            let (verdict, differences) = run::carry_out(&mut client, scenario);
            done.push((index, verdict, differences));
        }
        done
    };
    let mut verdicts = thread::scope(|scope| {
        let workers: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    verdicts.sort_by_key(|(index, ..)| *index);
    verdicts
}

/// What came of all scenarios.
#[derive(Default)]
struct Table {
    ran: u64,
    left_out: BTreeMap<Reason, u64>,
    seen: Seen,
    differences: String,
}

impl Table {
    fn add(&mut self, scenario: &Scenario, verdict: &Verdict, differences: &[Difference]) {
        for difference in differences {
            writeln!(self.differences, "{} {} {difference}", scenario.file, scenario.name).unwrap();
        }
        match verdict {
            Verdict::Ran(seen) => {
                self.ran += 1;
                self.seen.add(seen);
            }
            Verdict::LeftOut(reason) => *self.left_out.entry(*reason).or_default() += 1,
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{:>5} ran, {:#?}\n", self.ran, self.seen);
        for (reason, count) in &self.left_out {
            writeln!(text, "{count:>5} left out: {reason:?}").unwrap();
        }
        text
    }
}
