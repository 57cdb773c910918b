//! What is recorded, and how much of it is kept.

use super::text;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// Not at all.
    None,
    /// Zstandard of this level, `1..=19`.
    Zstd(u8),
}

/// The level of a plain `zstd`.
const ZSTD_LEVEL: u8 = 3;

impl Default for Compression {
    fn default() -> Self {
        Self::Zstd(ZSTD_LEVEL)
    }
}

/// Why a text is no [`Compression`].
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("unknown compression `{0}`; expected none, zstd or zstd:LEVEL with a level of 1 to 19")]
pub struct CompressionError(pub String);

impl FromStr for Compression {
    type Err = CompressionError;

    fn from_str(text: &str) -> Result<Self, CompressionError> {
        let unknown = || CompressionError(text.to_owned());
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            None if text == "zstd" => Ok(Self::Zstd(ZSTD_LEVEL)),
            Some(("zstd", level)) => match level.parse() {
                Ok(level @ 1..=19) => Ok(Self::Zstd(level)),
                _ => Err(unknown()),
            },
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Zstd(level) => write!(f, "zstd:{level}"),
        }
    }
}

impl Serialize for Compression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Compression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressions() {
        let check = |text: &str, compression: Option<Compression>| assert_eq!(text.parse().ok(), compression, "{text}");
        check("none", Some(Compression::None));
        check("zstd", Some(Compression::Zstd(3)));
        check("zstd:19", Some(Compression::Zstd(19)));
        check("zstd:0", None);
        check("zstd:20", None);
        check("zstd:", None);
        check("gzip", None);
        check("", None);
        check("none:1", None);
    }
}
