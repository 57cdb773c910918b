//! A record of every tracepoint, as the daemon writes it, and the event that it must become.

use super::*;
use busdma_host::capture::{CaptureReader, CaptureWriter, Entry, Header};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What every record begins with.
fn record(point: Tracepoint, fields: &Value) -> EventRecord {
    let mut record = json!({ "t_ns": 17, "cpu": 3, "pid": 42, "task": "kworker/u8:0", "event": point.name() });
    record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(record).unwrap()
}

fn of_device(fields: &Value) -> Value {
    let mut all = json!({ "device": "0000:00:02.0", "direction": "TO_DEVICE" });
    all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    all
}

fn device() -> Device {
    Device::new("0000:00:02.0")
}

fn range(start: u64, size: u64) -> DmaRange {
    DmaRange { start: BusAddr::new(start), size: BusSize::new(size) }
}

const DIRECTION: Direction = Direction::ToDevice;

/// Every case: the tracepoints that tell such a thing, the fields of the record, and what it means.
fn cases() -> Vec<(Vec<Tracepoint>, Value, EventKind)> {
    let mut cases = single_cases();
    cases.extend(list_cases());
    cases.extend(memory_cases());
    cases.extend(block_cases());
    cases
}

fn single_cases() -> Vec<(Vec<Tracepoint>, Value, EventKind)> {
    use Tracepoint as P;
    let map = |dma: BusAddr| {
        EventKind::MapPage(MapPage {
            device: device(),
            direction: DIRECTION,
            dma,
            size: BusSize::new(4096),
            phys: PhysAddr::new(0x5000),
            attributes: Attributes::SKIP_CPU_SYNC | Attributes::MMIO,
        })
    };
    let unmap = EventKind::UnmapPage(UnmapPage {
        device: device(),
        direction: DIRECTION,
        dma: BusAddr::new(0x9000),
        size: BusSize::new(4096),
        attributes: Attributes::empty(),
    });
    let maps = || vec![P::DmaMapPage, P::DmaMapPhys, P::DmaMapResource];
    let attributes = (Attributes::SKIP_CPU_SYNC | Attributes::MMIO).bits();
    vec![
        (
            maps(),
            of_device(&json!({ "pieces": [{ "phys": "0x5000", "dma": "0x9000", "size": 4096 }], "size": 4096,
                "attributes": attributes })),
            map(BusAddr::new(0x9000)),
        ),
        (
            maps(),
            of_device(
                &json!({ "pieces": [{ "phys": "0x5000", "size": 4096 }], "size": 4096, "attributes": attributes }),
            ),
            map(BusAddr::MAX),
        ),
        (
            vec![P::DmaUnmapPage, P::DmaUnmapPhys, P::DmaUnmapResource],
            of_device(&json!({ "pieces": [{ "dma": "0x9000", "size": 4096 }], "size": 4096, "attributes": 0 })),
            unmap,
        ),
    ]
}

fn list_cases() -> Vec<(Vec<Tracepoint>, Value, EventKind)> {
    use Tracepoint as P;
    let places: Box<[PhysAddr]> = [0x5000, 0x6000, 0x9000].map(PhysAddr::new).into();
    let attributes = Attributes::empty();
    vec![
        (
            vec![P::DmaMapSg],
            of_device(&json!({ "pieces": [{ "phys": "0x5000", "dma": "0x5000", "size": 8192 },
                { "phys": "0x6000", "dma": "0x9000", "size": 512 }, { "phys": "0x9000" }],
                "entries": 3, "given": 2, "attributes": 0 })),
            EventKind::MapSg(MapSg {
                device: device(),
                direction: DIRECTION,
                entries: 3,
                mapped: 2,
                phys: places.clone(),
                dma: [range(0x5000, 8192), range(0x9000, 512)].into(),
                attributes,
            }),
        ),
        (
            vec![P::DmaMapSgErr],
            of_device(&json!({ "pieces": [{ "phys": "0x5000" }, { "phys": "0x6000" }, { "phys": "0x9000" }],
                "error": -5, "attributes": 0 })),
            EventKind::MapSgFailed(MapSgFailed {
                device: device(),
                direction: DIRECTION,
                phys: places.clone(),
                error: -5,
                attributes,
            }),
        ),
        (
            vec![P::DmaUnmapSg],
            of_device(&json!({ "pieces": [{ "phys": "0x5000" }, { "phys": "0x6000" }, { "phys": "0x9000" }],
                "entries": 3 })),
            EventKind::UnmapSg(UnmapSg {
                device: device(),
                direction: DIRECTION,
                phys: places,
                entries: Some(3),
                attributes,
            }),
        ),
    ]
}

fn memory_cases() -> Vec<(Vec<Tracepoint>, Value, EventKind)> {
    use Tracepoint as P;
    let (dma, size) = (BusAddr::new(0x9000), BusSize::new(8192));
    let phys: Box<[PhysAddr]> = [PhysAddr::new(0x5000)].into();
    let attributes = Attributes::NO_WARN;
    let fields = of_device(&json!({ "pieces": [{ "phys": "0x5000", "dma": "0x9000", "size": 8192 }], "size": 8192,
        "attributes": 256 }));
    let alloc = Alloc { device: device(), direction: DIRECTION, dma, size, phys: phys.clone(), attributes };
    let free = Free { device: device(), direction: DIRECTION, dma, size, phys, attributes };
    let sync = |owner, ranges: &[DmaRange]| {
        EventKind::Sync(Sync { device: device(), direction: DIRECTION, owner, ranges: ranges.into() })
    };
    let one = of_device(&json!({ "pieces": [{ "dma": "0x9000", "size": 8 }] }));
    let two = of_device(&json!({ "pieces": [{ "dma": "0x9000", "size": 8 }, { "dma": "0xa000", "size": 9 }] }));
    let (one_range, two_ranges) = ([range(0x9000, 8)], [range(0x9000, 8), range(0xa000, 9)]);
    vec![
        (vec![P::DmaAlloc, P::DmaAllocPages, P::DmaAllocSgt], fields.clone(), EventKind::Alloc(alloc.clone())),
        (vec![P::DmaAllocSgtErr], fields.clone(), EventKind::AllocFailed(alloc)),
        (vec![P::DmaFree, P::DmaFreePages, P::DmaFreeSgt], fields, EventKind::Free(free)),
        (vec![P::DmaSyncSingleForCpu], one.clone(), sync(SyncOwner::Cpu, &one_range)),
        (vec![P::DmaSyncSingleForDevice], one, sync(SyncOwner::Device, &one_range)),
        (vec![P::DmaSyncSgForCpu], two.clone(), sync(SyncOwner::Cpu, &two_ranges)),
        (vec![P::DmaSyncSgForDevice], two, sync(SyncOwner::Device, &two_ranges)),
        (
            vec![P::SwiotlbBounced],
            json!({ "device": "0000:00:02.0", "pieces": [{ "phys": "0x5000", "size": 512 }], "size": 512,
                "mask": "0xffffffff", "cause": "NORMAL" }),
            EventKind::Bounced(Bounced {
                device: device(),
                mask: BusAddr::new(0xffff_ffff),
                addr: BusAddr::new(0x5000),
                size: BusSize::new(512),
                cause: BounceCause::Mask,
            }),
        ),
        (
            vec![P::IommuMap],
            json!({ "pieces": [{ "phys": "0x5000", "dma": "0x9000", "size": 4096 }] }),
            EventKind::IommuMap(IommuMap { iova: dma, phys: PhysAddr::new(0x5000), size: BusSize::new(4096) }),
        ),
        (
            vec![P::IommuUnmap],
            json!({ "pieces": [{ "dma": "0x9000", "size": 8192 }], "size": 4096 }),
            EventKind::IommuUnmap(IommuUnmap { iova: dma, size, unmapped: BusSize::new(4096) }),
        ),
    ]
}

fn block_cases() -> Vec<(Vec<Tracepoint>, Value, EventKind)> {
    use Tracepoint as P;
    let (disk, operation) = (Disk { major: 259, minor: 1 }, Operation::new(b"WS"));
    let request = BlockRequest {
        disk,
        request: Some(0xffff_8880_0000_1000),
        operation,
        sector: u64::MAX,
        size: BusSize::new(4608),
        memory: [(0x5000, 4096), (0x9000, 512)]
            .map(|(start, len)| PhysRange { start: PhysAddr::new(start), len: BusSize::new(len) })
            .into(),
        pieces: Some(2),
    };
    let fields = json!({ "disk": "259,1", "request": "0xffff888000001000", "operation": "WS",
        "sector": "0xffffffffffffffff", "size": 4608, "entries": 2,
        "pieces": [{ "phys": "0x5000", "size": 4096 }, { "phys": "0x9000", "size": 512 }] });
    let completion = BlockCompletion { disk, request: None, operation, sector: 2048, sectors: 8, error: -5 };
    vec![
        (vec![P::BlockRqIssue], fields.clone(), EventKind::BlockIssue(request.clone())),
        (vec![P::BlockRqRequeue], fields, EventKind::BlockRequeue(request)),
        (
            vec![P::BlockRqComplete],
            json!({ "disk": "259,1", "operation": "WS", "sector": "0x800", "sectors": 8, "error": -5 }),
            EventKind::BlockComplete(completion),
        ),
        (
            vec![P::BlockBioQueue],
            json!({ "disk": "259,1", "operation": "WS", "sector": "0x800", "sectors": 8 }),
            EventKind::BlockQueue(BlockBio { disk, operation, sector: 2048, sectors: 8 }),
        ),
        (vec![P::MarkWrite], json!({ "text": "here it begins" }), EventKind::Mark("here it begins".into())),
    ]
}

#[test]
fn every_tracepoint_becomes_its_event() {
    let mut seen = BTreeSet::new();
    for (points, fields, kind) in cases() {
        for point in points {
            seen.insert(point);
            let expected = HostEvent {
                at: Nanos::new(17),
                cpu: 3,
                task: Task { pid: 42, name: TaskName::new(b"kworker/u8:0") },
                point,
                kind: kind.clone(),
            };
            assert_eq!(event(&record(point, &fields)), Ok(expected), "{point} {fields}");
        }
    }
    assert_eq!(seen.len(), Tracepoint::ALL.len(), "a case for every tracepoint");
}

#[test]
fn a_capture_of_them_is_read_back_as_they_were() {
    let events: Vec<HostEvent> = cases()
        .into_iter()
        .flat_map(|(points, fields, _)| points.into_iter().map(move |point| event(&record(point, &fields)).unwrap()))
        .collect();
    let mut writer = CaptureWriter::new(Vec::new(), &Header::default()).unwrap();
    for event in &events {
        writer.write_event(event).unwrap();
    }
    let bytes = writer.finish().unwrap();
    let read: Vec<_> = CaptureReader::new(&*bytes).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(read, events.into_iter().map(Entry::Event).collect::<Vec<_>>());
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let check = |point: Tracepoint, fields: Value, message: &str| {
        assert_eq!(event(&record(point, &fields)).unwrap_err().to_string(), message);
    };
    check(Tracepoint::DmaMapPage, of_device(&json!({ "size": 1 })), "dma_map_page without pieces");
    check(Tracepoint::DmaUnmapPage, of_device(&json!({ "pieces": [{}], "size": 1 })), "dma_unmap_page without dma");
    check(Tracepoint::DmaMapSg, of_device(&json!({ "entries": 1 })), "dma_map_sg without given");
    check(
        Tracepoint::DmaMapSg,
        json!({ "device": "a", "direction": "UP", "entries": 1, "given": 1 }),
        "dma_map_sg with direction `UP`",
    );
    check(Tracepoint::BlockBioQueue, json!({ "disk": "8" }), "block_bio_queue with disk `8`");
    check(
        Tracepoint::DmaMapSgErr,
        of_device(&json!({ "error": i64::from(i32::MIN) - 1 })),
        "dma_map_sg_err with error `-2147483649`",
    );
    let invented = EventRecord { event: "dma_invented".to_owned(), ..EventRecord::default() };
    assert_eq!(event(&invented).unwrap_err().to_string(), "unknown event `dma_invented`");
}
