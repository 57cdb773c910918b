//! What holds for the whole host: the kernel command line, and the bounce pool.

use super::facts::FactError;
use busdma_engine::{BusSize, PAGE_SIZE};

/// Bytes of a slot of the bounce pool (`IO_TLB_SIZE`).
pub const SLOT_BYTES: u64 = 2048;

/// Slots that one mapping may take (`IO_TLB_SEGSIZE`): 256 KiB.
pub const SLOTS_PER_MAPPING: u64 = 128;

/// What holds for the whole host. An absent value is an unknown one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostFacts {
    /// When swiotlb bounces.
    pub policy: Option<BouncePolicy>,
    /// The bounce pool.
    pub pool: BouncePool,
    /// What the command line asks of an IOMMU.
    pub iommu: Option<IommuPolicy>,
    /// Bytes of a page.
    pub page_size: BusSize,
    /// What debugfs said of the pool, in order.
    pub readings: Vec<PoolReading>,
}

/// When swiotlb bounces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BouncePolicy {
    /// Where the device does not reach the bytes.
    WhereNeeded,
    /// Always, unless an IOMMU translates (`swiotlb=force`).
    Always,
    /// Never (`swiotlb=noforce`).
    Never,
}

/// The bounce pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BouncePool {
    /// Nobody told.
    #[default]
    Unknown,
    /// There is none.
    Absent,
    /// There is one, of unknown size.
    Present,
    /// There is one, of so many slots of [`SLOT_BYTES`].
    Slots(u64),
}

/// What the command line asks of an IOMMU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IommuPolicy {
    /// Nothing in particular.
    Default,
    /// To stay out (`iommu=off`).
    Off,
    /// To let everything through untranslated (`iommu=pt`).
    Passthrough,
    /// To translate (`intel_iommu=on`, `iommu.passthrough=0`).
    Translate,
}

/// What `/sys/kernel/debug/swiotlb` said at some time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PoolReading {
    /// When, in the words of who read it.
    pub label: Box<str>,
    /// Slots in all (`io_tlb_nslabs`).
    pub slots: Option<u64>,
    /// Slots in use (`io_tlb_used`).
    pub used: Option<u64>,
    /// The most that ever were in use (`io_tlb_used_hiwater`).
    pub high_water: Option<u64>,
}

impl Default for HostFacts {
    fn default() -> Self {
        Self {
            policy: None,
            pool: BouncePool::Unknown,
            iommu: None,
            page_size: BusSize::new(PAGE_SIZE),
            readings: Vec::new(),
        }
    }
}

impl HostFacts {
    /// Takes in the kernel command line (`/proc/cmdline`). Parameters about other things are passed over.
    pub fn read_command_line(&mut self, text: &str) {
        let mut policy = BouncePolicy::WhereNeeded;
        let mut iommu = IommuPolicy::Default;
        for parameter in text.split_whitespace() {
            match parameter.split_once('=') {
                Some(("swiotlb", value)) => policy = self.read_swiotlb(value).unwrap_or(policy),
                Some(("iommu", values)) => iommu = self.read_iommu(values).unwrap_or(iommu),
                Some(("intel_iommu" | "amd_iommu", values)) => iommu = vendor_iommu(values, iommu),
                Some(("iommu.passthrough", "1")) => iommu = IommuPolicy::Passthrough,
                Some(("iommu.passthrough", "0")) => iommu = IommuPolicy::Translate,
                _ => {}
            }
        }
        if policy == BouncePolicy::Never {
            self.pool = BouncePool::Absent;
        }
        self.policy = Some(policy);
        self.iommu = Some(iommu);
    }

    /// Takes in what was read of `/sys/kernel/debug/swiotlb`: lines `[LABEL] FILE=NUMBER`.
    ///
    /// # Errors
    /// A line of another form, or no number.
    pub fn read_swiotlb_files(&mut self, text: &str) -> Result<(), FactError> {
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            self.read_swiotlb_line(index + 1, line.trim())?;
        }
        if let Some(slots) = self.readings.iter().rev().find_map(|reading| reading.slots) {
            self.pool = if slots == 0 { BouncePool::Absent } else { BouncePool::Slots(slots) };
        }
        Ok(())
    }

    fn read_swiotlb_line(&mut self, line: usize, text: &str) -> Result<(), FactError> {
        let (label, setting) = text.rsplit_once(char::is_whitespace).unwrap_or(("", text));
        let (key, value) = setting.split_once('=').ok_or_else(|| FactError::no_setting(line, text))?;
        let number: u64 = value.parse().map_err(|_| FactError::no_number(line, key, value))?;
        let label = label.trim();
        if self.readings.last().is_none_or(|reading| &*reading.label != label) {
            self.readings.push(PoolReading { label: label.into(), ..PoolReading::default() });
        }
        let Some(reading) = self.readings.last_mut() else { return Ok(()) };
        match key {
            "io_tlb_nslabs" => reading.slots = Some(number),
            "io_tlb_used" => reading.used = Some(number),
            "io_tlb_used_hiwater" => reading.high_water = Some(number),
            _ => {}
        }
        Ok(())
    }

    /// `[SLOTS[,AREAS]][,force|noforce]`; the kernel rounds the slots up to what one mapping may take.
    fn read_swiotlb(&mut self, value: &str) -> Option<BouncePolicy> {
        let slots = value.split(',').next().and_then(|first| first.parse::<u64>().ok());
        if let Some(slots) = slots.and_then(|slots| slots.checked_next_multiple_of(SLOTS_PER_MAPPING))
            && self.pool == BouncePool::Unknown
            && slots > 0
        {
            self.pool = BouncePool::Slots(slots);
        }
        value.split(',').rev().find_map(|word| match word {
            "force" => Some(BouncePolicy::Always),
            "noforce" => Some(BouncePolicy::Never),
            _ => None,
        })
    }

    /// `iommu=off` leaves x86 without swiotlb too.
    fn read_iommu(&mut self, values: &str) -> Option<IommuPolicy> {
        let policy = values.split(',').find_map(|word| match word {
            "off" => Some(IommuPolicy::Off),
            "pt" => Some(IommuPolicy::Passthrough),
            "nopt" | "on" | "force" => Some(IommuPolicy::Translate),
            _ => None,
        });
        if policy == Some(IommuPolicy::Off) {
            self.pool = BouncePool::Absent;
        }
        policy
    }
}

/// `iommu=pt` goes on deciding what a vendor's IOMMU does once it is on.
fn vendor_iommu(values: &str, before: IommuPolicy) -> IommuPolicy {
    let said = |word| values.split(',').any(|value| value == word);
    match before {
        _ if said("off") => IommuPolicy::Off,
        IommuPolicy::Default if said("on") => IommuPolicy::Translate,
        before => before,
    }
}

impl BouncePool {
    /// Whether there is one; `None` when nobody told.
    pub const fn exists(self) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::Absent => Some(false),
            Self::Present | Self::Slots(_) => Some(true),
        }
    }

    /// Its slots, where they are known.
    pub const fn slots(self) -> Option<u64> {
        match self {
            Self::Slots(slots) => Some(slots),
            Self::Unknown | Self::Absent | Self::Present => None,
        }
    }
}

/// Slots that `size` bytes at `addr` take in the pool, for a device that keeps the bits of `min_align_mask`.
pub fn slots_needed(addr: u64, size: u64, min_align_mask: u64) -> u64 {
    let kept = addr & min_align_mask & (SLOT_BYTES - 1);
    size.saturating_add(kept).div_ceil(SLOT_BYTES).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        use BouncePolicy::{Always, Never, WhereNeeded};
        use BouncePool::{Absent, Slots, Unknown};
        use IommuPolicy::{Default, Off, Passthrough, Translate};
        let check = |text: &str, policy, pool, iommu| {
            let mut facts = HostFacts::default();
            facts.read_command_line(text);
            assert_eq!((facts.policy, facts.pool, facts.iommu), (Some(policy), pool, Some(iommu)), "{text}");
        };
        check("", WhereNeeded, Unknown, Default);
        check("quiet swiotlb=force", Always, Unknown, Default);
        check("swiotlb=512,1,force", Always, Slots(512), Default);
        check("swiotlb=500", WhereNeeded, Slots(512), Default);
        check("swiotlb=noforce", Never, Absent, Default);
        check("swiotlb=512,noforce", Never, Absent, Default);
        check("swiotlb=", WhereNeeded, Unknown, Default);
        check("swiotlb=99999999999999999999,force", Always, Unknown, Default);
        check("iommu=off", WhereNeeded, Absent, Off);
        check("intel_iommu=on", WhereNeeded, Unknown, Translate);
        check("intel_iommu=on iommu=pt swiotlb=force", Always, Unknown, Passthrough);
        check("iommu=pt intel_iommu=on,sm_on", WhereNeeded, Unknown, Passthrough);
        check("intel_iommu=off iommu.strict=1", WhereNeeded, Unknown, Off);
        check("iommu.passthrough=1", WhereNeeded, Unknown, Passthrough);
    }

    #[test]
    fn slots_of_a_mapping() {
        let check = |addr, size, mask, slots| assert_eq!(slots_needed(addr, size, mask), slots, "{addr:#x}+{size}");
        check(0x1000, 1, 0, 1);
        check(0x1000, 2048, 0, 1);
        check(0x1000, 4096, 0xfff, 2);
        check(0x1200, 4096, 0xfff, 3);
        check(0x1200, 4096, 0, 2);
        check(0, 256 << 10, 0, SLOTS_PER_MAPPING);
        check(0, u64::MAX, 0xfff, u64::MAX / 2048 + 1);
    }

    #[test]
    fn debugfs_readings() {
        let mut facts = HostFacts::default();
        let text = "boot io_tlb_nslabs=512\nboot io_tlb_used=0\nend io_tlb_nslabs=512\nend io_tlb_used_hiwater=384\n";
        facts.read_swiotlb_files(text).unwrap();
        assert_eq!(facts.pool, BouncePool::Slots(512));
        assert_eq!(facts.readings.len(), 2);
        assert_eq!(facts.readings.last().and_then(|reading| reading.high_water), Some(384));
        assert!(HostFacts::default().read_swiotlb_files("boot nonsense").is_err());
        assert!(HostFacts::default().read_swiotlb_files("io_tlb_used=many").is_err());
    }
}
