//! README's tour of the service does what it says.

#[path = "support/programs.rs"]
mod programs;

use std::path::Path;
use std::process::Command;

/// The block of README with that mark.
fn block(mark: &str) -> String {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let start = format!("```{mark}\n");
    let (_, rest) = readme.split_once(&start).unwrap_or_else(|| panic!("README has no block `{mark}`"));
    rest.split_once("\n```").expect("the block ends").0.to_owned()
}

#[test]
fn the_tour_of_the_service_runs() {
    let folder = tempfile::Builder::new().prefix("tour").tempdir_in("/tmp").unwrap();
    let tour = block("sh service").replace("/tmp/busdma", &format!("{}/busdma", folder.path().display()));
    // Whoever types gives the service the moment it needs. One that is left running would keep this test's pipes open.
    let (start, rest) = tour.split_once(" &\n").unwrap();
    let wait = "until [ -S \"$BUSDMA_SOCKET\" ]; do sleep 0.05; done";
    let script = format!("set -e\ntrap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n{start} &\n{wait}\n{rest}\n");
    let tool = programs::built("busdma");
    let path = format!("{}:{}", tool.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    for name in ["BUSDMA_CONFIG", "BUSDMA_RECORD"] {
        bash.env_remove(name);
    }
    let output = bash.arg("-c").arg(&script).env("PATH", path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for expected in ["host0", "org.busdma.Engine", "\"tag\": \"host0/t", "recording", "0 differ"] {
        assert!(said.contains(expected), "no `{expected}` in:\n{said}");
    }
}
