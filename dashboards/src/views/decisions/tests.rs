use super::*;
use crate::frame::{BounceWhy, DecisionLog, Frame, SplitWhy, What};
use crate::list::Filter;
use crate::views::fixtures;

fn frame(loads: u64) -> Frame {
    let mut frame = fixtures::empty();
    let why = BounceWhy::Window { lowaddr: 0xff_ffff, highaddr: u64::MAX };
    for load in 0..loads {
        let map = format!("vm1/m{load}");
        let whats = [
            What::Counted { pages: 1 },
            What::Split { segment: 0, addr: 0x5000, len: 4096, why: SplitWhy::First },
            What::Bounced { client: 0x100_0000, bounce: 0x1000, len: 4096, why },
            What::Split { segment: 1, addr: 0x1000, len: 4096, why: SplitWhy::Discontiguous },
            What::Loaded { segments: 2, bpages: Some(1) },
        ];
        for what in whats {
            frame.decisions.push(fixtures::decision(81_250_000_000, &map, what));
        }
    }
    frame
}

fn drawn(frame: &Frame, list: &mut ListState, view: &mut LogView, size: (u16, u16)) -> Vec<String> {
    fixtures::lines(frame, size, |scene, area, buf| draw(scene, list, view, area, buf))
}

#[test]
fn the_newest_are_at_the_bottom() {
    let frame = frame(3);
    let (mut list, mut view) = (ListState::default(), LogView::default());
    let lines = drawn(&frame, &mut list, &mut view, (100, 4));
    let expected = [
        "15 decisions",
        "    81.250 s vm1/m2         s1    bounced     0x1000000+4096 via 0x1000: above 24-bit",
        "    81.250 s vm1/m2         s1    split       segment 1 at 0x1000+4096: not adjacent",
        "    81.250 s vm1/m2         s1    loaded      has 2 segments and 1 bounce page",
    ];
    assert_eq!(lines, expected);
    assert_eq!((list.cursor, list.shown, list.page), (14, 15, 3));
    list.filter = Filter::new("loaded");
    let lines = drawn(&frame, &mut list, &mut view, (40, 5));
    let expected = [
        "15 decisions, 3 match",
        "vm1/m0     has 2 segments and 1 bounce…",
        "vm1/m1     has 2 segments and 1 bounce…",
        "vm1/m2     has 2 segments and 1 bounce…",
        "",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn what_is_missing_is_told() {
    let mut frame = fixtures::empty();
    frame.lost.decisions = 7;
    let (mut list, mut view) = (ListState::default(), LogView::default());
    let lines = drawn(&frame, &mut list, &mut view, (80, 3));
    assert_eq!(lines, ["0 decisions, 7 lost: they came too fast", "No decisions yet.", ""]);
}

#[test]
fn a_recording_says_of_how_much_it_shows_decisions() {
    let whole = frame(200);
    let mut log = DecisionLog::of_last(512);
    whole.decisions.iter().for_each(|decision| log.push(decision.clone()));
    let frame = Frame { decisions: log, ..whole };
    let (mut list, mut view) = (ListState::default(), LogView::default());
    let mut title = |act: fn(&mut ListState)| {
        act(&mut list);
        drawn(&frame, &mut list, &mut view, (100, 10)).swap_remove(0)
    };
    assert_eq!(title(|_| {}), "1000 decisions of the last 512 operations");
    assert_eq!(title(ListState::first), "1000 decisions of the last 512 operations, go back in time for any earlier");
    assert_eq!(title(|list| list.down(20)), "1000 decisions of the last 512 operations");
}

#[test]
fn a_load_whose_beginning_is_not_kept() {
    let mut frame = fixtures::empty();
    let whats = [
        What::Split { segment: 3, addr: 0x5000, len: 4096, why: SplitWhy::NotTold },
        What::Split { segment: 4, addr: 0x9000, len: 4096, why: SplitWhy::Discontiguous },
        What::Loaded { segments: 5, bpages: Some(0) },
    ];
    for what in whats {
        frame.decisions.push(fixtures::decision(0, "vm1/m1", what));
    }
    let mut list = fixtures::list(0, Detail::Open, "");
    let lines = drawn(&frame, &mut list, &mut LogView::default(), (80, 20));
    let expected = [
        "from segment 3 on: 2 segments of 8.00 KiB, 0 B bounced; loaded".to_owned(),
        format!("│3{}│4", " ".repeat(38)),
        "█".repeat(80),
        format!("0   █ direct   ▒ bounced{}8.00 KiB", " ".repeat(48)),
    ];
    assert_eq!(lines[10..14], expected);
    assert!(lines[14].starts_with("   3 0x5000  4.00 KiB") && lines[15].starts_with("   4 0x9000"), "{lines:#?}");
}

#[test]
fn the_load_of_the_decision_under_the_cursor() {
    let frame = frame(2);
    let mut list = fixtures::list(0, Detail::Open, "");
    let lines = drawn(&frame, &mut list, &mut LogView::default(), (80, 20));
    let pane = &lines[8..];
    let expected = [
        format!("── vm1/m1 {}", "─".repeat(70)),
        "has 2 segments and 1 bounce page".to_owned(),
        "2 segments of 8.00 KiB, 4.00 KiB bounced; loaded".to_owned(),
        format!("│0{}│1", " ".repeat(38)),
        format!("{}{}", "█".repeat(40), "▒".repeat(40)),
        format!("0   █ direct   ▒ bounced{}8.00 KiB", " ".repeat(48)),
        "   0 0x5000  4.00 KiB  first piece".to_owned(),
        "   1 0x1000  4.00 KiB  not adjacent".to_owned(),
        format!("{}▒ bounced from 0x1000000: above 24-bit", " ".repeat(5)),
    ];
    assert_eq!(pane[..9], expected);
}

#[test]
fn every_size_is_survived() {
    for loads in [0, 1, 500] {
        let frame = frame(loads);
        for size in fixtures::SIZES {
            for (detail, filter) in [(Detail::Closed, ""), (Detail::Open, ""), (Detail::Open, "m0 split")] {
                let mut list = fixtures::list(0, detail, filter);
                let lines = drawn(&frame, &mut list, &mut LogView::default(), size);
                assert!(size.0 < 20 || size.1 == 0 || lines[0].contains("decision"), "{loads} {size:?} {lines:?}");
            }
        }
    }
}
