//! Models against engines, and the two readers of lines against each other.

mod engine;
mod readers;

#[path = "../../../tests/support/traffic.rs"]
#[expect(dead_code, reason = "other tests make more of it")]
mod traffic;

use std::io::Read;
use std::path::Path;

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
