//! Devices as JSON, as the header of a capture holds them.
//!
//! An object by device name; in each, as far as known, `dma_mask_bits`, `consistent_dma_mask_bits`, `driver`,
//! `iommu_group` (`none`, `NUMBER:TYPE`), and `disks`: an object by disk name, in each `dev` (`MAJOR:MINOR`) and the limits
//! of its queue by the names of sysfs.

use super::facts::disk_number;
use super::{AddressBits, BlockDisk, DeviceLimits, Facts, IommuMembership, QueueLimits};
use crate::event::Device;
use serde_json::{Map, Value};
use thiserror::Error;

/// Why JSON holds no devices.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("device {device}: {field} is {found}, expected {expected}")]
pub struct DeviceJsonError {
    /// Which device; empty where the whole is no object.
    pub device: String,
    /// Which field.
    pub field: String,
    /// What it holds, shortened.
    pub found: String,
    /// What it should hold.
    pub expected: &'static str,
}

impl Facts {
    /// All devices, to be read by [`Self::read_devices_json`].
    pub fn devices_to_json(&self) -> Value {
        self.devices().map(|(device, limits)| (device.to_string(), limits.to_json())).collect::<Map<_, _>>().into()
    }

    /// Takes in devices. Fields about other things are passed over.
    ///
    /// # Errors
    /// A field of another type than it should be.
    pub fn read_devices_json(&mut self, devices: &Value) -> Result<(), DeviceJsonError> {
        for (name, value) in object(devices, "", "devices")? {
            self.insert(Device::new(name), DeviceLimits::from_json(name, value)?);
        }
        Ok(())
    }
}

impl DeviceLimits {
    fn to_json(&self) -> Value {
        let mut fields = Map::new();
        let mut add = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(key.to_owned(), value);
            }
        };
        add("dma_mask_bits", self.mask.map(|mask| mask.bits().into()));
        add("consistent_dma_mask_bits", self.coherent_mask.map(|mask| mask.bits().into()));
        add("driver", self.driver.as_deref().map(Value::from));
        add("iommu_group", self.iommu.to_text().map(Value::from));
        let disks: Map<_, _> = self.disks.iter().map(|disk| (disk.name.to_string(), disk.to_json())).collect();
        add("disks", (!disks.is_empty()).then(|| disks.into()));
        fields.into()
    }

    fn from_json(device: &str, value: &Value) -> Result<Self, DeviceJsonError> {
        let mut limits = Self::default();
        for (key, value) in object(value, device, "it")? {
            let wrong = |expected| DeviceJsonError::new(device, key, value, expected);
            let bits = || value.as_u64().and_then(AddressBits::new).ok_or_else(|| wrong("1 to 64"));
            match key.as_str() {
                "dma_mask_bits" => limits.mask = Some(bits()?),
                "consistent_dma_mask_bits" => limits.coherent_mask = Some(bits()?),
                "driver" => limits.driver = Some(value.as_str().ok_or_else(|| wrong("a string"))?.into()),
                "iommu_group" => {
                    let group = value.as_str().and_then(IommuMembership::from_text);
                    limits.iommu = group.ok_or_else(|| wrong("none or NUMBER:TYPE"))?;
                }
                "disks" => {
                    let disks = object(value, device, key)?.iter();
                    let disks = disks.map(|(name, value)| BlockDisk::from_json(device, name, value));
                    limits.disks = disks.collect::<Result<_, _>>()?;
                }
                _ => {}
            }
        }
        Ok(limits)
    }
}

impl BlockDisk {
    fn to_json(&self) -> Value {
        let mut queue = self.queue;
        let mut fields = Map::new();
        if let Some(number) = self.number {
            fields.insert("dev".to_owned(), format!("{}:{}", number.major, number.minor).into());
        }
        for name in QueueLimits::NAMES {
            if let Some(&mut Some(limit)) = queue.slot(name) {
                fields.insert(name.to_owned(), limit.into());
            }
        }
        fields.into()
    }

    fn from_json(device: &str, name: &str, value: &Value) -> Result<Self, DeviceJsonError> {
        let mut disk = Self { name: name.into(), ..Self::default() };
        for (key, value) in object(value, device, name)? {
            let wrong = |expected| DeviceJsonError::new(device, key, value, expected);
            if key == "dev" {
                disk.number = Some(value.as_str().and_then(disk_number).ok_or_else(|| wrong("MAJOR:MINOR"))?);
            } else if let Some(limit) = disk.queue.slot(key) {
                *limit = Some(value.as_u64().ok_or_else(|| wrong("a whole number"))?);
            }
        }
        Ok(disk)
    }
}

impl DeviceJsonError {
    fn new(device: &str, field: &str, found: &Value, expected: &'static str) -> Self {
        let found: String = found.to_string().chars().take(60).collect();
        Self { device: device.to_owned(), field: field.to_owned(), found, expected }
    }
}

fn object<'v>(value: &'v Value, device: &str, field: &str) -> Result<&'v Map<String, Value>, DeviceJsonError> {
    value.as_object().ok_or_else(|| DeviceJsonError::new(device, field, value, "an object"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_is_read_back() {
        let mut facts = Facts::default();
        let lines = "0000:00:02.0 dma_mask_bits=64 consistent_dma_mask_bits=32 driver=nvme iommu_group=2:DMA-FQ\n\
                     0000:00:03.0 dma_mask_bits=32 driver=none iommu_group=none\n";
        facts.read_devices(lines).unwrap();
        let disk =
            "nvme0n1 max_segments=33\nnvme0n1 dev=259:0\nnvme0n1 device=/sys/devices/pci0000:00/0000:00:02.0/nvme0n1";
        facts.read_queues(disk).unwrap();
        let mut read = Facts::default();
        read.read_devices_json(&facts.devices_to_json()).unwrap();
        assert_eq!(read, facts);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |value: Value, message: &str| {
            assert_eq!(Facts::default().read_devices_json(&value).unwrap_err().to_string(), message);
        };
        check(json!([]), "device : devices is [], expected an object");
        check(json!({"a": 1}), "device a: it is 1, expected an object");
        check(json!({"a": {"dma_mask_bits": 65}}), "device a: dma_mask_bits is 65, expected 1 to 64");
        check(json!({"a": {"disks": {"sda": {"dev": "8"}}}}), "device a: dev is \"8\", expected MAJOR:MINOR");
        assert!(Facts::default().read_devices_json(&json!({"a": {"numa_node": 1}})).is_ok());
    }
}
