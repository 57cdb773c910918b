//! A source that is dropped leaves nothing behind. In a program of its own: threads and descriptors are the process's.

#[path = "live/daemon.rs"]
#[expect(dead_code, reason = "the tests of frames use all of it")]
mod daemon;

use busdma_dashboards::source::live::LiveOptions;
use busdma_dashboards::source::{Interest, Source, Wanted, Wish};
use daemon::{Busdmad, PATIENCE};
use std::fmt::Debug;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn threads_and_descriptors_go_with_the_source() {
    let mut daemon = Busdmad::start();
    let before = (threads(), descriptors());
    for nth in 0..4 {
        let mut watcher = daemon.watch(LiveOptions { interval: Duration::from_hours(1), ..LiveOptions::default() });
        let interest = Interest { decisions: Wanted::Yes, rows: 8 };
        watcher.live.ask(Wish::Interest(interest)).unwrap();
        watcher.frame();
        comes_to(threads, before.0 + 5);
        if nth == 3 {
            daemon.kill();
        }
        drop(watcher);
        comes_to(|| (threads(), descriptors()), before);
    }
}

/// Waits until a count is as expected: a thread that was joined may stand among the process's for a moment.
fn comes_to<C: Copy + PartialEq + Debug>(count: impl Fn() -> C, expected: C) {
    let started = Instant::now();
    while count() != expected {
        assert!(started.elapsed() < PATIENCE, "{:?}, not {expected:?}", count());
        thread::sleep(Duration::from_millis(5));
    }
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}
