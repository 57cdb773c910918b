//! A source that is dropped leaves nothing behind. In a program of its own: threads and descriptors are the process's.

#[path = "live/daemon.rs"]
#[expect(dead_code, reason = "the tests of frames use all of it")]
mod daemon;

use busdma_dashboards::source::live::LiveOptions;
use busdma_dashboards::source::{Interest, Source, Wanted, Wish};
use daemon::Busdmad;
use std::fs;
use std::time::Duration;

#[test]
fn threads_and_descriptors_go_with_the_source() {
    let mut daemon = Busdmad::start();
    let before = (count("task"), count("fd"));
    for nth in 0..4 {
        let mut watcher = daemon.watch(LiveOptions { interval: Duration::from_hours(1), ..LiveOptions::default() });
        let interest = Interest { decisions: Wanted::Yes, rows: 8 };
        watcher.live.ask(Wish::Interest(interest)).unwrap();
        watcher.frame();
        assert_eq!(count("task"), before.0 + 5);
        if nth == 3 {
            daemon.kill();
        }
        drop(watcher);
        assert_eq!((count("task"), count("fd")), before);
    }
}

/// Threads or descriptors of this process.
fn count(what: &str) -> usize {
    fs::read_dir(format!("/proc/self/{what}")).unwrap().count()
}
