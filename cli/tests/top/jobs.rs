//! Ends and stops: the shell always gets its terminal back.

use crate::tmux::Terminal;
use rustix::process::Signal;

fn demo() -> Terminal {
    let terminal = Terminal::open();
    terminal.runs("busdma top --demo");
    terminal.shows("[1 Overview]");
    terminal
}

#[test]
fn signals_end_it() {
    let mut terminal = demo();
    let check = |terminal: &mut Terminal, signal: Signal, code| {
        terminal.signals(signal);
        terminal.ends_with(code);
        terminal.succeeds("clear");
        terminal.runs("busdma top --demo");
        terminal.shows("[1 Overview]");
    };
    check(&mut terminal, Signal::TERM, 143);
    check(&mut terminal, Signal::INT, 130);
    check(&mut terminal, Signal::HUP, 129);
    check(&mut terminal, Signal::QUIT, 131);
    terminal.keys(&["C-c"]);
    terminal.ends_with(0);
}

#[test]
fn it_stops_and_goes_on_as_a_job() {
    let mut terminal = demo();
    terminal.keys(&["2"]);
    terminal.shows("[2 Zones]");
    terminal.keys(&["C-z"]);
    terminal.shows("Stopped");
    terminal.is_sane();
    terminal.runs("fg");
    terminal.shows("[2 Zones]");
    terminal.signals(Signal::TSTP);
    terminal.shows("Stopped");
    terminal.is_sane();
    terminal.runs("fg");
    terminal.shows("[2 Zones]");
    terminal.keys(&["3"]);
    terminal.shows("[3 Waiters]");
    terminal.keys(&["q"]);
    terminal.ends_with(0);
}

#[test]
fn a_stopped_job_can_be_ended() {
    let mut terminal = demo();
    terminal.keys(&["C-z"]);
    terminal.shows("Stopped");
    terminal.is_sane();
    let program = terminal.program();
    terminal.succeeds("clear; kill %1");
    program.ends();
    terminal.succeeds("jobs");
    terminal.succeeds("test -z \"$(jobs)\"");
    terminal.is_sane();
}

/// It leaves the terminal alone there. What is typed to the shell stops it again, as it does all who read the terminal.
#[test]
fn a_job_is_called_back_from_the_background() {
    let mut terminal = demo();
    terminal.keys(&["C-z"]);
    terminal.shows("Stopped");
    terminal.succeeds("clear; bg");
    terminal.is_sane();
    terminal.runs("fg");
    terminal.awaits("the view alone", |screen| screen.contains("[1 Overview]") && !screen.contains("code="));
    terminal.keys(&["q"]);
    terminal.ends_with(0);
}

#[test]
fn a_stop_that_it_cannot_see_coming() {
    let mut terminal = demo();
    terminal.signals(Signal::STOP);
    terminal.shows("Stopped");
    // The shell sets the line as it likes it, so that this can be typed; the alternate screen stays.
    terminal.runs("fg");
    terminal.awaits("the view alone", |screen| screen.contains("[1 Overview]") && !screen.contains("Stopped"));
    terminal.keys(&["q"]);
    terminal.ends_with(0);
}

#[test]
fn a_terminal_that_goes_away_ends_it() {
    let terminal = demo();
    let program = terminal.program();
    drop(terminal);
    program.ends();
}

#[test]
fn without_a_shell_it_does_not_stop() {
    let terminal = Terminal::open();
    terminal.runs("exec busdma top --demo");
    terminal.shows("[1 Overview]");
    terminal.keys(&["C-z"]);
    terminal.shows("there is no shell to go back to");
    terminal.keys(&["2"]);
    terminal.shows("[2 Zones]");
}
