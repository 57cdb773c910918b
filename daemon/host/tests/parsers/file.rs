//! Our own file: what is written is read back, and what is damaged is told.

use crate::data::{CAPTURES, read};
use busdma_engine::{BusAddr, BusSize, Nanos, PhysAddr, PhysRange};
use busdma_host::capture::{
    CaptureEnd, CaptureReader, CaptureWriter, Entry, Header, Lost, PoolCounts, PoolSample, WriteError, is_capture,
};
use busdma_host::event::{
    Attributes, BlockRequest, Device, Direction, Disk, DmaRange, EventKind, HostEvent, Operation, Sync, SyncOwner,
    Task, TaskName, Tracepoint, UnmapSg,
};

fn header() -> Header {
    Header { clock: "local".into(), recorded: Tracepoint::ALL.to_vec(), ..Header::default() }
}

fn written(header: &Header, entries: &[Entry]) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new(), header).unwrap();
    for entry in entries {
        writer.write(entry).unwrap();
    }
    writer.finish().unwrap()
}

fn entries(file: &[u8]) -> Vec<Entry> {
    CaptureReader::new(file).unwrap().collect::<Result<_, _>>().unwrap()
}

pub(crate) fn check_round_trip(events: &[HostEvent]) {
    let given: Vec<_> = events.iter().cloned().map(Entry::Event).collect();
    assert_eq!(entries(&written(&header(), &given)), given);
}

#[test]
fn every_real_event_comes_back() {
    for capture in CAPTURES {
        let (events, _) = read(&capture.text());
        check_round_trip(&events);
    }
}

fn event(point: Tracepoint, kind: EventKind) -> HostEvent {
    let task = Task { pid: 7, name: TaskName::new(b"\"dd\\ \xff\x01") };
    HostEvent { at: Nanos::new(u64::MAX), cpu: u32::MAX, task, point, kind }
}

fn request(memory: &[(u64, u64)], request: Option<u64>) -> BlockRequest {
    let range = |&(start, len): &(u64, u64)| PhysRange { start: PhysAddr::new(start), len: BusSize::new(len) };
    BlockRequest {
        disk: Disk { major: 259, minor: 3 },
        request,
        operation: Operation::new(b"RSM"),
        sector: u64::MAX,
        size: BusSize::new(8192),
        memory: memory.iter().map(range).collect(),
        pieces: Some(254),
    }
}

/// What only eBPF tells, and the corners of every type.
#[test]
fn what_text_never_tells_comes_back() {
    let device = Device::new("naïve \"device\"");
    let ranges = [0x1000, u64::MAX].map(|start| DmaRange { start: BusAddr::new(start), size: BusSize::new(u64::MAX) });
    let sync = |ranges: &[DmaRange]| {
        EventKind::Sync(Sync {
            device: device.clone(),
            direction: Direction::None,
            owner: SyncOwner::Cpu,
            ranges: ranges.into(),
        })
    };
    let unmap = UnmapSg {
        device: device.clone(),
        direction: Direction::ToDevice,
        phys: Box::default(),
        entries: Some(1024),
        attributes: Attributes::all() | Attributes::from_bits_retain(0x8000_0001),
    };
    check_round_trip(&[
        event(Tracepoint::BlockRqIssue, EventKind::BlockIssue(request(&[(0x1000, 512), (0, 0)], Some(u64::MAX)))),
        event(Tracepoint::BlockRqRequeue, EventKind::BlockRequeue(request(&[], None))),
        event(Tracepoint::DmaUnmapSg, EventKind::UnmapSg(unmap)),
        event(Tracepoint::DmaSyncSgForCpu, sync(&[])),
        event(Tracepoint::DmaSyncSgForCpu, sync(&ranges[..1])),
        event(Tracepoint::DmaSyncSingleForCpu, sync(&ranges)),
        event(Tracepoint::MarkWrite, EventKind::Mark("two\nlines \u{0}".into())),
    ]);
}

#[test]
fn the_header_and_samples_come_back() {
    let header = Header {
        clock: "boottime".into(),
        kernel: Some("6.12.95+deb12-amd64".into()),
        command_line: Some("quiet swiotlb=force".into()),
        recorded: vec![Tracepoint::DmaMapPage, Tracepoint::IommuUnmap],
        devices: Some(serde_json::json!({"0000:00:02.0": {"dma_mask_bits": 64}})),
        swiotlb: Some(PoolCounts { total: 512, used: 0, hiwater: Some(1) }),
        iomem: vec![PhysRange { start: PhysAddr::new(0x10_0000), len: BusSize::new(1 << 40) }],
    };
    let given = [
        Entry::Pool(PoolSample { at: None, counts: PoolCounts { total: 512, used: 100, hiwater: None } }),
        Entry::Pool(PoolSample {
            at: Some(Nanos::new(5)),
            counts: PoolCounts { total: 512, used: 1, hiwater: Some(512) },
        }),
        Entry::Lost(Lost { at: Some(Nanos::new(6)), events: u64::MAX }),
        Entry::Lost(Lost { at: None, events: 0 }),
    ];
    let file = written(&header, &given);
    assert!(is_capture(&file));
    let mut reader = CaptureReader::new(&*file).unwrap();
    assert_eq!(reader.header(), &header);
    assert_eq!(reader.by_ref().collect::<Result<Vec<_>, _>>().unwrap(), given);
    assert_eq!((reader.end(), reader.lines()), (CaptureEnd::Whole, 5));
}

#[test]
fn a_line_is_spelled_as_the_kernel_spells() {
    let (events, _) = read(
        b"    kworker/u8:0-12      [001] .....     3.724049: dma_map_page: 0000:00:02.0 dir=FROM_DEVICE \
          dma_addr=1d000000 size=4096 phys_addr=1eeb000 attrs=NO_WARN|0x1000",
    );
    let file = written(&header(), &[Entry::Event(events[0].clone())]);
    let line = str::from_utf8(&file).unwrap().lines().nth(1).unwrap();
    let expected = r#"{"at":3724049000,"cpu":1,"task":"kworker/u8:0","pid":12,"event":"dma_map_page","device":"0000:00:02.0","dir":"FROM_DEVICE","dma_addr":"0x1d000000","phys_addr":"0x1eeb000","size":4096,"attrs":"NO_WARN|0x1000"}"#;
    assert_eq!(line, expected);
}

/// Wherever the file is cut, the events before the cut are there and the cut is told.
#[test]
fn a_torn_file_gives_what_is_whole() {
    let capture = CAPTURES.iter().find(|capture| capture.name == "nvme-iommu-swforce").unwrap();
    let (events, _) = read(&capture.text());
    let given: Vec<_> = events.into_iter().take(12).map(Entry::Event).collect();
    let file = written(&header(), &given);
    let first = file.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for cut in first..=file.len() {
        let file = &file[..cut];
        let mut reader = CaptureReader::new(file).unwrap();
        let found: Vec<_> = reader.by_ref().collect::<Result<_, _>>().unwrap();
        let rest = file.iter().rev().take_while(|&&byte| byte != b'\n').count();
        let lines = memchr::memchr_iter(b'\n', file).count();
        // A last line that lacks nothing but its end is whole.
        let whole = rest == 0 || file.ends_with(b"}");
        assert_eq!(found, given[..lines - 1 + usize::from(whole && rest > 0)], "cut at {cut}");
        let torn = CaptureEnd::Torn { line: lines as u64 + 1, bytes: rest };
        assert_eq!(reader.end(), if whole { CaptureEnd::Whole } else { torn }, "cut at {cut}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let head = r#"{"format":"busdma-host","version":1,"clock":"local","recorded":[]}"#;
    let event = r#""at":1,"cpu":0,"task":"dd","pid":1"#;
    let map = r#""device":"d","dir":"TO_DEVICE","dma_addr":"0x1","size":1"#;
    let cases = [
        (String::new(), "line 1: no header, expected {\"format\":\"busdma-host\",\"version\":1,...}"),
        ("# tracer: nop".into(), "line 1: no header, expected {\"format\":\"busdma-host\",\"version\":1,...}"),
        (
            r#"{"format":"busdma-trace","version":1}"#.into(),
            "line 1: the format is \"busdma-trace\", expected \"busdma-host\"",
        ),
        (
            r#"{"format":"busdma-host","version":2,"new":1}"#.into(),
            "line 1: version 2 of busdma-host, expected version 1",
        ),
        (
            r#"{"format":"busdma-host","version":1,"clock":"a","recorded":["nfs_read"]}"#.into(),
            "line 1: unknown event \"nfs_read\"",
        ),
        (format!("{head}\n{{\"lost\":1}}\n{{}}"), "line 3: expected \"event\", \"lost\" or \"pool\""),
        (format!("{head}\n{{{event},\"event\":\"x\"}}"), "line 2: unknown event \"x\""),
        (format!("{head}\n{{{event},\"event\":\"dma_map_page\",{map}}}"), "line 2: dma_map_page without phys_addr"),
        (
            format!("{head}\n{{{event},\"event\":\"dma_unmap_page\",{map},\"phys_addr\":\"0x1\"}}"),
            "line 2: dma_unmap_page has no phys_addr",
        ),
        (
            format!("{head}\n{{{event},\"event\":\"dma_unmap_page\",{map},\"attrs\":\"FAST\"}}"),
            "line 2: attrs is \"FAST\"",
        ),
        (format!("{head}\n{{\"lost\":1,\"cpu\":1}}"), "line 2: lost has no cpu"),
    ];
    for (file, expected) in cases {
        let error = match CaptureReader::new(file.as_bytes()) {
            Err(error) => error,
            Ok(mut reader) => reader.find_map(Result::err).unwrap(),
        };
        assert_eq!(error.to_string(), expected, "{file}");
    }
    let file = format!("{head}\n{{\"lost\":1,\"unheard\":1}}\n{{\"at\":\"0x1\"}}\n{{\"lost\":3}}\n");
    let found: Vec<_> = CaptureReader::new(file.as_bytes()).unwrap().collect();
    assert_eq!(found.len(), 3, "reading goes on behind an error");
    assert!(found[0].as_ref().unwrap_err().to_string().starts_with("line 2: unknown field `unheard`"));
    assert!(found[1].as_ref().unwrap_err().to_string().starts_with("line 3: invalid type: string \"0x1\""));
    assert_eq!(found[2].as_ref().unwrap(), &Entry::Lost(Lost { at: None, events: 3 }));
}

#[test]
fn an_event_of_another_tracepoint_is_not_written() {
    let event = event(Tracepoint::DmaMapPage, EventKind::Mark("x".into()));
    let mut writer = CaptureWriter::new(Vec::new(), &header()).unwrap();
    let error = writer.write_event(&event).unwrap_err();
    assert!(matches!(error, WriteError::Mismatch { point: Tracepoint::DmaMapPage }));
    assert_eq!(entries(&writer.finish().unwrap()), []);
}
