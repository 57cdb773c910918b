//! From the fields of a line to its entry.

use super::error::CaptureErrorKind;
use super::record::Record;
use super::value::{Hex, Letters};
use super::{Entry, Lost, PoolSample};
use crate::event::{
    Alloc, Attributes, BlockBio, BlockCompletion, BlockRequest, BounceCause, Bounced, Device, Direction, Disk,
    DmaRange, EventKind, Free, HostEvent, IommuMap, IommuUnmap, MapPage, MapSg, MapSgFailed, Operation, Sync,
    SyncOwner, Task, TaskName, Tracepoint, UnmapPage, UnmapSg,
};
use crate::text::{DeviceNames, attributes};
use busdma_engine::{BusAddr, BusSize, Nanos, PhysAddr, PhysRange};

/// The entry of a line.
pub(super) fn entry(mut record: Record<'_>, devices: &mut DeviceNames) -> Result<Entry, CaptureErrorKind> {
    if let Some(name) = record.event.take() {
        let point =
            Tracepoint::from_name(&name).ok_or_else(|| CaptureErrorKind::UnknownEvent { found: (&*name).into() })?;
        let event = Fields { entry: point.name(), record, devices }.event(point)?;
        return Ok(Entry::Event(event));
    }
    let at = record.at.take().map(Nanos::new);
    if let Some(events) = record.lost.take() {
        record.end("lost")?;
        return Ok(Entry::Lost(Lost { at, events }));
    }
    let counts = record.pool.take().ok_or(CaptureErrorKind::NoEntry)?;
    record.end("pool")?;
    Ok(Entry::Pool(PoolSample { at, counts }))
}

/// The fields of one event.
struct Fields<'a, 'd> {
    entry: &'static str,
    record: Record<'a>,
    devices: &'d mut DeviceNames,
}

/// Takes a field that must be there.
macro_rules! take {
    ($self:ident.$field:ident) => {
        $self.record.$field.take().ok_or(CaptureErrorKind::Missing { entry: $self.entry, field: stringify!($field) })
    };
}

impl Fields<'_, '_> {
    fn event(mut self, point: Tracepoint) -> Result<HostEvent, CaptureErrorKind> {
        let at = Nanos::new(take!(self.at)?);
        let cpu = take!(self.cpu)?;
        let task = Task { name: TaskName::new(take!(self.task)?.bytes()), pid: take!(self.pid)? };
        let kind = self.kind(point)?;
        self.record.end(self.entry)?;
        Ok(HostEvent { at, cpu, task, point, kind })
    }

    fn kind(&mut self, point: Tracepoint) -> Result<EventKind, CaptureErrorKind> {
        use Tracepoint as P;
        Ok(match point {
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
            P::IommuMap => EventKind::IommuMap(IommuMap {
                iova: bus(take!(self.iova)?),
                phys: phys(take!(self.paddr)?),
                size: self.size()?,
            }),
            P::IommuUnmap => EventKind::IommuUnmap(IommuUnmap {
                iova: bus(take!(self.iova)?),
                size: self.size()?,
                unmapped: BusSize::new(take!(self.unmapped_size)?),
            }),
            P::BlockRqIssue => EventKind::BlockIssue(self.request()?),
            P::BlockRqRequeue => EventKind::BlockRequeue(self.request()?),
            P::BlockRqComplete => EventKind::BlockComplete(self.completion()?),
            P::BlockBioQueue => EventKind::BlockQueue(self.bio()?),
            P::MarkWrite => EventKind::Mark((&*take!(self.text)?).into()),
        })
    }

    fn map_page(&mut self) -> Result<MapPage, CaptureErrorKind> {
        Ok(MapPage {
            device: self.device()?,
            direction: self.direction()?,
            dma: bus(take!(self.dma_addr)?),
            size: self.size()?,
            phys: phys(take!(self.phys_addr)?),
            attributes: self.attributes()?,
        })
    }

    fn unmap_page(&mut self) -> Result<UnmapPage, CaptureErrorKind> {
        Ok(UnmapPage {
            device: self.device()?,
            direction: self.direction()?,
            dma: bus(take!(self.dma_addr)?),
            size: self.size()?,
            attributes: self.attributes()?,
        })
    }

    fn map_sg(&mut self) -> Result<MapSg, CaptureErrorKind> {
        Ok(MapSg {
            device: self.device()?,
            direction: self.direction()?,
            entries: take!(self.nents)?,
            mapped: take!(self.ents)?,
            phys: addresses(&take!(self.phys_addrs)?),
            dma: self.ranges()?,
            attributes: self.attributes()?,
        })
    }

    fn map_sg_failed(&mut self) -> Result<MapSgFailed, CaptureErrorKind> {
        Ok(MapSgFailed {
            device: self.device()?,
            direction: self.direction()?,
            phys: addresses(&take!(self.phys_addrs)?),
            error: take!(self.err)?,
            attributes: self.attributes()?,
        })
    }

    fn unmap_sg(&mut self) -> Result<UnmapSg, CaptureErrorKind> {
        Ok(UnmapSg {
            device: self.device()?,
            direction: self.direction()?,
            phys: addresses(&take!(self.phys_addrs)?),
            entries: self.record.nents.take(),
            attributes: self.attributes()?,
        })
    }

    fn alloc(&mut self) -> Result<Alloc, CaptureErrorKind> {
        Ok(Alloc {
            device: self.device()?,
            direction: self.direction()?,
            dma: bus(take!(self.dma_addr)?),
            size: self.size()?,
            phys: addresses(&self.record.phys_addrs.take().unwrap_or_default()),
            attributes: self.attributes()?,
        })
    }

    fn free(&mut self) -> Result<Free, CaptureErrorKind> {
        Ok(Free {
            device: self.device()?,
            direction: self.direction()?,
            dma: bus(take!(self.dma_addr)?),
            size: self.size()?,
            phys: addresses(&self.record.phys_addrs.take().unwrap_or_default()),
            attributes: self.attributes()?,
        })
    }

    fn sync(&mut self, owner: SyncOwner) -> Result<Sync, CaptureErrorKind> {
        let (device, direction) = (self.device()?, self.direction()?);
        let ranges = match self.record.dma_addr.take() {
            Some(start) => Box::from([DmaRange { start: bus(start), size: self.size()? }]),
            None => self.ranges()?,
        };
        Ok(Sync { device, direction, owner, ranges })
    }

    fn bounced(&mut self) -> Result<Bounced, CaptureErrorKind> {
        Ok(Bounced {
            device: self.device()?,
            mask: bus(take!(self.dma_mask)?),
            addr: bus(take!(self.dev_addr)?),
            size: self.size()?,
            cause: if take!(self.force)? { BounceCause::Forced } else { BounceCause::Mask },
        })
    }

    fn request(&mut self) -> Result<BlockRequest, CaptureErrorKind> {
        Ok(BlockRequest {
            disk: self.disk()?,
            request: self.record.request.take().map(|Hex(request)| request),
            operation: self.operation()?,
            sector: take!(self.sector)?,
            size: BusSize::new(take!(self.bytes)?),
            memory: self.record.memory.take().unwrap_or_default().into_iter().map(PhysRange::from).collect(),
            pieces: self.record.pieces.take(),
        })
    }

    fn completion(&mut self) -> Result<BlockCompletion, CaptureErrorKind> {
        Ok(BlockCompletion {
            disk: self.disk()?,
            request: self.record.request.take().map(|Hex(request)| request),
            operation: self.operation()?,
            sector: take!(self.sector)?,
            sectors: take!(self.nr_sector)?,
            error: take!(self.error)?,
        })
    }

    fn bio(&mut self) -> Result<BlockBio, CaptureErrorKind> {
        let (disk, operation) = (self.disk()?, self.operation()?);
        Ok(BlockBio { disk, operation, sector: take!(self.sector)?, sectors: take!(self.nr_sector)? })
    }

    fn device(&mut self) -> Result<Device, CaptureErrorKind> {
        let name = take!(self.device)?;
        Ok(self.devices.device(&name))
    }

    fn direction(&mut self) -> Result<Direction, CaptureErrorKind> {
        let name = take!(self.dir)?;
        Direction::from_name(&name).ok_or_else(|| bad("dir", &name))
    }

    fn size(&mut self) -> Result<BusSize, CaptureErrorKind> {
        take!(self.size).map(BusSize::new)
    }

    /// Left out when there are none.
    fn attributes(&mut self) -> Result<Attributes, CaptureErrorKind> {
        let Some(names) = self.record.attrs.take() else { return Ok(Attributes::empty()) };
        attributes(&names).ok_or_else(|| bad("attrs", &names))
    }

    fn ranges(&mut self) -> Result<Box<[DmaRange]>, CaptureErrorKind> {
        let starts = take!(self.dma_addrs)?;
        let sizes = take!(self.sizes)?;
        if starts.len() != sizes.len() {
            return Err(CaptureErrorKind::Lists { addresses: starts.len(), sizes: sizes.len() });
        }
        let pairs = starts.into_iter().zip(sizes);
        Ok(pairs.map(|(start, size)| DmaRange { start: bus(start), size: BusSize::new(size) }).collect())
    }

    fn disk(&mut self) -> Result<Disk, CaptureErrorKind> {
        let text = take!(self.dev)?;
        let numbers = text.split_once(',').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        numbers.map(|(major, minor)| Disk { major, minor }).ok_or_else(|| bad("dev", &text))
    }

    fn operation(&mut self) -> Result<Operation, CaptureErrorKind> {
        take!(self.rwbs).map(|letters: Letters<_>| Operation::new(letters.bytes()))
    }
}

fn bad(field: &'static str, found: &str) -> CaptureErrorKind {
    CaptureErrorKind::BadValue { field, found: found.into() }
}

fn bus(Hex(address): Hex) -> BusAddr {
    BusAddr::new(address)
}

fn phys(Hex(address): Hex) -> PhysAddr {
    PhysAddr::new(address)
}

fn addresses(list: &[Hex]) -> Box<[PhysAddr]> {
    list.iter().map(|&address| phys(address)).collect()
}
