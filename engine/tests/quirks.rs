//! FreeBSD's quirks with the numbers they have been measured with, and the strict profile beside them.

mod host;

use busdma_engine::{
    AddressFilter, Alignment, Boundary, BusSize, ExclusionWindow, Forgetting, HazardKind, LoadError, LoadOutcome,
    MemDesc, PhysAddr, Profile, SegmentLimit, SyncOps, TagError, TagFlags, TagTemplate, Uio, UioSpace, VirtAddr,
    VirtRange, WaitPolicy,
};
use host::{HIGH, buffer, engine};

fn below_16m() -> TagTemplate {
    TagTemplate {
        window: ExclusionWindow::above(PhysAddr::new(0xff_ffff)),
        maxsize: BusSize::new(65536),
        nsegments: SegmentLimit::Max(64),
        maxsegsz: BusSize::new(65536),
        ..TagTemplate::default()
    }
}

struct Case {
    name: &'static str,
    template: TagTemplate,
    offset: u64,
    len: u64,
    /// Segments under FreeBSD 11, and the hazards it raises.
    freebsd: &'static [(u64, u64)],
    hazards: &'static [HazardKind],
    /// Segments under the strict profile.
    strict: &'static [(u64, u64)],
}

fn segments(profile: Profile, case: &Case) -> (Vec<(u64, u64)>, Vec<HazardKind>) {
    let mut engine = engine(profile, 64);
    let tag = engine.create_tag(None, &case.template).unwrap();
    let map = engine.create_map(tag).unwrap();
    let desc = MemDesc::Buffer(buffer(case.offset, case.len));
    let loaded = match engine.load(map, &desc, WaitPolicy::NoWait).unwrap() {
        LoadOutcome::Loaded(segments) => segments.iter().map(|s| (s.addr.raw(), s.len.raw())).collect(),
        other => panic!("{}: {other:?}", case.name),
    };
    engine.check_invariants().unwrap();
    (loaded, engine.observer().hazards.iter().map(busdma_engine::Hazard::kind).collect())
}

#[test]
fn segments_under_freebsd_and_strict() {
    let cases = [
        Case {
            name: "maxsegsz below a page: one page counted, later pieces go out unbounced",
            template: TagTemplate { maxsegsz: BusSize::new(2048), ..below_16m() },
            offset: 0,
            len: 4096,
            freebsd: &[(0x10_0000, 2048), (HIGH + 2048, 2048)],
            hazards: &[HazardKind::SegmentInExcludedWindow],
            strict: &[(0x10_0000, 2048), (0x10_1000, 2048)],
        },
        Case {
            name: "boundary below a page: later pieces of a page go out unbounced",
            template: TagTemplate { boundary: Boundary::new(1024), maxsegsz: BusSize::new(1024), ..below_16m() },
            offset: 512,
            len: 2048,
            freebsd: &[(0x10_0000, 1024), (HIGH + 1536, 512), (HIGH + 2048, 512)],
            hazards: &[HazardKind::SegmentInExcludedWindow, HazardKind::SegmentInExcludedWindow],
            strict: &[(0x10_0000, 1024), (0x10_1000, 1024)],
        },
        Case {
            name: "alignment of a page: one bounce page gathers the ends of two client pages",
            template: TagTemplate {
                alignment: Alignment::new(4096).unwrap(),
                window: ExclusionWindow::NOTHING,
                nsegments: SegmentLimit::Max(1),
                ..below_16m()
            },
            offset: 512,
            len: 4096,
            freebsd: &[(0x10_0000, 4096)],
            hazards: &[],
            strict: &[(0x10_0000, 4096)],
        },
        Case {
            name: "alignment above a page: a piece longer than the bounce page",
            template: TagTemplate {
                alignment: Alignment::new(8192).unwrap(),
                window: ExclusionWindow::NOTHING,
                ..below_16m()
            },
            offset: 4096,
            len: 8192,
            freebsd: &[(HIGH + 8192, 4096), (HIGH + 16384, 4096)],
            hazards: &[],
            strict: &[(HIGH + 8192, 4096), (HIGH + 16384, 4096)],
        },
    ];
    for case in &cases {
        let (freebsd, hazards) = segments(Profile::Freebsd11, case);
        assert_eq!(freebsd, case.freebsd, "{}", case.name);
        assert_eq!(hazards, case.hazards, "{}", case.name);
        let (strict, hazards) = segments(Profile::Strict, case);
        assert_eq!(strict, case.strict, "{}, strict", case.name);
        assert_eq!(hazards, [], "{}, strict", case.name);
    }
}

#[test]
fn an_efbig_poisons_the_map_on_freebsd_and_leaves_no_trace_on_strict() {
    let template = TagTemplate { nsegments: SegmentLimit::Max(2), maxsegsz: BusSize::new(4096), ..below_16m() };
    for (profile, needed_after, excluded_after) in [(Profile::Freebsd11, 1, true), (Profile::Strict, 0, false)] {
        let mut engine = engine(profile, 64);
        let tag = engine.create_tag(None, &template).unwrap();
        let map = engine.create_map(tag).unwrap();
        let four_pages = MemDesc::Buffer(buffer(0, 16384));
        let failed = engine.load(map, &four_pages, WaitPolicy::NoWait);
        assert!(matches!(failed, Err(LoadError::TooManySegments { .. })), "{failed:?}");
        engine.unload(map).unwrap();
        assert_eq!(engine.map(map).unwrap().pages_needed().raw(), needed_after, "{}", profile.name());
        // 512 bytes over two pages, both excluded: the stale count lasts for the first only.
        let two_pages = MemDesc::Buffer(buffer(4096 - 256, 512));
        let LoadOutcome::Loaded(segments) = engine.load(map, &two_pages, WaitPolicy::NoWait).unwrap() else {
            panic!("two segments fit");
        };
        let excluded = segments.iter().any(|segment| segment.addr.raw() > 0xff_ffff);
        assert_eq!(excluded, excluded_after, "{}: {segments:?}", profile.name());
        engine.check_invariants().unwrap();
    }
}

#[test]
fn prewrite_and_postread_in_one_call() {
    for (profile, counted, pages) in [(Profile::Freebsd11, 2, 2), (Profile::Strict, 4, 4)] {
        let mut engine = engine(profile, 64);
        let tag = engine.create_tag(None, &below_16m()).unwrap();
        let map = engine.create_map(tag).unwrap();
        engine.load(map, &MemDesc::Buffer(buffer(0, 8192)), WaitPolicy::NoWait).unwrap();
        let report = engine.sync(map, SyncOps::PRE_WRITE | SyncOps::POST_READ).unwrap();
        assert_eq!(report.pages.raw(), pages, "{}: pages copied", profile.name());
        assert_eq!(engine.zones().next().unwrap().total_bounced, counted, "{}", profile.name());
    }
}

#[test]
fn a_filterless_child_loses_its_parents_alignment_except_on_strict() {
    for (profile, alignment) in [(Profile::Freebsd11, 1), (Profile::Strict, 64)] {
        let mut engine = engine(profile, 64);
        let parent = TagTemplate { alignment: Alignment::new(64).unwrap(), ..TagTemplate::default() };
        let parent = engine.create_tag(None, &parent).unwrap();
        let child = engine.create_tag(Some(parent), &TagTemplate::default()).unwrap();
        let tag = engine.tag(child).unwrap();
        assert_eq!(tag.constraints().alignment().bytes(), alignment, "{}", profile.name());
        assert!(tag.could_bounce(), "the parent could");
    }
}

#[test]
fn destroying_grandchildren_frees_a_tag_that_its_child_still_consults() {
    let filter = || Some(AddressFilter::deny([]));
    let mut engine = engine(Profile::Freebsd11, 64);
    let root = engine.create_tag(None, &TagTemplate { filter: filter(), ..below_16m() }).unwrap();
    let parent = engine.create_tag(Some(root), &TagTemplate { filter: filter(), ..below_16m() }).unwrap();
    let children: Vec<_> = (0..2).map(|_| engine.create_tag(Some(parent), &below_16m()).unwrap()).collect();
    assert_eq!(engine.destroy_tag(children[0]).unwrap().tags, [children[0]]);
    assert_eq!(
        engine.destroy_tag(children[1]).unwrap().tags,
        [children[1], root],
        "the skipped parent kept its references"
    );
    let kinds: Vec<HazardKind> = engine.observer().hazards.iter().map(busdma_engine::Hazard::kind).collect();
    assert_eq!(kinds, [HazardKind::TagFreedWhileReferenced]);
    assert_eq!(engine.destroy_tag(root), Err(TagError::NoSuchTag(root)));
    assert!(engine.tag(parent).is_some());
}

#[test]
fn strict_refuses_what_bouncing_cannot_cure() {
    let mut engine = engine(Profile::Strict, 64);
    let template =
        TagTemplate { alignment: Alignment::new(64).unwrap(), flags: TagFlags::KEEP_PAGE_OFFSET, ..below_16m() };
    let tag = engine.create_tag(None, &template).unwrap();
    let map = engine.create_map(tag).unwrap();
    let refused = engine.load(map, &MemDesc::Buffer(buffer(4, 64)), WaitPolicy::MayDefer);
    let Err(LoadError::Unreachable { addr, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(addr, PhysAddr::new(HIGH + 4));
    assert!(engine.load(map, &MemDesc::Buffer(buffer(64, 64)), WaitPolicy::MayDefer).is_ok());
    let again = engine.load(map, &MemDesc::Buffer(buffer(64, 64)), WaitPolicy::MayDefer);
    assert_eq!(again, Err(LoadError::AlreadyLoaded));
    engine.check_invariants().unwrap();
}

#[test]
fn a_user_piece_that_gathers_two_pages_is_copied_wrong_except_on_strict() {
    let template = TagTemplate { alignment: Alignment::new(64).unwrap(), ..below_16m() };
    let iov = [VirtRange { start: VirtAddr::new(4096 - 100), len: BusSize::new(4096) }];
    let uio = Uio { resid: BusSize::new(4096), space: UioSpace::User, iov: &iov };
    for (profile, hazards) in
        [(Profile::Arm64Freebsd12, &[HazardKind::CopyMissesSecondPage][..]), (Profile::Strict, &[])]
    {
        let mut engine = engine(profile, 64);
        let tag = engine.create_tag(None, &template).unwrap();
        let map = engine.create_map(tag).unwrap();
        engine.load(map, &MemDesc::Uio(uio), WaitPolicy::NoWait).unwrap();
        engine.sync(map, SyncOps::PRE_WRITE).unwrap();
        let raised: Vec<HazardKind> = engine.observer().hazards.iter().map(busdma_engine::Hazard::kind).collect();
        assert_eq!(raised, hazards, "{}", profile.name());
    }
}

/// FreeBSD 11 counts a child without filter at its parent, and takes that count back from the grandparent.
#[test]
fn a_parent_that_stays_for_ever_can_be_forgotten() {
    for (profile, kept) in [(Profile::Freebsd11, 1), (Profile::Freebsd12, 1), (Profile::Strict, 0)] {
        let mut engine = engine(profile, 64);
        let parent = engine.create_tag(None, &below_16m()).unwrap();
        let child = engine.create_tag(Some(parent), &below_16m()).unwrap();
        engine.destroy_tag(parent).unwrap();
        assert_eq!(engine.forget_tag(parent), Forgetting::StillNamed { tags: 1 }, "{profile:?}");
        engine.destroy_tag(child).unwrap();
        assert_eq!(engine.tags().count(), kept, "{profile:?}");
        let forgetting = if kept == 1 { Forgetting::Forgotten } else { Forgetting::NoSuchTag };
        assert_eq!(engine.forget_tag(parent), forgetting, "{profile:?}");
        assert_eq!(engine.tags().count(), 0, "{profile:?}");
        engine.check_invariants().unwrap();
    }
}
