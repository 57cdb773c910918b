//! A recording, back and forth in time.

use crate::host::Busdmad;
use crate::tmux::Terminal;
use std::fs;
use std::path::PathBuf;

/// What a daemon has recorded of two seconds of load.
fn recorded(daemon: &Busdmad) -> PathBuf {
    let _ = daemon.failure(&["record", "stop"]);
    daemon.stdout(&["record", "start", "load", "--compression", "none"]);
    daemon.stdout(&["demo", "--seconds", "2", "--rate", "2000", "--json"]);
    daemon.stdout(&["record", "stop"]);
    let files = fs::read_dir(daemon.dir().join("recordings/load")).unwrap().map(|entry| entry.unwrap().path());
    files.max_by_key(|path| fs::metadata(path).unwrap().len()).expect("there is a file")
}

#[test]
fn it_is_scrubbed() {
    let daemon = Busdmad::start(&["--record", "recordings"]);
    let recording = recorded(&daemon);
    let mut terminal = Terminal::open();
    terminal.runs(&format!("busdma top --replay '{}' --at 0%", recording.display()));
    terminal.shows("[1 Overview]");
    terminal.shows("paused");
    let start = moment(&terminal.screen());
    terminal.keys(&["g"]);
    terminal.types("50%");
    let half = after(&terminal, &["Enter"]);
    assert_ne!(half, start);
    for (on, back) in [("Right", "Left"), ("S-Right", "S-Left")] {
        assert_ne!(after(&terminal, &[on]), half, "{on}");
        assert_eq!(after(&terminal, &[back]), half, "{back}");
    }
    // One alone may be less than the clock's millisecond away.
    let later = after(&terminal, &["]"; 5]);
    assert_ne!(later, half);
    assert_ne!(after(&terminal, &["["; 5]), later);
    assert_eq!(after(&terminal, &["]"; 5]), later);
    terminal.keys(&["q"]);
    terminal.ends_with(0);
}

/// The moment to which keys lead. They are taken in order: what the keys behind them lead to comes after it.
fn after(terminal: &Terminal, keys: &[&str]) -> String {
    terminal.keys(keys);
    for (key, tab) in [("8", "[8 Help]"), ("1", "[1 Overview]")] {
        terminal.keys(&[key]);
        terminal.shows(tab);
    }
    moment(&terminal.screen())
}

/// What the clock at the top shows.
fn moment(screen: &str) -> String {
    let words = screen.lines().next().into_iter().flat_map(str::split_whitespace);
    words.filter(|word| word.matches(':').count() == 2).collect()
}

#[test]
fn one_frame_of_it() {
    let daemon = Busdmad::start(&["--record", "recordings"]);
    let recording = recorded(&daemon);
    let recording = recording.to_str().unwrap();
    let json = |at: &[&str]| -> serde_json::Value {
        let arguments = [&["top", "--once", "--json", "--replay", recording], at].concat();
        serde_json::from_str(&daemon.stdout(&arguments)).unwrap()
    };
    let moment = |frame: &serde_json::Value| frame["t_ns"].as_u64().expect("a moment");
    let (end, middle, start) = (json(&[]), json(&["--at", "50%"]), json(&["--at", "0%"]));
    assert!(moment(&start) < moment(&middle) && moment(&middle) < moment(&end), "the end is shown unless told");
    assert_eq!(json(&["--at", "100%"])["machines"], end["machines"]);
    let text =
        daemon.stdout(&["top", "--once", "--replay", recording, "--view", "maps", "--width", "80", "--height", "24"]);
    assert!(text.contains("[4 Maps]") && text.lines().count() == 24, "{text}");
}
