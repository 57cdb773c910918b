//! What a capture says of the host before its events.

use busdma_api::Hex;
use busdma_api::host::{CorrelationReply, DeviceInfo, PoolEstimate, ProbeState, ProbesReply};
use busdma_host::capture::{Header, PoolCounts};
use busdma_host::event::{Device, Disk, Tracepoint};
use busdma_host::limits::{
    AddressBits, BlockDisk, DeviceLimits, DomainType, Facts, IommuGroup, IommuMembership, QueueLimits,
};
use std::fs;

/// The clock of the daemon's times: nanoseconds since it was started.
const CLOCK: &str = "busdmad";

/// The header of a capture of what the daemon tells, recorded on its own host.
pub(super) fn header(probes: &ProbesReply, devices: &[DeviceInfo], correlation: &CorrelationReply) -> Header {
    Header {
        clock: CLOCK.into(),
        kernel: line_of("/proc/sys/kernel/osrelease"),
        command_line: line_of("/proc/cmdline"),
        recorded: recorded(probes),
        devices: Some(limits(devices, &disk_number).devices_to_json()),
        swiotlb: pool_counts(&correlation.pool),
        iomem: Vec::new(),
    }
}

/// What the kernel says of its pool, where it may be read.
pub(super) fn pool_counts(pool: &PoolEstimate) -> Option<PoolCounts> {
    Some(PoolCounts { total: pool.total_slots?, used: pool.kernel_used_slots?, hiwater: pool.kernel_high_water_slots })
}

/// The limits of devices, as a capture holds them; `number` says what number a disk has.
pub fn limits(devices: &[DeviceInfo], number: &dyn Fn(&str) -> Option<Disk>) -> Facts {
    let mut facts = Facts::default();
    for device in devices {
        facts.insert(Device::new(&device.device), limits_of(device, number));
    }
    facts
}

fn limits_of(device: &DeviceInfo, number: &dyn Fn(&str) -> Option<Disk>) -> DeviceLimits {
    let disks = device.queues.iter().map(|queue| BlockDisk {
        name: queue.disk.as_str().into(),
        number: number(&queue.disk),
        queue: QueueLimits {
            max_segments: queue.max_segments,
            max_segment_size: queue.max_segment_size,
            max_hw_sectors_kb: queue.max_hw_sectors_kb,
            dma_alignment: queue.dma_alignment,
            virt_boundary_mask: queue.virt_boundary_mask,
            ..QueueLimits::default()
        },
    });
    DeviceLimits {
        mask: device.dma_mask.and_then(address_bits),
        coherent_mask: device.coherent_mask.and_then(address_bits),
        driver: device.driver.as_deref().map(Into::into),
        iommu: membership(device),
        disks: disks.collect(),
    }
}

/// The highest address of so many bits, inclusive.
fn address_bits(Hex(highest): Hex) -> Option<AddressBits> {
    AddressBits::new(u64::from(highest.trailing_ones())).filter(|bits| bits.highest().raw() == highest)
}

/// A device that sysfs knows, as its mask shows, and that is in no group has no IOMMU before it.
fn membership(device: &DeviceInfo) -> IommuMembership {
    let Some(group) = &device.iommu_group else {
        return if device.dma_mask.is_some() { IommuMembership::None } else { IommuMembership::Unknown };
    };
    let domain = device.iommu_domain.as_deref().map_or(DomainType::Other, DomainType::from_name);
    group.parse().map_or(IommuMembership::Unknown, |number| IommuMembership::Group(IommuGroup { number, domain }))
}

fn recorded(probes: &ProbesReply) -> Vec<Tracepoint> {
    let attached = probes.probes.iter().filter(|probe| probe.state == ProbeState::Attached);
    let points = attached.filter_map(|probe| {
        let name = probe.tracepoint.rsplit(':').next()?;
        Tracepoint::from_name(name)
    });
    points.collect()
}

/// The daemon is on this host, so its disks are, too.
fn disk_number(disk: &str) -> Option<Disk> {
    let text = fs::read_to_string(format!("/sys/block/{disk}/dev")).ok()?;
    let (major, minor) = text.trim().split_once(':')?;
    Some(Disk { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

fn line_of(path: &str) -> Option<Box<str>> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn limits_are_written_as_a_capture_holds_them() {
        let zeros = json!({ "mapped": 0, "mapped_bytes": 0, "unmapped": 0, "failed": 0, "live": 0, "bounced_forced": 0,
            "bounced_mask": 0, "bounced_bytes": 0, "agree": 0, "differ": 0, "unknown": 0 });
        let rates = json!({ "mappings": 0.0, "bytes": 0.0, "bounced": 0.0, "failed": 0.0 });
        let devices: Vec<DeviceInfo> = serde_json::from_value(json!([
            { "device": "0000:00:02.0", "driver": "nvme", "dma_mask": "0xffffffffffffffff",
              "coherent_mask": "0xffffffff", "iommu_group": "2", "iommu_domain": "DMA-FQ",
              "queues": [{ "disk": "nvme0n1", "max_segments": 127, "virt_boundary_mask": 4095 }],
              "totals": zeros, "rates": rates },
            { "device": "0000:00:03.0", "dma_mask": "0xfff0", "queues": [], "totals": zeros, "rates": rates },
            { "device": "udmabuf", "queues": [], "totals": zeros, "rates": rates },
        ]))
        .unwrap();
        let number = |_: &str| Some(Disk { major: 259, minor: 0 });
        let expected = json!({
            "0000:00:02.0": { "dma_mask_bits": 64, "consistent_dma_mask_bits": 32, "driver": "nvme",
                "iommu_group": "2:DMA-FQ",
                "disks": { "nvme0n1": { "dev": "259:0", "max_segments": 127, "virt_boundary_mask": 4095 } } },
            "0000:00:03.0": { "iommu_group": "none" },
            "udmabuf": {},
        });
        let facts = limits(&devices, &number);
        assert_eq!(facts.devices_to_json(), expected);
        let mut read = Facts::default();
        read.read_devices_json(&expected).unwrap();
        assert_eq!(read, facts, "`busdma correlate` reads it back");
    }
}
