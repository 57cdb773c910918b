//! The DMA of the host, as eBPF probes or a capture tell it.

use super::Name;

/// The DMA of the host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostFrame {
    /// How the probes are.
    pub probes: Probes,
    /// Devices that map, by name.
    pub devices: Vec<DeviceRow>,
    /// The swiotlb pool.
    pub pool: Option<PoolRow>,
    /// Events that were read.
    pub delivered: u64,
    /// Events that did not fit into the kernel's ring.
    pub dropped: u64,
}

/// How the probes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probes {
    /// The daemon was started without them, or nobody has asked for any.
    Detached,
    /// Some run.
    Attached,
    /// None can run.
    Unavailable {
        /// Why, in one sentence.
        reason: String,
    },
    /// What is shown comes from a capture.
    Captured,
}

impl Probes {
    /// One word for the header.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Detached => "detached",
            Self::Attached => "attached",
            Self::Unavailable { .. } => "unavailable",
            Self::Captured => "captured",
        }
    }
}

/// One device.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceRow {
    /// Its name, as the kernel prints it.
    pub device: Name,
    /// Its driver.
    pub driver: Option<Name>,
    /// The highest address that it reaches, inclusive.
    pub dma_mask: Option<u64>,
    /// What its IOMMU domain does: `DMA`, `DMA-FQ`, `identity`.
    pub iommu_domain: Option<Name>,
    /// Mappings made a second, lately.
    pub mappings_per_s: f64,
    /// Bytes mapped a second, lately.
    pub bytes_per_s: f64,
    /// Mappings bounced a second, lately.
    pub bounced_per_s: f64,
    /// Mappings that failed a second, lately.
    pub failed_per_s: f64,
    /// Mappings made so far.
    pub mapped: u64,
    /// Their bytes.
    pub mapped_bytes: u64,
    /// Mappings that live.
    pub live: u64,
    /// Bytes of those.
    pub live_bytes: u64,
    /// Mappings made through the bounce pool.
    pub bounced: u64,
    /// Mappings that were not made.
    pub failed: u64,
    /// Mappings that are as expected.
    pub agree: u64,
    /// Mappings that are not, or failed.
    pub differ: u64,
    /// Mappings of which it cannot be said.
    pub unknown: u64,
}

impl DeviceRow {
    /// Mappings through the bounce pool, of those made: 0.0 to 1.0; none before the first.
    #[expect(clippy::cast_precision_loss, reason = "a share is shown with three digits")]
    pub fn bounce_share(&self) -> Option<f64> {
        (self.mapped > 0).then(|| self.bounced as f64 / self.mapped as f64)
    }

    /// Mappings as expected, of those that can be judged: 0.0 to 1.0; none where none can.
    #[expect(clippy::cast_precision_loss, reason = "a share is shown with three digits")]
    pub fn agreement(&self) -> Option<f64> {
        let judged = self.agree.saturating_add(self.differ);
        (judged > 0).then(|| self.agree as f64 / judged as f64)
    }
}

/// The swiotlb pool. Slots are of 2 KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolRow {
    /// Slots there are, where that is known.
    pub total_slots: Option<u64>,
    /// Slots that mappings hold.
    pub used_slots: u64,
    /// Most slots held at once.
    pub high_water_slots: u64,
    /// Times that it was asked for room and had none.
    pub full: u64,
}
