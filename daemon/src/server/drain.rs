//! The end: what is in progress is finished, but not for ever.

use super::{Host, ServerError, StopSignals};
use crate::systemd::Notifier;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Interval;

/// How long after the timeout the host may take to end what it has cut off.
const GRACE: Duration = Duration::from_secs(5);

/// Lets the host drain, while the service manager is told that this takes its time.
pub(super) async fn drain(
    host: Arc<dyn Host>,
    timeout: Duration,
    notifier: &Notifier,
    pulse: &mut Interval,
    stop: &mut StopSignals,
) -> Result<(), ServerError> {
    const STATUS: &str = "finishing calls in progress";
    notifier.stopping(STATUS);
    let deadline = tokio::time::sleep(timeout + GRACE);
    tokio::pin!(deadline);
    let mut drained = tokio::task::spawn_blocking(move || host.drain(timeout));
    loop {
        tokio::select! {
            ended = &mut drained => {
                ended.map_err(|error| ServerError::System { what: "end the connections", source: error.into() })?;
                tracing::info!("stopped");
                return Ok(());
            }
            () = &mut deadline => return Err(ServerError::NotDrained(timeout + GRACE)),
            _ = stop.next() => return Err(ServerError::SecondSignal),
            _ = pulse.tick() => notifier.alive(STATUS),
        }
    }
}
