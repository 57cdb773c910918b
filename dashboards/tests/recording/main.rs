//! Recordings and captures as sources: the same moment always looks the same, damage is told and does no harm, and the
//! recordings that other tests look at are what they are said to be.

mod damage;
mod fixed;
mod host;
mod moments;

#[path = "../support/traffic.rs"]
mod traffic;

use busdma_dashboards::frame::Frame;
use busdma_dashboards::source::recording::Recording;
use busdma_dashboards::source::{Interest, Moment, Play, Source, Wanted, Wish};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A recording that stands at its first moment, and is wholly known.
fn opened(path: &Path) -> Recording {
    let mut recording = Recording::open(path).unwrap_or_else(|error| panic!("{error}"));
    recording.wait();
    recording.ask(Wish::Play(Play::Pause)).unwrap();
    recording.ask(Wish::Interest(Interest { decisions: Wanted::Yes, rows: 100_000 })).unwrap();
    recording
}

/// The frame at a moment.
fn at(recording: &mut dyn Source, moment: Moment) -> Arc<Frame> {
    recording.ask(Wish::Seek(moment)).unwrap();
    recording.frame(Duration::ZERO)
}

/// A file in a folder that lasts as long as the test.
fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
