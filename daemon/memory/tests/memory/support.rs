//! Machines and memory files for the tests.

use busdma_engine::{AddressSpace, BusSize, PageCount, PhysAddr, VirtAddr};
use busdma_memory::{
    Backing, BounceFrames, Layout, MachineMemory, MemoryModel, OwnerId, PassedMemory, RegionId, RegisterError,
    RegisterRequest,
};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

pub(crate) const PAGE: u64 = 4096;

/// 16 GiB: 64 bounce frames from 1 MiB on, dmamem from 32 MiB, clients from 256 MiB.
pub(crate) fn model() -> MemoryModel {
    MemoryModel {
        maxmem: BusSize::new(16 << 30),
        bounce: BounceFrames { base: PhysAddr::new(0x10_0000), stride: BusSize::PAGE, frames: PageCount::new(64) },
        dmamem_base: PhysAddr::new(0x200_0000),
        client_base: PhysAddr::new(0x1000_0000),
    }
}

/// Pages 1 to 8 are bounce frames, 16 to 47 dmamem, 48 to 127 the clients'.
pub(crate) fn small_model() -> MemoryModel {
    MemoryModel {
        maxmem: BusSize::new(128 * PAGE),
        bounce: BounceFrames { base: page(1), stride: BusSize::PAGE, frames: PageCount::new(8) },
        dmamem_base: page(16),
        client_base: page(48),
    }
}

pub(crate) fn machine(model: MemoryModel) -> MachineMemory {
    MachineMemory::new(model).unwrap()
}

pub(crate) const fn page(number: u64) -> PhysAddr {
    PhysAddr::new(number * PAGE)
}

/// Kernel memory made by the daemon, for owner 1.
pub(crate) fn made(pages: u64, layout: Layout) -> RegisterRequest {
    RegisterRequest {
        backing: Backing::Made,
        len: BusSize::new(pages * PAGE),
        space: AddressSpace::Kernel,
        layout,
        vaddr: None,
        owner: OwnerId::new(1),
    }
}

/// The same, in a file of the client's own.
pub(crate) fn passed(pages: u64, layout: Layout) -> RegisterRequest {
    let file = memfd(pages * PAGE, SealFlags::SHRINK | SealFlags::GROW);
    let memory = PassedMemory::check(file, 0, BusSize::new(pages * PAGE)).unwrap();
    RegisterRequest { backing: Backing::Passed(memory), ..made(pages, layout) }
}

pub(crate) fn at(request: RegisterRequest, space: AddressSpace, vaddr: u64) -> RegisterRequest {
    RegisterRequest { space, vaddr: Some(VirtAddr::new(vaddr)), ..request }
}

pub(crate) fn owned_by(request: RegisterRequest, owner: u64) -> RegisterRequest {
    RegisterRequest { owner: OwnerId::new(owner), ..request }
}

pub(crate) fn registered(memory: &mut MachineMemory, request: RegisterRequest) -> RegionId {
    memory.register(request).unwrap()
}

pub(crate) fn refused(memory: &mut MachineMemory, request: RegisterRequest) -> RegisterError {
    memory.register(request).unwrap_err()
}

pub(crate) fn memfd(bytes: u64, seals: SealFlags) -> OwnedFd {
    let file = memfd_create("busdma-test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    ftruncate(&file, bytes).unwrap();
    fcntl_add_seals(&file, seals).unwrap();
    file
}

/// The same file under another descriptor, to look at it as another process would.
pub(crate) fn file(fd: BorrowedFd<'_>) -> File {
    File::from(fd.try_clone_to_owned().unwrap())
}

pub(crate) fn bytes_in_file(fd: BorrowedFd<'_>, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    file(fd).read_exact_at(&mut bytes, offset).unwrap();
    bytes
}

pub(crate) fn bytes_at(memory: &MachineMemory, addr: PhysAddr, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let span = memory.span(addr, BusSize::new(len as u64)).unwrap();
    assert_eq!(span.read(&mut bytes), len);
    bytes
}

pub(crate) fn write_at(memory: &MachineMemory, addr: PhysAddr, bytes: &[u8]) {
    let span = memory.span(addr, BusSize::new(bytes.len() as u64)).unwrap();
    assert_eq!(span.write(bytes), bytes.len());
}
