//! From an entry to the fields of its line.

use super::record::Record;
use super::value::{Hex, HexRange, Letters};
use super::{Entry, WriteError};
use crate::event::{
    Alloc, Attributes, BlockCompletion, BlockRequest, BounceCause, Direction, Disk, DmaRange, EventKind, Free,
    HostEvent, MapSg, Operation, Sync, SyncOwner, Tracepoint,
};
use busdma_engine::PhysAddr;
use std::borrow::Cow;

/// The line of `entry`.
pub(super) fn record(entry: &Entry) -> Result<Record<'_>, WriteError> {
    Ok(match entry {
        Entry::Event(event) => return record_of_event(event),
        Entry::Lost(lost) => {
            Record { at: lost.at.map(busdma_engine::Nanos::raw), lost: Some(lost.events), ..Record::default() }
        }
        Entry::Pool(sample) => {
            Record { at: sample.at.map(busdma_engine::Nanos::raw), pool: Some(sample.counts), ..Record::default() }
        }
    })
}

/// The line of `event`.
pub(super) fn record_of_event(event: &HostEvent) -> Result<Record<'_>, WriteError> {
    if !tells(event.point, &event.kind) {
        return Err(WriteError::Mismatch { point: event.point });
    }
    Ok(Record {
        at: Some(event.at.raw()),
        cpu: Some(event.cpu),
        task: Letters::new(event.task.name.bytes()),
        pid: Some(event.task.pid),
        event: Some(event.point.name().into()),
        device: event.device().map(|device| device.name().into()),
        ..fields(&event.kind)
    })
}

/// Whether events of `point` say such a thing.
fn tells(point: Tracepoint, kind: &EventKind) -> bool {
    use Tracepoint as P;
    match kind {
        EventKind::MapPage(_) => matches!(point, P::DmaMapPage | P::DmaMapPhys | P::DmaMapResource),
        EventKind::UnmapPage(_) => matches!(point, P::DmaUnmapPage | P::DmaUnmapPhys | P::DmaUnmapResource),
        EventKind::MapSg(_) => point == P::DmaMapSg,
        EventKind::MapSgFailed(_) => point == P::DmaMapSgErr,
        EventKind::UnmapSg(_) => point == P::DmaUnmapSg,
        EventKind::Alloc(_) => matches!(point, P::DmaAlloc | P::DmaAllocPages | P::DmaAllocSgt),
        EventKind::AllocFailed(_) => point == P::DmaAllocSgtErr,
        EventKind::Free(_) => matches!(point, P::DmaFree | P::DmaFreePages | P::DmaFreeSgt),
        EventKind::Sync(sync) => match sync.owner {
            SyncOwner::Cpu => matches!(point, P::DmaSyncSingleForCpu | P::DmaSyncSgForCpu),
            SyncOwner::Device => matches!(point, P::DmaSyncSingleForDevice | P::DmaSyncSgForDevice),
        },
        EventKind::Bounced(_) => point == P::SwiotlbBounced,
        EventKind::IommuMap(_) => point == P::IommuMap,
        EventKind::IommuUnmap(_) => point == P::IommuUnmap,
        EventKind::BlockIssue(_) => point == P::BlockRqIssue,
        EventKind::BlockComplete(_) => point == P::BlockRqComplete,
        EventKind::BlockRequeue(_) => point == P::BlockRqRequeue,
        EventKind::BlockQueue(_) => point == P::BlockBioQueue,
        EventKind::Mark(_) => point == P::MarkWrite,
    }
}

fn fields(kind: &EventKind) -> Record<'_> {
    match kind {
        EventKind::MapPage(map) => Record {
            dma_addr: Some(Hex(map.dma.raw())),
            size: Some(map.size.raw()),
            phys_addr: Some(Hex(map.phys.raw())),
            ..mapping(map.direction, map.attributes)
        },
        EventKind::UnmapPage(unmap) => Record {
            dma_addr: Some(Hex(unmap.dma.raw())),
            size: Some(unmap.size.raw()),
            ..mapping(unmap.direction, unmap.attributes)
        },
        EventKind::MapSg(map) => map_sg(map),
        EventKind::MapSgFailed(failed) => Record {
            phys_addrs: Some(addresses(&failed.phys)),
            err: Some(failed.error),
            ..mapping(failed.direction, failed.attributes)
        },
        EventKind::UnmapSg(unmap) => Record {
            nents: unmap.entries,
            phys_addrs: Some(addresses(&unmap.phys)),
            ..mapping(unmap.direction, unmap.attributes)
        },
        EventKind::Alloc(alloc) | EventKind::AllocFailed(alloc) => allocation(alloc),
        EventKind::Free(free) => freed(free),
        EventKind::Sync(sync) => synced(sync),
        EventKind::Bounced(bounced) => Record {
            dma_mask: Some(Hex(bounced.mask.raw())),
            dev_addr: Some(Hex(bounced.addr.raw())),
            size: Some(bounced.size.raw()),
            force: Some(bounced.cause == BounceCause::Forced),
            ..Record::default()
        },
        EventKind::IommuMap(map) => Record {
            iova: Some(Hex(map.iova.raw())),
            paddr: Some(Hex(map.phys.raw())),
            size: Some(map.size.raw()),
            ..Record::default()
        },
        EventKind::IommuUnmap(unmap) => Record {
            iova: Some(Hex(unmap.iova.raw())),
            size: Some(unmap.size.raw()),
            unmapped_size: Some(unmap.unmapped.raw()),
            ..Record::default()
        },
        EventKind::BlockIssue(request) | EventKind::BlockRequeue(request) => requested(request),
        EventKind::BlockComplete(completion) => completed(completion),
        EventKind::BlockQueue(bio) => {
            Record { nr_sector: Some(bio.sectors), ..block(bio.disk, bio.operation, bio.sector) }
        }
        EventKind::Mark(text) => Record { text: Some(Cow::Borrowed(text)), ..Record::default() },
    }
}

fn map_sg(map: &MapSg) -> Record<'_> {
    Record {
        nents: Some(map.entries),
        ents: Some(map.mapped),
        phys_addrs: Some(addresses(&map.phys)),
        ..ranges(&map.dma, mapping(map.direction, map.attributes))
    }
}

fn allocation(alloc: &Alloc) -> Record<'_> {
    Record {
        dma_addr: Some(Hex(alloc.dma.raw())),
        size: Some(alloc.size.raw()),
        phys_addrs: some_addresses(&alloc.phys),
        ..mapping(alloc.direction, alloc.attributes)
    }
}

fn freed(free: &Free) -> Record<'_> {
    Record {
        dma_addr: Some(Hex(free.dma.raw())),
        size: Some(free.size.raw()),
        phys_addrs: some_addresses(&free.phys),
        ..mapping(free.direction, free.attributes)
    }
}

/// One range needs no list.
fn synced(sync: &Sync) -> Record<'_> {
    let record = mapping(sync.direction, Attributes::empty());
    match *sync.ranges {
        [range] => Record { dma_addr: Some(Hex(range.start.raw())), size: Some(range.size.raw()), ..record },
        _ => ranges(&sync.ranges, record),
    }
}

fn requested(request: &BlockRequest) -> Record<'_> {
    let memory = request.memory.iter().copied().map(HexRange::from).collect();
    Record {
        request: request.request.map(Hex),
        bytes: Some(request.size.raw()),
        memory: Some(memory).filter(|memory: &Vec<_>| !memory.is_empty()),
        pieces: request.pieces,
        ..block(request.disk, request.operation, request.sector)
    }
}

fn completed(completion: &BlockCompletion) -> Record<'_> {
    Record {
        request: completion.request.map(Hex),
        nr_sector: Some(completion.sectors),
        error: Some(completion.error),
        ..block(completion.disk, completion.operation, completion.sector)
    }
}

fn mapping<'a>(direction: Direction, attributes: Attributes) -> Record<'a> {
    let attrs = Some(attribute_names(attributes)).filter(|names| !names.is_empty());
    Record { dir: Some(direction.name().into()), attrs: attrs.map(Cow::Owned), ..Record::default() }
}

/// `A|B`, with bits that have no name as one number at the end, as the kernel prints them.
fn attribute_names(attributes: Attributes) -> String {
    let mut names: Vec<Cow<'_, str>> = attributes.iter_names().map(|(name, _)| name.into()).collect();
    let nameless = attributes.difference(Attributes::all()).bits();
    if nameless != 0 {
        names.push(format!("{nameless:#x}").into());
    }
    names.join("|")
}

fn block<'a>(disk: Disk, operation: Operation, sector: u64) -> Record<'a> {
    Record {
        dev: Some(Cow::Owned(disk.to_string())),
        rwbs: Letters::new(operation.bytes()),
        sector: Some(sector),
        ..Record::default()
    }
}

fn ranges<'a>(ranges: &[DmaRange], record: Record<'a>) -> Record<'a> {
    Record {
        dma_addrs: Some(ranges.iter().map(|range| Hex(range.start.raw())).collect()),
        sizes: Some(ranges.iter().map(|range| range.size.raw()).collect()),
        ..record
    }
}

fn addresses(addresses: &[PhysAddr]) -> Vec<Hex> {
    addresses.iter().map(|address| Hex(address.raw())).collect()
}

fn some_addresses(list: &[PhysAddr]) -> Option<Vec<Hex>> {
    (!list.is_empty()).then(|| addresses(list))
}
