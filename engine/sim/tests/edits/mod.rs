//! Changes of a state that make nonsense of it, or nearly.

use busdma_engine::state::{BouncePage, Dmamem, EngineState, SavedMapState, StoredMem, SyncRange, VacantSlot};
use busdma_engine::{
    BusAddr, BusSize, DmamemRegion, MapForm, MapId, Mem, Nanos, PageCount, PhysAddr, Segment, TagId, VirtAddr,
    VirtRange, ZoneId,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// One change: which field, of which object, to what.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    field: Field,
    at: Index,
    other: Index,
    number: u64,
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Now,
    TagId,
    TagParent,
    TagChain,
    TagZone,
    TagMaxsegsz,
    TagBounces,
    TagMapCount,
    TagReferences,
    TagDrop,
    TagTwice,
    Vacant,
    ZoneReserved,
    ZoneLowaddr,
    ZoneFrame,
    ZoneFrameTwice,
    ZoneFrameDrop,
    ZoneHighWater,
    ZoneMapCount,
    ZoneDeferred,
    ZoneDrop,
    MapId,
    MapTag,
    MapZone,
    MapForm,
    MapIdle,
    MapLoaded,
    MapDeferred,
    MapNeeded,
    MapReserved,
    MapSegment,
    MapPage,
    MapPageDrop,
    MapPageMove,
    MapSync,
    MapSyncCount,
    MapMemory,
    MapDrop,
    MapTwice,
    Wait,
    Ready,
    QueueDrop,
    QueueSwap,
}

use Field as F;

const FIELDS: [Field; 43] = [
    F::Now,
    F::TagId,
    F::TagParent,
    F::TagChain,
    F::TagZone,
    F::TagMaxsegsz,
    F::TagBounces,
    F::TagMapCount,
    F::TagReferences,
    F::TagDrop,
    F::TagTwice,
    F::Vacant,
    F::ZoneReserved,
    F::ZoneLowaddr,
    F::ZoneFrame,
    F::ZoneFrameTwice,
    F::ZoneFrameDrop,
    F::ZoneHighWater,
    F::ZoneMapCount,
    F::ZoneDeferred,
    F::ZoneDrop,
    F::MapId,
    F::MapTag,
    F::MapZone,
    F::MapForm,
    F::MapIdle,
    F::MapLoaded,
    F::MapDeferred,
    F::MapNeeded,
    F::MapReserved,
    F::MapSegment,
    F::MapPage,
    F::MapPageDrop,
    F::MapPageMove,
    F::MapSync,
    F::MapSyncCount,
    F::MapMemory,
    F::MapDrop,
    F::MapTwice,
    F::Wait,
    F::Ready,
    F::QueueDrop,
    F::QueueSwap,
];

/// Any change.
pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    let number =
        prop_oneof![0_u64..4, any::<u64>(), (0_u32..64, 0_u64..3).prop_map(|(bit, by)| (1_u64 << bit) - 1 + by)];
    let fields = select(&FIELDS[..]);
    (fields, any::<Index>(), any::<Index>(), number).prop_map(|(field, at, other, number)| Edit {
        field,
        at,
        other,
        number,
    })
}

impl Edit {
    /// Makes the change, where there is something to change.
    pub(crate) fn apply(&self, state: &mut EngineState) {
        let number = self.number;
        #[expect(clippy::cast_possible_truncation, reason = "any 32 bits will do")]
        let (small, signed) = (number as u32, number as i32);
        match self.field {
            F::Now => state.now = Nanos::new(number),
            F::TagDrop => self.drop_from(&mut state.tags),
            F::TagTwice => self.repeat_in(&mut state.tags),
            F::MapDrop => self.drop_from(&mut state.maps),
            F::MapTwice => self.repeat_in(&mut state.maps),
            F::ZoneDrop => self.drop_from(&mut state.zones),
            F::Vacant => state.vacant_maps.push(VacantSlot { index: small, generation: 2 + small % 2 }),
            F::Wait => state.waiters.push(self.any_map(state)),
            F::Ready => state.ready.push(self.any_map(state)),
            F::QueueDrop => self.drop_from(&mut state.waiters),
            F::QueueSwap => std::mem::swap(&mut state.waiters, &mut state.ready),
            F::TagId
            | F::TagParent
            | F::TagChain
            | F::TagZone
            | F::TagMaxsegsz
            | F::TagBounces
            | F::TagMapCount
            | F::TagReferences => self.change_tag(state, small, signed),
            F::ZoneReserved
            | F::ZoneLowaddr
            | F::ZoneFrame
            | F::ZoneFrameTwice
            | F::ZoneFrameDrop
            | F::ZoneHighWater
            | F::ZoneMapCount
            | F::ZoneDeferred => self.change_zone(state, small, signed),
            _ => self.change_map(state, small),
        }
    }

    fn change_tag(&self, state: &mut EngineState, small: u32, signed: i32) {
        let Some(tag) = pick(&mut state.tags, self.at) else { return };
        match self.field {
            F::TagId => tag.id = tag_id(small, tag.id.parts().1),
            F::TagParent => tag.parent = Some(tag_id(small % 8, small / 8 % 4)),
            F::TagChain => tag.chain_parent = Some(tag_id(small % 8, small / 8 % 4)),
            F::TagZone => tag.zone = tag.zone.is_none().then(|| ZoneId::new(small % 3)),
            F::TagMaxsegsz => tag.maxsegsz = BusSize::new(self.number),
            F::TagBounces => tag.could_bounce = !tag.could_bounce,
            F::TagMapCount => tag.map_count = signed,
            _ => tag.references = signed,
        }
    }

    fn change_zone(&self, state: &mut EngineState, small: u32, signed: i32) {
        let Some(zone) = pick(&mut state.zones, self.at) else { return };
        match self.field {
            F::ZoneReserved => zone.reserved_bpages = PageCount::new(small),
            F::ZoneLowaddr => zone.lowaddr = PhysAddr::new(self.number),
            F::ZoneFrame => {
                if let Some(frame) = pick(&mut zone.free_list, self.other) {
                    *frame = PhysAddr::new(self.number);
                }
            }
            F::ZoneFrameTwice => {
                let frames = zone.free_list.clone();
                if !frames.is_empty() {
                    zone.free_list.push(frames[self.other.index(frames.len())]);
                }
            }
            F::ZoneFrameDrop => drop(zone.free_list.pop()),
            F::ZoneHighWater => zone.active_bpages_max = PageCount::new(small),
            F::ZoneMapCount => zone.map_count = signed,
            _ => zone.deferred_ns = self.number,
        }
    }

    fn change_map(&self, state: &mut EngineState, small: u32) {
        let spare = pick(&mut state.maps, self.other).and_then(|map| map.pages.last().copied());
        let Some(map) = pick(&mut state.maps, self.at) else { return };
        let size = BusSize::new(self.number);
        match self.field {
            F::MapId => map.id = MapId::from_parts(small, map.id.parts().1).unwrap_or(map.id),
            F::MapTag => map.tag = tag_id(small % 8, small / 8 % 4),
            F::MapZone => map.zone = map.zone.is_none().then(|| ZoneId::new(small % 3)),
            F::MapForm => map.form = if map.form == MapForm::Null { MapForm::Real } else { MapForm::Null },
            F::MapIdle => map.state = SavedMapState::Idle,
            F::MapLoaded => map.state = SavedMapState::Loaded,
            F::MapDeferred => {
                let range = VirtRange { start: VirtAddr::new(self.number), len: size };
                let mem = if small == 0 { StoredMem::default() } else { StoredMem::new(&Mem::Vaddr(range)) };
                map.state = SavedMapState::Deferred { mem, queued_at: Nanos::new(self.number) };
            }
            F::MapNeeded => map.pages_needed = PageCount::new(small),
            F::MapReserved => map.pages_reserved = PageCount::new(small),
            F::MapSegment => map.segments.push(Segment { addr: BusAddr::new(self.number), len: size }),
            F::MapPage => {
                if let Some(page) = pick(&mut map.pages, self.other) {
                    *page = BouncePage { offset: u64::from(small), len: size, ..*page };
                }
            }
            F::MapPageDrop => drop(map.pages.pop()),
            F::MapPageMove => map.pages.extend(spare),
            F::MapSync => {
                map.sync_ranges.push(SyncRange { vaddr: None, paddr: PhysAddr::new(self.number), len: size });
                map.sync_count = map.sync_count.saturating_add(1);
            }
            F::MapSyncCount => map.sync_count = small,
            _ => {
                let region =
                    DmamemRegion { vaddr: VirtAddr::new(0), paddr: PhysAddr::new(self.number), pages: Vec::new() };
                let request = busdma_engine::DmamemRequest {
                    class: busdma_engine::AllocatorClass::Malloc,
                    size,
                    wait: busdma_engine::AllocatorWait::NoWait,
                    fill: busdma_engine::AllocatorFill::Zero,
                };
                map.dmamem = map.dmamem.is_none().then_some(Dmamem { region, request });
            }
        }
    }

    fn any_map(&self, state: &EngineState) -> MapId {
        if state.maps.is_empty() { MapId::GONE } else { state.maps[self.at.index(state.maps.len())].id }
    }

    fn drop_from<T>(&self, list: &mut Vec<T>) {
        if !list.is_empty() {
            list.remove(self.at.index(list.len()));
        }
    }

    fn repeat_in<T: Clone>(&self, list: &mut Vec<T>) {
        if !list.is_empty() {
            list.push(list[self.at.index(list.len())].clone());
        }
    }
}

fn pick<T>(list: &mut [T], at: Index) -> Option<&mut T> {
    if list.is_empty() { None } else { Some(&mut list[at.index(list.len())]) }
}

fn tag_id(index: u32, generation: u32) -> TagId {
    TagId::from_parts(index, generation).unwrap_or(TagId::GONE)
}
