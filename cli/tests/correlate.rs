//! What `busdma correlate` prints and answers, for captures of a real kernel.

use assert_cmd::Command;
use std::fmt::Write as _;
use std::fs;

/// The captures, seen from where the tests run it.
const CAPTURES: &str = "../daemon/host/tests/data";

fn command(arguments: &str) -> Command {
    let mut command = Command::cargo_bin("busdma").unwrap();
    command.current_dir(CAPTURES).arg("correlate").args(arguments.split_whitespace());
    command
}

/// Runs `busdma correlate` among the captures and gives its command line, output and exit code.
fn correlate(arguments: &str) -> String {
    let output = command(arguments).output().unwrap();
    let mut text = format!("$ busdma correlate {arguments}\n{}", String::from_utf8(output.stdout).unwrap());
    text.push_str(&String::from_utf8(output.stderr).unwrap());
    let _ = writeln!(text, "? {}", output.status.code().unwrap());
    text
}

macro_rules! snapshots {
    ($($name:ident: $arguments:expr;)*) => {
        $(
            #[test]
            fn $name() {
                insta::assert_snapshot!(stringify!($name), correlate($arguments));
            }
        )*
    };
}

snapshots! {
    forced: "nvme-force";
    forced_without_facts: "nvme-force/trace.txt.zst";
    exhausted: "nvme-pool1M";
    one_list_too_many: "udma-pool1M";
    one_list_too_many_json: "udma-pool1M --json";
    natural: "e1000-6G-natural";
    never_mapped: "ide32-6G-noforce";
    translated: "nvme-iommu";
    translated_wins_over_force: "nvme-iommu-swforce";
    passed_through: "nvme-vblk-iommu-pt";
    live_at_the_end: "udma-direct";
    wrong_facts: "e1000-6G-natural --device 0000:00:03.0:dma_mask_bits=64,iommu_group=9:DMA";
    no_such_file: "no-such-trace.txt";
    no_events: "nvme-force/pci.txt";
    no_trace_in_it: "..";
    two_directories: "nvme-force nvme-iommu";
    standard_input_twice: "- -";
    unknown_key: "nvme-force --device 0000:00:02.0:dma_mask=32";
    no_device_named: "nvme-force --device dma_mask_bits=32";
    facts_not_understood: "nvme-force --swiotlb nvme-force/cmdline.txt";
    no_file: "";
}

#[test]
fn standard_input_is_a_file_like_any_other() {
    let packed = fs::File::open(format!("{CAPTURES}/nvme-direct/trace.txt.zst")).unwrap();
    let text = zstd::decode_all(packed).unwrap();
    let facts = "--pci nvme-direct/pci.txt --queue nvme-direct/queue.txt --cmdline nvme-direct/cmdline.txt";
    let piped = command(&format!("- {facts}")).write_stdin(text).output().unwrap();
    let read = command(&format!("nvme-direct/trace.txt.zst {facts}")).output().unwrap();
    let piped_text = String::from_utf8(piped.stdout).unwrap();
    let read_text = String::from_utf8(read.stdout).unwrap();
    assert_eq!(piped_text.replace("<stdin>", "nvme-direct/trace.txt.zst"), read_text);
    assert_eq!((piped.status.code(), read.status.code()), (Some(0), Some(0)));
}

#[test]
fn parts_of_a_recording_are_one_recording() {
    let packed = fs::File::open(format!("{CAPTURES}/nvme-force/trace.txt.zst")).unwrap();
    let whole = String::from_utf8(zstd::decode_all(packed).unwrap()).unwrap();
    let middle = whole.lines().count() / 2;
    let directory = tempfile::tempdir().unwrap();
    let part = |name: &str, lines: Vec<&str>| {
        let path = directory.path().join(name);
        fs::write(&path, lines.join("\n")).unwrap();
        path.display().to_string()
    };
    let first = part("first.txt", whole.lines().take(middle).collect());
    let second = part("second.txt", whole.lines().skip(middle).collect());
    let last_line = |arguments: &str| {
        let output = command(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().last().unwrap_or_default().to_owned()
    };
    assert_eq!(last_line(&format!("{first} {second}")), last_line("nvme-force/trace.txt.zst"));
}

#[test]
fn a_capture_says_the_same_as_the_text_it_was_made_of() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nvme.busdma-host.zst");
    fs::write(&path, zstd::encode_all(&*capture_of("nvme-force"), 1).unwrap()).unwrap();
    let json = |argument: &str| -> serde_json::Value {
        let output = command(&format!("{argument} --json")).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let (capture, text) = (json(&path.display().to_string()), json("nvme-force/trace.txt.zst"));
    assert_eq!(capture["sources"][0]["format"], "capture");
    for part in ["events", "totals", "devices", "verdicts", "pool", "live"] {
        assert_eq!(capture[part], text[part], "{part}");
    }
}

fn capture_of(name: &str) -> Vec<u8> {
    use busdma_host::capture::{CaptureWriter, Header};
    use busdma_host::text::TextReader;
    let packed = fs::File::open(format!("{CAPTURES}/{name}/trace.txt.zst")).unwrap();
    let text = std::io::BufReader::new(zstd::Decoder::new(packed).unwrap());
    let mut writer = CaptureWriter::new(Vec::new(), &Header::default()).unwrap();
    let mut reader = TextReader::new();
    for event in reader.events(text) {
        writer.write_event(&event.unwrap()).unwrap();
    }
    writer.finish().unwrap()
}
