//! What is recorded replays: every verb, from the start and in mid-life, under every profile.

use crate::support::{Host, Machines, config, description, recorder, replay, request};
use busdma_engine::{
    AddressFilter, ExclusionWindow, FilterVerdict, PhysAddr, Profile, SyncOps, TagTemplate, VirtAddr, WaitPolicy,
};
use busdma_recorder::{
    Compression, MachineName, MachineSelection, RecorderError, RecorderFinding, RecorderState, RecordingPath,
    StartRequest,
};
use busdma_sim::harness::Rig;
use busdma_sim::ops::{Copies, Op};
use busdma_sim::request::{Buffer, Request};
use busdma_sim::workload::{SplitMix64, Traffic, Workload};
use busdma_trace::Decisions;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Operations of every kind and shape.
fn any_ops(seed: u64, count: usize) -> Vec<Op> {
    let mut random = SplitMix64::new(seed);
    (0..count)
        .map(|position| {
            let chunk: Vec<u8> = (0..48).map(|_| random.next_u64().to_le_bytes()[0]).collect();
            Op::from_chunk(&chunk, position)
        })
        .collect()
}

fn any_rig(seed: u64, profile: Profile) -> Rig {
    let mut random = SplitMix64::new(seed);
    let bytes: Vec<u8> = (0..16).map(|_| random.next_u64().to_le_bytes()[0]).collect();
    let mut rig = Rig { profile, ..Rig::from_bytes(&bytes) };
    // `strict` asks a second allocator when malloc(9) misses the tag's alignment, and a trace holds one answer. The
    // daemon's own memory comes in whole pages, which never miss it.
    if profile == Profile::Strict {
        rig.spec.malloc_align = 0;
    }
    rig
}

/// Carries out `before`, then records `ops` and replays.
fn check(rig: &Rig, before: Vec<Op>, ops: Vec<Op>, request: StartRequest) {
    let folder = tempfile::tempdir().unwrap();
    let machines = Arc::new(Machines::default());
    let recorder = recorder(config(folder.path()), &machines);
    let mut host = Host::new(&recorder, description("m", rig.profile, &rig.spec));
    host.apply_all(before);
    assert_eq!(host.told, 0);
    machines.lock().push(host);
    recorder.start(request).unwrap();
    for op in ops {
        machines.lock()[0].apply(&op);
    }
    let status = recorder.stop().unwrap();
    assert!(status.finding.is_none(), "{status:?}");
    let (told, replayed) = (machines.told(), replay(folder.path()));
    assert_eq!((status.operations_written, status.operations_dropped), (told, 0), "{rig:?}");
    assert_eq!(replayed.operations(), told);
    assert_eq!((replayed.scenarios.len(), replayed.torn), (1, 0));
    let bytes = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
    assert_eq!(bytes.sum::<u64>(), status.bytes_written);
}

#[test]
fn every_verb_from_the_start() {
    for profile in Profile::ALL {
        for seed in 0..40 {
            check(&any_rig(seed, profile), Vec::new(), any_ops(seed, 400), request());
        }
    }
}

#[test]
fn every_verb_in_mid_life() {
    for profile in Profile::ALL {
        for seed in 100..140 {
            let mut ops = any_ops(seed, 500);
            let after = ops.split_off(250);
            check(&any_rig(seed, profile), ops, after, request());
        }
    }
}

#[test]
fn a_start_before_every_operation() {
    let folder = tempfile::tempdir().unwrap();
    let machines = Arc::new(Machines::default());
    let recorder = recorder(config(folder.path()), &machines);
    let name = |profile: Profile, seed| format!("{}_{seed}", profile.name());
    let rigs = Profile::ALL.into_iter().flat_map(|profile| (200..206).map(move |seed| (profile, seed)));
    for (profile, seed) in rigs.clone() {
        let machine = description(&name(profile, seed), profile, &any_rig(seed, profile).spec);
        machines.lock().push(Host::new(&recorder, machine));
    }
    recorder.start(StartRequest { compression: Compression::Zstd, ..request() }).unwrap();
    for (host, (_, seed)) in machines.lock().iter_mut().zip(rigs) {
        for op in any_ops(seed, 250) {
            host.begin();
            host.apply(&op);
        }
    }
    let status = recorder.stop().unwrap();
    let replayed = replay(folder.path());
    assert_eq!((replayed.operations(), status.operations_dropped), (machines.told(), 0));
    assert!(replayed.scenarios.len() >= replayed.files.len() * 250, "{}", replayed.scenarios.len());
}

/// A machine can be idle for long before its first operation.
#[test]
fn a_header_tells_the_time_of_its_start_on_both_clocks() {
    let folder = tempfile::tempdir().unwrap();
    let machines = Arc::new(Machines::default());
    let recorder = recorder(config(folder.path()), &machines);
    let rig = Rig::usual(Profile::Freebsd11);
    let mut host = Host::new(&recorder, description("m", rig.profile, &rig.spec));
    host.apply_all(any_ops(1, 100));
    let started = host.pass(Duration::from_hours(1));
    machines.lock().push(host);
    recorder.start(request()).unwrap();
    machines.lock()[0].apply_all(any_ops(2, 100));
    recorder.stop().unwrap();
    let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let mut reader = busdma_trace::open(&path).unwrap();
    let header = reader.next_scenario().unwrap().unwrap();
    let recorded = header.recorded.unwrap();
    assert_eq!(recorded.started_ns, Some(started));
    assert!(header.state.is_some_and(|state| state.now < started));
    let since = Duration::from_nanos(recorded.started_unix_ns.unwrap());
    assert!(SystemTime::UNIX_EPOCH + since <= SystemTime::now());
}

#[test]
fn traffic_of_devices() {
    for traffic in Traffic::ALL {
        for profile in Profile::ALL {
            let rig = Rig { spec: traffic.machine(), ..Rig::usual(profile) };
            let mut ops: Vec<_> = Workload::new(traffic, 1).take(3000).collect();
            let after = ops.split_off(700);
            let compressed =
                StartRequest { compression: Compression::Zstd, decisions: Decisions::LeftOut, ..request() };
            check(&rig, Vec::new(), ops.clone(), compressed.clone());
            check(&rig, ops, after, compressed);
        }
    }
}

/// Most lines then say what the one before of the map and the verb said, until something is different.
#[test]
fn maps_that_do_the_same_again_and_again() {
    let buffer = |start: u64, page: u64| {
        let (start, page) = (VirtAddr::new(0xffff_f800_0000_0000 + start), PhysAddr::new(page));
        Request::Buffer(Buffer::new(start, 3000, vec![page]))
    };
    let load = |map, request| Op::Load { map, request, wait: WaitPolicy::NoWait };
    let sync = |map, ops| Op::Sync { map, ops, copies: Copies::FromPlan };
    let low = TagTemplate { window: ExclusionWindow::above(PhysAddr::new(0xff_ffff)), ..TagTemplate::default() };
    let mut ops: Vec<Op> = [TagTemplate::default(), low]
        .into_iter()
        .map(|template| Op::CreateTag { parent: None, template })
        .chain([Op::CreateMap { tag: 0 }, Op::CreateMap { tag: 1 }, Op::CreateMap { tag: 0 }])
        .collect();
    for turn in 0..300 {
        for map in 0..3 {
            // Another place, and other pages behind the same one.
            let (start, page) = (0x1000 * u64::from(turn % 50 == 49), 0x20_0000 + 0x1000 * (turn / 70));
            ops.push(load(map, buffer(start + 0x10_0000 * u64::from(map), page)));
            ops.push(sync(map, SyncOps::PRE_WRITE));
            ops.push(sync(map, SyncOps::POST_READ));
            ops.push(Op::Unload { map });
        }
        if turn % 90 == 89 {
            // The next one of another name gets its place.
            ops.extend([Op::DestroyMap { map: 2 }, Op::CreateMap { tag: 0 }]);
        }
    }
    for profile in Profile::ALL {
        for decisions in [Decisions::Recorded, Decisions::LeftOut] {
            check(&Rig::usual(profile), Vec::new(), ops.clone(), StartRequest { decisions, ..request() });
        }
    }
}

#[test]
fn several_machines_and_a_selection_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let machines = Arc::new(Machines::default());
    let recorder = recorder(config(folder.path()), &machines);
    let rig = Rig::usual(Profile::Freebsd11);
    let add = |name: &str| machines.lock().push(Host::new(&recorder, description(name, rig.profile, &rig.spec)));
    ["a", "b", "c"].into_iter().for_each(add);
    let name = |name: &str| MachineName::parse(name).unwrap();
    let listed = |names: &[&str]| StartRequest {
        machines: MachineSelection::Listed(names.iter().map(|text| name(text)).collect()),
        ..request()
    };
    let error = recorder.start(listed(&["a", "x"])).unwrap_err();
    assert!(matches!(&error, RecorderError::NoSuchMachine { name: missing } if *missing == name("x")), "{error}");
    assert!(matches!(recorder.stop().unwrap_err(), RecorderError::NotRecording));
    let id = recorder.start(listed(&["a", "c"])).unwrap();
    let error = recorder.start(request()).unwrap_err();
    assert!(matches!(error, RecorderError::AlreadyRecording { recording } if recording == id), "{error}");
    assert_eq!(recorder.status().state, RecorderState::Recording(id));
    add("d");
    let run = |seed| {
        for host in machines.lock().iter_mut() {
            host.apply_all(any_ops(seed, 200));
        }
    };
    run(1);
    let status = recorder.stop().unwrap();
    assert_eq!((status.state, status.files), (RecorderState::Off, 2));
    let machines_of = |files: Vec<String>| -> Vec<_> {
        files.iter().map(|file| file.split('-').next().unwrap().to_owned()).collect()
    };
    assert_eq!(machines_of(replay(folder.path()).files), ["a", "c"]);
    run(2);
    // The second recording covers machines made after it was started, and survives the end of one.
    let inside = RecordingPath::parse("second/run").unwrap();
    recorder.start(StartRequest { directory: Some(inside.clone()), ..request() }).unwrap();
    run(3);
    add("e");
    run(4);
    let gone = machines.lock().remove(1);
    let told = gone.told + machines.told();
    drop(gone);
    run(5);
    let status = recorder.stop().unwrap();
    let replayed = replay(&folder.path().join(inside.as_path()));
    assert_eq!(status.operations_written, replayed.operations());
    assert_eq!(machines_of(replayed.files), ["a", "b", "c", "d", "e"]);
    assert_eq!(status.operations_dropped, 0);
    assert!(told > 0 && status.operations_written > 0);
}

/// A flag that is raised at the end, however that comes.
struct Raised<'f>(&'f AtomicBool);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn recordings_come_and_go_under_load() {
    const MACHINES: usize = 3;
    const RECORDINGS: u64 = 6;
    let folder = tempfile::tempdir().unwrap();
    let machines = Arc::new(Machines::default());
    let recorder = recorder(config(folder.path()), &machines);
    let spec = Traffic::BouncePressure.machine();
    for at in 0..MACHINES {
        machines.lock().push(Host::new(&recorder, description(&format!("m{at}"), Profile::Freebsd11, &spec)));
    }
    let over = AtomicBool::new(false);
    let mut accounted = 0;
    std::thread::scope(|scope| {
        for at in 0..MACHINES {
            let (machines, over) = (&machines, &over);
            scope.spawn(move || {
                let mut ops = Workload::new(Traffic::BouncePressure, at as u64);
                while !over.load(Ordering::Relaxed) {
                    machines.lock()[at].apply_all(ops.by_ref().take(16));
                    std::thread::sleep(Duration::from_micros(200));
                }
            });
        }
        // Also when the recorder dies: who waits for the other threads would wait for ever.
        let _over = Raised(&over);
        for run in 0..RECORDINGS {
            let path = RecordingPath::parse(&format!("run{run}")).unwrap();
            let compression = if run % 2 == 0 { Compression::Zstd } else { Compression::None };
            let rotate_bytes = NonZeroU64::new(20_000);
            let request = StartRequest { directory: Some(path.clone()), compression, rotate_bytes, ..request() };
            recorder.start(request).unwrap();
            std::thread::sleep(Duration::from_millis(80));
            let status = recorder.stop().unwrap();
            assert!(status.finding.is_none(), "{status:?}");
            let replayed = replay(&folder.path().join(path.as_path()));
            assert_eq!(replayed.operations(), status.operations_written);
            assert_eq!(replayed.files.len() as u64, status.files);
            assert!(status.files >= MACHINES as u64 && status.operations_written > 0);
            accounted += status.operations_written + status.operations_dropped;
        }
    });
    // An operation during which a recording starts is passed over.
    let passed_over = machines.told() - accounted;
    assert!(passed_over <= MACHINES as u64 * RECORDINGS, "{passed_over} of {accounted}");
}

#[test]
fn what_a_trace_cannot_hold_is_dropped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let machines = Arc::new(Machines::default());
    let recorder = recorder(config(folder.path()), &machines);
    let spec = Traffic::BouncePressure.machine();
    machines.lock().push(Host::new(&recorder, description("m", Profile::Freebsd11, &spec)));
    recorder.start(request()).unwrap();
    let mut ops = Workload::new(Traffic::BouncePressure, 1);
    machines.lock()[0].apply_all(ops.by_ref().take(300));
    machines.lock()[0].load_unmapped();
    // The recorder asks for a fresh start when it comes across the operation.
    let goes_on = Instant::now() + Duration::from_secs(20);
    while !machines.lock()[0].tape.needs_start() {
        assert!(Instant::now() < goes_on);
        if recorder.status().operations_dropped > 0 {
            std::thread::sleep(Duration::from_millis(20));
            break;
        }
    }
    machines.lock()[0].apply_all(ops.take(300));
    let (status, replayed) = (recorder.stop().unwrap(), replay(folder.path()));
    assert!(status.operations_dropped >= 1, "{status:?}");
    assert_eq!(status.operations_written + status.operations_dropped, machines.told());
    assert_eq!(replayed.operations(), status.operations_written);
    assert_eq!((replayed.files.len(), replayed.scenarios.len()), (1, 2));
    assert!(replayed.scenarios.iter().all(|report| report.operations > 100));
}

#[test]
fn a_machine_that_cannot_be_written_down_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let machines = Arc::new(Machines::default());
    let recorder = recorder(config(folder.path()), &machines);
    let spec = Traffic::Storage.machine();
    for name in ["odd", "plain"] {
        machines.lock().push(Host::new(&recorder, description(name, Profile::Freebsd11, &spec)));
    }
    let function = AddressFilter::Custom(Arc::new(|_| FilterVerdict::Excluded));
    let template = TagTemplate { filter: Some(function), ..TagTemplate::default() };
    machines.lock()[0].apply(&Op::CreateTag { parent: None, template });
    let id = recorder.start(request()).unwrap();
    for host in machines.lock().iter_mut() {
        host.apply_all(Workload::new(Traffic::Storage, 1).take(100));
    }
    let found = Instant::now() + Duration::from_secs(20);
    while recorder.status().finding.is_none() {
        assert!(Instant::now() < found);
        std::thread::sleep(Duration::from_millis(1));
    }
    let status = recorder.status();
    assert_eq!(status.state, RecorderState::Recording(id));
    let Some(RecorderFinding::StateUnwritable { machine, .. }) = &status.finding else { panic!("{status:?}") };
    assert_eq!(machine.as_str(), "odd");
    let before = machines.lock()[0].told;
    for host in machines.lock().iter_mut() {
        host.apply_all(Workload::new(Traffic::Storage, 2).take(100));
    }
    let status = recorder.stop().unwrap();
    assert!(status.finding.is_some(), "{status:?}");
    let replayed = replay(folder.path());
    assert_eq!((replayed.files.len(), status.files, machines.lock()[0].told), (1, 1, before));
    assert_eq!(replayed.operations(), machines.lock()[1].told);
    assert_eq!(status.operations_written + status.operations_dropped, machines.told());
}

#[test]
fn a_machine_with_very_many_maps() {
    let unconstrained = Op::CreateTag { parent: None, template: TagTemplate::default() };
    let maps = std::iter::repeat_n(Op::CreateMap { tag: 0 }, 100_000);
    let before = std::iter::once(unconstrained).chain(maps).collect();
    check(&Rig::usual(Profile::Freebsd11), before, Workload::new(Traffic::Storage, 1).take(100).collect(), request());
}
