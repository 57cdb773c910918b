//! `org.busdma.Host`.

use super::answer;
use super::streams::{Pause, pause};
use crate::connection::{Replies, Stopped, Wanted, Worker};
use crate::host::EventFilter;
use crate::parameters;
use busdma_api::host::{
    Attach, Correlation, Detach, Devices, Events, EventsReply, HostError, HostMethod, Mappings, Probes, Watch,
};
use busdma_api::service::ServiceError;
use busdma_api::wire::Call;
use busdma_host::event::{Device, Tracepoint};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Events of one reply.
const EVENTS_A_REPLY: usize = 512;

pub(super) fn call(
    worker: &mut Worker,
    method: HostMethod,
    call: &Call<'_>,
    replies: &mut Replies<'_>,
) -> Result<(), Stopped> {
    match method {
        HostMethod::Probes => {
            answer(worker, call, replies, |worker, _: &Probes| Ok::<_, HostError>(worker.service.host.probes()))
        }
        HostMethod::Attach => answer(worker, call, replies, |worker, call: &Attach| {
            permitted(worker)?;
            worker.service.host.attach(call)
        }),
        HostMethod::Detach => answer(worker, call, replies, |worker, _: &Detach| {
            permitted(worker)?;
            worker.service.host.detach()
        }),
        HostMethod::Devices => {
            answer(worker, call, replies, |worker, call: &Devices| worker.service.host.devices(call))
        }
        HostMethod::Mappings => answer(worker, call, replies, |worker, call: &Mappings| {
            permitted(worker)?;
            worker.service.host.mappings(call)
        }),
        HostMethod::Correlation => {
            answer(worker, call, replies, |worker, call: &Correlation| worker.service.host.correlation(call))
        }
        HostMethod::Watch | HostMethod::Events if replies.wanted() != Wanted::Many => {
            replies.error(&ServiceError::ExpectedMore)
        }
        HostMethod::Watch => watch(worker, call, replies),
        HostMethod::Events => events(worker, call, replies),
    }
}

/// What the host maps, where, and for whom, is not for every user.
fn permitted(worker: &Worker) -> Result<(), HostError> {
    let viewer = worker.viewer();
    if viewer.uid == 0 || viewer.uid == viewer.daemon_uid {
        Ok(())
    } else {
        Err(HostError::NotPermitted { uid: viewer.uid })
    }
}

/// Watch: a reply every interval, until the client hangs up or the daemon stops.
fn watch(worker: &mut Worker, call: &Call<'_>, replies: &mut Replies<'_>) -> Result<(), Stopped> {
    let watch = match parameters::read::<Watch>(call.parameters) {
        Ok(watch) => watch,
        Err(error) => return replies.error(&error),
    };
    let interval_ms = watch.interval_ms.unwrap_or(1000);
    let (interval, shortest) = (Duration::from_millis(interval_ms), worker.limits.watch_interval_min);
    if interval < shortest {
        let limit_ms = u64::try_from(shortest.as_millis()).unwrap_or(u64::MAX);
        return replies.error(&HostError::IntervalTooShort { interval_ms, limit_ms });
    }
    let mut next = Instant::now();
    loop {
        match worker.service.host.snapshot() {
            Ok(reply) => replies.next(&reply)?,
            Err(error) => return replies.error(&error),
        }
        next = (next + interval).max(Instant::now());
        if pause(worker, next)? == Pause::Stopping {
            return replies.error(&HostError::ShuttingDown);
        }
    }
}

/// Events: as they come, until the client hangs up or the daemon stops.
fn events(worker: &mut Worker, call: &Call<'_>, replies: &mut Replies<'_>) -> Result<(), Stopped> {
    let events = match parameters::read::<Events>(call.parameters) {
        Ok(events) => events,
        Err(error) => return replies.error(&error),
    };
    let filter = match permitted(worker).and_then(|()| filter(&events)) {
        Ok(filter) => filter,
        Err(error) => return replies.error(&error),
    };
    let most = usize::try_from(worker.limits.decisions_backlog).unwrap_or(usize::MAX);
    let limit = events.backlog.map_or(most, |backlog| (backlog as usize).min(most));
    let subscription = worker.service.host.subscribe(filter, limit, Arc::clone(&worker.bell));
    loop {
        while let Some(heard) = subscription.take(EVENTS_A_REPLY) {
            replies.next(&EventsReply { events: heard.events, lost: heard.lost, dropped: heard.dropped })?;
        }
        if worker.service.is_stopping() {
            return replies.error(&HostError::ShuttingDown);
        }
        worker.listen(None)?;
    }
}

fn filter(events: &Events) -> Result<EventFilter, HostError> {
    let tracepoint =
        |name: &String| Tracepoint::from_name(name).ok_or_else(|| HostError::NoSuchObject { object: name.clone() });
    let tracepoints = match &events.tracepoints {
        Some(names) => Some(names.iter().map(tracepoint).collect::<Result<_, _>>()?),
        None => None,
    };
    Ok(EventFilter { device: events.device.as_deref().map(Device::new), tracepoints })
}
