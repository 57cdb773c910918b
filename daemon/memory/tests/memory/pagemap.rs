//! Real page frames, compared with what the kernel says of another mapping of the same file.

use crate::support::{PAGE, at, machine, made, page, passed, refused, registered};
use busdma_engine::{AddressSpace, BusSize, Memory, PageCount, PhysAddr, VirtAddr};
use busdma_memory::{BounceFrames, Layout, MachineMemory, MemoryModel, PagemapError, RegisterError};
use memmap2::{Advice, MmapOptions};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

/// No bounce frames, and all of memory but the first pages is the clients'.
fn model(maxmem: u64) -> MemoryModel {
    MemoryModel {
        maxmem: BusSize::new(maxmem),
        bounce: BounceFrames { base: page(0), stride: BusSize::PAGE, frames: PageCount::ZERO },
        dmamem_base: page(0),
        client_base: page(1),
    }
}

/// Frames of a file's pages as another mapping of it has them, 0 where the kernel hides them.
fn frames_of(fd: BorrowedFd<'_>, pages: u64) -> Vec<u64> {
    let len = usize::try_from(pages * PAGE).unwrap();
    let map = MmapOptions::new().len(len).map_raw(&fd).unwrap();
    map.advise(Advice::PopulateRead).unwrap();
    let pagemap = File::open("/proc/self/pagemap").unwrap();
    let entry = |index| {
        let mut entry = [0; 8];
        pagemap.read_exact_at(&mut entry, (map.as_ptr().addr() as u64 / PAGE + index) * 8).unwrap();
        u64::from_ne_bytes(entry)
    };
    (0..pages)
        .map(|index| {
            assert_eq!(entry(index) >> 63, 1, "page {index} is present");
            entry(index) << 9 >> 9
        })
        .collect()
}

fn frames_are_visible() -> bool {
    let file = crate::support::memfd(PAGE, rustix::fs::SealFlags::empty());
    frames_of(std::os::fd::AsFd::as_fd(&file), 1) != [0]
}

fn check_frames(memory: &MachineMemory, expected_len: usize) {
    for (_, region) in memory.regions() {
        let expected = frames_of(region.fd().unwrap(), region.pages().len() as u64);
        let found: Vec<u64> = region.pages().iter().map(|page| page.raw() / PAGE).collect();
        assert_eq!(found, expected);
        assert_eq!(found.len(), expected_len);
        assert_eq!(memory.translate(region.space(), region.vaddr()), Some(page(expected[0])));
    }
}

#[test]
fn a_region_has_the_frames_of_the_host() {
    let mut memory = machine(model(1 << 50));
    if !frames_are_visible() {
        for request in [made(600, Layout::Pagemap), passed(600, Layout::Pagemap)] {
            let error = refused(&mut memory, request);
            assert!(matches!(error, RegisterError::Pagemap(PagemapError::NotPrivileged)), "{error}");
        }
        return;
    }
    registered(&mut memory, made(600, Layout::Pagemap));
    registered(&mut memory, at(passed(600, Layout::Pagemap), AddressSpace::User, 0x7000));
    check_frames(&memory, 600);
    let first = memory.translate(AddressSpace::User, VirtAddr::new(0x7123)).unwrap();
    assert_eq!(first.page_offset(), 0x123);
}

#[test]
fn without_the_capability_frames_are_hidden() {
    let without = std::thread::spawn(|| {
        let own = capabilities(None).unwrap();
        let sets = CapabilitySets { effective: own.effective.difference(CapabilitySet::SYS_ADMIN), ..own };
        set_capabilities(None, sets).unwrap();
        refused(&mut machine(model(1 << 50)), made(2, Layout::Pagemap)).to_string()
    });
    let expected = "page frame numbers are hidden from this process: it lacks CAP_SYS_ADMIN";
    assert_eq!(without.join().unwrap(), expected);
}

#[test]
fn frames_outside_the_model_are_refused() {
    let everything_is_dmamem = MemoryModel { client_base: PhysAddr::new(1 << 50), ..model(1 << 50) };
    let everything_bounces = MemoryModel {
        bounce: BounceFrames { base: page(0), stride: BusSize::PAGE, frames: PageCount::new(1 << 20) },
        dmamem_base: PhysAddr::new(1 << 32),
        client_base: PhysAddr::new(1 << 50),
        maxmem: BusSize::new(1 << 50),
    };
    let cases = [(model(2 * PAGE), "memory"), (everything_is_dmamem, "dmamem"), (everything_bounces, "any")];
    for (model, area) in cases {
        let error = refused(&mut machine(model), made(2, Layout::Pagemap));
        match (error, area) {
            (RegisterError::Pagemap(PagemapError::NotPrivileged), _) => assert!(!frames_are_visible()),
            (RegisterError::PageBeyondMemory { .. }, "memory") => {}
            (RegisterError::PageReserved { area, .. }, wanted) => {
                assert!(wanted == "any" || area.to_string() == wanted, "{area}");
            }
            (error, area) => panic!("{area}: {error}"),
        }
    }
}
