//! What was opened is closed and what was mapped is unmapped. Alone in its process, so that nobody else opens or maps.

use busdma_engine::{
    AddressSpace, Alignment, AllocatorClass, AllocatorFill, AllocatorWait, BusSize, DmamemRequest, FrameSource, Move,
    PageCount, PhysAddr,
};
use busdma_memory::{
    Backing, BounceFrames, CopyPlan, Layout, MachineMemory, MemoryModel, OwnerId, PassedMemory, RegionId,
    RegisterRequest,
};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use std::collections::BTreeSet;

/// Open descriptors, and lines of memory files among the mappings.
#[derive(PartialEq, Eq, Debug)]
struct Held {
    descriptors: usize,
    mappings: usize,
}

fn held() -> Held {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    Held {
        descriptors: std::fs::read_dir("/proc/self/fd").unwrap().count(),
        mappings: maps.lines().filter(|line| line.contains("/memfd:busdma")).count(),
    }
}

fn machine() -> MachineMemory {
    MachineMemory::new(MemoryModel {
        maxmem: BusSize::new(16 << 30),
        bounce: BounceFrames { base: PhysAddr::new(0x10_0000), stride: BusSize::PAGE, frames: PageCount::new(64) },
        dmamem_base: PhysAddr::new(0x200_0000),
        client_base: PhysAddr::new(0x1000_0000),
    })
    .unwrap()
}

fn register(memory: &mut MachineMemory, backing: Backing, layout: Layout) -> RegionId {
    let (space, len) = (AddressSpace::Kernel, BusSize::new(8192));
    let owner = OwnerId::new(1);
    memory.register(RegisterRequest { backing, len, space, layout, vaddr: None, owner }).unwrap()
}

fn passed() -> Backing {
    let file = memfd_create("busdma-test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    ftruncate(&file, 8192).unwrap();
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW).unwrap();
    Backing::Passed(PassedMemory::check(file, 0, BusSize::new(8192)).unwrap())
}

fn check_held(before: &Held, files: usize, after: &str) {
    let expected = Held { descriptors: before.descriptors + files, mappings: before.mappings + files };
    assert_eq!(held(), expected, "{after}");
}

#[test]
fn nothing_is_left_behind() {
    let before = held();
    let mut memory = machine();
    check_held(&before, 0, "a machine has no files yet");

    let highs: BTreeSet<u64> = [0xff_ffff, 0xffff_ffff, 0xff_ffff].into();
    for high in highs {
        for _ in 0..3 {
            memory.bounce_frame(PhysAddr::new(high), Alignment::PAGE).unwrap();
        }
    }
    check_held(&before, 2, "a file a zone");

    let (wait, fill) = (AllocatorWait::NoWait, AllocatorFill::Zero);
    let request = DmamemRequest { class: AllocatorClass::Malloc, size: BusSize::new(64), wait, fill };
    let dmamem = memory.dmamem(&request).unwrap();
    check_held(&before, 3, "one for dmamem");
    memory.free_dmamem(&dmamem, &request);
    check_held(&before, 2, "dmamem freed");

    let own = register(&mut memory, passed(), Layout::Scattered { seed: 1 });
    let made = register(&mut memory, Backing::Made, Layout::Contiguous { base: None });
    let shared = memory.region(made).unwrap().pages().to_vec();
    let again = register(&mut memory, Backing::Made, Layout::Pages(shared.clone()));
    check_held(&before, 4, "shared pages need no file of their own");
    memory.release(made).unwrap();
    check_held(&before, 4, "the pages are still shared");
    memory.release(again).unwrap();
    check_held(&before, 3, "the last user is gone");

    let refused = memory.register(RegisterRequest {
        backing: passed(),
        len: BusSize::new(8192),
        space: AddressSpace::Kernel,
        layout: Layout::Contiguous { base: Some(PhysAddr::new(0)) },
        vaddr: memory.region(own).map(busdma_memory::Region::vaddr),
        owner: OwnerId::new(1),
    });
    assert!(refused.is_err());
    check_held(&before, 3, "a refused file is closed");

    let to = memory.bounce_frame(PhysAddr::new(0xffff_ffff), Alignment::PAGE).unwrap();
    let from = memory.region(own).unwrap().pages()[1];
    let mut plan = CopyPlan::new();
    memory.plan_copies(&[Move { from, to, len: BusSize::PAGE }], &mut plan).unwrap();
    let span = memory.span(to, BusSize::PAGE).unwrap();
    memory.release(own).unwrap();
    check_held(&before, 3, "a plan keeps what it copies");
    drop(memory);
    check_held(&before, 2, "the plan's two files, one of them the span's too");
    plan.run();
    check_held(&before, 1, "the span's");
    drop(span);
    check_held(&before, 0, "nothing");

    if let Ok(()) = with_pagemap() {
        check_held(&before, 0, "locked pages are unlocked and unmapped as well");
    }
}

fn with_pagemap() -> Result<(), busdma_memory::RegisterError> {
    let mut memory = machine();
    let request = RegisterRequest {
        backing: Backing::Made,
        len: BusSize::new(8192),
        space: AddressSpace::Kernel,
        layout: Layout::Pagemap,
        vaddr: None,
        owner: OwnerId::new(1),
    };
    memory.register(request).map(drop)
}
