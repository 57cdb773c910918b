//! Every quota: it can be used up to the last, what goes beyond is refused by its name and number, and what is given back can
//! be had again.

#[path = "../program/daemon.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod daemon;
mod holder;
mod served;
mod single;

use busdma_api::engine::EngineError;
use busdmad::config::Quota;
use holder::{Holder, Taken};
use served::{Served, exceeded};
use std::thread;

const PAGE: u64 = 4096;

/// How a quota is used up.
struct Case {
    quota: Quota,
    /// How much of it each thing takes.
    each: u64,
    /// What a session has before it takes the first one; it takes nothing of this quota.
    prepare: fn(&mut Holder),
    take: fn(&mut Holder) -> Result<Taken, EngineError>,
}

const CASES: &[Case] = &[
    Case { quota: Quota::Machines, each: 1, prepare: |_| {}, take: Holder::take_machine },
    Case { quota: Quota::Tags, each: 1, prepare: |_| {}, take: Holder::take_tag },
    Case { quota: Quota::Maps, each: 1, prepare: Holder::make_tag, take: Holder::take_map },
    Case { quota: Quota::Maps, each: 1, prepare: Holder::make_tag, take: Holder::take_dmamem },
    Case { quota: Quota::MemoryBytes, each: 2 * PAGE, prepare: |_| {}, take: Holder::take_memory },
    Case { quota: Quota::MemoryFiles, each: 1, prepare: |_| {}, take: Holder::take_memory },
    Case { quota: Quota::MemoryFiles, each: 1, prepare: Holder::make_tag, take: Holder::take_dmamem },
    Case { quota: Quota::BouncePages, each: 2, prepare: Holder::make_bouncing, take: Holder::take_pages },
    Case { quota: Quota::BouncePages, each: 2, prepare: Holder::make_bouncing, take: Holder::take_pages_in_a_batch },
    Case { quota: Quota::BouncePages, each: 3, prepare: |_| {}, take: Holder::take_promises },
    Case { quota: Quota::DmamemBytes, each: 2 * PAGE, prepare: Holder::make_tag, take: Holder::take_dmamem },
    Case { quota: Quota::CallsInFlight, each: 1, prepare: Holder::make_waiting, take: Holder::take_call },
];

/// Things that one session may have in these tests, and that all of a user's may have together.
const PER_CONNECTION: u64 = 3;
const PER_UID: u64 = 5;

#[test]
fn every_quota_is_enforced_for_sessions_and_users() {
    for quota in Quota::ALL {
        // Connections have tests of their own.
        assert!(quota == Quota::Connections || CASES.iter().any(|case| case.quota == quota), "{quota:?}");
    }
    thread::scope(|scope| {
        for case in CASES {
            scope.spawn(|| check(case));
        }
    });
}

fn check(case: &Case) {
    let name = case.quota.name();
    let (one_session, one_user) = (PER_CONNECTION * case.each, PER_UID * case.each);
    let limits = format!("[limits.per_connection]\n{name} = {one_session}\n[limits.per_uid]\n{name} = {one_user}\n");
    let served = Served::new(&limits);
    let refused = |holder: &mut Holder, scope: &str, limit: u64| {
        assert_eq!((case.take)(holder).expect_err(name), exceeded(name, limit, scope));
    };
    let [mut one, mut two, mut three] = [(); 3].map(|()| Holder::new(&served.socket, case.prepare));

    let mut of_one: Vec<_> = (0..PER_CONNECTION).map(|_| (case.take)(&mut one).unwrap()).collect();
    one.has(case, PER_CONNECTION, PER_CONNECTION);
    refused(&mut one, "connection", one_session);
    let mut of_two: Vec<_> = (PER_CONNECTION..PER_UID).map(|_| (case.take)(&mut two).unwrap()).collect();
    two.has(case, PER_UID - PER_CONNECTION, PER_UID);
    for holder in [&mut two, &mut three] {
        refused(holder, "uid", one_user);
    }
    // With both used up the session's is named, unless a further connection cannot even ask to join.
    let (scope, limit) =
        if case.quota == Quota::CallsInFlight { ("uid", one_user) } else { ("connection", one_session) };
    refused(&mut one, scope, limit);
    one.has(case, PER_CONNECTION, PER_UID);

    // What one gives back another may have, and then it is gone again.
    one.give(of_one.pop().unwrap());
    of_two.push(two.takes(case));
    for holder in [&mut one, &mut three] {
        refused(holder, "uid", one_user);
    }
    refused(&mut two, scope, limit);

    // What a session had that ended another may have.
    drop((of_one, one));
    let _of_three = [three.takes(case), three.takes(case)];
    refused(&mut three, "uid", one_user);
    for taken in of_two {
        two.give(taken);
    }
    let _third = three.takes(case);
    refused(&mut three, "connection", one_session);
}
