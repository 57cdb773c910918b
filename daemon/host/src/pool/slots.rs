//! How many slots of the pool a piece takes.

use crate::event::{Device, DmaRange};
use crate::mapping::Mapping;
use crate::tracker::Piece;
use rustc_hash::FxHashMap;
use std::ops::Range;

/// Bytes in a slot (`IO_TLB_SIZE`).
pub const SLOT: u64 = 2048;

/// Slots under a range that was given: it begins in its first slot at the offset that its address shows.
pub(super) fn of_range(range: DmaRange) -> u64 {
    slots(range.start.raw() % SLOT, range.size.raw())
}

/// The addresses of the slots under a range.
pub(crate) fn span(range: DmaRange) -> Range<u64> {
    let start = range.start.raw();
    let end = start.saturating_add(range.size.raw().max(1)).checked_next_multiple_of(SLOT);
    start - start % SLOT..end.unwrap_or(u64::MAX)
}

/// Which devices keep the offset of their bytes in a slot (`min_align_mask`), as far as their mappings show.
#[derive(Clone, Debug, Default)]
pub(super) struct Offsets {
    kept: FxHashMap<Device, Keeps>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Keeps {
    Offset,
    Nothing,
}

impl Offsets {
    /// Devices that are remembered; the others are taken to keep nothing.
    const DEVICES: usize = 1 << 12;

    pub(super) fn learn(&mut self, mapping: &Mapping) {
        let pairs = mapping.memory.iter().zip(&mapping.given);
        let Some((entry, range)) = pairs.into_iter().find(|(entry, _)| entry.start.raw() % SLOT != 0) else {
            return;
        };
        let keeps = if range.start.raw() % SLOT == entry.start.raw() % SLOT { Keeps::Offset } else { Keeps::Nothing };
        if let Some(known) = self.kept.get_mut(&mapping.device) {
            *known = keeps;
        } else if self.kept.len() < Self::DEVICES {
            self.kept.insert(mapping.device.clone(), keeps);
        }
    }

    /// Slots that a piece asks for.
    pub(super) fn of_piece(&self, device: &Device, piece: &Piece) -> u64 {
        let offset = match self.kept.get(device) {
            Some(Keeps::Offset) => piece.addr.raw() % SLOT,
            Some(Keeps::Nothing) | None => 0,
        };
        slots(offset, piece.size.raw())
    }
}

fn slots(offset: u64, size: u64) -> u64 {
    offset.saturating_add(size).div_ceil(SLOT)
}
