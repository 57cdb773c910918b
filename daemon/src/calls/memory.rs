//! Memory, dmamem, and the device's side.

use super::machines::{private, usable};
use super::tags::caller;
use crate::config::Scope;
use crate::connection::Worker;
use crate::machine::{Allocated, DeviceAccess, FileWanted, Registration};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use busdma_api::engine::{
    AllocMem, DescribeMemory, DescribeMemoryReply, DeviceRead, DeviceWrite, EngineError, FreeMem, FreeMemReply, Layout,
    ReadMemory, ReadReply, RegisterMemory, RegisterMemoryReply, ReleaseMemory, Space, WriteMemory, ZoneMemory,
    ZoneMemoryReply,
};
use busdma_api::{Hex, MachineId, MemoryOrigin, MemoryRef, Nothing};
use busdma_engine::{AddressSpace, BusSize, PhysAddr, VirtAddr};
use busdma_memory::{Backing, PassedMemory, PassedMemoryError, Span};
use std::os::fd::OwnedFd;

pub(super) fn register(
    worker: &mut Worker,
    call: &RegisterMemory,
    files: Vec<OwnedFd>,
    wanted: FileWanted,
) -> Result<(RegisterMemoryReply, Vec<OwnedFd>), EngineError> {
    let machine = usable(worker, call.machine.unwrap_or(MachineId::HOST0))?;
    let offset = call.offset.unwrap_or(0);
    let (backing, wanted) = match call.fd {
        Some(index) => (Backing::Passed(passed(files, index, offset, call.length)?), FileWanted::No),
        None if call.offset.is_some() => {
            return Err(EngineError::InvalidMemory {
                field: "offset".to_owned(),
                reason: "it is one inside of a passed memfd, and none was passed".to_owned(),
            });
        }
        None => (Backing::Made, wanted),
    };
    let registration = Registration {
        length: call.length,
        backing,
        layout: layout(call.layout.as_ref()),
        space: match call.space {
            None | Some(Space::Kernel) => AddressSpace::Kernel,
            Some(Space::User) => AddressSpace::User,
        },
        vaddr: call.vaddr.map(|vaddr| VirtAddr::new(vaddr.0)),
    };
    let made = machine.lock().register(&caller(worker), registration, wanted)?;
    let files = Vec::from_iter(made.file);
    let fd = (!files.is_empty()).then_some(0);
    Ok((RegisterMemoryReply { memory: made.memory, vaddr: Hex(made.vaddr.raw()), fd }, files))
}

fn passed(files: Vec<OwnedFd>, index: u32, offset: u64, length: u64) -> Result<PassedMemory, EngineError> {
    let count = files.len() as u64;
    let file = files.into_iter().nth(index as usize);
    let file = file.ok_or(EngineError::OutOfRange { offset: index.into(), length: 1, size: count })?;
    PassedMemory::check(file, offset, BusSize::new(length)).map_err(|error| match error {
        PassedMemoryError::NotSealed { missing, .. } => EngineError::NotSealed {
            missing: missing
                .to_string()
                .split(['|', ',', ' '])
                .filter(|seal| !seal.is_empty())
                .map(str::to_owned)
                .collect(),
        },
        PassedMemoryError::OffsetUnaligned { .. } => {
            EngineError::InvalidMemory { field: "offset".to_owned(), reason: error.to_string() }
        }
        PassedMemoryError::Empty | PassedMemoryError::TooShort { .. } => {
            EngineError::InvalidMemory { field: "length".to_owned(), reason: error.to_string() }
        }
        _ => EngineError::InvalidMemory { field: "fd".to_owned(), reason: error.to_string() },
    })
}

fn layout(layout: Option<&Layout>) -> busdma_memory::Layout {
    match layout {
        None => busdma_memory::Layout::Contiguous { base: None },
        Some(Layout::Contiguous(contiguous)) => {
            busdma_memory::Layout::Contiguous { base: contiguous.base.map(|base| PhysAddr::new(base.0)) }
        }
        Some(Layout::Scattered(scattered)) => busdma_memory::Layout::Scattered { seed: scattered.seed.unwrap_or(0) },
        Some(Layout::Pages(pages)) => {
            busdma_memory::Layout::Pages(pages.iter().map(|page| PhysAddr::new(page.0)).collect())
        }
        Some(Layout::Pagemap(_)) => busdma_memory::Layout::Pagemap,
    }
}

pub(super) fn release(worker: &mut Worker, call: &ReleaseMemory) -> Result<Nothing, EngineError> {
    let MemoryRef { machine, origin, number } = call.memory;
    if origin == MemoryOrigin::Dmamem {
        return Err(EngineError::InvalidMemory {
            field: "memory".to_owned(),
            reason: "dmamem is given back with FreeMem".to_owned(),
        });
    }
    usable(worker, machine)?.lock().release_memory(&caller(worker), number)?;
    Ok(Nothing {})
}

pub(super) fn describe(worker: &mut Worker, call: &DescribeMemory) -> Result<DescribeMemoryReply, EngineError> {
    usable(worker, call.memory.machine)?.lock().describe_memory(&caller(worker), call.memory)
}

pub(super) fn read(worker: &mut Worker, call: &ReadMemory) -> Result<ReadReply, EngineError> {
    check_transfer(worker, call.length)?;
    let machine = usable(worker, call.memory.machine)?;
    let spans = machine.lock().memory_spans(&caller(worker), call.memory, call.offset.unwrap_or(0), call.length)?;
    let mut bytes = Vec::new();
    for span in spans {
        let filled = bytes.len();
        bytes.resize(filled + span.len(), 0);
        span.read(&mut bytes[filled..]);
    }
    Ok(ReadReply { data: STANDARD.encode(bytes) })
}

pub(super) fn write(worker: &mut Worker, call: &WriteMemory) -> Result<Nothing, EngineError> {
    let bytes = decode(worker, &call.data)?;
    let machine = usable(worker, call.memory.machine)?;
    let (offset, length) = (call.offset.unwrap_or(0), bytes.len() as u64);
    let spans: Vec<Span> = machine.lock().memory_spans(&caller(worker), call.memory, offset, length)?;
    let mut left = &bytes[..];
    for span in spans {
        let (now, later) = left.split_at(span.len().min(left.len()));
        span.write(now);
        left = later;
    }
    Ok(Nothing {})
}

pub(super) fn alloc(
    worker: &mut Worker,
    call: &AllocMem,
) -> Result<(busdma_api::engine::AllocMemReply, Vec<OwnedFd>), EngineError> {
    let machine = usable(worker, call.tag.machine)?;
    let flags = call.flags.as_deref().unwrap_or(&[]);
    let Allocated { mut reply, file } = machine.lock().alloc_mem(&caller(worker), call.tag.number, flags)?;
    let files = Vec::from_iter(file);
    reply.fd = (!files.is_empty()).then_some(0);
    Ok((reply, files))
}

pub(super) fn free(worker: &mut Worker, call: &FreeMem) -> Result<FreeMemReply, EngineError> {
    let MemoryRef { machine, origin, number } = call.memory;
    if origin == MemoryOrigin::Registered {
        return Err(EngineError::InvalidMemory {
            field: "memory".to_owned(),
            reason: "registered memory is given back with ReleaseMemory".to_owned(),
        });
    }
    usable(worker, machine)?.lock().free_mem(&caller(worker), number)
}

pub(super) fn zones(worker: &mut Worker, call: &ZoneMemory) -> Result<(ZoneMemoryReply, Vec<OwnedFd>), EngineError> {
    let (pools, files) = private(worker, call.machine)?.lock().zone_pools()?;
    Ok((ZoneMemoryReply { pools }, files))
}

pub(super) fn device_read(worker: &mut Worker, call: &DeviceRead) -> Result<ReadReply, EngineError> {
    let machine = usable(worker, call.map.machine)?;
    let access =
        DeviceAccess { map: call.map, segment: call.segment, offset: call.offset.unwrap_or(0), length: call.length };
    let bytes = machine.device_read(&caller(worker), access, worker.limits.transfer_bytes)?;
    Ok(ReadReply { data: STANDARD.encode(bytes) })
}

pub(super) fn device_write(worker: &mut Worker, call: &DeviceWrite) -> Result<Nothing, EngineError> {
    let bytes = decode(worker, &call.data)?;
    let machine = usable(worker, call.map.machine)?;
    let access = DeviceAccess {
        map: call.map,
        segment: call.segment,
        offset: call.offset.unwrap_or(0),
        length: Some(bytes.len() as u64),
    };
    machine.device_write(&caller(worker), access, &bytes)?;
    Ok(Nothing {})
}

fn decode(worker: &Worker, data: &str) -> Result<Vec<u8>, EngineError> {
    // The padding stands for up to two bytes that are not there.
    check_transfer(worker, (data.len() as u64 / 4 * 3).saturating_sub(2))?;
    let bytes = STANDARD.decode(data);
    let bytes = bytes.map_err(|error| EngineError::InvalidRequest { reason: format!("data is no base64: {error}") })?;
    check_transfer(worker, bytes.len() as u64)?;
    Ok(bytes)
}

fn check_transfer(worker: &Worker, bytes: u64) -> Result<(), EngineError> {
    let limit = worker.limits.transfer_bytes;
    if bytes <= limit {
        return Ok(());
    }
    let scope = Scope::Connection.name().to_owned();
    Err(EngineError::QuotaExceeded { quota: "transfer_bytes".to_owned(), limit, scope })
}
