//! What the property tests share: cases as bytes, which shrink well and replay from one line.

use busdma_engine::profile::Profile;
use busdma_sim::decode::RIG_BYTES;
use busdma_sim::harness::{Rig, Tally, run};
use busdma_sim::ops::Op;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use std::fmt::Write;

/// Set to the bytes that a failure printed to run them again.
const REPLAY: &str = "BUSDMA_SIM_CASE";

/// A rig and a sequence, as bytes.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    rig: Vec<u8>,
    chunks: Vec<Vec<u8>>,
}

impl Case {
    fn sequence(&self) -> Vec<u8> {
        let chunk = |chunk: &Vec<u8>| {
            let len = u8::try_from(chunk.len()).expect("short chunks");
            std::iter::once(len).chain(chunk.iter().copied()).collect::<Vec<_>>()
        };
        self.chunks.iter().flat_map(chunk).collect()
    }

    fn to_hex(&self) -> String {
        let mut hex = String::new();
        for byte in self.rig.iter().chain(&self.sequence()) {
            write!(hex, "{byte:02x}").expect("strings take everything");
        }
        hex
    }
}

/// Any sequence of up to `most` operations, the first of which make a tag and a map.
pub(crate) fn cases(most: usize) -> impl Strategy<Value = Case> {
    let create_tag = vec(any::<u8>(), 0..20).prop_map(|mut chunk| {
        chunk.insert(0, 6);
        chunk
    });
    let create_map = vec(any::<u8>(), 0..2).prop_map(|mut chunk| {
        chunk.insert(0, 10);
        chunk
    });
    let rest = vec(vec(any::<u8>(), 0..48), 1..most);
    (vec(any::<u8>(), RIG_BYTES), create_tag, create_map, rest).prop_map(|(rig, tag, map, rest)| {
        let chunks = [tag, map].into_iter().chain(rest).collect();
        Case { rig, chunks }
    })
}

/// How many cases to run: `PROPTEST_CASES`, or as many as are given.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let cases = environment("PROPTEST_CASES").and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() }
}

/// Runs a case under a profile; a failure says how to run it again.
pub(crate) fn check(case: &Case, profile: Profile, test: &str) -> Result<Tally, TestCaseError> {
    let rig = Rig { profile, ..Rig::from_bytes(&case.rig) };
    run(&rig, &Op::sequence_from_bytes(&case.sequence())).map_err(|failure| {
        let replay = format!("{REPLAY}={} cargo test -p busdma-sim --test {test} replay", case.to_hex());
        TestCaseError::fail(format!("{failure}\nrun it again: {replay}"))
    })
}

/// Runs the case that the environment names, if it names one.
pub(crate) fn replay(profiles: &[Profile]) {
    let Some(hex) = environment(REPLAY) else { return };
    let bytes: Vec<u8> = hex
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16).expect("hex"))
        .collect();
    let (rig, sequence) = bytes.split_at(RIG_BYTES.min(bytes.len()));
    for &profile in profiles {
        let rig = Rig { profile, ..Rig::from_bytes(rig) };
        if let Err(failure) = run(&rig, &Op::sequence_from_bytes(sequence)) {
            panic!("{failure}");
        }
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
