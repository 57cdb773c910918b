//! Spans and copy plans, against bytes in vectors.

use crate::support::{PAGE, bytes_at, machine, made, page, passed, registered, small_model, write_at};
use busdma_engine::{Alignment, BusSize, FrameSource, Memory, Move, PhysAddr};
use busdma_memory::{CopyPlan, Layout, MachineMemory, NoMemoryThere, Span};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// 4 bounce frames (1 to 4), and clients' pages 100 to 103 in a row, 60, 70, 61, 50 of one file, 80 and 81 of a passed one.
const PAGES: [u64; 14] = [1, 2, 3, 4, 100, 101, 102, 103, 60, 70, 61, 50, 80, 81];

fn populated() -> MachineMemory {
    let mut memory = machine(small_model());
    for _ in 0..4 {
        memory.bounce_frame(PhysAddr::MAX, Alignment::PAGE).unwrap();
    }
    let pages = |numbers: &[u64]| Layout::Pages(numbers.iter().map(|&number| page(number)).collect());
    registered(&mut memory, made(4, Layout::Contiguous { base: Some(page(100)) }));
    registered(&mut memory, made(4, pages(&[60, 70, 61, 50])));
    registered(&mut memory, passed(2, pages(&[80, 81])));
    for (mark, number) in (1..).zip(PAGES) {
        let bytes: Vec<u8> = (0..=255).cycle().take(4096).map(|byte: u8| byte.wrapping_mul(mark)).collect();
        write_at(&memory, page(number), &bytes);
    }
    memory
}

fn contents(memory: &MachineMemory) -> BTreeMap<u64, Vec<u8>> {
    PAGES.iter().map(|&number| (number, bytes_at(memory, page(number), 4096))).collect()
}

fn moved(step: Move, pages: &mut BTreeMap<u64, Vec<u8>>) {
    let range = |addr: PhysAddr| {
        let start = usize::try_from(addr.page_offset()).unwrap();
        start..start + usize::try_from(step.len.raw()).unwrap()
    };
    let bytes = pages[&(step.from.raw() / PAGE)][range(step.from)].to_vec();
    pages.get_mut(&(step.to.raw() / PAGE)).unwrap()[range(step.to)].copy_from_slice(&bytes);
}

fn step(from: u64, to: u64, len: u64) -> Move {
    Move { from: PhysAddr::new(from), to: PhysAddr::new(to), len: BusSize::new(len) }
}

/// Whole pages often, so that moves continue each other; parts of pages too.
fn moves() -> impl Strategy<Value = Vec<Move>> {
    let place = || (0..PAGES.len(), prop_oneof![2 => Just(0_u64), 1 => 0..PAGE]);
    let one = (place(), place(), prop_oneof![2 => Just(PAGE), 1 => 0..PAGE]).prop_map(|(from, to, len)| {
        let len = len.min(PAGE - from.1).min(PAGE - to.1);
        vec![step(PAGES[from.0] * PAGE + from.1, PAGES[to.0] * PAGE + to.1, len)]
    });
    let run = (0..11_usize, 0..11_usize).prop_map(|(from, to)| {
        (0..3).map(|ahead| step(PAGES[from + ahead] * PAGE, PAGES[to + ahead] * PAGE, PAGE)).collect()
    });
    proptest::collection::vec(prop_oneof![one, run], 0..12).prop_map(|moves| moves.concat())
}

proptest! {
    #[test]
    fn a_plan_copies_what_its_moves_say(moves in moves()) {
        let (planned, mut direct) = (populated(), populated());
        let mut expected = contents(&planned);
        let mut plan = CopyPlan::new();
        planned.plan_copies(&moves, &mut plan).unwrap();
        prop_assert_eq!(plan.bytes().raw(), moves.iter().map(|step| step.len.raw()).sum::<u64>());
        prop_assert!(plan.steps().len() <= moves.len());
        std::thread::scope(|threads| threads.spawn(|| plan.run()).join()).unwrap();
        prop_assert!(plan.is_empty(), "it holds no memory afterwards");
        for &step in &moves {
            moved(step, &mut expected);
            direct.copy(step.from, step.to, step.len);
        }
        prop_assert_eq!(&contents(&planned), &expected);
        prop_assert_eq!(&contents(&direct), &expected);
    }
}

#[test]
fn moves_that_continue_each_other_are_one_step() {
    let memory = populated();
    let count = |moves: &[Move]| {
        let mut plan = CopyPlan::new();
        memory.plan_copies(moves, &mut plan).unwrap();
        plan.steps().map(|step| step.to.len() as u64).collect::<Vec<_>>()
    };
    let whole = |pairs: &[(u64, u64)]| pairs.iter().map(|(a, b)| step(a * PAGE, b * PAGE, PAGE)).collect::<Vec<_>>();
    let cases = [
        (whole(&[]), vec![]),
        (whole(&[(100, 1), (101, 2), (102, 3)]), vec![3 * PAGE]),
        (whole(&[(60, 1), (70, 2), (61, 3), (50, 4)]), vec![4 * PAGE]),
        (whole(&[(100, 2), (101, 1)]), vec![PAGE, PAGE]),
        (whole(&[(100, 1), (60, 2)]), vec![PAGE, PAGE]),
        (whole(&[(100, 1), (80, 2), (101, 3)]), vec![PAGE, PAGE, PAGE]),
        (whole(&[(100, 102), (101, 103)]), vec![PAGE, PAGE]),
        (vec![step(100 * PAGE + 5, PAGE + 9, 7), step(100 * PAGE + 12, PAGE + 16, 3)], vec![10]),
        (vec![step(100 * PAGE + 5, PAGE + 9, 7), step(100 * PAGE + 12, PAGE + 17, 3)], vec![7, 3]),
    ];
    for (moves, expected) in cases {
        assert_eq!(count(&moves), expected, "{moves:?}");
    }
}

#[test]
fn moves_of_no_memory_are_refused() {
    let memory = populated();
    let good = step(100 * PAGE, PAGE, PAGE);
    let cases = [
        (step(99 * PAGE, PAGE, PAGE), 99 * PAGE),
        (step(PAGE, 5 * PAGE, PAGE), 5 * PAGE),
        (step(PAGE, 1 << 60, PAGE), 1 << 60),
        (step(100 * PAGE + 1, PAGE, PAGE), 100 * PAGE + 1),
        (step(100 * PAGE, PAGE + 4095, 2), PAGE + 4095),
        (step(100 * PAGE, PAGE, u64::MAX), 100 * PAGE),
    ];
    for (bad, addr) in cases {
        let before = contents(&memory);
        let mut plan = CopyPlan::new();
        let error = memory.plan_copies(&[good, bad], &mut plan).unwrap_err();
        assert_eq!(error, NoMemoryThere { addr: PhysAddr::new(addr), len: bad.len });
        plan.run();
        assert_eq!(contents(&memory), before, "nothing was planned");
    }
    let mut memory = memory;
    let before = contents(&memory);
    memory.copy(page(99), page(1), BusSize::PAGE);
    memory.copy(page(1), PhysAddr::new(100 * PAGE + 1), BusSize::PAGE);
    assert_eq!(contents(&memory), before);
}

#[test]
fn a_span_covers_pages_that_follow_each_other_in_their_file() {
    let mut memory = populated();
    registered(&mut memory, made(2, Layout::Pages(vec![page(90), page(97)])));
    registered(&mut memory, made(2, Layout::Pages(vec![page(95), page(91)])));
    let span = |addr: u64, len: u64| memory.span(PhysAddr::new(addr), BusSize::new(len));
    let cases = [
        (90 * PAGE, PAGE, true),
        (90 * PAGE, 2 * PAGE, false),
        (100 * PAGE, 4 * PAGE, true),
        (100 * PAGE + 1, 4 * PAGE, false),
        (PAGE, 4 * PAGE, true),
        (60 * PAGE + 100, PAGE - 100, true),
        (60 * PAGE + 100, PAGE - 99, false),
        (80 * PAGE, 2 * PAGE, true),
        (79 * PAGE, 2 * PAGE, false),
        (100 * PAGE, 0, false),
        (u64::MAX, 1, false),
        (100 * PAGE, u64::MAX, false),
    ];
    for (addr, len, whole) in cases {
        let span = span(addr, len);
        assert_eq!(span.is_some(), whole, "{len} bytes at {addr:#x}");
        if let Some(span) = span {
            assert_eq!(span.len() as u64, len);
        }
    }
}

#[test]
fn spans_copy_as_many_bytes_as_both_sides_have() {
    let memory = populated();
    let span = |addr: u64, len: u64| memory.span(PhysAddr::new(addr), BusSize::new(len)).unwrap();
    let (four, two) = (span(100 * PAGE, 4), span(PAGE, 2));
    assert_eq!(four.write(b"abcdef"), 4);
    assert_eq!(four.copy_to(&two), 2);
    assert_eq!(two.copy_to(&span(100 * PAGE + 1, 9)), 2);
    assert_eq!(bytes_at(&memory, page(100), 4), b"aabd");
    let mut large = [7; 6];
    assert_eq!(four.read(&mut large), 4);
    assert_eq!(&large, b"aabd\x07\x07");
    assert_eq!(span(100 * PAGE, 3).copy_to(&span(100 * PAGE + 1, 3)), 3, "overlapping");
    assert_eq!(bytes_at(&memory, page(100), 4), b"aaab");
    let middle = four.part(1, 2).unwrap();
    middle.zero();
    assert_eq!(bytes_at(&memory, page(100), 4), b"a\0\0b");
    assert!(four.part(3, 2).is_none() && four.part(usize::MAX, 2).is_none());
    assert!(four.part(4, 0).unwrap().is_empty());
    let whole = four.mapping();
    assert!(Span::new(whole.clone(), BusSize::new(4 * PAGE), BusSize::ZERO).is_some());
    assert!(Span::new(whole.clone(), BusSize::new(4 * PAGE), BusSize::new(1)).is_none());
    assert!(Span::new(whole.clone(), BusSize::new(1), BusSize::new(u64::MAX)).is_none());
}

#[test]
fn only_bounce_pages_are_scrubbed() {
    let memory = populated();
    let scrub = |addr: u64, len: u64| memory.scrub(PhysAddr::new(addr), BusSize::new(len));
    scrub(PAGE + 4090, PAGE).unwrap();
    let mut expected = contents(&populated());
    expected.get_mut(&1).unwrap()[4090..].fill(0);
    expected.get_mut(&2).unwrap()[..4090].fill(0);
    assert_eq!(contents(&memory), expected);
    scrub(PAGE, 0).unwrap();
    for (addr, len, at) in [(100 * PAGE, 1, 100), (5 * PAGE, 1, 5), (4 * PAGE, PAGE + 1, 5), (0, 1, 0)] {
        assert_eq!(scrub(addr, len).unwrap_err().addr, page(at), "{len} bytes at {addr:#x}");
    }
    let four = expected.get_mut(&4).unwrap();
    four.fill(0);
    assert_eq!(contents(&memory), expected, "page 4 came before the one that is not in use");
}

/// Bytes outlive their machine as long as somebody holds them, and threads may share them.
#[test]
fn spans_go_to_other_threads() {
    const fn shared<T: Send + Sync>() {}
    const fn sent<T: Send>() {}
    shared::<Span>();
    shared::<CopyPlan>();
    sent::<MachineMemory>();
    let memory = populated();
    let span = memory.span(page(100), BusSize::new(4 * PAGE)).unwrap();
    drop(memory);
    std::thread::scope(|threads| {
        for part in 0..4 {
            let span = span.part(part * 4096, 4096).unwrap();
            threads.spawn(move || span.write(&[u8::try_from(part).unwrap(); 4096]));
        }
    });
    let mut bytes = vec![0; 4 * 4096];
    assert_eq!(span.read(&mut bytes), bytes.len());
    assert!(bytes.chunks(4096).zip(0..).all(|(chunk, part)| chunk == [part; 4096]));
}
