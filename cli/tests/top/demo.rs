//! Views and keys, on the demonstration.

use crate::tmux::Terminal;
use std::fs;
use std::thread;
use std::time::Duration;

/// What each view's tab says, in their order.
const TABS: [&str; 8] = ["Overview", "Zones", "Waiters", "Maps", "Latency", "Decisions", "Host", "Help"];

fn demo(arguments: &str) -> Terminal {
    let terminal = Terminal::open();
    terminal.runs(&format!("busdma top --demo {arguments}"));
    terminal
}

fn tab(nth: usize) -> String {
    format!("[{} {}]", nth + 1, TABS[nth])
}

#[test]
fn every_view() {
    let mut terminal = demo("");
    terminal.shows(&tab(0));
    for nth in 0..TABS.len() {
        terminal.keys(&[&(nth + 1).to_string()]);
        terminal.shows(&tab(nth));
    }
    terminal.keys(&["1"]);
    for nth in 0..TABS.len() {
        terminal.shows(&tab(nth));
        terminal.keys(&["Tab"]);
    }
    terminal.shows(&tab(0));
    terminal.keys(&["BTab"]);
    terminal.shows(&tab(7));
    terminal.keys(&["1"]);
    terminal.shows(&tab(0));
    terminal.keys(&["q"]);
    terminal.ends_with(0);
}

#[test]
fn a_view_to_begin_with() {
    let terminal = demo("--view decisions --theme light");
    terminal.shows(&tab(5));
}

#[test]
fn rows_are_filtered_and_sorted() {
    let mut terminal = demo("");
    terminal.keys(&["4"]);
    terminal.shows(&tab(3));
    terminal.shows("loaded");
    terminal.keys(&["/"]);
    terminal.shows("filter: ");
    terminal.types("no such map");
    terminal.awaits("no row", |screen| screen.contains("filter: no such map") && !screen.contains("loaded "));
    terminal.keys(&["Escape"]);
    terminal.shows("loaded");
    terminal.keys(&["Space"]);
    terminal.shows("frozen");
    terminal.keys(&["s"]);
    terminal.shows("machine▲");
    let rising = first_rows(&terminal.screen());
    terminal.keys(&["S"]);
    terminal.shows("machine▼");
    assert_ne!(first_rows(&terminal.screen()), rising, "of one frame, in the other order");
    terminal.keys(&["Space"]);
    terminal.awaits("frames that go on", |screen| !screen.contains("frozen"));
    terminal.keys(&["q"]);
    terminal.ends_with(0);
}

/// What stands below the title and the columns' names.
fn first_rows(screen: &str) -> Vec<String> {
    screen.lines().skip(4).take(10).map(str::to_owned).collect()
}

fn first_lines(screen: &str) -> Vec<String> {
    screen.lines().skip(2).take(10).map(str::to_owned).collect()
}

#[test]
fn a_frozen_screen_stays_as_it_is() {
    let terminal = demo("--interval 100");
    terminal.shows("live");
    let clock = |screen: &str| screen.lines().next().map(str::to_owned);
    let first = clock(&terminal.screen());
    terminal.awaits("a clock that goes", |screen| clock(screen) != first);
    terminal.keys(&["Space"]);
    terminal.shows("frozen");
    let body = first_lines(&terminal.screen());
    thread::sleep(Duration::from_millis(500));
    assert_eq!(first_lines(&terminal.screen()), body);
}

#[test]
fn tiny_and_back() {
    let mut terminal = demo("--view zones");
    terminal.shows(&tab(1));
    terminal.resize(20, 5);
    terminal.awaits("how small it is", |screen| screen.contains("20×5") && !screen.contains("Zones"));
    terminal.resize(1, 1);
    terminal.resize(200, 60);
    terminal.shows(&tab(1));
    terminal.resize(40, 10);
    terminal.shows("[2 Zones]");
    terminal.keys(&["q"]);
    terminal.resize(120, 40);
    terminal.ends_with(0);
}

#[test]
fn the_frame_is_exported() {
    let terminal = demo("");
    terminal.shows(&tab(0));
    terminal.shows("demo1");
    terminal.keys(&["e"]);
    terminal.shows("written to busdma-top-");
    terminal.keys(&["E"]);
    terminal.shows(".json");
    let mut files: Vec<_> = fs::read_dir(terminal.dir()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("busdma-top-"));
    files.sort_by_key(|path| path.extension().map(std::borrow::ToOwned::to_owned));
    let [json, text] = files.as_slice() else { panic!("two files: {files:?}") };
    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert!(json["machines"].as_array().is_some_and(|machines| !machines.is_empty()), "{json}");
    let text = fs::read_to_string(text).unwrap();
    assert!(text.contains(&tab(0)), "{text}");
    assert_eq!(text.lines().count(), 40, "as large as the screen");
}

#[test]
fn settings_change_keys() {
    let mut terminal = Terminal::open();
    let settings = terminal.dir().join(".config/busdma");
    fs::create_dir_all(&settings).unwrap();
    fs::write(settings.join("busdma.toml"), "[top.keys]\nquit = [\"x\"]\n").unwrap();
    terminal.runs("busdma top --demo");
    terminal.shows(&tab(0));
    terminal.keys(&["x"]);
    terminal.ends_with(0);
}

#[test]
fn a_screen_that_nothing_happens_on_costs_next_to_nothing() {
    let terminal = demo("");
    terminal.shows(&tab(0));
    terminal.keys(&["Space"]);
    terminal.shows("frozen");
    let program = terminal.program();
    let before = program.processor_ticks();
    thread::sleep(Duration::from_secs(2));
    let used = program.processor_ticks() - before;
    assert!(used <= 40, "{used} hundredths of 2 s: it never sleeps");
}
