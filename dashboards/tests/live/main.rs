//! A live source against real daemons.

mod daemon;

use busdma_api::engine::Outcome;
use busdma_api::monitor::{Findings, Snapshot};
use busdma_api::recorder::{RecorderState, Status};
use busdma_api::{Hex, MachineId};
use busdma_dashboards::frame::{
    Decision, DecisionKind, Machine, MapState, OriginState, Probes, RecordingState, ZoneRow,
};
use busdma_dashboards::source::live::LiveOptions;
use busdma_dashboards::source::{Done, Interest, Moment, Play, Refused, Source, Wanted, Wish};
use daemon::{Busdmad, Driver, POOL};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const OFTEN: LiveOptions = LiveOptions { machine: None, interval: Duration::from_millis(50), rows: 512 };

#[test]
fn a_quiet_machine_is_shown_as_monitor_tells_it() {
    let daemon = Busdmad::start();
    let mut driver = Driver::new(&daemon);
    assert_eq!(driver.load(0, u64::from(POOL) - 2), Outcome::Loaded);
    driver.sync(0);
    assert_eq!(driver.load(1, 5), Outcome::Deferred);
    let told = driver.client.call(&Snapshot { machine: Some(driver.machine), limit: None }).unwrap();
    let told = &told.machines[0];

    let mut watcher = daemon.watch(OFTEN);
    let first = watcher.frame();
    let later = watcher.until("a later moment", |frame| frame.t_ns > first.t_ns + 200_000_000);
    assert_eq!(first.machines[0].machine, "host0");
    for frame in [&first, &later] {
        let shown = frame.machine(&told.machine.to_string()).unwrap();
        assert_eq!(shown.session.as_deref(), told.session.map(|session| session.to_string()).as_deref());
        assert_eq!((&*shown.profile, shown.waiters_total), (&*told.profile, told.waiters_total));
        assert_eq!((shown.loads, shown.loads_failed), (told.loads, told.loads_failed));
        assert_eq!((shown.memory_bytes, shown.dmamem_bytes), (Some(told.memory_bytes), Some(told.dmamem_bytes)));
        let totals = shown.maps_total;
        let expected = told.maps_total;
        assert_eq!((totals.idle, totals.deferred, totals.loaded), (expected.idle, expected.deferred, expected.loaded));
        assert_eq!(shown.zones.len(), 1);
        zone_is(&shown.zones[0], &told.zones[0]);
        objects_are(shown, told);
        let (sync, expected) = (shown.latency.sync.as_ref().unwrap(), &told.latency.sync);
        assert_eq!((sync.count, sync.p50_ns, sync.max_ns), (1, expected.p50_ns, expected.max_ns));
        assert_eq!((sync.bins.len(), sync.bins[0].count), (1, 1));
        assert!(sync.bins[0].upto_ns.next_power_of_two() == sync.bins[0].upto_ns + 1);
    }
    let ages = |frame: &Machine| (frame.maps[0].age_ns, frame.waiters[0].age_ns);
    let [first, later] = [&first, &later].map(|frame| ages(frame.machine(&told.machine.to_string()).unwrap()));
    assert!(later.0 >= first.0 + 200_000_000 && later.1 >= first.1 + 200_000_000, "{first:?} {later:?}");
}

fn zone_is(shown: &ZoneRow, told: &busdma_api::monitor::ZoneInfo) {
    assert_eq!((shown.zone, Hex(shown.lowaddr), shown.alignment), (told.zone, told.lowaddr, told.alignment));
    assert_eq!((shown.total_bpages, shown.free_bpages), (told.total_bpages, told.free_bpages));
    assert_eq!((shown.reserved_bpages, shown.active_bpages), (told.reserved_bpages, told.active_bpages));
    assert_eq!((shown.active_bpages_max, shown.total_bounced), (told.active_bpages_max, told.total_bounced));
    assert_eq!((shown.total_deferred, shown.total_deferred_time), (told.total_deferred, told.total_deferred_time));
    assert_eq!((shown.map_count, shown.waiters), (told.map_count, told.waiters));
    assert_eq!((told.waiters, told.active_bpages, told.reserved_bpages), (1, POOL - 2, 2), "the test is set up");
}

fn objects_are(shown: &Machine, told: &busdma_api::monitor::MachineSnapshot) {
    let [loaded, waits] = &shown.maps[..] else { panic!("{:?}", shown.maps) };
    let expected = &told.maps[0];
    assert_eq!((&*loaded.map, &*loaded.tag), (&*expected.map.to_string(), &*expected.tag.to_string()));
    assert_eq!((loaded.state, loaded.bytes, loaded.uid), (MapState::Loaded, expected.bytes, Some(expected.uid)));
    assert_eq!((loaded.segments, loaded.bounce_pages), (expected.segments, expected.bounce_pages));
    let waiter = &shown.waiters[0];
    assert_eq!((&waiter.map, waits.state), (&waits.map, MapState::Deferred));
    assert_eq!((waiter.position, waiter.zone, waiter.needed, waiter.reserved), (1, 0, 5, 2));
    let (tag, expected) = (&shown.tags[0], &told.tags[0]);
    assert_eq!((&*tag.tag, tag.maps, tag.zone), (&*expected.tag.to_string(), 2, Some(0)));
    assert_eq!(
        (Hex(tag.lowaddr), tag.maxsize, tag.nsegments),
        (expected.lowaddr, expected.maxsize, expected.nsegments)
    );
}

#[test]
fn rates_and_trends_come_with_time() {
    let daemon = Busdmad::start();
    let mut driver = Driver::new(&daemon);
    let mut watcher = daemon.watch(LiveOptions { machine: Some(driver.machine), ..OFTEN });
    assert_eq!(watcher.frame().machines.len(), 1, "only the machine that is asked for");
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(1500) {
        driver.load(0, 3);
        driver.sync(0);
        driver.unload(0);
        watcher.frame();
        thread::sleep(Duration::from_millis(5));
    }
    let frame = watcher.until("a rate", |frame| frame.machines[0].zones[0].rates.bounced > Some(1.0));
    let zone = &frame.machines[0].zones[0];
    assert!(zone.trend.samples.iter().any(|sample| sample.bounced > 0), "{zone:?}");
    assert_eq!(zone.trend.interval_ns, 1_000_000_000);
}

#[test]
fn findings_and_hosts_are_there() {
    let daemon = Busdmad::start();
    let mut driver = Driver::new(&daemon);
    driver.load(0, 1);
    driver.load(0, 1);
    let told = driver.client.call(&Findings::default()).unwrap().findings;
    let mut watcher = daemon.watch(OFTEN);
    let frame = watcher.frame();
    let finding = &frame.findings[0];
    assert_eq!((&*finding.kind, &*finding.message), (&*told[0].kind, &*told[0].message));
    assert_eq!(finding.object.as_deref(), Some(&*driver.maps[0].to_string()));
    assert_eq!((finding.count, finding.first_ns, finding.last_ns), (1, told[0].first_ns, told[0].last_ns));
    let host = frame.host.as_ref().unwrap();
    assert!(matches!(host.probes, Probes::Detached | Probes::Unavailable { .. }), "{host:?}");
    assert!(host.devices.is_empty());
}

#[test]
fn the_last_frame_stays_until_there_is_a_daemon_again() {
    let mut daemon = Busdmad::start();
    let mut driver = Driver::new(&daemon);
    driver.load(0, 3);
    let mut watcher = daemon.watch(OFTEN);
    let before = watcher.until("the map", |frame| frame.machines.iter().any(|machine| !machine.maps.is_empty()));
    daemon.kill();
    let gone = |frame: &busdma_dashboards::frame::Frame| matches!(frame.origin.state, OriginState::Disconnected { .. });
    let first = watcher.until("no daemon", gone);
    assert_eq!(first.machines[1].maps[0].map, before.machines[1].maps[0].map);
    let two_seconds = |frame: &busdma_dashboards::frame::Frame| matches!(frame.origin.state, OriginState::Disconnected { since_ns, .. } if since_ns >= 2_000_000_000);
    let later = watcher.until("two seconds of no daemon", two_seconds);
    assert_eq!((&later.machines, later.t_ns, later.unix_ns), (&first.machines, first.t_ns, first.unix_ns));
    let OriginState::Disconnected { why, .. } = &later.origin.state else { unreachable!() };
    assert_eq!(why, "no daemon is running");

    daemon.restart();
    let again = watcher.until("a daemon", |frame| frame.origin.state == OriginState::Running);
    assert_eq!(again.machines.len(), 1, "the new daemon has host0 alone: {again:?}");
    let next = watcher.until("the next snapshot", |frame| frame.t_ns > again.t_ns);
    assert_eq!(next.origin.state, OriginState::Running);
}

#[test]
fn decisions_come_while_they_are_looked_at() {
    let daemon = Busdmad::start();
    let mut driver = Driver::new(&daemon);
    let mut watcher = daemon.watch(OFTEN);
    let interest = |decisions| Wish::Interest(Interest { decisions, rows: 16 });
    let mut once = move |watcher: &mut daemon::Watcher| {
        driver.load(0, 1);
        driver.unload(0);
        watcher.frame()
    };
    assert!(once(&mut watcher).decisions.is_empty());
    assert_eq!(watcher.live.ask(interest(Wanted::Yes)), Ok(Done::Silently));
    let is_bounced = |decision: &Decision| decision.what.kind() == DecisionKind::Bounced;
    let started = Instant::now();
    let frame = loop {
        let frame = once(&mut watcher);
        if frame.decisions.iter().any(is_bounced) {
            break frame;
        }
        assert!(started.elapsed() < daemon::PATIENCE, "no decisions: {frame:?}");
        thread::sleep(Duration::from_millis(5));
    };
    let bounced = frame.decisions.iter().find(|decision| is_bounced(decision)).unwrap();
    let map = bounced.map.as_deref().unwrap();
    assert!(map.starts_with("vm1/m") && bounced.machine == "vm1" && bounced.session.is_some(), "{bounced:?}");

    assert_eq!(watcher.live.ask(interest(Wanted::No)), Ok(Done::Silently));
    // Some are on their way when nobody looks any longer.
    let started = Instant::now();
    loop {
        let before = watcher.frame();
        for _ in 0..20 {
            once(&mut watcher);
            thread::sleep(Duration::from_millis(10));
        }
        let after = watcher.until("a later snapshot", |frame| frame.t_ns > before.t_ns + 200_000_000);
        if after.decisions.end() == before.decisions.end() {
            break;
        }
        assert!(started.elapsed() < daemon::PATIENCE, "nobody looks, and they come: {after:?}");
    }
}

#[test]
fn a_fast_machine_is_told_of_by_the_newest_decisions() {
    let daemon = Busdmad::start();
    let mut driver = Driver::new(&daemon);
    let mut watcher = daemon.watch(LiveOptions { interval: Duration::from_millis(100), ..OFTEN });
    let interest = Interest { decisions: Wanted::Yes, rows: 0 };
    assert_eq!(watcher.live.ask(Wish::Interest(interest)), Ok(Done::Silently));
    let started = Instant::now();
    let mut frame = watcher.frame();
    while frame.lost.decisions == 0 {
        (0..200).for_each(|_| {
            driver.load(0, 1);
            driver.unload(0);
        });
        frame = watcher.frame();
        assert!(started.elapsed() < daemon::PATIENCE, "nothing is lost: {frame:?}");
    }
    let elapsed = started.elapsed().as_millis() as usize;
    assert!(frame.decisions.len() <= (elapsed / 100 + 2) * 500, "{} in {elapsed} ms", frame.decisions.len());
    assert!(frame.machines.iter().all(|machine| machine.maps.is_empty()), "no rows are wanted");
}

#[test]
fn the_interval_can_be_changed() {
    let daemon = Busdmad::start();
    let mut watcher = daemon.watch(LiveOptions { interval: Duration::from_hours(1), ..OFTEN });
    let first = watcher.frame();
    // The stream begins with a snapshot of its own, and then waits.
    let second = watcher.until("the stream's first snapshot", |frame| frame.t_ns > first.t_ns);
    thread::sleep(Duration::from_millis(300));
    assert!(Arc::ptr_eq(&second, &watcher.frame()));
    assert_eq!(watcher.live.ask(Wish::Interval(Duration::from_millis(30))), Ok(Done::Silently));
    let fast = watcher.until("a new frame", |frame| frame.t_ns > second.t_ns);
    let faster = watcher.until("ten intervals", |frame| frame.t_ns > fast.t_ns + 300_000_000);
    assert!(faster.t_ns > first.t_ns && faster.origin.state == OriginState::Running);
    // What is shorter than the daemon allows becomes what it allows.
    assert_eq!(watcher.live.ask(Wish::Interval(Duration::from_millis(1))), Ok(Done::Silently));
    let fastest = watcher.until("the daemon's shortest", |frame| frame.t_ns > faster.t_ns + 300_000_000);
    assert_eq!(fastest.origin.state, OriginState::Running);
}

#[test]
fn a_recording_is_stopped_and_started() {
    let daemon = Busdmad::start();
    let mut driver = Driver::new(&daemon);
    let mut watcher = daemon.watch(OFTEN);
    assert_eq!(watcher.frame().origin.recording, Some(RecordingState::On));
    driver.load(0, 1);
    let Ok(Done::Said(stopped)) = watcher.toggle_recording() else { panic!("it records on") };
    assert!(stopped.starts_with("recorded ") && stopped.ends_with("/recordings"), "{stopped}");
    watcher.until("no recording", |frame| frame.origin.recording == Some(RecordingState::Off));
    let Ok(Done::Said(started)) = watcher.toggle_recording() else { panic!("it does not record") };
    assert!(started.starts_with("recording into /") && started.ends_with("/recordings"), "{started}");
    watcher.until("a recording", |frame| frame.origin.recording == Some(RecordingState::On));
    assert_eq!(driver.client.call(&Status {}).unwrap().state, RecorderState::Recording);
}

#[test]
fn newer_frames_come_during_a_pause_and_the_end_of_the_daemon_shows() {
    let mut daemon = Busdmad::start();
    let mut watcher = daemon.watch(OFTEN);
    let before = watcher.frame();
    assert_eq!(watcher.live.ask(Wish::Play(Play::Pause)), Ok(Done::Silently));
    let later = watcher.until("a later moment", |frame| frame.t_ns > before.t_ns);
    assert_eq!(later.origin.state, OriginState::Running);
    daemon.kill();
    watcher.until("no daemon", |frame| matches!(frame.origin.state, OriginState::Disconnected { .. }));
    for wish in [Wish::Step(1), Wish::Seek(Moment::Share(0.5))] {
        assert_eq!(watcher.live.ask(wish), Err(Refused::NotARecording));
    }
}

#[test]
fn why_there_is_no_first_frame_is_said() {
    let daemon = Busdmad::start();
    let options = LiveOptions { machine: Some(MachineId::private(9)), ..OFTEN };
    let refused = busdma_dashboards::source::live::Live::connect(&daemon.socket(), options).unwrap_err().to_string();
    assert!(refused.ends_with("does not show its machines: there is no vm9"), "{refused}");
    let nowhere = daemon.socket().with_extension("nowhere");
    let refused = busdma_dashboards::source::live::Live::connect(&nowhere, OFTEN).unwrap_err().to_string();
    assert_eq!(refused, format!("cannot connect to {}", nowhere.display()));
}
