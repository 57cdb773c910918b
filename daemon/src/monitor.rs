//! `org.busdma.Monitor`: what machines hold, decide and suffer from, for those who may see them.

use crate::connection::Worker;
use crate::listeners::{Filter, Subscription};
use crate::machine::Machine;
use crate::service::Service;
use crate::words;
use busdma_api::MachineId;
use busdma_api::monitor::{
    Decisions, DecisionsReply, Finding, Findings, FindingsReply, MonitorError, Snapshot, SnapshotReply,
};
use std::cmp::Reverse;
use std::sync::Arc;

/// Who looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Viewer {
    pub(crate) uid: u32,
    /// The daemon's own.
    pub(crate) daemon_uid: u32,
}

/// Maps and waiters a snapshot lists unless it is asked for another number.
const LISTED: u32 = 100;

impl Viewer {
    /// Whether the viewer sees a machine of `owner`; `None` is the shared one. Root and the daemon's own user see all.
    pub(crate) fn sees(self, owner: Option<u32>) -> bool {
        owner.is_none_or(|owner| owner == self.uid) || self.uid == 0 || self.uid == self.daemon_uid
    }
}

impl Service {
    /// The machines a viewer sees: all, or the one that is asked for.
    fn seen(&self, viewer: Viewer, machine: Option<MachineId>) -> Result<Vec<Arc<Machine>>, MonitorError> {
        let sees = |machine: &Machine| viewer.sees(machine.session.as_ref().map(|session| session.uid));
        let Some(id) = machine else {
            return Ok(self.machines.all().into_iter().filter(|machine| sees(machine)).collect());
        };
        let machine = self.machines.get(id).ok_or_else(|| MonitorError::NoSuchObject { object: id.to_string() })?;
        if sees(&machine) { Ok(vec![machine]) } else { Err(MonitorError::NotOwner { object: id.to_string() }) }
    }

    /// Snapshot.
    pub(crate) fn snapshot(&self, viewer: Viewer, call: &Snapshot) -> Result<SnapshotReply, MonitorError> {
        let limit = call.limit.unwrap_or(LISTED) as usize;
        let machines = self.seen(viewer, call.machine)?;
        Ok(SnapshotReply {
            t_ns: self.clock.now().raw(),
            machines: machines.iter().map(|machine| machine.snapshot(limit)).collect(),
        })
    }

    /// Findings.
    pub(crate) fn findings(&self, viewer: Viewer, call: &Findings) -> Result<FindingsReply, MonitorError> {
        let mut reply = FindingsReply { findings: Vec::new(), lost: 0 };
        for machine in self.seen(viewer, call.machine)? {
            let (findings, lost) = machine.findings();
            reply.findings.extend(findings);
            reply.lost += lost;
        }
        if call.machine.is_none() {
            reply.findings.extend(self.recorder_finding());
        }
        reply.findings.sort_by_key(|finding: &Finding| Reverse((finding.severity, finding.last_ns)));
        Ok(reply)
    }
}

/// Decisions one reply holds at most, where replies come as decisions do.
pub(crate) const AT_ONCE: usize = 512;

/// The same where replies come at intervals; no more are kept from one to the next.
pub(crate) const AT_INTERVALS: usize = 4096;

impl Worker {
    /// The filter that a call of Decisions asks for.
    pub(crate) fn decision_filter(&self, call: &Decisions) -> Result<Filter, MonitorError> {
        let viewer = self.viewer();
        let machines = [call.machine, call.map.map(|map| map.machine), call.tag.map(|tag| tag.machine)];
        for machine in machines.into_iter().flatten() {
            self.service.seen(viewer, Some(machine))?;
        }
        let kinds =
            call.kinds.as_ref().map(|kinds| kinds.iter().map(|kind| known(kind)).collect::<Result<Vec<_>, _>>());
        let (machine, map, tag, session) = (call.machine, call.map, call.tag, call.session);
        Ok(Filter { machine, kinds: kinds.transpose()?, map, tag, session })
    }
}

fn known(kind: &str) -> Result<&'static str, MonitorError> {
    words::KINDS.into_iter().find(|known| *known == kind).ok_or_else(|| MonitorError::UnknownKind {
        kind: kind.to_owned(),
        known: words::KINDS.map(str::to_owned).to_vec(),
    })
}

/// What a listener's subscription has, unless it is nothing; up to `at_most` decisions.
pub(crate) fn decisions_reply(subscription: &Subscription, at_most: usize) -> Option<DecisionsReply> {
    let (decisions, lost) = subscription.take(at_most);
    (!decisions.is_empty() || lost > 0).then_some(DecisionsReply { decisions, lost })
}
