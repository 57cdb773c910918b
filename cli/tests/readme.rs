//! The README's console blocks are run and compared, so that what it shows is what the tool does. `README=overwrite` in the
//! environment writes what the tool prints into it instead.

use std::path::Path;
use std::process::Command;

/// One command of a console block with the lines printed below it.
struct Example {
    command: String,
    output: String,
}

#[test]
fn every_console_block_shows_what_the_tool_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = root.join("README.md");
    let mut readme = std::fs::read_to_string(&path).unwrap();
    let ci = std::fs::read_to_string(root.join(".ci/run")).unwrap();
    let overwrite = std::env::var("README").is_ok_and(|value| value == "overwrite");
    let mut ran = 0;
    for Example { command, output } in examples(&readme.clone()) {
        let Some(arguments) = busdma_arguments(&command) else {
            assert!(ci.lines().any(|line| line == command), "CI runs {command:?}, as the README says");
            continue;
        };
        let printed = run(&root, &arguments);
        if overwrite {
            let (old, new) = (format!("$ {command}\n{output}```"), format!("$ {command}\n{printed}```"));
            readme = readme.replacen(&old, &new, 1);
        } else {
            assert_eq!(printed, output, "$ {command}\nREADME=overwrite cargo test -p busdma --test readme renews it");
        }
        ran += 1;
    }
    assert!(ran >= 3, "the README shows the tool at work; only {ran} examples were found");
    if overwrite {
        std::fs::write(path, readme).unwrap();
    }
}

#[test]
fn the_settings_it_shows_are_settings() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let (_, rest) = readme.split_once("```toml top\n").expect("README has settings");
    let (settings, _) = rest.split_once("```").unwrap();
    busdma_dashboards::settings::Settings::parse(settings).unwrap();
}

fn run(root: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_busdma"));
    // Whoever runs the tests may have another time zone, and settings.
    command.args(arguments).current_dir(root).env("TZ", "UTC").env("XDG_CONFIG_HOME", "/nowhere");
    let output = command.output().unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

fn examples(readme: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if inside => add_line(&mut examples, line),
            _ => {}
        }
    }
    examples
}

fn add_line(examples: &mut Vec<Example>, line: &str) {
    if let Some(command) = line.strip_prefix("$ ") {
        examples.push(Example { command: command.to_owned(), output: String::new() });
        return;
    }
    let example = examples.last_mut().expect("a block starts with a command");
    example.output.push_str(line);
    example.output.push('\n');
}

/// The arguments behind `busdma` or `cargo run --release --`.
fn busdma_arguments(command: &str) -> Option<Vec<&str>> {
    let arguments = command.strip_prefix("busdma ").or_else(|| command.strip_prefix("cargo run --release -- "))?;
    Some(arguments.split_whitespace().collect())
}
