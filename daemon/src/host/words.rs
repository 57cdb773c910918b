//! Events of the host, and what differs, in the words of the interface.

use busdma_api::Hex;
use busdma_api::host::{self as api, DmaPiece, EventRecord};
use busdma_engine::{BusAddr, BusSize, PhysAddr, PhysRange};
use busdma_host::correlation::FindingWeight;
use busdma_host::event::{BounceCause, DmaRange, EventKind, HostEvent, MapSg};
use busdma_host::verdict::Weight;

/// An event as the interface has it.
pub(crate) fn record(event: &HostEvent) -> EventRecord {
    let base = EventRecord {
        t_ns: event.at.raw(),
        cpu: event.cpu,
        pid: event.task.pid,
        task: event.task.name.to_string(),
        event: event.point.name().to_owned(),
        device: event.device().map(|device| device.name().to_owned()),
        ..EventRecord::default()
    };
    match &event.kind {
        EventKind::MapPage(_)
        | EventKind::UnmapPage(_)
        | EventKind::MapSg(_)
        | EventKind::MapSgFailed(_)
        | EventKind::UnmapSg(_) => of_mapping(base, &event.kind),
        EventKind::Alloc(_) | EventKind::AllocFailed(_) | EventKind::Free(_) | EventKind::Sync(_) => {
            of_memory(base, &event.kind)
        }
        EventKind::BlockIssue(_)
        | EventKind::BlockRequeue(_)
        | EventKind::BlockComplete(_)
        | EventKind::BlockQueue(_) => of_block(base, &event.kind),
        EventKind::Bounced(bounced) => EventRecord {
            pieces: vec![piece(Some(PhysAddr::new(bounced.addr.raw())), None, Some(bounced.size))],
            size: Some(bounced.size.raw()),
            mask: Some(Hex(bounced.mask.raw())),
            cause: Some(cause(bounced.cause).to_owned()),
            ..base
        },
        EventKind::IommuMap(map) => {
            EventRecord { pieces: vec![piece(Some(map.phys), Some(map.iova), Some(map.size))], ..base }
        }
        EventKind::IommuUnmap(unmap) => EventRecord {
            pieces: vec![piece(None, Some(unmap.iova), Some(unmap.size))],
            size: Some(unmap.unmapped.raw()),
            ..base
        },
        EventKind::Mark(text) => EventRecord { text: Some(text.to_string()), ..base },
    }
}

fn of_mapping(base: EventRecord, kind: &EventKind) -> EventRecord {
    match kind {
        EventKind::MapPage(map) => EventRecord {
            direction: Some(map.direction.name().to_owned()),
            pieces: vec![piece(Some(map.phys), (!map.failed()).then_some(map.dma), Some(map.size))],
            size: Some(map.size.raw()),
            attributes: Some(map.attributes.bits()),
            ..base
        },
        EventKind::UnmapPage(unmap) => EventRecord {
            direction: Some(unmap.direction.name().to_owned()),
            pieces: vec![piece(None, Some(unmap.dma), Some(unmap.size))],
            size: Some(unmap.size.raw()),
            attributes: Some(unmap.attributes.bits()),
            ..base
        },
        EventKind::MapSg(map) => EventRecord {
            direction: Some(map.direction.name().to_owned()),
            pieces: list(map),
            entries: Some(map.entries),
            given: Some(map.mapped),
            attributes: Some(map.attributes.bits()),
            ..base
        },
        EventKind::MapSgFailed(failed) => EventRecord {
            direction: Some(failed.direction.name().to_owned()),
            pieces: places(&failed.phys),
            error: Some(failed.error.into()),
            attributes: Some(failed.attributes.bits()),
            ..base
        },
        EventKind::UnmapSg(unmap) => EventRecord {
            direction: Some(unmap.direction.name().to_owned()),
            pieces: places(&unmap.phys),
            entries: unmap.entries,
            attributes: Some(unmap.attributes.bits()),
            ..base
        },
        _ => base,
    }
}

fn of_memory(base: EventRecord, kind: &EventKind) -> EventRecord {
    match kind {
        EventKind::Alloc(alloc) | EventKind::AllocFailed(alloc) => EventRecord {
            direction: Some(alloc.direction.name().to_owned()),
            pieces: vec![piece(alloc.phys.first().copied(), Some(alloc.dma), Some(alloc.size))],
            size: Some(alloc.size.raw()),
            attributes: Some(alloc.attributes.bits()),
            ..base
        },
        EventKind::Free(free) => EventRecord {
            direction: Some(free.direction.name().to_owned()),
            pieces: vec![piece(free.phys.first().copied(), Some(free.dma), Some(free.size))],
            size: Some(free.size.raw()),
            attributes: Some(free.attributes.bits()),
            ..base
        },
        EventKind::Sync(sync) => EventRecord {
            direction: Some(sync.direction.name().to_owned()),
            pieces: sync.ranges.iter().map(|range| piece(None, Some(range.start), Some(range.size))).collect(),
            ..base
        },
        _ => base,
    }
}

fn of_block(base: EventRecord, kind: &EventKind) -> EventRecord {
    match kind {
        EventKind::BlockIssue(request) | EventKind::BlockRequeue(request) => EventRecord {
            disk: Some(request.disk.to_string()),
            request: request.request.map(Hex),
            operation: Some(request.operation.to_string()),
            sector: Some(Hex(request.sector)),
            size: Some(request.size.raw()),
            entries: request.pieces,
            pieces: request
                .memory
                .iter()
                .map(|&PhysRange { start, len }| piece(Some(start), None, Some(len)))
                .collect(),
            ..base
        },
        EventKind::BlockComplete(done) => EventRecord {
            disk: Some(done.disk.to_string()),
            request: done.request.map(Hex),
            operation: Some(done.operation.to_string()),
            sector: Some(Hex(done.sector)),
            sectors: Some(done.sectors),
            error: Some(done.error.into()),
            ..base
        },
        EventKind::BlockQueue(bio) => EventRecord {
            disk: Some(bio.disk.to_string()),
            operation: Some(bio.operation.to_string()),
            sector: Some(Hex(bio.sector)),
            sectors: Some(bio.sectors),
            ..base
        },
        _ => base,
    }
}

/// A scatter list: entries and what the device was given stand beside each other, though merging may have shifted them.
fn list(map: &MapSg) -> Vec<DmaPiece> {
    let given = map.dma.iter().map(|&DmaRange { start, size }| (start, size));
    let longest = map.phys.len().max(map.dma.len());
    let phys = map.phys.iter().copied().map(Some).chain(std::iter::repeat(None));
    let given = given.map(Some).chain(std::iter::repeat(None));
    let both = phys.zip(given).take(longest);
    both.map(|(phys, given)| piece(phys, given.map(|(start, _)| start), given.map(|(_, size)| size))).collect()
}

fn places(phys: &[PhysAddr]) -> Vec<DmaPiece> {
    phys.iter().map(|&start| piece(Some(start), None, None)).collect()
}

pub(super) fn piece(phys: Option<PhysAddr>, dma: Option<BusAddr>, size: Option<BusSize>) -> DmaPiece {
    DmaPiece {
        phys: phys.map(|phys| Hex(phys.raw())),
        dma: dma.map(|dma| Hex(dma.raw())),
        size: size.map(BusSize::raw),
    }
}

/// What a difference means.
pub(super) const fn weight(weight: Weight) -> api::Weight {
    match weight {
        Weight::Failure => api::Weight::Failure,
        Weight::Unexplained => api::Weight::Unexplained,
        Weight::Unknown => api::Weight::Unknown,
    }
}

/// What a finding means.
pub(super) const fn weight_of_finding(weight: FindingWeight) -> api::Weight {
    match weight {
        FindingWeight::Failure => api::Weight::Failure,
        FindingWeight::Unexplained => api::Weight::Unexplained,
        FindingWeight::Note => api::Weight::Note,
    }
}

const fn cause(cause: BounceCause) -> &'static str {
    match cause {
        BounceCause::Forced => "FORCE",
        BounceCause::Mask => "NORMAL",
    }
}
