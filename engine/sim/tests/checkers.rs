//! The checkers notice what they are there for.

use busdma_engine::addr::{BusSize, PhysAddr};
use busdma_engine::constraints::{AddressFilter, Alignment, Boundary, ExclusionWindow, SegmentLimit, TagTemplate};
use busdma_engine::memdesc::PhysRange;
use busdma_sim::answer::{MapNo, MapView, PieceView, Snapshot, ZoneView};
use busdma_sim::checkers::{
    Broken, Contract, check_cancelled, check_cover, check_no_trace, check_pieces, check_waiters, check_zones,
};

const CLIENT: u64 = 0x800_0000;

fn client(ranges: &[(u64, u64)]) -> Vec<PhysRange> {
    ranges.iter().map(|&(start, len)| PhysRange { start: PhysAddr::new(start), len: BusSize::new(len) }).collect()
}

fn piece(bus: u64, client: u64, len: u64) -> PieceView {
    PieceView { bus, len, client }
}

#[test]
fn cover() {
    let request = client(&[(CLIENT, 100), (CLIENT + 0x5000, 50)]);
    let bounced = [piece(0x10_0000, CLIENT, 100)];
    let straddling = [piece(0x10_0000, CLIENT, 150)];
    let cases: [(&[_], &[_], _); 9] = [
        (&[(CLIENT, 100), (CLIENT + 0x5000, 50)], &[], Ok(())),
        (&[(CLIENT, 40), (CLIENT + 40, 60), (CLIENT + 0x5000, 50)], &[], Ok(())),
        (&[(0x10_0000, 100), (CLIENT + 0x5000, 50)], &bounced, Ok(())),
        (&[(0x10_0000, 150)], &straddling, Ok(())),
        (&[(CLIENT, 100)], &[], Err(Broken::Length { wanted: 150, mapped: 100 })),
        (&[(CLIENT, 150)], &[], Err(wrong(100, CLIENT + 0x5000, CLIENT + 100))),
        (&[(CLIENT + 0x5000, 50), (CLIENT, 100)], &[], Err(wrong(0, CLIENT, CLIENT + 0x5000))),
        (&[(0x10_0001, 100), (CLIENT + 0x5000, 50)], &bounced, Err(wrong(0, CLIENT, 0x10_0001))),
        (&[(0x10_0000, 150)], &bounced, Err(wrong(100, CLIENT + 0x5000, 0x10_0064))),
    ];
    for (segments, pieces, expected) in cases {
        assert_eq!(check_cover(&request, segments, pieces), expected, "{segments:?} {pieces:?}");
    }
}

fn wrong(position: u64, client: u64, bus: u64) -> Broken {
    Broken::WrongByte { position, client, bus }
}

#[test]
fn segments() {
    let parent = TagTemplate {
        alignment: Alignment::new(8).unwrap(),
        window: ExclusionWindow { lowaddr: PhysAddr::new(0xffff_ffff), highaddr: PhysAddr::new(0x1_ffff_ffff) },
        filter: Some(AddressFilter::deny([(PhysAddr::new(0x1_2000_1000), PhysAddr::new(0x1_2000_1fff))])),
        ..TagTemplate::default()
    };
    let own = TagTemplate {
        boundary: Boundary::new(0x1_0000),
        window: ExclusionWindow::above(PhysAddr::new(0x2_3fff_ffff)),
        maxsize: BusSize::new(0x6000),
        nsegments: SegmentLimit::Max(2),
        maxsegsz: BusSize::new(0x4000),
        ..TagTemplate::default()
    };
    let contract = Contract::of([&own, &parent]);
    let cases: [(&[(u64, u64)], _); 10] = [
        (&[(0x1000, 0x4000), (0x8008, 0x2000)], Ok(())),
        (&[(0x1_2000_2000, 0x1000)], Ok(())),
        (&[(0, 8), (8, 8), (16, 8)], Err(Broken::TooManySegments { segments: 3, limit: SegmentLimit::Max(2) })),
        (&[(0, 0x4000), (0x8000, 0x4000)], Err(Broken::ExceedsMaxSize { bytes: 0x8000, maxsize: 0x6000 })),
        (&[(0, 0)], Err(Broken::EmptySegment { addr: 0 })),
        (&[(0, 0x4001)], Err(Broken::LongSegment { addr: 0, len: 0x4001, maxsegsz: 0x4000 })),
        (&[(0xf000, 0x2000)], Err(Broken::CrossesBoundary { addr: 0xf000, len: 0x2000, boundary: 0x1_0000 })),
        (&[(0x1004, 8)], Err(Broken::Misaligned { addr: 0x1004, alignment: 8 })),
        (&[(0x1_2000_0000, 0x2000)], Err(Broken::Excluded { addr: 0x1_2000_0000, touched: 0x1_2000_1000 })),
        (&[(0x2_4000_0000, 8)], Err(Broken::Excluded { addr: 0x2_4000_0000, touched: 0x2_4000_0000 })),
    ];
    for (segments, expected) in cases {
        assert_eq!(contract.check_segments(segments), expected, "{segments:x?}");
    }
}

fn zone(total: i64, free: i64, reserved: i64, active: i64) -> ZoneView {
    ZoneView {
        total,
        free,
        reserved,
        active,
        bounced: 0,
        deferred: 0,
        map_count: 0,
        lowaddr: 0xff_ffff,
        alignment: 4096,
    }
}

#[test]
fn zones() {
    assert_eq!(check_zones(&[zone(6, 1, 2, 3), zone(0, 0, 0, 0)]), Ok(()));
    let broken = Broken::ZoneSum { zone: 1, free: 1, reserved: 2, active: 3, total: 7 };
    assert_eq!(check_zones(&[zone(6, 1, 2, 3), zone(7, 1, 2, 3)]), Err(broken));
    let negative = Broken::ZoneSum { zone: 0, free: -1, reserved: 2, active: 3, total: 4 };
    assert_eq!(check_zones(&[zone(4, -1, 2, 3)]), Err(negative));
}

#[test]
fn pieces() {
    assert_eq!(check_pieces(&[piece(0x10_0000, CLIENT, 4096), piece(0x10_1800, CLIENT, 2048)]), Ok(()));
    let broken = Broken::PieceOverrunsPage { bus: 0x10_1801, len: 2048 };
    assert_eq!(check_pieces(&[piece(0x10_1801, CLIENT, 2048)]), Err(broken));
}

fn waiting(zones: Vec<ZoneView>, waiters: &[(u32, i64, i64)]) -> Snapshot {
    let view = |needed, reserved| MapView { needed, reserved, ..MapView::default() };
    Snapshot {
        zones,
        waiting: waiters.iter().map(|&(map, ..)| MapNo(map)).collect(),
        maps: waiters.iter().map(|&(map, needed, reserved)| (MapNo(map), view(needed, reserved))).collect(),
        ..Snapshot::default()
    }
}

#[test]
fn waiters() {
    // Even maps wait for zone 0, odd ones for zone 1.
    let zone_of = |map: MapNo| Some(usize::from(map.0 % 2 == 1));
    let full = || vec![zone(4, 0, 1, 3), zone(4, 0, 1, 3)];
    let cases = [
        (waiting(full(), &[(0, 2, 1), (1, 2, 1), (2, 2, 0)]), Ok(())),
        (
            waiting(vec![zone(4, 0, 1, 3), zone(4, 2, 0, 2)], &[(0, 2, 1), (1, 3, 0)]),
            Err(Broken::NeedlessWait { map: MapNo(1), zone: 1, free: 2 }),
        ),
        (
            waiting(full(), &[(0, 2, 1), (2, 2, 1)]),
            Err(Broken::HoldsWhileWaiting { map: MapNo(2), reserved: 1, head: MapNo(0), zone: 0 }),
        ),
        (waiting(full(), &[(1, 5, 1)]), Err(Broken::HopelessWait { map: MapNo(1), needed: 5, zone: 1, total: 4 })),
    ];
    for (snapshot, expected) in cases {
        assert_eq!(check_waiters(&snapshot, zone_of), expected);
    }
}

#[test]
fn traces() {
    let before = waiting(vec![zone(4, 1, 0, 3)], &[(0, 0, 0)]);
    assert_eq!(check_no_trace(&before, &before, MapNo(0)), Ok(()));
    let reserved = waiting(vec![zone(4, 0, 1, 3)], &[(0, 0, 0)]);
    let counted = waiting(vec![zone(4, 1, 0, 3)], &[(0, 2, 0)]);
    for after in [reserved, counted] {
        let outcome = check_no_trace(&before, &after, MapNo(0));
        assert!(matches!(outcome, Err(Broken::TraceOfFailedLoad { .. })), "{after:?}");
    }
}

#[test]
fn cancelled_loads() {
    let had = MapView { needed: 3, reserved: 2, pieces: vec![piece(0x10_0000, CLIENT, 100)], segments: vec![] };
    let seen = |view: &MapView, waiting: &[MapNo]| Snapshot {
        maps: [(MapNo(0), view.clone())].into_iter().collect(),
        waiting: waiting.to_vec(),
        ..Snapshot::default()
    };
    let clean = MapView::default();
    let reserved = MapView { reserved: 1, ..MapView::default() };
    let cases =
        [(&clean, 3, false, true), (&clean, 2, false, false), (&reserved, 3, false, false), (&clean, 3, true, false)];
    for (left, released, still_waits, holds) in cases {
        let waiting: &[MapNo] = if still_waits { &[MapNo(0)] } else { &[] };
        let outcome = check_cancelled(&seen(&had, &[MapNo(0)]), &seen(left, waiting), MapNo(0), released);
        assert_eq!(outcome.is_ok(), holds, "{left:?}, {released} released");
    }
}
