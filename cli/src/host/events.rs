//! Events of the interface as events of the host, for a capture.
//!
//! The interface tells only the first place of an allocation in several, so of `dma_alloc_sgt` and `dma_free_sgt` the
//! capture holds that one.

use busdma_api::Hex;
use busdma_api::host::{DmaPiece, EventRecord};
use busdma_engine::{BusAddr, BusSize, Nanos, PhysAddr, PhysRange};
use busdma_host::event::{
    Alloc, Attributes, BlockBio, BlockCompletion, BlockRequest, BounceCause, Bounced, Device, Direction, Disk,
    DmaRange, EventKind, Free, HostEvent, IommuMap, IommuUnmap, MapPage, MapSg, MapSgFailed, Operation, Sync,
    SyncOwner, Task, TaskName, Tracepoint, UnmapPage, UnmapSg,
};
use thiserror::Error;

/// Why a record is no event: the daemon is of another version.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum RecordError {
    /// No tracepoint is called so.
    #[error("unknown event `{event}`")]
    UnknownEvent {
        /// The name.
        event: String,
    },
    /// Something is missing that its tracepoint tells.
    #[error("{event} without {field}")]
    Missing {
        /// The tracepoint.
        event: Tracepoint,
        /// What is missing.
        field: &'static str,
    },
    /// Something that the kernel never prints.
    #[error("{event} with {field} `{found}`")]
    BadValue {
        /// The tracepoint.
        event: Tracepoint,
        /// Which field.
        field: &'static str,
        /// What it holds.
        found: String,
    },
}

/// The event that a record tells of.
///
/// # Errors
///
/// [`RecordError`].
pub fn event(record: &EventRecord) -> Result<HostEvent, RecordError> {
    let unknown = || RecordError::UnknownEvent { event: record.event.clone() };
    let point = Tracepoint::from_name(&record.event).ok_or_else(unknown)?;
    let fields = Fields { point, record };
    Ok(HostEvent {
        at: Nanos::new(record.t_ns),
        cpu: record.cpu,
        task: Task { pid: record.pid, name: TaskName::new(record.task.as_bytes()) },
        point,
        kind: fields.kind()?,
    })
}

/// The fields of one record, as its tracepoint needs them.
struct Fields<'r> {
    point: Tracepoint,
    record: &'r EventRecord,
}

impl Fields<'_> {
    fn kind(&self) -> Result<EventKind, RecordError> {
        use Tracepoint as P;
        Ok(match self.point {
            P::DmaMapPage | P::DmaMapPhys | P::DmaMapResource => EventKind::MapPage(self.map_page()?),
            P::DmaUnmapPage | P::DmaUnmapPhys | P::DmaUnmapResource => EventKind::UnmapPage(self.unmap_page()?),
            P::DmaMapSg => EventKind::MapSg(self.map_sg()?),
            P::DmaMapSgErr => EventKind::MapSgFailed(self.map_sg_failed()?),
            P::DmaUnmapSg => EventKind::UnmapSg(self.unmap_sg()?),
            P::DmaAlloc | P::DmaAllocPages | P::DmaAllocSgt => EventKind::Alloc(self.alloc()?),
            P::DmaAllocSgtErr => EventKind::AllocFailed(self.alloc()?),
            P::DmaFree | P::DmaFreePages | P::DmaFreeSgt => EventKind::Free(self.free()?),
            P::DmaSyncSingleForCpu | P::DmaSyncSgForCpu => EventKind::Sync(self.sync(SyncOwner::Cpu)?),
            P::DmaSyncSingleForDevice | P::DmaSyncSgForDevice => EventKind::Sync(self.sync(SyncOwner::Device)?),
            P::SwiotlbBounced => EventKind::Bounced(self.bounced()?),
            P::IommuMap => EventKind::IommuMap(self.iommu_map()?),
            P::IommuUnmap => EventKind::IommuUnmap(self.iommu_unmap()?),
            P::BlockRqIssue => EventKind::BlockIssue(self.request()?),
            P::BlockRqRequeue => EventKind::BlockRequeue(self.request()?),
            P::BlockRqComplete => EventKind::BlockComplete(self.completion()?),
            P::BlockBioQueue => EventKind::BlockQueue(self.bio()?),
            P::MarkWrite => EventKind::Mark(self.told("text", self.record.text.as_deref())?.into()),
        })
    }

    /// One that failed was given no address.
    fn map_page(&self) -> Result<MapPage, RecordError> {
        let piece = self.piece()?;
        Ok(MapPage {
            device: self.device()?,
            direction: self.direction()?,
            dma: piece.dma.map_or(BusAddr::MAX, bus),
            size: self.size()?,
            phys: phys(self.told("phys", piece.phys)?),
            attributes: self.attributes(),
        })
    }

    fn unmap_page(&self) -> Result<UnmapPage, RecordError> {
        Ok(UnmapPage {
            device: self.device()?,
            direction: self.direction()?,
            dma: self.dma()?,
            size: self.size()?,
            attributes: self.attributes(),
        })
    }

    fn map_sg(&self) -> Result<MapSg, RecordError> {
        Ok(MapSg {
            device: self.device()?,
            direction: self.direction()?,
            entries: self.told("entries", self.record.entries)?,
            mapped: self.told("given", self.record.given)?,
            phys: self.places(),
            dma: self.ranges(),
            attributes: self.attributes(),
        })
    }

    fn map_sg_failed(&self) -> Result<MapSgFailed, RecordError> {
        Ok(MapSgFailed {
            device: self.device()?,
            direction: self.direction()?,
            phys: self.places(),
            error: self.error()?,
            attributes: self.attributes(),
        })
    }

    fn unmap_sg(&self) -> Result<UnmapSg, RecordError> {
        Ok(UnmapSg {
            device: self.device()?,
            direction: self.direction()?,
            phys: self.places(),
            entries: self.record.entries,
            attributes: self.attributes(),
        })
    }

    fn alloc(&self) -> Result<Alloc, RecordError> {
        Ok(Alloc {
            device: self.device()?,
            direction: self.direction()?,
            dma: self.dma()?,
            size: self.size()?,
            phys: self.places(),
            attributes: self.attributes(),
        })
    }

    fn free(&self) -> Result<Free, RecordError> {
        Ok(Free {
            device: self.device()?,
            direction: self.direction()?,
            dma: self.dma()?,
            size: self.size()?,
            phys: self.places(),
            attributes: self.attributes(),
        })
    }

    fn sync(&self, owner: SyncOwner) -> Result<Sync, RecordError> {
        Ok(Sync { device: self.device()?, direction: self.direction()?, owner, ranges: self.ranges() })
    }

    fn bounced(&self) -> Result<Bounced, RecordError> {
        let cause = match self.told("cause", self.record.cause.as_deref())? {
            "FORCE" => BounceCause::Forced,
            "NORMAL" => BounceCause::Mask,
            other => return Err(self.bad("cause", other)),
        };
        Ok(Bounced {
            device: self.device()?,
            mask: bus(self.told("mask", self.record.mask)?),
            addr: bus(self.told("phys", self.piece()?.phys)?),
            size: self.size()?,
            cause,
        })
    }

    fn iommu_map(&self) -> Result<IommuMap, RecordError> {
        let piece = self.piece()?;
        Ok(IommuMap {
            iova: self.dma()?,
            phys: phys(self.told("phys", piece.phys)?),
            size: BusSize::new(self.told("size", piece.size)?),
        })
    }

    fn iommu_unmap(&self) -> Result<IommuUnmap, RecordError> {
        let size = self.told("size", self.piece()?.size)?;
        Ok(IommuUnmap { iova: self.dma()?, size: BusSize::new(size), unmapped: self.size()? })
    }

    fn request(&self) -> Result<BlockRequest, RecordError> {
        let memory = self
            .record
            .pieces
            .iter()
            .filter_map(|piece| Some(PhysRange { start: phys(piece.phys?), len: BusSize::new(piece.size?) }));
        Ok(BlockRequest {
            disk: self.disk()?,
            request: self.record.request.map(|Hex(address)| address),
            operation: self.operation()?,
            sector: self.sector()?,
            size: self.size()?,
            memory: memory.collect(),
            pieces: self.record.entries,
        })
    }

    fn completion(&self) -> Result<BlockCompletion, RecordError> {
        Ok(BlockCompletion {
            disk: self.disk()?,
            request: self.record.request.map(|Hex(address)| address),
            operation: self.operation()?,
            sector: self.sector()?,
            sectors: self.told("sectors", self.record.sectors)?,
            error: self.error()?,
        })
    }

    fn bio(&self) -> Result<BlockBio, RecordError> {
        Ok(BlockBio {
            disk: self.disk()?,
            operation: self.operation()?,
            sector: self.sector()?,
            sectors: self.told("sectors", self.record.sectors)?,
        })
    }

    fn device(&self) -> Result<Device, RecordError> {
        self.told("device", self.record.device.as_deref()).map(Device::new)
    }

    fn direction(&self) -> Result<Direction, RecordError> {
        let name = self.told("direction", self.record.direction.as_deref())?;
        Direction::from_name(name).ok_or_else(|| self.bad("direction", name))
    }

    /// None are told where there are none.
    fn attributes(&self) -> Attributes {
        Attributes::from_bits_retain(self.record.attributes.unwrap_or(0))
    }

    fn size(&self) -> Result<BusSize, RecordError> {
        self.told("size", self.record.size).map(BusSize::new)
    }

    fn error(&self) -> Result<i32, RecordError> {
        let error = self.told("error", self.record.error)?;
        error.try_into().map_err(|_| self.bad("error", &error.to_string()))
    }

    fn disk(&self) -> Result<Disk, RecordError> {
        let text = self.told("disk", self.record.disk.as_deref())?;
        let numbers = text.split_once(',').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        let (major, minor) = numbers.ok_or_else(|| self.bad("disk", text))?;
        Ok(Disk { major, minor })
    }

    fn operation(&self) -> Result<Operation, RecordError> {
        self.told("operation", self.record.operation.as_deref()).map(|letters| Operation::new(letters.as_bytes()))
    }

    fn sector(&self) -> Result<u64, RecordError> {
        self.told("sector", self.record.sector).map(|Hex(sector)| sector)
    }

    /// The only piece, where there is but one.
    fn piece(&self) -> Result<&DmaPiece, RecordError> {
        self.told("pieces", self.record.pieces.first())
    }

    fn dma(&self) -> Result<BusAddr, RecordError> {
        self.told("dma", self.piece()?.dma).map(bus)
    }

    fn places(&self) -> Box<[PhysAddr]> {
        self.record.pieces.iter().filter_map(|piece| piece.phys.map(phys)).collect()
    }

    fn ranges(&self) -> Box<[DmaRange]> {
        let ranges = self
            .record
            .pieces
            .iter()
            .filter_map(|piece| Some(DmaRange { start: bus(piece.dma?), size: BusSize::new(piece.size?) }));
        ranges.collect()
    }

    fn told<T>(&self, field: &'static str, value: Option<T>) -> Result<T, RecordError> {
        value.ok_or(RecordError::Missing { event: self.point, field })
    }

    fn bad(&self, field: &'static str, found: &str) -> RecordError {
        RecordError::BadValue { event: self.point, field, found: found.to_owned() }
    }
}

const fn bus(Hex(address): Hex) -> BusAddr {
    BusAddr::new(address)
}

const fn phys(Hex(address): Hex) -> PhysAddr {
    PhysAddr::new(address)
}

#[cfg(test)]
mod tests;
