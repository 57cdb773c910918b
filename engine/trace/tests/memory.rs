//! Replaying takes memory for the machine, not for the trace.

#![expect(unsafe_code, reason = "a counting allocator is what this test is about")]

#[path = "support/workload.rs"]
mod workload;

use busdma_trace::format::Contents;
use busdma_trace::{ReplayOptions, Replayer};
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Counting;

static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);
static LIVE_BYTES_MAX: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to the system allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE_BYTES.fetch_add(layout.size(), Relaxed) + layout.size();
        LIVE_BYTES_MAX.fetch_max(live, Relaxed);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that replaying a file took at once.
fn replay_bytes_max(path: &Path, operations: u64) -> usize {
    let before = LIVE_BYTES.load(Relaxed);
    LIVE_BYTES_MAX.store(before, Relaxed);
    let mut reader = busdma_trace::open(path).unwrap();
    let report = Replayer::new(ReplayOptions::DEFAULT).next_scenario(&mut reader).unwrap().unwrap();
    assert!(report.matches() && report.operations >= operations);
    LIVE_BYTES_MAX.load(Relaxed) - before
}

#[test]
fn memory_does_not_depend_on_the_length_of_the_trace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    for contents in [Contents::Unrecorded, Contents::Recorded] {
        let taken = [50_000, 200_000].map(|operations| {
            let file = BufWriter::new(File::create(&path).unwrap());
            workload::generate(file, operations, 3, contents).flush().unwrap();
            replay_bytes_max(&path, operations)
        });
        assert!(taken[1] < 64 << 20, "{taken:?}");
        assert!(taken[1] < taken[0] + taken[0] / 4 + (1 << 20), "{taken:?}");
    }
}
