//! An hour's recording: how long it takes until something is shown, until all of it is known, and to any moment of it,
//! and how much memory that takes. `RECORDING=FILE` measures another recording, or makes it there if it is missing.

#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

#[path = "../tests/support/traffic.rs"]
mod traffic;

use busdma_dashboards::source::recording::Recording;
use busdma_dashboards::source::{Interest, Moment, Play, Source, Towards, Wanted, Wish};
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Operations of the hour.
const OPERATIONS: u64 = 5_200_000;

/// Moments that are gone to.
const SEEKS: u32 = 100;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = std::env::var_os("RECORDING").map_or_else(|| folder.path().join("hour.jsonl.zst"), PathBuf::from);
    if !path.exists() {
        let file = BufWriter::new(File::create(&path).expect("the recording can be created"));
        let pieces = traffic::hour(traffic::Pieces::new(file), OPERATIONS);
        pieces.finish().expect("the recording can be written").into_inner().expect("the recording can be written");
    }
    println!("{:<28} {:>10.1} MiB", "file", mebibytes(std::fs::metadata(&path).map_or(0, |file| file.len())));

    let (begun, spent) = (Instant::now(), processors());
    let mut recording = Recording::open(&path).expect("it is a recording");
    let interest = Interest { decisions: Wanted::Yes, rows: 1_000 };
    recording.ask(Wish::Interest(interest)).expect("decisions are read");
    recording.ask(Wish::Play(Play::Pause)).expect("a recording stops");
    let frame = recording.frame(Duration::ZERO);
    println!("{:<28} {:>10.1} ms", "open to first frame", milliseconds(begun.elapsed()));
    assert_eq!(frame.machines.len(), 1);
    recording.wait();
    println!(
        "{:<28} {:>10.1} ms, {:.1} s of processors",
        "whole index",
        milliseconds(begun.elapsed()),
        processors() - spent
    );

    let mut spans = Vec::new();
    let mut share = 0.5_f64;
    for _ in 0..SEEKS {
        share = (share + 0.618_033_988_749_895).fract();
        let begun = Instant::now();
        recording.ask(Wish::Seek(Moment::Share(share))).expect("every share is inside");
        let frame = recording.frame(Duration::ZERO);
        spans.push(begun.elapsed());
        assert!(!frame.decisions.is_empty());
    }
    tell("seek and frame", &spans);
    let mut spans = Vec::new();
    for number in 0..SEEKS {
        let towards = if number % 3 == 0 { Towards::Earlier } else { Towards::Later };
        let begun = Instant::now();
        recording.ask(Wish::Deferral(towards)).expect("there are deferrals everywhere");
        recording.frame(Duration::ZERO);
        spans.push(begun.elapsed());
    }
    tell("deferral and frame", &spans);
    println!("{:<28} {:>10.1} MiB", "most memory", resident());
}

fn tell(what: &str, spans: &[Duration]) {
    let worst = spans.iter().max().copied().unwrap_or_default();
    let mean = spans.iter().sum::<Duration>() / SEEKS;
    println!("{what:<28} {:>10.1} ms mean, {:.1} ms worst", milliseconds(mean), milliseconds(worst));
}

fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "it is told with one digit")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Time of processors that this process has taken, seconds.
fn processors() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    // User and system time, in hundredths of a second.
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The most memory that this process ever had, MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kibibytes.unwrap_or(f64::NAN) / 1024.0
}
