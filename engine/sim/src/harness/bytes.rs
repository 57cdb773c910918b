//! Bytes: what the CPU and the device write, and what the device meets.

use super::bench::Bench;
use super::fault::Fault;
use crate::answer::{MapNo, SegmentView};
use crate::machine::Machine;
use crate::request::Request;
use crate::subject::Subject;

impl Bench {
    /// The device meets the same bytes in both.
    pub(super) fn device_read(&self, map: MapNo) -> Result<(), Fault> {
        let ranges = self.device_ranges(map);
        let Some(model) = &self.model else { return Ok(()) };
        if read_all(model.machine(), &ranges) == read_all(self.engine.machine(), &ranges) {
            return Ok(());
        }
        self.compare_bytes()
    }

    pub(super) fn on_machines(&mut self, act: impl Fn(&mut Machine)) {
        act(self.engine.machine_mut());
        if let Some(model) = &mut self.model {
            act(model.machine_mut());
        }
    }

    /// busdma-trace's pattern: byte `i` of a fill or a device write.
    pub(super) fn write_pattern(&mut self, ranges: &[SegmentView], seed: u32) {
        let mut index = u64::from(seed);
        for &(start, len) in ranges {
            let mixed = (index..index + len).map(|index| index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let bytes: Vec<u8> = mixed.map(|mixed| (mixed ^ (mixed >> 32)).to_le_bytes()[0]).collect();
            self.on_machines(|machine| machine.write(start, &bytes));
            index += len;
        }
    }

    pub(super) fn client_ranges(&self, map: MapNo) -> Vec<SegmentView> {
        let client = self.requests.get(&map).map(Request::client_bytes).unwrap_or_default();
        client.iter().map(|range| (range.start.raw(), range.len.raw())).collect()
    }

    pub(super) fn device_ranges(&self, map: MapNo) -> Vec<SegmentView> {
        self.seen.maps.get(&map).map(|view| view.segments.clone()).unwrap_or_default()
    }
}

/// The bytes of some ranges, one after the other.
pub(super) fn read_all(machine: &Machine, ranges: &[SegmentView]) -> Vec<u8> {
    ranges.iter().flat_map(|&(start, len)| machine.read(start, len)).collect()
}
