//! Models against engines, and the two readers of lines against each other.

mod engine;
mod readers;

#[path = "../../../tests/support/traffic.rs"]
#[expect(dead_code, reason = "other tests make more of it")]
mod traffic;

use std::io::Read;
use std::path::Path;

/// FreeBSD's own answers, and traffic as the daemon records it: each trace's name and text.
fn traces() -> Vec<(String, String)> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/trace/tests/vectors");
    let mut traces = Vec::new();
    for kernel in ["freebsd-11.0", "freebsd-12.1", "arm64-12.1"] {
        let mut files: Vec<_> =
            std::fs::read_dir(vectors.join(kernel)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in files {
            let mut text = String::new();
            zstd::Decoder::new(std::fs::File::open(&file).unwrap()).unwrap().read_to_string(&mut text).unwrap();
            traces.push((format!("{kernel}/{}", file.file_name().unwrap().to_string_lossy()), text));
        }
    }
    assert_eq!(traces.len(), 21);
    let recorded = String::from_utf8(traffic::hour(Vec::new(), 3000)).unwrap();
    traces.push(("freebsd-11.0/recorded".to_owned(), recorded));
    traces
}
