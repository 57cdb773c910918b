//! Random sequences on the engine and the reference model: the same answers, counters, maps and bytes.

#[path = "support/run.rs"]
mod run_case;
mod support;

use busdma_engine::profile::Profile;
use busdma_sim::decode::RIG_BYTES;
use busdma_sim::harness::{Rig, Tally, run};
use busdma_sim::ops::Op;
use busdma_sim::workload::SplitMix64;
use proptest::prelude::*;
use run_case::check;
use support::{cases, config};

const MODELLED: [Profile; 3] = [Profile::Freebsd11, Profile::Freebsd12, Profile::Arm64Freebsd12];

proptest! {
    #![proptest_config(config(8000))]

    #[test]
    fn freebsd_11(case in cases(60)) {
        check(&case, Profile::Freebsd11, "differential")?;
    }

    #[test]
    fn freebsd_12(case in cases(60)) {
        check(&case, Profile::Freebsd12, "differential")?;
    }

    #[test]
    fn arm64_12(case in cases(60)) {
        check(&case, Profile::Arm64Freebsd12, "differential")?;
    }
}

/// Random bytes come to every corner: the tests above are worth little where they never go.
#[test]
fn sequences_exercise_everything() {
    let mut random = SplitMix64::new(1);
    let mut tally = Tally::default();
    for index in 0..1000 {
        let bytes: Vec<u8> = std::iter::repeat_with(|| random.next_u64().to_le_bytes()[7]).take(3000).collect();
        let (rig, ops) = bytes.split_at(RIG_BYTES);
        let profile = MODELLED[index % MODELLED.len()];
        // Chunks of any length up to a byte's worth, as a fuzzer makes them.
        let ops = Op::sequence_from_bytes(&ops.iter().map(|byte| byte % 64).collect::<Vec<_>>());
        let rig = Rig { profile, ..Rig::from_bytes(rig) };
        tally += run(&rig, &ops).unwrap_or_else(|failure| panic!("sequence {index}: {failure}"));
    }
    let Tally { operations, loaded, failed, deferred, callbacks, cancelled, bounced, hazards, panics } = tally;
    let seen = [operations, loaded, failed, deferred, callbacks, cancelled, bounced, hazards, panics];
    assert!(seen.iter().all(|&count| count > 20), "{tally:?}");
}

#[test]
fn replay() {
    run_case::replay(&MODELLED);
}
