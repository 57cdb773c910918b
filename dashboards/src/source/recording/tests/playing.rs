//! Playing, and what stops it.

use super::traffic::hour;
use super::{at, opened};
use crate::frame::{OriginState, What};
use crate::source::{Interest, Moment, Play, Source, Towards, Wanted, Wish};
use std::time::Duration;

#[test]
fn steps_and_deferrals_stay_where_they_lead() {
    let (_folder, mut recording) = opened(&hour(Vec::new(), 4000));
    let mut elapsed = Duration::ZERO;
    for wish in [Wish::Step(3), Wish::Step(-1), Wish::Deferral(Towards::Later), Wish::Deferral(Towards::Later)] {
        recording.ask(Wish::Play(Play::Run)).unwrap();
        recording.ask(wish.clone()).unwrap();
        let there = recording.travel.moment();
        elapsed += Duration::from_secs(1);
        let frame = recording.frame(elapsed);
        assert_eq!((recording.travel.moment(), &frame.origin.state), (there, &OriginState::Paused), "{wish:?}");
    }
    let mut deferrals = Vec::new();
    for _ in 0..3 {
        recording.ask(Wish::Play(Play::Run)).unwrap();
        recording.ask(Wish::Deferral(Towards::Later)).unwrap();
        deferrals.push(recording.travel.moment());
    }
    for before in deferrals.iter().rev().skip(1) {
        elapsed += Duration::from_secs(1);
        recording.frame(elapsed);
        recording.ask(Wish::Deferral(Towards::Earlier)).unwrap();
        assert_eq!(recording.travel.moment(), *before);
    }
}

#[test]
fn at_its_end_it_is_paused_or_played_anew() {
    let (_folder, mut recording) = opened(&hour(Vec::new(), 500));
    let start = recording.frame(Duration::ZERO).t_ns;
    let end = recording.frame(Duration::from_secs(5000));
    assert_eq!(end.origin.state, OriginState::Ended);
    recording.ask(Wish::Play(Play::Pause)).unwrap();
    let paused = recording.frame(Duration::from_secs(5001));
    assert_eq!((paused.t_ns, &paused.origin.state), (end.t_ns, &OriginState::Paused));
    recording.ask(Wish::Play(Play::Run)).unwrap();
    let anew = recording.frame(Duration::from_secs(5002));
    assert_eq!((anew.t_ns, &anew.origin.state), (start + 1_000_000_000, &OriginState::Running));
}

#[test]
fn decisions_are_read_only_where_they_are_wanted() {
    let (_folder, mut recording) = opened(&hour(Vec::new(), 500));
    let wanted = at(&mut recording, Moment::Share(0.5));
    assert!(!wanted.decisions.is_empty());
    recording.ask(Wish::Interest(Interest { decisions: Wanted::No, rows: 100_000 })).unwrap();
    let without = recording.frame(Duration::ZERO);
    assert_eq!((without.decisions.is_empty(), &without.machines), (true, &wanted.machines));
    recording.ask(Wish::Interest(Interest { decisions: Wanted::Yes, rows: 100_000 })).unwrap();
    assert_eq!(recording.frame(Duration::ZERO).decisions, wanted.decisions);
}

/// Traces of FreeBSD's own answers hold no decisions; some have several zones, and several waiters in one.
#[test]
fn a_deferral_is_told_of_the_zone_that_its_map_waits_for() {
    let mut seen = 0;
    for (name, text) in super::traces().into_iter().filter(|(name, _)| name.contains("defer")) {
        let (_folder, mut recording) = opened(text.as_bytes());
        while recording.ask(Wish::Deferral(Towards::Later)).is_ok() {
            let frame = recording.frame(Duration::ZERO);
            let found = frame.decisions.iter().rev().find_map(|decision| match decision.what {
                What::Deferred { zone, .. } => Some((decision.map.clone(), zone)),
                _ => None,
            });
            let waiter = frame.machines[0].waiters.last().unwrap();
            assert_eq!(found, Some((Some(waiter.map.clone()), waiter.zone)), "{name} at {}", frame.t_ns);
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}
