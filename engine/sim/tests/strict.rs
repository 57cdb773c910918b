//! Random sequences under the strict profile, judged by the checkers alone.

mod support;

use busdma_engine::profile::Profile;
use proptest::prelude::*;
use support::{cases, check, config};

proptest! {
    #![proptest_config(config(10_000))]

    #[test]
    fn keeps_the_contract(case in cases(60)) {
        check(&case, Profile::Strict, "strict")?;
    }
}

#[test]
fn replay() {
    support::replay(&[Profile::Strict]);
}
