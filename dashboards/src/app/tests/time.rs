//! Time that stands still, goes on, and is gone through in steps.

use super::*;
use crate::frame::{TimeAxis, Timeline};

fn recording(state: OriginState, axis: TimeAxis, step: u64) -> Arc<Frame> {
    let mut frame = Frame::clone(&frame(OriginKind::Recording, 500, 3));
    frame.origin.state = state;
    frame.timeline = frame.timeline.map(|timeline| Timeline { axis, step, ..timeline });
    Arc::new(frame)
}

#[test]
fn a_step_gets_longer_and_shorter_from_what_it_is() {
    let check = |axis, step, keys: &str, expected: Option<Duration>| {
        let mut seat = Seat::at(View::Zones, recording(OriginState::Paused, axis, step));
        seat.press(keys);
        let asked: Vec<_> = expected.into_iter().map(|step| Effect::Ask(Wish::Interval(step))).collect();
        assert_eq!(seat.effects, asked, "{keys} of {step} on {axis:?}");
    };
    check(TimeAxis::Nanoseconds, 10_000_000, "-", Some(Duration::from_millis(5)));
    check(TimeAxis::Nanoseconds, 10_000_000, "+", Some(Duration::from_millis(20)));
    check(TimeAxis::Nanoseconds, 500_000_000, "+", Some(Duration::from_secs(1)));
    check(TimeAxis::Nanoseconds, 1_000, "-", None);
    check(TimeAxis::Operations, 20, "+", Some(Duration::from_millis(50)));
    check(TimeAxis::Operations, 1, "-", None);
}

#[test]
fn the_key_that_freezes_does_what_the_footer_says() {
    let indexing = OriginState::Indexing { percent: 5 };
    for (state, before, word, play) in [
        (OriginState::Running, "", "pause", Play::Pause),
        (OriginState::Paused, "", "play", Play::Run),
        (OriginState::Ended, "", "play again", Play::Run),
        (indexing.clone(), "", "pause", Play::Pause),
        (indexing.clone(), "space", "play", Play::Run),
        (indexing.clone(), "left", "play", Play::Run),
        (indexing, "]", "play", Play::Run),
        (OriginState::Running, "g 5 enter", "pause", Play::Pause),
    ] {
        let mut seat = Seat::at(View::Zones, recording(state.clone(), TimeAxis::Nanoseconds, 1_000_000));
        seat.press(before);
        seat.shows(&format!("Space {word}  "));
        seat.press("space");
        assert_eq!(seat.effects, [Effect::Ask(Wish::Play(play))], "{state:?} after {before}");
    }
}

#[test]
fn a_daemon_that_goes_while_the_screen_is_frozen_is_told() {
    let mut seat = Seat::at(View::Maps, frame(OriginKind::Live, 1, 3));
    seat.press("space");
    seat.app.show(frame(OriginKind::Live, 2, 4));
    seat.draw();
    seat.shows("frozen, 1 newer");
    for since_s in [1, 2] {
        let mut gone = Frame::clone(&frame(OriginKind::Live, 2, 4));
        gone.origin.state = OriginState::Disconnected { since_ns: since_s * 1_000_000_000, why: "gone".to_owned() };
        seat.app.show(Arc::new(gone));
        seat.draw();
        seat.shows(&format!("frozen, 1 newer, disconnected since 12:00:00 ({since_s}.00 s ago): gone"));
    }
    assert_eq!(seat.app.frame().unwrap().t_ns, 1);
    seat.app.show(frame(OriginKind::Live, 3, 5));
    seat.draw();
    seat.shows("frozen, 2 newer");
    assert!(!seat.text().contains("disconnected"));
}
