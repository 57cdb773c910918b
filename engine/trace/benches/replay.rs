//! How fast a trace is read and replayed, in operations a second on one core.

#[path = "../tests/support/workload.rs"]
mod workload;

use busdma_trace::format::Contents;
use busdma_trace::{ReplayOptions, Replayer, TraceReader};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const OPERATIONS: u64 = 1_000_000;

fn replay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("trace");
    group.sample_size(10).throughput(Throughput::Elements(OPERATIONS));
    let trace = workload::generate(Vec::new(), OPERATIONS, 1, Contents::Unrecorded);
    group.bench_function("read", |bencher| bencher.iter(|| read(&trace)));
    group.bench_function("replay", |bencher| bencher.iter(|| replay_all(&trace)));
    let with_bytes = workload::generate(Vec::new(), OPERATIONS, 1, Contents::Recorded);
    group.bench_function("replay with bytes", |bencher| bencher.iter(|| replay_all(&with_bytes)));
    group.finish();
}

/// Reads every line and parses what it was given.
fn read(trace: &[u8]) -> u64 {
    let mut reader = TraceReader::new(trace, "generated");
    let mut operations = 0;
    while reader.next_scenario().expect("a good trace").is_some() {
        while let Some(operation) = reader.next_operation().expect("a good trace") {
            std::hint::black_box(operation.input);
            operations += 1;
        }
    }
    operations
}

fn replay_all(trace: &[u8]) -> u64 {
    let mut reader = TraceReader::new(trace, "generated");
    let summary = Replayer::new(ReplayOptions::default()).run(&mut reader, |_| {}).expect("a good trace");
    assert_eq!((summary.matching, summary.differing), (1, 0));
    assert!(summary.operations >= OPERATIONS);
    summary.operations
}

criterion_group!(benches, replay);
criterion_main!(benches);
