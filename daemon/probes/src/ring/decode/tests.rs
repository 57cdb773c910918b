use super::*;
use busdma_ebpf::common::operation;
use busdma_ebpf::common::record::FORCE_UNKNOWN;
use std::slice;

const STRUCT: u64 = 64;

fn header(program: Program) -> Header {
    let mut task = [0; 16];
    task[..4].copy_from_slice(b"dd\0x");
    Header { at: 7, thread: 42, cpu: 1, task, program: program.number(), reserved: 0 }
}

fn name(text: &str) -> [u8; NAME_BYTES] {
    let mut name = [b'?'; NAME_BYTES];
    name[..text.len()].copy_from_slice(text.as_bytes());
    name[text.len()] = 0;
    name
}

fn bytes<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: a plain structure has no padding.
    unsafe { slice::from_raw_parts(ptr_of(value), size_of::<T>()) }
}

fn ptr_of<T>(value: &T) -> *const u8 {
    std::ptr::from_ref(value).cast()
}

fn decoder() -> Decoder {
    Decoder::new(Some(Frames::for_tests(0, STRUCT, 4096)))
}

fn piece(frame: u64, offset: u32, length: u32) -> Piece {
    Piece { start: frame * STRUCT, offset, length }
}

fn list(program: Program, entries: u32, mapped: u32, pieces: &[Piece]) -> Vec<u8> {
    let record = ListRecord {
        header: header(program),
        device: name("0000:00:02.0"),
        dma: 0,
        size: 0,
        attributes: 1 << 5,
        direction: 1,
        error: -121,
        entries,
        mapped,
        stored: u32::try_from(pieces.len()).unwrap(),
        reserved: 0,
    };
    pieces.iter().fold(bytes(&record).to_vec(), |mut all, piece| {
        all.extend(bytes(piece));
        all
    })
}

fn single(program: Program) -> DmaRecord {
    let device = name("udmabuf");
    let header = header(program);
    DmaRecord { header, device, dma: 0x1000, phys: 0x2000, size: 0x300, attributes: 0, direction: 2, reserved: 0 }
}

#[test]
fn every_program_is_decoded_to_its_own_tracepoint() {
    let mut records = Vec::new();
    for &program in Program::ALL {
        let mut record = list(program, 0, 0, &[]);
        record.resize(4096, 0);
        let event = decoder().decode(&record).unwrap_or_else(|| panic!("{program:?}"));
        assert_eq!(event.point.name(), program.tracepoint());
        assert_eq!(event.point.group(), program.group());
        assert_eq!((event.at, event.cpu, event.task.pid), (Nanos::new(7), 1, 42));
        assert_eq!(event.task.name.bytes(), b"dd");
        records.push(event.point);
    }
    records.dedup();
    assert_eq!(records.len(), Program::COUNT);
}

#[test]
fn a_mapped_page() {
    let event = decoder().decode(bytes(&single(Program::DmaMapPhys))).unwrap();
    let expected = MapPage {
        device: Device::new("udmabuf"),
        direction: Direction::FromDevice,
        dma: BusAddr::new(0x1000),
        size: BusSize::new(0x300),
        phys: PhysAddr::new(0x2000),
        attributes: Attributes::empty(),
    };
    assert_eq!(event.kind, EventKind::MapPage(expected));
}

#[test]
fn a_merged_scatter_list_tells_fewer_ranges_than_pages() {
    let given = |start, length| Piece { start, offset: 0, length };
    let pieces = [piece(5, 0, 4096), given(0xf000, 8192), piece(9, 512, 100), given(0xdead, 1)];
    let event = decoder().decode(&list(Program::DmaMapSg, 2, 1, &pieces)).unwrap();
    let EventKind::MapSg(map) = event.kind else { panic!("{event:?}") };
    assert_eq!(*map.phys, [PhysAddr::new(5 << 12), PhysAddr::new((9 << 12) + 512)]);
    assert_eq!(*map.dma, [DmaRange { start: BusAddr::new(0xf000), size: BusSize::new(8192) }]);
    assert_eq!((map.entries, map.mapped, map.attributes), (2, 1, Attributes::SKIP_CPU_SYNC));
}

#[test]
fn a_list_that_is_cut_says_how_long_it_is() {
    let pieces: Vec<Piece> = (1..=256).map(|frame| piece(frame, 0, 4096)).collect();
    let event = decoder().decode(&list(Program::DmaUnmapSg, 1024, 0, &pieces)).unwrap();
    let EventKind::UnmapSg(unmap) = event.kind else { panic!("{event:?}") };
    assert_eq!((unmap.phys.len(), unmap.entries), (256, Some(1024)));
}

#[test]
fn without_frames_no_address_is_made_up() {
    let record = list(Program::DmaUnmapSg, 1, 0, &[piece(3, 0, 4096)]);
    let event = Decoder::new(None).decode(&record).unwrap();
    let EventKind::UnmapSg(unmap) = event.kind else { panic!("{event:?}") };
    assert!(unmap.phys.is_empty());
}

#[test]
fn the_cause_of_a_bounce() {
    let check = |force, addr, cause| {
        let header = header(Program::SwiotlbBounced);
        let device = name("ata");
        let record = BouncedRecord { header, device, addr, mask: 0xffff_ffff, size: 16, force, reserved: 0 };
        let EventKind::Bounced(bounced) = decoder().decode(bytes(&record)).unwrap().kind else { panic!() };
        assert_eq!(bounced.cause, cause, "{force} {addr:#x}");
    };
    check(FORCE_YES, 0x1_0000_0000, BounceCause::Forced);
    check(FORCE_NO, 0x1000, BounceCause::Mask);
    check(FORCE_UNKNOWN, 0xffff_fff0, BounceCause::Forced);
    check(FORCE_UNKNOWN, 0xffff_fff1, BounceCause::Mask);
}

#[test]
fn a_request_and_its_memory() {
    let block = BlockRecord {
        header: header(Program::BlockRqIssue),
        request: 0xffff_8880_0000_1000,
        sector: u64::MAX,
        disk: 254 << 20 | 3,
        bytes: 8192,
        operation: operation::WRITE | operation::SYNC,
        status: 0,
    };
    for (truncated, pieces) in [(0, Some(1)), (1, None)] {
        let mut record = bytes(&RequestRecord { block, stored: 1, truncated }).to_vec();
        record.extend(bytes(&piece(2, 4096, 8192)));
        let EventKind::BlockIssue(request) = decoder().decode(&record).unwrap().kind else { panic!() };
        assert_eq!(*request.memory, [PhysRange { start: PhysAddr::new(3 << 12), len: BusSize::new(8192) }]);
        assert_eq!((request.pieces, request.sector), (pieces, 0));
        assert_eq!((request.disk.major, request.disk.minor), (254, 3));
        assert_eq!(request.operation.to_string(), "WS");
    }
}

#[test]
fn bytes_that_are_no_record_are_nothing() {
    let whole = list(Program::DmaMapSg, 2, 2, &[piece(1, 0, 1), piece(2, 0, 1), piece(3, 0, 1), piece(4, 0, 1)]);
    assert!(decoder().decode(&whole).is_some());
    for end in 0..whole.len() {
        assert!(decoder().decode(&whole[..end]).is_none(), "{end} bytes");
    }
    let mut unknown = single(Program::DmaMapPage);
    unknown.header.program = 27;
    assert!(decoder().decode(bytes(&unknown)).is_none());
    let mut sideways = single(Program::DmaMapPage);
    sideways.direction = 4;
    assert!(decoder().decode(bytes(&sideways)).is_none());
}
