//! What is looked at.

use busdma_dashboards::frame::{Frame, Origin, OriginKind, OriginState};
use busdma_dashboards::source::demo::{Demo, DemoOptions};
use busdma_dashboards::source::open::open;
use busdma_dashboards::source::{Done, Moment, Play, Refused, Source, Wish};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// 22 November 2026, 12:00:00 UTC.
const NOON: i64 = 1_795_348_800_000_000_000;

/// Twelve maps come and go.
pub(crate) fn idle() -> Box<dyn Source> {
    at_end("tests/recordings/idle.jsonl.zst")
}

/// More loads than bounce pages.
pub(crate) fn pressure() -> Box<dyn Source> {
    at_end("tests/recordings/pressure.jsonl.zst")
}

/// One map is never unloaded.
pub(crate) fn leak() -> Box<dyn Source> {
    at_end("tests/recordings/leak.jsonl.zst")
}

/// Thousands of maps at once.
pub(crate) fn thousands() -> Box<dyn Source> {
    at_end("tests/recordings/thousands.jsonl.zst")
}

/// A host whose swiotlb pool has no room left.
pub(crate) fn exhaustion() -> Box<dyn Source> {
    at_end("../daemon/host/tests/data/nvme-pool1M")
}

/// Two machines, waiters, findings and maps that are forgotten.
pub(crate) fn demo() -> Box<dyn Source> {
    Box::new(Demo::new(DemoOptions { unix_ns: Some(NOON), ..DemoOptions::default() }))
}

/// A file or folder at its last moment, where it stays. Its path is shown, so it is relative to this package.
fn at_end(path: &str) -> Box<dyn Source> {
    let mut source = open(Path::new(path)).unwrap_or_else(|error| panic!("{error}"));
    while matches!(source.frame(Duration::ZERO).origin.state, OriginState::Indexing { .. }) {
        std::thread::sleep(Duration::from_millis(1));
    }
    source.ask(Wish::Play(Play::Pause)).unwrap();
    source.ask(Wish::Seek(Moment::Share(1.0))).unwrap();
    source
}

/// A daemon without machines.
pub(crate) fn no_machines() -> Box<dyn Source> {
    Box::new(Still(Arc::new(Frame { unix_ns: Some(NOON), ..Frame::empty(daemon(OriginState::Running)) })))
}

/// A daemon that was there, and is gone: what it showed last stays.
pub(crate) fn disconnected() -> Box<dyn Source> {
    let why = "connection refused".to_owned();
    let state = OriginState::Disconnected { since_ns: 12_000_000_000, why };
    let last = demo().frame(Duration::from_secs(90));
    Box::new(Still(Arc::new(Frame { origin: daemon(state), ..(*last).clone() })))
}

fn daemon(state: OriginState) -> Origin {
    Origin { kind: OriginKind::Live, name: "/run/busdma/busdma.varlink".to_owned(), state, recording: None }
}

/// Always the same frame.
struct Still(Arc<Frame>);

impl Source for Still {
    fn frame(&mut self, _elapsed: Duration) -> Arc<Frame> {
        Arc::clone(&self.0)
    }

    fn ask(&mut self, _wish: Wish) -> Result<Done, Refused> {
        Ok(Done::Silently)
    }
}
