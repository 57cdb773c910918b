//! Machines: a snapshot every interval. Whether there is a daemon at all goes by this connection.

use super::link::{Follow, Gone, PATIENCE, Turn};
use super::news::{Away, News};
use crate::frame::{DecisionLog, Machine};
use crate::source::rates::Rates;
use busdma_api::client::{CallError, Client};
use busdma_api::monitor::{MonitorError, SnapshotReply, Watch};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Samples of rates and trends are no shorter than this.
const SAMPLE_MIN: Duration = Duration::from_secs(1);

/// Two connections are to one daemon if its start is the same to within this.
const SAME_START: Duration = Duration::from_secs(1);

/// Takes snapshots in.
#[derive(Debug)]
pub(super) struct Snapshots {
    news: Arc<News>,
    rates: Rates,
    /// When the daemon's clock was at 0, by the first reply of the last connection.
    daemon_start: Option<Instant>,
}

/// The daemon as it was a moment ago, and the one that replies now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Daemon {
    Same,
    Another,
}

impl Snapshots {
    pub(super) fn new(news: Arc<News>) -> Self {
        Self { news, rates: Rates::new(SAMPLE_MIN), daemon_start: None }
    }

    /// Takes the first reply of a connection in.
    pub(super) fn take_first(&mut self, reply: SnapshotReply) {
        if self.daemon(reply.t_ns) == Daemon::Another {
            self.rates.reset();
            self.news.put(|newest| {
                newest.decisions = DecisionLog::default();
                newest.decisions_lost = 0;
                newest.host_findings.clear();
            });
        }
        self.take(reply);
    }

    fn take(&mut self, reply: SnapshotReply) {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok();
        let mut machines: Vec<Machine> = reply.machines.into_iter().map(Machine::from).collect();
        self.rates.take(reply.t_ns, &mut machines);
        self.news.put_at_once(|newest| {
            newest.t_ns = reply.t_ns;
            newest.unix_ns = unix.and_then(|unix| i64::try_from(unix.as_nanos()).ok());
            newest.machines = machines;
            newest.gone = None;
        });
    }

    fn daemon(&mut self, t_ns: u64) -> Daemon {
        let start = Instant::now().checked_sub(Duration::from_nanos(t_ns));
        let before = std::mem::replace(&mut self.daemon_start, start);
        match (before, start) {
            (Some(before), Some(start)) => {
                let apart = before.max(start) - before.min(start);
                if apart > SAME_START { Daemon::Another } else { Daemon::Same }
            }
            (None, _) => Daemon::Same,
            (Some(_), None) => Daemon::Another,
        }
    }

    fn watch(&mut self, client: &mut Client, call: &Watch, turn: &mut Turn<'_, Watch>) -> CallError<MonitorError> {
        let replies = match client.call_more(call) {
            Ok(replies) => replies,
            Err(error) => return error,
        };
        let mut first = true;
        for reply in replies {
            match reply {
                Ok(reply) if std::mem::take(&mut first) => self.take_first(reply),
                Ok(reply) => self.take(reply),
                Err(error) => return error,
            }
            turn.made_progress();
        }
        CallError::Closed
    }
}

impl Follow for Snapshots {
    type Call = Watch;

    fn patience(call: &Watch) -> Option<Duration> {
        Some(PATIENCE + interval(call))
    }

    fn follow(&mut self, client: &mut Client, turn: &mut Turn<'_, Watch>) -> Gone {
        let mut call = turn.call.clone();
        loop {
            self.rates.set_interval(interval(&call).max(SAMPLE_MIN));
            match self.watch(client, &call, turn) {
                CallError::Refused(MonitorError::IntervalTooShort { limit_ms, .. })
                    if call.interval_ms < Some(limit_ms) =>
                {
                    call.interval_ms = Some(limit_ms);
                }
                error => return error.into(),
            }
        }
    }

    fn gone(&mut self, why: &Gone, _: &Turn<'_, Watch>) {
        self.news.put_at_once(|newest| {
            let since = newest.gone.as_ref().map_or_else(Instant::now, |away| away.since);
            newest.gone = Some(Away { since, why: why.to_string() });
        });
    }
}

fn interval(call: &Watch) -> Duration {
    Duration::from_millis(call.interval_ms.unwrap_or(1000))
}
