//! `org.busdma.Recorder`: recordings, as clients and the configuration ask for them.

use crate::config::{self, RecorderSettings};
use crate::machine::MachineModel;
use crate::metrics::{RecorderSample, RecorderState as SampledState};
use crate::service::Service;
use busdma_api::MachineId;
use busdma_api::monitor::{Finding, Severity};
use busdma_api::recorder::{
    Compression, RecordedDecisions, RecordedHost, RecorderError, RecorderState, Start, StatusReply,
};
use busdma_recorder as files;
use busdma_recorder::{MachineDescription, MachineName, MachineSelection, RecorderConfig, Retention, StartRequest};
use busdma_trace::Decisions;
use busdma_trace::format::{BounceModel, DmamemModel, Hex, MachineModel as TraceModel};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes of one chunk of operations, about.
const CHUNK_BYTES: u64 = 64 << 10;

/// The recorder's configuration.
pub(crate) fn config(settings: &RecorderSettings) -> RecorderConfig {
    let chunks = usize::try_from(settings.queue_bytes / CHUNK_BYTES).unwrap_or(usize::MAX);
    RecorderConfig {
        queue_capacity: NonZeroUsize::new(chunks).unwrap_or(NonZeroUsize::MIN),
        sync_interval: settings.sync_interval,
        disk_bytes_max: Some(settings.disk_bytes_max),
        retention: Retention {
            files_max: settings.keep_files,
            bytes_max: settings.keep_bytes,
            age_max: settings.keep_for,
        },
        ..RecorderConfig::new(settings.directory.clone().unwrap_or_else(|| PathBuf::from("/nonexistent")))
    }
}

/// The recording that the configuration asks for.
pub(crate) fn configured(settings: &RecorderSettings) -> StartRequest {
    StartRequest {
        directory: None,
        compression: match settings.compression {
            config::Compression::Zstd => files::Compression::Zstd,
            config::Compression::None => files::Compression::None,
        },
        decisions: if settings.decisions { Decisions::Recorded } else { Decisions::LeftOut },
        rotate_bytes: settings.rotate_bytes.and_then(NonZeroU64::new),
        rotate_after: settings.rotate_after,
        machines: MachineSelection::All,
    }
}

/// What the header of a machine's trace says of it.
pub(crate) fn description(id: MachineId, model: &MachineModel) -> MachineDescription {
    let memory = model.memory();
    MachineDescription {
        name: name(id),
        profile: model.profile,
        model: TraceModel {
            arch: "amd64".into(),
            page_size: busdma_engine::PAGE_SIZE,
            maxmem: Hex(model.memory_bytes),
            max_bpages: model.max_bpages,
            bounce: BounceModel {
                base: Hex(model.bounce.base.0),
                stride: model.bounce.stride,
                frames: model.bounce.frames,
            },
            dmamem: DmamemModel {
                base: Hex(memory.dmamem_base.raw()),
                page_stride: busdma_engine::PAGE_SIZE,
                malloc_align: 0,
                limit: None,
            },
        },
    }
}

fn name(id: MachineId) -> MachineName {
    MachineName::parse(&id.to_string()).expect("an id consists of letters and digits")
}

impl Service {
    /// Start.
    pub(crate) fn start_recording(&self, call: &Start) -> Result<StatusReply, RecorderError> {
        if self.recorder_settings.directory.is_none() {
            return Err(RecorderError::NoDirectory);
        }
        let mut request = configured(&self.recorder_settings);
        if let Some(path) = &call.path {
            let parsed = files::RecordingPath::parse(path);
            let refused = |error: files::RecordingPathError| RecorderError::InvalidPath {
                path: path.clone(),
                reason: error.to_string(),
            };
            request.directory = Some(parsed.map_err(refused)?);
        }
        match call.compression {
            Some(Compression::Zstd) => request.compression = files::Compression::Zstd,
            Some(Compression::None) => request.compression = files::Compression::None,
            None => {}
        }
        match call.decisions {
            Some(RecordedDecisions::All) => request.decisions = Decisions::Recorded,
            Some(RecordedDecisions::None) => request.decisions = Decisions::LeftOut,
            None => {}
        }
        if let Some(bytes) = call.rotate_bytes {
            request.rotate_bytes = NonZeroU64::new(bytes);
        }
        if let Some(seconds) = call.rotate_seconds {
            request.rotate_after = Some(Duration::from_secs(seconds)).filter(|after| !after.is_zero());
        }
        if let Some(machines) = &call.machines {
            request.machines = MachineSelection::Listed(machines.iter().map(|&machine| name(machine)).collect());
        }
        let compression = match request.compression {
            files::Compression::Zstd => config::Compression::Zstd,
            files::Compression::None => config::Compression::None,
        };
        self.recorder.start(request).map_err(|error| self.recorder_error(&error))?;
        if call.host == Some(RecordedHost::Events) {
            self.capture_host(compression)?;
        }
        Ok(self.recorder_status())
    }

    /// Begins a capture of the host's events beside the recording that was just started, or stops that, too.
    fn capture_host(&self, compression: config::Compression) -> Result<(), RecorderError> {
        let directory = self.recorder_status().directory.unwrap_or_default();
        let bytes_max = self.recorder_settings.disk_bytes_max;
        self.host.begin_capture(Path::new(&directory), compression, bytes_max).map_err(|error| {
            // It ran for a moment and holds nothing that anybody asked for.
            let _ = self.recorder.stop();
            RecorderError::CannotWrite { path: directory.clone(), reason: error.to_string() }
        })
    }

    /// Stop.
    pub(crate) fn stop_recording(&self) -> Result<StatusReply, RecorderError> {
        self.host.end_capture();
        self.recorder.stop().map_err(|error| self.recorder_error(&error))?;
        Ok(self.recorder_status())
    }

    /// Status.
    pub(crate) fn recorder_status(&self) -> StatusReply {
        let status = self.recorder.status();
        let state = match status.state {
            files::RecorderState::Off => RecorderState::Off,
            files::RecorderState::Recording(_) => RecorderState::Recording,
            files::RecorderState::Failed(_) => RecorderState::Failed,
        };
        let host = self.host.capture_status();
        let host_failed = host.as_ref().filter(|host| host.failed);
        let host_error = host_failed.map(|host| format!("{} cannot be written any more: see the log", host.file));
        let root =
            self.recorder_settings.directory.as_ref().filter(|_| state != RecorderState::Off || status.files > 0);
        let directory = root.map(|root| match &status.directory {
            Some(path) => root.join(path.as_path()).display().to_string(),
            None => root.display().to_string(),
        });
        StatusReply {
            state,
            directory,
            files: status.files,
            operations_written: status.operations_written,
            operations_dropped: status.operations_dropped,
            bytes_written: status.bytes_written,
            queue_length: status.queue_length as u64,
            queue_capacity: status.queue_capacity as u64,
            host_events: host.as_ref().map(|host| host.written),
            host_file: host.map(|host| host.file),
            error: status.finding.as_ref().map(ToString::to_string).or(host_error),
        }
    }

    /// The recorder as the metrics show it.
    pub(crate) fn recorder_sample(&self) -> RecorderSample {
        let status = self.recorder.status();
        RecorderSample {
            state: match status.state {
                files::RecorderState::Off => SampledState::Off,
                files::RecorderState::Recording(_) => SampledState::Recording,
                files::RecorderState::Failed(_) => SampledState::Failed,
            },
            queue_bytes: status.queue_length as u64 * CHUNK_BYTES,
            operations_written_total: status.operations_written,
            operations_dropped_total: status.operations_dropped,
            bytes_written_total: status.bytes_written,
            errors_total: status.finding.is_some().into(),
        }
    }

    /// A recording that stopped by itself, as a finding.
    pub(crate) fn recorder_finding(&self) -> Option<Finding> {
        let finding = self.recorder.status().finding?;
        let now = self.clock.now().raw();
        Some(Finding {
            machine: None,
            kind: "recording_stopped".to_owned(),
            severity: Severity::Error,
            message: finding.to_string(),
            advice: "make room, or raise recorder.disk_bytes_max, and start the recording again".to_owned(),
            map: None,
            tag: None,
            session: None,
            first_ns: now,
            last_ns: now,
            count: 1,
        })
    }

    fn recorder_error(&self, error: &files::RecorderError) -> RecorderError {
        match error {
            files::RecorderError::AlreadyRecording { .. } => {
                RecorderError::AlreadyRecording { directory: self.recorder_status().directory.unwrap_or_default() }
            }
            files::RecorderError::NotRecording => RecorderError::NotRecording,
            files::RecorderError::NoSuchMachine { name } => RecorderError::NoSuchObject { object: name.to_string() },
            files::RecorderError::Directory { path, source } => {
                RecorderError::CannotWrite { path: path.display().to_string(), reason: source.to_string() }
            }
            files::RecorderError::QuotaReached { limit, .. } => RecorderError::QuotaExceeded {
                quota: "disk_bytes_max".to_owned(),
                limit: *limit,
                scope: config::Scope::Daemon.name().to_owned(),
            },
            files::RecorderError::Thread(_) | files::RecorderError::ShutDown => RecorderError::ShuttingDown,
        }
    }
}
