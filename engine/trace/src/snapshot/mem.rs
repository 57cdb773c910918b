//! Memory that a load waits with: from the engine's shapes to the trace's, with the pages behind every buffer.

use super::{PagesBehind, page_numbers};
use crate::format::{Bio, Buf, Ccb, CcbData, CcbDir, CcbFunc, Hex, MbufChain, MemRequest, PhysBuf, SegFlag, Uio};
use busdma_engine as engine;
use busdma_engine::{
    AddressSpace, BusSize, CcbDirection, CcbFunction, Mem, PAGE_SIZE, PacketHeader, PhysAddr, PhysRange, UioSpace,
    VirtAddr, VirtRange,
};

/// Calls `visit` with every virtual range that a descriptor names, those included that a load would never come to.
pub(super) fn for_each_range(mem: &Mem<'_>, visit: &mut impl FnMut(AddressSpace, VirtRange)) {
    let mut kernel = |list: &[VirtRange]| list.iter().for_each(|&range| visit(AddressSpace::Kernel, range));
    match mem {
        Mem::Vaddr(range) => kernel(&[*range]),
        Mem::Paddr(_) | Mem::Plist(_) => {}
        Mem::Vlist(list) => kernel(list),
        Mem::Bio(bio) => bio_ranges(bio, &mut kernel),
        Mem::Uio(uio) => uio.iov.iter().for_each(|&range| visit(space_of(uio.space), range)),
        Mem::Mbuf(mbuf) => kernel(mbuf.chain),
        Mem::Ccb(ccb) => match &ccb.data {
            engine::CcbData::Vaddr(start) => kernel(&[VirtRange { start: *start, len: dxfer_len(ccb) }]),
            engine::CcbData::Sg(list) => kernel(list),
            engine::CcbData::Bio(bio) => bio_ranges(bio, &mut kernel),
            engine::CcbData::Paddr(_) | engine::CcbData::SgPaddr(_) | engine::CcbData::Invalid => {}
        },
    }
}

fn bio_ranges(bio: &engine::Bio<'_>, kernel: &mut impl FnMut(&[VirtRange])) {
    match bio {
        engine::Bio::Mapped(range) => kernel(&[*range]),
        engine::Bio::Vlist { list, .. } => kernel(list),
        engine::Bio::Unmapped { .. } => {}
    }
}

/// A descriptor as the trace holds it.
///
/// # Errors
/// The first address that has no page.
pub(super) fn request(mem: &Mem<'_>, pages: &PagesBehind) -> Result<MemRequest, VirtAddr> {
    let kernel = |range| buf(AddressSpace::Kernel, range, pages);
    Ok(match mem {
        Mem::Vaddr(range) => MemRequest::Vaddr(kernel(*range)?),
        Mem::Paddr(range) => MemRequest::Paddr(phys_buf(range)),
        Mem::Vlist(list) => MemRequest::Vlist(bufs(AddressSpace::Kernel, list, pages)?),
        Mem::Plist(list) => MemRequest::Plist(list.iter().map(phys_buf).collect()),
        Mem::Bio(bio) => MemRequest::Bio(bio_request(bio, pages)?),
        Mem::Uio(uio) => MemRequest::Uio(Uio {
            resid: uio.resid.raw(),
            segflg: match uio.space {
                UioSpace::Kernel => SegFlag::SysSpace,
                UioSpace::User | UioSpace::UserWithoutThread => SegFlag::UserSpace,
            },
            td: uio.space != UioSpace::UserWithoutThread,
            iov: bufs(space_of(uio.space), uio.iov, pages)?,
        }),
        Mem::Mbuf(mbuf) => {
            let (pkthdr, len) = match mbuf.header {
                PacketHeader::Present(len) => (true, len),
                PacketHeader::Missing { len } => (false, len),
            };
            let chain = bufs(AddressSpace::Kernel, mbuf.chain, pages)?;
            MemRequest::Mbuf(MbufChain { pkthdr, pkthdr_len: len.raw(), chain })
        }
        Mem::Ccb(ccb) => MemRequest::Ccb(ccb_request(ccb, pages)?),
    })
}

fn bio_request(bio: &engine::Bio<'_>, behind: &PagesBehind) -> Result<Bio, VirtAddr> {
    Ok(match *bio {
        engine::Bio::Mapped(range) => {
            Bio::Mapped { bcount: range.len.raw(), buf: buf(AddressSpace::Kernel, range, behind)? }
        }
        engine::Bio::Unmapped { pages, offset, bcount } => Bio::Unmapped {
            bcount: bcount.raw(),
            ma_offset: offset.into(),
            pages: pages.iter().map(|page| Hex(page.raw())).collect(),
        },
        engine::Bio::Vlist { list, offset, bcount } => Bio::Vlist {
            bcount: bcount.raw(),
            ma_offset: offset.raw(),
            list: bufs(AddressSpace::Kernel, list, behind)?,
        },
    })
}

fn ccb_request(ccb: &engine::Ccb<'_>, pages: &PagesBehind) -> Result<Ccb, VirtAddr> {
    Ok(Ccb {
        func: match ccb.function {
            CcbFunction::ScsiIo => CcbFunc::ScsiIo,
            CcbFunction::ContTargetIo => CcbFunc::ContTargetIo,
            CcbFunction::AtaIo => CcbFunc::AtaIo,
            CcbFunction::NvmeIo => CcbFunc::NvmeIo,
            CcbFunction::NvmeAdmin => CcbFunc::NvmeAdmin,
            CcbFunction::Unsupported(_) => CcbFunc::Noop,
        },
        dir: match ccb.direction {
            CcbDirection::In => CcbDir::In,
            CcbDirection::Out => CcbDir::Out,
            CcbDirection::Both => CcbDir::Both,
            CcbDirection::None => CcbDir::None,
        },
        dxfer_len: ccb.dxfer_len,
        sglist_cnt: ccb.sglist_cnt,
        data: match &ccb.data {
            engine::CcbData::Vaddr(start) => {
                let range = VirtRange { start: *start, len: dxfer_len(ccb) };
                CcbData::Vaddr(buf(AddressSpace::Kernel, range, pages)?)
            }
            engine::CcbData::Paddr(start) => CcbData::Paddr(Hex(start.raw())),
            engine::CcbData::Sg(list) => CcbData::Sg(bufs(AddressSpace::Kernel, list, pages)?),
            engine::CcbData::SgPaddr(list) => CcbData::SgPaddr(list.iter().map(phys_buf).collect()),
            engine::CcbData::Bio(bio) => CcbData::Bio(bio_request(bio, pages)?),
            engine::CcbData::Invalid => CcbData::Invalid,
        },
    })
}

fn bufs(space: AddressSpace, list: &[VirtRange], pages: &PagesBehind) -> Result<Vec<Buf>, VirtAddr> {
    list.iter().map(|&range| buf(space, range, pages)).collect()
}

/// A range with the pages its bytes lie in.
fn buf(space: AddressSpace, range: VirtRange, pages: &PagesBehind) -> Result<Buf, VirtAddr> {
    let behind = pages.of(space);
    let page = |number: u64| behind.get(&number).ok_or(VirtAddr::new(number * PAGE_SIZE));
    let pages = page_numbers(range).map(|number| page(number).map(|page: &PhysAddr| Hex(page.raw())));
    Ok(Buf { vaddr: Hex(range.start.raw()), len: range.len.raw(), pages: pages.collect::<Result<_, _>>()? })
}

fn phys_buf(range: &PhysRange) -> PhysBuf {
    PhysBuf { paddr: Hex(range.start.raw()), len: range.len.raw() }
}

fn dxfer_len(ccb: &engine::Ccb<'_>) -> BusSize {
    BusSize::new(u64::from(ccb.dxfer_len))
}

const fn space_of(space: UioSpace) -> AddressSpace {
    match space {
        UioSpace::Kernel => AddressSpace::Kernel,
        UioSpace::User | UioSpace::UserWithoutThread => AddressSpace::User,
    }
}
