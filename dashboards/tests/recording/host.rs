//! Captures of hosts.

use crate::at;
use busdma_dashboards::frame::{Frame, OriginKind, Probes};
use busdma_dashboards::source::open::open;
use busdma_dashboards::source::{Done, Moment, Play, Source, Towards, Wish};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

fn captures() -> Vec<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../daemon/host/tests/data");
    let mut found: Vec<_> = std::fs::read_dir(data)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .flat_map(|path| [path.join("trace.txt.zst"), path])
        .filter(|path| path.exists())
        .collect();
    found.sort();
    assert!(found.len() > 20, "{found:?}");
    found
}

fn opened(path: &Path) -> Box<dyn Source> {
    let mut source = open(path).unwrap_or_else(|error| panic!("{error}"));
    source.ask(Wish::Play(Play::Pause)).unwrap();
    source
}

/// Events that a frame has taken in.
fn delivered(frame: &Arc<Frame>) -> u64 {
    frame.host.as_ref().map_or(0, |host| host.delivered)
}

#[test]
fn every_capture_can_be_moved_through() {
    for path in captures() {
        let name = path.display();
        let mut source = opened(&path);
        let frames: Vec<_> = (0..=20).map(|share| at(&mut *source, Moment::Share(f64::from(share) / 20.0))).collect();
        assert!(frames.windows(2).all(|pair| delivered(&pair[0]) <= delivered(&pair[1])), "{name}");
        assert!(delivered(&frames[0]) < delivered(&frames[20]), "{name}");
        for share in (0..=20).rev() {
            let frame = at(&mut *source, Moment::Share(f64::from(share) / 20.0));
            assert_eq!(frame, frames[usize::try_from(share).unwrap()], "{name}");
        }
        let host = frames[20].host.as_ref().unwrap();
        assert_eq!(host.probes, Probes::Captured);
        assert_eq!(frames[20].origin.kind, OriginKind::HostCapture);
        for device in &host.devices {
            assert!(device.live_bytes == 0 || device.live > 0, "{name}: {device:?}");
        }
    }
}

#[test]
fn an_exhausted_pool_shows() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../daemon/host/tests/data/nvme-pool1M");
    let mut source = opened(&data);
    let end = at(&mut *source, Moment::Share(1.0));
    let host = end.host.as_ref().unwrap();
    let pool = host.pool.unwrap();
    assert!(pool.full > 0 && pool.total_slots.is_some(), "{pool:?}");
    let failed: u64 = host.devices.iter().map(|device| device.failed).sum();
    assert!(failed > 0 && !end.findings.is_empty());
    let timeline = end.timeline.as_ref().unwrap();
    let told: u32 = timeline.buckets.iter().map(|bucket| bucket.deferred).sum();
    assert!(told > 0);
    assert!(timeline.buckets.iter().any(|bucket| bucket.pressure > 0.9));
    at(&mut *source, Moment::Share(0.0));
    assert_eq!(source.ask(Wish::Deferral(Towards::Later)), Ok(Done::Silently));
    let first = source.frame(Duration::ZERO);
    let failed: u64 = first.host.as_ref().unwrap().devices.iter().map(|device| device.failed).sum();
    assert!(failed > 0);
    assert!(first.host.as_ref().unwrap().devices.iter().any(|device| device.failed_per_s > 0.0));
}
