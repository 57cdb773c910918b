//! Compressed traces of a recorder that was killed: readable up to the last whole line, with a warning and never an error.

#[path = "support/header.rs"]
mod header;
#[path = "support/workload.rs"]
mod workload;

use busdma_trace::format::Contents;
use busdma_trace::writer::ZSTD_LEVEL;
use busdma_trace::{Frames, ReplayOptions, Replayer, TraceReader, WarningKind};
use header::HEADER;
use std::io::{self, Read, Write};
use std::path::Path;

/// What a recorder has written after so many bytes of the file.
struct Progress {
    file_bytes: usize,
    lines: usize,
    /// Whether a frame ends here.
    whole: bool,
}

/// A trace in frames, some of them flushed in the middle; and what could be read of each beginning of it.
fn recorded() -> (String, Vec<u8>, Vec<Progress>) {
    let trace = workload::generate(Vec::new(), 160, 5, Contents::Unrecorded);
    let text = String::from_utf8(trace).unwrap();
    let mut frames = Frames::new(Vec::new(), ZSTD_LEVEL);
    let mut progress = vec![Progress { file_bytes: 0, lines: 0, whole: true }];
    for (index, line) in text.split_inclusive('\n').enumerate() {
        frames.write_all(line.as_bytes()).unwrap();
        let whole = index % 40 == 39;
        if whole {
            frames.end_frame().unwrap();
        } else if index % 13 == 12 {
            frames.flush().unwrap();
        } else {
            continue;
        }
        progress.push(Progress { file_bytes: frames.get_mut().unwrap().len(), lines: index + 1, whole });
    }
    (text, frames.finish().unwrap(), progress)
}

/// Reads a file to its end; the lines and the warnings.
fn read(path: &Path) -> (Vec<String>, Vec<WarningKind>) {
    let mut reader = busdma_trace::open(path).unwrap();
    let mut lines = Vec::new();
    while reader.next_scenario().unwrap_or_else(|error| panic!("{error}")).is_some() {
        lines.push(reader.raw_line().to_owned());
        while reader.next_operation().unwrap_or_else(|error| panic!("{error}")).is_some() {
            lines.push(reader.raw_line().to_owned());
        }
    }
    let warnings = reader.warnings().iter().map(|warning| warning.kind).collect();
    (lines, warnings)
}

#[test]
fn cut_at_every_byte() {
    let (text, file, progress) = recorded();
    let all: Vec<_> = text.lines().collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.jsonl.zst");
    for cut in 0..=file.len() {
        std::fs::write(&path, &file[..cut]).unwrap();
        let (lines, warnings) = read(&path);
        let safe = progress.iter().rev().find(|progress| progress.file_bytes <= cut).unwrap();
        assert!(lines.len() >= safe.lines, "cut at {cut}: {} lines read, {} were safe", lines.len(), safe.lines);
        assert_eq!(lines, all[..lines.len()], "cut at {cut}");
        // An empty file is one whose first frame is missing.
        let whole = cut == file.len() || (safe.whole && safe.file_bytes == cut && cut > 0);
        assert_eq!(warnings.is_empty(), whole, "cut at {cut}: {warnings:?}");
        assert!(whole || warnings[0] == WarningKind::TornStream, "cut at {cut}: {warnings:?}");
    }
}

#[test]
fn what_is_left_of_a_cut_trace_replays() {
    let (_, file, progress) = recorded();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.jsonl.zst");
    let frame_ends = |cut| progress.iter().any(|progress| progress.whole && progress.file_bytes == cut);
    for cut in (progress[1].file_bytes..file.len()).step_by(97).filter(|&cut| !frame_ends(cut)) {
        std::fs::write(&path, &file[..cut]).unwrap();
        let mut reader = busdma_trace::open(&path).unwrap();
        let report = Replayer::new(ReplayOptions::DEFAULT).next_scenario(&mut reader).unwrap().unwrap();
        assert!(report.matches() && report.operations > 0, "cut at {cut}: {:?}", report.differences);
        let text = reader.warnings()[0].to_string();
        assert!(
            text.ends_with("the compressed stream ends in the middle; how much of it is lost is not known"),
            "{text}"
        );
    }
}

#[test]
fn frames_are_one_stream() {
    let (text, file, progress) = recorded();
    let mut decompressed = String::new();
    zstd::Decoder::new(&file[..]).unwrap().read_to_string(&mut decompressed).unwrap();
    assert_eq!(decompressed, text);
    let ends: Vec<_> = progress.iter().filter(|progress| progress.whole).map(|progress| progress.file_bytes).collect();
    for pair in ends.windows(2) {
        let frame = &file[pair[0]..pair[1]];
        assert!(
            frame.starts_with(b"\x28\xb5\x2f\xfd") && zstd::decode_all(frame).is_ok(),
            "each frame stands by itself"
        );
    }
    assert!(ends.len() > 3);
}

#[test]
fn frames_without_bytes_are_not_written() {
    let mut frames = Frames::new(Vec::new(), ZSTD_LEVEL);
    frames.end_frame().unwrap();
    frames.flush().unwrap();
    frames.end_frame().unwrap();
    assert_eq!(frames.get_mut().unwrap().len(), 0);
    assert_eq!(frames.finish().unwrap(), b"");
}

/// A disk that takes so many bytes.
struct Disk {
    room: usize,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room);
        self.room -= taken;
        if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_then_and_ever_after() {
    let mut frames = Frames::new(Disk { room: 20 }, ZSTD_LEVEL);
    frames.write_all(HEADER.as_bytes()).unwrap();
    assert_eq!(frames.end_frame().unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(frames.write_all(b"more").is_err());
    assert!(frames.flush().is_err() && frames.end_frame().is_err());
    assert!(frames.get_mut().is_none());
}

#[test]
fn plain_traces_are_cut_anywhere_too() {
    let trace = workload::generate(Vec::new(), 20, 9, Contents::Unrecorded);
    let all: Vec<_> = std::str::from_utf8(&trace).unwrap().lines().collect();
    for cut in 0..=trace.len() {
        let mut reader = TraceReader::new(&trace[..cut], "t");
        let mut lines = 0;
        while reader.next_scenario().unwrap().is_some() {
            lines += 1;
            while reader.next_operation().unwrap().is_some() {
                assert_eq!(reader.raw_line(), all[lines], "cut at {cut}");
                lines += 1;
            }
        }
        let newlines = trace[..cut].split(|&byte| byte == b'\n').count() - 1;
        assert!(lines == newlines || lines == newlines + 1, "cut at {cut}: {lines} lines of {newlines}");
    }
}
