//! Decisions, while they are looked at: so many a reply at most, so that a busy daemon costs no more than a screen needs.

use super::link::{Follow, Gone, Turn};
use super::news::{Newest, News};
use crate::frame::{Decision, DecisionLog};
use busdma_api::MachineId;
use busdma_api::client::{CallError, Client};
use busdma_api::monitor::{Decisions, DecisionsReply, MonitorError};
use std::sync::Arc;
use std::time::Duration;

/// Decisions a second at most, where replies hold at least [`REPLY_MIN`] of them.
const PER_SECOND: u128 = 5000;

const REPLY_MIN: u32 = 500;

/// The most that the daemon keeps from one reply to the next.
const REPLY_MAX: u32 = 4096;

/// Decisions of several machines are told in order but for less than this, nanoseconds.
const DISORDER_NS: u64 = 1_000_000_000;

/// The shortest time between replies, unless frames come more often: each costs the daemon a wake-up.
const OFTEN: Duration = Duration::from_millis(100);

/// Takes decisions in.
#[derive(Debug)]
pub(super) struct DecisionStream {
    news: Arc<News>,
}

/// What to ask for, where frames are `interval` apart.
pub(super) fn call(machine: Option<MachineId>, interval: Duration) -> Decisions {
    let interval = apart(interval);
    let fair = u32::try_from(interval.as_millis() * PER_SECOND / 1000).unwrap_or(REPLY_MAX);
    Decisions {
        machine,
        backlog: Some(fair.clamp(REPLY_MIN, REPLY_MAX)),
        interval_ms: Some(super::milliseconds(interval)),
        ..Decisions::default()
    }
}

/// How far apart replies are: a frame is made when a snapshot comes, and lacks what was decided since the reply before.
fn apart(interval: Duration) -> Duration {
    (interval / 4).max(OFTEN).min(interval)
}

impl DecisionStream {
    pub(super) fn new(news: Arc<News>) -> Self {
        Self { news }
    }

    fn take(&self, reply: DecisionsReply) {
        let DecisionsReply { decisions, lost } = reply;
        let told = decisions.len() as u64;
        let decisions: Vec<_> = decisions.into_iter().filter_map(|record| Decision::try_from(record).ok()).collect();
        let not_understood = told - decisions.len() as u64;
        self.news.put(|newest| {
            newest.decisions_lost += lost + not_understood;
            for decision in decisions {
                push(newest, decision);
            }
        });
    }

    fn read(&self, client: &mut Client, call: &Decisions, turn: &mut Turn<'_, Decisions>) -> CallError<MonitorError> {
        let replies = match client.call_more(call) {
            Ok(replies) => replies,
            Err(error) => return error,
        };
        for reply in replies {
            match reply {
                Ok(reply) => self.take(reply),
                Err(error) => return error,
            }
            turn.made_progress();
        }
        CallError::Closed
    }
}

/// A clock that begins anew is another daemon's: its decisions go into a log of their own.
fn push(newest: &mut Newest, decision: Decision) {
    let last = newest.decisions.iter().next_back().map_or(0, |last| last.t_ns);
    if decision.t_ns.saturating_add(DISORDER_NS) < last {
        newest.decisions = DecisionLog::default();
    }
    newest.decisions.push(decision);
}

impl Follow for DecisionStream {
    type Call = Decisions;

    fn patience(_: &Decisions) -> Option<Duration> {
        None
    }

    fn follow(&mut self, client: &mut Client, turn: &mut Turn<'_, Decisions>) -> Gone {
        let mut call = turn.call.clone();
        loop {
            match self.read(client, &call, turn) {
                CallError::Refused(MonitorError::IntervalTooShort { limit_ms, .. })
                    if call.interval_ms < Some(limit_ms) =>
                {
                    call.interval_ms = Some(limit_ms);
                }
                error => return error.into(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_lacks_a_quarter_of_what_was_decided_at_most() {
        for (interval, apart) in [(50, 50), (100, 100), (200, 100), (1_000, 250), (60_000, 15_000)] {
            let call = call(None, Duration::from_millis(interval));
            assert_eq!(call.interval_ms, Some(apart), "frames every {interval} ms");
        }
    }
}
