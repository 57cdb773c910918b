//! Minimal sequences that once showed a difference, by name.

use busdma_engine::addr::{BusSize, PhysAddr, VirtAddr};
use busdma_engine::constraints::{
    AddressFilter, Alignment, ExclusionWindow, LockFunction, SegmentLimit, TagFlags, TagTemplate,
};
use busdma_engine::load::WaitPolicy;
use busdma_engine::mem::MemFlags;
use busdma_engine::memdesc::{CcbDirection, CcbFunction, PacketHeader, PhysRange, UioSpace};
use busdma_engine::profile::{KernelAssertions, Profile};
use busdma_engine::sync::SyncOps;
use busdma_sim::harness::{Rig, Tally, run};
use busdma_sim::machine::MachineSpec;
use busdma_sim::ops::{Copies, Op};
use busdma_sim::request::{BioRequest, Buffer, CcbRequest, CcbSource, MbufRequest, MemRequest, Request, UioRequest};

/// A page that a 32-bit device cannot reach.
const HIGH: u64 = 0x1_2000_0000;

const MODELLED: [Profile; 3] = [Profile::Freebsd11, Profile::Freebsd12, Profile::Arm64Freebsd12];

/// Runs the operations under each profile.
fn check(profiles: &[Profile], ops: &[Op]) -> Tally {
    check_on(&MachineSpec::usual(), profiles, ops)
}

fn check_on(spec: &MachineSpec, profiles: &[Profile], ops: &[Op]) -> Tally {
    let mut tally = Tally::default();
    for &profile in profiles {
        let rig = Rig { spec: spec.clone(), ..Rig::usual(profile) };
        tally += run(&rig, ops).unwrap_or_else(|failure| panic!("{failure}"));
    }
    tally
}

fn tag(template: TagTemplate) -> Op {
    Op::CreateTag { parent: None, template }
}

fn child(parent: u8, template: TagTemplate) -> Op {
    Op::CreateTag { parent: Some(parent), template }
}

/// A device of 32 bits.
fn low32() -> TagTemplate {
    TagTemplate {
        window: ExclusionWindow::above(PhysAddr::new(0xffff_ffff)),
        maxsize: BusSize::new(65536),
        maxsegsz: BusSize::new(65536),
        ..TagTemplate::default()
    }
}

fn aligned(bytes: u64) -> TagTemplate {
    TagTemplate { alignment: Alignment::new(bytes).unwrap(), maxsize: BusSize::new(65536), ..TagTemplate::default() }
}

fn buffer(offset: u64, len: u64, page: u64) -> Buffer {
    let pages = (0..(offset + len).div_ceil(4096)).map(|index| PhysAddr::new(page + index * 4096)).collect();
    Buffer::new(VirtAddr::new(0xffff_fe00_4000_0000 + page % 0x1000_0000 + offset), len, pages)
}

fn load(map: u8, request: Request) -> Op {
    Op::Load { map, request, wait: WaitPolicy::MayDefer }
}

fn load_high(map: u8, len: u64) -> Op {
    load(map, Request::Buffer(buffer(0, len, HIGH + u64::from(map) * 0x10_0000)))
}

fn sync(map: u8, ops: SyncOps) -> Op {
    Op::Sync { map, ops, copies: Copies::FromPlan }
}

/// `pages = atop(maxsize) - total` is an `int` in C: -1 - total for a tag without a limit, and no count of pages is below it.
#[test]
fn allocnow_of_an_unlimited_maxsize_is_content_with_any_pool() {
    let unlimited = TagTemplate { maxsize: BusSize::new(u64::MAX), flags: TagFlags::ALLOC_NOW, ..aligned(4) };
    check(&MODELLED, &[tag(unlimited), Op::CreateMap { tag: 0 }]);
}

/// The same `int` makes a map of such a tag grow the pool by one page only.
#[test]
fn map_of_an_unlimited_maxsize_adds_one_page() {
    let unlimited = TagTemplate { maxsize: BusSize::new(u64::MAX), ..aligned(4) };
    check(&MODELLED, &[tag(unlimited), Op::CreateMap { tag: 0 }, Op::CreateMap { tag: 0 }]);
}

/// `nsegments` is an int in C: "unrestricted" is -1, and above every unsigned number it is compared with.
#[test]
fn unrestricted_nsegments_is_above_all_pieces_for_dmamem() {
    let huge = TagTemplate {
        maxsize: BusSize::new(1 << 42),
        nsegments: SegmentLimit::Unrestricted,
        maxsegsz: BusSize::new(512),
        ..TagTemplate::default()
    };
    check(&MODELLED, &[tag(huge), Op::AllocMemory { tag: 0, flags: MemFlags::empty() }]);
}

/// amd64 takes a dmamem map for one of its own and counts it down, so that the tag goes while a loaded map is left.
#[test]
fn tag_freed_while_a_map_holds_pages() {
    let ops = [
        tag(low32()),
        Op::CreateMap { tag: 0 },
        Op::AllocMemory { tag: 0, flags: MemFlags::empty() },
        Op::DestroyMap { map: 1 },
        load_high(0, 512),
        Op::DestroyTag { tag: 0 },
        Op::RunDeferred,
    ];
    check(&[Profile::Freebsd11, Profile::Freebsd12], &ops);
}

/// Destroying grandchildren without a filter gives up references of the grandparent, which then dies under its own maps.
#[test]
fn grandparent_dies_early_with_a_loaded_map() {
    let filtered = TagTemplate { filter: Some(AddressFilter::deny([])), ..TagTemplate::default() };
    let ops = [
        tag(aligned(4)),
        Op::CreateMap { tag: 0 },
        child(0, filtered),
        load(0, Request::Buffer(buffer(1, 512, HIGH))),
        child(1, TagTemplate::default()),
        Op::DestroyTag { tag: 2 },
        child(1, TagTemplate::default()),
        Op::DestroyTag { tag: 2 },
    ];
    check(&MODELLED, &ops);
}

/// A 32-bit tag whose pool holds five pages, eight maps, and as many loads of a page each as there are maps.
fn more_loads_than_pages(lock: LockFunction) -> (MachineSpec, Vec<Op>) {
    let mut ops = vec![tag(TagTemplate { maxsize: BusSize::PAGE, lock, ..low32() })];
    ops.extend((0..8).map(|_| Op::CreateMap { tag: 0 }));
    ops.extend((0..8).map(|map| load_high(map, 4096)));
    (MachineSpec { maxmem: 0x1_0000_4000, ..MachineSpec::usual() }, ops)
}

/// A second tag's map makes the pool grow: the new pages belong to whoever is waiting.
#[test]
fn strict_waiters_get_the_pages_a_map_brings() {
    let (spec, mut ops) = more_loads_than_pages(LockFunction::Provided);
    ops.extend([tag(TagTemplate { alignment: Alignment::new(4).unwrap(), ..low32() }), Op::CreateMap { tag: 1 }]);
    ops.push(Op::RunDeferred);
    let tally = check_on(&spec, &[Profile::Strict], &ops);
    assert_eq!((tally.deferred, tally.callbacks), (3, 3));
}

/// So do the pages of a tag that fills its pool at once.
#[test]
fn strict_waiters_get_the_pages_allocnow_brings() {
    let (spec, mut ops) = more_loads_than_pages(LockFunction::Provided);
    ops.extend([tag(TagTemplate { flags: TagFlags::ALLOC_NOW, ..low32() }), Op::RunDeferred]);
    let tally = check_on(&spec, &[Profile::Strict], &ops);
    assert_eq!((tally.deferred, tally.callbacks), (3, 3));
}

/// Even where `ALLOCNOW` fails: the pages it did get stay in the zone.
#[test]
fn strict_waiters_get_what_a_failed_allocnow_leaves() {
    let (spec, mut ops) = more_loads_than_pages(LockFunction::Provided);
    let too_much = TagTemplate { flags: TagFlags::ALLOC_NOW, maxsize: BusSize::new(1 << 20), ..low32() };
    ops.extend([tag(too_much), Op::RunDeferred]);
    let tally = check_on(&spec, &[Profile::Strict], &ops);
    assert_eq!((tally.deferred, tally.callbacks), (3, 3));
}

/// So with a first map that fails.
#[test]
fn strict_waiters_get_what_a_failed_map_leaves() {
    let (spec, mut ops) = more_loads_than_pages(LockFunction::Provided);
    let too_much = TagTemplate { alignment: Alignment::new(4).unwrap(), maxsize: BusSize::new(1 << 20), ..low32() };
    ops.extend([tag(too_much), Op::CreateMap { tag: 1 }, Op::RunDeferred]);
    let tally = check_on(&spec, &[Profile::Strict], &ops);
    assert_eq!((tally.deferred, tally.callbacks), (3, 3));
}

/// A deferred load whose tag has no lock function stops the kernel; a strict engine refuses and keeps nothing.
#[test]
fn strict_drain_without_a_lock_function_leaves_no_trace() {
    let (spec, mut ops) = more_loads_than_pages(LockFunction::PanicsWhenCalled);
    ops.extend((0..8).flat_map(|map| [Op::Unload { map }, Op::RunDeferred]));
    assert_eq!(check_on(&spec, &[Profile::Strict], &ops).deferred, 3);
}

/// A request that contradicts itself is a load all the same: what was mapped before is no longer the current mapping.
#[test]
fn contradictory_request_ends_the_mapping() {
    let nothing = BioRequest::Unmapped { pages: Vec::new(), offset: 0, bcount: BusSize::new(512) };
    let ops = [
        tag(low32()),
        Op::CreateMap { tag: 0 },
        load(0, Request::Buffer(buffer(0, 512, 0x800_0000))),
        load(0, Request::Bio(nothing)),
        Op::DeviceRead { map: 0 },
    ];
    check(&MODELLED, &ops);
}

/// An unmapped bio of no bytes needs no page, wherever it begins.
#[test]
fn unmapped_bio_of_no_bytes() {
    let nothing = BioRequest::Unmapped { pages: Vec::new(), offset: 512, bcount: BusSize::ZERO };
    let ops = [tag(low32()), Op::CreateMap { tag: 0 }, load(0, Request::Bio(nothing))];
    check(&Profile::ALL, &ops);
}

/// FreeBSD asserts the packet header before it looks at the map.
#[test]
fn missing_packet_header_on_a_waiting_map() {
    let headerless = MbufRequest {
        header: PacketHeader::Missing { len: BusSize::new(512) },
        chain: [buffer(0, 512, 0x800_0000)].into_iter().collect(),
    };
    let ops = [
        tag(TagTemplate { maxsize: BusSize::new(4096), ..low32() }),
        Op::CreateMap { tag: 0 },
        load_high(0, 16384),
        load(0, Request::Mbuf(headerless)),
    ];
    assert_eq!(check(&MODELLED, &ops).panics, 3);
}

/// arm64's sync list holds `nsegments` ranges; one too many fails the load, and the count stays one too high until unload.
#[test]
fn overrun_sync_list() {
    let one_segment = TagTemplate { nsegments: SegmentLimit::Max(1), ..TagTemplate::default() };
    let two_parts = MbufRequest {
        header: PacketHeader::Present(BusSize::new(1024)),
        chain: [buffer(0, 512, HIGH), buffer(0, 512, 0x800_0000)].into_iter().collect(),
    };
    let ops = [
        tag(one_segment),
        Op::CreateMap { tag: 0 },
        load(0, Request::Mbuf(two_parts)),
        sync(0, SyncOps::PRE_READ | SyncOps::PRE_WRITE),
        load(0, Request::Buffer(buffer(0, 512, HIGH))),
        Op::DestroyMap { map: 0 },
        Op::Unload { map: 0 },
        load(0, Request::Buffer(buffer(0, 512, HIGH))),
        sync(0, SyncOps::PRE_READ),
        Op::Unload { map: 0 },
        Op::DestroyMap { map: 0 },
    ];
    check(&MODELLED, &ops);
}

/// A bounced piece of user memory that alignment carries over a page's end: amd64 stops, arm64 runs on.
#[test]
fn user_memory_carried_over_the_page_end() {
    let scattered =
        Buffer::new(VirtAddr::new(0x1000_0001), 4096, vec![PhysAddr::new(HIGH + 0x2000), PhysAddr::new(HIGH + 0x1000)]);
    let uio = UioRequest { resid: BusSize::new(4096), space: UioSpace::User, iov: [scattered].into_iter().collect() };
    let ops = [
        tag(aligned(4)),
        Op::CreateMap { tag: 0 },
        load(0, Request::Mem(MemRequest::Uio(uio))),
        Op::Fill { map: 0, seed: 0 },
        sync(0, SyncOps::PRE_WRITE),
        Op::DeviceWrite { map: 0, seed: 9 },
        sync(0, SyncOps::POST_READ),
    ];
    assert_eq!(check(&MODELLED, &ops).panics, 2);
    for profile in MODELLED {
        let rig = Rig { assertions: KernelAssertions::Off, ..Rig::usual(profile) };
        run(&rig, &ops).unwrap_or_else(|failure| panic!("{failure}"));
    }
    check(&[Profile::Strict], &ops);
}

/// A filter that denies only the middle of a page denies the segment that touches it.
#[test]
fn filter_that_denies_part_of_a_page() {
    let filter = AddressFilter::deny([(PhysAddr::new(HIGH + 1), PhysAddr::new(HIGH + 0xffe))]);
    let ops = [
        tag(TagTemplate { filter: Some(filter), ..low32() }),
        Op::CreateMap { tag: 0 },
        load_high(0, 512),
        Op::Fill { map: 0, seed: 1 },
        sync(0, SyncOps::PRE_WRITE),
    ];
    check(&Profile::ALL, &ops);
}

/// More entries than the list has, of which only the first are needed.
#[test]
fn scatter_list_shorter_than_its_count() {
    let ccb = |entries| CcbRequest {
        function: CcbFunction::ScsiIo,
        direction: CcbDirection::Out,
        source: CcbSource::SgPaddr(vec![PhysRange { start: PhysAddr::new(HIGH), len: BusSize::new(512) }]),
        dxfer_len: 512,
        sglist_cnt: entries,
    };
    let ops = [
        tag(low32()),
        Op::CreateMap { tag: 0 },
        load(0, Request::Ccb(ccb(2))),
        load(0, Request::Ccb(ccb(1))),
        Op::Unload { map: 0 },
    ];
    check(&Profile::ALL, &ops);
}
