//! Somebody who has nothing to do with a fault, and must not notice it.

use crate::driver::{Driver, Timed};
use busdma_api::Method;
use busdma_api::client::{CallError, Client};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The longest that a reply may take on a machine that has time for it.
const WORST: Duration = Duration::from_secs(2);

/// A client at work. What it is replied is right, and comes in time.
pub(crate) struct Bystander {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Driver>,
}

impl Bystander {
    pub(crate) fn start(mut driver: Driver) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (metronome, mut watch) = (Metronome::start(), Stopwatch::default());
            for seed in (0..=u8::MAX).cycle() {
                driver.cycle(seed, &mut watch);
                if told.load(Ordering::Relaxed) {
                    break;
                }
            }
            let most = WORST + metronome.allowance();
            assert!(watch.worst < most, "a call took {:?}, more than {most:?}", watch.worst);
            driver
        });
        Self { stop, thread }
    }

    /// The driver, at rest, if all went well.
    pub(crate) fn stop(self) -> Driver {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Calls with the longest time that one took.
#[derive(Default)]
struct Stopwatch {
    worst: Duration,
}

impl Timed for Stopwatch {
    fn timed<M: Method>(&mut self, client: &mut Client, call: &M) -> Result<M::Reply, CallError<M::Error>> {
        let begun = Instant::now();
        let reply = client.call(call);
        self.worst = self.worst.max(begun.elapsed());
        reply
    }
}

/// Calls, however long they take.
pub(crate) struct Untimed;

impl Timed for Untimed {
    fn timed<M: Method>(&mut self, client: &mut Client, call: &M) -> Result<M::Reply, CallError<M::Error>> {
        client.call(call)
    }
}

/// Tells how late threads get to run here, so that a busy machine is not taken for a stalled daemon.
pub(crate) struct Metronome {
    stop: Arc<AtomicBool>,
    /// Nanoseconds.
    latest: Arc<AtomicU64>,
}

impl Metronome {
    pub(crate) fn start() -> Self {
        const BEAT: Duration = Duration::from_millis(5);
        let metronome = Self { stop: Arc::default(), latest: Arc::default() };
        let (stop, latest) = (Arc::clone(&metronome.stop), Arc::clone(&metronome.latest));
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                thread::sleep(BEAT);
                let late = begun.elapsed().saturating_sub(BEAT);
                latest.fetch_max(u64::try_from(late.as_nanos()).unwrap(), Ordering::Relaxed);
            }
        });
        metronome
    }

    /// What to grant to something that several threads have to run for, one after another.
    pub(crate) fn allowance(&self) -> Duration {
        const TURNS: u32 = 10;
        Duration::from_nanos(self.latest.load(Ordering::Relaxed)) * TURNS
    }
}

impl Drop for Metronome {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
