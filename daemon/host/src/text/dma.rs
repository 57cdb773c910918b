//! What `dma:*`, `swiotlb:*` and `iommu:*` print.
//!
//! Source: the format files of Linux 6.12 and 6.18. The first 6.12 kernels print scatter lists without their counts.

use super::DeviceNames;
use super::scan::Scan;
use super::stats::LineError;
use crate::event::{
    Alloc, Attributes, BounceCause, Bounced, Device, Direction, DmaRange, EventKind, Free, IommuMap, IommuUnmap,
    MapPage, MapSg, MapSgFailed, Sync, SyncOwner, Tracepoint, UnmapPage, UnmapSg,
};
use busdma_engine::{BusAddr, BusSize, PhysAddr};

/// What an event of one of these groups said.
pub(super) fn kind(scan: &mut Scan<'_>, devices: &mut DeviceNames) -> Result<EventKind, LineError> {
    match scan.point {
        Tracepoint::SwiotlbBounced => return bounced(scan, devices),
        Tracepoint::IommuMap => return iommu_map(scan),
        Tracepoint::IommuUnmap => return iommu_unmap(scan),
        _ => {}
    }
    let device = scan.device(devices)?;
    let direction = scan.direction()?;
    match scan.point {
        Tracepoint::DmaMapPage | Tracepoint::DmaMapPhys | Tracepoint::DmaMapResource => {
            map_page(scan, device, direction)
        }
        Tracepoint::DmaUnmapPage | Tracepoint::DmaUnmapPhys | Tracepoint::DmaUnmapResource => {
            unmap_page(scan, device, direction)
        }
        Tracepoint::DmaMapSg => map_sg(scan, device, direction),
        Tracepoint::DmaMapSgErr => map_sg_failed(scan, device, direction),
        Tracepoint::DmaUnmapSg => unmap_sg(scan, device, direction),
        Tracepoint::DmaAlloc | Tracepoint::DmaAllocPages | Tracepoint::DmaAllocSgt => {
            alloc(scan, device, direction).map(EventKind::Alloc)
        }
        Tracepoint::DmaAllocSgtErr => alloc(scan, device, direction).map(EventKind::AllocFailed),
        Tracepoint::DmaFree | Tracepoint::DmaFreePages | Tracepoint::DmaFreeSgt => free(scan, device, direction),
        _ => sync(scan, device, direction),
    }
}

fn map_page(scan: &mut Scan<'_>, device: Device, direction: Direction) -> Result<EventKind, LineError> {
    let dma = scan.dma_addr()?;
    let size = scan.size()?;
    let phys = PhysAddr::new(scan.hex(b" phys_addr=", "phys_addr=")?);
    let attributes = scan.attributes()?;
    Ok(EventKind::MapPage(MapPage { device, direction, dma, size, phys, attributes }))
}

fn unmap_page(scan: &mut Scan<'_>, device: Device, direction: Direction) -> Result<EventKind, LineError> {
    let dma = scan.dma_addr()?;
    let size = scan.size()?;
    let attributes = scan.attributes()?;
    Ok(EventKind::UnmapPage(UnmapPage { device, direction, dma, size, attributes }))
}

fn map_sg(scan: &mut Scan<'_>, device: Device, direction: Direction) -> Result<EventKind, LineError> {
    let counts = if scan.skip(b" nents=") {
        scan.count(b"", "nents=")?;
        let entries = scan.count(b"/", "nents= with all entries")?;
        scan.count(b" ents=", "ents=")?;
        let mapped = scan.count(b"/", "ents= with all entries")?;
        scan.skip(b" [TRUNCATED]");
        Some((entries, mapped))
    } else {
        None
    };
    let dma = scan.ranges()?;
    let phys = scan.phys_addrs()?;
    let attributes = scan.attributes()?;
    let (entries, mapped) = counts.unwrap_or((entries(phys.len()), entries(dma.len())));
    Ok(EventKind::MapSg(MapSg { device, direction, entries, mapped, phys, dma, attributes }))
}

/// A line holds far fewer than 2^32 entries.
fn entries(listed: usize) -> u32 {
    u32::try_from(listed).unwrap_or(u32::MAX)
}

/// The kernel prints the physical addresses under the name of the others.
fn map_sg_failed(scan: &mut Scan<'_>, device: Device, direction: Direction) -> Result<EventKind, LineError> {
    let phys = scan.list(b" dma_addrs=", "dma_addrs=", PhysAddr::new)?;
    let error = scan.signed(b" err=", "err=")?;
    let attributes = scan.attributes()?;
    Ok(EventKind::MapSgFailed(MapSgFailed { device, direction, phys, error, attributes }))
}

fn unmap_sg(scan: &mut Scan<'_>, device: Device, direction: Direction) -> Result<EventKind, LineError> {
    let phys = scan.phys_addrs()?;
    let attributes = scan.attributes()?;
    Ok(EventKind::UnmapSg(UnmapSg { device, direction, phys, entries: None, attributes }))
}

fn alloc(scan: &mut Scan<'_>, device: Device, direction: Direction) -> Result<Alloc, LineError> {
    let dma = scan.dma_addr()?;
    let size = scan.size()?;
    let phys = memory(scan)?;
    scan.literal(b" flags=", "flags=")?;
    scan.word();
    let attributes = scan.attributes()?;
    Ok(Alloc { device, direction, dma, size, phys, attributes })
}

fn free(scan: &mut Scan<'_>, device: Device, direction: Direction) -> Result<EventKind, LineError> {
    let dma = scan.dma_addr()?;
    let size = scan.size()?;
    let phys = memory(scan)?;
    let attributes = match scan.point {
        Tracepoint::DmaFreeSgt => Attributes::empty(),
        _ => scan.attributes()?,
    };
    Ok(EventKind::Free(Free { device, direction, dma, size, phys, attributes }))
}

/// The kernel's own address tells nothing, since it is hashed.
fn memory(scan: &mut Scan<'_>) -> Result<Box<[PhysAddr]>, LineError> {
    match scan.point {
        Tracepoint::DmaAllocSgt | Tracepoint::DmaFreeSgt => scan.phys_addrs(),
        _ => {
            scan.literal(b" virt_addr=", "virt_addr=")?;
            scan.word();
            Ok(Box::default())
        }
    }
}

fn sync(scan: &mut Scan<'_>, device: Device, direction: Direction) -> Result<EventKind, LineError> {
    let owner = owner(scan.point);
    let ranges = match scan.point {
        Tracepoint::DmaSyncSingleForCpu | Tracepoint::DmaSyncSingleForDevice => {
            Box::from([DmaRange { start: scan.dma_addr()?, size: scan.size()? }])
        }
        _ => scan.ranges()?,
    };
    Ok(EventKind::Sync(Sync { device, direction, owner, ranges }))
}

/// Whose the bytes are after an event of this tracepoint.
pub(super) const fn owner(point: Tracepoint) -> SyncOwner {
    match point {
        Tracepoint::DmaSyncSingleForCpu | Tracepoint::DmaSyncSgForCpu => SyncOwner::Cpu,
        _ => SyncOwner::Device,
    }
}

fn bounced(scan: &mut Scan<'_>, devices: &mut DeviceNames) -> Result<EventKind, LineError> {
    scan.literal(b"dev_name: ", "dev_name:")?;
    let name = scan.until(b" dma_mask=", "dma_mask=")?;
    let device = scan.named(name, devices)?;
    let mask = BusAddr::new(scan.hex(b"", "dma_mask=")?);
    let addr = BusAddr::new(scan.hex(b" dev_addr=", "dev_addr=")?);
    let size = scan.size()?;
    scan.literal(b" ", "FORCE or NORMAL")?;
    let cause = match scan.word() {
        b"FORCE" => BounceCause::Forced,
        b"NORMAL" => BounceCause::Mask,
        _ => return Err(scan.wrong("FORCE or NORMAL")),
    };
    Ok(EventKind::Bounced(Bounced { device, mask, addr, size, cause }))
}

fn iommu_map(scan: &mut Scan<'_>) -> Result<EventKind, LineError> {
    let iova = iova(scan)?;
    let phys = PhysAddr::new(scan.hex(b" paddr=", "paddr=")?);
    let size = scan.size()?;
    Ok(EventKind::IommuMap(IommuMap { iova, phys, size }))
}

fn iommu_unmap(scan: &mut Scan<'_>) -> Result<EventKind, LineError> {
    let iova = iova(scan)?;
    let size = scan.size()?;
    let unmapped = BusSize::new(scan.decimal(b" unmapped_size=", "unmapped_size=")?);
    Ok(EventKind::IommuUnmap(IommuUnmap { iova, size, unmapped }))
}

/// `IOMMU: iova=0x1000 - 0x2000`, of which the end is told again as a size.
fn iova(scan: &mut Scan<'_>) -> Result<BusAddr, LineError> {
    let start = scan.hex(b"IOMMU: iova=", "IOMMU: iova=")?;
    scan.hex(b" - ", "iova= with its end")?;
    Ok(BusAddr::new(start))
}
