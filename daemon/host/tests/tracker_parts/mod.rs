//! Captures of the lab, and a tracker with its pool whose accounts are checked.

#![expect(dead_code, reason = "each test takes what it needs")]

use busdma_host::event::HostEvent;
use busdma_host::mapping::State;
use busdma_host::pool::PoolEstimate;
use busdma_host::text::TextReader;
use busdma_host::tracker::{Change, Tracker, TrackerLimits};
use std::collections::BTreeSet;
use std::io::BufReader;
use std::path::Path;

/// The captures that are checked in.
pub(crate) const CAPTURES: &[&str] = &[
    "e1000-6G-natural",
    "ide32-6G-noforce",
    "nvme-direct",
    "nvme-force",
    "nvme-iommu",
    "nvme-iommu-swforce",
    "nvme-pool1M",
    "nvme-vblk-iommu-pt",
    "udma-direct",
    "udma-force",
    "udma-pool1M",
    "vblk-force",
];

/// The events of a capture.
#[expect(clippy::disallowed_methods, reason = "only the library does no I/O")]
pub(crate) fn capture(name: &str) -> Vec<HostEvent> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name).join("trace.txt.zst");
    let packed = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let text = zstd::decode_all(packed.as_slice()).unwrap();
    let mut reader = TextReader::new();
    let events: Vec<_> = reader.events(BufReader::new(text.as_slice())).map(Result::unwrap).collect();
    assert!(!events.is_empty(), "{name} holds no events");
    events
}

/// A tracker, its pool, and a ledger of what the tracker told.
pub(crate) struct Lab {
    pub(crate) tracker: Tracker,
    pub(crate) pool: PoolEstimate,
    pub(crate) ledger: Ledger,
}

/// What a tracker told, kept apart from its own counts.
#[derive(Default)]
pub(crate) struct Ledger {
    live: BTreeSet<u64>,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) failed: u64,
    pub(crate) superseded: u64,
    pub(crate) given_up: u64,
    pub(crate) synced: u64,
    pub(crate) asked: u64,
    pub(crate) explained: u64,
    pub(crate) unexplained: u64,
}

impl Lab {
    pub(crate) fn new(limits: TrackerLimits) -> Self {
        Self { tracker: Tracker::new(limits), pool: PoolEstimate::new(None, 64), ledger: Ledger::default() }
    }

    pub(crate) fn event(&mut self, event: &HostEvent) {
        let Self { tracker, pool, ledger } = self;
        tracker.event(event, &mut |change| {
            ledger.take(&change);
            pool.change(&change);
        });
    }

    pub(crate) fn finish(&mut self) {
        let Self { tracker, pool, ledger } = self;
        tracker.finish(&mut |change| {
            ledger.take(&change);
            pool.change(&change);
        });
    }

    pub(crate) fn run(events: &[HostEvent]) -> Self {
        let mut lab = Self::new(TrackerLimits::default());
        for event in events {
            lab.event(event);
        }
        lab.finish();
        lab.check();
        lab
    }

    /// Every count agrees with every other one.
    pub(crate) fn check(&self) {
        let stats = self.tracker.stats();
        let (lives, ledger) = (stats.lives, &self.ledger);
        let sum = lives.unmapped + lives.failed + lives.live + lives.superseded + lives.given_up;
        assert_eq!(lives.begun, sum, "{lives:?}");
        assert_eq!(lives.live, self.tracker.live().count() as u64);
        assert_eq!(lives.live, ledger.live.len() as u64);
        assert_eq!(lives.begun, ledger.began + ledger.failed);
        assert_eq!(lives.unmapped, ledger.ended);
        assert_eq!(lives.failed, ledger.failed);
        assert_eq!(lives.superseded, ledger.superseded);
        assert_eq!(lives.given_up, ledger.given_up);
        assert_eq!(stats.syncs, ledger.synced);
        let failures = stats.failures;
        assert_eq!(lives.failed, failures.pool_full + failures.overflow + failures.errno + failures.untold);
        let bounces = stats.bounces;
        assert_eq!(bounces.events, bounces.mapped + bounces.failed + bounces.pending + bounces.given_up);
        assert_eq!(bounces.events, ledger.asked);
        assert_eq!(bounces.mapped + bounces.failed, ledger.explained);
        assert_eq!(bounces.given_up, ledger.unexplained);
        let maps = stats.translations;
        assert_eq!(maps.maps, maps.attached + maps.pending + maps.unattached);
        let requests = self.tracker.requests().counts();
        assert_eq!(requests.issued, requests.completed + requests.in_flight + requests.given_up, "{requests:?}");
        let devices: Vec<_> = self.tracker.devices().collect();
        assert_eq!(lives.begun, devices.iter().map(|device| device.lives.begun).sum::<u64>());
        assert_eq!(lives.live, devices.iter().map(|device| device.lives.live).sum::<u64>());
        let live_bytes = self.tracker.live().map(|mapping| mapping.size.raw()).sum::<u64>();
        assert_eq!(live_bytes, devices.iter().map(|device| device.live_bytes).sum::<u64>());
        assert_eq!(
            stats.syncs,
            devices.iter().map(|device| device.syncs_for_cpu + device.syncs_for_device).sum::<u64>()
        );
    }
}

impl Ledger {
    fn take(&mut self, change: &Change<'_>) {
        match change {
            Change::Asked(_) => self.asked += 1,
            Change::Began { mapping, pieces } => {
                assert!(self.live.insert(mapping.id.0), "{:?} began twice", mapping.id);
                assert_eq!(pieces.len(), mapping.bounces.events as usize);
                assert!(mapping.is_live());
                self.began += 1;
                self.explained += pieces.len() as u64;
            }
            Change::Failed { mapping, pieces } => {
                assert!(mapping.failed() && !self.live.contains(&mapping.id.0));
                self.failed += 1;
                self.explained += pieces.len() as u64;
            }
            Change::Synced { mapping, .. } => {
                assert!(self.live.contains(&mapping.id.0));
                self.synced += 1;
            }
            Change::Ended(mapping) => {
                assert!(matches!(mapping.state, State::Unmapped { .. }));
                assert!(self.live.remove(&mapping.id.0));
                self.ended += 1;
            }
            Change::Superseded(mapping) => {
                assert!(matches!(mapping.state, State::Superseded { .. }));
                assert!(self.live.remove(&mapping.id.0));
                self.superseded += 1;
            }
            Change::GivenUp(mapping) => {
                assert!(self.live.remove(&mapping.id.0));
                self.given_up += 1;
            }
            Change::Unexplained(pieces) => self.unexplained += pieces.len() as u64,
        }
    }
}
