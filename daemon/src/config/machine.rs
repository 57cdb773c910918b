//! The shared machine that every client sees.

use super::text;
use busdma_engine::profile::Profile;
use serde::{Deserialize, Serialize};

/// What `host0` is made of. Addresses are of the simulated machine; only bounce frames take real memory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineConfig {
    /// Whose answers it gives.
    #[serde(with = "text::profile")]
    pub profile: Profile,
    /// Bytes of its memory; addresses end there.
    #[serde(with = "text::size")]
    pub memory_bytes: u64,
    /// Address of the first bounce frame; whole pages.
    #[serde(with = "text::address")]
    pub bounce_base: u64,
    /// Bytes from one bounce frame to the next; whole pages, and frames that are neighbours coalesce.
    #[serde(with = "text::size")]
    pub bounce_stride: u64,
    /// Bounce frames there are for all zones together.
    pub bounce_frames: u32,
    /// Bounce pages a zone may grow to (`MAX_BPAGES`).
    pub max_bpages: u32,
}

impl Default for MachineConfig {
    fn default() -> Self {
        Self {
            profile: Profile::Freebsd11,
            memory_bytes: 16 << 30,
            bounce_base: 1 << 20,
            bounce_stride: 4096,
            bounce_frames: 8192,
            max_bpages: 8192,
        }
    }
}
