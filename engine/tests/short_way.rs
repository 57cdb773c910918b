//! Nobody listening changes nothing: unobserved loads, which have a short way of their own, answer as observed ones do.

mod host;

use busdma_engine::{
    Alignment, Boundary, BusSize, Engine, ExclusionWindow, LoadError, LoadOutcome, MapId, MapState, MemDesc,
    NoObserver, Observer, PhysAddr, Profile, Segment, SegmentLimit, TagTemplate, WaitPolicy,
};
use host::{HIGH, Host, buffer, engine, observed_by};

/// splitmix64, so that a failure repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % limit
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

fn template(random: &mut Random) -> TagTemplate {
    let lowaddr = random.one_of(&[u64::MAX, u64::MAX, HIGH + 0x1_ffff, 0xffff_ffff, 0x2_0000_0000]);
    TagTemplate {
        alignment: Alignment::new(random.one_of(&[1, 1, 1, 4, 512])).unwrap(),
        boundary: random.one_of(&[None, None, Boundary::new(512), Boundary::new(4096), Boundary::new(65536)]),
        window: ExclusionWindow::above(PhysAddr::new(lowaddr)),
        maxsize: BusSize::new(65536),
        nsegments: random.one_of(&[
            SegmentLimit::Max(0),
            SegmentLimit::Max(1),
            SegmentLimit::Max(3),
            SegmentLimit::Max(64),
        ]),
        maxsegsz: BusSize::new(random.one_of(&[u64::from(u32::MAX), 65536, 4096, 6000, 1000])),
        ..TagTemplate::default()
    }
}

type Answer = (Result<Vec<Segment>, LoadError>, MapState, u32, usize);

fn load<O: Observer>(engine: &mut Engine<Host, O>, map: MapId, desc: &MemDesc<'_>) -> Answer {
    let result = engine.load(map, desc, WaitPolicy::NoWait).map(|outcome| match outcome {
        LoadOutcome::Loaded(segments) => segments.to_vec(),
        LoadOutcome::Deferred | LoadOutcome::NoData => Vec::new(),
    });
    engine.check_invariants().unwrap();
    let map = engine.map(map).unwrap();
    (result, map.state(), map.pages_needed().raw(), map.segments().len())
}

#[test]
fn observed_and_unobserved_loads_agree() {
    let mut random = Random(7);
    for case in 0..2000 {
        let profile = random.one_of(&Profile::ALL);
        let template = template(&mut random);
        let (mut observed, mut alone) = (engine(profile, 64), observed_by(NoObserver, profile, 64));
        // Some pages lie next to each other.
        let pages: Vec<u64> = (0..64).map(|page| HIGH + (page + page / (1 + case % 5)) * 4096).collect();
        observed.platform_mut().pages.clone_from(&pages);
        alone.platform_mut().pages = pages;
        let (tag, same_tag) = (observed.create_tag(None, &template), alone.create_tag(None, &template));
        let (Ok(tag), Ok(same_tag)) = (tag, same_tag) else { continue };
        let (Ok(map), Ok(same_map)) = (observed.create_map(tag), alone.create_map(same_tag)) else { continue };
        for _ in 0..8 {
            let len = random.one_of(&[0, 1, 100, 512, 4095, 4096, 4097, 9000, 40000]);
            let offset = random.below(64 * 4096 - len + 2);
            let desc = MemDesc::Buffer(buffer(offset, len));
            let answers = (load(&mut observed, map, &desc), load(&mut alone, same_map, &desc));
            assert_eq!(answers.0, answers.1, "case {case} under {}: {desc:?} with {template:?}", profile.name());
            if random.below(4) > 0 {
                observed.unload(map).unwrap();
                alone.unload(same_map).unwrap();
            }
        }
    }
}
