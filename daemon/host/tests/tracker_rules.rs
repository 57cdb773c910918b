//! One rule at a time, with events made by hand.

mod tracker_parts;

use busdma_engine::{BusAddr, BusSize, Nanos, PhysAddr};
use busdma_host::event::{
    Attributes, BlockCompletion, BlockRequest, BounceCause, Bounced, Device, Direction, Disk, DmaRange, EventKind,
    HostEvent, IommuMap, MapPage, MapSg, MapSgFailed, Operation, Sync, SyncOwner, Task, TaskName, Tracepoint,
    UnmapPage, UnmapSg,
};
use busdma_host::mapping::{Failure, Origin, State, Translation};
use busdma_host::pool::{PoolEstimate, PoolSize};
use busdma_host::tracker::{Change, Lives, TrackerLimits};
use tracker_parts::Lab;

const FAILED: u64 = u64::MAX;
const POOL: u64 = 0x1000_0000;
const MILLISECOND: u64 = 1_000_000;

/// Events of one task on one device, a microsecond apart.
struct Script {
    events: Vec<HostEvent>,
    pid: u32,
    at: u64,
}

impl Script {
    fn new() -> Self {
        Self { events: Vec::new(), pid: 7, at: MILLISECOND }
    }

    fn push(mut self, point: Tracepoint, kind: EventKind) -> Self {
        self.at += 1000;
        let task = Task { pid: self.pid, name: TaskName::new(b"dio") };
        self.events.push(HostEvent { at: Nanos::new(self.at), cpu: 0, task, point, kind });
        self
    }

    fn task(mut self, pid: u32) -> Self {
        self.pid = pid;
        self
    }

    fn pause(mut self, nanos: u64) -> Self {
        self.at += nanos;
        self
    }

    fn bounce(self, addr: u64, size: u64) -> Self {
        let (addr, size) = (BusAddr::new(addr), BusSize::new(size));
        let kind = Bounced { device: nvme(), mask: BusAddr::MAX, addr, size, cause: BounceCause::Forced };
        self.push(Tracepoint::SwiotlbBounced, EventKind::Bounced(kind))
    }

    fn page(self, phys: u64, dma: u64, size: u64) -> Self {
        let kind = MapPage {
            device: nvme(),
            direction: Direction::ToDevice,
            dma: BusAddr::new(dma),
            size: BusSize::new(size),
            phys: PhysAddr::new(phys),
            attributes: Attributes::empty(),
        };
        self.push(Tracepoint::DmaMapPage, EventKind::MapPage(kind))
    }

    fn unpage(self, dma: u64, size: u64) -> Self {
        let kind = UnmapPage {
            device: nvme(),
            direction: Direction::ToDevice,
            dma: BusAddr::new(dma),
            size: BusSize::new(size),
            attributes: Attributes::empty(),
        };
        self.push(Tracepoint::DmaUnmapPage, EventKind::UnmapPage(kind))
    }

    /// A list of pages.
    fn sg(self, phys: &[u64], dma: &[u64], entries: u32) -> Self {
        let size = BusSize::PAGE;
        let kind = MapSg {
            device: nvme(),
            direction: Direction::ToDevice,
            entries,
            mapped: if dma.len() < phys.len() { 1 } else { entries },
            phys: addresses(phys),
            dma: dma.iter().map(|&start| DmaRange { start: BusAddr::new(start), size }).collect(),
            attributes: Attributes::empty(),
        };
        self.push(Tracepoint::DmaMapSg, EventKind::MapSg(kind))
    }

    fn unsg(self, phys: &[u64]) -> Self {
        let kind = UnmapSg {
            device: nvme(),
            direction: Direction::ToDevice,
            phys: addresses(phys),
            entries: None,
            attributes: Attributes::empty(),
        };
        self.push(Tracepoint::DmaUnmapSg, EventKind::UnmapSg(kind))
    }

    fn iommu(self, iova: u64, phys: u64) -> Self {
        let map = IommuMap { iova: BusAddr::new(iova), phys: PhysAddr::new(phys), size: BusSize::PAGE };
        self.push(Tracepoint::IommuMap, EventKind::IommuMap(map))
    }

    fn sync(self, dma: u64) -> Self {
        let range = DmaRange { start: BusAddr::new(dma), size: BusSize::new(64) };
        let kind =
            Sync { device: nvme(), direction: Direction::ToDevice, owner: SyncOwner::Cpu, ranges: Box::new([range]) };
        self.push(Tracepoint::DmaSyncSingleForCpu, EventKind::Sync(kind))
    }

    fn run(&self) -> Lab {
        Lab::run(&self.events)
    }

    /// All that failed, without its number.
    fn failures(&self) -> Vec<(Origin, u32, Failure)> {
        let mut failures = Vec::new();
        let mut tracker = busdma_host::tracker::Tracker::default();
        let mut sink = |change: Change<'_>| {
            if let Change::Failed { mapping, .. } = change
                && let State::Failed { failure } = mapping.state
            {
                failures.push((mapping.origin, mapping.bounces.events, failure));
            }
        };
        for event in &self.events {
            tracker.event(event, &mut sink);
        }
        tracker.finish(&mut sink);
        failures
    }
}

fn nvme() -> Device {
    Device::new("0000:00:02.0")
}

fn addresses(raw: &[u64]) -> Box<[PhysAddr]> {
    raw.iter().copied().map(PhysAddr::new).collect()
}

fn lives(unmapped: u64, failed: u64, live: u64, superseded: u64) -> Lives {
    Lives { begun: unmapped + failed + live + superseded, unmapped, failed, live, superseded, given_up: 0 }
}

#[test]
fn failures_are_told_apart() {
    let full_page = (Origin::Page, 1, Failure::PoolFull);
    let full_list = |pieces| (Origin::Sg, pieces, Failure::PoolFull);
    let script = Script::new;
    let cases = [
        ("page, no room", script().bounce(0x1000, 512).page(0x1000, FAILED, 512), vec![full_page]),
        ("page, no bounce", script().page(0x1000, FAILED, 512), vec![(Origin::Page, 0, Failure::Overflow)]),
        (
            "page, translated device",
            script().iommu(0x9000, 0x2000).page(0x2000, 0x9000, 512).page(0x1000, FAILED, 512),
            vec![(Origin::Page, 0, Failure::Untold)],
        ),
        ("list, at the end", maps_page(script()).bounce(0x1000, 4096).bounce(0x2000, 4096), vec![full_list(2)]),
        (
            "list, tried twice in vain",
            maps_page(script()).bounce(0x1000, 4096).bounce(0x2000, 4096).bounce(0x1000, 4096),
            vec![full_list(2), full_list(1)],
        ),
        (
            "list, tried again by the same task and mapped",
            script().bounce(0x1000, 4096).bounce(0x1000, 4096).bounce(0x2000, 4096).sg(
                &[0x1000, 0x2000],
                &[POOL, POOL + 4096],
                2,
            ),
            vec![full_list(1)],
        ),
        (
            "list, then another request's first piece, known from another task",
            maps_page(script()).bounce(0x1000, 4096).task(8).bounce(0x5000, 4096).bounce(0x1000, 4096),
            vec![full_list(1), full_list(1), full_list(1)],
        ),
        (
            "list that has a page twice is no retry",
            script().bounce(0x1000, 4096).bounce(0x1000, 4096).bounce(0x2000, 4096).sg(
                &[0x1000, 0x1000, 0x2000],
                &[POOL, POOL + 4096, POOL + 8192],
                3,
            ),
            vec![],
        ),
        (
            "an interrupt maps in the middle of a list",
            script().bounce(0x1000, 4096).bounce(0x7000, 512).page(0x7000, POOL + 0x8000, 512).bounce(0x2000, 4096).sg(
                &[0x1000, 0x2000],
                &[POOL, POOL + 4096],
                2,
            ),
            vec![],
        ),
        (
            "a list of which only some entries bounce",
            script().bounce(0x2000, 4096).sg(&[0x1000, 0x2000, 0x3000], &[0x1000, POOL, 0x3000], 3),
            vec![],
        ),
        (
            "a cut list claims the pieces that it does not show",
            script().bounce(0x1000, 4096).bounce(0x1000, 4096).bounce(0x2000, 4096).bounce(0x3000, 4096).sg(
                &[0x1000, 0x2000],
                &[POOL, POOL + 4096],
                3,
            ),
            vec![full_list(1)],
        ),
        ("bounces without any mapping mean nothing", script().bounce(0x1000, 4096).bounce(0x2000, 4096), vec![]),
        (
            "an error that the kernel tells",
            script().bounce(0x1000, 4096).sg_failed(&[0x1000], -121),
            vec![(Origin::Sg, 1, Failure::Errno(-121))],
        ),
    ];
    for (what, script, expected) in cases {
        script.run();
        assert_eq!(script.failures(), expected, "{what}");
    }
}

impl Script {
    fn sg_failed(self, phys: &[u64], error: i32) -> Self {
        let kind = MapSgFailed {
            device: nvme(),
            direction: Direction::ToDevice,
            phys: addresses(phys),
            error,
            attributes: Attributes::empty(),
        };
        self.push(Tracepoint::DmaMapSgErr, EventKind::MapSgFailed(kind))
    }
}

/// The source tells of mappings, so a bounce without one means something.
fn maps_page(script: Script) -> Script {
    script.page(0xf000, 0xf000, 512)
}

#[test]
fn waiting_bounces_fail_in_time() {
    let script = maps_page(Script::new()).bounce(0x1000, 4096).pause(150 * MILLISECOND).sync(0);
    assert_eq!(early_failures(&script), 0);
    let script = maps_page(Script::new()).bounce(0x1000, 4096).pause(250 * MILLISECOND).sync(0);
    assert_eq!(early_failures(&script), 1);
    let script = maps_page(Script::new()).bounce(0x1000, 4096).pause(8 * MILLISECOND).bounce(0x1000, 4096);
    assert_eq!(early_failures(&script), 1);
}

/// Failures that are known before the end.
fn early_failures(script: &Script) -> u64 {
    let mut lab = Lab::new(TrackerLimits::default());
    script.events.iter().for_each(|event| lab.event(event));
    lab.check();
    lab.tracker.stats().lives.failed
}

#[test]
fn ends_find_their_mappings() {
    let twice = || Script::new().page(0x1000, 0x1000, 512).page(0x1000, 0x1000, 4096);
    let list = [0x1000, 0x2000];
    let cases = [
        ("the same page twice", twice().unpage(0x1000, 4096), lives(1, 0, 1, 0)),
        ("both", twice().unpage(0x1000, 4096).unpage(0x1000, 512), lives(2, 0, 0, 0)),
        ("one end too many", twice().unpage(0x1000, 512).unpage(0x1000, 512).unpage(0x1000, 512), lives(2, 0, 0, 0)),
        ("lists by their pages", Script::new().sg(&list, &list, 2).unsg(&[0x1000, 0x3000]), lives(0, 0, 1, 0)),
        ("a list", Script::new().sg(&list, &list, 2).sg(&list, &list, 2).unsg(&list), lives(1, 0, 1, 0)),
        ("a cut list", Script::new().sg(&list, &list, 3).unsg(&[0x1000, 0x2000, 0x3000]), lives(1, 0, 0, 0)),
        ("a page does not end a list", Script::new().sg(&list, &list, 2).unpage(0x1000, 4096), lives(0, 0, 1, 0)),
    ];
    for (what, script, expected) in cases {
        assert_eq!(script.run().tracker.stats().lives, expected, "{what}");
    }
    let odd = twice().unpage(0x1000, 2048).run();
    assert_eq!((odd.tracker.stats().odd_unmaps, odd.tracker.live().next().unwrap().size.raw()), (1, 4096));
}

#[test]
fn addresses_given_out_again_end_what_had_them() {
    let bounced = |script: Script, phys| script.bounce(phys, 4096).page(phys, POOL, 4096);
    let lost = bounced(bounced(Script::new(), 0x1000).pause(9 * MILLISECOND), 0x2000).run();
    assert_eq!(lost.tracker.stats().lives, lives(0, 0, 1, 1));
    assert_eq!((lost.pool.used(), lost.pool.high_water()), (2, 2));
    // The kernel frees slots first and tells of it later: another processor may be given them in between.
    let late = bounced(bounced(Script::new(), 0x1000), 0x2000).unpage(POOL, 4096).run();
    assert_eq!(late.tracker.stats().lives, lives(1, 0, 1, 0));
    assert_eq!(late.tracker.live().next().unwrap().memory[0].start, PhysAddr::new(0x2000));
    assert_eq!((late.pool.used(), late.pool.high_water()), (2, 2));
    let translated = Script::new().page(0x1000, 0x9000, 512).page(0x2000, 0x9000, 512).run();
    assert_eq!(translated.tracker.stats().lives, lives(0, 0, 1, 1));
}

#[test]
fn translations_are_told_or_inferred() {
    let told = Script::new().iommu(0x9000, 0x1000).page(0x1200, 0x9200, 512);
    let merged = Script::new().iommu(0x9000, 0x1000).iommu(0xa000, 0x5000).sg(&[0x1000, 0x5000], &[0x9000], 2);
    let other = Script::new().iommu(0x9000, 0x1000).page(0x1200, 0x1200, 512);
    let shifted = Script::new().bounce(0x8000_0000_1000, 4096).page(0x1000, POOL, 4096);
    let cases = [
        ("told", told, Translation::Told { events: 1 }),
        ("told, merged", merged, Translation::Told { events: 1 }),
        ("inferred", Script::new().page(0x1000, 0x9000, 512), Translation::Inferred),
        ("inferred, merged", Script::new().sg(&[0x1000, 0x5000], &[0x1000], 2), Translation::Inferred),
        ("direct", Script::new().page(0x1000, 0x1000, 512), Translation::None),
        ("bounced", Script::new().bounce(0x1000, 512).page(0x1000, POOL, 512), Translation::None),
        ("another's", other, Translation::None),
        ("bounced, in an encrypted guest", shifted, Translation::None),
    ];
    for (what, script, expected) in cases {
        let lab = script.run();
        assert_eq!(lab.tracker.live().map(|mapping| mapping.translation).collect::<Vec<_>>(), [expected], "{what}");
    }
}

#[test]
fn syncs_find_the_mapping_around_them() {
    let lab = Script::new().page(0x1000, 0x1000, 4096).sync(0x1800).sync(0x1000).sync(0x2000).sync(0xfff).run();
    assert_eq!(lab.tracker.live().next().unwrap().syncs.for_cpu, 2);
    assert_eq!(lab.tracker.stats().unknown.sync, 2);
}

#[test]
fn limits_bound_what_is_kept() {
    let limits = TrackerLimits { live: 3, pending_bounces: 2, devices: 1, ..TrackerLimits::default() };
    let mut lab = Lab::new(limits);
    let mut script = Script::new();
    for page in 1..=10 {
        script = script.page(page << 12, page << 12, 512).task(u32::try_from(page).unwrap()).bounce(page << 12, 512);
    }
    script.events.iter().for_each(|event| lab.event(event));
    lab.check();
    let stats = lab.tracker.stats();
    assert_eq!((stats.lives.live, stats.lives.given_up, stats.bounces.pending, stats.bounces.given_up), (3, 7, 2, 8));
    assert_eq!(stats.unknown, busdma_host::tracker::Unknown::default());
}

#[test]
fn leaks_show_by_age() {
    let script = Script::new().page(0x1000, 0x1000, 512).pause(5 * MILLISECOND).page(0x2000, 0x2000, 512);
    let lab = script.run();
    let now = script.events.last().unwrap().at;
    let old: Vec<_> = lab.tracker.older_than(now, MILLISECOND).map(|mapping| mapping.memory[0].start.raw()).collect();
    assert_eq!(old, [0x1000]);
}

/// What the pool holds while a list is mapped piece by piece, and that fragmentation shows.
#[test]
fn a_list_that_fails_holds_slots_for_a_moment() {
    let mut script = maps_page(Script::new());
    for page in 0..3 {
        script = script.bounce(0x1000 + page * 0x1000, 4096);
    }
    let script = script.bounce(0x9000, 65536).task(8).bounce(0x20, 16).page(0x20, POOL, 16);
    let mut tracker = busdma_host::tracker::Tracker::default();
    let mut pool = PoolEstimate::new(Some(PoolSize { slots: 64 }), 16);
    for event in &script.events {
        tracker.event(event, &mut |change| pool.change(&change));
    }
    assert_eq!((pool.used(), pool.full().count), (1, 0));
    tracker.finish(&mut |change| pool.change(&change));
    assert_eq!((pool.used(), pool.high_water(), pool.full().count, pool.full().fragmented), (1, 6, 1, 1));
    let full = &pool.full().latest[0];
    assert_eq!((full.used, full.wanted_slots, full.fragmented()), (6, 32, Some(true)));
}

#[test]
fn requests_are_counted_once() {
    let issue = |request, sector| block(Tracepoint::BlockRqIssue, request, sector, None);
    let done = |request, sector, sectors| block(Tracepoint::BlockRqComplete, request, sector, Some(sectors));
    let cases = [
        (
            "by address",
            vec![issue(Some(1), 0), issue(Some(1), 0), issue(Some(2), 0), done(Some(1), 0, 8)],
            (2, 1, 1, 1),
        ),
        ("by place", vec![issue(None, 0), issue(None, 0), issue(None, 8), done(None, 0, 8)], (2, 1, 1, 1)),
        ("in parts", vec![issue(None, 0), done(None, 0, 0), done(None, 0, 4), done(None, 4, 4)], (1, 0, 1, 0)),
        ("unknown", vec![done(None, 0, 8)], (0, 0, 0, 0)),
    ];
    for (what, kinds, expected) in cases {
        let mut script = Script::new();
        for (point, kind) in kinds {
            script = script.push(point, kind);
        }
        let counts = script.run().tracker.requests().counts();
        assert_eq!((counts.issued, counts.reissued, counts.completed, counts.in_flight), expected, "{what}");
    }
}

fn block(point: Tracepoint, request: Option<u64>, sector: u64, sectors: Option<u32>) -> (Tracepoint, EventKind) {
    let (disk, operation) = (Disk { major: 8, minor: 0 }, Operation::new(b"WS"));
    let kind = match sectors {
        Some(sectors) => {
            EventKind::BlockComplete(BlockCompletion { disk, request, operation, sector, sectors, error: 0 })
        }
        None => EventKind::BlockIssue(BlockRequest {
            disk,
            request,
            operation,
            sector,
            size: BusSize::new(4096),
            memory: Box::default(),
            pieces: None,
        }),
    };
    (point, kind)
}
