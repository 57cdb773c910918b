//! Calls that wait, or that reply more than once.

use super::{refuse_with, submit, tags};
use crate::bell::Heard;
use crate::connection::{Replies, Stopped, Wanted, Worker};
use crate::listeners::Subscription;
use crate::monitor;
use crate::parameters;
use crate::session::{Claim, End, Found, Session};
use busdma_api::MapRef;
use busdma_api::engine::{EngineError, Failure, Load, Outcome, Wait, WaitReply};
use busdma_api::monitor::{Decisions, MonitorError, Snapshot, Watch};
use busdma_api::wire::Call;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Load: a deferred one called with `more` is answered a second time at its end.
pub(super) fn load(worker: &mut Worker, call: &Call<'_>, replies: &mut Replies<'_>) -> Result<(), Stopped> {
    let load = match parameters::read::<Load>(call.parameters) {
        Ok(load) => load,
        Err(error) => return replies.error(&error),
    };
    let claim = if replies.wanted() == Wanted::Many { Claim::Caller } else { Claim::Anybody };
    match tags::load(worker, &load, claim) {
        Ok(reply) if reply.outcome == Outcome::Deferred && claim == Claim::Caller => {
            let claimed = Claimed { session: Arc::clone(&worker.session), map: load.map };
            replies.next(&reply)?;
            let end = collect(worker, Some(load.map), Claim::Caller, None)?;
            drop(claimed);
            match end.map(ended) {
                Ok(Ok(reply)) => replies.last(&reply.load),
                Ok(Err(error)) | Err(error) => refuse_with(worker, replies, &error.into()),
            }
        }
        Ok(reply) => replies.last(&reply),
        Err(error) => refuse_with(worker, replies, &error.into()),
    }
}

/// Gives the end of a load to whoever waits, if the call that wanted it is gone.
struct Claimed {
    session: Arc<Session>,
    map: MapRef,
}

impl Drop for Claimed {
    fn drop(&mut self) {
        self.session.unclaim(self.map);
    }
}

/// Wait.
pub(super) fn wait(worker: &mut Worker, call: &Call<'_>, replies: &mut Replies<'_>) -> Result<(), Stopped> {
    let wait = match parameters::read::<Wait>(call.parameters) {
        Ok(wait) => wait,
        Err(error) => return replies.error(&error),
    };
    let longest = worker.limits.wait_timeout_max;
    let timeout = wait.timeout_ms.map_or(longest, Duration::from_millis).min(longest);
    match collect(worker, wait.map, Claim::Anybody, Some(timeout))?.and_then(ended) {
        Ok(reply) => replies.last(&reply),
        Err(error) => refuse_with(worker, replies, &error.into()),
    }
}

/// Waits for the end of a load.
fn collect(
    worker: &Worker,
    map: Option<MapRef>,
    claim: Claim,
    timeout: Option<Duration>,
) -> Result<Result<End, EngineError>, Stopped> {
    let begun = Instant::now();
    let deadline = timeout.map(|timeout| begun + timeout);
    let _listening = worker.session.listen(&worker.bell);
    loop {
        // Asked first: what was cancelled for the stop is then there to be collected.
        let is_stopping = worker.service.is_stopping();
        match worker.session.collect(map, claim) {
            Found::End(end) => return Ok(Ok(*end)),
            Found::Nothing => return Ok(Err(EngineError::NotDeferred { object: map.map(|map| map.to_string()) })),
            // The loads that waited when the stop began have been cancelled; this one came later.
            Found::NotYet if is_stopping => return Ok(Err(EngineError::ShuttingDown)),
            Found::NotYet => {}
        }
        if worker.listen(deadline)? == Heard::Nothing {
            let waited_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            return Ok(Err(EngineError::TimedOut { waited_ms }));
        }
    }
}

/// The end of a load as Wait replies it.
fn ended(end: End) -> Result<WaitReply, EngineError> {
    let End { map, result, waited_ns } = end;
    match result {
        Ok(load) => Ok(WaitReply { map, load, waited_ns }),
        Err(error @ EngineError::DeferredCancelled { .. }) => Err(error),
        Err(error) => Err(deferred_failed(map, &error, waited_ns)),
    }
}

fn deferred_failed(map: MapRef, error: &EngineError, waited_ns: u64) -> EngineError {
    let Failure { error, parameters } = submit::failure(error);
    EngineError::DeferredFailed { object: map.to_string(), error, details: parameters, waited_ns }
}

/// Watch: a snapshot every interval, until the client hangs up or the daemon stops.
pub(super) fn watch(worker: &mut Worker, call: &Call<'_>, replies: &mut Replies<'_>) -> Result<(), Stopped> {
    let watch = match parameters::read::<Watch>(call.parameters) {
        Ok(watch) => watch,
        Err(error) => return replies.error(&error),
    };
    let interval = match interval(worker, watch.interval_ms.unwrap_or(1000)) {
        Ok(interval) => interval,
        Err(error) => return replies.error(&error),
    };
    let snapshot = Snapshot { machine: watch.machine, limit: watch.limit };
    let mut next = Instant::now();
    loop {
        match worker.service.snapshot(worker.viewer(), &snapshot) {
            Ok(reply) => replies.next(&reply)?,
            Err(error) => return replies.error(&error),
        }
        // A client that read slowly is not sent the snapshots it missed.
        next = (next + interval).max(Instant::now());
        if pause(worker, next)? == Pause::Stopping {
            return replies.error(&MonitorError::ShuttingDown);
        }
    }
}

/// An interval that a client asks for, if the service allows one so short.
fn interval(worker: &Worker, interval_ms: u64) -> Result<Duration, MonitorError> {
    let (interval, shortest) = (Duration::from_millis(interval_ms), worker.limits.watch_interval_min);
    if interval < shortest {
        let limit_ms = u64::try_from(shortest.as_millis()).unwrap_or(u64::MAX);
        return Err(MonitorError::IntervalTooShort { interval_ms, limit_ms });
    }
    Ok(interval)
}

/// Why a worker goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pause {
    /// It is time.
    Over,
    /// The daemon stops.
    Stopping,
}

/// Waits until then.
pub(super) fn pause(worker: &Worker, until: Instant) -> Result<Pause, Stopped> {
    while worker.listen(Some(until))? == Heard::Rung {
        if worker.service.is_stopping() {
            return Ok(Pause::Stopping);
        }
    }
    Ok(Pause::Over)
}

/// Decisions: as they come or at intervals, until the client hangs up or the daemon stops.
pub(super) fn decisions(worker: &mut Worker, call: &Call<'_>, replies: &mut Replies<'_>) -> Result<(), Stopped> {
    let decisions = match parameters::read::<Decisions>(call.parameters) {
        Ok(decisions) => decisions,
        Err(error) => return replies.error(&error),
    };
    let interval = decisions.interval_ms.map(|interval_ms| interval(worker, interval_ms)).transpose();
    let (filter, interval) = match (worker.decision_filter(&decisions), interval) {
        (Ok(filter), Ok(interval)) => (filter, interval),
        (Err(error), _) | (_, Err(error)) => return replies.error(&error),
    };
    let most = usize::try_from(worker.limits.decisions_backlog).unwrap_or(usize::MAX);
    let most = if interval.is_some() { most.min(monitor::AT_INTERVALS) } else { most };
    let limit = decisions.backlog.map_or(most, |backlog| (backlog as usize).min(most));
    let bell = Arc::clone(&worker.bell);
    let subscription = worker.service.listeners.subscribe(worker.viewer(), filter, limit, bell);
    match interval {
        None => send_at_once(worker, &subscription, replies),
        Some(interval) => send_at_intervals(worker, &subscription, interval, replies),
    }
}

fn send_at_once(worker: &Worker, subscription: &Subscription, replies: &mut Replies<'_>) -> Result<(), Stopped> {
    loop {
        while let Some(reply) = monitor::decisions_reply(subscription, monitor::AT_ONCE) {
            replies.next(&reply)?;
        }
        if worker.service.is_stopping() {
            return replies.error(&MonitorError::ShuttingDown);
        }
        worker.listen(None)?;
    }
}

/// The first decision after a quiet interval goes out at once; what comes soon after it waits.
fn send_at_intervals(
    worker: &Worker,
    subscription: &Subscription,
    interval: Duration,
    replies: &mut Replies<'_>,
) -> Result<(), Stopped> {
    loop {
        if let Some(reply) = monitor::decisions_reply(subscription, monitor::AT_INTERVALS) {
            replies.next(&reply)?;
            if pause(worker, Instant::now() + interval)? == Pause::Over {
                continue;
            }
        }
        if worker.service.is_stopping() {
            return replies.error(&MonitorError::ShuttingDown);
        }
        worker.listen(None)?;
    }
}
