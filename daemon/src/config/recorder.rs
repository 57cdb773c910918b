//! What is recorded, and how much of it is kept.

use super::text;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Settings of the recorder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct RecorderSettings {
    /// The only directory that recordings are written to; `None` refuses to record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// Whether recording starts with the daemon. So it does when the directory comes from `--record` or `BUSDMA_RECORD`.
    pub autostart: bool,
    /// How files are compressed.
    pub compression: Compression,
    /// Whether the decisions of each operation are written with it.
    pub decisions: bool,
    /// Bytes that wait to be written; more are dropped and counted.
    #[serde(with = "text::size")]
    pub queue_bytes: u64,
    /// Bytes after which a file is closed and the next begun; `None` is never.
    #[serde(with = "text::unlimited_size")]
    pub rotate_bytes: Option<u64>,
    /// Time after which a file is closed and the next begun; `None` is never.
    #[serde(with = "text::unlimited_duration")]
    pub rotate_after: Option<Duration>,
    /// Longest time that written operations may be lost to a crash of the host.
    #[serde(with = "text::duration")]
    pub sync_interval: Duration,
    /// Closed files that are kept, newest first; `None` is all.
    #[serde(with = "text::unlimited_count")]
    pub keep_files: Option<u64>,
    /// Bytes of closed files that are kept, newest first; `None` is all.
    #[serde(with = "text::unlimited_size")]
    pub keep_bytes: Option<u64>,
    /// Age up to which closed files are kept; `None` is for ever.
    #[serde(with = "text::unlimited_duration")]
    pub keep_for: Option<Duration>,
    /// Bytes of all recordings together, at which recording stops.
    #[serde(with = "text::size")]
    pub disk_bytes_max: u64,
}

impl Default for RecorderSettings {
    fn default() -> Self {
        Self {
            directory: None,
            autostart: false,
            compression: Compression::default(),
            decisions: true,
            queue_bytes: 64 << 20,
            rotate_bytes: Some(256 << 20),
            rotate_after: Some(Duration::from_hours(1)),
            sync_interval: Duration::from_secs(1),
            keep_files: Some(64),
            keep_bytes: Some(4 << 30),
            keep_for: Some(Duration::from_hours(7 * 24)),
            disk_bytes_max: 8 << 30,
        }
    }
}

/// How recordings are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    None,
    /// Zstandard.
    #[default]
    Zstd,
}
