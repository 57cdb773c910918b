//! All that is known of a host and its devices, gathered from text.

use super::{AddressBits, BlockDisk, DeviceLimits, HostFacts, IommuMembership, QueueLimits};
use crate::event::{Device, Disk};
use std::collections::BTreeMap;
use thiserror::Error;

/// All that is known of a host and its devices.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// What holds for the whole host.
    pub host: HostFacts,
    devices: BTreeMap<Device, DeviceLimits>,
}

/// Why a text holds no facts.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum FactError {
    /// A line or an option without an equals sign.
    #[error("line {line}: `{text}` is no KEY=VALUE")]
    NoSetting {
        /// From 1.
        line: usize,
        /// The line, shortened.
        text: String,
    },
    /// A value that should be a number.
    #[error("line {line}: {key} is `{value}`, expected a whole number")]
    NoNumber {
        /// From 1.
        line: usize,
        /// Whose value it is.
        key: String,
        /// The value, shortened.
        value: String,
    },
    /// A number of address bits that no device has.
    #[error("line {line}: {key} is {bits}, expected 1 to 64 address bits")]
    AddressBits {
        /// From 1.
        line: usize,
        /// Whose value it is.
        key: String,
        /// The value.
        bits: u64,
    },
    /// An IOMMU group that is none.
    #[error("line {line}: iommu_group is `{value}`, expected none, a number, or NUMBER:TYPE as in 2:DMA-FQ")]
    IommuGroup {
        /// From 1.
        line: usize,
        /// The value, shortened.
        value: String,
    },
    /// An option without a device.
    #[error("`{text}` names no device; expected NAME:KEY=VALUE as in 0000:00:02.0:dma_mask_bits=32")]
    NoDevice {
        /// The option, shortened.
        text: String,
    },
    /// An option about something that no device has.
    #[error("unknown key `{key}`; expected {}", known_keys())]
    UnknownKey {
        /// The key, shortened.
        key: String,
    },
}

/// What [`DeviceLimits::set`] knows beside the limits of queues.
const DEVICE_KEYS: [&str; 4] = ["dma_mask_bits", "consistent_dma_mask_bits", "driver", "iommu_group"];

impl Facts {
    /// What is known of a device.
    pub fn device(&self, device: &Device) -> Option<&DeviceLimits> {
        self.devices.get(device)
    }

    /// The devices, by name.
    pub fn devices(&self) -> impl Iterator<Item = (&Device, &DeviceLimits)> {
        self.devices.iter()
    }

    /// Takes in a device; what was known of it before is forgotten.
    pub fn insert(&mut self, device: Device, limits: DeviceLimits) {
        self.devices.insert(device, limits);
    }

    /// The device that a disk belongs to, where what is known leaves only one.
    pub fn owner(&self, disk: Disk) -> Option<&Device> {
        let mut owners = self.devices.iter().filter(|(_, limits)| limits.disks.iter().any(|own| own.may_be(disk)));
        let (owner, _) = owners.next()?;
        owners.next().is_none().then_some(owner)
    }

    /// Takes in lines `DEVICE KEY=VALUE…`; keys about other things are passed over.
    ///
    /// # Errors
    /// [`FactError`] with the number of the line.
    pub fn read_devices(&mut self, text: &str) -> Result<(), FactError> {
        for (index, line) in text.lines().enumerate() {
            let mut words = line.split_whitespace();
            let Some(name) = words.next() else { continue };
            let mut limits = self.devices.get(&Device::new(name)).cloned().unwrap_or_default();
            let mut settings = words.peekable();
            if settings.peek().is_none() {
                return Err(FactError::no_setting(index + 1, line));
            }
            for setting in settings {
                let (key, value) = setting.split_once('=').ok_or_else(|| FactError::no_setting(index + 1, line))?;
                limits.set(index + 1, key, value)?;
            }
            self.insert(Device::new(name), limits);
        }
        Ok(())
    }

    /// Takes in lines `DISK KEY=VALUE`: the limits of each queue, and `device=PATH`, by which a disk is found to belong to
    /// a PCI device. Disks that belong to none are passed over.
    ///
    /// # Errors
    /// [`FactError`] with the number of the line.
    pub fn read_queues(&mut self, text: &str) -> Result<(), FactError> {
        let mut disks: BTreeMap<&str, (BlockDisk, Option<&str>)> = BTreeMap::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let no_setting = || FactError::no_setting(index + 1, line);
            let (name, setting) = line.trim().split_once(char::is_whitespace).ok_or_else(no_setting)?;
            let (key, value) = setting.trim().split_once('=').ok_or_else(no_setting)?;
            let (disk, path) = disks.entry(name).or_default();
            disk.name = name.into();
            match key {
                "device" => *path = Some(value),
                "dev" => disk.number = disk_number(value),
                _ => disk.queue.set(index + 1, key, value)?,
            }
        }
        for (disk, path) in disks.into_values() {
            if let Some(owner) = path.and_then(pci_device) {
                self.devices.entry(Device::new(owner)).or_default().disks.push(disk);
            }
        }
        Ok(())
    }

    /// Takes in `NAME:KEY=VALUE[,KEY=VALUE…]`, the keys of [`Self::read_devices`] and [`Self::read_queues`].
    ///
    /// # Errors
    /// [`FactError`]; here unknown keys are errors too.
    pub fn read_option(&mut self, text: &str) -> Result<(), FactError> {
        let no_device = || FactError::NoDevice { text: shortened(text) };
        let before_value = text.find('=').map_or(text, |equals| text.get(..equals).unwrap_or_default());
        let colon = before_value.rfind(':').ok_or_else(no_device)?;
        let (name, settings) = (text.get(..colon), text.get(colon + 1..));
        let (Some(name), Some(settings)) = (name.filter(|name| !name.is_empty()), settings) else {
            return Err(no_device());
        };
        let limits = self.devices.entry(Device::new(name)).or_default();
        for setting in settings.split(',') {
            let (key, value) = setting.split_once('=').ok_or_else(|| FactError::no_setting(1, setting))?;
            limits.set_known(key, value, name)?;
        }
        Ok(())
    }
}

impl DeviceLimits {
    fn set(&mut self, line: usize, key: &str, value: &str) -> Result<(), FactError> {
        match key {
            "dma_mask_bits" => self.mask = Some(address_bits(line, key, value)?),
            "consistent_dma_mask_bits" => self.coherent_mask = Some(address_bits(line, key, value)?),
            "driver" => self.driver = (value != "none").then(|| value.into()),
            "iommu_group" => {
                self.iommu = IommuMembership::from_text(value)
                    .ok_or_else(|| FactError::IommuGroup { line, value: shortened(value) })?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Limits of queues go to each of its disks, or to one of its own name when it has none.
    fn set_known(&mut self, key: &str, value: &str, name: &str) -> Result<(), FactError> {
        if DEVICE_KEYS.contains(&key) {
            return self.set(1, key, value);
        }
        if !QueueLimits::NAMES.contains(&key) {
            return Err(FactError::UnknownKey { key: shortened(key) });
        }
        if self.disks.is_empty() {
            self.disks.push(BlockDisk { name: name.into(), ..BlockDisk::default() });
        }
        self.disks.iter_mut().try_for_each(|disk| disk.queue.set(1, key, value))
    }
}

impl QueueLimits {
    fn set(&mut self, line: usize, key: &str, value: &str) -> Result<(), FactError> {
        if let Some(slot) = self.slot(key) {
            *slot = Some(value.trim().parse().map_err(|_| FactError::no_number(line, key, value))?);
        }
        Ok(())
    }
}

impl FactError {
    pub(super) fn no_setting(line: usize, text: &str) -> Self {
        Self::NoSetting { line, text: shortened(text) }
    }

    pub(super) fn no_number(line: usize, key: &str, value: &str) -> Self {
        Self::NoNumber { line, key: shortened(key), value: shortened(value) }
    }
}

fn address_bits(line: usize, key: &str, value: &str) -> Result<AddressBits, FactError> {
    let bits = value.parse().map_err(|_| FactError::no_number(line, key, value))?;
    AddressBits::new(bits).ok_or_else(|| FactError::AddressBits { line, key: shortened(key), bits })
}

/// `MAJOR:MINOR`.
pub(super) fn disk_number(text: &str) -> Option<Disk> {
    let (major, minor) = text.trim().split_once(':')?;
    Some(Disk { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

/// The last PCI device of a path below `/sys/devices`: `0000:00:02.0`.
fn pci_device(path: &str) -> Option<&str> {
    path.rsplit('/').find(|part| is_pci_address(part))
}

/// Domain, bus, device and function, in hexadecimal.
fn is_pci_address(text: &str) -> bool {
    let hex = |part: &str, least: usize, most: usize| {
        (least..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let mut parts = text.split(':');
    let (Some(domain), Some(bus), Some(slot), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let slot = slot.split_once('.').is_some_and(|(slot, function)| hex(slot, 2, 2) && hex(function, 1, 1));
    hex(domain, 4, 8) && hex(bus, 2, 2) && slot
}

fn known_keys() -> String {
    let all: Vec<&str> = DEVICE_KEYS.into_iter().chain(QueueLimits::NAMES).collect();
    all.join(", ")
}

/// What people read of a text that may be anything.
fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    let mut shown: String = text.chars().take(MOST).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
