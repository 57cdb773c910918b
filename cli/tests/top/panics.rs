//! A panic, on whatever thread, is read on a terminal that is as it was.

use crate::tmux::Terminal;
use busdma_dashboards::terminal::Screen;
use std::env;
use std::thread;

const WORDS: &str = "nothing may be lost";

/// In the environment of the process that panics: a test runs itself again, in a terminal.
const IN_TERMINAL: &str = "BUSDMA_TEST_PANICS";

fn check(test: &str, panics: fn(Screen)) {
    if env::var_os(IN_TERMINAL).is_some() {
        return panics(Screen::take().unwrap());
    }
    let mut terminal = Terminal::open();
    let program = env::current_exe().unwrap();
    terminal.runs(&format!("{IN_TERMINAL}=1 '{}' --exact panics::{test} --nocapture", program.display()));
    terminal.shows(WORDS);
    terminal.is_with_the_shell();
    let screen = terminal.screen();
    assert!(!screen.contains("on the screen"), "what was drawn is gone:\n{screen}");
    terminal.is_sane();
}

#[test]
fn on_the_thread_that_draws() {
    check("on_the_thread_that_draws", |mut screen| {
        draw(&mut screen, "on the screen");
        panic!("{WORDS}");
    });
}

#[test]
fn on_another_thread() {
    check("on_another_thread", |mut screen| {
        draw(&mut screen, "on the screen");
        thread::spawn(|| panic!("{WORDS}")).join().unwrap_err();
        assert!(screen.is_lost_to_a_panic());
        draw(&mut screen, "still on the screen");
    });
}

fn draw(screen: &mut Screen, text: &'static str) {
    screen.draw(|area| area.render_widget(text, area.area())).unwrap();
}
