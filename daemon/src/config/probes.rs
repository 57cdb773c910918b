//! The probes at the host's real DMA.

use super::text;
use serde::{Deserialize, Serialize};

/// Settings of the probes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "keys of the file, each independent of the others")]
#[serde(default)]
pub struct ProbesConfig {
    /// Whether they are loaded when the daemon starts; so they are with `--probes`. They cannot be loaded later, for the
    /// capabilities that takes are given up at once.
    pub load: bool,
    /// Whether they are attached then, too.
    pub attach: bool,
    /// Bytes of events that wait to be read: a power of two.
    #[serde(with = "text::size")]
    pub ring_bytes: u64,
    /// Whether the kernel measures its time in eBPF programs, which costs some 20 ns a run of any of them.
    pub measure: bool,
    /// Whether `CAP_SYS_ADMIN` is kept, which memory with the layout `pagemap` needs.
    pub keep_sys_admin: bool,
}

impl Default for ProbesConfig {
    fn default() -> Self {
        Self { load: false, attach: true, ring_bytes: 4 << 20, measure: false, keep_sys_admin: false }
    }
}
