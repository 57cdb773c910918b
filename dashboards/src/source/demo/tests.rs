use super::*;
use crate::frame::{MapState, What};
use crate::source::Play;
use busdma_engine::MemError;

fn at(seconds: u64) -> Frame {
    Frame::clone(&Demo::new(DemoOptions::default()).frame(Duration::from_secs(seconds)))
}

#[test]
fn the_same_times_give_the_same_frames_however_often_they_are_asked_for() {
    let mut often = Demo::new(DemoOptions::default());
    for ms in (0..20_000).step_by(33) {
        often.frame(Duration::from_millis(ms));
    }
    assert_eq!(*often.frame(Duration::from_secs(20)), at(20));
    let other = Demo::new(DemoOptions { seed: 2, ..DemoOptions::default() }).frame(Duration::from_secs(20));
    assert_ne!(other.decisions, at(20).decisions);
}

#[test]
fn there_is_something_to_see() {
    let frame = at(60);
    assert_eq!((frame.t_ns, frame.unix_ns, &frame.origin.state), (60_000_000_000, None, &OriginState::Running));
    let [pressure, mixed] = &frame.machines[..] else { panic!("{:?}", frame.machines) };
    let zone = &pressure.zones[0];
    assert!(zone.total_bounced > 0 && zone.total_deferred > 0 && zone.rates.deferred > Some(0.0), "{zone:?}");
    // The zone was made after the first moment.
    assert_eq!(zone.trend.samples.len(), 59);
    assert!(zone.trend.samples.iter().skip(2).all(|sample| sample.active > 0), "{:?}", zone.trend);
    let deferral = pressure.latency.deferral.as_ref().unwrap();
    assert!(deferral.count > 100 && deferral.p50_ns > 0 && !deferral.bins.is_empty(), "{deferral:?}");
    assert_eq!(mixed.waiters_total, 0);
    assert!(mixed.zones.iter().any(|zone| zone.total_bounced > 0), "{:?}", mixed.zones);
    assert!(!frame.findings.is_empty());
    assert!(frame.findings.is_sorted_by_key(|finding| Reverse((finding.severity, finding.last_ns))));
    assert!(frame.decisions.iter().is_sorted_by_key(|decision| decision.t_ns));
    assert!(frame.decisions.iter().any(|decision| matches!(decision.what, What::Deferred { .. })));
}

#[test]
fn waiters_come_and_go() {
    let mut demo = Demo::new(DemoOptions::default());
    let waiting = (10..120).filter(|tenth| {
        let frame = demo.frame(Duration::from_millis(tenth * 100));
        let machine = &frame.machines[0];
        assert_eq!(machine.waiters.len(), usize::try_from(machine.waiters_total).unwrap());
        assert!(machine.maps_total.deferred >= machine.waiters_total, "{machine:?}");
        machine.waiters_total > 0
    });
    assert!((20..110).contains(&waiting.count()));
}

#[test]
fn forgotten_transfers_are_the_oldest_maps() {
    let leaked = |seconds: u64| {
        let frame = at(seconds);
        let old = frame.machines[1].maps.iter().filter(|map| map.bytes == 8192 && map.bounce_pages == 2);
        let old: Vec<_> = old.filter(|map| map.state == MapState::Loaded).map(|map| map.age_ns).collect();
        old.into_iter().filter(|age| *age > 3_000_000_000).count()
    };
    assert_eq!((leaked(14), leaked(20), leaked(50)), (0, 1, 3));
    let maps = &at(100).machines[1].maps;
    assert!(maps.is_sorted_by_key(|map| Reverse(map.age_ns)));
}

#[test]
fn newer_frames_come_during_a_pause() {
    let mut demo = Demo::new(DemoOptions::default());
    let running = demo.frame(Duration::from_secs(5));
    assert!(Arc::ptr_eq(&running, &demo.frame(Duration::from_millis(5050))), "nothing has changed");
    assert_eq!(demo.ask(Wish::Play(Play::Pause)), Ok(Done::Silently));
    let later = demo.frame(Duration::from_secs(9));
    assert_eq!((later.t_ns, &later.origin.state), (9_000_000_000, &OriginState::Running));
}

#[test]
fn why_it_ended_is_a_finding() {
    let mut demo = Demo::new(DemoOptions::default());
    demo.frame(Duration::from_secs(5));
    demo.stop(LocalError::Mem(MemError::StillLoaded));
    let frame = demo.frame(Duration::from_secs(9));
    assert_eq!((frame.t_ns, &frame.origin.state), (5_000_000_000, &OriginState::Ended));
    let ended = frame.findings.iter().find(|finding| finding.kind == "demonstration_ended").unwrap();
    assert_eq!(ended.message, MemError::StillLoaded.to_string());
}

#[test]
fn a_demonstration_has_no_past_and_no_recorder() {
    let mut demo = Demo::new(DemoOptions::default());
    assert_eq!(demo.ask(Wish::Step(1)), Err(Refused::NotARecording));
    assert_eq!(demo.ask(Wish::ToggleRecording), Err(Refused::NotLive));
}

#[test]
fn nothing_is_made_up_for_when_the_program_slept_long() {
    let mut demo = Demo::new(DemoOptions::default());
    demo.frame(Duration::from_secs(1));
    assert_eq!(demo.frame(Duration::from_hours(24)).t_ns, 121_000_000_000);
}
