//! Deferral: order, locks, waking, and what the strict profile repairs.

mod host;

use busdma_engine::{
    BusSize, Completion, DeferredClient, Engine, ExclusionWindow, HazardKind, KernelPanic, LoadError, LoadOutcome,
    LockFunction, Log, MapId, MapState, MemDesc, PhysAddr, Profile, SegmentLimit, TagId, TagTemplate, WaitPolicy,
};
use host::{Host, buffer, engine};

/// Writes down what happens in the order it does.
#[derive(Default)]
struct Events(Vec<String>);

impl DeferredClient for Events {
    fn lock(&mut self, tag: TagId) {
        self.0.push(format!("lock {tag}"));
    }

    fn callback(&mut self, completion: &Completion<'_>) {
        let outcome = completion.result.map(<[_]>::len);
        self.0.push(format!("callback {} {outcome:?}", completion.map));
    }

    fn unlock(&mut self, tag: TagId) {
        self.0.push(format!("unlock {tag}"));
    }
}

fn below_16m(lock: LockFunction) -> TagTemplate {
    TagTemplate {
        window: ExclusionWindow::above(PhysAddr::new(0xff_ffff)),
        maxsize: BusSize::new(16384),
        nsegments: SegmentLimit::Max(16),
        lock,
        ..TagTemplate::default()
    }
}

fn load(engine: &mut Engine<Host, Log>, map: MapId, pages: u64) -> Result<usize, LoadError> {
    let desc = MemDesc::Buffer(buffer(0, pages * 4096));
    engine.load(map, &desc, WaitPolicy::MayDefer).map(|outcome| match outcome {
        LoadOutcome::Loaded(segments) => segments.len(),
        LoadOutcome::Deferred | LoadOutcome::NoData => 0,
    })
}

fn hazards(engine: &Engine<Host, Log>) -> Vec<HazardKind> {
    engine.observer().hazards.iter().map(busdma_engine::Hazard::kind).collect()
}

#[test]
fn waiters_are_served_in_order_between_lock_and_unlock() {
    for profile in Profile::ALL {
        let mut engine = engine(profile, 4);
        let tag = engine.create_tag(None, &below_16m(LockFunction::Provided)).unwrap();
        let maps: Vec<MapId> = (0..3).filter_map(|_| engine.create_map(tag).ok()).collect();
        let maps = if maps.len() == 3 { maps } else { continue };
        assert_eq!(load(&mut engine, maps[0], 4), Ok(1), "{}: all four pages, adjacent", profile.name());
        assert_eq!(load(&mut engine, maps[1], 2), Ok(0));
        assert_eq!(load(&mut engine, maps[2], 1), Ok(0));
        assert_eq!(engine.waiters().collect::<Vec<_>>(), maps[1..]);
        let unloaded = engine.unload(maps[0]).unwrap();
        assert_eq!((unloaded.released.raw(), unloaded.woken), (4, 2));
        engine.check_invariants().unwrap();
        let mut events = Events::default();
        assert_eq!(engine.drain_ready(&mut events), Ok(2));
        let expected: Vec<String> = maps[1..]
            .iter()
            .flat_map(|map| {
                let segments = engine.map(*map).unwrap().segments().len();
                [format!("lock {tag}"), format!("callback {map} Ok({segments})"), format!("unlock {tag}")]
            })
            .collect();
        assert_eq!(events.0, expected, "{}", profile.name());
        engine.check_invariants().unwrap();
    }
}

#[test]
fn a_load_the_pool_can_never_satisfy_waits_on_freebsd_and_is_refused_by_strict() {
    let template = TagTemplate { maxsize: BusSize::new(4096), ..below_16m(LockFunction::Provided) };
    let mut freebsd = engine(Profile::Freebsd11, 1);
    let tag = freebsd.create_tag(None, &template).unwrap();
    let map = freebsd.create_map(tag).unwrap();
    assert_eq!(load(&mut freebsd, map, 2), Ok(0));
    assert_eq!(hazards(&freebsd), [HazardKind::NeverSatisfiable]);
    assert_eq!(freebsd.map(map).unwrap().state(), MapState::Deferred);

    let template = TagTemplate { maxsize: BusSize::new(65536), ..template };
    let mut strict = engine(Profile::Strict, 17);
    let tag = strict.create_tag(None, &template).unwrap();
    let map = strict.create_map(tag).unwrap();
    let larger = MemDesc::Buffer(buffer(0, 65537));
    assert!(matches!(strict.load(map, &larger, WaitPolicy::MayDefer), Err(LoadError::ExceedsMaxSize { .. })));
    let unaligned = strict.load(map, &MemDesc::Buffer(buffer(512, 65536)), WaitPolicy::MayDefer);
    let Err(LoadError::NeverSatisfiable { needed, total }) = unaligned else { panic!("{unaligned:?}") };
    assert_eq!((needed.raw(), total.raw()), (17, 16));
    assert!(strict.load(map, &MemDesc::Buffer(buffer(0, 65536)), WaitPolicy::MayDefer).is_ok());
    strict.check_invariants().unwrap();
}

#[test]
fn without_a_lock_function_the_callback_panics() {
    let mut engine = engine(Profile::Freebsd11, 4);
    let tag = engine.create_tag(None, &below_16m(LockFunction::PanicsWhenCalled)).unwrap();
    let (first, second) = (engine.create_map(tag).unwrap(), engine.create_map(tag).unwrap());
    load(&mut engine, first, 4).unwrap();
    load(&mut engine, second, 1).unwrap();
    assert_eq!(hazards(&engine), [HazardKind::DeferredWithoutLockFunction]);
    engine.unload(first).unwrap();
    let mut events = Events::default();
    assert_eq!(engine.drain_ready(&mut events), Err(KernelPanic::DefaultLockCalled));
    assert!(events.0.is_empty(), "the panic comes before the callback");
}

/// Two zones: one pool is drained, and a load of the other zone queues behind its waiter.
fn head_of_line(profile: Profile) -> (Engine<Host, Log>, [MapId; 4]) {
    let mut engine = engine(profile, 32);
    let isa = engine.create_tag(None, &below_16m(LockFunction::Provided)).unwrap();
    let isa_maps = [engine.create_map(isa).unwrap(), engine.create_map(isa).unwrap()];
    // Pages below 16 MiB may lie too high for a tag that reaches only 8 MiB: it gets a zone of its own.
    let window = ExclusionWindow::above(PhysAddr::new(0x7f_ffff));
    let other = engine.create_tag(None, &TagTemplate { window, ..below_16m(LockFunction::Provided) }).unwrap();
    let other_maps = [engine.create_map(other).unwrap(), engine.create_map(other).unwrap()];
    (engine, [isa_maps[0], isa_maps[1], other_maps[0], other_maps[1]])
}

#[test]
fn pages_of_one_zone_do_not_help_a_waiter_behind_another_zones_head() {
    let (mut freebsd, [isa_loaded, isa_waiting, other_loaded, other_waiting]) = head_of_line(Profile::Freebsd11);
    let pool =
        |engine: &Engine<Host, Log>, zone: usize| u64::from(engine.zones().nth(zone).unwrap().total_bpages().raw());
    let (isa_pages, other_pages) = (pool(&freebsd, 0), pool(&freebsd, 1));
    load(&mut freebsd, isa_loaded, isa_pages).unwrap();
    load(&mut freebsd, isa_waiting, 1).unwrap();
    load(&mut freebsd, other_loaded, other_pages).unwrap();
    load(&mut freebsd, other_waiting, 1).unwrap();
    assert!(hazards(&freebsd).contains(&HazardKind::WaitsBehindOtherZone));
    assert_eq!(freebsd.unload(other_loaded).unwrap().woken, 0, "the head waits for another zone");
    assert_eq!(freebsd.waiters().collect::<Vec<_>>(), [isa_waiting, other_waiting]);
    freebsd.check_invariants().unwrap();
}

#[test]
fn strict_waiters_of_one_zone_do_not_wait_for_another() {
    let (mut strict, [isa_loaded, isa_waiting, other_loaded, other_waiting]) = head_of_line(Profile::Strict);
    for map in [isa_loaded, other_loaded] {
        assert!(load(&mut strict, map, 4).unwrap() > 0);
    }
    let spare: Vec<MapId> = [isa_loaded, other_loaded]
        .into_iter()
        .flat_map(|map| {
            let tag = strict.map(map).unwrap().tag();
            let mut maps = Vec::new();
            while strict.zone(strict.tag(tag).unwrap().zone().unwrap()).unwrap().free_bpages().raw() > 0 {
                let map = strict.create_map(tag).unwrap();
                let free = strict.zone(strict.tag(tag).unwrap().zone().unwrap()).unwrap().free_bpages().raw();
                load(&mut strict, map, u64::from(free.min(4))).unwrap();
                maps.push(map);
                if maps.len() > 64 {
                    break;
                }
            }
            maps
        })
        .collect();
    assert!(!spare.is_empty());
    assert_eq!(load(&mut strict, isa_waiting, 1), Ok(0));
    assert_eq!(load(&mut strict, other_waiting, 1), Ok(0));
    assert_eq!(strict.unload(other_loaded).unwrap().woken, 1);
    assert_eq!(strict.waiters().collect::<Vec<_>>(), [isa_waiting]);
    assert_eq!(strict.ready().collect::<Vec<_>>(), [other_waiting]);
    strict.check_invariants().unwrap();
}

#[test]
fn a_deferred_map_takes_no_second_load_and_is_not_destroyed() {
    for profile in [Profile::Freebsd11, Profile::Strict] {
        let mut engine = engine(profile, 64);
        let tag = engine.create_tag(None, &below_16m(LockFunction::Provided)).unwrap();
        let mut maps = vec![engine.create_map(tag).unwrap()];
        while load(&mut engine, *maps.last().unwrap(), 4).unwrap() > 0 {
            maps.push(engine.create_map(tag).unwrap());
            assert!(maps.len() < 100, "64 frames do not last that long");
            if engine.platform().frames_left == 0 && engine.zones().all(|zone| zone.free_bpages().raw() == 0) {
                load(&mut engine, *maps.last().unwrap(), 1).unwrap();
                break;
            }
        }
        let waiting = *maps.last().unwrap();
        assert_eq!(engine.map(waiting).unwrap().state(), MapState::Deferred);
        assert_eq!(load(&mut engine, waiting, 1), Err(LoadError::StillDeferred));
        assert_eq!(engine.destroy_map(waiting), Err(busdma_engine::MapError::StillDeferred));
        engine.check_invariants().unwrap();
    }
}
