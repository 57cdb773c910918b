//! The daemon's settings: what each is, its unit and its default.
//!
//! [`effective()`] makes them for a run: arguments before environment before file before default.

pub mod effective;
pub mod file;
pub mod keys;
pub mod limits;
pub mod machine;
pub mod probes;
pub mod recorder;
mod text;

pub use effective::{ConfigError, effective};
pub use limits::{Limits, Quota, Quotas, Scope};
pub use machine::MachineConfig;
pub use probes::ProbesConfig;
pub use recorder::{Compression, RecorderSettings};

use crate::logging::{LogFilter, LogFormat};
use rustix::fs::Mode;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that can be set.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// How long a stop waits for calls in progress before it cuts them off.
    #[serde(with = "text::duration")]
    pub drain_timeout: Duration,
    /// The socket clients connect to.
    pub socket: SocketConfig,
    /// What clients may use.
    pub limits: Limits,
    /// What is recorded, and how much of it is kept.
    pub recorder: RecorderSettings,
    /// The metrics listener.
    pub metrics: MetricsConfig,
    /// What is logged, and how.
    pub log: LogConfig,
    /// The shared machine.
    pub host0: MachineConfig,
    /// The probes at the host's real DMA.
    pub probes: ProbesConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            drain_timeout: Duration::from_secs(5),
            socket: SocketConfig::default(),
            limits: Limits::default(),
            recorder: RecorderSettings::default(),
            metrics: MetricsConfig::default(),
            log: LogConfig::default(),
            host0: MachineConfig::default(),
            probes: ProbesConfig::default(),
        }
    }
}

impl Config {
    /// The names of what differs from another configuration, limits aside.
    pub fn sections_unlike(&self, other: &Self) -> Vec<&'static str> {
        let sections = [
            ("drain_timeout", self.drain_timeout != other.drain_timeout),
            ("socket", self.socket != other.socket),
            ("recorder", self.recorder != other.recorder),
            ("metrics", self.metrics != other.metrics),
            ("log", self.log != other.log),
            ("host0", self.host0 != other.host0),
            ("probes", self.probes != other.probes),
        ];
        sections.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

/// The socket clients connect to, and who may.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct SocketConfig {
    /// Where it is; `None` is [`socket::default_path`](crate::socket::default_path). A socket passed by the service manager
    /// takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Its permission bits.
    #[serde(with = "text::mode")]
    pub mode: Mode,
    /// Users that are served. With both lists empty, whoever the permission bits let connect.
    pub allowed_uids: Vec<u32>,
    /// Groups that are served, by the effective group of the connecting process.
    pub allowed_gids: Vec<u32>,
    /// Connections that wait to be accepted; the kernel refuses more.
    pub backlog: u32,
}

impl Default for SocketConfig {
    fn default() -> Self {
        Self {
            path: None,
            mode: Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP,
            allowed_uids: Vec::new(),
            allowed_gids: Vec::new(),
            backlog: 512,
        }
    }
}

/// The metrics listener.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricsConfig {
    /// Where `GET /metrics` is answered; `None` is nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// Whether `listen` may be an address that other hosts reach: the listener asks nobody who they are.
    pub allow_remote: bool,
}

/// What is logged, and how.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogConfig {
    /// What is logged.
    pub level: LogFilter,
    /// How it is written, and where to.
    pub format: LogFormat,
}
