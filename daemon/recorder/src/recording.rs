//! One recording: what was asked for, where its files go, and how much of the disk is left.

use crate::control::Cover;
use crate::error::RecorderError;
use crate::files::{CreateError, Directory, Part, PartName, Quota, Stamp, bytes_below};
use crate::handoff::{Epoch, Link};
use crate::recorder::{RecorderConfig, StartRequest};
use crate::start::MachineName;
use crate::status::RecordingId;
use crate::{RecorderFinding, Retention};
use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

/// The recording that runs.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) id: RecordingId,
    pub(crate) request: StartRequest,
    pub(crate) quota: Quota,
    directory: Directory,
    retention: Retention,
    stamp: Stamp,
    first_epoch: Epoch,
    /// The last start that was asked for.
    epoch: Epoch,
    stage: Stage,
}

/// Whether a recording still asks for starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Running,
    /// Tapes are being stopped: asking one for a start would turn it on again.
    Ending,
}

impl Recording {
    /// Opens the directory. Its starts are those after `before`.
    pub(crate) fn open(
        id: RecordingId,
        request: StartRequest,
        config: &RecorderConfig,
        before: Epoch,
    ) -> Result<Self, RecorderError> {
        let path = || match &request.directory {
            Some(inside) => config.directory.join(inside.as_path()),
            None => config.directory.clone(),
        };
        let unusable = |source| RecorderError::Directory { path: path(), source };
        let directory = Directory::open(&config.directory, request.directory.as_ref()).map_err(unusable)?;
        let now = SystemTime::now();
        config.retention.apply(&directory, &BTreeSet::new(), now).map_err(unusable)?;
        let used = match config.disk_bytes_max {
            Some(_) => bytes_below(&config.directory).map_err(unusable)?,
            None => 0,
        };
        let quota = Quota::new(used, config.disk_bytes_max);
        if let Some((used, limit)) = quota.exhausted() {
            return Err(RecorderError::QuotaReached { used, limit });
        }
        let epoch = before.next();
        Ok(Self {
            id,
            request,
            quota,
            directory,
            retention: config.retention,
            stamp: Stamp::of(now),
            first_epoch: epoch,
            epoch,
            stage: Stage::Running,
        })
    }

    /// What machines are asked for first.
    pub(crate) fn cover(&self) -> Cover {
        let StartRequest { ref machines, decisions, .. } = self.request;
        Cover { machines: machines.clone(), epoch: self.first_epoch, decisions }
    }

    /// The last start that was asked for.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Asks a tape for another start; returns which. `None` when the recording is ending.
    pub(crate) fn ask(&mut self, link: &Link) -> Option<Epoch> {
        if self.stage == Stage::Ending {
            return None;
        }
        self.epoch = self.epoch.next();
        link.want(self.epoch);
        Some(self.epoch)
    }

    /// Asks for no more starts.
    pub(crate) fn begin_to_end(&mut self) {
        self.stage = Stage::Ending;
    }

    /// Whether a start was asked for by this recording, not by one before it.
    pub(crate) fn asked_for(&self, epoch: Epoch) -> bool {
        epoch >= self.first_epoch
    }

    /// Makes a machine's next file: `part`, or the first number after it that is not taken.
    pub(crate) fn create_part(
        &self,
        machine: &MachineName,
        part: u32,
        now: Instant,
    ) -> Result<(Part, u32), RecorderFinding> {
        let compression = self.request.compression;
        let mut name = PartName { stamp: self.stamp.clone(), part, machine: machine.clone(), compression };
        loop {
            match Part::create(&self.directory, &name, now) {
                Ok(part) => return Ok((part, name.part)),
                Err(CreateError::Exists) => name.part += 1,
                Err(CreateError::Finding(finding)) => return Err(finding),
            }
        }
    }

    /// Deletes a file in which nothing was written.
    pub(crate) fn discard(&self, part: &Part) {
        if let Err(error) = self.directory.remove(part.name()) {
            tracing::warn!(%error, file = part.name(), "an empty file cannot be deleted");
        }
    }

    /// Whether a file should be followed by the next.
    pub(crate) fn is_over(&self, part: &Part, now: Instant) -> bool {
        let StartRequest { rotate_bytes, rotate_after, .. } = self.request;
        let large = rotate_bytes.is_some_and(|bytes| part.bytes_of_operations() >= bytes.get());
        let old = rotate_after.is_some_and(|age| now.saturating_duration_since(part.opened()) >= age);
        part.operations() > 0 && (large || old)
    }

    /// Bytes of lines after which they are written at the latest.
    pub(crate) fn piece_bytes(&self) -> usize {
        self.request.rotate_bytes.map_or(usize::MAX, |bytes| usize::try_from(bytes.get()).unwrap_or(usize::MAX))
    }

    /// Deletes old files. That it fails is told, and no reason to end the recording.
    pub(crate) fn retain(&mut self, open: &BTreeSet<String>) {
        match self.retention.apply(&self.directory, open, SystemTime::now()) {
            Ok(freed) => self.quota.refund(freed),
            Err(error) => tracing::warn!(%error, "old recordings cannot be looked through"),
        }
    }
}
