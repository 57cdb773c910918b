//! The service over its socket, beside a bare echo of the same bytes in the same run.
//!
//! `cargo bench -p busdmad --bench socket` prints a table; `-- NAME` runs the lines whose names contain it. Client and
//! service are processes of their own, as they are in use.

#![expect(clippy::print_stdout, reason = "it prints its figures")]

mod peers;
mod traffic;

use peers::{Echo, Service};
use std::time::{Duration, Instant};
use traffic::{EchoLink, Link, Stage};

/// How long each figure is measured for.
const MEASURED: Duration = Duration::from_millis(1500);

/// Figures are taken so often; the best one counts, since others' work on the machine only ever adds time.
const ROUNDS: usize = 3;

fn main() {
    if peers::is_echo() {
        return peers::echo();
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let lines: [(&str, fn()); 6] = [
        ("round-trip", round_trip),
        ("pipelined", pipelined),
        ("submit", submit),
        ("two-machines", two_machines),
        ("recording", recording),
        ("watch", watch),
    ];
    for (name, line) in lines {
        if name.contains(&*wanted) {
            line();
        }
    }
}

/// A load and an unload, each a call of its own, against an echo of the same messages.
fn round_trip() {
    let service = Service::start(&[]);
    let mut link = Link::to(&service);
    let mut stage = Stage::on_new_machine(&mut link);
    let pair = stage.load_and_unload();
    let ours = best(|deadline| count(deadline, || link.exchange(&pair)));
    let echo = Echo::start();
    let mut bare = EchoLink::to(&echo, &pair.sizes(&mut link));
    let theirs = best(|deadline| count(deadline, || bare.exchange())) / 2.0;
    let (ours, theirs) = (1e9 / ours, 1e9 / theirs);
    println!(
        "round trip    load + unload {ours:>8.0} ns   echo of the same bytes {theirs:>8.0} ns   {:.2} times",
        ours / theirs
    );
}

/// Loads sent ahead on one connection.
fn pipelined() {
    let service = Service::start(&[]);
    let mut link = Link::to(&service);
    let mut stage = Stage::on_new_machine(&mut link);
    let (loads, unloads) = stage.many_loads(10_000);
    let rate = best(|deadline| {
        let (mut calls, mut spent) = (0.0, Duration::ZERO);
        while Instant::now() < deadline {
            let begun = Instant::now();
            link.pour(&loads);
            spent += begun.elapsed();
            calls += 10_000.0;
            link.pour(&unloads);
        }
        calls / spent.as_secs_f64()
    });
    println!("pipelined     {:>8.0} k loads/s on one connection", rate / 1e3);
}

/// Batches of loads and unloads.
fn submit() {
    let service = Service::start(&[]);
    println!("submit        {:>8.0} k operations/s in batches of {}", batches(&service) / 1e3, traffic::BATCH);
}

fn batches(service: &Service) -> f64 {
    let mut link = Link::to(service);
    let mut stage = Stage::on_new_machine(&mut link);
    let batches = stage.batches();
    best(|deadline| count(deadline, || link.pour(&batches))) * f64::from(traffic::BATCH * traffic::AHEAD)
}

/// Two connections, each with a machine of its own.
fn two_machines() {
    let service = Service::start(&[]);
    let one = batches(&service);
    let both = std::thread::scope(|scope| {
        let halves = [(); 2].map(|()| scope.spawn(|| batches(&service)));
        halves.into_iter().map(|half| half.join().expect("a client")).sum::<f64>()
    });
    println!(
        "two machines  {:>8.0} k operations/s together, one alone {:.0} k: {:.2} times",
        both / 1e3,
        one / 1e3,
        both / one
    );
}

/// What recording costs: the calls' own threads, and all together where service, client and recorder share the processors.
fn recording() {
    let directory = tempfile::tempdir().expect("a directory");
    let off = Service::start(&[]);
    let path = directory.path().to_str().expect("UTF-8");
    let on = Service::start(&["--record", path]);
    // Turn by turn, so that what else the machine does falls on both.
    let (mut without, mut with) = (Share::default(), Share::default());
    for _ in 0..ROUNDS {
        without.add(&off);
        with.add(&on);
    }
    let status = Link::to(&on).recorder_status();
    println!(
        "recording     {:>8.0} k operations/s, without {:.0} k: costs {:.1} %; a call's thread works {:.0} ns an operation, \
         without {:.0}: {:.1} %; {status}",
        with.rate / 1e3,
        without.rate / 1e3,
        100.0 * (1.0 - with.rate / without.rate),
        with.worked_ns(),
        without.worked_ns(),
        100.0 * (with.worked_ns() / without.worked_ns() - 1.0)
    );
}

/// What came of several rounds of batches.
#[derive(Default)]
struct Share {
    rate: f64,
    operations: f64,
    worked: Duration,
}

impl Share {
    fn add(&mut self, service: &Service) {
        let mut link = Link::to(service);
        let mut stage = Stage::on_new_machine(&mut link);
        let batches = stage.batches();
        let before = service.cpu_of("connection");
        let begun = Instant::now();
        let rate = count(begun + MEASURED, || link.pour(&batches)) * f64::from(traffic::BATCH * traffic::AHEAD);
        self.operations += rate * begun.elapsed().as_secs_f64();
        self.worked += service.cpu_of("connection").saturating_sub(before);
        self.rate = self.rate.max(rate);
    }

    fn worked_ns(&self) -> f64 {
        self.worked.as_secs_f64() * 1e9 / self.operations
    }
}

/// A snapshot 20 times a second of a machine with 100,000 maps.
fn watch() {
    let service = Service::start(&[]);
    let mut link = Link::to(&service);
    let mut stage = Stage::on_new_machine(&mut link);
    let (loads, _) = stage.many_loads(100_000);
    link.pour(&loads);
    let mut watcher = Link::to(&service);
    watcher.start_watching(50);
    let (before, begun) = (service.cpu(), Instant::now());
    let mut snapshots = 0;
    while begun.elapsed() < 3 * MEASURED {
        watcher.receive_one();
        snapshots += 1;
    }
    let share = service.cpu().saturating_sub(before).as_secs_f64() / begun.elapsed().as_secs_f64();
    println!(
        "watch         {:>8.1} % of a core for {:.0} snapshots/s of 100,000 maps",
        100.0 * share,
        f64::from(snapshots) / begun.elapsed().as_secs_f64()
    );
}

/// How often something can be done in a second.
fn count(deadline: Instant, mut act: impl FnMut()) -> f64 {
    let begun = Instant::now();
    let mut done = 0.0;
    while Instant::now() < deadline {
        act();
        done += 1.0;
    }
    done / begun.elapsed().as_secs_f64()
}

fn best(mut measure: impl FnMut(Instant) -> f64) -> f64 {
    measure(Instant::now() + MEASURED / 4);
    (0..ROUNDS).map(|_| measure(Instant::now() + MEASURED)).fold(0.0, f64::max)
}
