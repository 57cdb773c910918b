//! Real text, damaged: nothing panics, and every line is counted once.

use crate::data::{CAPTURES, Capture, TWINS, accounted, read, unpacked};
use proptest::prelude::*;
use std::sync::LazyLock;

/// Lines of all kinds: the first of each capture, which hold the headings, and those from its middle.
static LINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let ftrace = CAPTURES.iter().map(Capture::text);
    let perf = TWINS.iter().flat_map(|twin| twin.perf).map(unpacked);
    ftrace
        .chain(perf)
        .flat_map(|text| {
            let lines: Vec<_> = text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            let middle = lines.len() / 2;
            lines.iter().take(40).chain(lines.iter().skip(middle).take(60)).cloned().collect::<Vec<_>>()
        })
        .filter(|line| line.len() < 2000)
        .collect()
});

/// One way to damage a list of lines.
#[derive(Clone, Debug)]
enum Damage {
    Flip { line: usize, byte: usize, value: u8 },
    Cut { line: usize, from: usize, bytes: usize },
    Insert { line: usize, at: usize, bytes: Vec<u8> },
    Join { line: usize },
    Copy { line: usize, to: usize },
    Swap { line: usize, other: usize },
    Drop { line: usize },
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<usize>;
    let byte = prop_oneof![any::<u8>(), prop::sample::select(&b" :[]{}(),.-=/x0f\t\r\0"[..])];
    prop_oneof![
        6 => (index(), index(), byte.clone()).prop_map(|(line, byte, value)| Damage::Flip { line, byte, value }),
        3 => (index(), index(), 1..80_usize).prop_map(|(line, from, bytes)| Damage::Cut { line, from, bytes }),
        3 => (index(), index(), prop::collection::vec(byte, 1..24))
            .prop_map(|(line, at, bytes)| Damage::Insert { line, at, bytes }),
        1 => index().prop_map(|line| Damage::Join { line }),
        1 => (index(), index()).prop_map(|(line, to)| Damage::Copy { line, to }),
        1 => (index(), index()).prop_map(|(line, other)| Damage::Swap { line, other }),
        1 => index().prop_map(|line| Damage::Drop { line }),
    ]
}

fn apply(lines: &mut Vec<Vec<u8>>, damage: Damage) {
    let count = lines.len();
    if count == 0 {
        return;
    }
    match damage {
        Damage::Flip { line, byte, value } => {
            let line = &mut lines[line % count];
            if !line.is_empty() {
                let at = byte % line.len();
                line[at] = value;
            }
        }
        Damage::Cut { line, from, bytes } => {
            let line = &mut lines[line % count];
            let from = from % (line.len() + 1);
            let to = (from + bytes).min(line.len());
            line.drain(from..to);
        }
        Damage::Insert { line, at, bytes } => {
            let line = &mut lines[line % count];
            let at = at % (line.len() + 1);
            line.splice(at..at, bytes);
        }
        Damage::Join { line } => {
            let next = lines.remove(line % count);
            if let Some(line) = lines.get_mut(line % count) {
                line.splice(0..0, next);
            }
        }
        Damage::Copy { line, to } => {
            let copy = lines[line % count].clone();
            lines.insert(to % (count + 1), copy);
        }
        Damage::Swap { line, other } => lines.swap(line % count, other % count),
        Damage::Drop { line } => drop(lines.remove(line % count)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_line_is_counted_once(
        start in any::<usize>(),
        damages in prop::collection::vec(damage(), 0..40),
    ) {
        let start = start % LINES.len();
        let mut lines: Vec<_> = LINES[start..].iter().take(60).cloned().collect();
        for damage in damages {
            apply(&mut lines, damage);
        }
        let text = lines.join(&b'\n');
        let (events, stats) = read(&text);
        prop_assert_eq!(accounted(&stats), stats.lines);
        prop_assert_eq!(events.len() as u64, stats.events.total());
        let newlines = memchr::memchr_iter(b'\n', &text).count();
        let unterminated = text.last().is_some_and(|&byte| byte != b'\n');
        prop_assert_eq!(stats.lines, newlines as u64 + u64::from(unterminated));
        crate::file::check_round_trip(&events);
    }

    #[test]
    fn any_bytes_are_counted(text in prop::collection::vec(any::<u8>(), 0..2000)) {
        let (events, stats) = read(&text);
        prop_assert_eq!(accounted(&stats), stats.lines);
        prop_assert_eq!(events.len() as u64, stats.events.total());
    }
}
