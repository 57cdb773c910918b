//! The machines that are booted: how the kernel reaches memory for its devices in each.

use clap::ValueEnum;
use std::fmt::{self, Display, Formatter};

/// The kernel's command line tells the guest by this key which configuration it is.
pub const KEY: &str = "busdma_lab";

/// One way of doing DMA.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, ValueEnum)]
pub enum Configuration {
    /// Devices reach all memory
    Direct,
    /// Every mapping goes through the bounce pool
    SwiotlbForce,
    /// The same with a pool of 1 MiB, which runs out
    SwiotlbPool1m,
    /// An IOMMU translates
    IntelIommu,
    /// An IOMMU is there and passes addresses through
    IommuPt,
}

impl Configuration {
    /// All of them, in the order they are booted.
    pub const ALL: [Self; 5] = [Self::Direct, Self::SwiotlbForce, Self::SwiotlbPool1m, Self::IntelIommu, Self::IommuPt];

    /// Its name on the command line and among the results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::SwiotlbForce => "swiotlb-force",
            Self::SwiotlbPool1m => "swiotlb-pool1m",
            Self::IntelIommu => "intel-iommu",
            Self::IommuPt => "iommu-pt",
        }
    }

    /// The configuration of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|configuration| configuration.name() == name)
    }

    /// What the kernel's command line has for it.
    pub const fn kernel_arguments(self) -> &'static str {
        match self {
            Self::Direct => "",
            Self::SwiotlbForce => "swiotlb=force",
            Self::SwiotlbPool1m => "swiotlb=512,1,force",
            Self::IntelIommu => "intel_iommu=on",
            Self::IommuPt => "intel_iommu=on iommu=pt",
        }
    }

    /// Whether the machine has an IOMMU.
    pub const fn has_iommu(self) -> bool {
        matches!(self, Self::IntelIommu | Self::IommuPt)
    }

    /// Whether the bounce pool is meant to run out.
    pub const fn exhausts_pool(self) -> bool {
        matches!(self, Self::SwiotlbPool1m)
    }
}

impl Display for Configuration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_command_line_are_the_names_of_results() {
        for configuration in Configuration::ALL {
            let typed = configuration.to_possible_value().unwrap();
            assert_eq!(typed.get_name(), configuration.name());
            assert_eq!(Configuration::named(configuration.name()), Some(configuration));
        }
    }
}
