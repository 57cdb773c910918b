//! The programs in the running kernel: what they tell of real block I/O, and what became of each of their runs.
//!
//! These tests need root on a kernel with BTF. Where they cannot run they fail and say why, unless `BUSDMA_SKIP_EBPF=1`
//! says that it is known.

#![expect(clippy::print_stdout, reason = "a skip must be seen")]

mod disk;

use busdma_engine::PhysRange;
use busdma_host::event::{BlockRequest, Disk, EventKind, HostEvent, TaskName, Tracepoint};
use busdma_probes::frames::FrameStatus;
use busdma_probes::statistics::ProgramStatistics;
use busdma_probes::totals::Subject;
use busdma_probes::{Config, Filter, Mode, POLL_INTERVAL, ProbeStatus, Probes, Program, ProgramSet, RingSize, RunTime};
use disk::DirectFile;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The kernel's counts are of all I/O of the machine, and the tests force drops: one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const BLOCK: [Program; 4] =
    [Program::BlockRqIssue, Program::BlockRqComplete, Program::BlockRqRequeue, Program::BlockBioQueue];

#[test]
fn every_program_has_a_status_and_block_programs_run_on_every_kernel() {
    let Some((_alone, probes)) = attach(&Config::default()) else { return };
    let start = Instant::now();
    drop(Probes::attach(&Config::default()));
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}: the verifier goes through a loop once for each step");
    for (program, status) in probes.statuses().iter() {
        println!("{:28} {status}", program.tracepoint());
        assert!(matches!(status, ProbeStatus::Attached | ProbeStatus::Missing), "{}: {status}", program.tracepoint());
        assert_eq!(probes.attached().contains(program), status.is_attached());
    }
    for program in BLOCK {
        assert_eq!(*probes.statuses().get(program), ProbeStatus::Attached);
    }
    // Linux 6.18 renamed pages to addresses: a kernel has the one or the other.
    let has = |program| probes.statuses().get(program).is_attached();
    assert_ne!(has(Program::DmaMapPage), has(Program::DmaMapPhys));
    assert_eq!(has(Program::DmaMapPage), has(Program::DmaUnmapPage));
}

#[test]
fn the_segments_of_a_direct_write_are_the_frames_of_its_buffer() {
    let Some((_alone, mut probes)) = attach(&Config::default()) else { return };
    assert!(matches!(probes.frames(), FrameStatus::Known { .. }), "{:?}", probes.frames());
    for pages in [1, 16, 64, 256] {
        let mut file = DirectFile::new(pages);
        let events = collect(&mut probes, || file.write());
        let expected = file.frames();
        let found: Vec<u64> = requests(&events, file.disk())
            .flat_map(|request| request.memory.iter())
            .flat_map(|range| (range.start.raw() / 4096..).take(pages_of(range)))
            .collect();
        let hits = expected.iter().filter(|frame| found.contains(frame)).count();
        assert_eq!(hits, pages, "of {pages} pages {hits} were seen; {} requests", events.len());
    }
}

#[test]
fn an_issued_request_completes_under_the_same_address() {
    let Some((_alone, mut probes)) = attach(&Config::default()) else { return };
    let mut file = DirectFile::new(4);
    let before = now();
    let events = collect(&mut probes, || (0..50).for_each(|_| file.write()));
    let after = now();
    assert!(events.iter().all(|event| (before..=after).contains(&event.at.raw())), "not CLOCK_MONOTONIC");
    let first = file.frames()[0];
    let holds_first =
        |range: &PhysRange| (range.start.raw() / 4096..).take(pages_of(range)).any(|frame| frame == first);
    let issued: Vec<_> =
        requests(&events, file.disk()).filter(|request| request.memory.iter().any(holds_first)).collect();
    assert!(issued.len() >= 50, "{} requests", issued.len());
    let own = u32::try_from(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
    let name = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
    let queued = events.iter().filter(|event| event.task.pid == own && event.point == Tracepoint::BlockBioQueue);
    assert!(queued.clone().count() >= 50, "a thread submits its direct writes itself");
    assert!(queued.clone().all(|event| event.task.name == TaskName::new(name.trim_end().as_bytes())), "{name}");
    for request in issued {
        assert!(request.operation.to_string().starts_with('W'));
        assert_eq!(request.pieces, Some(u32::try_from(request.memory.len()).unwrap()));
        // A request that was issued again may have grown meanwhile.
        let completed = events.iter().any(|event| match &event.kind {
            EventKind::BlockComplete(done) => {
                done.request == request.request
                    && done.error == 0
                    && u64::from(done.sectors) * 512 >= request.size.raw()
            }
            _ => false,
        });
        assert!(completed, "{request:?}");
    }
}

#[test]
fn delivered_and_dropped_add_up_to_the_runs() {
    for ring in [RingSize::MIN, RingSize::default()] {
        let config = Config { ring, run_time: RunTime::Measured, programs: ProgramSet::NONE, ..Config::default() };
        let Some((_alone, mut probes)) = attach(&config) else { return };
        assert!(probes.measures());
        probes.set_programs(BLOCK.into_iter().collect());
        let mut file = DirectFile::new(4);
        (0..300).for_each(|_| file.write());
        probes.set_programs(ProgramSet::NONE);
        let statistics = probes.statistics().unwrap();
        let mut delivered = 0;
        let report = probes.poll(|_| delivered += 1);
        assert_eq!((report.delivered, report.undecodable), (delivered, 0));
        for program in BLOCK {
            let ProgramStatistics { counts, timed, missed } = *statistics.get(program);
            println!("{}: {counts:?} {timed:?} missed {missed:?}", program.tracepoint());
            assert_eq!(counts.runs(), timed.map_or(0, |timed| timed.runs), "{}", program.tracepoint());
            assert_eq!(*report.lost.get(program), counts.dropped);
        }
        let sum = |count: fn(&ProgramStatistics) -> u64| -> u64 {
            BLOCK.iter().map(|&program| count(statistics.get(program))).sum()
        };
        assert_eq!(sum(|program| program.counts.delivered), delivered);
        let dropped = sum(|program| program.counts.dropped);
        assert_eq!(dropped > 0, ring == RingSize::MIN, "{dropped} dropped in {} bytes", ring.bytes());
        assert_eq!(probes.poll(|_| ()).lost.sum(), 0, "losses are told once");
    }
}

#[test]
fn the_filter_keeps_the_wanted_disk_and_counts_the_rest() {
    let Some((_alone, mut probes)) = attach(&Config::default()) else { return };
    let mut file = DirectFile::new(1);
    let nobody = Disk { major: 4000, minor: 1 };
    probes.set_filter(&Filter { disks: vec![nobody], ..Filter::default() }).unwrap();
    settle(&mut probes);
    let before = *probes.statistics().unwrap().get(Program::BlockRqIssue);
    let events = collect(&mut probes, || (0..20).for_each(|_| file.write()));
    let after = *probes.statistics().unwrap().get(Program::BlockRqIssue);
    assert!(events.is_empty(), "{events:?}");
    assert_eq!(after.counts.delivered, before.counts.delivered);
    assert!(after.counts.filtered >= before.counts.filtered + 20);

    probes.set_filter(&Filter { disks: vec![nobody, file.disk()], ..Filter::default() }).unwrap();
    let events = collect(&mut probes, || (0..20).for_each(|_| file.write()));
    assert!(requests(&events, file.disk()).count() >= 20);
    assert!(events.iter().all(|event| !matches!(&event.kind, EventKind::BlockIssue(it) if it.disk != file.disk())));

    // A device filter says nothing about disks.
    let devices = vec![busdma_host::event::Device::new("0000:00:1f.6")];
    probes.set_filter(&Filter { devices, ..Filter::default() }).unwrap();
    let events = collect(&mut probes, || (0..20).for_each(|_| file.write()));
    assert!(requests(&events, file.disk()).count() >= 20);
}

#[test]
fn totals_are_added_up_in_the_kernel_without_an_event() {
    let Some((_alone, mut probes)) = attach(&Config { mode: Mode::Totals, ..Config::default() }) else { return };
    let mut file = DirectFile::new(16);
    let events = collect(&mut probes, || (0..30).for_each(|_| file.write()));
    assert!(events.is_empty(), "{events:?}");
    let totals = probes.totals().unwrap();
    let issued = totals
        .iter()
        .find(|total| total.program == Program::BlockRqIssue && total.subject == Subject::Disk(file.disk()))
        .unwrap_or_else(|| panic!("{totals:?}"));
    assert!(issued.count >= 25 && issued.bytes >= 30 * 65536, "{issued:?}");
    assert!(issued.sizes[16] >= 25, "64 KiB is in the bucket from 2^16: {issued:?}");
    assert_eq!(issued.sizes.iter().sum::<u64>(), issued.count);
    let counts = probes.statistics().unwrap().get(Program::BlockRqIssue).counts;
    assert!(counts.totalled >= issued.count && counts.delivered == 0, "{counts:?}");

    probes.set_mode(Mode::Events).unwrap();
    let events = collect(&mut probes, || file.write());
    assert!(requests(&events, file.disk()).count() >= 1);
}

#[test]
fn programs_are_detached_and_attached_again() {
    let Some((_alone, mut probes)) = attach(&Config::default()) else { return };
    let mut file = DirectFile::new(1);
    for _ in 0..3 {
        let without = ProgramSet::ALL.without(Program::BlockRqIssue);
        probes.set_programs(without);
        assert_eq!(*probes.statuses().get(Program::BlockRqIssue), ProbeStatus::Disabled);
        settle(&mut probes);
        let events = collect(&mut probes, || (0..5).for_each(|_| file.write()));
        assert_eq!(requests(&events, file.disk()).count(), 0);
        assert!(events.iter().any(|event| matches!(event.kind, EventKind::BlockComplete(_))));

        probes.set_programs(ProgramSet::ALL);
        assert_eq!(*probes.statuses().get(Program::BlockRqIssue), ProbeStatus::Attached);
        let events = collect(&mut probes, || (0..5).for_each(|_| file.write()));
        assert!(requests(&events, file.disk()).count() >= 5);
    }
}

#[test]
fn without_any_capability_left_probes_go_on_and_are_switched() {
    let Some((_alone, mut probes)) = attach(&Config { run_time: RunTime::Measured, ..Config::default() }) else {
        return;
    };
    let worker = std::thread::spawn(move || {
        busdma_probes::privileges::drop_thread_to(&[]).unwrap();
        let mut file = DirectFile::new(1);
        probes.set_programs(ProgramSet::NONE);
        probes.set_programs(ProgramSet::ALL);
        assert!(probes.statuses().get(Program::BlockRqIssue).is_attached());
        probes.set_filter(&Filter { disks: vec![file.disk()], ..Filter::default() }).unwrap();
        let events = collect(&mut probes, || (0..5).for_each(|_| file.write()));
        assert!(requests(&events, file.disk()).count() >= 5);
        assert!(probes.statistics().unwrap().get(Program::BlockRqIssue).timed.is_some());
        let again = Probes::attach(&Config::default());
        let status = again.statuses().get(Program::BlockRqIssue);
        assert!(matches!(status, ProbeStatus::Denied { .. }), "{status}");
    });
    worker.join().unwrap();
}

/// What the programs cost and how many events a second get through, printed; it fails only when events are lost.
#[test]
fn the_default_ring_loses_nothing_under_load() {
    let Some((_alone, mut probes)) = attach(&Config { run_time: RunTime::Measured, ..Config::default() }) else {
        return;
    };
    let stop = Instant::now() + Duration::from_secs(2);
    let writers: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                let mut file = DirectFile::new(1);
                while Instant::now() < stop {
                    file.write();
                }
            })
        })
        .collect();
    let (mut delivered, mut lost) = (0, 0);
    while writers.iter().any(|writer| !writer.is_finished()) {
        let report = probes.poll(|_| ());
        delivered += report.delivered;
        lost += report.lost.sum();
        std::thread::sleep(POLL_INTERVAL);
    }
    for writer in writers {
        writer.join().unwrap();
    }
    for (program, statistics) in probes.statistics().unwrap().iter() {
        if let Some(timed) = statistics.timed {
            println!("{}: {} ns a run, {} runs", program.tracepoint(), timed.ns_per_run().unwrap(), timed.runs);
        }
    }
    println!("{} events a second, {lost} lost", delivered / 2);
    assert_eq!(lost, 0, "of {delivered}");
    assert!(delivered > 100);
}

/// The probes; nothing when it is known that there can be none here.
fn attach(config: &Config) -> Option<(MutexGuard<'static, ()>, Probes)> {
    let alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let probes = Probes::attach(config);
    let status = probes.statuses().get(Program::BlockRqIssue);
    if matches!(status, ProbeStatus::Attached)
        || (config.programs == ProgramSet::NONE && *status == ProbeStatus::Disabled)
    {
        return Some((alone, probes));
    }
    let known = std::env::var("BUSDMA_SKIP_EBPF").is_ok_and(|value| value == "1");
    assert!(known, "block_rq_issue is {status}; set BUSDMA_SKIP_EBPF=1 if that is known");
    println!("SKIPPED: block_rq_issue is {status}");
    None
}

/// Every event until a while after `work`.
fn collect(probes: &mut Probes, work: impl FnOnce()) -> Vec<HostEvent> {
    settle(probes);
    work();
    std::thread::sleep(Duration::from_millis(50));
    let mut events = Vec::new();
    let report = probes.poll(|event| events.push(event));
    assert_eq!((report.undecodable, report.lost.sum(), report.uncounted), (0, 0, None));
    assert_eq!(report.delivered, u64::try_from(events.len()).unwrap());
    events
}

/// Other work of the machine may have left events behind.
fn settle(probes: &mut Probes) {
    std::thread::sleep(Duration::from_millis(20));
    probes.poll(|_| ());
}

/// Issued requests on that disk. What other processes write may be merged into them.
fn requests(events: &[HostEvent], disk: Disk) -> impl Iterator<Item = &BlockRequest> {
    events.iter().filter_map(move |event| match &event.kind {
        EventKind::BlockIssue(request) if request.disk == disk => Some(request),
        _ => None,
    })
}

fn pages_of(range: &PhysRange) -> usize {
    usize::try_from(range.len.raw() / 4096).unwrap()
}

fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).unwrap()
}
