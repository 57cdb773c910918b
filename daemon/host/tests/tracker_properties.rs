//! Lost, doubled and shuffled events of real captures, and events at random, break no account.

mod tracker_parts;

use busdma_engine::{BusAddr, BusSize, Nanos, PhysAddr};
use busdma_host::event::{
    Attributes, BounceCause, Bounced, Device, Direction, DmaRange, EventKind, HostEvent, IommuMap, MapPage, MapSg,
    Sync, SyncOwner, Task, TaskName, Tracepoint, UnmapPage, UnmapSg,
};
use busdma_host::tracker::TrackerLimits;
use proptest::prelude::*;
use std::sync::LazyLock;
use tracker_parts::{CAPTURES, Lab, capture};

static EVENTS: LazyLock<Vec<Vec<HostEvent>>> = LazyLock::new(|| CAPTURES.iter().map(|name| capture(name)).collect());

const TIGHT: TrackerLimits = TrackerLimits {
    live: 20,
    live_entries: 200,
    pending_bounces: 30,
    pending_translations: 10,
    requests: 4,
    devices: 2,
    unmapped_bounce: 50_000_000,
    settle: 1_000_000,
};

/// What happens to one event.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Kept,
    Lost,
    Doubled,
    /// Swapped with one so many places on.
    Late(usize),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        20 => Just(Fate::Kept),
        2 => Just(Fate::Lost),
        1 => Just(Fate::Doubled),
        2 => (1_usize..40).prop_map(Fate::Late),
    ]
}

fn suffered(events: &[HostEvent], fates: &[Fate]) -> Vec<HostEvent> {
    let mut order: Vec<usize> = (0..events.len()).collect();
    for at in 0..events.len() {
        if let Fate::Late(by) = fates[at % fates.len()] {
            order.swap(at, (at + by).min(events.len() - 1));
        }
    }
    let copies = |at: usize| match fates[at % fates.len()] {
        Fate::Lost => 0,
        Fate::Doubled => 2,
        Fate::Kept | Fate::Late(_) => 1,
    };
    order.into_iter().flat_map(|at| std::iter::repeat_n(events[at].clone(), copies(at))).collect()
}

/// Few values, so that they meet.
fn random_event() -> impl Strategy<Value = HostEvent> {
    let page = || (0_u64..12).prop_map(|page| page << 12);
    let list = || prop::collection::vec(page(), 0..5);
    let kind = prop_oneof![
        (page(), page(), any::<bool>())
            .prop_map(|(phys, dma, failed)| page_map(phys, if failed { u64::MAX } else { dma })),
        page().prop_map(page_unmap),
        (list(), list(), 0_u32..8).prop_map(|(phys, dma, entries)| sg_map(&phys, &dma, entries)),
        list().prop_map(|phys| sg_unmap(&phys)),
        page().prop_map(bounce),
        page().prop_map(sync),
        (page(), page()).prop_map(|(iova, phys)| iommu(iova, phys)),
    ];
    (kind, 0_u64..400_000_000, 0_u32..3, 0_u32..2).prop_map(|((point, kind), at, pid, cpu)| HostEvent {
        at: Nanos::new(at),
        cpu,
        task: Task { pid, name: TaskName::new(b"any") },
        point,
        kind,
    })
}

type Said = (Tracepoint, EventKind);

fn page_map(phys: u64, dma: u64) -> Said {
    let (dma, phys) = (BusAddr::new(dma), PhysAddr::new(phys));
    let (device, direction, attributes) = (device(), Direction::ToDevice, Attributes::empty());
    let map = MapPage { device, direction, dma, size: BusSize::PAGE, phys, attributes };
    (Tracepoint::DmaMapPage, EventKind::MapPage(map))
}

fn page_unmap(dma: u64) -> Said {
    let (device, direction, attributes) = (device(), Direction::ToDevice, Attributes::empty());
    let unmap = UnmapPage { device, direction, dma: BusAddr::new(dma), size: BusSize::PAGE, attributes };
    (Tracepoint::DmaUnmapPage, EventKind::UnmapPage(unmap))
}

fn sg_map(phys: &[u64], dma: &[u64], entries: u32) -> Said {
    let (device, direction, attributes) = (device(), Direction::ToDevice, Attributes::empty());
    let phys = phys.iter().copied().map(PhysAddr::new).collect();
    let dma = dma.iter().map(|&start| DmaRange { start: BusAddr::new(start), size: BusSize::PAGE }).collect();
    (
        Tracepoint::DmaMapSg,
        EventKind::MapSg(MapSg { device, direction, entries, mapped: entries, phys, dma, attributes }),
    )
}

fn sg_unmap(phys: &[u64]) -> Said {
    let (device, direction, attributes) = (device(), Direction::ToDevice, Attributes::empty());
    let phys = phys.iter().copied().map(PhysAddr::new).collect();
    (Tracepoint::DmaUnmapSg, EventKind::UnmapSg(UnmapSg { device, direction, phys, entries: None, attributes }))
}

fn bounce(addr: u64) -> Said {
    let (addr, size, cause) = (BusAddr::new(addr), BusSize::PAGE, BounceCause::Mask);
    (
        Tracepoint::SwiotlbBounced,
        EventKind::Bounced(Bounced { device: device(), mask: BusAddr::MAX, addr, size, cause }),
    )
}

fn sync(dma: u64) -> Said {
    let ranges = Box::new([DmaRange { start: BusAddr::new(dma), size: BusSize::new(8) }]);
    let sync = Sync { device: device(), direction: Direction::ToDevice, owner: SyncOwner::Device, ranges };
    (Tracepoint::DmaSyncSingleForDevice, EventKind::Sync(sync))
}

fn iommu(iova: u64, phys: u64) -> Said {
    let map = IommuMap { iova: BusAddr::new(iova), phys: PhysAddr::new(phys), size: BusSize::PAGE };
    (Tracepoint::IommuMap, EventKind::IommuMap(map))
}

fn device() -> Device {
    Device::new("any")
}

/// Runs events through a tracker and checks its accounts on the way and at the end.
fn accounts_hold(events: &[HostEvent], limits: TrackerLimits) {
    let mut lab = Lab::new(limits);
    for (at, event) in events.iter().enumerate() {
        lab.event(event);
        if at % 64 == 0 {
            lab.check();
            bounded(&lab, limits);
        }
    }
    lab.finish();
    lab.check();
    bounded(&lab, limits);
    let pending = lab.tracker.stats();
    assert_eq!((pending.bounces.pending, pending.translations.pending), (0, 0));
    assert_eq!(pending.events, events.len() as u64);
    assert!(lab.pool.used() <= lab.pool.high_water());
    assert!(lab.pool.history().buckets().len() <= 64);
    let starts: Vec<_> = lab.pool.history().buckets().iter().map(|bucket| bucket.start).collect();
    assert!(starts.is_sorted());
}

fn bounded(lab: &Lab, limits: TrackerLimits) {
    let stats = lab.tracker.stats();
    assert!(stats.lives.live <= limits.live as u64);
    assert!(stats.bounces.pending <= limits.pending_bounces as u64);
    assert!(stats.translations.pending <= limits.pending_translations as u64);
    assert!(lab.tracker.devices().count() <= limits.devices);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn suffered_captures(which in 0..CAPTURES.len(), fates in prop::collection::vec(fate(), 1..200), tight: bool) {
        let events = suffered(&EVENTS[which], &fates);
        accounts_hold(&events, if tight { TIGHT } else { TrackerLimits::default() });
    }

    #[test]
    fn random_events(events in prop::collection::vec(random_event(), 0..400), tight: bool) {
        accounts_hold(&events, if tight { TIGHT } else { TrackerLimits::default() });
    }
}

#[test]
fn whole_captures_with_tight_limits() {
    EVENTS.iter().for_each(|events| accounts_hold(events, TIGHT));
}
