//! What a device can reach, and what the host does about what it cannot.
//!
//! | module | holds |
//! |---|---|
//! | this one | one device: masks, driver, IOMMU group, disks |
//! | [`queue`] | what a disk's driver lets the block layer ask for |
//! | [`host`] | the kernel command line and the bounce pool |
//! | [`facts`] | all devices of a host, gathered from text |
//! | [`sysfs`] | the same from the files of a live host |
//! | [`json`] | devices as a capture holds them |
//! | [`tag`] | a device's limits as a tag for the engine |
//!
//! All of it is known as far as somebody told it: an absent value is an unknown one.

pub mod facts;
pub mod host;
pub mod json;
pub mod queue;
pub mod sysfs;
pub mod tag;

pub use facts::{FactError, Facts};
pub use host::{BouncePolicy, BouncePool, HostFacts, IommuPolicy, PoolReading};
pub use queue::{BlockDisk, QueueLimits};

use busdma_engine::BusAddr;
use std::fmt;

/// What one device can reach.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeviceLimits {
    /// Address bits of mappings (`dma_mask_bits`).
    pub mask: Option<AddressBits>,
    /// Address bits of memory that both sides share (`consistent_dma_mask_bits`).
    pub coherent_mask: Option<AddressBits>,
    /// The driver bound to it.
    pub driver: Option<Box<str>>,
    /// Whether an IOMMU stands before it.
    pub iommu: IommuMembership,
    /// Its disks.
    pub disks: Vec<BlockDisk>,
}

/// How many address bits a device drives: `1..=64`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AddressBits(u8);

/// Whether an IOMMU stands before a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IommuMembership {
    /// Nobody told.
    #[default]
    Unknown,
    /// None does.
    None,
    /// One does.
    Group(IommuGroup),
}

/// Devices that an IOMMU cannot tell apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IommuGroup {
    /// Its number in `/sys/kernel/iommu_groups`.
    pub number: u32,
    /// What the IOMMU does for them.
    pub domain: DomainType,
}

/// What an IOMMU does for a group (`/sys/kernel/iommu_groups/N/type`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DomainType {
    /// Nothing: devices see physical addresses.
    Identity,
    /// It translates, and forgets a translation as soon as it is unmapped.
    Dma,
    /// It translates, and forgets translations later, many at a time.
    DmaFlushQueue,
    /// It lets nothing through.
    Blocked,
    /// Somebody else decides, such as VFIO.
    Unmanaged,
    /// Something that this crate does not know.
    Other,
}

impl DeviceLimits {
    /// Bits of an address that a bounced copy keeps (`min_align_mask`), set by drivers whose devices count in pages.
    pub fn min_align_mask(&self) -> u64 {
        match self.driver.as_deref() {
            Some("nvme" | "hv_storvsc") => 0xfff,
            _ => 0,
        }
    }

    /// Whether the IOMMU gives the device addresses of its own; `None` when nobody told.
    pub fn translates(&self) -> Option<bool> {
        match self.iommu {
            IommuMembership::Unknown => None,
            IommuMembership::None => Some(false),
            IommuMembership::Group(group) => group.domain.translates(),
        }
    }

    /// Whether its driver may leave the DMA API alone: virtio does where the device has no `VIRTIO_F_ACCESS_PLATFORM`.
    pub fn may_bypass_the_dma_api(&self) -> bool {
        self.driver.as_deref().is_some_and(|driver| driver.starts_with("virtio"))
    }
}

impl AddressBits {
    /// Wraps a number of bits; `None` outside `1..=64`.
    pub fn new(bits: u64) -> Option<Self> {
        u8::try_from(bits).ok().filter(|bits| (1..=64).contains(bits)).map(Self)
    }

    /// The number.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The highest address of that many bits, inclusive.
    pub const fn highest(self) -> BusAddr {
        BusAddr::new(u64::MAX >> (64 - self.0))
    }
}

impl DomainType {
    /// As sysfs spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Dma => "DMA",
            Self::DmaFlushQueue => "DMA-FQ",
            Self::Blocked => "blocked",
            Self::Unmanaged => "unmanaged",
            Self::Other => "unknown",
        }
    }

    /// What sysfs spells so; [`Self::Other`] for what it does not.
    pub fn from_name(name: &str) -> Self {
        [Self::Identity, Self::Dma, Self::DmaFlushQueue, Self::Blocked, Self::Unmanaged]
            .into_iter()
            .find(|domain| domain.name() == name)
            .unwrap_or(Self::Other)
    }

    /// Whether devices see other addresses than physical ones through the DMA API; `None` when that cannot be said.
    pub const fn translates(self) -> Option<bool> {
        match self {
            Self::Identity => Some(false),
            Self::Dma | Self::DmaFlushQueue => Some(true),
            Self::Blocked | Self::Unmanaged | Self::Other => None,
        }
    }
}

impl IommuMembership {
    /// What `iommu_group=` says in the facts of a host: `none`, `N` or `N:TYPE`; `None` for anything else.
    pub fn from_text(text: &str) -> Option<Self> {
        if text == "none" {
            return Some(Self::None);
        }
        let (number, domain) = text.split_once(':').unwrap_or((text, DomainType::Other.name()));
        let number = number.parse().ok()?;
        Some(Self::Group(IommuGroup { number, domain: DomainType::from_name(domain) }))
    }
}

impl IommuMembership {
    /// What [`Self::from_text`] reads back; `None` when nobody told.
    pub fn to_text(self) -> Option<String> {
        match self {
            Self::Unknown => None,
            Self::None => Some("none".to_owned()),
            Self::Group(group) => Some(format!("{}:{}", group.number, group.domain)),
        }
    }
}

impl fmt::Display for AddressBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-bit", self.0)
    }
}

impl fmt::Display for DomainType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
