//! What else a screen can show: help, prompts, what is frozen, gone or too small, and other moments.

use crate::seat::Seat;
use crate::{check, sources};
use busdma_dashboards::views::View;

#[test]
fn help() {
    check("help", sources::demo, View::Help, "");
    check("help-end", sources::demo, View::Help, "G");
    check("help-filtered", sources::demo, View::Help, "/ \"deferral enter");
}

#[test]
fn lists() {
    check("filter-typed", sources::thousands, View::Maps, "/ \"map:m12");
    check("filter-kept", sources::thousands, View::Maps, "/ \"map:m12 enter");
    check("filter-of-nothing", sources::thousands, View::Maps, "/ \"nosuchmap enter");
    check("sorted", sources::thousands, View::Maps, "s s s s s S");
    check("last-row", sources::thousands, View::Maps, "G");
}

#[test]
fn origins() {
    check("frozen", sources::demo, View::Overview, "space");
    check("disconnected", sources::disconnected, View::Overview, "");
    check("no-machines", sources::no_machines, View::Overview, "");
    check("one-machine-of-two", sources::demo, View::Zones, "m");
}

#[test]
fn time() {
    check("middle", sources::pressure, View::Overview, "g \"50% enter");
    check("middle-asked", sources::pressure, View::Overview, "g enter");
    check("first-deferral", sources::pressure, View::Waiters, "g \"0% enter ]");
    check("no-deferral", sources::pressure, View::Waiters, "]");
}

#[test]
fn too_small() {
    for (size, text) in [
        ((39, 9), "39×9, need 40×10"),
        ((40, 9), "40×9, need 40×10"),
        ((80, 9), "terminal of 80×9 is too small: 40×10 needed"),
        ((7, 1), "<40×10"),
        ((1, 1), "!"),
    ] {
        let screen = Seat::new(sources::demo(), View::Overview, size).framed();
        let lines: Vec<&str> = screen.lines().collect();
        assert_eq!(lines[1], text, "{screen}");
        assert!(lines[2..lines.len() - 1].iter().all(|line| line.is_empty()), "{screen}");
    }
}
