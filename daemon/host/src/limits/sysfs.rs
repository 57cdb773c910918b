//! A device's limits from the files of a live host.

use super::facts::disk_number;
use super::{AddressBits, BlockDisk, DeviceLimits, DomainType, IommuGroup, IommuMembership, QueueLimits};

/// The buses whose devices are looked for, by the directory of each.
const BUSES: [&str; 3] = ["/sys/bus/pci/devices", "/sys/bus/platform/devices", "/sys/bus/virtio/devices"];

impl DeviceLimits {
    /// What sysfs says of the device of that name.
    ///
    /// `read` gives the content of a file, the target of a link, or the names in a directory, one a line; `None` where there
    /// is no such thing, or it may not be read.
    pub fn from_sysfs(name: &str, read: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut limits = Self { disks: disks(name, read), ..Self::default() };
        if let Some(directory) = BUSES.iter().map(|bus| format!("{bus}/{name}")).find(|path| read(path).is_some()) {
            let bits = |file: &str| AddressBits::new(number(read, &format!("{directory}/{file}"))?);
            limits.mask = bits("dma_mask_bits");
            limits.coherent_mask = bits("consistent_dma_mask_bits");
            limits.driver = read(&format!("{directory}/driver")).map(|target| last_part(&target).into());
            limits.iommu = iommu(&directory, read);
        }
        limits
    }
}

fn iommu(directory: &str, read: &dyn Fn(&str) -> Option<String>) -> IommuMembership {
    let Some(target) = read(&format!("{directory}/iommu_group")) else { return IommuMembership::None };
    let Ok(number) = last_part(&target).parse() else { return IommuMembership::Unknown };
    let domain = read(&format!("/sys/kernel/iommu_groups/{number}/type"));
    let domain = domain.map_or(DomainType::Other, |name| DomainType::from_name(name.trim()));
    IommuMembership::Group(IommuGroup { number, domain })
}

/// The disks whose path leads through the device.
fn disks(device: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<BlockDisk> {
    let names = read("/sys/block").unwrap_or_default();
    let own = names.lines().filter(|disk| {
        let path = read(&format!("/sys/block/{disk}")).unwrap_or_default();
        path.trim().split('/').any(|part| part == device)
    });
    own.map(|disk| read_disk(disk, read)).collect()
}

fn read_disk(name: &str, read: &dyn Fn(&str) -> Option<String>) -> BlockDisk {
    let mut queue = QueueLimits::default();
    for limit in QueueLimits::NAMES {
        if let Some(slot) = queue.slot(limit) {
            *slot = number(read, &format!("/sys/block/{name}/queue/{limit}"));
        }
    }
    let number = read(&format!("/sys/block/{name}/dev")).and_then(|text| disk_number(&text));
    BlockDisk { name: name.into(), number, queue }
}

fn number(read: &dyn Fn(&str) -> Option<String>, path: &str) -> Option<u64> {
    read(path)?.trim().parse().ok()
}

fn last_part(path: &str) -> &str {
    let path = path.trim();
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Disk;

    fn host(path: &str) -> Option<String> {
        let text = match path {
            "/sys/bus/pci/devices/0000:00:02.0" => "dma_mask_bits\ndriver\n",
            "/sys/bus/pci/devices/0000:00:02.0/dma_mask_bits" => "64\n",
            "/sys/bus/pci/devices/0000:00:02.0/consistent_dma_mask_bits" => "32\n",
            "/sys/bus/pci/devices/0000:00:02.0/driver" => "../../../bus/pci/drivers/nvme",
            "/sys/bus/pci/devices/0000:00:02.0/iommu_group" => "../../../kernel/iommu_groups/7",
            "/sys/kernel/iommu_groups/7/type" => "DMA-FQ\n",
            "/sys/block" => "loop0\nnvme0n1\n",
            "/sys/block/loop0" => "../devices/virtual/block/loop0",
            "/sys/block/nvme0n1" => "../devices/pci0000:00/0000:00:02.0/nvme/nvme0/nvme0n1",
            "/sys/block/nvme0n1/dev" => "259:0\n",
            "/sys/block/nvme0n1/queue/max_segments" => "128\n",
            _ => return None,
        };
        Some(text.to_owned())
    }

    #[test]
    fn a_disk_behind_an_iommu() {
        let limits = DeviceLimits::from_sysfs("0000:00:02.0", &host);
        assert_eq!(limits.mask, AddressBits::new(64));
        assert_eq!(limits.coherent_mask, AddressBits::new(32));
        assert_eq!(limits.driver.as_deref(), Some("nvme"));
        assert_eq!(limits.translates(), Some(true));
        let [disk] = &*limits.disks else { panic!("{:?}", limits.disks) };
        assert_eq!((disk.number, disk.queue.max_segments), (Some(Disk { major: 259, minor: 0 }), Some(128)));
    }

    #[test]
    fn a_device_that_sysfs_does_not_have() {
        assert_eq!(DeviceLimits::from_sysfs("udmabuf", &host), DeviceLimits::default());
    }
}
