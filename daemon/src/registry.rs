//! The machines there are.

use crate::machine::Machine;
use crate::server::Stalled;
use busdma_api::MachineId;
use busdma_recorder::{Tape, TapeSource};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// All machines, `host0` first.
#[derive(Debug, Default)]
pub(crate) struct Machines {
    machines: RwLock<BTreeMap<MachineId, Arc<Machine>>>,
    made: AtomicU32,
}

/// A machine that keeps its owner longer than this is stuck.
const STALLED: Duration = Duration::from_secs(20);

impl Machines {
    /// The machine of that id.
    pub(crate) fn get(&self, id: MachineId) -> Option<Arc<Machine>> {
        let machines = self.machines.read().unwrap_or_else(PoisonError::into_inner);
        machines.get(&id).filter(|machine| !machine.is_gone()).cloned()
    }

    /// All that can be used.
    pub(crate) fn all(&self) -> Vec<Arc<Machine>> {
        let mut machines = self.with_ending();
        machines.retain(|machine| !machine.is_gone());
        machines
    }

    /// All, and those that are being released.
    fn with_ending(&self) -> Vec<Arc<Machine>> {
        self.machines.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// An id that no machine has had.
    pub(crate) fn new_id(&self) -> MachineId {
        MachineId::private(self.made.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Enters a machine.
    pub(crate) fn insert(&self, machine: Machine) {
        self.machines.write().unwrap_or_else(PoisonError::into_inner).insert(machine.id, Arc::new(machine));
    }

    /// Takes a machine out; calls that have it already are finished on it.
    pub(crate) fn remove(&self, id: MachineId) {
        self.machines.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Finds a machine whose owner has not given it back for too long.
    pub(crate) fn check_progress(&self) -> Result<(), Stalled> {
        let now = Instant::now();
        for machine in self.with_ending() {
            let waited = machine.stalled_for(now);
            if waited > STALLED {
                return Err(Stalled { machine: machine.id.to_string(), waited });
            }
        }
        Ok(())
    }
}

impl TapeSource for Machines {
    fn collect(&self, visit: &mut dyn FnMut(&mut Tape)) {
        for machine in self.with_ending() {
            machine.lock().visit_tape(visit);
        }
    }
}
