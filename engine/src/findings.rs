//! What is wrong with a load that has ended, told as hazards.

use crate::addr::PageCount;
use crate::decision::{Decision, Observer, Told};
use crate::hazard::Hazard;
use crate::ids::MapId;
use crate::map::DmaMap;
use crate::segment::Segment;
use crate::tag::DmaTag;

/// A load on a map that was not unloaded.
pub(crate) fn before_load<O: Observer>(told: &mut Told<O>, id: MapId, map: &DmaMap) {
    let pages = map.bounce_page_count();
    if pages > PageCount::ZERO {
        told.hazard(|| Hazard::LoadOnMapHoldingPages { map: id, pages });
    }
}

/// A mapping that was made: whether its segments keep the tag's promises, and what is left on the map.
pub(crate) fn of_mapping<O: Observer>(told: &mut Told<O>, id: MapId, map: &DmaMap, tag: &DmaTag) {
    let (segments, bounce_pages) = (map.segments.len(), map.bounce_page_count());
    told.decision(|| Decision::Loaded { map: id, segments, bounce_pages });
    for segment in map.segments.as_slice() {
        of_segment(told, id, segment, tag);
    }
    let limit = tag.constraints.nsegments();
    if segments > limit.count() {
        told.hazard(|| Hazard::MoreSegmentsThanNsegments { map: id, segments, limit });
    }
    of_leftovers(told, id, map);
}

/// Counts and reservations that outlive the load.
pub(crate) fn of_leftovers<O: Observer>(told: &mut Told<O>, id: MapId, map: &DmaMap) {
    let (pages_needed, pages_reserved) = (map.pages_needed(), map.pages_reserved());
    if pages_needed > PageCount::ZERO || pages_reserved > PageCount::ZERO {
        told.hazard(|| Hazard::StalePagesNeeded { map: id, pages_needed, pages_reserved });
    }
}

fn of_segment<O: Observer>(told: &mut Told<O>, map: MapId, segment: &Segment, tag: &DmaTag) {
    let Segment { addr, len } = *segment;
    let constraints = &tag.constraints;
    if let Some((excluded, _)) = constraints.excludes_range(addr.to_phys(), len) {
        let window = constraints.window();
        told.hazard(|| Hazard::SegmentInExcludedWindow { map, addr, len, excluded, window });
    }
    if constraints.forbids_start(addr.to_phys()) {
        let alignment = constraints.alignment();
        told.hazard(|| Hazard::SegmentStartMisaligned { map, addr, alignment });
    }
}
