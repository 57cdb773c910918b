//! Every capture of the lab: each mapping is accounted for, and the pool is what debugfs said.

mod tracker_parts;

use busdma_host::event::EventKind;
use busdma_host::mapping::{Failure, Mapping, Origin, State, Translation};
use busdma_host::pool::{PoolEstimate, PoolSize};
use busdma_host::tracker::{Change, Lives, Tracker, TrackerLimits, Unknown};
use tracker_parts::{Lab, capture};

/// What becomes of the mappings of a capture. The numbers are those of the lab's COUNTS.txt; live mappings are
/// allocations, but for one scatter list whose unmap was too long for ftrace's buffer.
struct Expected {
    capture: &'static str,
    made: u64,
    unmapped: u64,
    full: u64,
    live_maps: u64,
    bounces: u64,
    told: u64,
    reissued: u64,
}

const EXPECTED: &[Expected] = &[
    expect("nvme-force", 10 + 68 + 184, 68 + 184, 0, 0, 3662, 0, 0),
    expect("nvme-direct", 11 + 80 + 140, 80 + 140, 0, 0, 0, 0, 0),
    expect("nvme-pool1M", 9 + 50 + 54, 50 + 54, POOL1M_PAGES + POOL1M_LISTS, 0, 1456, 0, 0),
    expect("nvme-iommu", 8 + 80 + 196, 80 + 196, 0, 0, 0, 8 + 80 + 196, 0),
    expect("nvme-vblk-iommu-pt", 11 + 75 + 1, 75 + 1, 0, 0, 0, 0, 0),
    expect("nvme-iommu-swforce", 8 + 16 + 2, 16 + 2, 0, 0, 0, 8 + 16 + 2, 0),
    expect("vblk-force", 2 + 3723, 3723, 0, 0, 3723, 0, 0),
    expect("e1000-6G-natural", 2 + 1324, 2 + 1324, 0, 0, 1324, 0, 0),
    expect("ide32-6G-noforce", 2, 0, 0, 0, 0, 0, 80),
    expect("udma-force", 5, 4, 0, 1, 1300, 0, 0),
    expect("udma-direct", 5, 4, 0, 1, 0, 0, 0),
    expect("udma-pool1M", 4, 4, 1, 0, 533, 0, 0),
];

const POOL1M_PAGES: u64 = 157;
const POOL1M_LISTS: u64 = 327;

#[expect(clippy::too_many_arguments, reason = "a row of a table")]
const fn expect(
    capture: &'static str,
    made: u64,
    unmapped: u64,
    full: u64,
    live_maps: u64,
    bounces: u64,
    told: u64,
    reissued: u64,
) -> Expected {
    Expected { capture, made, unmapped, full, live_maps, bounces, told, reissued }
}

#[test]
fn every_mapping_is_accounted_for() {
    for expected in EXPECTED {
        check(expected);
    }
}

fn check(expected: &Expected) {
    let name = expected.capture;
    let mut lab = Lab::new(TrackerLimits::default());
    for event in &capture(name) {
        lab.event(event);
        lab.check();
    }
    lab.finish();
    lab.check();
    let stats = lab.tracker.stats();
    let lives = Lives {
        begun: expected.made + expected.full,
        unmapped: expected.unmapped,
        failed: expected.full,
        live: expected.made - expected.unmapped,
        superseded: 0,
        given_up: 0,
    };
    assert_eq!(stats.lives, lives, "{name}");
    assert_eq!(stats.failures.pool_full, expected.full, "{name}");
    assert_eq!(stats.unknown, Unknown::default(), "{name}");
    assert_eq!(stats.odd_unmaps, 0, "{name}");
    assert_eq!((stats.bounces.events, stats.bounces.given_up), (expected.bounces, 0), "{name}");
    let maps = lab.tracker.live().filter(|mapping| mapping.origin != Origin::Alloc).count() as u64;
    assert_eq!(maps, expected.live_maps, "{name}");
    let translated: u64 = lab.tracker.devices().map(|device| device.translated).sum();
    assert_eq!(translated, expected.told, "{name}");
    assert_eq!(stats.translations.unattached, 0, "{name}");
    let requests = lab.tracker.requests().counts();
    assert_eq!((requests.reissued, requests.in_flight, requests.unknown), (expected.reissued, 0, 0), "{name}");
}

/// Mappings that bounce all bounce in these captures; translation is told, never inferred.
#[test]
fn causes_are_told_apart() {
    for expected in EXPECTED {
        let mut tracker = Tracker::default();
        for event in &capture(expected.capture) {
            tracker.event(event, &mut |change| {
                if let Change::Began { mapping, .. } = change {
                    check_cause(expected, mapping);
                }
            });
        }
    }
}

fn check_cause(expected: &Expected, mapping: &Mapping) {
    let told = matches!(mapping.translation, Translation::Told { .. });
    assert_eq!(told, expected.told > 0, "{}: {mapping:?}", expected.capture);
    let bounces = expected.bounces > 0 && mapping.origin != Origin::Alloc;
    let pieces = if bounces { mapping.entries } else { 0 };
    assert_eq!(mapping.bounces.events, pieces, "{}: {mapping:?}", expected.capture);
}

/// `io_tlb_used_hiwater` and `io_tlb_used` when the mark was written, or at the end; from each capture's swiotlb.txt.
const DEBUGFS: &[(&str, &str, u64, u64)] = &[
    ("nvme-force", "workload-start", 2, 0),
    ("nvme-force", "workload-end", 256, 0),
    ("vblk-force", "workload-start", 5, 0),
    ("vblk-force", "workload-end", 516, 0),
    ("e1000-6G-natural", "workload-end", 261, 0),
    ("nvme-pool1M", "workload-start", 2, 0),
    ("nvme-pool1M", "/dev/nvme0n1 32 threads", 384, 0),
    ("nvme-pool1M", "/dev/nvme0n1 24 threads", 512, 0),
    ("nvme-pool1M", "workload-end", 512, 0),
    ("udma-force", "udmabuf 64 pages", 8, 0),
    // The unmap of the largest buffer was lost.
    ("udma-force", "workload-end", 2048, 2048),
    ("udma-pool1M", "udmabuf 64 pages", 8, 0),
    ("udma-pool1M", "", 512, 0),
    ("nvme-direct", "", 0, 0),
    ("nvme-iommu-swforce", "", 0, 0),
];

#[test]
fn the_pool_is_what_debugfs_says() {
    for &(name, mark, high_water, used) in DEBUGFS {
        let pool = pool_at(name, mark, None);
        assert_eq!((pool.high_water(), pool.used()), (high_water, used), "{name} at {mark:?}");
        let highest = pool.history().buckets().iter().map(|bucket| bucket.max).max().unwrap_or(0);
        assert_eq!(highest, high_water, "{name} at {mark:?}: history");
        assert!(pool.history().buckets().len() <= 64);
    }
}

#[test]
fn full_moments_are_found() {
    let pool = pool_at("nvme-pool1M", "", Some(PoolSize { slots: 512 }));
    assert_eq!(pool.full().count, POOL1M_PAGES + POOL1M_LISTS);
    for full in &pool.full().latest {
        let seen = full.used;
        assert!(seen <= 512 && seen + full.wanted_slots > 512 || full.fragmented() == Some(true), "{full:?}");
    }
    let pool = pool_at("udma-pool1M", "", Some(PoolSize { slots: 512 }));
    let full = pool.full().latest.back().unwrap();
    assert_eq!((pool.full().count, pool.full().fragmented), (1, 0));
    assert_eq!((full.used, full.wanted.raw(), full.wanted_slots), (512, 4096, 2));
    let extent = pool.extent().unwrap();
    assert!(extent.last.raw() - extent.start.raw() < 512 * 2048);
}

#[test]
fn a_failed_list_tells_what_was_tried() {
    let mut failed = Vec::new();
    let mut tracker = Tracker::default();
    let mut sink = |change: Change<'_>| {
        if let Change::Failed { mapping, .. } = change {
            failed.push(mapping.clone());
        }
    };
    for event in &capture("udma-pool1M") {
        tracker.event(event, &mut sink);
    }
    tracker.finish(&mut sink);
    let [mapping] = &*failed else { panic!("{failed:?}") };
    assert_eq!((mapping.origin, mapping.bounces.events, mapping.entries), (Origin::Sg, 257, 257));
    assert_eq!(mapping.state, State::Failed { failure: Failure::PoolFull });
    assert_eq!(mapping.begun.raw(), 6_148_707_000);
}

fn pool_at(name: &str, mark: &str, size: Option<PoolSize>) -> PoolEstimate {
    let mut tracker = Tracker::default();
    let mut pool = PoolEstimate::new(size, 64);
    for event in &capture(name) {
        if let EventKind::Mark(text) = &event.kind
            && !mark.is_empty()
            && text.trim_start_matches("LABMARK ").starts_with(mark)
        {
            return pool;
        }
        tracker.event(event, &mut |change| pool.change(&change));
    }
    assert!(mark.is_empty(), "{name} has no mark {mark}");
    tracker.finish(&mut |change| pool.change(&change));
    pool
}
