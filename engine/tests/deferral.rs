//! Deferral: order, locks, waking, and what the strict profile repairs.

mod host;

use busdma_engine::{
    BusSize, CancelReport, Completion, Decision, DeferredClient, DmaMap, Engine, Errno, ExclusionWindow, HazardKind,
    KernelPanic, LoadError, LoadOutcome, LockFunction, Log, MapError, MapId, MapState, Mem, MemDesc, PageCount,
    PhysAddr, Profile, SegmentLimit, TagId, TagTemplate, WaitPolicy,
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

/// One step of a cancel case; maps are named by their place in the order they were made.
enum Step {
    Load(usize, u64),
    /// Two parts, so many pages each.
    LoadParts(usize, [u64; 2]),
    Unload(usize),
}

struct CancelCase {
    name: &'static str,
    before: &'static [Step],
    cancelled: usize,
    /// Pages given back and loads woken.
    report: (u32, u32),
    waiting: &'static [usize],
    ready: &'static [usize],
}

/// On a pool of four pages.
const CANCEL_CASES: [CancelCase; 7] = [
    CancelCase {
        name: "the only waiter",
        before: &[Step::Load(0, 4), Step::Load(1, 2)],
        cancelled: 1,
        report: (0, 0),
        waiting: &[],
        ready: &[],
    },
    CancelCase {
        name: "the head, with a page that serves the next",
        before: &[Step::Load(0, 3), Step::Load(1, 4), Step::Load(2, 1)],
        cancelled: 1,
        report: (1, 1),
        waiting: &[],
        ready: &[2],
    },
    CancelCase {
        name: "the head, with a page that is not enough for the next",
        before: &[Step::Load(0, 3), Step::Load(1, 2), Step::Load(2, 2), Step::Load(3, 1)],
        cancelled: 1,
        report: (1, 0),
        waiting: &[2, 3],
        ready: &[],
    },
    CancelCase {
        name: "in the middle, without a page",
        before: &[Step::Load(0, 4), Step::Load(1, 1), Step::Load(2, 2), Step::Load(3, 1)],
        cancelled: 2,
        report: (0, 0),
        waiting: &[1, 3],
        ready: &[],
    },
    CancelCase {
        name: "ready but not resumed",
        before: &[Step::Load(0, 4), Step::Load(1, 2), Step::Load(2, 3), Step::Unload(0)],
        cancelled: 1,
        report: (2, 1),
        waiting: &[],
        ready: &[2],
    },
    CancelCase {
        name: "ready, the second of three",
        before: &[Step::Load(0, 4), Step::Load(1, 1), Step::Load(2, 2), Step::Load(3, 1), Step::Unload(0)],
        cancelled: 2,
        report: (2, 0),
        waiting: &[],
        ready: &[1, 3],
    },
    CancelCase {
        name: "holding a page of the first part, on FreeBSD",
        before: &[Step::Load(0, 1), Step::LoadParts(1, [1, 3]), Step::Load(2, 1), Step::Load(3, 1)],
        cancelled: 1,
        report: (3, 2),
        waiting: &[],
        ready: &[2, 3],
    },
];

fn load_parts(engine: &mut Engine<Host, Log>, map: MapId, pages: [u64; 2]) {
    let list = [buffer(0, pages[0] * 4096), buffer(pages[0] * 4096, pages[1] * 4096)];
    let outcome = engine.load(map, &MemDesc::Mem(Mem::Vlist(&list)), WaitPolicy::MayDefer);
    assert!(matches!(outcome, Ok(LoadOutcome::Deferred)), "{outcome:?}");
}

/// What is seen of a map that was never loaded.
fn is_clean(map: &DmaMap) -> bool {
    let counts = [map.pages_needed(), map.pages_reserved(), map.bounce_page_count()];
    map.state() == MapState::Idle
        && counts == [PageCount::ZERO; 3]
        && map.filled_segments().is_empty()
        && map.sync_range_count() == 0
}

fn check_cancel(case: &CancelCase, profile: Profile) {
    let what = format!("{}, {}", case.name, profile.name());
    let mut engine = engine(profile, 4);
    let tag = engine.create_tag(None, &below_16m(LockFunction::Provided)).unwrap();
    let maps: Vec<MapId> = (0..4).map(|_| engine.create_map(tag).unwrap()).collect();
    for step in case.before {
        match *step {
            Step::Load(map, pages) => {
                load(&mut engine, maps[map], pages).unwrap();
            }
            Step::LoadParts(map, pages) => load_parts(&mut engine, maps[map], pages),
            Step::Unload(map) => {
                engine.unload(maps[map]).unwrap();
            }
        }
    }
    let cancelled = maps[case.cancelled];
    let (released, woken) = (PageCount::new(case.report.0), case.report.1);
    assert_eq!(engine.cancel(cancelled), Ok(CancelReport { released, woken }), "{what}");
    assert!(is_clean(engine.map(cancelled).unwrap()), "{what}: {:?}", engine.map(cancelled));
    let of = |places: &[usize]| places.iter().map(|&place| maps[place]).collect::<Vec<_>>();
    assert_eq!(engine.waiters().collect::<Vec<_>>(), of(case.waiting), "{what}");
    assert_eq!(engine.ready().collect::<Vec<_>>(), of(case.ready), "{what}");
    assert_eq!(engine.observer().decisions.last(), Some(&Decision::Cancelled { map: cancelled, released }), "{what}");
    engine.check_invariants().unwrap();
    assert_eq!(engine.cancel(cancelled), Err(MapError::NotDeferred), "{what}");
    // Whoever was woken is loaded with the pages that came back, and the map can be used again.
    assert_eq!(engine.drain_ready(&mut Events::default()), Ok(u32::try_from(case.ready.len()).unwrap()), "{what}");
    for _ in 0..2 {
        for &map in &maps {
            engine.unload(map).unwrap();
        }
        engine.drain_ready(&mut Events::default()).unwrap();
    }
    assert!(load(&mut engine, cancelled, 4).unwrap() > 0, "{what}");
    engine.check_invariants().unwrap();
}

#[test]
fn a_cancelled_load_gives_back_its_pages_and_wakes_whom_they_serve() {
    for case in &CANCEL_CASES {
        for profile in Profile::ALL {
            check_cancel(case, profile);
        }
    }
}

#[test]
fn cancelling_another_zones_head_lets_the_next_have_the_free_pages_of_its_own() {
    for profile in [Profile::Freebsd11, Profile::Freebsd12, Profile::Arm64Freebsd12] {
        let (mut engine, [isa_loaded, isa_waiting, other_loaded, other_waiting]) = head_of_line(profile);
        let pool =
            |engine: &Engine<Host, Log>, zone: usize| u64::from(engine.zones().nth(zone).unwrap().total_bpages().raw());
        let (isa_pages, other_pages) = (pool(&engine, 0), pool(&engine, 1));
        load(&mut engine, isa_loaded, isa_pages).unwrap();
        load(&mut engine, isa_waiting, 1).unwrap();
        load(&mut engine, other_loaded, other_pages).unwrap();
        load(&mut engine, other_waiting, 1).unwrap();
        assert_eq!(engine.unload(other_loaded).unwrap().woken, 0, "the head waits for another zone");
        // Nothing comes back, and nothing is left in use in the zone of who waits: no unload would ever wake it.
        let report = engine.cancel(isa_waiting).unwrap();
        assert_eq!(report, CancelReport { released: PageCount::ZERO, woken: 1 }, "{}", profile.name());
        assert_eq!(engine.ready().collect::<Vec<_>>(), [other_waiting]);
        engine.check_invariants().unwrap();
    }
}

#[test]
fn only_a_deferred_load_is_cancelled() {
    for profile in Profile::ALL {
        let mut engine = engine(profile, 4);
        let tag = engine.create_tag(None, &below_16m(LockFunction::Provided)).unwrap();
        let (idle, loaded) = (engine.create_map(tag).unwrap(), engine.create_map(tag).unwrap());
        let gone = engine.create_map(tag).unwrap();
        engine.destroy_map(gone).unwrap();
        load(&mut engine, loaded, 2).unwrap();
        assert_eq!(engine.cancel(idle), Err(MapError::NotDeferred));
        assert_eq!(engine.cancel(loaded), Err(MapError::NotDeferred));
        assert_eq!(MapError::NotDeferred.errno(), Some(Errno::Einval));
        assert_eq!(engine.cancel(gone), Err(MapError::NoSuchMap(gone)));
        assert_eq!(engine.bounce_pages(loaded).count(), 2, "{}: a refused cancel changes nothing", profile.name());
    }
}

#[test]
fn on_freebsd_pages_held_since_before_the_deferral_go_back_too() {
    let mut freebsd = engine(Profile::Freebsd11, 4);
    let tag = freebsd.create_tag(None, &below_16m(LockFunction::Provided)).unwrap();
    let (loaded, waiting) = (freebsd.create_map(tag).unwrap(), freebsd.create_map(tag).unwrap());
    load(&mut freebsd, loaded, 1).unwrap();
    load_parts(&mut freebsd, waiting, [1, 3]);
    assert_eq!(hazards(&freebsd), [HazardKind::DeferredWithPagesAlreadyAdded]);
    assert_eq!(freebsd.bounce_pages(waiting).count(), 1);
    assert_eq!(freebsd.cancel(waiting).unwrap().released, PageCount::new(3));
    let zone = freebsd.zones().next().unwrap();
    assert_eq!((zone.free_bpages().raw(), zone.reserved_bpages().raw(), zone.active_bpages().raw()), (3, 0, 1));
}

#[test]
fn memory_that_goes_while_its_load_waits_takes_no_pages_along_on_strict() {
    let mut strict = engine(Profile::Strict, 4);
    let tag = strict.create_tag(None, &below_16m(LockFunction::Provided)).unwrap();
    let maps: Vec<MapId> = (0..3).map(|_| strict.create_map(tag).unwrap()).collect();
    load(&mut strict, maps[0], 3).unwrap();
    load(&mut strict, maps[1], 4).unwrap();
    load(&mut strict, maps[2], 2).unwrap();
    strict.unload(maps[0]).unwrap();
    assert_eq!(strict.ready().collect::<Vec<_>>(), [maps[1]]);
    strict.platform_mut().pages.truncate(2);
    let mut events = Events::default();
    assert_eq!(strict.drain_ready(&mut events), Ok(2), "the failed load's pages serve the one behind it");
    assert!(events.0[1].starts_with(&format!("callback {} Err(Invalid(NotMapped", maps[1])), "{:?}", events.0);
    assert!(is_clean(strict.map(maps[1]).unwrap()), "{:?}", strict.map(maps[1]));
    assert_eq!(strict.map(maps[2]).unwrap().state(), MapState::Loaded);
    strict.check_invariants().unwrap();
}
