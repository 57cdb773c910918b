//! One machine with traffic of its own, in time that is passed in.

use super::ear::Ear;
use super::findings::Findings;
use super::leak::{self, Leak};
use super::names;
use super::waits::Waits;
use crate::frame::{Decision, MapState, Name};
use crate::source::told::{Told, told};
use busdma_engine::{MapId, Nanos};
use busdma_sim::driver::{self, Driver, LocalError, LocalHost, SharedEngine, Tally};
use busdma_sim::machine::MachineSpec;
use busdma_sim::workload::Traffic;
use busdma_trace::observe;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A machine and who drives it.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) name: Name,
    pub(super) session: Name,
    pub(super) engine: SharedEngine<Ear>,
    pub(super) findings: Findings,
    pub(super) waits: Waits,
    pub(super) loads_failed: u64,
    /// What maps do, and since when.
    pub(super) doing: HashMap<MapId, (MapState, Nanos)>,
    driver: Driver<LocalHost<Ear>>,
    tally: Arc<Mutex<Tally>>,
    leak: Option<Leak>,
    /// From operation to operation, nanoseconds.
    apart_ns: u64,
    done: u64,
}

/// What is done on a machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) traffic: Traffic,
    pub(super) seed: u64,
    /// Operations a second; not 0.
    pub(super) rate: u64,
    pub(super) leak: Option<Leak>,
}

impl Client {
    /// A machine on which nothing has been done.
    pub(super) fn new(name: Name, session: Name, plan: Plan) -> Self {
        let spec = driver::machine(plan.traffic);
        let more = plan.leak.map_or(0, |_| leak::FRAMES);
        let spec = MachineSpec { bounce_frames: spec.bounce_frames + more, ..spec };
        let host = LocalHost::new(spec, Ear::default());
        let (engine, tally) = (host.engine(), Arc::new(Mutex::new(Tally::default())));
        Self {
            name,
            session,
            engine,
            findings: Findings::default(),
            waits: Waits::new(),
            loads_failed: 0,
            doing: HashMap::new(),
            driver: Driver::new(host, plan.traffic, plan.seed, Arc::clone(&tally)),
            tally,
            leak: plan.leak,
            apart_ns: (1_000_000_000 / plan.rate.max(1)).max(1),
            done: 0,
        }
    }

    /// Does what is due up to `until`, inclusive.
    ///
    /// # Errors
    /// What a well-behaved driver does not meet.
    pub(super) fn advance(&mut self, until: Nanos) -> Result<(), LocalError> {
        loop {
            let due = Nanos::new(self.done.saturating_mul(self.apart_ns));
            if due > until {
                return Ok(());
            }
            if let Some(leak) = self.leak.as_mut().filter(|leak| leak.due().is_some_and(|at| at <= due)) {
                leak.forget_one(self.driver.host_mut())?;
            }
            // An operation for which a map is in no state takes its time all the same.
            self.done += self.driver.step(due)?.max(1);
        }
    }

    /// The decisions since this was last asked, in order.
    pub(super) fn decisions(&mut self) -> Vec<Decision> {
        let heard = self.engine.lock().unwrap_or_else(PoisonError::into_inner).observer_mut().take();
        for (at, hazard) in &heard.hazards {
            self.findings.add(&self.name, &self.session, *at, hazard);
        }
        heard.decisions.iter().filter_map(|(at, decided)| self.decision(*at, decided)).collect()
    }

    /// Loads so far, failed ones too.
    pub(super) fn loads(&self) -> u64 {
        let forgotten = self.leak.map_or(0, Leak::loads);
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).loads + forgotten
    }

    fn decision(&mut self, at: Nanos, decided: &busdma_engine::Decision) -> Option<Decision> {
        self.follow(at, decided);
        let tag_name = |tag| names::tag(&self.name, tag);
        let map_name = |map| names::map(&self.name, map);
        let record = observe::decision(
            decided,
            |tag| tag_name(tag).into_string().into(),
            |map| map_name(map).into_string().into(),
        );
        let Told { map, tag, what } = told(&record)?;
        let tag = tag.or_else(|| {
            let engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
            Some(tag_name(engine.map(decided.map()?)?.tag()))
        });
        Some(Decision {
            t_ns: at.raw(),
            machine: self.name.clone(),
            session: Some(self.session.clone()),
            map,
            tag,
            what,
        })
    }

    /// Keeps what maps do, and what is counted.
    fn follow(&mut self, at: Nanos, decided: &busdma_engine::Decision) {
        use busdma_engine::Decision as Decided;
        match *decided {
            Decided::Deferred { map, .. } => {
                self.doing.insert(map, (MapState::Deferred, at));
            }
            Decided::Loaded { map, .. } => {
                self.doing.insert(map, (MapState::Loaded, at));
            }
            Decided::Unloaded { map, .. } | Decided::Cancelled { map, .. } => {
                self.doing.remove(&map);
            }
            Decided::Rejected { map, .. } => {
                self.doing.remove(&map);
                self.loads_failed += 1;
            }
            Decided::Resumed { waited_ns, .. } => self.waits.add(waited_ns),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(rate: u64, leak: Option<Leak>) -> Client {
        let plan = Plan { traffic: Traffic::Mixed, seed: 1, rate, leak };
        Client::new(Name::const_new("demo1"), Name::const_new("s1"), plan)
    }

    #[test]
    fn time_goes_on_at_any_rate() {
        for rate in [1, 1_000_000_000, 2_000_000_000, u64::MAX] {
            assert!(client(rate, None).apart_ns > 0, "{rate}");
        }
    }

    #[test]
    fn forgotten_transfers_are_loads() {
        let loads = |leak| {
            let mut client = client(400, leak);
            client.advance(Nanos::new(40_000_000_000)).unwrap();
            client.loads()
        };
        assert_eq!(loads(Some(Leak::default())), loads(None) + 2);
    }
}
