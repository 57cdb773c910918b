//! Random sequences under the strict profile, judged by the checkers alone.

#[path = "support/run.rs"]
mod run_case;
mod support;

use busdma_engine::profile::Profile;
use proptest::prelude::*;
use run_case::check;
use support::{cases, config};

proptest! {
    #![proptest_config(config(10_000))]

    #[test]
    fn keeps_the_contract(case in cases(60)) {
        check(&case, Profile::Strict, "strict")?;
    }
}

#[test]
fn replay() {
    run_case::replay(&[Profile::Strict]);
}
