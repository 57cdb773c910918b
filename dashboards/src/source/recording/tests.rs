//! Models against engines, the two readers of lines against each other, and recordings that are moved through.

mod clocks;
mod engine;
mod failures;
mod hazards;
mod log;
mod playing;
mod readers;

#[path = "../../../tests/support/traffic.rs"]
#[expect(dead_code, reason = "other tests make more of it")]
mod traffic;

use super::Recording;
use super::clock::Clock;
use super::cursor::header;
use super::model::{Model, Opened};
use crate::frame::Frame;
use crate::source::{Interest, Moment, Play, Source, Wanted, Wish};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A header of a machine without anything on it.
const HEADER: &str = concat!(
    r#"{"format":"busdma-trace","version":1,"scenario":"s","family":"f","machine":{"arch":"amd64","page_size":4096,"#,
    r#""maxmem":"0x40000000","max_bpages":8192,"bounce":{"base":"0x100000","stride":4096,"frames":64},"#,
    r#""dmamem":{"base":"0x2000000","page_stride":4096,"malloc_align":0}},"source":"freebsd-11.0","hazards":[]}"#,
);

/// The machine of [`HEADER`].
pub(super) fn empty_machine() -> Model {
    Model::open(&header(HEADER.as_bytes()).unwrap(), Opened::default(), &Clock::default())
}

/// A file of that text, wholly known, which plays from its first moment on. The folder lasts as long as the file is needed.
fn opened(text: &[u8]) -> (tempfile::TempDir, Recording) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    std::fs::write(&path, text).unwrap();
    let mut recording = Recording::open(&path).unwrap();
    recording.wait();
    recording.ask(Wish::Interest(Interest { decisions: Wanted::Yes, rows: 100_000 })).unwrap();
    (folder, recording)
}

/// The frame at a moment, where it stays.
fn at(recording: &mut Recording, moment: Moment) -> Arc<Frame> {
    recording.ask(Wish::Play(Play::Pause)).unwrap();
    recording.ask(Wish::Seek(moment)).unwrap();
    recording.frame(Duration::ZERO)
}

/// FreeBSD's own answers, traffic as the daemon records it, and what a daemon recorded of `busdma demo`: each trace's
/// name and text.
fn traces() -> Vec<(String, String)> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/trace/tests/vectors");
    let mut traces = Vec::new();
    for kernel in ["freebsd-11.0", "freebsd-12.1", "arm64-12.1"] {
        let mut files: Vec<_> =
            std::fs::read_dir(vectors.join(kernel)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in files {
            traces.push((format!("{kernel}/{}", file.file_name().unwrap().to_string_lossy()), text_of(&file)));
        }
    }
    assert_eq!(traces.len(), 21);
    let recorded = String::from_utf8(traffic::hour(Vec::new(), 3000)).unwrap();
    traces.push(("freebsd-11.0/recorded".to_owned(), recorded));
    for machine in ["vm1", "vm2"] {
        let file = format!("tests/recordings/busdmad-{machine}.jsonl.zst");
        let text = text_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
        traces.push((format!("freebsd-11.0/{machine}-recorded"), text));
    }
    traces
}

fn text_of(file: &Path) -> String {
    let mut text = String::new();
    zstd::Decoder::new(std::fs::File::open(file).unwrap()).unwrap().read_to_string(&mut text).unwrap();
    text
}
