//! IOMMU mappings whose DMA mapping has not been seen yet.
//!
//! `iommu:map` comes before the `dma_map_*` or `dma_alloc` it serves, from the same task, and names no device.

use super::stats::TranslationCounts;
use crate::event::{DmaRange, HostEvent, IommuMap};
use rustc_hash::FxHashMap;

/// Who maps. The idle tasks are told apart by their processor.
type Mapper = (u32, Option<u32>);

/// IOMMU mappings that wait, by task.
#[derive(Clone, Debug, Default)]
pub(super) struct Translations {
    waiting: FxHashMap<Mapper, Vec<IommuMap>>,
}

impl Translations {
    pub(super) fn add(&mut self, event: &HostEvent, map: IommuMap, limit: usize, counts: &mut TranslationCounts) {
        if counts.pending >= limit as u64 {
            self.forget(counts);
        }
        self.waiting.entry(mapper(event)).or_default().push(map);
        counts.maps += 1;
        counts.pending += 1;
    }

    /// How many of the task's IOMMU mappings serve these addresses. The task's others serve none: it has moved on.
    pub(super) fn claim(&mut self, event: &HostEvent, given: &[DmaRange], counts: &mut TranslationCounts) -> u32 {
        let Some(waiting) = self.waiting.remove(&mapper(event)) else {
            return 0;
        };
        let serves = |map: &&IommuMap| given.iter().any(|range| overlap(map, range));
        let claimed = waiting.iter().filter(serves).count() as u64;
        counts.pending -= waiting.len() as u64;
        counts.attached += claimed;
        counts.unattached += waiting.len() as u64 - claimed;
        u32::try_from(claimed).unwrap_or(u32::MAX)
    }

    pub(super) fn forget(&mut self, counts: &mut TranslationCounts) {
        self.waiting.clear();
        counts.unattached += std::mem::take(&mut counts.pending);
    }
}

fn mapper(event: &HostEvent) -> Mapper {
    (event.task.pid, (event.task.pid == 0).then_some(event.cpu))
}

fn overlap(map: &IommuMap, range: &DmaRange) -> bool {
    let (iova, start) = (map.iova.raw(), range.start.raw());
    iova < start.saturating_add(range.size.raw().max(1)) && start < iova.saturating_add(map.size.raw())
}
