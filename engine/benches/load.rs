//! The cases of FreeBSD's own measurement, under their names; ends with a table of ratios to a 64 KiB memcpy.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, and reads back what criterion wrote"
)]

#[path = "cases/mod.rs"]
mod cases;

use cases::{CASES, Case, FREEBSD_MEMCPY_NS};
use criterion::Criterion;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let (from, mut to) = (vec![0x5au8; 65536], vec![0u8; 65536]);
    criterion.bench_function("memcpy", |bench| bench.iter(|| black_box(&mut to).copy_from_slice(black_box(&from))));
    for (name, _) in CASES {
        let mut case = Case::new(name);
        criterion.bench_function(name, |bench| bench.iter(|| black_box(case.run())));
    }
    criterion.final_summary();
    print_ratios();
}

fn print_ratios() {
    let Some(memcpy) = median_ns("memcpy") else { return };
    println!("{:>6} {:>10} {:>12} {:>16} {:>10}", "case", "ns/op", "per memcpy", "FreeBSD's", "ours/its");
    for (name, freebsd_ns) in CASES {
        let Some(ours) = median_ns(name) else { continue };
        let (ratio, theirs) = (ours / memcpy, freebsd_ns / FREEBSD_MEMCPY_NS);
        println!("{name:>6} {ours:>10.1} {ratio:>12.4} {theirs:>16.4} {:>10.2}", ratio / theirs);
    }
}

/// The median criterion just wrote down for a case; `None` when it was filtered out.
fn median_ns(name: &str) -> Option<f64> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")));
    let text = std::fs::read_to_string(target.join("criterion").join(name).join("new/estimates.json")).ok()?;
    let estimates: serde_json::Value = serde_json::from_str(&text).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
