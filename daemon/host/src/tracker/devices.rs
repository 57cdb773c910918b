//! Devices by number, and what a tracker learns about each.

use super::stats::DeviceTotals;
use crate::event::Device;
use crate::mapping::Translation;
use rustc_hash::FxHashMap;

/// Devices in the order in which they were first seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Devices {
    numbers: FxHashMap<Device, u32>,
    records: Vec<Record>,
}

/// What is known of one device.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) totals: DeviceTotals,
    /// What the device's addresses are above physical ones, modulo 2^64: encrypted guests and some buses shift them.
    pub(super) shift: u64,
    /// The last mapping that was made; says whether an IOMMU is in the way.
    pub(super) translation: Translation,
}

impl Devices {
    /// The device's number, or `None` when it is new and there are `limit` already.
    pub(super) fn number(&mut self, device: &Device, limit: usize) -> Option<u32> {
        if let Some(&number) = self.numbers.get(device) {
            return Some(number);
        }
        if self.records.len() >= limit {
            return None;
        }
        let number = u32::try_from(self.records.len()).ok()?;
        self.numbers.insert(device.clone(), number);
        let totals = DeviceTotals::new(device.clone());
        self.records.push(Record { totals, shift: 0, translation: Translation::None });
        Some(number)
    }

    pub(super) fn get(&self, number: u32) -> Option<&Record> {
        self.records.get(number as usize)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Record> {
        self.records.get_mut(number as usize)
    }

    pub(super) fn totals(&self) -> impl Iterator<Item = &DeviceTotals> {
        self.records.iter().map(|record| &record.totals)
    }
}
