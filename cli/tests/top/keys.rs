//! Keys that come faster than the screen is drawn, and screens that do not know their size.

use crate::tmux::Terminal;
use std::fs;

#[test]
fn keys_typed_ahead_are_for_the_view_that_comes() {
    let terminal = Terminal::open();
    terminal.runs("busdma top --demo");
    terminal.shows("[1 Overview]");
    terminal.types("4s");
    terminal.shows("[4 Maps]");
    terminal.shows("sorted ▲ by: ");
}

#[test]
fn a_serial_line_exports_what_it_shows() {
    let mut terminal = Terminal::open();
    terminal.succeeds("stty rows 0 columns 0");
    terminal.runs("busdma top --demo");
    terminal.shows("[1 Overview]");
    terminal.keys(&["e"]);
    terminal.shows("written to busdma-top-");
    terminal.keys(&["q"]);
    let names = fs::read_dir(terminal.dir()).unwrap().map(|entry| entry.unwrap().path());
    let path = names.into_iter().find(|path| path.to_str().unwrap().contains("busdma-top-")).unwrap();
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains("[1 Overview]") && text.lines().count() == 24, "{text}");
}
