//! Runs operations on the engine and the reference model side by side and stops at the first disagreement.
//!
//! Under FreeBSD's profiles every answer, every counter, every map and every byte is compared. Under the strict profile
//! the checkers judge instead. The engine's own invariants are checked after every operation in any case.

mod bench;
mod bytes;
mod fault;
mod judge;

pub use bench::Bench;
pub use fault::{Failure, Fault};

use crate::machine::MachineSpec;
use crate::ops::Op;
use busdma_engine::profile::{KernelAssertions, Profile, Switches};

/// What the operations run on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rig {
    /// Which bus_dma(9).
    pub profile: Profile,
    /// Whether its kernel has assertions.
    pub assertions: KernelAssertions,
    /// The machine.
    pub spec: MachineSpec,
}

impl Rig {
    /// A profile on the usual machine, with assertions.
    pub const fn usual(profile: Profile) -> Self {
        Self { profile, assertions: KernelAssertions::On, spec: MachineSpec::usual() }
    }

    fn switches(&self) -> Switches {
        Switches { assertions: self.assertions, ..self.profile.switches() }
    }
}

/// What a run came to, for tests that want to know whether it exercised anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Operations that found something to act on.
    pub operations: u64,
    /// Loads that ended with segments, deferred ones included.
    pub loaded: u64,
    /// Loads that failed.
    pub failed: u64,
    /// Loads that were deferred.
    pub deferred: u64,
    /// Deferred callbacks that ran.
    pub callbacks: u64,
    /// Deferred loads that were given up.
    pub cancelled: u64,
    /// Loads that used bounce pages.
    pub bounced: u64,
    /// Hazards the engine raised.
    pub hazards: u64,
    /// Runs that came to where FreeBSD's kernel stops.
    pub panics: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.operations += other.operations;
        self.loaded += other.loaded;
        self.failed += other.failed;
        self.deferred += other.deferred;
        self.callbacks += other.callbacks;
        self.cancelled += other.cancelled;
        self.bounced += other.bounced;
        self.hazards += other.hazards;
        self.panics += other.panics;
    }
}

/// Runs the operations in order.
///
/// # Errors
/// The first fault, with the operations that led to it.
pub fn run(rig: &Rig, ops: &[Op]) -> Result<Tally, Box<Failure>> {
    let mut bench = Bench::new(rig.clone());
    for (index, op) in ops.iter().enumerate() {
        bench.apply(op).map_err(|fault| Box::new(Failure { rig: rig.clone(), ops: ops[..=index].to_vec(), fault }))?;
    }
    Ok(bench.tally())
}
