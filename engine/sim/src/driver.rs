//! A driver: takes operations from a workload and carries them out on a host, as a well-behaved driver would.
//!
//! The workload ends its oldest transfer without looking whether it was ever loaded. A driver must not unload a map
//! whose load waits, nor load it again: such a transfer is given up, and unloaded when its pages have come.

mod host;
mod local;
mod tally;

pub use host::{Answered, Copied, Ended, Host, Loaded, Refusal, Step, TOUCHED_BYTES, pattern};
pub use local::{LocalError, LocalHost, SharedEngine};
pub use tally::Tally;

use crate::machine::MachineSpec;
use crate::ops::Op;
use crate::request::Request;
use crate::workload::{Traffic, Workload};
use busdma_engine::{Nanos, WaitPolicy};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bounce frames where pages are not to run short: enough for the pools of every map.
const AMPLE_FRAMES: u64 = 1024;

/// A machine for that traffic: pages run short only where that is what the traffic is about.
pub const fn machine(traffic: Traffic) -> MachineSpec {
    let spec = traffic.machine();
    match traffic {
        Traffic::BouncePressure => spec,
        Traffic::Storage | Traffic::Network | Traffic::Mixed => MachineSpec { bounce_frames: AMPLE_FRAMES, ..spec },
    }
}

/// One client's driver.
#[derive(Debug)]
pub struct Driver<H: Host> {
    host: H,
    workload: Workload,
    /// In the order of their making, as the workload counts them.
    tags: Vec<H::Tag>,
    slots: Vec<Slot<H::Map>>,
    /// Which slots came with memory.
    memories: Vec<usize>,
    /// Steps not carried out yet, all on one map.
    pending: Vec<Step>,
    pending_on: usize,
    waiting: usize,
    tally: Arc<Mutex<Tally>>,
}

/// A map of the workload's; one that could not be made stays empty.
#[derive(Debug)]
struct Slot<M> {
    map: Option<M>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    Loaded,
    /// Its load waits for pages.
    Waiting,
    /// Its load waits, and the transfer is no longer wanted.
    GivenUp,
}

impl<H: Host> Driver<H> {
    /// A driver on an empty machine, whose traffic is of that kind and seed. It counts into `tally`.
    pub fn new(host: H, traffic: Traffic, seed: u64, tally: Arc<Mutex<Tally>>) -> Self {
        Self {
            host,
            workload: Workload::new(traffic, seed),
            tags: Vec::new(),
            slots: Vec::new(),
            memories: Vec::new(),
            pending: Vec::new(),
            pending_on: 0,
            waiting: 0,
            tally,
        }
    }

    /// What it drives.
    pub fn host_mut(&mut self) -> &mut H {
        &mut self.host
    }

    /// Takes the workload's next operation at `now`; says how many operations were carried out.
    ///
    /// # Errors
    /// The host's.
    pub fn step(&mut self, now: Nanos) -> Result<u64, H::Error> {
        self.host.at(now);
        let before = self.tally().operations;
        let Some(op) = self.workload.next() else { return Ok(0) };
        self.take(&op)?;
        Ok(self.tally().operations - before)
    }

    /// Carries out what is still pending, at `now`.
    ///
    /// # Errors
    /// The host's.
    pub fn finish(&mut self, now: Nanos) -> Result<(), H::Error> {
        self.host.at(now);
        self.flush()
    }

    fn take(&mut self, op: &Op) -> Result<(), H::Error> {
        match op {
            Op::Fill { map, seed } => self.add(*map, Step::Fill { seed: *seed }),
            Op::Sync { map, ops, .. } => self.add(*map, Step::Sync(*ops)),
            Op::DeviceWrite { map, seed } => self.add(*map, Step::DeviceWrite { seed: *seed }),
            Op::DeviceRead { map } => self.add(*map, Step::DeviceRead),
            Op::Unload { map } => self.unload(usize::from(*map)),
            Op::Load { map, request, wait } => self.load(usize::from(*map), Some(request), *wait),
            Op::LoadMemory { memory, wait, .. } => match self.memories.get(usize::from(*memory)) {
                Some(&slot) => self.load(slot, None, *wait),
                None => Ok(()),
            },
            Op::RunDeferred => self.run_deferred(),
            Op::CreateTag { parent, template } => {
                let parent = parent.and_then(|parent| self.tags.get(usize::from(parent)).copied());
                let tag = self.host.create_tag(parent, template)?;
                self.tags.push(tag);
                self.tally().operations += 1;
                Ok(())
            }
            Op::CreateMap { tag } => {
                let tag = self.tags[usize::from(*tag)];
                let map = self.host.create_map(tag)?;
                self.add_slot(map);
                Ok(())
            }
            Op::AllocMemory { tag, flags } => {
                let tag = self.tags[usize::from(*tag)];
                let map = self.host.alloc_memory(tag, *flags)?;
                self.memories.push(self.slots.len());
                self.add_slot(map);
                Ok(())
            }
            // A workload unmakes nothing.
            Op::DestroyTag { .. } | Op::DestroyMap { .. } | Op::FreeMemory { .. } | Op::Cancel { .. } => Ok(()),
        }
    }

    fn add_slot(&mut self, map: Result<H::Map, Refusal>) {
        let mut tally = self.tally();
        tally.operations += 1;
        if let Err(refusal) = map {
            tally.refused(refusal);
        }
        drop(tally);
        self.slots.push(Slot { map: map.ok(), state: State::Idle });
    }

    /// `None` loads the memory that the map came with.
    fn load(&mut self, slot: usize, request: Option<&Request>, wait: WaitPolicy) -> Result<(), H::Error> {
        self.flush()?;
        let Some(map) = self.slots[slot].map else { return Ok(()) };
        self.collect(slot)?;
        if self.slots[slot].state != State::Idle {
            return Ok(());
        }
        let loaded = match request {
            Some(request) => self.host.load(map, request, wait)?,
            None => self.host.load_memory(map, wait)?,
        };
        let mut tally = self.tally();
        tally.operations += 1;
        tally.loads += 1;
        match loaded {
            Ok(Loaded::Now) => tally.loaded += 1,
            Ok(Loaded::Later) => tally.deferred += 1,
            Err(refusal) => tally.refused(refusal),
        }
        drop(tally);
        self.slots[slot].state = match loaded {
            Ok(Loaded::Now) => State::Loaded,
            Ok(Loaded::Later) => {
                self.waiting += 1;
                State::Waiting
            }
            Err(_) => State::Idle,
        };
        Ok(())
    }

    fn unload(&mut self, slot: usize) -> Result<(), H::Error> {
        match self.slots[slot].state {
            State::Loaded => {
                self.push(slot, Step::Unload)?;
                self.slots[slot].state = State::Idle;
            }
            State::Waiting => self.slots[slot].state = State::GivenUp,
            State::Idle | State::GivenUp => {}
        }
        Ok(())
    }

    /// Adds a step, if the map is in a state for it.
    fn add(&mut self, map: u8, step: Step) -> Result<(), H::Error> {
        let slot = usize::from(map);
        if self.slots[slot].state == State::Loaded { self.push(slot, step) } else { Ok(()) }
    }

    fn push(&mut self, slot: usize, step: Step) -> Result<(), H::Error> {
        if self.pending_on != slot {
            self.flush()?;
            self.pending_on = slot;
        }
        self.pending.push(step);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), H::Error> {
        if let Some(map) = self.slots.get(self.pending_on).and_then(|slot| slot.map)
            && !self.pending.is_empty()
        {
            let copied = self.host.carry_out(map, &self.pending)?;
            let mut tally = self.tally();
            tally.operations += self.pending.len() as u64;
            tally.syncs += self.pending.iter().filter(|step| matches!(step, Step::Sync(_))).count() as u64;
            tally.bounced_pages += copied.pages;
            tally.bounced_bytes += copied.bytes;
            drop(tally);
            self.pending.clear();
        }
        Ok(())
    }

    fn run_deferred(&mut self) -> Result<(), H::Error> {
        self.flush()?;
        if self.waiting > 0 {
            for slot in 0..self.slots.len() {
                self.collect(slot)?;
            }
        }
        Ok(())
    }

    /// Takes notice of the end of a deferred load, if there was one and it has come.
    fn collect(&mut self, slot: usize) -> Result<(), H::Error> {
        let Slot { map: Some(map), state: state @ (State::Waiting | State::GivenUp) } = self.slots[slot] else {
            return Ok(());
        };
        let Some(ended) = self.host.collect(map)? else { return Ok(()) };
        self.waiting -= 1;
        self.tally().resumed(ended);
        self.slots[slot].state = match (state, ended.result) {
            (State::GivenUp, Ok(())) => {
                self.host.carry_out(map, &[Step::Unload])?;
                self.tally().operations += 1;
                State::Idle
            }
            (_, Ok(())) => State::Loaded,
            (_, Err(_)) => State::Idle,
        };
        Ok(())
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use busdma_engine::NoObserver;

    /// From operation to operation, nanoseconds.
    const APART: u64 = 1000;

    fn run(traffic: Traffic, seed: u64, steps: u64) -> Tally {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let host = LocalHost::new(machine(traffic), NoObserver);
        let mut driver = Driver::new(host, traffic, seed, Arc::clone(&tally));
        for step in 0..steps {
            driver.step(Nanos::new(step * APART)).unwrap();
        }
        driver.finish(Nanos::new(steps * APART)).unwrap();
        let waiting = driver.waiting as u64;
        let tally = tally.lock().unwrap().clone();
        assert_eq!(tally.deferred, tally.resumed + waiting, "every deferred load ends or still waits");
        tally
    }

    #[test]
    fn every_traffic_runs_and_every_load_is_accounted_for() {
        for traffic in Traffic::ALL {
            for seed in 0..8 {
                let tally = run(traffic, seed, 5000);
                let refused = tally.refusals();
                assert_eq!(tally.loads, tally.loaded + tally.deferred + refused, "{traffic:?} {seed}: {tally:?}");
                assert!(tally.operations > 2500 && tally.loaded > 0, "{traffic:?} {seed}: {tally:?}");
                match traffic {
                    Traffic::BouncePressure => {
                        assert!(tally.deferred > 100 && tally.waited_ns >= APART && refused > 0, "{seed}: {tally:?}");
                    }
                    _ => assert_eq!((tally.deferred, refused), (0, 0), "{traffic:?} {seed}: pages are ample"),
                }
                assert!(tally.bounced_pages > 0 || traffic == Traffic::Network, "{traffic:?} {seed}: {tally:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_traffic() {
        let counts = |seed| {
            let tally = run(Traffic::BouncePressure, seed, 3000);
            (tally.operations, tally.loaded, tally.deferred, tally.resumed, tally.refused, tally.bounced_bytes)
        };
        assert_eq!(counts(5), counts(5));
        assert_ne!(counts(5), counts(6));
    }
}
