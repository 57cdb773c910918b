//! The object is what its sources say, and has what its users look for.

use busdma_ebpf::{OBJECT, Origin, Program};
use std::path::Path;
use std::process::Command;

const PREBUILT: &[u8] = include_bytes!("../prebuilt/busdma.bpf.o");

#[test]
fn the_checked_in_object_is_the_compiled_one() {
    match busdma_ebpf::ORIGIN {
        Origin::Compiled => assert!(
            OBJECT == PREBUILT,
            "prebuilt/busdma.bpf.o ({} bytes) is not what c/ gives ({} bytes): run ebpf/rebuild.sh",
            PREBUILT.len(),
            OBJECT.len()
        ),
        Origin::Prebuilt => assert!(
            std::env::var("BUSDMA_EBPF_PREBUILT").is_ok_and(|value| value == "1") || !has_clang(),
            "clang-14 is there, yet the build took the checked-in object"
        ),
    }
    assert!(OBJECT == PREBUILT);
}

#[test]
fn the_folder_does_not_change_the_bytes() {
    if !has_clang() {
        println!("clang-14 is missing, so nothing can be compiled elsewhere; the checked-in object is in use");
        return;
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["c", "prebuilt"] {
        std::fs::create_dir(elsewhere.path().join(folder)).unwrap();
    }
    for file in std::fs::read_dir(here.join("c")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), elsewhere.path().join("c").join(file.file_name())).unwrap();
    }
    std::fs::copy(here.join("rebuild.sh"), elsewhere.path().join("rebuild.sh")).unwrap();
    assert!(Command::new("sh").arg(elsewhere.path().join("rebuild.sh")).status().unwrap().success());
    assert!(std::fs::read(elsewhere.path().join("prebuilt/busdma.bpf.o")).unwrap() == PREBUILT);
}

#[test]
fn every_program_is_in_it() {
    for program in Program::ALL {
        let section = format!("tp_btf/{}\0", program.tracepoint());
        let function = format!("\0{}\0", program.function());
        for wanted in [section, function] {
            assert!(OBJECT.windows(wanted.len()).any(|bytes| bytes == wanted.as_bytes()), "{wanted:?}");
        }
    }
}

#[test]
fn it_is_aligned() {
    assert_eq!(OBJECT.as_ptr().align_offset(8), 0);
}

fn has_clang() -> bool {
    Command::new("clang-14").arg("--version").output().is_ok_and(|out| out.status.success())
}
