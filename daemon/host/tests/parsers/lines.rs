//! Lines of every print format, and the ways in which a line can be odd.

use crate::data::{accounted, read};
use busdma_engine::{BusAddr, BusSize, Nanos, PhysAddr};
use busdma_host::event::{
    Alloc, Attributes, BlockBio, BlockCompletion, BlockRequest, BounceCause, Bounced, Device, Direction, Disk,
    DmaRange, EventKind, Free, HostEvent, IommuMap, IommuUnmap, MapPage, MapSg, MapSgFailed, Operation, Sync,
    SyncOwner, Tracepoint, UnmapPage, UnmapSg,
};
use busdma_host::text::{BufferCounts, LINE_BYTES_MAX, LineError, TextFormat, TextReader};

/// The one event of one line.
fn event(line: &str) -> HostEvent {
    let (mut events, stats) = read(line.as_bytes());
    assert_eq!(stats.first_not_understood, [], "{line}");
    assert_eq!(events.len(), 1, "{line}");
    events.remove(0)
}

/// `payload` is read alike from ftrace, from trace-cmd, and from perf.
fn check(point: Tracepoint, payload: &str, expected: &EventKind) {
    let name = point.name();
    let group = point.group();
    for line in [
        format!("              dd-1234    [001] d..1.   100.000001: {name}: {payload}\n"),
        format!("              dd-1234  [001]   100.000001: {name}:       {payload}"),
        format!("dd-1234 ( 1230) [001] d..1.   100.000001000: {name}: {payload}"),
        format!("              dd  1234 [001]   100.000001:     {group}:{name}: {payload}\r\n"),
        format!("dd 1230/1234 [001] 100.000001: {group}:{name}: {payload}"),
    ] {
        let event = event(&line);
        assert_eq!(&event.kind, expected, "{line}");
        assert_eq!((event.point, event.cpu, event.task.pid), (point, 1, 1234), "{line}");
        assert_eq!((event.task.name.bytes(), event.at), (&b"dd"[..], Nanos::new(100_000_001_000)), "{line}");
    }
}

fn device() -> Device {
    Device::new("0000:00:02.0")
}

fn phys(addresses: &[u64]) -> Box<[PhysAddr]> {
    addresses.iter().copied().map(PhysAddr::new).collect()
}

fn ranges(list: &[(u64, u64)]) -> Box<[DmaRange]> {
    list.iter().map(|&(start, size)| DmaRange { start: BusAddr::new(start), size: BusSize::new(size) }).collect()
}

#[test]
fn pages() {
    let map = |attributes| {
        EventKind::MapPage(MapPage {
            device: device(),
            direction: Direction::FromDevice,
            dma: BusAddr::MAX,
            size: BusSize::new(4096),
            phys: PhysAddr::new(0x1_eeb0_0000),
            attributes,
        })
    };
    let text = "0000:00:02.0 dir=FROM_DEVICE dma_addr=ffffffffffffffff size=4096 phys_addr=1eeb00000 attrs=";
    for point in [Tracepoint::DmaMapPage, Tracepoint::DmaMapPhys, Tracepoint::DmaMapResource] {
        check(point, text, &map(Attributes::empty()));
    }
    let attributes = Attributes::NO_WARN | Attributes::MMIO | Attributes::from_bits_retain(0x1000);
    check(Tracepoint::DmaMapPhys, &format!("{text}NO_WARN|MMIO|0x1000"), &map(attributes));
    let unmap = EventKind::UnmapPage(UnmapPage {
        device: device(),
        direction: Direction::None,
        dma: BusAddr::new(0x1d00_0000),
        size: BusSize::new(512),
        attributes: Attributes::SKIP_CPU_SYNC,
    });
    for point in [Tracepoint::DmaUnmapPage, Tracepoint::DmaUnmapPhys, Tracepoint::DmaUnmapResource] {
        check(point, "0000:00:02.0 dir=NONE dma_addr=1d000000 size=512 attrs=SKIP_CPU_SYNC", &unmap);
    }
}

#[test]
fn scatter_lists() {
    let map = |entries, mapped| {
        EventKind::MapSg(MapSg {
            device: device(),
            direction: Direction::ToDevice,
            entries,
            mapped,
            phys: phys(&[0x1000, 0x3000]),
            dma: ranges(&[(0xfff0_0000, 0x2000)]),
            attributes: Attributes::empty(),
        })
    };
    let lists = "dma_addrs={0xfff00000} sizes={0x2000} phys_addrs={0x1000,0x3000} attrs=";
    let head = "0000:00:02.0 dir=TO_DEVICE";
    check(Tracepoint::DmaMapSg, &format!("{head} nents=2/2 ents=1/1 {lists}"), &map(2, 1));
    check(Tracepoint::DmaMapSg, &format!("{head} nents=2/1024 ents=1/900 [TRUNCATED] {lists}"), &map(1024, 900));
    check(Tracepoint::DmaMapSg, &format!("{head} {lists}"), &map(2, 1));
    let raw = "[FAILED TO PARSE] device=0000:00:02.0 full_nents=1024 full_ents=900 truncated=1 \
        phys_addrs=ARRAY[00, 10, 00, 00, 00, 00, 00, 00, 00, 30, 00, 00, 00, 00, 00, 00] \
        dma_addrs=ARRAY[00, 00, f0, ff, 00, 00, 00, 00] lengths=ARRAY[00, 20, 00, 00] dir=1 attrs=0x0";
    check(Tracepoint::DmaMapSg, raw, &map(1024, 900));
    let failed = EventKind::MapSgFailed(MapSgFailed {
        device: device(),
        direction: Direction::ToDevice,
        phys: phys(&[0x1000]),
        error: -16,
        attributes: Attributes::NO_WARN,
    });
    check(Tracepoint::DmaMapSgErr, &format!("{head} dma_addrs={{0x1000}} err=-16 attrs=NO_WARN"), &failed);
    let unmap = EventKind::UnmapSg(UnmapSg {
        device: device(),
        direction: Direction::ToDevice,
        phys: phys(&[]),
        entries: None,
        attributes: Attributes::empty(),
    });
    check(Tracepoint::DmaUnmapSg, &format!("{head} phys_addrs={{}} attrs="), &unmap);
    check(Tracepoint::DmaUnmapSg, "[FAILED TO PARSE] device=0000:00:02.0 addrs=ARRAY[] dir=1 attrs=0x0", &unmap);
}

#[test]
fn memory_for_both_sides() {
    let alloc = |phys| Alloc {
        device: device(),
        direction: Direction::Bidirectional,
        dma: BusAddr::new(0x2a0_1000),
        size: BusSize::new(512),
        phys,
        attributes: Attributes::WRITE_COMBINE,
    };
    let text = "0000:00:02.0 dir=BIDIRECTIONAL dma_addr=2a01000 size=512";
    let tail = "flags=GFP_KERNEL|__GFP_ZERO attrs=WRITE_COMBINE";
    for point in [Tracepoint::DmaAlloc, Tracepoint::DmaAllocPages] {
        let expected = EventKind::Alloc(alloc(phys(&[])));
        check(point, &format!("{text} virt_addr=(____ptrval____) {tail}"), &expected);
        check(point, &format!("{text} virt_addr=0xffff89ee1add2000 {tail}"), &expected);
    }
    let expected = EventKind::AllocFailed(alloc(phys(&[])));
    check(Tracepoint::DmaAllocSgtErr, &format!("{text} virt_addr=(null) {tail}"), &expected);
    let expected = EventKind::Alloc(alloc(phys(&[0x1000, 0x5000])));
    check(Tracepoint::DmaAllocSgt, &format!("{text} phys_addrs={{0x1000,0x5000}} {tail}"), &expected);
    let free = |phys, attributes| {
        let Alloc { device, direction, dma, size, .. } = alloc(Box::default());
        EventKind::Free(Free { device, direction, dma, size, phys, attributes })
    };
    for point in [Tracepoint::DmaFree, Tracepoint::DmaFreePages] {
        let expected = free(phys(&[]), Attributes::WRITE_COMBINE);
        check(point, &format!("{text} virt_addr=00000000a5e1 attrs=WRITE_COMBINE"), &expected);
    }
    let expected = free(phys(&[0x1000]), Attributes::empty());
    check(Tracepoint::DmaFreeSgt, &format!("{text} phys_addrs={{0x1000}}"), &expected);
}

#[test]
fn syncs() {
    let sync =
        |owner, ranges| EventKind::Sync(Sync { device: device(), direction: Direction::FromDevice, owner, ranges });
    let cases = [
        (Tracepoint::DmaSyncSingleForCpu, Tracepoint::DmaSyncSgForCpu, SyncOwner::Cpu),
        (Tracepoint::DmaSyncSingleForDevice, Tracepoint::DmaSyncSgForDevice, SyncOwner::Device),
    ];
    for (single, list, owner) in cases {
        let text = "0000:00:02.0 dir=FROM_DEVICE";
        let one = sync(owner, ranges(&[(0xbdc1_a000, 68)]));
        check(single, &format!("{text} dma_addr=bdc1a000 size=68"), &one);
        let two = sync(owner, ranges(&[(0x1000, 0x800), (0x2000, 0x1000)]));
        check(list, &format!("{text} dma_addrs={{0x1000,0x2000}} sizes={{0x800,0x1000}}"), &two);
    }
}

#[test]
fn swiotlb_and_iommu() {
    for (word, cause) in [("FORCE", BounceCause::Forced), ("NORMAL", BounceCause::Mask)] {
        let expected = EventKind::Bounced(Bounced {
            device: Device::new("a device"),
            mask: BusAddr::new(0xffff_ffff),
            addr: BusAddr::new(0x1_2000),
            size: BusSize::new(1514),
            cause,
        });
        let text = format!("dev_name: a device dma_mask=ffffffff dev_addr=12000 size=1514 {word}");
        check(Tracepoint::SwiotlbBounced, &text, &expected);
    }
    let iova = BusAddr::new(0xffff_f000);
    let size = BusSize::new(4096);
    let map = EventKind::IommuMap(IommuMap { iova, phys: PhysAddr::new(0x34a_0000), size });
    let text = "IOMMU: iova=0x00000000fffff000 - 0x0000000100000000 paddr=0x00000000034a0000 size=4096";
    check(Tracepoint::IommuMap, text, &map);
    let unmap = EventKind::IommuUnmap(IommuUnmap { iova, size, unmapped: BusSize::new(0) });
    let text = "IOMMU: iova=0x00000000fffff000 - 0x0000000100000000 size=4096 unmapped_size=0";
    check(Tracepoint::IommuUnmap, text, &unmap);
}

#[test]
fn block() {
    let disk = Disk { major: 259, minor: 1_048_575 };
    let request = |size| BlockRequest {
        disk,
        request: None,
        operation: Operation::new(b"WFSMHV"),
        sector: 48,
        size: BusSize::new(size),
        memory: Box::default(),
        pieces: None,
    };
    for tail in ["be,0,4 [dd]", "0x2,0,4 [a [b] c]", "none,0,0 []", "[dd]"] {
        let text = format!("259,1048575 WFSMHV 8191 () 48 + 16 {tail}");
        check(Tracepoint::BlockRqIssue, &text, &EventKind::BlockIssue(request(8191)));
    }
    let text = "259,1048575 WFSMHV (12 00 ff) 48 + 16 none,0,0 [0]";
    check(Tracepoint::BlockRqRequeue, text, &EventKind::BlockRequeue(request(8192)));
    for error in [0, -5] {
        let expected = EventKind::BlockComplete(BlockCompletion {
            disk: Disk { major: 0, minor: 0 },
            request: None,
            operation: Operation::new(b"N"),
            sector: u64::MAX,
            sectors: 8,
            error,
        });
        let text = format!("0,0 N () 18446744073709551615 + 8 none,0,0 [{error}]");
        check(Tracepoint::BlockRqComplete, &text, &expected);
    }
    let bio = BlockBio { disk, operation: Operation::new(b"RA"), sector: 7, sectors: 1 };
    check(Tracepoint::BlockBioQueue, "259,1048575 RA 7 + 1 [jbd2/vda-8]", &EventKind::BlockQueue(bio));
}

#[test]
fn marks() {
    let lines = [
        (
            "            init-1       [001] .....     3.774184: tracing_mark_write: LABMARK a: b [000]",
            "LABMARK a: b [000]",
        ),
        ("            init-1       [001] .....     3.774184: tracing_mark_write:   indented ", "  indented "),
        (
            "            init-1     [001]     3.774184: print:                tracing_mark_write: by trace-cmd",
            "by trace-cmd",
        ),
    ];
    for (line, text) in lines {
        assert_eq!(event(line).kind, EventKind::Mark(text.into()));
    }
}

#[test]
fn tasks_have_any_name() {
    let names = ["a b: [x] 7", "x-1 [001] .....", "kworker/u8:0-ev", "<idle>", "<...>", "[000]", "- -1", "5", "::"];
    for name in names {
        let payload = "254,0 R 0 + 1 [x]";
        let ftrace = event(&format!("{name:>16}-12      [003] ..s1. 4294967.000009: block_bio_queue: {payload}"));
        let perf = event(&format!("{name:>16}    12 [003] 4294967.000009:  block:block_bio_queue: {payload}"));
        assert_eq!(ftrace.task.name.bytes(), name.as_bytes());
        assert_eq!((ftrace.task.pid, ftrace.cpu, ftrace.at.raw()), (12, 3, 4_294_967_000_009_000));
        assert_eq!(ftrace, perf);
    }
    for name in ["dd", "a b", "a-b", "kworker/u8:0", "x: y"] {
        let moved = event(&format!("  {name}-12 [003] 7.25: block_bio_queue: 254,0 R 0 + 1 [x-5 [000] 1.0: y]"));
        assert_eq!((moved.task.name.bytes(), moved.at.raw()), (name.as_bytes(), 7_250_000_000), "{name}");
    }
}

#[test]
fn what_is_no_event_is_counted() {
    let text = "cpus=2\n\
        # tracer: nop\n\
        #\n\
        # entries-in-buffer/entries-written: 4096/70000   #P:2\n\
        \n   \n\
        CPU:1 [LOST 123 EVENTS]\n\
        CPU:0 [LOST EVENTS]\n\
        CPU:0 [7 EVENTS DROPPED]\n\
        ##### CPU 1 buffer started ####\n\
        \x20         <idle>-0       [000] d..2.     1.000000: sched_switch: prev_comm=swapper/0 ==> next_comm=dd\n\
        \x20         <idle>-0       [000] d..2.     1.000000: sched_switch: prev_comm=swapper/0 ==> next_comm=dd\n\
        \x20         <idle>-0       [000] d..2.     1.000000: map: not of an IOMMU\n\
        \x20         <idle>-0       [000] d..2.     1.000001: <stack trace>\n\
        \x20=> dma_map_page_attrs\n\
        nonsense\n\
        \x20         <idle>-0       [000] d..2.     1.000002: block_bio_queue: 254,0 R 7 + x [dd]\n\
        \x20         <idle>-0       [000] d..2.     1.000003: dma_map_page: udmabuf dir=UP dma_addr=1\n\
        \x20         <idle>-0       [000] d..2.     12345678: block_bio_queue: 254,0 R 7 + 1 [dd]\n";
    let mut reader = TextReader::new();
    assert_eq!(reader.events(text.as_bytes()).count(), 0);
    let stats = reader.stats();
    assert_eq!(reader.format(), Some(TextFormat::Ftrace));
    assert_eq!((stats.lines, stats.comments, stats.blank), (19, 6, 2));
    assert_eq!((stats.lost_notices, stats.lost_events), (3, 130));
    assert_eq!(stats.others.iter().collect::<Vec<_>>(), [("map", 1), ("sched_switch", 2)]);
    assert_eq!(stats.buffer, Some(BufferCounts { in_buffer: 4096, written: 70_000 }));
    assert!(stats.is_overwritten());
    let reasons: Vec<_> = stats.first_not_understood.iter().map(|line| (line.line, line.reason.to_string())).collect();
    let expected = [
        (14, "expected the name of an event and a colon behind the time"),
        (16, "expected a task, its id, a processor in brackets and a time in seconds"),
        (17, "block_bio_queue: expected a number of sectors"),
        (18, "dma_map_page: expected dir=BIDIRECTIONAL, TO_DEVICE, FROM_DEVICE or NONE"),
        (19, "expected a task, its id, a processor in brackets and a time in seconds"),
    ];
    assert_eq!(reasons, expected.map(|(line, reason)| (line, reason.to_owned())));
    assert_eq!(accounted(stats), stats.lines);
}

#[test]
fn what_is_no_event_of_perf_is_counted() {
    let text = "# ========\n\
        # captured on    : Sun Nov 22 03:16:57 2026\n\
        \x20             dd  1234 [001]   100.000001: PERF_RECORD_LOST lost 55\n\
        \x20             dd  1234 [001]   100.000001: PERF_RECORD_COMM: dd:1234/1234\n\
        \x20             dd  1234 [001]   100.000001:          1 dma_fence:map: driver=x\n\
        \x20             dd  1234 [001]   100.000001: block:block_bio_queue: 254,0 R 7 + 1 [dd]\n\
        \tffffffff8149b6a5 submit_bio_noacct+0x1 ([kernel.kallsyms])\n\
        \t    7f0e5a1b read+0xd (/lib/libc.so.6)\n\
        \n";
    let (events, stats) = read(text.as_bytes());
    assert_eq!((events.len(), stats.comments, stats.blank), (1, 4, 1));
    assert_eq!((stats.lost_notices, stats.lost_events), (1, 55));
    assert_eq!(stats.others.iter().collect::<Vec<_>>(), [("PERF_RECORD_COMM", 1), ("map", 1)]);
    assert_eq!(stats.first_not_understood, []);
    assert_eq!(accounted(&stats), stats.lines);
}

#[test]
fn numbers_too_large_and_lines_too_long_are_refused() {
    let prefix = "              dd-1234    [001] d..1.   100.000001: ";
    let field = |point, field| LineError::Field { point, field };
    let cases = [
        (
            "block_bio_queue: 254,0 R 18446744073709551616 + 1 [dd]",
            field(Tracepoint::BlockBioQueue, "the first sector"),
        ),
        ("block_bio_queue: 254,0 R 0 + 4294967296 [dd]", field(Tracepoint::BlockBioQueue, "a number of sectors")),
        (
            "dma_sync_single_for_cpu: d dir=NONE dma_addr=11112222333344445 size=1",
            field(Tracepoint::DmaSyncSingleForCpu, "dma_addr="),
        ),
        (
            "dma_sync_sg_for_cpu: d dir=NONE dma_addrs={0x1,0x2} sizes={0x1}",
            LineError::Lists { point: Tracepoint::DmaSyncSgForCpu, addresses: 2, sizes: 1 },
        ),
        (
            "dma_sync_single_for_cpu: d dir=NONE dma_addr=1 size=1 more=2",
            LineError::Trailing { point: Tracepoint::DmaSyncSingleForCpu, bytes: 6 },
        ),
    ];
    for (line, expected) in cases {
        let (events, stats) = read(format!("{prefix}{line}").as_bytes());
        let reasons: Vec<_> = stats.first_not_understood.into_iter().map(|line| line.reason).collect();
        assert_eq!((events.len(), reasons), (0, vec![expected]), "{line}");
    }
    let mut text = vec![b' '; LINE_BYTES_MAX + 1];
    text.extend_from_slice(format!("\n{prefix}block_bio_queue: 254,0 R 0 + 1 [dd]").as_bytes());
    let (events, stats) = read(&text);
    assert_eq!((events.len(), stats.lines, stats.not_understood), (1, 2, 1));
    assert_eq!(stats.first_not_understood[0].reason, LineError::TooLong { limit: LINE_BYTES_MAX });
}

/// A pipe gives bytes in any pieces.
#[test]
fn pieces_of_any_size_give_the_same() {
    let text = crate::data::CAPTURES.iter().find(|capture| capture.name == "udma-direct").unwrap().text();
    let whole = read(&text);
    for size in [1, 7, 64, 4096] {
        let mut reader = TextReader::new();
        let input = std::io::BufReader::with_capacity(size, &*text);
        let events: Vec<_> = reader.events(input).collect::<Result<_, _>>().unwrap();
        assert_eq!((events, reader.stats().clone()), whole);
    }
}
