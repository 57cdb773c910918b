//! Texts that are typed at the bottom.

use super::*;

#[test]
fn words_are_removed_whatever_parts_them() {
    for (pasted, kept) in [
        ("one two", "one "),
        ("one two  ", "one "),
        ("one", ""),
        ("a\u{a0}b", "a\u{a0}"),
        ("日本\u{3000}語", "日本\u{3000}"),
        ("\u{3000}", ""),
    ] {
        let mut seat = Seat::at(View::Maps, frame(OriginKind::Live, 1, 30));
        seat.press("/");
        seat.app.input(&Event::Paste(pasted.to_owned()));
        seat.press("ctrl-w");
        assert_eq!(seat.app.list().filter.text(), kept, "{pasted:?}");
    }
}

#[test]
fn a_click_ends_what_is_typed() {
    let mut seat = Seat::at(View::Maps, frame(OriginKind::Recording, 500, 30));
    seat.press("/ \"m2");
    let tab = seat.line(1).find("Zones").unwrap();
    seat.click(u16::try_from(tab).unwrap(), 1);
    assert!(seat.app.prompt.is_none());
    seat.press("x esc 4");
    seat.shows("· filter \"m2\"");
    assert!(seat.app.lists[View::Zones as usize].filter.is_empty());
}

#[test]
fn what_is_wrong_is_told_on_narrow_screens_too() {
    let without_a_clock = Frame { unix_ns: None, ..Frame::clone(&frame(OriginKind::Recording, 500, 3)) };
    let mut seat = Seat::at(View::Zones, Arc::new(without_a_clock));
    for (width, typed, line) in [
        (80, "12:03:01", "go to: 12:03:01  what is shown does not say what time of day it was; +5s, 50% o…"),
        (50, "noon", "go to: noon  `noon` is no moment; 12:03:01, +5s,…"),
        (40, "noon", "go to: noon  `noon` is no moment; 12:03…"),
    ] {
        seat.screen = Terminal::new(TestBackend::new(width, 12)).unwrap();
        seat.press(&format!("g enter \"{typed} enter"));
        assert_eq!(seat.line(11), line, "{width}");
        seat.press("esc");
    }
}
