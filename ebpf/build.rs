//! Compiles `c/` with clang 14, whose bytes are the same everywhere, or takes the checked-in object where it is missing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// Set to 1, the checked-in object is taken even where clang is there.
const FORCE_PREBUILT: &str = "BUSDMA_EBPF_PREBUILT";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=c");
    println!("cargo::rerun-if-changed=prebuilt");
    println!("cargo::rerun-if-env-changed={FORCE_PREBUILT}");
    println!("cargo::rerun-if-env-changed=PATH");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo gives OUT_DIR"))?);
    let object = out.join("busdma.bpf.o");
    let forced = env::var(FORCE_PREBUILT).is_ok_and(|value| value == "1");
    let origin = if !forced && is_clang_14() {
        compile(&object)?;
        "compiled"
    } else {
        fs::copy("prebuilt/busdma.bpf.o", &object)?;
        "prebuilt"
    };
    println!("cargo::rustc-env=BUSDMA_EBPF_ORIGIN={origin}");
    Ok(())
}

fn is_clang_14() -> bool {
    let answers = |program: &str| Command::new(program).arg("--version").output().ok();
    let clang = answers("clang-14").is_some_and(|out| String::from_utf8_lossy(&out.stdout).contains("version 14."));
    clang && answers("llvm-strip-14").is_some_and(|out| out.status.success())
}

/// The paths are relative, so that the object does not depend on where the sources are.
fn compile(object: &Path) -> io::Result<()> {
    run(Command::new("clang-14")
        .current_dir("c")
        .args(["-g", "-O2", "-Wall", "-Werror", "-target", "bpf", "-mcpu=v3", "-fdebug-compilation-dir=."])
        .args(["-c", "busdma.bpf.c", "-o"])
        .arg(object))?;
    run(Command::new("llvm-strip-14").arg("-g").arg(object))
}

fn run(command: &mut Command) -> io::Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?}: {status}"))) }
}
