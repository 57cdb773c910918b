//! The DMA of the host: devices and pool every interval, where probes tell of them.

use super::convert::host_frame;
use super::link::{Follow, Gone, PATIENCE, Turn};
use super::news::News;
use crate::frame::Probes;
use busdma_api::client::{CallError, Client};
use busdma_api::host::{HostError, Watch};
use std::sync::Arc;
use std::time::Duration;

/// From asking to asking whether probes are there by now.
const NO_PROBES: Duration = Duration::from_secs(2);

/// What devices do is told in rates over seconds: to ask more often shows nothing new.
const INTERVAL_MIN: Duration = Duration::from_millis(500);

/// Takes devices and pool in.
#[derive(Debug)]
pub(super) struct HostStream {
    news: Arc<News>,
}

/// What to ask for, where everything else comes `interval` apart.
pub(super) fn call(interval: Duration) -> Watch {
    Watch { interval_ms: Some(super::milliseconds(interval.max(INTERVAL_MIN))) }
}

impl HostStream {
    pub(super) fn new(news: Arc<News>) -> Self {
        Self { news }
    }

    fn watch(&self, client: &mut Client, call: &Watch, turn: &mut Turn<'_, Watch>) -> CallError<HostError> {
        let replies = match client.call_more(call) {
            Ok(replies) => replies,
            Err(error) => return error,
        };
        for reply in replies {
            match reply {
                Ok(reply) => {
                    let host = host_frame(reply, Probes::Attached);
                    self.news.put(|newest| newest.host = Some(host));
                }
                Err(error) => return error,
            }
            turn.made_progress();
        }
        CallError::Closed
    }
}

impl Follow for HostStream {
    type Call = Watch;

    fn patience(call: &Watch) -> Option<Duration> {
        Some(PATIENCE + Duration::from_millis(call.interval_ms.unwrap_or(1000)))
    }

    fn follow(&mut self, client: &mut Client, turn: &mut Turn<'_, Watch>) -> Gone {
        let mut call = turn.call.clone();
        loop {
            match self.watch(client, &call, turn) {
                CallError::Refused(HostError::IntervalTooShort { limit_ms, .. })
                    if call.interval_ms < Some(limit_ms) =>
                {
                    call.interval_ms = Some(limit_ms);
                }
                CallError::Refused(HostError::NotAttached { .. }) => {
                    turn.made_progress();
                    self.news.put(|newest| newest.host = None);
                    turn.sleep(NO_PROBES);
                    if !turn.is_current() {
                        return Gone::Unwanted;
                    }
                }
                error => return error.into(),
            }
        }
    }
}
