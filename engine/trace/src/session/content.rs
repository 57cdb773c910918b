//! Bytes: what the client writes into its buffer, and what the device moves through the segments.

use super::Session;
use crate::client;
use crate::error::OperationError;
use crate::format::{Hashed, Hex, Output, Seeded, Touched};
use crate::machine::{Fnv1a, Pattern};
use crate::names::NoObject;
use busdma_engine::{BusSize, PhysAddr, Segment};

impl Session {
    pub(super) fn fill(&mut self, input: &Seeded<'_>) -> Result<Output<'_>, NoObject> {
        let (_, entry) = self.names.map(input.map.as_str())?;
        let bytes = match entry.request.desc() {
            Some(desc) => client::fill(&desc, input.seed, self.engine.platform_mut())?,
            None => 0,
        };
        Ok(Output::Fill(Touched { bytes }))
    }

    pub(super) fn device_write(&mut self, input: &Seeded<'_>) -> Result<Output<'_>, NoObject> {
        let bytes = self.take_mapping(input.map.as_str())?;
        let mut pattern = Pattern::new(input.seed);
        let memory = self.engine.platform_mut().memory_mut();
        for seg in &self.segs {
            memory.write_pattern(PhysAddr::new(seg.0.0), BusSize::new(seg.1), &mut pattern);
        }
        Ok(Output::DeviceWrite(Touched { bytes }))
    }

    pub(super) fn device_read(&mut self, map: &str) -> Result<Output<'_>, NoObject> {
        let bytes = self.take_mapping(map)?;
        let memory = self.engine.platform().memory();
        let mut hash = Fnv1a::new();
        for seg in &self.segs {
            memory.hash(PhysAddr::new(seg.0.0), BusSize::new(seg.1), &mut hash);
        }
        Ok(Output::DeviceRead(Hashed { bytes, hash: Hex(hash.finish()) }))
    }

    /// Keeps the segments of a map's current mapping at hand; says how many bytes they have.
    fn take_mapping(&mut self, map: &str) -> Result<u64, NoObject> {
        let (map, _) = self.names.map(map)?;
        let segments = self.engine.map(map).map_or(&[][..], |map| map.segments());
        self.segs.clear();
        self.segs.extend(segments.iter().map(crate::observe::seg));
        let bytes = segments.iter().fold(0_u64, |bytes, segment: &Segment| bytes.saturating_add(segment.len.raw()));
        let bytes: Result<u64, OperationError> = client::within_limit(bytes);
        Ok(bytes?)
    }
}
