//! What a guest recorded is read to the last line.

use crate::data::{CAPTURES, Capture, TWINS, accounted, read, unpacked};
use busdma_host::event::{EventKind, HostEvent, Task, TaskName, Tracepoint};
use busdma_host::text::{BufferCounts, TextFormat, TextReader};
use std::collections::BTreeMap;

/// Events per tracepoint, as grep counted them.
fn expected(capture: &Capture) -> BTreeMap<Tracepoint, u64> {
    let (name, counts) = capture.counts.lines().next().unwrap().split_once(": ").unwrap();
    assert_eq!(name, capture.name);
    let count = |pair: &str| {
        let (name, count) = pair.split_once('=').unwrap();
        (Tracepoint::from_name(name).unwrap(), count.parse().unwrap())
    };
    counts.split_whitespace().map(count).collect()
}

#[test]
fn every_event_of_every_capture_is_read() {
    for capture in CAPTURES {
        let (events, stats) = read(&capture.text());
        assert_eq!(stats.events.iter().collect::<BTreeMap<_, _>>(), expected(capture), "{}", capture.name);
        assert_eq!(events.len() as u64, stats.events.total());
        assert_eq!(stats.first_not_understood, [], "{}", capture.name);
        assert_eq!((stats.others.total(), stats.lost_notices, stats.blank), (0, 0, 0), "{}", capture.name);
        assert_eq!(accounted(&stats), stats.lines);
        let written = stats.events.total();
        assert_eq!(stats.buffer, Some(BufferCounts { in_buffer: written, written }));
        assert!(!stats.is_overwritten());
    }
}

#[test]
fn times_go_up_and_devices_are_shared() {
    for capture in CAPTURES {
        let (events, _) = read(&capture.text());
        let falls = events.windows(2).filter(|pair| pair[1].at < pair[0].at).count();
        assert_eq!(falls, 0, "{}", capture.name);
        let mut names: BTreeMap<&str, *const u8> = BTreeMap::new();
        for device in events.iter().filter_map(HostEvent::device) {
            let text = device.name();
            assert_eq!(*names.entry(text).or_insert(text.as_ptr()), text.as_ptr(), "{}", capture.name);
        }
    }
}

/// The facts that `counts.txt` lists on its second line, counted with grep too.
#[test]
fn bounces_failures_and_cuts_are_told_apart() {
    let cases = [
        ("nvme-pool1M", [157, 54, 0]),
        ("udma-pool1M", [0, 4, 1]),
        ("udma-force", [0, 5, 2]),
        ("nvme-direct", [0, 0, 0]),
        ("nvme-iommu", [0, 196, 0]),
    ];
    for (name, expected) in cases {
        let capture = CAPTURES.iter().find(|capture| capture.name == name).unwrap();
        let (events, _) = read(&capture.text());
        let failed = |event: &&HostEvent| matches!(&event.kind, EventKind::MapPage(map) if map.failed());
        let moved = |event: &&HostEvent| match &event.kind {
            EventKind::MapSg(map) => map.phys.first().map(|at| at.raw()) != map.dma.first().map(|at| at.start.raw()),
            _ => false,
        };
        let cut = |event: &&HostEvent| match &event.kind {
            EventKind::MapSg(map) => map.entries as usize > map.phys.len() && map.mapped as usize > map.dma.len(),
            _ => false,
        };
        let found = [
            events.iter().filter(failed).count(),
            events.iter().filter(moved).count(),
            events.iter().filter(cut).count(),
        ];
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn perf_tells_what_ftrace_tells() {
    for twin in TWINS {
        let (ftrace, _) = read(&unpacked(twin.ftrace));
        for perf in twin.perf {
            let mut reader = TextReader::new();
            let text = unpacked(perf);
            let events: Vec<_> = reader.events(&*text).collect::<Result<_, _>>().unwrap();
            assert_eq!(reader.format(), Some(TextFormat::Perf));
            assert_eq!(reader.stats().first_not_understood, [], "{}", twin.name);
            assert_eq!(accounted(reader.stats()), reader.stats().lines);
            assert_eq!(by_cpu(events), by_cpu(ftrace.clone()), "{}", twin.name);
        }
    }
}

/// What each processor said, without the clock, which is another, and without the name of idle, which perf spells
/// differently.
fn by_cpu(events: Vec<HostEvent>) -> BTreeMap<u32, Vec<(Task, EventKind)>> {
    let mut all: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    for HostEvent { cpu, mut task, kind, .. } in events {
        if task.pid == 0 {
            task.name = TaskName::new(b"idle");
        }
        all.entry(cpu).or_default().push((task, kind));
    }
    all
}
