//! A panic, on whatever thread, is read on a terminal that is as it was.

use crate::tmux::Terminal;
use busdma_dashboards::terminal::Screen;
use std::env;
use std::thread;

const WORDS: &str = "nothing may be lost";

fn check(child: &str) {
    let mut terminal = Terminal::open();
    let program = env::current_exe().unwrap();
    terminal.runs(&format!("'{}' --ignored --exact panics::{child} --nocapture", program.display()));
    terminal.shows(WORDS);
    terminal.is_with_the_shell();
    let screen = terminal.screen();
    assert!(!screen.contains("on the screen"), "what was drawn is gone:\n{screen}");
    terminal.is_sane();
}

fn draw(screen: &mut Screen, text: &'static str) {
    screen.draw(|area| area.render_widget(text, area.area())).unwrap();
}

#[test]
fn on_the_thread_that_draws() {
    check("child_that_draws");
}

#[test]
fn on_another_thread() {
    check("child_with_another_thread");
}

#[test]
#[ignore = "runs in the terminal of another test"]
fn child_that_draws() {
    let mut screen = Screen::take().unwrap();
    draw(&mut screen, "on the screen");
    panic!("{WORDS}");
}

#[test]
#[ignore = "runs in the terminal of another test"]
fn child_with_another_thread() {
    let mut screen = Screen::take().unwrap();
    draw(&mut screen, "on the screen");
    thread::spawn(|| panic!("{WORDS}")).join().unwrap_err();
    assert!(screen.is_lost_to_a_panic());
    draw(&mut screen, "still on the screen");
}
