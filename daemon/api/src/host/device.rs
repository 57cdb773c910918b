//! Devices: what they can do and what they map.

use super::correlation::PoolEstimate;
use crate::hex::Hex;
use serde::{Deserialize, Serialize};
use zlink::introspect;

/// Asks for the devices.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
#[zlink(rename = "DevicesParameters")]
pub struct Devices {
    /// One device; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// The devices.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct DevicesReply {
    /// By name.
    pub devices: Vec<DeviceInfo>,
}

/// One device.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct DeviceInfo {
    /// Its name, as the kernel prints it.
    pub device: String,
    /// Its driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The highest address that it reaches, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dma_mask: Option<Hex>,
    /// The highest address of its coherent memory, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coherent_mask: Option<Hex>,
    /// The IOMMU group it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iommu_group: Option<String>,
    /// What that group's domain does, as sysfs says: `DMA`, `DMA-FQ`, `identity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iommu_domain: Option<String>,
    /// The limits of its disks' queues.
    pub queues: Vec<QueueLimits>,
    /// What it mapped since the probes were attached.
    pub totals: Totals,
    /// How much of it a second, lately.
    pub rates: Rates,
}

/// The limits of a disk's queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct QueueLimits {
    /// The disk.
    pub disk: String,
    /// Segments of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_segments: Option<u64>,
    /// Bytes of a segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_segment_size: Option<u64>,
    /// KiB of a request that the hardware takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_hw_sectors_kb: Option<u64>,
    /// Mask of the bits of an address that must be 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dma_alignment: Option<u64>,
    /// Mask of the bits that must be 0 where segments meet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virt_boundary_mask: Option<u64>,
}

/// What a device mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
pub struct Totals {
    /// Mappings made, allocations left out.
    pub mapped: u64,
    /// Their bytes.
    pub mapped_bytes: u64,
    /// Mappings that are over.
    pub unmapped: u64,
    /// Mappings that were not made.
    pub failed: u64,
    /// Mappings that live.
    pub live: u64,
    /// Bytes of those.
    #[serde(default)]
    pub live_bytes: u64,
    /// Mappings made through the bounce pool because everything bounces.
    pub bounced_forced: u64,
    /// Mappings made through the bounce pool because the device does not reach the bytes.
    pub bounced_mask: u64,
    /// Bytes of both.
    pub bounced_bytes: u64,
    /// Mappings that are as expected.
    pub agree: u64,
    /// Mappings that are not, or failed.
    pub differ: u64,
    /// Mappings of which it cannot be said.
    pub unknown: u64,
}

/// How much a second, over the last seconds.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
pub struct Rates {
    /// Mappings made.
    pub mappings: f64,
    /// Bytes mapped.
    pub bytes: f64,
    /// Mappings bounced.
    pub bounced: f64,
    /// Mappings that failed.
    pub failed: f64,
}

/// Asks for devices, pool and losses every interval.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
#[zlink(rename = "WatchParameters")]
pub struct Watch {
    /// Milliseconds from reply to reply; 1000 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
}

/// Devices, pool and losses at a moment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct WatchReply {
    /// When.
    pub t_ns: u64,
    /// The devices that map, by name.
    pub devices: Vec<DeviceInfo>,
    /// The swiotlb pool.
    pub pool: PoolEstimate,
    /// Events that were read.
    pub delivered: u64,
    /// Events that did not fit into the ring.
    pub dropped: u64,
}
