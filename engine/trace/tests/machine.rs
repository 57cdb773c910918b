//! The machine model, rule by rule.

use busdma_engine::{
    AddressSpace, Alignment, AllocatorClass, AllocatorFill, AllocatorWait, Boundary, BusSize, DmamemRequest,
    FrameSource, Memory, MemoryAttribute, PhysAddr, VirtAddr,
};
use busdma_trace::TraceMachine;
use busdma_trace::format::{BounceModel, DmamemModel, Hex, MachineModel};

const ANYWHERE: u64 = u64::MAX;

fn model(bounce: BounceModel, dmamem: DmamemModel) -> MachineModel<'static> {
    MachineModel { arch: "amd64".into(), page_size: 4096, maxmem: Hex(1 << 33), max_bpages: 8192, bounce, dmamem }
}

fn frames(base: u64, stride: u64, frames: u64) -> TraceMachine {
    let dmamem = DmamemModel { base: Hex(0), page_stride: 4096, malloc_align: 0, limit: None };
    TraceMachine::new(&model(BounceModel { base: Hex(base), stride, frames }, dmamem)).unwrap()
}

fn dmamem(base: u64, page_stride: u64, malloc_align: u64, limit: Option<u64>) -> TraceMachine {
    let bounce = BounceModel { base: Hex(0), stride: 4096, frames: 0 };
    TraceMachine::new(&model(bounce, DmamemModel { base: Hex(base), page_stride, malloc_align, limit: limit.map(Hex) }))
        .unwrap()
}

fn alignment(bytes: u64) -> Alignment {
    Alignment::new(bytes).unwrap()
}

#[test]
fn bounce_frames() {
    // (machine, calls of (high, alignment, frame))
    let cases = [
        // In a row, until they run out.
        (
            frames(0x10_0000, 4096, 2),
            vec![(ANYWHERE, 4096, Some(0x10_0000)), (ANYWHERE, 1, Some(0x10_1000)), (ANYWHERE, 1, None)],
        ),
        // The stride keeps them apart.
        (frames(0x10_0000, 65536, 9), vec![(ANYWHERE, 4096, Some(0x10_0000)), (ANYWHERE, 4096, Some(0x11_0000))]),
        // A call that fails takes nothing: the same frame suits a higher limit.
        (
            frames(0x10_0000, 4096, 9),
            vec![
                (0xf_ffff, 4096, None),
                (0x10_0000, 4096, Some(0x10_0000)),
                (0x10_0fff, 4096, None),
                (0x10_1000, 4096, Some(0x10_1000)),
            ],
        ),
        // Frames that break an alignment above a page are passed over, but not by a call that fails.
        (
            frames(0x10_1000, 4096, 8),
            vec![(0x10_3fff, 0x4000, None), (ANYWHERE, 0x4000, Some(0x10_4000)), (ANYWHERE, 4096, Some(0x10_5000))],
        ),
        // At the end of the address space.
        (frames(u64::MAX - 4095, 4096, 8), vec![(ANYWHERE, 4096, Some(u64::MAX - 4095)), (ANYWHERE, 4096, None)]),
        (frames(0, 4096, 0), vec![(ANYWHERE, 4096, None)]),
    ];
    for (mut machine, calls) in cases {
        for (high, align, frame) in calls {
            let got = machine.bounce_frame(PhysAddr::new(high), alignment(align));
            assert_eq!(got, frame.map(PhysAddr::new), "{machine:?}");
        }
        assert_eq!(machine.check_limits(), Ok(()));
    }
}

#[test]
fn too_many_frames_are_refused_aloud() {
    let mut machine = frames(0, 4096, u64::MAX);
    let mut taken = 0;
    while machine.bounce_frame(PhysAddr::MAX, Alignment::BYTE).is_some() {
        taken += 1;
    }
    assert_eq!(taken, 1 << 20);
    assert_eq!(machine.check_limits().unwrap_err().to_string(), "the scenario takes more than 1048576 bounce pages");
}

fn request(class: AllocatorClass, size: u64) -> DmamemRequest {
    DmamemRequest { class, size: BusSize::new(size), wait: AllocatorWait::MaySleep, fill: AllocatorFill::Leftover }
}

fn malloc(size: u64) -> DmamemRequest {
    request(AllocatorClass::Malloc, size)
}

fn pages(size: u64, high: u64) -> DmamemRequest {
    request(AllocatorClass::Pages { high: PhysAddr::new(high), attribute: MemoryAttribute::Default }, size)
}

fn contiguous(size: u64, high: u64, align: u64, boundary: u64) -> DmamemRequest {
    let class = AllocatorClass::Contiguous {
        high: PhysAddr::new(high),
        alignment: alignment(align),
        boundary: Boundary::new(boundary),
        attribute: MemoryAttribute::Uncacheable,
    };
    request(class, size)
}

/// Allocations in order, and where each block lies.
fn check_blocks(mut machine: TraceMachine, calls: &[(DmamemRequest, Option<u64>)]) {
    for (request, paddr) in calls {
        let region = machine.dmamem(request);
        assert_eq!(region.map(|region| region.paddr), paddr.map(PhysAddr::new), "{request:?}");
    }
}

#[test]
fn malloc_blocks() {
    check_blocks(
        dmamem(0x1000, 4096, 0, Some(0x3000)),
        &[
            (malloc(1), Some(0x1000)),
            // Aligned to the power of two that holds the size, 16 at least.
            (malloc(3), Some(0x1010)),
            (malloc(33), Some(0x1040)),
            (malloc(100), Some(0x1080)),
            // Not across a page.
            (malloc(2049), Some(0x2000)),
            // Up to the limit and no further; a failed call moves nothing.
            (malloc(4096), None),
            (malloc(2000), None),
            (malloc(1024), Some(0x2c00)),
            (malloc(1), None),
        ],
    );
    check_blocks(
        dmamem(0x1008, 4096, 8, None),
        &[
            (malloc(20), Some(0x1008)),
            (malloc(20), Some(0x1020)),
            (malloc(4096), Some(0x2000)),
            (malloc(1 << 40), None),
        ],
    );
}

#[test]
fn page_blocks() {
    check_blocks(
        dmamem(0x1800, 8192, 0, Some(0x20000)),
        &[
            (pages(0, ANYWHERE), None),
            // Pages lie a stride apart.
            (pages(8193, 0x6fff), Some(0x2000)),
            (pages(4096, 0x7ffe), None),
            (pages(4096, 0x7fff), Some(0x7000)),
            (pages(1, ANYWHERE), Some(0x8000)),
            // 13 pages end at 0x9000 + 12 * 0x2000 + 0x1000, beyond the limit.
            (pages(13 * 4096, ANYWHERE), None),
            (pages(12 * 4096, ANYWHERE), Some(0x9000)),
        ],
    );
    check_blocks(
        dmamem(0, 4096, 0, None),
        &[
            (pages(4097 * 4096, ANYWHERE), None),
            (pages(u64::MAX, ANYWHERE), None),
            (pages(4096 * 4096, ANYWHERE), Some(0)),
        ],
    );
}

#[test]
fn contiguous_blocks() {
    check_blocks(
        dmamem(0x1001, 8192, 0, None),
        &[
            (contiguous(0, ANYWHERE, 1, 0), None),
            (contiguous(4097, ANYWHERE, 1, 0), Some(0x2000)),
            (contiguous(100, ANYWHERE, 0x8000, 0), Some(0x8000)),
            // A block that would cross the boundary starts behind it.
            (contiguous(0x8000, ANYWHERE, 1, 0x1_0000), Some(0x1_0000)),
            (contiguous(0x4000, ANYWHERE, 1, 0x4000), Some(0x1_8000)),
            (contiguous(0x3000, ANYWHERE, 0x2000, 0x4000), Some(0x1_c000)),
            // Larger than the boundary.
            (contiguous(0x5000, ANYWHERE, 1, 0x4000), None),
            (contiguous(4096, ANYWHERE, 1, 0x800), None),
            // Below `high`, inclusive.
            (contiguous(0x1000, 0x1_fffe, 1, 0), None),
            (contiguous(0x1000, 0x1_ffff, 1, 0), Some(0x1_f000)),
            (contiguous(4096, ANYWHERE, 1 << 63, 0), None),
        ],
    );
}

#[test]
fn dmamem_addresses_and_bytes() {
    let mut machine = dmamem(0x2000, 8192, 0, None);
    let region = machine.dmamem(&pages(5000, ANYWHERE)).unwrap();
    assert_eq!(region.vaddr, VirtAddr::new(0xffff_fe80_0000_0000));
    assert_eq!(region.pages, [PhysAddr::new(0x2000), PhysAddr::new(0x4000)]);
    let second = region.vaddr.wrapping_add(BusSize::new(4096 + 5));
    assert_eq!(machine.translate(AddressSpace::Kernel, second), Some(PhysAddr::new(0x4005)));
    assert_eq!(machine.translate(AddressSpace::User, second), None);
    let mut bytes = [0; 4];
    machine.memory().read(PhysAddr::new(0x4ffc), &mut bytes);
    assert_eq!(bytes, [0xa5; 4]);
    machine.memory().read(PhysAddr::new(0x3000), &mut bytes);
    assert_eq!(bytes, [0; 4], "memory between the pages is untouched");
    // One page more than the block has is left between kernel addresses.
    let small = machine.dmamem(&malloc(24)).unwrap();
    assert_eq!((small.vaddr, small.paddr), (VirtAddr::new(0xffff_fe80_0000_3000), PhysAddr::new(0x5000)));
    let next = machine.dmamem(&malloc(8)).unwrap();
    assert_eq!((next.vaddr, next.paddr), (VirtAddr::new(0xffff_fe80_0000_5020), PhysAddr::new(0x5020)));
    assert_eq!(next.pages, [PhysAddr::new(0x5000)]);
    machine.memory().read(PhysAddr::new(0x5026), &mut bytes);
    assert_eq!(bytes, [0xa5, 0xa5, 0, 0], "malloc fills what was asked for");
    let zeroed = DmamemRequest { fill: AllocatorFill::Zero, ..pages(4096, ANYWHERE) };
    machine.memory_mut().fill(PhysAddr::new(0x6000), BusSize::new(4096), 7);
    assert_eq!(machine.dmamem(&zeroed).unwrap().paddr, PhysAddr::new(0x6000));
    machine.memory().read(PhysAddr::new(0x6800), &mut bytes);
    assert_eq!(bytes, [0; 4]);
    // What is given back is not used again.
    machine.free_dmamem(&region, &pages(5000, ANYWHERE));
    assert_eq!(machine.dmamem(&pages(4096, ANYWHERE)).unwrap().paddr, PhysAddr::new(0x7000));
}

#[test]
fn page_tables() {
    let mut machine = frames(0, 4096, 0);
    let at = |addr| VirtAddr::new(addr);
    let page = |addr| PhysAddr::new(addr);
    machine.map_range(AddressSpace::Kernel, at(0x1234), [page(0x8000), page(0x3000)]);
    machine.map_range(AddressSpace::User, at(0x1000), [page(0x5000)]);
    let kernel = |machine: &TraceMachine, addr| machine.translate(AddressSpace::Kernel, at(addr));
    assert_eq!(kernel(&machine, 0x1000), Some(page(0x8000)));
    assert_eq!(kernel(&machine, 0x2fff), Some(page(0x3fff)));
    assert_eq!(kernel(&machine, 0x3000), None);
    assert_eq!(machine.translate(AddressSpace::User, at(0x1001)), Some(page(0x5001)));
    assert_eq!(machine.translate(AddressSpace::User, at(0x2000)), None);
    // A later mapping replaces an earlier one; two virtual pages may share a physical one.
    machine.map_range(AddressSpace::Kernel, at(0x2000), [page(0x8000)]);
    assert_eq!(kernel(&machine, 0x2010), Some(page(0x8010)));
    machine.map_range(AddressSpace::Kernel, at(u64::MAX), [page(0x1000), page(0x2000)]);
    assert_eq!(kernel(&machine, u64::MAX), Some(page(0x1fff)));
    assert_eq!(kernel(&machine, 0), Some(page(0x2000)), "addresses wrap");
}

#[test]
fn memory_starts_as_zeros_and_keeps_what_is_written() {
    let mut machine = frames(0, 4096, 0);
    let at = PhysAddr::new;
    let read = |machine: &TraceMachine, addr, len| {
        let mut bytes = vec![1; len];
        machine.memory().read(at(addr), &mut bytes);
        bytes
    };
    assert_eq!(read(&machine, 0xffe, 4), [0; 4]);
    machine.memory_mut().write(at(0xffe), &[1, 2, 3, 4]);
    assert_eq!(read(&machine, 0xffd, 6), [0, 1, 2, 3, 4, 0]);
    machine.copy(at(0x1000), at(0x5ffe), BusSize::new(2));
    assert_eq!(read(&machine, 0x5ffd, 4), [0, 3, 4, 0]);
    // From a page that was never written: zeros.
    machine.copy(at(0x9000), at(0xffe), BusSize::new(1));
    assert_eq!(read(&machine, 0xffe, 3), [0, 2, 3]);
    // Inside one page.
    machine.copy(at(0x1000), at(0x1001), BusSize::new(2));
    assert_eq!(read(&machine, 0x1000, 4), [3, 3, 4, 0]);
    // Zeros need no page.
    let pages = machine.memory().page_count();
    machine.memory_mut().write(at(0x2_0000), &[0; 9000]);
    machine.copy(at(0x3_0000), at(0x4_0000), BusSize::new(4096));
    assert_eq!(machine.memory().page_count(), pages);
    machine.memory_mut().fill(at(u64::MAX), BusSize::new(2), 9);
    assert_eq!(read(&machine, 0, 1), [9], "addresses wrap");
}

#[test]
fn memory_has_a_limit() {
    let mut machine = frames(0, 4096, 0);
    machine.memory_mut().set_limit(2);
    machine.memory_mut().fill(PhysAddr::new(0), BusSize::new(8192), 1);
    assert_eq!(machine.check_limits(), Ok(()));
    machine.memory_mut().fill(PhysAddr::new(0x2000), BusSize::new(1), 1);
    let error = machine.check_limits().unwrap_err().to_string();
    assert_eq!(error, "the scenario writes to more than 2 pages of memory");
}

#[test]
fn machines_without_whole_pages_are_refused() {
    let check = |change: fn(&mut MachineModel<'_>), error: &str| {
        let mut model = model(
            BounceModel { base: Hex(0), stride: 4096, frames: 0 },
            DmamemModel { base: Hex(0), page_stride: 4096, malloc_align: 0, limit: None },
        );
        assert!(TraceMachine::new(&model).is_ok());
        change(&mut model);
        assert_eq!(TraceMachine::new(&model).unwrap_err().to_string(), error);
    };
    check(|model| model.page_size = 16384, "page_size is 16384, expected 4096");
    check(|model| model.bounce.base = Hex(1), "machine.bounce.base is 0x1, expected a multiple of 4096");
    check(|model| model.bounce.stride = 4097, "machine.bounce.stride is 0x1001, expected a multiple of 4096 and not 0");
    check(|model| model.bounce.stride = 0, "machine.bounce.stride is 0x0, expected a multiple of 4096 and not 0");
    check(
        |model| model.dmamem.page_stride = 1,
        "machine.dmamem.page_stride is 0x1, expected a multiple of 4096 and not 0",
    );
}
