//! Load, sync and unload allocate nothing once a map is warm.

#![expect(unsafe_code, reason = "a counting allocator is what this test is about")]

#[path = "../benches/cases/mod.rs"]
#[expect(dead_code, reason = "FreeBSD's figures are for the timed benchmark")]
mod cases;

use cases::Case;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged to the system allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_when_warm(mut case: Case) -> u64 {
    for _ in 0..3 {
        case.run();
    }
    let before = ALLOCATIONS.with(Cell::get);
    for _ in 0..100 {
        case.run();
    }
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_counter_counts() {
    let before = ALLOCATIONS.with(Cell::get);
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 1);
}

#[test]
fn load_sync_unload_allocate_nothing_once_warm() {
    for name in ["a", "b", "c", "c2", "d", "d2"] {
        assert_eq!(allocations_when_warm(Case::new(name)), 0, "case {name}");
    }
}

#[test]
fn map_create_and_destroy_allocate_nothing_once_warm() {
    for name in ["e3", "e4"] {
        assert_eq!(allocations_when_warm(Case::new(name)), 0, "case {name}");
    }
}
