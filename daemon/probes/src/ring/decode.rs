//! What a record says.

#![expect(unsafe_code, reason = "records are structures of the kernel side, read from bytes")]

use crate::config::disk_of;
use crate::frames::Frames;
use crate::ring::block;
use busdma_ebpf::Program;
use busdma_ebpf::common::record::{
    BlockRecord, BouncedRecord, DmaRecord, FORCE_NO, FORCE_YES, Header, IommuRecord, ListRecord, NAME_BYTES, PIECES,
    Piece, RequestRecord,
};
use busdma_engine::{BusAddr, BusSize, Nanos, PhysAddr, PhysRange};
use busdma_host::event::{
    Alloc, Attributes, BlockBio, BlockCompletion, BlockRequest, BounceCause, Bounced, Device, Direction, DmaRange,
    EventKind, Free, HostEvent, IommuMap, IommuUnmap, MapPage, MapSg, MapSgFailed, Sync, SyncOwner, Task, TaskName,
    Tracepoint, UnmapPage, UnmapSg,
};
use rustc_hash::FxHashMap;

/// Names of devices that are remembered. A host has fewer; one that makes new ones all the time costs no more memory.
const NAMES: usize = 4096;

/// Turns records into events.
#[derive(Debug)]
pub(crate) struct Decoder {
    frames: Option<Frames>,
    names: FxHashMap<[u8; NAME_BYTES], Device>,
}

impl Decoder {
    pub(crate) fn new(frames: Option<Frames>) -> Self {
        Self { frames, names: FxHashMap::default() }
    }

    /// What the record says; nothing when it is no record of these programs.
    pub(crate) fn decode(&mut self, record: &[u8]) -> Option<HostEvent> {
        let header: Header = read(record)?;
        let program = Program::from_number(header.program)?;
        let kind = match program {
            Program::DmaMapSg
            | Program::DmaMapSgErr
            | Program::DmaUnmapSg
            | Program::DmaAllocSgt
            | Program::DmaFreeSgt
            | Program::DmaSyncSgForCpu
            | Program::DmaSyncSgForDevice => self.list(program, record)?,
            Program::SwiotlbBounced => self.bounced(&read(record)?),
            Program::IommuMap | Program::IommuUnmap => iommu(program, &read(record)?),
            Program::BlockRqIssue | Program::BlockRqRequeue => self.request(program, record)?,
            Program::BlockRqComplete | Program::BlockBioQueue => block_event(program, &read(record)?),
            single => self.single(single, &read(record)?)?,
        };
        Some(HostEvent {
            at: Nanos::new(header.at),
            cpu: header.cpu,
            task: Task { pid: header.thread, name: TaskName::new(&header.task) },
            point: Tracepoint::from_name(program.tracepoint())?,
            kind,
        })
    }

    fn single(&mut self, program: Program, record: &DmaRecord) -> Option<EventKind> {
        let device = self.device(record.device);
        let direction = direction(record.direction)?;
        let attributes = attributes(record.attributes);
        let (dma, size) = (BusAddr::new(record.dma), BusSize::new(record.size));
        let phys = PhysAddr::new(record.phys);
        let nowhere = Box::default;
        Some(match program {
            Program::DmaMapPage | Program::DmaMapPhys | Program::DmaMapResource => {
                EventKind::MapPage(MapPage { device, direction, dma, size, phys, attributes })
            }
            Program::DmaUnmapPage | Program::DmaUnmapPhys | Program::DmaUnmapResource => {
                EventKind::UnmapPage(UnmapPage { device, direction, dma, size, attributes })
            }
            Program::DmaAlloc | Program::DmaAllocPages => {
                EventKind::Alloc(Alloc { device, direction, dma, size, phys: nowhere(), attributes })
            }
            Program::DmaAllocSgtErr => {
                EventKind::AllocFailed(Alloc { device, direction, dma, size, phys: nowhere(), attributes })
            }
            Program::DmaFree | Program::DmaFreePages => {
                EventKind::Free(Free { device, direction, dma, size, phys: nowhere(), attributes })
            }
            Program::DmaSyncSingleForCpu => sync(device, direction, SyncOwner::Cpu, [DmaRange { start: dma, size }]),
            Program::DmaSyncSingleForDevice => {
                sync(device, direction, SyncOwner::Device, [DmaRange { start: dma, size }])
            }
            _ => return None,
        })
    }

    fn bounced(&mut self, record: &BouncedRecord) -> EventKind {
        let beyond = record.addr.saturating_add(record.size.saturating_sub(1)) > record.mask;
        let cause = match record.force {
            FORCE_YES => BounceCause::Forced,
            FORCE_NO => BounceCause::Mask,
            // Where the kernel hides the switch, only force explains a bounce of what the device reaches.
            _ if beyond => BounceCause::Mask,
            _ => BounceCause::Forced,
        };
        EventKind::Bounced(Bounced {
            device: self.device(record.device),
            mask: BusAddr::new(record.mask),
            addr: BusAddr::new(record.addr),
            size: BusSize::new(record.size),
            cause,
        })
    }

    fn list(&mut self, program: Program, bytes: &[u8]) -> Option<EventKind> {
        let record: ListRecord = read(bytes)?;
        let pieces = pieces(bytes, size_of::<ListRecord>(), record.stored)?;
        let device = self.device(record.device);
        let direction = direction(record.direction)?;
        let attributes = attributes(record.attributes);
        let (dma, size) = (BusAddr::new(record.dma), BusSize::new(record.size));
        Some(match program {
            Program::DmaMapSg => {
                let (memory, given) = (pieces.iter().step_by(2), pieces.iter().skip(1).step_by(2));
                EventKind::MapSg(MapSg {
                    device,
                    direction,
                    entries: record.entries,
                    mapped: record.mapped,
                    phys: self.physical(memory.take(length(record.entries))),
                    dma: given.take(length(record.mapped)).map(dma_range).collect(),
                    attributes,
                })
            }
            Program::DmaMapSgErr => {
                let phys = self.physical(pieces.iter());
                EventKind::MapSgFailed(MapSgFailed { device, direction, phys, error: record.error, attributes })
            }
            Program::DmaUnmapSg => {
                let phys = self.physical(pieces.iter());
                EventKind::UnmapSg(UnmapSg { device, direction, phys, entries: Some(record.entries), attributes })
            }
            Program::DmaAllocSgt => {
                let phys = self.physical(pieces.iter());
                EventKind::Alloc(Alloc { device, direction, dma, size, phys, attributes })
            }
            Program::DmaFreeSgt => {
                let phys = self.physical(pieces.iter());
                EventKind::Free(Free { device, direction, dma, size, phys, attributes })
            }
            Program::DmaSyncSgForCpu => sync(device, direction, SyncOwner::Cpu, pieces.iter().map(dma_range)),
            Program::DmaSyncSgForDevice => sync(device, direction, SyncOwner::Device, pieces.iter().map(dma_range)),
            _ => return None,
        })
    }

    fn request(&self, program: Program, bytes: &[u8]) -> Option<EventKind> {
        let record: RequestRecord = read(bytes)?;
        let pieces = pieces(bytes, size_of::<RequestRecord>(), record.stored)?;
        let request = BlockRequest {
            disk: disk_of(record.block.disk),
            request: Some(record.block.request),
            operation: block::operation(record.block.operation),
            sector: if record.block.sector == block::NO_SECTOR { 0 } else { record.block.sector },
            size: BusSize::new(u64::from(record.block.bytes)),
            memory: pieces.iter().map_while(|piece| self.range(piece)).collect(),
            pieces: (record.truncated == 0).then_some(record.stored),
        };
        match program {
            Program::BlockRqRequeue => Some(EventKind::BlockRequeue(request)),
            _ => Some(EventKind::BlockIssue(request)),
        }
    }

    /// As far as frames are known: nothing but a whole beginning of a list is of use.
    fn physical<'a>(&self, pieces: impl Iterator<Item = &'a Piece>) -> Box<[PhysAddr]> {
        pieces.map_while(|piece| Some(self.range(piece)?.start)).collect()
    }

    fn range(&self, piece: &Piece) -> Option<PhysRange> {
        let start = self.frames.as_ref()?.address(piece.start, piece.offset)?;
        Some(PhysRange { start, len: BusSize::new(u64::from(piece.length)) })
    }

    fn device(&mut self, name: [u8; NAME_BYTES]) -> Device {
        let text = name.split(|&byte| byte == 0).next().unwrap_or_default();
        let mut key = [0; NAME_BYTES];
        key.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        if self.names.len() >= NAMES {
            self.names.clear();
        }
        self.names.entry(key).or_insert_with(|| Device::new(&String::from_utf8_lossy(text))).clone()
    }
}

fn iommu(program: Program, record: &IommuRecord) -> EventKind {
    let (iova, size) = (BusAddr::new(record.iova), BusSize::new(record.size));
    match program {
        Program::IommuUnmap => {
            EventKind::IommuUnmap(IommuUnmap { iova, size, unmapped: BusSize::new(record.unmapped) })
        }
        _ => EventKind::IommuMap(IommuMap { iova, phys: PhysAddr::new(record.phys), size }),
    }
}

fn block_event(program: Program, record: &BlockRecord) -> EventKind {
    let disk = disk_of(record.disk);
    let operation = block::operation(record.operation);
    let (sector, sectors) = (record.sector, record.bytes / block::SECTOR);
    match program {
        Program::BlockBioQueue => EventKind::BlockQueue(BlockBio { disk, operation, sector, sectors }),
        _ => EventKind::BlockComplete(BlockCompletion {
            disk,
            request: Some(record.request),
            operation,
            sector,
            sectors,
            error: block::errno(record.status),
        }),
    }
}

fn sync(
    device: Device,
    direction: Direction,
    owner: SyncOwner,
    ranges: impl IntoIterator<Item = DmaRange>,
) -> EventKind {
    EventKind::Sync(Sync { device, direction, owner, ranges: ranges.into_iter().collect() })
}

fn dma_range(piece: &Piece) -> DmaRange {
    DmaRange { start: BusAddr::new(piece.start), size: BusSize::new(u64::from(piece.length)) }
}

fn direction(number: u32) -> Option<Direction> {
    Direction::ALL.get(length(number)).copied()
}

/// The kernel's own flags, which are 32 bits: those that are new since are kept as bits without a name.
fn attributes(bits: u64) -> Attributes {
    Attributes::from_bits_retain(u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default())
}

fn length(entries: u32) -> usize {
    usize::try_from(entries).unwrap_or(usize::MAX)
}

/// The pieces after the first `after` bytes.
fn pieces(record: &[u8], after: usize, stored: u32) -> Option<Vec<Piece>> {
    let stored = length(stored);
    if stored > PIECES {
        return None;
    }
    let (pieces, _) = record.get(after..)?.as_chunks::<{ size_of::<Piece>() }>();
    pieces.get(..stored)?.iter().map(|piece| read(piece)).collect()
}

/// A structure of the kernel side that any bytes are a value of.
///
/// # Safety
/// It consists of integers only, without padding.
unsafe trait Plain: Copy {}

// SAFETY: integers and arrays of them; the sizes that are asserted at their definitions leave no padding.
unsafe impl Plain for Header {}
// SAFETY: as above.
unsafe impl Plain for DmaRecord {}
// SAFETY: as above.
unsafe impl Plain for BouncedRecord {}
// SAFETY: as above.
unsafe impl Plain for IommuRecord {}
// SAFETY: as above.
unsafe impl Plain for ListRecord {}
// SAFETY: as above.
unsafe impl Plain for BlockRecord {}
// SAFETY: as above.
unsafe impl Plain for RequestRecord {}
// SAFETY: as above.
unsafe impl Plain for Piece {}

/// The structure at the beginning of `bytes`; nothing when they are fewer than it has.
fn read<T: Plain>(bytes: &[u8]) -> Option<T> {
    let bytes = bytes.get(..size_of::<T>())?;
    // SAFETY: there are as many bytes as are read, alignment is not asked for, and any bytes are a `T`.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

#[cfg(test)]
mod tests;
