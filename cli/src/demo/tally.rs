//! What the traffic came to.

use super::{Pools, Run};
use crate::args::DemoArgs;
use busdma_api::monitor::ZoneInfo;
use busdma_sim::driver::Tally;
use serde::Serialize;
use std::collections::BTreeMap;

/// A whole run.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// The daemon's socket; null for an engine in this process.
    pub(super) socket: Option<String>,
    pub(super) seconds: f64,
    pub(super) clients: u8,
    pub(super) seed: u64,
    #[serde(flatten)]
    pub(super) tally: Tally,
    /// What was found wrong on the clients' machines, and how often.
    pub(super) findings: BTreeMap<String, u64>,
    pub(super) machines: Vec<MachinePools>,
}

/// The zones of one machine at the end.
#[derive(Debug, Serialize)]
pub(super) struct MachinePools {
    pub(super) machine: String,
    pub(super) zones: Vec<ZoneInfo>,
}

impl Summary {
    pub(super) fn new(args: &DemoArgs, socket: Option<String>, run: Run) -> Self {
        let machines =
            run.seen.pools.into_iter().map(|(machine, zones): Pools| MachinePools { machine, zones }).collect();
        let (clients, seed) = (args.clients, args.seed);
        Self {
            socket,
            seconds: run.time.as_secs_f64(),
            clients,
            seed,
            tally: run.tally,
            findings: run.seen.findings,
            machines,
        }
    }
}
