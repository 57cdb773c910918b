//! Running a case, and running again the one that a failure printed.

use crate::support::Case;
use busdma_engine::profile::Profile;
use busdma_sim::decode::RIG_BYTES;
use busdma_sim::harness::{Rig, Tally, run};
use busdma_sim::ops::Op;
use proptest::test_runner::TestCaseError;

/// Set to the bytes that a failure printed to run them again.
const REPLAY: &str = "BUSDMA_SIM_CASE";

/// Runs a case under a profile; a failure says how to run it again.
pub(crate) fn check(case: &Case, profile: Profile, test: &str) -> Result<Tally, TestCaseError> {
    run(&case.rig(profile), &case.ops()).map_err(|failure| {
        let replay = format!("{REPLAY}={} cargo test -p busdma-sim --test {test} replay", case.to_hex());
        TestCaseError::fail(format!("{failure}\nrun it again: {replay}"))
    })
}

/// Runs the case that the environment names, if it names one.
pub(crate) fn replay(profiles: &[Profile]) {
    let Ok(hex) = std::env::var(REPLAY) else { return };
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
