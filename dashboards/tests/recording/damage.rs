//! Files that are not what they should be.

use crate::traffic::{Pieces, hour};
use crate::{at, file, opened};
use busdma_dashboards::source::open::{OpenError, open};
use busdma_dashboards::source::{Moment, Source, Towards, Wish};
use std::io::Write;
use std::time::Duration;

fn refused(name: &str, bytes: &[u8]) -> OpenError {
    let folder = tempfile::tempdir().unwrap();
    match open(&file(&folder, name, bytes)) {
        Ok(_) => panic!("{name} was taken"),
        Err(error) => error,
    }
}

#[test]
fn what_is_no_recording_is_refused() {
    let packed = |text: &[u8]| zstd::encode_all(text, 3).unwrap();
    assert!(matches!(refused("empty.jsonl", b""), OpenError::Empty { .. }));
    assert!(matches!(refused("empty.jsonl.zst", &packed(b"")), OpenError::Empty { .. }));
    assert!(matches!(refused("object.jsonl", b"{\"seq\":1}\n"), OpenError::NotATrace { .. }));
    let other = b"{\"format\":\"busdma-trace\",\"version\":2}\n{}\n";
    assert!(matches!(refused("version.jsonl", other), OpenError::NotATrace { .. }));
    assert!(matches!(refused("text.txt", b"nothing\nat all\n"), OpenError::NotACapture { .. }));
    assert!(matches!(refused("text.zst", &packed(b"nothing\n")), OpenError::NotACapture { .. }));
    let missing = open(std::path::Path::new("/no/such/file")).err();
    assert_eq!(missing.map(|error| error.to_string()).as_deref(), Some("/no/such/file: no such file"));
}

#[test]
fn a_header_is_enough() {
    let text = hour(Vec::new(), 10);
    let header = text.split_inclusive(|byte| *byte == b'\n').next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for bytes in [header, header.trim_ascii_end()] {
        let mut recording = opened(&file(&folder, "header.jsonl", bytes));
        let frame = recording.frame(Duration::ZERO);
        assert_eq!(frame.machines.len(), 1);
        assert_eq!(frame.machines[0].machine, "vm1");
        assert_eq!(frame.lost.total(), 0);
        assert!(recording.ask(Wish::Deferral(Towards::Later)).is_err());
        recording.ask(Wish::Step(1)).unwrap();
    }
}

#[test]
fn lines_that_cannot_be_read_are_counted() {
    let text = String::from_utf8(hour(Vec::new(), 400)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, text: &str, lost: u64| {
        let mut recording = opened(&file(&folder, name, text.as_bytes()));
        let frame = at(&mut recording, Moment::Share(1.0));
        assert_eq!(frame.lost.lines, lost, "{name}");
        assert!(frame.machines[0].loads > 50, "{name}");
    };
    check("whole", &text, 0);
    check("torn", &text[..text.len() - 20], 1);
    check("unended", text.trim_end(), 0);
    let middle = text.match_indices('\n').nth(200).unwrap().0 + 1;
    let with = |garbage: &str| format!("{}{garbage}{}", &text[..middle], &text[middle..]);
    check("garbage", &with("garbage\n{\"seq\":}\n\n  \n"), 2);
    check("long", &with(&format!("{}\n", "x".repeat(3 << 20))), 1);
    check("operation", &with("{\"seq\":1,\"op\":\"dance\",\"in\":{},\"out\":{}}\n"), 1);
}

#[test]
fn a_compressed_recording_that_was_cut_off_is_shown_as_far_as_it_goes() {
    let text = hour(Vec::new(), 4000);
    let mut pieces = Pieces::new(Vec::new());
    text.split_inclusive(|byte| *byte == b'\n').for_each(|line| pieces.write_all(line).unwrap());
    let packed = pieces.finish().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut before = 0;
    for tenth in [3, 6, 9, 10] {
        let bytes = &packed[..packed.len() * tenth / 10];
        let mut recording = opened(&file(&folder, "cut.jsonl.zst", bytes));
        let frame = at(&mut recording, Moment::Share(1.0));
        assert!(frame.machines[0].loads > before, "{tenth}");
        assert_eq!(frame.lost.lines > 0, tenth < 10, "{tenth}");
        before = frame.machines[0].loads;
    }
}

#[test]
fn nothing_that_is_damaged_stops_the_program() {
    let text = hour(Vec::new(), 300);
    let folder = tempfile::tempdir().unwrap();
    let packed = zstd::encode_all(&text[..], 1).unwrap();
    let mut random = 99_u64;
    let mut below = |bound: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % bound
    };
    let mut taken = 0;
    for round in 0..120 {
        let mut bytes = if round % 2 == 0 { text.clone() } else { packed.clone() };
        for _ in 0..=below(12) {
            let place = below(bytes.len().max(1));
            match below(4) {
                0 => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << below(8)),
                1 => drop(bytes.drain(place.min(bytes.len())..(place + below(200)).min(bytes.len()))),
                2 => bytes.truncate(place.max(1)),
                _ => bytes
                    .splice(place.min(bytes.len())..place.min(bytes.len()), b"99999999999999999999".iter().copied())
                    .for_each(drop),
            }
        }
        let Ok(mut source) = open(&file(&folder, "fuzzed", &bytes)) else { continue };
        taken += 1;
        for wish in [
            Wish::Seek(Moment::Share(0.9)),
            Wish::Deferral(Towards::Earlier),
            Wish::Seek(Moment::Share(0.2)),
            Wish::Step(i64::MAX),
            Wish::Deferral(Towards::Later),
            Wish::Step(i64::MIN),
        ] {
            // What is not there cannot be gone to.
            let _ = source.ask(wish);
            source.frame(Duration::from_millis(round));
        }
    }
    assert!(taken > 20, "{taken}");
}
