use super::*;
use crate::frame::{Decision, DecisionLog, What};
use crate::source::{Moment, Towards};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use seat::{NOON, Seat, frame, machine, map};

mod seat;
mod time;
mod typing;

#[test]
fn keys_lead_through_the_views() {
    let mut seat = Seat::at(View::Overview, frame(OriginKind::Live, 1, 30));
    for (keys, view) in [
        ("2", View::Zones),
        ("tab", View::Waiters),
        ("tab", View::Maps),
        ("shift-tab", View::Waiters),
        ("5", View::Latency),
        ("6", View::Decisions),
        ("7", View::Host),
        ("8", View::Help),
        ("tab", View::Overview),
        ("shift-tab", View::Help),
        ("4", View::Maps),
        ("?", View::Help),
        ("q", View::Maps),
    ] {
        seat.press(keys);
        assert_eq!(seat.app.view(), view, "{keys}");
        assert_eq!(seat.effects, [], "{keys}");
    }
    seat.press("q");
    assert_eq!(seat.effects, [Effect::Quit]);
}

#[test]
fn a_filter_is_live_and_can_be_taken_back() {
    let mut seat = Seat::at(View::Maps, frame(OriginKind::Live, 1, 30));
    seat.shows("vm1/m15");
    seat.press("/ \"map:m2");
    seat.shows("filter: map:m2");
    seat.shows("11 of 30");
    assert!(!seat.text().contains("vm1/m15"));
    seat.press("esc");
    seat.shows("vm1/m14");
    assert!(!seat.text().contains("map:m2"), "{}", seat.text());
    seat.press("/ \"map:m2 backspace \"30 backspace enter");
    seat.shows("2 of the 30 oldest of 31 · filter \"map:m3\"");
    seat.press("q");
    assert!(!seat.text().contains("· filter"), "q takes the filter back first");
    seat.press("/ backspace");
    assert_eq!(seat.effects, []);
    assert!(!seat.text().contains("filter:"));
}

#[test]
fn sorting_goes_through_the_columns_and_back() {
    let mut seat = Seat::at(View::Maps, frame(OriginKind::Live, 1, 30));
    seat.press("s");
    seat.shows("map▲");
    seat.shows("sorted ▲ by: the map");
    seat.press("S");
    seat.shows("map▼");
    assert!(seat.line(4).contains("vm1/m9 "), "{}", seat.text());
    let columns = seat.app.list().columns.len();
    for _ in 1..columns {
        seat.press("s");
    }
    assert!(seat.app.list().sort.is_some());
    seat.press("s");
    assert_eq!(seat.app.list().sort, None);
}

#[test]
fn the_cursor_goes_where_keys_send_it() {
    let mut seat = Seat::at(View::Maps, frame(OriginKind::Live, 1, 30));
    for (keys, row) in [("j j", 2), ("k", 1), ("G", 29), ("g g", 0), ("end", 29), ("home", 0), ("pgdn", 14), ("up", 13)]
    {
        seat.press(keys);
        assert_eq!(seat.app.list().cursor, row, "{keys}");
    }
    seat.press("g");
    seat.shows("g…");
    seat.press("esc enter");
    seat.shows("── vm1/m14 ");
    seat.shows("128 KiB");
    seat.press("esc");
    assert!(!seat.text().contains("── vm1/m14"));
    assert_eq!(seat.effects, []);
}

#[test]
fn what_is_frozen_stays_and_newer_frames_are_counted() {
    let mut seat = Seat::at(View::Maps, frame(OriginKind::Live, 1, 3));
    seat.press("space");
    assert_eq!(seat.effects, [Effect::Ask(Wish::Play(Play::Pause))]);
    seat.app.show(frame(OriginKind::Live, 2, 4));
    seat.app.show(frame(OriginKind::Live, 3, 5));
    seat.draw();
    assert_eq!((seat.app.frame().unwrap().t_ns, seat.app.unseen_frames), (1, 2));
    assert!(!seat.text().contains("vm1/m5"));
    seat.press("space");
    assert_eq!(seat.effects, [Effect::Ask(Wish::Play(Play::Run))]);
    assert_eq!((seat.app.frame().unwrap().t_ns, seat.app.unseen_frames), (3, 0));
    seat.shows("vm1/m5");
}

#[test]
fn a_recording_moves_through_time() {
    let mut seat = Seat::at(View::Zones, frame(OriginKind::Recording, 500, 3));
    for (keys, wish) in [
        ("space", Wish::Play(Play::Pause)),
        ("left", Wish::Step(-1)),
        ("right", Wish::Step(1)),
        ("shift-left", Wish::Step(-10)),
        ("shift-right", Wish::Step(10)),
        ("[", Wish::Deferral(Towards::Earlier)),
        ("]", Wish::Deferral(Towards::Later)),
        ("g 5 0 % enter", Wish::Seek(Moment::Share(0.5))),
        ("g + 5 s enter", Wish::Seek(Moment::FromHere(5_000_000_000))),
        ("g enter \"12:03:01 enter", Wish::Seek(Moment::Unix(NOON + 181_000_000_000))),
    ] {
        seat.press(keys);
        assert_eq!(seat.effects, [Effect::Ask(wish)], "{keys}");
    }
    seat.press("g enter \"noon enter");
    assert_eq!(seat.effects, []);
    seat.shows("`noon` is no moment");
    seat.press("esc r");
    assert_eq!(seat.effects, [Effect::Ask(Wish::ToggleRecording)]);
    seat.app.told(Err(Refused::NotLive));
    seat.draw();
    seat.shows("only a live daemon can record");
}

#[test]
fn what_has_no_past_says_so() {
    let mut seat = Seat::at(View::Zones, frame(OriginKind::Live, 500, 3));
    seat.press("g 5");
    seat.shows("only a recording can be moved through time");
    assert!(seat.app.prompt.is_none());
}

#[test]
fn the_mouse_chooses() {
    let mut seat = Seat::at(View::Maps, frame(OriginKind::Recording, 500, 30));
    seat.click(20, 7);
    assert_eq!(seat.app.list().cursor, 3);
    assert_eq!(seat.app.list().detail, Detail::Closed);
    seat.click(20, 7);
    assert_eq!(seat.app.list().detail, Detail::Open);
    seat.press("esc");
    let bytes = seat.line(3).find("bytes").unwrap();
    seat.click(u16::try_from(bytes).unwrap(), 3);
    seat.shows("bytes▼");
    let bar = seat.app.layout.unwrap().timeline.unwrap();
    seat.click(bar.x + bar.width / 2, bar.y);
    assert!(matches!(seat.effects.as_slice(), [Effect::Ask(Wish::Seek(Moment::Share(_)))]), "{:?}", seat.effects);
    let tab = seat.line(1).find("Zones").unwrap();
    seat.click(u16::try_from(tab).unwrap(), 1);
    assert_eq!(seat.app.view(), View::Zones);
}

#[test]
fn machines_are_shown_alone_or_together() {
    let both = Arc::new(Frame {
        machines: vec![machine("host0", Vec::new()), machine("vm1", vec![map(1, 5)])],
        ..(*frame(OriginKind::Live, 1, 0)).clone()
    });
    let mut seat = Seat::at(View::Waiters, both);
    seat.shows("host0/m900");
    seat.shows("vm1/m900");
    seat.shows("machine ");
    seat.press("m");
    seat.shows("machine host0 alone");
    assert!(!seat.text().contains("vm1/m900"));
    seat.press("m m");
    seat.shows("all machines");
    seat.shows("vm1/m900");
}

#[test]
fn a_daemon_that_is_asked_for_one_machine_has_no_others_to_show() {
    let start = |kind| {
        let start = Start { view: Some(View::Waiters), machine: Some("vm1".into()), ..Start::default() };
        let mut seat = Seat::at(View::Waiters, frame(kind, 1, 3));
        seat.app = App::new(Settings::default(), start);
        seat.app.show(frame(kind, 1, 3));
        seat
    };
    let mut live = start(OriginKind::Live);
    live.press("m");
    live.shows("the daemon is asked for vm1 alone");
    assert_eq!(live.app.machine.as_deref(), Some("vm1"));
    let mut recording = start(OriginKind::Recording);
    recording.press("m");
    recording.shows("all machines");
}

#[test]
fn only_rows_with_details_open_them() {
    for (view, opens) in [
        (View::Overview, Detail::Open),
        (View::Zones, Detail::Open),
        (View::Latency, Detail::Closed),
        (View::Help, Detail::Closed),
    ] {
        let mut seat = Seat::at(view, frame(OriginKind::Live, 1, 3));
        seat.press("enter");
        assert_eq!(seat.app.list().detail, opens, "{view:?}");
    }
    let mut seat = Seat::at(View::Latency, frame(OriginKind::Live, 1, 3));
    seat.press("enter");
    seat.shows("latency has no details");
    let row = seat.app.list().body;
    seat.click(row.x, row.y);
    seat.press("q");
    assert_eq!(seat.effects, [Effect::Quit], "nothing is open that q would close first");

    let mut seat = Seat::at(View::Maps, frame(OriginKind::Live, 1, 0));
    seat.press("enter");
    seat.shows("maps has no rows");
    seat.press("q");
    assert_eq!(seat.effects, [Effect::Quit], "there was nothing to open");
}

#[test]
fn who_holds_pages_is_told_with_what_is_not_known() {
    let mut seat = Seat::at(View::Waiters, frame(OriginKind::Live, 1, 3));
    seat.shows("held by");
    seat.shows("m2 2, m1 1, not listed 57");
    seat.press("enter");
    seat.shows("waits for 4 more of 8 pages, for 2.50 ms; it is the next");
    seat.shows("hold 3 of the zone's 60 pages in use");
}

#[test]
fn a_forgotten_map_stands_out() {
    let mut maps: Vec<_> = (2..12).map(|number| map(number, 1_000_000)).collect();
    maps.insert(0, map(1, 60_000_000_000));
    let leak = Arc::new(Frame { machines: vec![machine("vm1", maps)], ..(*frame(OriginKind::Live, 1, 0)).clone() });
    let mut seat = Seat::at(View::Maps, leak);
    assert!(seat.line(4).starts_with(">!vm1/m1 "), "{}", seat.text());
    assert!(seat.line(5).starts_with("  vm1/m2 "), "{}", seat.text());
    seat.press("enter");
    seat.shows("perhaps forgotten: loaded for 1 min 0 s, while a quarter of the 11 loaded maps");
}

#[test]
fn sources_are_told_what_is_looked_at() {
    let mut seat = Seat::at(View::Overview, frame(OriginKind::Live, 1, 3));
    for (keys, decisions, rows) in [
        ("1", Wanted::No, 100),
        ("6", Wanted::Yes, 100),
        ("4", Wanted::No, 1_000),
        ("enter", Wanted::No, 1_000),
        ("enter s", Wanted::No, 10_000),
    ] {
        seat.press(keys);
        assert_eq!(seat.app.interest(), Interest { decisions, rows }, "{keys}");
    }
    seat.press("+");
    assert_eq!(seat.app.interval(), Duration::from_secs(2));
    seat.press("- -");
    assert_eq!(seat.app.interval(), Duration::from_millis(500));
}

#[test]
fn every_view_can_be_drawn_on_every_screen() {
    let some = frame(OriginKind::Recording, 500, 40);
    let none = Arc::new(Frame { machines: Vec::new(), ..(*frame(OriginKind::Live, 1, 0)).clone() });
    for shown in [some, none] {
        for view in View::ALL {
            for detail in [Detail::Closed, Detail::Open] {
                let mut seat = Seat::at(view, Arc::clone(&shown));
                seat.app.list_mut().detail = detail;
                for (width, height) in [(200, 60), (80, 24), (40, 12), (40, 10), (39, 10), (5, 3), (1, 1), (300, 10)] {
                    seat.screen = Terminal::new(TestBackend::new(width, height)).unwrap();
                    seat.draw();
                    seat.app.list_mut().last();
                    seat.draw();
                }
            }
        }
    }
}

#[test]
fn effects_of_the_terminal() {
    let mut seat = Seat::at(View::Help, frame(OriginKind::Live, 1, 3));
    for (keys, effect) in [
        ("ctrl-l", Effect::Redraw),
        ("ctrl-z", Effect::Suspend),
        ("e", Effect::Export(ExportKind::Text)),
        ("E", Effect::Export(ExportKind::Json)),
        ("/ ctrl-c", Effect::Quit),
    ] {
        seat.press(keys);
        assert_eq!(seat.effects, [effect], "{keys}");
    }
    assert_eq!(seat.app.input(&Event::Resize(50, 20)), [Effect::Redraw]);
}

#[test]
fn a_filter_on_a_long_log_wants_to_be_drawn_again() {
    let mut decisions = DecisionLog::keeping(100_000);
    for number in 0..20_000 {
        let map = Some(format!("vm1/m{}", number % 100).into());
        let what = What::Woken { zone: 0 };
        decisions.push(Decision { t_ns: number, machine: "vm1".into(), session: None, map, tag: None, what });
    }
    let long = Arc::new(Frame { decisions, ..(*frame(OriginKind::Live, 1, 3)).clone() });
    let mut seat = Seat::at(View::Decisions, long);
    assert_eq!(seat.app.drawn(), Drawn::Whole, "nothing is looked for");
    seat.press("/ \"m77 enter");
    seat.shows("searched");
    assert_eq!(seat.app.drawn(), Drawn::InPart);
    seat.press("4");
    assert_eq!(seat.app.drawn(), Drawn::Whole, "another view is shown");
    seat.press("6");
    assert_eq!(seat.app.drawn(), Drawn::InPart);
    let screen = std::mem::replace(&mut seat.screen, Terminal::new(TestBackend::new(39, 9)).unwrap());
    seat.draw();
    assert_eq!(seat.app.drawn(), Drawn::Whole, "nothing goes on where there is no room for it");
    seat.screen = screen;
    seat.draw();
    assert_eq!(seat.app.drawn(), Drawn::InPart);
    let draws = (0..10).take_while(|_| {
        seat.draw();
        seat.app.drawn() == Drawn::InPart
    });
    assert!(draws.count() < 10, "drawing goes on with it until the whole log is looked through");
    seat.shows("200 match");
}
