//! How much of the disk all recordings together may use.

use crate::error::RecorderFinding;

/// Bytes used below the configured directory, and the most there may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Quota {
    used: u64,
    limit: Option<u64>,
}

impl Quota {
    pub(crate) const fn new(used: u64, limit: Option<u64>) -> Self {
        Self { used, limit }
    }

    /// Takes room for bytes that are about to be written.
    ///
    /// # Errors
    /// [`RecorderFinding::QuotaReached`], and nothing is taken.
    pub(crate) fn charge(&mut self, bytes: u64) -> Result<(), RecorderFinding> {
        let used = self.used.saturating_add(bytes);
        match self.limit {
            Some(limit) if used > limit => Err(RecorderFinding::QuotaReached { used: self.used, limit }),
            _ => {
                self.used = used;
                Ok(())
            }
        }
    }

    /// Gives room back: bytes were deleted, or not written after all.
    pub(crate) fn refund(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// Bytes used and the limit, when nothing is left.
    pub(crate) fn exhausted(&self) -> Option<(u64, u64)> {
        self.limit.filter(|&limit| self.used >= limit).map(|limit| (self.used, limit))
    }
}
