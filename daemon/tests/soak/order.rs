//! The queue for bounce pages as decisions tell of it: who waits longest comes first.

use busdma_api::MapRef;
use busdma_api::client::{CallError, Client};
use busdma_api::monitor::{DecisionRecord, Decisions, MonitorError};
use busdma_api::{MachineId, monitor};
use std::collections::VecDeque;
use std::path::Path;

/// Who may be given pages next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
    /// FreeBSD 11: the head of the one queue, whichever zone it waits for and whichever zone has a page back.
    HeadOfAll,
    /// Strict: the first in the queue that waits for the zone.
    HeadOfZone,
}

/// A queue that is watched.
#[derive(Debug)]
pub(crate) struct Order {
    rule: Rule,
    /// Maps with the zones they wait for.
    waiting: VecDeque<(MapRef, Option<u32>)>,
    /// Maps that have their pages and are still to be taken up.
    woken: VecDeque<MapRef>,
    /// Decisions of the verb that is being told of.
    verb: Vec<DecisionRecord>,
    pub(crate) totals: Totals,
}

/// What was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) deferred: u64,
    pub(crate) resumed: u64,
    pub(crate) cancelled: u64,
    /// The most that waited at once.
    pub(crate) longest: usize,
}

const KINDS: [&str; 4] = ["deferred", "woken", "resumed", "cancelled"];

/// Watches a machine until the daemon stops.
pub(crate) fn watch(socket: &Path, machine: MachineId, rule: Rule) -> Order {
    let mut order =
        Order { rule, waiting: VecDeque::new(), woken: VecDeque::new(), verb: Vec::new(), totals: Totals::default() };
    let mut client = Client::connect(socket).unwrap();
    let kinds = Some(KINDS.map(str::to_owned).to_vec());
    let call = Decisions { machine: Some(machine), kinds, ..Decisions::default() };
    for reply in client.call_more(&call).unwrap() {
        match reply {
            Ok(monitor::DecisionsReply { decisions, lost }) => {
                assert_eq!(lost, 0, "the watcher is too slow");
                for decision in decisions {
                    order.hear(decision);
                }
            }
            Err(CallError::Refused(MonitorError::ShuttingDown)) => break,
            Err(error) => panic!("{error:?}"),
        }
    }
    order.end_verb();
    assert!(order.waiting.is_empty() && order.woken.is_empty(), "left behind: {order:?}");
    order
}

impl Order {
    fn hear(&mut self, decision: DecisionRecord) {
        if self.verb.first().is_some_and(|first| first.t_ns != decision.t_ns) {
            self.end_verb();
        }
        self.verb.push(decision);
    }

    /// A cancelled load leaves the queue before its pages wake others, and is told of after them.
    fn end_verb(&mut self) {
        let mut verb = std::mem::take(&mut self.verb);
        verb.sort_by_key(|decision| decision.kind != "cancelled");
        for decision in &verb {
            self.see(decision);
        }
    }

    fn see(&mut self, decision: &DecisionRecord) {
        let map = decision.map.unwrap();
        match &*decision.kind {
            "deferred" => {
                // Only by a call: nobody who is taken up has to wait once more.
                assert!(decision.session.is_some(), "deferred again: {decision:?}");
                self.totals.deferred += 1;
                self.waiting.push_back((map, decision.zone));
                self.totals.longest = self.totals.longest.max(self.waiting.len());
            }
            "woken" => {
                let next = match self.rule {
                    Rule::HeadOfAll => Some(0),
                    Rule::HeadOfZone => self.waiting.iter().position(|(_, zone)| *zone == decision.zone),
                };
                let woken = next.and_then(|next| self.waiting.remove(next)).map(|(woken, _)| woken);
                assert_eq!(woken, Some(map), "out of turn: {:?}", self.waiting);
                self.woken.push_back(map);
            }
            "resumed" => {
                self.totals.resumed += 1;
                assert_eq!(self.woken.pop_front(), Some(map), "taken up out of turn");
            }
            _ => {
                self.totals.cancelled += 1;
                let before = self.waiting.len() + self.woken.len();
                self.waiting.retain(|(waiting, _)| *waiting != map);
                self.woken.retain(|woken| *woken != map);
                assert_eq!(self.waiting.len() + self.woken.len() + 1, before, "{map} did not wait");
            }
        }
    }
}
