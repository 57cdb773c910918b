//! Traffic as drivers make it, on the engine and the reference model.

use busdma_engine::profile::Profile;
use busdma_sim::harness::{Rig, Tally, run};
use busdma_sim::ops::Op;
use busdma_sim::workload::{Traffic, Workload};

const OPERATIONS: usize = 800;

/// Runs some seeds of one kind of traffic under one profile.
fn check(traffic: Traffic, profile: Profile) -> Tally {
    let rig = Rig { spec: traffic.machine(), ..Rig::usual(profile) };
    let mut tally = Tally::default();
    for seed in 0..2 {
        let ops: Vec<Op> = Workload::new(traffic, seed).take(OPERATIONS).collect();
        tally += run(&rig, &ops).unwrap_or_else(|failure| panic!("{traffic:?}, seed {seed}: {failure}"));
    }
    tally
}

#[test]
fn every_kind_under_every_profile() {
    for traffic in Traffic::ALL {
        for profile in Profile::ALL {
            let tally = check(traffic, profile);
            assert_eq!(tally.panics, 0, "{traffic:?} under {profile:?}");
            assert!(tally.loaded > 100, "{traffic:?} under {profile:?}: {tally:?}");
            assert!(tally.bounced > 20, "{traffic:?} under {profile:?}: {tally:?}");
            let pressed = traffic == Traffic::BouncePressure;
            assert_eq!(tally.deferred > 10, pressed, "{traffic:?} under {profile:?}: {tally:?}");
            assert_eq!(tally.callbacks > 10, pressed, "{traffic:?} under {profile:?}: {tally:?}");
        }
    }
}

#[test]
fn the_seed_decides_everything() {
    for traffic in Traffic::ALL {
        let stream = |seed| format!("{:?}", Workload::new(traffic, seed).take(OPERATIONS).collect::<Vec<_>>());
        assert_eq!(stream(7), stream(7));
        assert_ne!(stream(7), stream(8));
    }
}
