//! Handles of what is gone: every verb refuses them, and nothing changes.

use busdma_engine::addr::{BusSize, PhysAddr, VirtAddr};
use busdma_engine::constraints::{ExclusionWindow, TagTemplate};
use busdma_engine::error::{LoadError, MapError, MemError, SyncError, TagError};
use busdma_engine::load::WaitPolicy;
use busdma_engine::mem::MemFlags;
use busdma_engine::memdesc::{MemDesc, VirtRange};
use busdma_engine::profile::Profile;
use busdma_engine::sync::{SyncOps, SyncPlan};
use busdma_engine::{Completion, DeferredClient, Engine, MapId, TagId};
use busdma_sim::machine::{Machine, MachineSpec};

struct Nobody;

impl DeferredClient for Nobody {
    fn lock(&mut self, tag: TagId) {
        panic!("no load was deferred, yet {tag} is locked");
    }

    fn callback(&mut self, completion: &Completion<'_>) {
        panic!("no load was deferred, yet {} is called back", completion.map);
    }

    fn unlock(&mut self, tag: TagId) {
        panic!("no load was deferred, yet {tag} is unlocked");
    }
}

/// An engine, the handles of a tag, a map and dmamem that are gone, and a tag that lives.
fn after_everything_went(profile: Profile) -> (Engine<Machine>, TagId, MapId, MapId, TagId) {
    let spec = MachineSpec::usual();
    let mut engine = Engine::new(Machine::new(spec.clone()), spec.limits(), profile);
    let low32 = TagTemplate {
        window: ExclusionWindow::above(PhysAddr::new(0xffff_ffff)),
        maxsize: BusSize::new(4096),
        ..TagTemplate::default()
    };
    let living = engine.create_tag(None, &low32).unwrap();
    let tag = engine.create_tag(None, &low32).unwrap();
    let map = engine.create_map(tag).unwrap();
    let memory = engine.alloc_mem(tag, MemFlags::ZERO).unwrap().map;
    engine.free_mem(memory, memory).unwrap();
    engine.destroy_map(map).unwrap();
    engine.destroy_tag(tag).unwrap();
    // Their places are taken again: the old handles must not name the new objects.
    engine.create_tag(None, &low32).unwrap();
    engine.create_map(living).unwrap();
    engine.create_map(living).unwrap();
    (engine, tag, map, memory, living)
}

#[test]
fn every_verb_refuses_them() {
    let buffer = MemDesc::Buffer(VirtRange { start: VirtAddr::new(0x1000), len: BusSize::new(512) });
    for profile in Profile::ALL {
        let (mut engine, tag, map, memory, _) = after_everything_went(profile);
        let before: Vec<_> = engine.zones().copied().collect();
        assert_eq!(engine.create_tag(Some(tag), &TagTemplate::default()).unwrap_err(), TagError::NoSuchTag(tag));
        assert_eq!(engine.destroy_tag(tag).unwrap_err(), TagError::NoSuchTag(tag));
        assert_eq!(engine.create_map(tag).unwrap_err(), MapError::NoSuchTag(tag));
        assert_eq!(engine.alloc_mem(tag, MemFlags::empty()).unwrap_err(), MemError::NoSuchTag(tag));
        assert!(engine.tag(tag).is_none(), "{profile:?}");
        for gone in [map, memory] {
            assert_eq!(engine.destroy_map(gone).unwrap_err(), MapError::NoSuchMap(gone));
            assert_eq!(engine.load(gone, &buffer, WaitPolicy::MayDefer).unwrap_err(), LoadError::NoSuchMap(gone));
            assert_eq!(engine.unload(gone).unwrap_err(), MapError::NoSuchMap(gone));
            assert_eq!(engine.cancel(gone).unwrap_err(), MapError::NoSuchMap(gone));
            assert_eq!(engine.sync(gone, SyncOps::PRE_WRITE).unwrap_err(), SyncError::NoSuchMap(gone));
            let mut plan = SyncPlan::default();
            assert_eq!(engine.plan_sync(gone, SyncOps::POST_READ, &mut plan).unwrap_err(), SyncError::NoSuchMap(gone));
            assert_eq!(engine.free_mem(gone, gone).unwrap_err(), MemError::NoSuchMap(gone));
            assert!(engine.map(gone).is_none(), "{profile:?}");
        }
        assert_eq!(engine.drain_ready(&mut Nobody), Ok(0));
        assert_eq!(engine.zones().copied().collect::<Vec<_>>(), before, "{profile:?}");
        assert_eq!(engine.check_invariants(), Ok(()), "{profile:?}");
    }
}

/// Memory is given back with its own map: neither with another one, nor a created map as if it came with memory.
#[test]
fn memory_and_maps_are_not_mixed_up() {
    for profile in Profile::ALL {
        let (mut engine, .., living) = after_everything_went(profile);
        let created = engine.create_map(living).unwrap();
        let memory = engine.alloc_mem(living, MemFlags::empty()).unwrap().map;
        assert!(matches!(engine.free_mem(memory, created), Err(MemError::Panic(_))), "{profile:?}");
        assert!(matches!(engine.free_mem(created, created), Err(MemError::Panic(_))), "{profile:?}");
        assert_eq!(engine.check_invariants(), Ok(()), "{profile:?}");
        assert!(engine.free_mem(memory, memory).is_ok(), "{profile:?}");
    }
}
