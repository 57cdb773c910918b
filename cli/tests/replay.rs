//! What `busdma replay` prints and answers, for small traces in `tests/data`.

use assert_cmd::Command;
use std::fmt::Write as _;
use std::fs;

/// Runs `busdma replay` in `tests/data` and gives its command line, output and exit code.
fn replay(arguments: &str) -> String {
    let output = command(arguments).output().unwrap();
    let mut text = format!("$ busdma replay {arguments}\n{}", String::from_utf8(output.stdout).unwrap());
    text.push_str(&String::from_utf8(output.stderr).unwrap());
    let _ = writeln!(text, "? {}", output.status.code().unwrap());
    text
}

fn command(arguments: &str) -> Command {
    let mut command = Command::cargo_bin("busdma").unwrap();
    command.current_dir("tests/data").arg("replay").args(arguments.split_whitespace());
    command
}

macro_rules! snapshots {
    ($($name:ident: $arguments:expr;)*) => {
        $(
            #[test]
            fn $name() {
                insta::assert_snapshot!(stringify!($name), replay($arguments));
            }
        )*
    };
}

snapshots! {
    all_match: "match.jsonl match.jsonl.zst";
    differences: "match.jsonl differs.jsonl";
    differences_json: "--format json differs.jsonl";
    differences_junit: "--format junit match.jsonl differs.jsonl unknown-operation.jsonl";
    until_hazard: "--until-hazard differs-behind-hazard.jsonl";
    another_profile: "--profile strict match.jsonl";
    torn_last_line: "torn.jsonl";
    unusable_files: "unknown-operation.jsonl missing-field.jsonl match.jsonl empty.jsonl not-there.jsonl";
    unusable_wins_over_different: "differs.jsonl empty.jsonl";
    standard_input_twice: "- -";
    no_file: "";
    no_jobs: "--jobs 0 match.jsonl";
}

#[test]
fn standard_input() {
    let output = command("-").write_stdin(fs::read("tests/data/match.jsonl").unwrap()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "2 scenarios, 14 operations: 2 match, 0 differ\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_output_does_not_depend_on_the_workers() {
    let files = "match.jsonl differs.jsonl match.jsonl.zst differs-behind-hazard.jsonl torn.jsonl differs.jsonl";
    let one_worker = command(&format!("--jobs 1 {files}")).output().unwrap();
    for jobs in ["", "--jobs 2", "--jobs 7"] {
        let output = command(&format!("{jobs} {files}")).output().unwrap();
        assert_eq!(output, one_worker, "{jobs}");
    }
}
