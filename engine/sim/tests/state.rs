//! An engine put together again from its state goes on as the first one does; and from a state that nobody could have
//! come to there is no engine.

mod edits;
mod support;

use busdma_engine::profile::Profile;
use busdma_engine::{Completion, DeferredClient, Engine, MemDesc, StateError, SyncOps, TagId, WaitPolicy};
use busdma_sim::engine_side::Hazards;
use busdma_sim::harness::{Bench, Rig};
use busdma_sim::machine::Machine;
use busdma_sim::ops::Op;
use busdma_sim::subject::Subject;
use busdma_sim::workload::{Traffic, Workload};
use edits::{Edit, edit};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestCaseError;
use support::{Case, cases, config};

/// Applies operations, and those behind `at` to a restored engine as well.
fn check_restored(rig: &Rig, ops: &[Op], at: usize) -> Result<(), TestCaseError> {
    let fault = |fault: busdma_sim::harness::Fault| TestCaseError::fail(fault.to_string());
    let mut original = Bench::new(rig.clone());
    let (before, behind) = ops.split_at(at.min(ops.len()));
    for op in before {
        original.apply(op).map_err(fault)?;
    }
    let mut restored = original.restored().map_err(|error| TestCaseError::fail(error.to_string()))?;
    check_same(&original, &restored)?;
    for op in behind {
        original.apply(op).map_err(fault)?;
        restored.apply(op).map_err(fault)?;
        check_same(&original, &restored)?;
    }
    Ok(())
}

/// The last answer, the whole state with its counters, every hazard and every byte.
fn check_same(original: &Bench, restored: &Bench) -> Result<(), TestCaseError> {
    prop_assert_eq!(original.last_answer(), restored.last_answer());
    let (one, other) = (original.engine(), restored.engine());
    prop_assert_eq!(one.engine().state(), other.engine().state());
    prop_assert_eq!(&one.engine().observer().raised, &other.engine().observer().raised);
    prop_assert_eq!(one.last_load_error(), other.last_load_error());
    prop_assert_eq!(one.machine().first_difference(other.machine()), None);
    Ok(())
}

proptest! {
    #![proptest_config(config(4000))]

    #[test]
    fn goes_on_as_the_first_one(case in cases(60), at in any::<Index>(), profile in select(&Profile::ALL[..])) {
        let ops = case.ops();
        let at = at.index(ops.len() + 1);
        check_restored(&case.rig(profile), &ops, at)
            .map_err(|error| TestCaseError::fail(format!("{}, restored at {at}: {error}", case.to_hex())))?;
    }

    #[test]
    fn nonsense_is_refused_or_harmless(
        case in cases(40),
        edits in vec(edit(), 1..4),
        profile in select(&Profile::ALL[..]),
    ) {
        check_edited(&case, &edits, profile)?;
    }
}

/// Under pressure nearly every map waits or holds pages: each point is a good one.
#[test]
fn traffic_goes_on_as_the_first() {
    for profile in Profile::ALL {
        let traffic = Traffic::BouncePressure;
        let ops: Vec<Op> = Workload::new(traffic, 3).take(300).collect();
        let rig = Rig { spec: traffic.machine(), ..Rig::usual(profile) };
        for at in (20..300).step_by(7) {
            check_restored(&rig, &ops, at).unwrap_or_else(|error| panic!("{profile:?}, restored at {at}: {error}"));
        }
    }
}

/// Random edits find what is not checked only where they are accepted now and then, and refused in many ways.
#[test]
fn edits_come_to_every_end() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    use std::collections::BTreeMap;
    let mut runner = TestRunner::deterministic();
    let (mut accepted, mut refused) = (0, BTreeMap::<String, u32>::new());
    for index in 0..4000 {
        let case = cases(40).new_tree(&mut runner).unwrap().current();
        let edit = edit().new_tree(&mut runner).unwrap().current();
        match edited(&case, &[edit], Profile::ALL[index % 4]) {
            Ok(_) => accepted += 1,
            Err(error) => {
                let text = format!("{error:?}");
                *refused.entry(text.split([' ', '(']).next().unwrap_or_default().to_owned()).or_default() += 1;
            }
        }
    }
    assert!(accepted > 500, "{accepted} accepted");
    assert!(refused.len() >= 17, "{} kinds of refusal: {refused:?}", refused.len());
}

fn check_edited(case: &Case, edits: &[Edit], profile: Profile) -> Result<(), TestCaseError> {
    if let Ok(mut engine) = edited(case, edits, profile) {
        exercise(&mut engine)?;
    }
    Ok(())
}

/// The engine of a state that was edited.
fn edited(case: &Case, edits: &[Edit], profile: Profile) -> Result<Engine<Machine, Hazards>, StateError> {
    let mut bench = Bench::new(case.rig(profile));
    for op in case.ops() {
        if bench.apply(&op).is_err() {
            break;
        }
    }
    let engine = bench.engine().engine();
    let mut state = engine.state();
    for edit in edits {
        edit.apply(&mut state);
    }
    let machine = engine.platform().clone();
    let limits = machine.spec().limits();
    Engine::restore(machine, Hazards::default(), limits, *engine.switches(), &state)
}

/// Every verb on everything there is: whatever it answers, the engine holds together.
fn exercise(engine: &mut Engine<Machine, Hazards>) -> Result<(), TestCaseError> {
    let maps: Vec<_> = engine.maps().map(|(id, _)| id).collect();
    let tags: Vec<_> = engine.tags().map(|(id, _)| id).collect();
    let buffer =
        busdma_engine::VirtRange { start: busdma_engine::VirtAddr::new(0), len: busdma_engine::BusSize::new(0) };
    let audit = |engine: &Engine<Machine, Hazards>| {
        engine.check_invariants().map_err(|violation| TestCaseError::fail(violation.to_string()))
    };
    for round in 0..2 {
        let _ = engine.drain_ready(&mut Nobody);
        audit(engine)?;
        for &map in &maps {
            let _ = engine.sync(map, SyncOps::PRE_WRITE);
            if round == 0 {
                let _ = engine.cancel(map);
            }
            let _ = engine.load(map, &MemDesc::Buffer(buffer), WaitPolicy::MayDefer);
            let _ = engine.unload(map);
            audit(engine)?;
        }
        for &tag in &tags {
            let made = engine.create_map(tag);
            let _ = made.map(|map| engine.destroy_map(map));
            audit(engine)?;
        }
    }
    for &map in &maps {
        let _ = engine.free_mem(map, map);
        let _ = engine.destroy_map(map);
    }
    for &tag in &tags {
        let _ = engine.destroy_tag(tag);
    }
    audit(engine)?;
    match again(engine) {
        Ok(again) => prop_assert_eq!(engine.state(), again.state()),
        // A count that was edited to the limit has gone beyond it; a frame that was edited in was handed out again.
        Err(StateError::Zone { .. } | StateError::TagCounts { .. } | StateError::FrameTwice { .. }) => {}
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
    }
    Ok(())
}

fn again(engine: &Engine<Machine, Hazards>) -> Result<Engine<Machine, Hazards>, StateError> {
    let machine = engine.platform().clone();
    let limits = machine.spec().limits();
    Engine::restore(machine, Hazards::default(), limits, *engine.switches(), &engine.state())
}

struct Nobody;

impl DeferredClient for Nobody {
    fn lock(&mut self, _: TagId) {}

    fn callback(&mut self, _: &Completion<'_>) {}

    fn unlock(&mut self, _: TagId) {}
}
