//! What a scrape sees: the host's counts, and those of the door in front of it.

use super::{Host, Stalled};
use crate::metrics::{Refusal, Sample, Source};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) struct Observed {
    host: Arc<dyn Host>,
    refused: AtomicU64,
}

impl Observed {
    pub(super) fn new(host: Arc<dyn Host>) -> Self {
        Self { host, refused: AtomicU64::new(0) }
    }

    /// Counts a connection that was not let in.
    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

impl Source for Observed {
    fn sample(&self) -> Sample {
        let mut sample = self.host.sample();
        sample.connections.refused.push((Refusal::NotAllowed, self.refused.load(Ordering::Relaxed)));
        sample
    }

    fn health(&self) -> Result<String, Stalled> {
        self.host.status_line()
    }
}
