//! FreeBSD's own answers, as files.

use std::io::Read;
use std::path::{Path, PathBuf};

/// Each file of golden vectors and the scenarios in it.
pub(crate) const GOLDEN_FILES: [(&str, u64); 21] = [
    ("freebsd-11.0/bounce.jsonl.zst", 52),
    ("freebsd-11.0/defer.jsonl.zst", 46),
    ("freebsd-11.0/dmamem.jsonl.zst", 33),
    ("freebsd-11.0/errors.jsonl.zst", 41),
    ("freebsd-11.0/hazard.jsonl.zst", 21),
    ("freebsd-11.0/inherit.jsonl.zst", 44),
    ("freebsd-11.0/kinds.jsonl.zst", 45),
    ("freebsd-11.0/segment.jsonl.zst", 46),
    ("freebsd-11.0/sync.jsonl.zst", 45),
    ("freebsd-12.1/dmamem.jsonl.zst", 45),
    ("freebsd-12.1/errors.jsonl.zst", 25),
    ("freebsd-12.1/kinds.jsonl.zst", 32),
    ("arm64-12.1/bounce.jsonl.zst", 38),
    ("arm64-12.1/defer.jsonl.zst", 31),
    ("arm64-12.1/dmamem.jsonl.zst", 26),
    ("arm64-12.1/errors.jsonl.zst", 24),
    ("arm64-12.1/hazard.jsonl.zst", 14),
    ("arm64-12.1/inherit.jsonl.zst", 27),
    ("arm64-12.1/kinds.jsonl.zst", 33),
    ("arm64-12.1/segment.jsonl.zst", 30),
    ("arm64-12.1/sync.jsonl.zst", 25),
];

/// The golden vectors, decompressed, with their file names.
pub(crate) fn golden_traces() -> impl Iterator<Item = (&'static str, String)> {
    GOLDEN_FILES.into_iter().map(|(name, _)| {
        let mut text = String::new();
        zstd::Decoder::new(std::fs::File::open(golden_path(name)).unwrap()).unwrap().read_to_string(&mut text).unwrap();
        (name, text)
    })
}

/// Where a file of golden vectors lies.
pub(crate) fn golden_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}
