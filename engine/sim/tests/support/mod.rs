//! What the property tests share: cases as bytes, which shrink well and can be printed on one line.

use busdma_engine::profile::Profile;
use busdma_sim::decode::RIG_BYTES;
use busdma_sim::harness::Rig;
use busdma_sim::ops::Op;
use proptest::collection::vec;
use proptest::prelude::*;
use std::fmt::Write;

/// A rig and a sequence, as bytes.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    rig: Vec<u8>,
    chunks: Vec<Vec<u8>>,
}

impl Case {
    /// What it runs on, under a profile.
    pub(crate) fn rig(&self, profile: Profile) -> Rig {
        Rig { profile, ..Rig::from_bytes(&self.rig) }
    }

    /// Its operations.
    pub(crate) fn ops(&self) -> Vec<Op> {
        Op::sequence_from_bytes(&self.sequence())
    }

    /// All of it, for the message of a failure.
    pub(crate) fn to_hex(&self) -> String {
        let mut hex = String::new();
        for byte in self.rig.iter().chain(&self.sequence()) {
            write!(hex, "{byte:02x}").expect("strings take everything");
        }
        hex
    }

    fn sequence(&self) -> Vec<u8> {
        let chunk = |chunk: &Vec<u8>| {
            let len = u8::try_from(chunk.len()).expect("short chunks");
            std::iter::once(len).chain(chunk.iter().copied()).collect::<Vec<_>>()
        };
        self.chunks.iter().flat_map(chunk).collect()
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
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() }
}
