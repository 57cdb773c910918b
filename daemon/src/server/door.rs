//! Lets connections in, or not.

use super::Host;
use super::observed::Observed;
use crate::config::SocketConfig;
use crate::socket::{Admission, Peer};
use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixStream as BlockingStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::net::unix::SocketAddr;

/// How long to wait after the system had no descriptor or memory for a connection: it stays in the queue, and trying at once
/// would only burn the processor.
const RETRY_ACCEPT: Duration = Duration::from_millis(100);

/// How long after a logged refusal those of the same user are not logged.
const LOG_AGAIN: Duration = Duration::from_mins(1);

/// Who is let in, and who was not.
pub(super) struct Door {
    admission: Admission,
    observed: Arc<Observed>,
    logged: HashMap<u32, Instant>,
}

impl Door {
    pub(super) fn new(config: &SocketConfig, observed: Arc<Observed>) -> Self {
        Self { admission: Admission::new(config), observed, logged: HashMap::new() }
    }

    /// Hands a connection to the host if its user may be served, else closes it.
    pub(super) async fn admit(&mut self, connection: io::Result<(UnixStream, SocketAddr)>, host: &dyn Host) {
        let (stream, peer) = match connection.and_then(|(stream, _)| identified(stream)) {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(RETRY_ACCEPT).await;
                return;
            }
        };
        if self.admission.allows(&peer) {
            host.serve(stream, peer);
        } else {
            self.observed.refused();
            self.log_refusal(&peer, Instant::now());
        }
    }

    fn log_refusal(&mut self, peer: &Peer, now: Instant) {
        self.logged.retain(|_, at| now.duration_since(*at) < LOG_AGAIN);
        if self.logged.contains_key(&peer.uid) {
            return;
        }
        self.logged.insert(peer.uid, now);
        tracing::warn!(
            uid = peer.uid,
            gid = peer.gid,
            pid = peer.pid,
            "connection refused: user and group are on no list"
        );
    }
}

fn identified(stream: UnixStream) -> io::Result<(BlockingStream, Peer)> {
    let peer = Peer::from(stream.peer_cred()?);
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    Ok((stream, peer))
}
