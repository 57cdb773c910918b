//! What `busdma plan` prints, as a person sees it.

use assert_cmd::Command;
use std::fmt::Write as _;

/// Runs `busdma plan` and gives its command line, output and exit code.
fn plan(arguments: &str) -> String {
    let output = busdma().arg("plan").args(arguments.split_whitespace()).output().unwrap();
    let mut text = format!("$ busdma plan {arguments}\n{}", String::from_utf8(output.stdout).unwrap());
    text.push_str(&String::from_utf8(output.stderr).unwrap());
    let _ = writeln!(text, "? {}", output.status.code().unwrap());
    text
}

fn busdma() -> Command {
    Command::cargo_bin("busdma").unwrap()
}

macro_rules! snapshots {
    ($($name:ident: $arguments:expr;)*) => {
        $(
            #[test]
            fn $name() {
                insta::assert_snapshot!(stringify!($name), plan($arguments));
            }
        )*
    };
}

snapshots! {
    never_bounces: "--preset em --length 64K --layout scattered:3 --offset 100";
    boundary_of_a_page: "--preset nvme --length 128K --offset 512";
    boundary_of_64k: "--preset mvs --length 150K --offset 1000";
    bounced_by_window: "--preset ata --length 64K --layout scattered:7";
    bounced_by_alignment: "--preset msk-ring --length 2K --layout contiguous:0x801000";
    misaligned_throughout: "--preset ahci-32bit --length 24K --layout scattered:7 --offset 3";
    too_many_segments: "--preset vge --length 64K --layout scattered:1 --offset 16";
    pool_too_small: "--preset ata --length 64K --pool 16";
    waits_for_ever: "--preset cpsw --length 1500 --offset 3000";
    never_waits: "--preset cpsw --length 1500 --offset 3000 --nowait";
    under_counted_pages: "--preset fxp --length 8K";
    strict_cuts_otherwise: "--preset ehci --length 20K --offset 7";
    strict_itself: "--preset ata --kind ccb --profile strict --length 300K";
    arm64_waits_on_itself: "--preset aha-isa --kind bio --arch arm64 --length 100K --offset 10 --pool 20";
    user_memory_copied_wrong: "--tag alignment=64,lowaddr=24-bit,maxsize=64K,nsegments=16 --kind uio --length 9000 --offset 100 --layout scattered:3 --arch arm64";
    user_memory_panics: "--preset ata --kind uio --length 20K --vaddr 0x7fff00000123";
    mbuf_chain: "--preset fxp --kind mbuf --length 9000 --offset 200";
    own_chain_loses_alignment: "--tag alignment=8,lowaddr=32-bit,maxsize=16K --tag nsegments=4 --length 24K --offset 2";
    child_of_a_preset: "--preset pci-root --tag lowaddr=24-bit,nsegments=2 --length 12K --layout pages=0x5000,0x200000000,0x7000";
    kept_offset_json: "--preset ehci --length 6000 --offset 7 --json";
    too_many_segments_json: "--preset vge --length 16K --layout scattered:1 --offset 16 --json";
    pool_too_small_json: "--preset ata --length 64K --pool 16 --json";
}

#[test]
fn tags_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = "[[tag]]\nname = \"bridge\"\nboundary = \"1M\"\nlowaddr = \"30-bit\"\n\
                filter = { deny = [[\"4G\", \"0x13fffffff\"]] }\n\n\
                [[tag]]\nname = \"dma\"\nalignment = 4\nnsegments = 8\nmaxsegsz = \"64K\"\nflags = [\"coherent\"]\nlock = false\n";
    std::fs::write(dir.path().join("tags.toml"), file).unwrap();
    let layout = "pages=0x100000000,0x140000000,0x140001000";
    let output = busdma()
        .current_dir(&dir)
        .args(["plan", "--tags", "tags.toml", "--length", "12K", "--layout", layout])
        .output()
        .unwrap();
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn all_shows_every_segment() {
    let text = plan("--preset nvme --length 128K --offset 512 --all");
    assert!(text.contains("\n  20  0x120014000    4096"), "{text}");
    assert!(!text.contains("(--all)"), "{text}");
}

#[test]
fn the_same_seed_gives_the_same_plan() {
    let arguments = "--preset nvme --length 128K --offset 512 --layout scattered:7";
    assert_eq!(plan(arguments), plan(arguments));
    assert_ne!(plan(arguments), plan("--preset nvme --length 128K --offset 512 --layout scattered:8"));
}
