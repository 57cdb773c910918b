use super::*;
use crate::limits::{DomainType, IommuGroup};

const DEVICES: &str = "\
0000:00:01.1 vendor=0x8086 class=0x010180 dma_mask_bits=32 consistent_dma_mask_bits=32 driver=ata_piix iommu_group=none

0000:00:02.0 dma_mask_bits=64 driver=nvme iommu_group=2:DMA-FQ
";

const QUEUES: &str = "\
sda max_segments=128
sda scheduler=none [mq-deadline]
sda device=/sys/devices/pci0000:00/0000:00:01.1/ata1/host0/target0:0:0/0:0:0:0/block/sda
nvme0n1 max_segments=33
nvme0n1 device=/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1
nvme0c0n1 max_segments=64
nvme0c0n1 dev=259:0
nvme0c0n1 device=/sys/devices/pci0000:00/0000:00:01.0/0000:00:02.0/nvme/nvme0/nvme0c0n1
* device=/sys/block/*
";

fn facts() -> Facts {
    let mut facts = Facts::default();
    facts.read_devices(DEVICES).unwrap();
    facts.read_queues(QUEUES).unwrap();
    facts
}

#[test]
fn devices_and_their_disks() {
    let facts = facts();
    let disk = facts.device(&Device::new("0000:00:01.1")).unwrap();
    assert_eq!((disk.mask, disk.coherent_mask), (AddressBits::new(32), AddressBits::new(32)));
    assert_eq!((disk.driver.as_deref(), disk.iommu), (Some("ata_piix"), IommuMembership::None));
    assert_eq!(disk.queue().unwrap().max_segments, Some(128));
    let nvme = facts.device(&Device::new("0000:00:02.0")).unwrap();
    let group = IommuGroup { number: 2, domain: DomainType::DmaFlushQueue };
    assert_eq!((nvme.iommu, nvme.disks.len()), (IommuMembership::Group(group), 1));
    assert_eq!(facts.devices().count(), 2, "what lies on no PCI device is passed over");
}

#[test]
fn owners_of_disks() {
    let facts = facts();
    let check = |major, minor, owner: Option<&str>| {
        assert_eq!(facts.owner(Disk { major, minor }).map(Device::name), owner, "{major},{minor}");
    };
    check(8, 0, Some("0000:00:01.1"));
    check(8, 16, None);
    check(259, 0, Some("0000:00:02.0"));
    check(259, 1, None);
    check(0, 0, None);
}

#[test]
fn options() {
    let mut facts = facts();
    facts.read_option("0000:00:01.1:dma_mask_bits=24,max_segments=16,iommu_group=none").unwrap();
    facts.read_option("udmabuf:dma_mask_bits=64").unwrap();
    facts.read_option("dmac:max_segment_size=65536").unwrap();
    let limits = |name| facts.device(&Device::new(name)).unwrap();
    assert_eq!(limits("0000:00:01.1").mask, AddressBits::new(24));
    assert_eq!(limits("0000:00:01.1").queue().unwrap().max_segments, Some(16));
    assert_eq!(limits("udmabuf").mask, AddressBits::new(64));
    assert_eq!(limits("dmac").queue().unwrap().max_segment_size, Some(65536));
}

#[test]
fn what_is_wrong_is_named() {
    let option = |text| Facts::default().read_option(text).unwrap_err().to_string();
    let check = |text, message: &str| assert!(option(text).starts_with(message), "{text}: {}", option(text));
    check("dma_mask_bits=32", "`dma_mask_bits=32` names no device");
    check(":dma_mask_bits=32", "`:dma_mask_bits=32` names no device");
    check("a:mask=32", "unknown key `mask`; expected dma_mask_bits,");
    check("a:dma_mask_bits=x", "line 1: dma_mask_bits is `x`, expected a whole number");
    check("a:dma_mask_bits=0", "line 1: dma_mask_bits is 0, expected 1 to 64");
    check("a:iommu_group=x", "line 1: iommu_group is `x`");
    check("a:driver", "line 1: `driver` is no KEY=VALUE");
    let devices = |text| Facts::default().read_devices(text).unwrap_err();
    assert_eq!(devices("0000:00:01.0 driver=a\nnonsense"), FactError::no_setting(2, "nonsense"));
    let queues = |text| Facts::default().read_queues(text).unwrap_err();
    assert_eq!(queues("sda max_segments=few"), FactError::no_number(1, "max_segments", "few"));
    assert_eq!(queues("sda"), FactError::no_setting(1, "sda"));
}

#[test]
fn pci_addresses() {
    for good in ["0000:00:02.0", "10000:e1:00.7", "0000:ff:1f.3"] {
        assert!(is_pci_address(good), "{good}");
    }
    for bad in ["", "pci0000:00", "0:0:0:0", "0000:00:02", "0000:00:02.0:x", "target0:0:0", "0000:00:zz.0"] {
        assert!(!is_pci_address(bad), "{bad}");
    }
}
