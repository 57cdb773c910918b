//! What the host's files say of its devices, its pool and its IOMMU.

use busdma_host::event::Device;
use busdma_host::limits::{BouncePool, DeviceLimits, Facts, PoolReading};
use std::fmt::Write as _;
use std::fs;

/// Where the kernel tells of its bounce pool; debugfs, which only root reads.
const SWIOTLB: &str = "/sys/kernel/debug/swiotlb";

const DEBUGFS: &str = "/sys/kernel/debug";

/// The devices that can do DMA at all.
const PCI: &str = "/sys/bus/pci/devices";

/// All that can be read now.
pub(crate) fn read() -> Facts {
    let mut facts = Facts::default();
    facts.host.read_command_line(&fs::read_to_string("/proc/cmdline").unwrap_or_default());
    match pool_reading() {
        Some(PoolReading { slots: Some(slots), .. }) => facts.host.pool = BouncePool::Slots(slots),
        // debugfs is there and shows no pool.
        _ if fs::read_dir(DEBUGFS).is_ok_and(|mut entries| entries.next().is_some()) => {
            facts.host.pool = BouncePool::Absent;
        }
        _ => {}
    }
    for name in names(PCI).unwrap_or_default().lines() {
        facts.insert(Device::new(name), limits_of(name));
    }
    facts
}

/// What can be read of one device.
pub(crate) fn limits_of(name: &str) -> DeviceLimits {
    DeviceLimits::from_sysfs(name, &file)
}

/// What the kernel says of its pool; `None` where it may not be read, or is not there.
pub(crate) fn pool_reading() -> Option<PoolReading> {
    let number = |name: &str| fs::read_to_string(format!("{SWIOTLB}/{name}")).ok()?.trim().parse().ok();
    let slots: u64 = number("io_tlb_nslabs")?;
    Some(PoolReading {
        label: "now".into(),
        slots: Some(slots),
        used: number("io_tlb_used"),
        high_water: number("io_tlb_used_hiwater"),
    })
}

/// A file's content, a link's target, or the names in a directory.
fn file(path: &str) -> Option<String> {
    if let Ok(target) = fs::read_link(path) {
        return Some(target.to_string_lossy().into_owned());
    }
    if fs::metadata(path).ok()?.is_dir() { names(path) } else { fs::read_to_string(path).ok() }
}

fn names(directory: &str) -> Option<String> {
    let mut list = String::new();
    for entry in fs::read_dir(directory).ok()?.flatten() {
        let _ = writeln!(list, "{}", entry.file_name().to_string_lossy());
    }
    Some(list)
}
