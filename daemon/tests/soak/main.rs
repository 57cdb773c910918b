//! A soak: eight drivers on two machines whose pools are too small for them. Every deferred load is answered, in its turn,
//! and the daemon does not grow.
//!
//! It lasts `BUSDMA_SOAK_SECONDS`, 10 unless told otherwise.

#[path = "../recording/counts.rs"]
#[expect(dead_code, reason = "a recording's clients are counted in more ways")]
mod counts;
#[path = "../program/daemon.rs"]
mod daemon;
#[path = "../recording/driver.rs"]
#[expect(dead_code, reason = "a recording's clients work in more places")]
mod driver;
mod footprint;
#[path = "../recording/loads.rs"]
mod loads;
mod order;
#[path = "../recording/random.rs"]
mod random;
#[path = "../recording/shapes.rs"]
mod shapes;

use busdma_api::client::Client;
use busdma_api::engine::{BounceModel, CreateMachine, Session};
use busdma_api::monitor::{MachineSnapshot, MapTotals, Snapshot};
use busdma_api::{Hex, MachineId};
use counts::Counts;
use daemon::{Daemon, PATIENCE, directory};
use driver::{Driver, Home};
use footprint::Footprint;
use order::{Order, Rule, watch};
use rustix::process::Signal;
use shapes::{Mix, PAGE};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Drivers on `host0`, which is a FreeBSD 11, each in a session of its own.
const ON_HOST0: usize = 5;

/// Drivers in one session, on its strict machine.
const ON_STRICT: usize = 3;

/// How much more memory a daemon may take after the soak than after its warm-up: what allocators and histograms have not
/// touched yet. A leak of 16 bytes a load is more.
const GROWTH_KIB: u64 = 8 << 10;

/// Pools that are just enough for one load of eight pages of each driver, which may all wait at once: with fewer, waiting
/// loads could keep pages from each other for ever. They are too small for what the drivers would hold.
const CONFIG: &str = "[host0]\nprofile = \"freebsd-11\"\nbounce_frames = 1024\nmax_bpages = 40\n";

#[test]
fn eight_drivers() {
    let lasts = Duration::from_secs(std::env::var("BUSDMA_SOAK_SECONDS").map_or(10, |text| text.parse().unwrap()));
    let warm_up = (lasts / 5).clamp(Duration::from_secs(2), Duration::from_mins(1));
    let (directory, socket) = directory();
    let file = directory.path().join("busdmad.toml");
    std::fs::write(&file, CONFIG).unwrap();
    let daemon = Daemon::serving(&socket, |command| {
        command.arg("--config").arg(&file);
    });
    let mut owner = Client::connect(&socket).unwrap();
    let homes = homes(&mut owner);
    let watched = [(MachineId::HOST0, Rule::HeadOfAll), (strict_machine(&homes), Rule::HeadOfZone)];
    let (orders, counts, footprints) = thread::scope(|scope| {
        // Dropped in here, so that watchers do not outlive a test that fails.
        let mut daemon = daemon;
        let idle = Footprint::of(daemon.pid()).threads + watched.len();
        let watchers = watched.map(|(machine, rule)| {
            let socket = &socket;
            scope.spawn(move || watch(socket, machine, rule))
        });
        let mut counts = Counts::default();
        let footprints = [(warm_up, 1), (lasts.saturating_sub(warm_up), 1000)].map(|(lasts, seed)| {
            counts.merge(&drive(&socket, &homes, lasts, seed));
            settle(&mut owner);
            Footprint::at_rest(daemon.pid(), idle)
        });
        drop(owner);
        daemon.send(Signal::TERM);
        assert_eq!(daemon.ended().code(), Some(0));
        for word in ["panicked", "ERROR"] {
            assert_eq!(daemon.lines_with(word), [""; 0]);
        }
        (watchers.map(|watcher| watcher.join().unwrap()), counts, footprints)
    });
    report(&orders, &counts, footprints);
    assert_answered(&orders, &counts);
    assert_flat(footprints);
}

/// Where the drivers work.
fn homes(owner: &mut Client) -> Vec<Home> {
    let create = CreateMachine {
        profile: Some("strict".to_owned()),
        memory_bytes: Some(16 << 30),
        max_bpages: Some(24),
        bounce: Some(BounceModel { base: Hex(0x10_0000), stride: PAGE, frames: 512 }),
    };
    let machine = owner.call(&create).unwrap().machine;
    let token = owner.call(&Session {}).unwrap().token;
    let mut homes = vec![Home::Host0; ON_HOST0];
    homes.resize(ON_HOST0 + ON_STRICT, Home::Joined { token, machine });
    homes
}

fn strict_machine(homes: &[Home]) -> MachineId {
    let machine = homes.iter().find_map(|home| match home {
        Home::Joined { machine, .. } => Some(*machine),
        _ => None,
    });
    machine.unwrap()
}

/// Runs all drivers for so long, and looks at the machines meanwhile.
fn drive(socket: &Path, homes: &[Home], lasts: Duration, seed: u64) -> Counts {
    let until = Instant::now() + lasts;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = Client::connect(socket).unwrap();
            while !over.load(Ordering::Relaxed) {
                for machine in client.call(&Snapshot::default()).unwrap().machines {
                    assert_consistent(&machine);
                }
                thread::sleep(Duration::from_millis(50));
            }
        });
        let drivers: Vec<_> = (seed..)
            .zip(homes)
            .map(|(seed, home)| {
                scope.spawn(move || {
                    let mut driver = Driver::new(socket, home.clone(), Mix::Steady, seed);
                    while Instant::now() < until {
                        driver.step();
                    }
                    driver.end()
                })
            })
            .collect();
        let mut counts = Counts::default();
        let ended: Vec<_> = drivers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        for driver in ended {
            counts.merge(&driver.unwrap());
        }
        counts
    })
}

/// What holds at any time.
fn assert_consistent(machine: &MachineSnapshot) {
    for zone in &machine.zones {
        assert_eq!(zone.free_bpages + zone.reserved_bpages + zone.active_bpages, zone.total_bpages, "{zone:?}");
    }
    let waiting = machine.zones.iter().map(|zone| zone.waiters).sum::<u32>();
    assert_eq!(waiting, machine.waiters_total);
    assert!(machine.maps_total.deferred >= machine.waiters_total, "{:?}", machine.maps_total);
    for waiter in &machine.waiters {
        assert!(waiter.reserved < waiter.needed, "{waiter:?}");
    }
}

/// Waits until all that drivers had is gone; asserts that all pages are back.
fn settle(owner: &mut Client) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let machines = owner.call(&Snapshot::default()).unwrap().machines;
        let is_empty = |machine: &MachineSnapshot| {
            machine.tags.is_empty() && machine.maps_total == MapTotals::default() && machine.memory_bytes == 0
        };
        if machines.iter().all(is_empty) {
            for zone in machines.iter().flat_map(|machine| &machine.zones) {
                assert_eq!(zone.free_bpages, zone.total_bpages, "{zone:?}");
            }
            assert!(machines.iter().all(|machine| machine.dmamem_bytes == 0));
            return;
        }
        assert!(Instant::now() < deadline, "not released: {machines:#?}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[expect(clippy::print_stdout, reason = "what a long soak has seen is read by a person")]
fn report(orders: &[Order; 2], counts: &Counts, [before, after]: [Footprint; 2]) {
    for order in orders {
        println!("{:?}", order.totals);
    }
    let calls: u64 = counts.calls.values().sum();
    println!("{calls} calls, {:?}\nafter the warm-up {before:?}\nat the end {after:?}", counts.deferrals);
}

/// Every deferred load was taken up or cancelled, and whoever waited for it was told.
fn assert_answered(orders: &[Order; 2], counts: &Counts) {
    let deferrals = counts.deferrals;
    let total = |of: fn(&Order) -> u64| orders.iter().map(of).sum::<u64>();
    let (deferred, resumed) = (total(|order| order.totals.deferred), total(|order| order.totals.resumed));
    let cancelled = total(|order| order.totals.cancelled);
    assert_eq!(deferred, resumed + cancelled);
    assert_eq!(deferrals.begun, deferred);
    assert_eq!(deferrals.begun, deferrals.loaded + deferrals.failed + deferrals.abandoned);
    assert!(cancelled <= deferrals.abandoned);
    assert_eq!(deferrals.failed, 0);
    for order in orders {
        assert!(order.totals.deferred > 20 && order.totals.longest > 1, "hardly anybody had to wait: {order:?}");
    }
}

fn assert_flat([before, after]: [Footprint; 2]) {
    assert_eq!((after.descriptors, after.threads), (before.descriptors, before.threads));
    assert!(after.resident_kib <= before.resident_kib + GROWTH_KIB, "{before:?}, {after:?}");
}
