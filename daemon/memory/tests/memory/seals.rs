//! Nobody who holds a file can change its size or seal it further, and a client's file is as harmless.

use crate::support::{PAGE, bytes_at, machine, made, memfd, model, page, registered};
use busdma_engine::{
    Alignment, AllocatorClass, AllocatorFill, AllocatorWait, BusSize, DmamemRequest, FrameSource, PhysAddr,
};
use busdma_memory::{Backing, Layout, PassedMemory, RegisterRequest};
use rustix::fs::{FallocateFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate};
use rustix::io::Errno;
use std::os::fd::BorrowedFd;

fn check_sealed(name: &str, fd: BorrowedFd<'_>, bytes: u64) {
    let seals = fcntl_get_seals(fd).unwrap();
    assert!(seals.contains(SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL), "{name}: {seals:?}");
    assert!(!seals.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE), "{name}: {seals:?}");
    assert_eq!(fstat(fd).unwrap().st_size.unsigned_abs(), bytes, "{name}");
    for size in [0, bytes - 1, bytes + 1] {
        assert_eq!(ftruncate(fd, size), Err(Errno::PERM), "{name}: truncate to {size}");
    }
    for seal in [SealFlags::WRITE, SealFlags::FUTURE_WRITE] {
        assert_eq!(fcntl_add_seals(fd, seal), Err(Errno::PERM), "{name}: {seal:?}");
    }
    assert!(rustix::io::fcntl_getfd(fd).unwrap().contains(rustix::io::FdFlags::CLOEXEC), "{name}");
}

#[test]
fn every_file_the_daemon_makes_is_sealed() {
    let mut memory = machine(model());
    memory.bounce_frame(PhysAddr::MAX, Alignment::PAGE).unwrap();
    check_sealed("zone", memory.zone_pools().next().unwrap().fd, 64 * PAGE);
    let class = AllocatorClass::Malloc;
    let (wait, fill) = (AllocatorWait::NoWait, AllocatorFill::Zero);
    let region = memory.dmamem(&DmamemRequest { class, size: BusSize::new(100), wait, fill }).unwrap();
    check_sealed("dmamem", memory.dmamem_region(region.paddr).unwrap().fd, PAGE);
    let id = registered(&mut memory, made(3, Layout::Scattered { seed: 1 }));
    check_sealed("region", memory.region(id).unwrap().fd().unwrap(), 3 * PAGE);
}

#[test]
fn a_registered_file_cannot_be_cut_short_but_may_get_holes() {
    let file = memfd(2 * PAGE, SealFlags::SHRINK | SealFlags::GROW);
    let clients = file.try_clone().unwrap();
    let mut memory = machine(model());
    let passed = PassedMemory::check(file, 0, BusSize::new(2 * PAGE)).unwrap();
    let layout = Layout::Pages(vec![page(100_000), page(200_000)]);
    registered(&mut memory, RegisterRequest { backing: Backing::Passed(passed), ..made(2, layout) });
    rustix::io::pwrite(&clients, &[7; 8192], 0).unwrap();
    assert_eq!(bytes_at(&memory, page(200_000), 4), [7; 4]);

    assert_eq!(ftruncate(&clients, 0), Err(Errno::PERM));
    assert_eq!(fcntl_add_seals(&clients, SealFlags::WRITE), Err(Errno::BUSY), "it is mapped to write");
    fallocate(&clients, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, 2 * PAGE).unwrap();
    assert_eq!(bytes_at(&memory, page(200_000), 4), [0; 4], "a hole is supplied with zeros");
    fcntl_add_seals(&clients, SealFlags::FUTURE_WRITE).unwrap();
    memory.span(page(100_000), BusSize::PAGE).unwrap().write(&[9; 4096]);
    assert_eq!(bytes_at(&memory, page(100_000), 4), [9; 4], "mapped before it was sealed");
}

#[test]
fn the_last_page_of_a_file_need_not_be_full() {
    let file = memfd(PAGE + 10, SealFlags::SHRINK | SealFlags::GROW);
    let clients = file.try_clone().unwrap();
    let len = BusSize::new(PAGE + 10);
    let passed = PassedMemory::check(file, 0, len).unwrap();
    let mut memory = machine(model());
    let layout = Layout::Contiguous { base: Some(page(100_000)) };
    registered(&mut memory, RegisterRequest { backing: Backing::Passed(passed), len, ..made(2, layout) });
    memory.span(page(100_001), BusSize::PAGE).unwrap().write(&[5; 4096]);
    let mut end = [0; 20];
    assert_eq!(rustix::io::pread(&clients, &mut end, PAGE).unwrap(), 10, "the file did not grow");
    assert_eq!(end[..10], [5; 10]);
}

#[test]
fn a_file_is_registered_from_an_offset_on() {
    let file = memfd(4 * PAGE, SealFlags::SHRINK | SealFlags::GROW);
    let clients = file.try_clone().unwrap();
    rustix::io::pwrite(&clients, &[3; 4096], 2 * PAGE).unwrap();
    let passed = PassedMemory::check(file, 2 * PAGE, BusSize::new(PAGE + 1)).unwrap();
    assert_eq!(passed.len(), BusSize::new(PAGE + 1));
    let mut memory = machine(model());
    let id = registered(
        &mut memory,
        RegisterRequest {
            backing: Backing::Passed(passed),
            len: BusSize::new(PAGE + 1),
            ..made(2, Layout::Scattered { seed: 3 })
        },
    );
    let region = memory.region(id).unwrap();
    assert_eq!(region.fd_offset(), 2 * PAGE);
    assert_eq!(bytes_at(&memory, region.pages()[0], 4096), [3; 4096]);
    let span = memory.span(region.pages()[1], BusSize::PAGE).unwrap();
    assert_eq!(span.file_offset(), 3 * PAGE);
}
