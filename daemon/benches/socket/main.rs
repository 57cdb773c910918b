//! The service over its socket, beside a bare echo of the same bytes in the same run.
//!
//! `cargo bench -p busdmad --bench socket` prints a table; `-- NAME` runs the lines whose names contain it. Client and
//! service are processes of their own, as they are in use.

#![expect(clippy::print_stdout, reason = "it prints its figures")]

mod peers;
mod traffic;

use peers::{Echo, Service};
use std::time::{Duration, Instant};
use traffic::{Buffers, EchoLink, Link, Stage};

/// How long each figure is measured for.
const MEASURED: Duration = Duration::from_millis(1500);

/// Figures are taken so often; the best one counts, since others' work on the machine only ever adds time.
const ROUNDS: usize = 3;

/// How often recording is turned on and off, and for how long each time: longer than what may wait to be written, and short
/// against what else happens on the machine.
const TURNS: usize = 41;
const TURN: Duration = Duration::from_millis(300);

fn main() {
    if peers::is_echo() {
        return peers::echo();
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let lines: [(&str, fn()); 7] = [
        ("round-trip", round_trip),
        ("pipelined", pipelined),
        ("submit", submit),
        ("two-machines", two_machines),
        ("recording", || recording(Buffers::One)),
        ("recording-rotating", || recording(Buffers::Rotating)),
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
    let batches = stage.batches(Buffers::One);
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
fn recording(buffers: Buffers) {
    let directory = tempfile::tempdir().expect("a directory");
    let off = Service::start(&[]);
    let path = directory.path().to_str().expect("UTF-8");
    let on = Service::start(&["--record", path]);
    // Turn by turn, so that what else the machine does falls on both; each turn is held against the one beside it.
    let turns: Vec<(Turn, Turn)> = (0..TURNS).map(|_| (Turn::of(&off, buffers), Turn::of(&on, buffers))).collect();
    let status = Link::to(&on).recorder_status();
    let cost = |(off, on): &(Turn, Turn)| 100.0 * (1.0 - on.rate / off.rate);
    let operations = |turn: fn(&(Turn, Turn)) -> &Turn| turns.iter().map(|pair| turn(pair).operations).sum::<f64>();
    let ns = |turn: fn(&(Turn, Turn)) -> &Turn, worked: fn(&Turn) -> Duration| {
        turns.iter().map(|pair| worked(turn(pair))).sum::<Duration>().as_secs_f64() * 1e9 / operations(turn)
    };
    println!(
        "{:<14}{:>8.0} k operations/s, without {:.0} k: costs {:.1} %, {:.1} to {:.1} in half of the turns; a call's thread \
         works {:.0} ns an operation, without {:.0}, the recorder's {:.0}; {status}",
        match buffers {
            Buffers::One => "recording",
            Buffers::Rotating => "  rotating",
        },
        quartile(&turns, 2, |(_, on)| on.rate) / 1e3,
        quartile(&turns, 2, |(off, _)| off.rate) / 1e3,
        quartile(&turns, 2, cost),
        quartile(&turns, 1, cost),
        quartile(&turns, 3, cost),
        ns(|(_, on)| on, |turn| turn.called),
        ns(|(off, _)| off, |turn| turn.called),
        ns(|(_, on)| on, |turn| turn.recorded),
    );
}

/// What came of batches for a while.
struct Turn {
    /// Operations a second.
    rate: f64,
    operations: f64,
    /// What the thread worked that carried them out.
    called: Duration,
    /// What the recorder's thread worked.
    recorded: Duration,
}

impl Turn {
    fn of(service: &Service, buffers: Buffers) -> Self {
        let mut link = Link::to(service);
        let mut stage = Stage::on_new_machine(&mut link);
        let batches = stage.batches(buffers);
        let worked = || ["connection", "recorder"].map(|thread| service.cpu_of(thread));
        let before = worked();
        let begun = Instant::now();
        let rate = count(begun + TURN, || link.pour(&batches)) * f64::from(traffic::BATCH * traffic::AHEAD);
        let operations = rate * begun.elapsed().as_secs_f64();
        // What is left to be written counts as work of this turn, and is not to fall into the next.
        std::thread::sleep(TURN / 3);
        let [called, recorded] = worked();
        let [called, recorded] = [called.saturating_sub(before[0]), recorded.saturating_sub(before[1])];
        Self { rate, operations, called, recorded }
    }
}

/// One of the three quartiles of a figure; the second is the median.
fn quartile(turns: &[(Turn, Turn)], number: usize, figure: impl Fn(&(Turn, Turn)) -> f64) -> f64 {
    let mut figures: Vec<f64> = turns.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures[(figures.len() - 1) * number / 4]
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
