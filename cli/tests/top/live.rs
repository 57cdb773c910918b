//! A daemon under load, gone, and back.

use crate::host::Busdmad;
use crate::tmux::Terminal;
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn a_daemon_under_load_goes_and_comes_back() {
    let mut daemon = Busdmad::start(&[]);
    let _load = daemon.spawn(&["demo", "--seconds", "600", "--rate", "5000"]);
    let mut terminal = Terminal::open();
    terminal.runs(&format!("busdma top --socket '{}' --interval 200", daemon.socket().display()));
    terminal.shows("[1 Overview]");
    terminal.shows("vm1");
    for (key, tab) in [("3", "[3 Waiters]"), ("4", "[4 Maps]"), ("5", "[5 Latency]"), ("6", "[6 Decisions]")] {
        terminal.keys(&[key]);
        terminal.shows(tab);
    }
    // The log is asked for when it is looked at.
    terminal.shows("bounced");
    terminal.keys(&["2"]);
    terminal.shows("[2 Zones]");
    daemon.kill();
    terminal.shows("disconnected since");
    // The last frame stays.
    assert!(terminal.screen().contains("24-bit"), "{}", terminal.screen());

    // Another one where the old one was.
    let next = Busdmad::start(&[]);
    let _load = next.spawn(&["demo", "--seconds", "600", "--rate", "5000"]);
    let _ = fs::remove_file(daemon.socket());
    symlink(next.socket(), daemon.socket()).unwrap();
    terminal.awaits("a daemon that is back", |screen| screen.contains("live") && !screen.contains("disconnected"));
    terminal.signals(Signal::TERM);
    terminal.ends_with(143);
}

#[test]
fn no_daemon_is_said_before_the_terminal_is_taken() {
    let mut terminal = Terminal::open();
    terminal.runs("busdma top --socket not/there.varlink");
    terminal.shows("error: no busdmad at not/there.varlink: start it with `busdmad`");
    terminal.ends_with(3);
}
