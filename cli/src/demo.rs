//! `busdma demo`: traffic, so that there is something to look at.
//!
//! A driver takes operations from busdma-sim's workload and carries them out on a host: the daemon, or an engine inside
//! this process. Each client is a thread with a driver and a machine of its own.

mod local;
mod pace;
mod remote;
mod render;
mod tally;
mod wire;

use crate::args::DemoArgs;
use crate::console;
use crate::daemon::{Daemon, DaemonError};
use crate::failure::{self, Answer};
use crate::interrupt::Interruption;
use busdma_api::monitor::ZoneInfo;
use busdma_engine::Nanos;
use busdma_sim::driver::{self, Driver, Host, LocalHost, Tally};
use busdma_sim::workload::Traffic;
use local::Hazards;
use pace::Pace;
use remote::Watcher;
use render::LiveLines;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tally::Summary;

/// A machine's name and its zones.
type Pools = (String, Vec<ZoneInfo>);

/// What can be seen of the clients' machines from outside.
#[derive(Clone, Debug, Default)]
struct Seen {
    pools: Vec<Pools>,
    /// What was found wrong, by kind, and how often.
    findings: BTreeMap<String, u64>,
}

/// What one client drives, and from which seed.
#[derive(Clone, Copy, Debug)]
struct Plan {
    traffic: Traffic,
    seed: u64,
}

/// Drives the daemon, or without one an engine in this process, and prints what comes of it.
///
/// # Errors
///
/// The daemon refuses or goes away, or standard output cannot be written.
pub fn run(args: &DemoArgs) -> anyhow::Result<Answer> {
    let interruption = Interruption::watch(None)?;
    let plans = plans(args);
    let summary = if let Some(daemon) = daemon(args)? {
        let socket = daemon.path().display().to_string();
        let mut watcher = Watcher::new(daemon)?;
        let hosts =
            plans.iter().map(|plan| watcher.host(&driver::machine(plan.traffic))).collect::<Result<Vec<_>, _>>()?;
        let run = drive(args, &interruption, &plans, hosts, || watcher.look())?;
        Summary::new(args, Some(socket), run)
    } else {
        let hosts: Vec<_> =
            plans.iter().map(|plan| LocalHost::new(driver::machine(plan.traffic), Hazards::default())).collect();
        let engines: Vec<_> = hosts.iter().map(LocalHost::engine).collect();
        let run = drive(args, &interruption, &plans, hosts, || Ok(local::look(&engines)))?;
        Summary::new(args, None, run)
    };
    let text = if args.json {
        console::pretty_json(&summary)?
    } else {
        render::summary(&summary, console::width_or(TABLE_WIDTH))
    };
    console::print(&text)?;
    Ok(Answer::Yes)
}

/// Columns where there is no terminal to ask: the zones have many counters.
const TABLE_WIDTH: usize = 120;

/// The daemon, unless there is none or it is not wanted.
fn daemon(args: &DemoArgs) -> Result<Option<Daemon>, DaemonError> {
    if args.local {
        return Ok(None);
    }
    match Daemon::connect(&args.daemon) {
        Err(DaemonError::NotRunning { path }) => {
            let path = path.display();
            failure::note(&format!("no busdmad at {path}, so an engine inside this process takes the traffic"));
            Ok(None)
        }
        connected => connected.map(Some),
    }
}

/// The first client waits for bounce pages all the time; the others are disks and network adapters; then it begins anew.
fn plans(args: &DemoArgs) -> Vec<Plan> {
    let kinds = [Traffic::BouncePressure, Traffic::Mixed, Traffic::Storage, Traffic::Network];
    let clients = usize::from(args.clients);
    let kinds = kinds.into_iter().cycle().take(clients);
    kinds.zip(0..).map(|(traffic, nth)| Plan { traffic, seed: args.seed.wrapping_add(nth) }).collect()
}

/// What a run came to.
#[derive(Debug)]
struct Run {
    tally: Tally,
    time: Duration,
    seen: Seen,
}

/// Runs the clients until the time is over, a signal comes or one of them fails, with a line a second.
fn drive<H: Host<Error: Into<anyhow::Error> + Send> + Send>(
    args: &DemoArgs,
    interruption: &Interruption,
    plans: &[Plan],
    hosts: Vec<H>,
    mut look: impl FnMut() -> anyhow::Result<Seen>,
) -> anyhow::Result<Run> {
    let stop = AtomicBool::new(false);
    let started = Instant::now();
    let rate = args.rate.div_ceil(u64::from(args.clients));
    let tallies: Vec<_> = plans.iter().map(|_| Arc::new(Mutex::new(Tally::default()))).collect();
    thread::scope(|scope| {
        let clients: Vec<_> = hosts
            .into_iter()
            .zip(plans)
            .zip(&tallies)
            .map(|((host, plan), tally)| {
                let (driver, stop) = (Driver::new(host, plan.traffic, plan.seed, Arc::clone(tally)), &stop);
                scope.spawn(move || {
                    let ended = client(driver, Pace::new(started, rate), started, stop).map_err(Into::into);
                    if ended.is_err() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    ended
                })
            })
            .collect();
        let watched = watch(args, interruption, &stop, started, &tallies, &mut look);
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            match client.join() {
                Ok(ended) => ended?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        watched?;
        Ok(Run { tally: sum(&tallies), time: started.elapsed(), seen: look()? })
    })
}

fn client<H: Host>(mut driver: Driver<H>, mut pace: Pace, started: Instant, stop: &AtomicBool) -> Result<(), H::Error> {
    let now = || Nanos::new(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
    while !stop.load(Ordering::Relaxed) {
        let carried_out = driver.step(now())?;
        pace.carried_out(carried_out, stop);
    }
    driver.finish(now())
}

/// Prints a line a second until the time is over.
fn watch(
    args: &DemoArgs,
    interruption: &Interruption,
    stop: &AtomicBool,
    started: Instant,
    tallies: &[Arc<Mutex<Tally>>],
    look: &mut impl FnMut() -> anyhow::Result<Seen>,
) -> anyhow::Result<()> {
    let mut lines = LiveLines::default();
    if !args.json {
        console::print(&LiveLines::heading())?;
    }
    for second in 1..=args.seconds {
        let due = started + Duration::from_secs(second);
        interruption.sleep(due.saturating_duration_since(Instant::now()));
        if interruption.has_come() || stop.load(Ordering::Relaxed) {
            break;
        }
        if !args.json {
            console::print(&lines.line(second, &sum(tallies), &look()?.pools))?;
        }
    }
    Ok(())
}

fn sum(tallies: &[Arc<Mutex<Tally>>]) -> Tally {
    let mut sum = Tally::default();
    for tally in tallies {
        sum.add(&tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
    sum
}
