//! Any bytes as a machine and a sequence of operations: the engine against the naive reference model, with the audit of
//! the whole state after every operation.

#![no_main]

use busdma_sim::harness::{Rig, run};
use busdma_sim::ops::Op;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (rig, ops) = data.split_at(data.len().min(16));
    let (rig, mut ops) = (Rig::from_bytes(rig), Op::sequence_from_bytes(ops));
    ops.truncate(128);
    if let Err(failure) = run(&rig, &ops) {
        panic!("{failure}");
    }
});
