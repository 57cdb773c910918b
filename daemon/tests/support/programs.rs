//! Programs of the workspace that a test runs, and that cargo does not build for it.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// A program built from the sources as they are, in the profile of the test.
pub(crate) fn built(program: &str) -> PathBuf {
    static BUILT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    // Cargo puts programs beside the directory of test programs.
    let test = env::current_exe().unwrap();
    let directory = test.parent().and_then(Path::parent).unwrap();
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if !built.contains(program) {
        build(program, directory);
        built.insert(program.to_owned());
    }
    directory.join(program)
}

fn build(program: &str, directory: &Path) {
    // Only this profile's directory is not called by its name.
    let profile = directory.file_name().and_then(OsStr::to_str).unwrap();
    let profile = if profile == "debug" { "dev" } else { profile };
    let mut build = Command::new(env!("CARGO"));
    // Of the whole workspace, so that every program has the same features of what it shares with the others.
    build.args(["build", "--quiet", "--workspace", "--bin", program, "--profile", profile, "--target-dir"]);
    assert!(build.arg(directory.parent().unwrap()).status().unwrap().success(), "{program} is built");
}
