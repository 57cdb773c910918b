//! What is refused, and the words it is refused with.

use crate::support::{PAGE, at, machine, made, memfd, model, owned_by, page, passed, refused, registered, small_model};
use busdma_engine::{AddressSpace, BusSize, PageCount, PhysAddr};
use busdma_memory::{
    BounceFrames, Layout, MachineMemory, MemoryModel, NoSuchRegion, PassedMemory, REGION_BYTES_MAX, RegionId,
    RegisterRequest,
};
use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags, ftruncate, memfd_create, open};
use std::os::fd::OwnedFd;

const SEALED: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW);

fn check_passed(file: OwnedFd, offset: u64, len: u64, expected: &str) {
    let error = PassedMemory::check(file, offset, BusSize::new(len)).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn files_that_could_do_harm() {
    check_passed(memfd(PAGE, SEALED), 0, 0, "0 bytes were passed, expected at least 1");
    check_passed(memfd(PAGE, SEALED), 100, 1, "offset 100 is no multiple of 4096");
    let lacks = |seals, missing: &str, found: &str| {
        let expected = format!("the file lacks the seals {missing}, it has {found}");
        check_passed(memfd(PAGE, seals), 0, PAGE, &expected);
    };
    lacks(SealFlags::empty(), "F_SEAL_SHRINK|F_SEAL_GROW", "none");
    lacks(SealFlags::SHRINK, "F_SEAL_GROW", "F_SEAL_SHRINK");
    lacks(SealFlags::GROW | SealFlags::WRITE, "F_SEAL_SHRINK", "F_SEAL_GROW|F_SEAL_WRITE");
    for (seal, name) in [(SealFlags::WRITE, "WRITE"), (SealFlags::FUTURE_WRITE, "FUTURE_WRITE")] {
        let expected = format!("the file cannot be written, its seals are F_SEAL_SHRINK|F_SEAL_GROW|F_SEAL_{name}");
        check_passed(memfd(PAGE, SEALED | seal), 0, PAGE, &expected);
    }
    for (offset, len) in [(0, PAGE + 1), (PAGE, 1), (u64::MAX - PAGE + 1, PAGE)] {
        let expected = format!("the file has 4096 bytes, too few for {len} bytes at offset {offset}");
        check_passed(memfd(PAGE, SEALED), offset, len, &expected);
    }
}

#[test]
fn files_that_are_no_memory_files() {
    let read_write = OFlags::RDWR | OFlags::CLOEXEC;
    let tmpfs = open("/dev/shm", read_write | OFlags::TMPFILE, Mode::RUSR | Mode::WUSR).unwrap();
    ftruncate(&tmpfs, PAGE).unwrap();
    assert!(rustix::fs::fcntl_add_seals(&tmpfs, SEALED).is_err(), "only memfds can be sealed");
    let expected = "the file lacks the seals F_SEAL_SHRINK|F_SEAL_GROW, it has F_SEAL_SEAL";
    check_passed(tmpfs, 0, PAGE, expected);

    let (pipe, _) = rustix::pipe::pipe().unwrap();
    check_passed(pipe, 0, PAGE, "the file is on file system 0x50495045, expected a memfd, which is on 0x1021994");

    let sealed = memfd(PAGE, SEALED);
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&sealed));
    for access in [OFlags::RDONLY, OFlags::WRONLY] {
        let reopened = open(&path, access | OFlags::CLOEXEC, Mode::empty()).unwrap();
        check_passed(reopened, 0, PAGE, "the file was not opened for reading and writing");
    }

    let huge = memfd_create("huge", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::HUGETLB);
    let expected = "the file consists of huge pages, expected a memfd made without MFD_HUGETLB";
    match huge {
        Ok(huge) => check_passed(huge, 0, PAGE, expected),
        Err(errno) => assert_eq!(errno, rustix::io::Errno::NOSYS, "a kernel without huge pages"),
    }
}

#[test]
fn models_that_are_none() {
    let bounce = model().bounce;
    let with = |bounce| MemoryModel { bounce, ..model() };
    let cases = [
        (MemoryModel { maxmem: BusSize::new(5000), ..model() }, "maxmem is 0x1388, expected a multiple of 4096"),
        (
            MemoryModel { dmamem_base: PhysAddr::new(0x200_0100), ..model() },
            "dmamem_base is 0x2000100, expected a multiple of 4096",
        ),
        (
            MemoryModel { client_base: PhysAddr::new(0x1000_0001), ..model() },
            "client_base is 0x10000001, expected a multiple of 4096",
        ),
        (with(BounceFrames { base: PhysAddr::new(1), ..bounce }), "bounce.base is 0x1, expected a multiple of 4096"),
        (
            with(BounceFrames { stride: BusSize::new(100), ..bounce }),
            "bounce.stride is 0x64, expected a multiple of 4096",
        ),
        (with(BounceFrames { stride: BusSize::ZERO, ..bounce }), "bounce.stride is 0, expected at least 4096"),
        (
            with(BounceFrames { frames: PageCount::new(2_000_000), ..bounce }),
            "bounce.frames is 2000000, expected at most 1048576",
        ),
        (
            MemoryModel { maxmem: BusSize::new(1 << 53), ..model() },
            "maxmem is 9007199254740992, expected at most 4503599627370496",
        ),
        (
            with(BounceFrames { frames: PageCount::new(0x1f01), ..bounce }),
            "the bounce frames end at 0x2001000, behind dmamem_base, which is 0x2000000",
        ),
        (
            with(BounceFrames { stride: BusSize::new(1 << 62), ..bounce }),
            "the bounce frames end at 0xffffffffffffffff, behind dmamem_base, which is 0x2000000",
        ),
        (
            MemoryModel { client_base: PhysAddr::new(0x100_0000), ..model() },
            "the dmamem pages end at 0x2000000, behind client_base, which is 0x1000000",
        ),
        (
            MemoryModel { maxmem: BusSize::new(0x100_0000), ..model() },
            "the areas before the clients' end at 0x10000000, behind maxmem, which is 0x1000000",
        ),
    ];
    for (model, expected) in cases {
        assert_eq!(MachineMemory::new(model).unwrap_err().to_string(), expected);
    }
    let tight = with(BounceFrames { frames: PageCount::new(0x1f00), ..bounce });
    assert!(MachineMemory::new(tight).is_ok(), "the frames end where dmamem begins");
    assert!(MachineMemory::new(with(BounceFrames { frames: PageCount::ZERO, ..bounce })).is_ok());
}

/// A small machine on which owner 1 has page 100 of its own, page 101 in a passed file, and kernel page 0x1000.
fn occupied() -> MachineMemory {
    let mut memory = machine(small_model());
    registered(&mut memory, at(made(1, Layout::Pages(vec![page(100)])), AddressSpace::Kernel, 0x100_0000));
    registered(&mut memory, passed(1, Layout::Pages(vec![page(101)])));
    memory
}

fn listed(pages: &[u64]) -> RegisterRequest {
    made(pages.len() as u64, Layout::Pages(pages.iter().map(|&number| page(number)).collect()))
}

fn based(number: u64, pages: u64) -> RegisterRequest {
    made(pages, Layout::Contiguous { base: Some(page(number)) })
}

#[test]
fn regions_that_cannot_be() {
    let sized = |len| RegisterRequest { len: BusSize::new(len), ..made(1, Layout::Scattered { seed: 0 }) };
    let unaligned = Layout::Pages(vec![PhysAddr::new(0x40_0001)]);
    let kernel = AddressSpace::Kernel;
    let cases = [
        (sized(0), "0 bytes were asked for, expected at least 1"),
        (sized(REGION_BYTES_MAX.raw() + 1), "4294967297 bytes were asked for, expected at most 4294967296"),
        (
            RegisterRequest { len: BusSize::new(PAGE + 1), ..passed(1, Layout::Scattered { seed: 0 }) },
            "4096 bytes of a file were passed for a region of 4097 bytes",
        ),
        (at(listed(&[60]), kernel, 0x1001), "virtual address 0x1001 is no multiple of 4096"),
        (
            at(listed(&[60, 61]), kernel, 0xffff_ffff_ffff_f000),
            "2 pages at virtual address 0xfffffffffffff000 do not fit the address space",
        ),
        (
            at(listed(&[60, 61]), kernel, 0xff_f000),
            "virtual address 0x1000000 is mapped already, release the region it belongs to first",
        ),
        (RegisterRequest { len: BusSize::new(2 * PAGE), ..listed(&[60]) }, "1 pages are listed, the region has 2"),
        (made(1, unaligned), "page 0x400001 is no multiple of 4096"),
        (listed(&[128]), "page 0x80000 lies outside the machine's memory, which ends at 0x80000"),
        (listed(&[1]), "page 0x1000 is reserved: a bounce frame"),
        (listed(&[8]), "page 0x8000 is reserved: a bounce frame"),
        (listed(&[16]), "page 0x10000 is reserved: dmamem"),
        (listed(&[47]), "page 0x2f000 is reserved: dmamem"),
        (owned_by(listed(&[60, 100]), 2), "page 0x64000 is in use"),
        (listed(&[60, 101]), "page 0x65000 is in use"),
        (passed(1, Layout::Pages(vec![page(100)])), "page 0x64000 is in use"),
        (
            passed(2, Layout::Pages(vec![page(60), page(60)])),
            "page 0x3c000 is listed twice, which only memory made by the daemon can be",
        ),
        (based(99, 2), "page 0x64000 is in use"),
        (based(126, 3), "page 0x80000 lies outside the machine's memory, which ends at 0x80000"),
        (based(1 << 40, 1), "page 0x10000000000000 lies outside the machine's memory, which ends at 0x80000"),
        (made(1, Layout::Contiguous { base: Some(PhysAddr::new(1)) }), "page 0x1 is no multiple of 4096"),
        (made(53, Layout::Contiguous { base: None }), "no 53 pages in a row are free"),
        (made(79, Layout::Scattered { seed: 5 }), "no 79 pages are free"),
    ];
    let mut memory = occupied();
    for (request, expected) in cases {
        assert_eq!(refused(&mut memory, request).to_string(), expected);
        assert_eq!(memory.regions().len(), 2, "{expected}: nothing was registered");
    }
    registered(&mut memory, made(52, Layout::Contiguous { base: None }));
    registered(&mut memory, made(26, Layout::Scattered { seed: 5 }));
    assert_eq!(refused(&mut memory, made(1, Layout::Scattered { seed: 5 })).to_string(), "no 1 pages are free");
}

#[test]
fn pages_before_the_areas_are_for_those_who_name_them() {
    let mut memory = occupied();
    for number in [0, 9, 15] {
        registered(&mut memory, listed(&[number]));
    }
    let stride = BusSize::new(2 * PAGE);
    let bounce = BounceFrames { stride, frames: PageCount::new(4), ..small_model().bounce };
    let mut memory = machine(MemoryModel { bounce, ..small_model() });
    registered(&mut memory, listed(&[2, 4, 6, 8]));
    assert_eq!(refused(&mut memory, listed(&[3])).to_string(), "page 0x3000 is reserved: a bounce frame");
}

#[test]
fn a_region_is_released_once() {
    let mut memory = occupied();
    let id = memory.regions().next().unwrap().0;
    memory.release(id).unwrap();
    let error = memory.release(id).unwrap_err();
    assert_eq!(error, NoSuchRegion(id));
    assert_eq!(error.to_string(), "no region0, expected the id of a region that was registered and not released");
    assert!(memory.region(id).is_none());
    assert!(memory.region(RegionId::new(9)).is_none());
}
