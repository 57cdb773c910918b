//! Where the quick reader can read a line, it says what the thorough one says.

use super::traces;
use crate::source::recording::line::{Scanner, is_header, read_spelled};

#[test]
fn both_readers_say_the_same() {
    let scanner = Scanner::default();
    for (name, text) in traces() {
        let (mut lines, mut canonical) = (0_u32, 0_u32);
        for line in text.lines().filter(|line| !is_header(line.as_bytes())) {
            lines += 1;
            let (mut quick, mut thorough) = (Vec::new(), Vec::new());
            let spelled = read_spelled(line.as_bytes(), &mut thorough).unwrap();
            if let Some(scanned) = scanner.scan(line.as_bytes(), &mut quick) {
                canonical += 1;
                assert_eq!((&scanned, &quick), (&spelled, &thorough), "{name}: {line}");
            }
        }
        if name.ends_with("recorded") {
            assert!(canonical * 100 > lines * 99, "{name}: {canonical} of {lines} lines are read quickly");
        }
    }
}

#[test]
fn what_is_damaged_is_read_by_neither_or_does_no_harm() {
    let scanner = Scanner::default();
    let (_, text) = traces().pop().unwrap();
    let mut state = 1_u64;
    for line in text.lines().filter(|line| !is_header(line.as_bytes())).step_by(17) {
        for _ in 0..20 {
            let mut bytes = line.as_bytes().to_vec();
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(state >> 33).unwrap() % bytes.len();
            bytes[at] = b"\"\\{}[],:0x\xff a"[usize::try_from(state >> 20 & 0xff).unwrap() % 13];
            let (mut quick, mut thorough) = (Vec::new(), Vec::new());
            let scanned = scanner.scan(&bytes, &mut quick);
            if let (Some(scanned), Ok(spelled)) = (scanned, read_spelled(&bytes, &mut thorough)) {
                assert_eq!((scanned, &quick), (spelled, &thorough), "{}", String::from_utf8_lossy(&bytes));
            }
        }
    }
}
