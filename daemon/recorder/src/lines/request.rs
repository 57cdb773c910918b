//! A load's request as the trace spells it.

use super::Unwritable;
use super::address_map::AddressMap;
use busdma_engine as engine;
use busdma_engine::{
    AddressSpace, CcbDirection, CcbFunction, Mem, MemDesc, PacketHeader, PhysRange, UioSpace, VirtRange,
};
use busdma_trace::format::{
    Bio, Buf, Ccb, CcbData, CcbDir, CcbFunc, Hex, LoadRequest, MbufChain, MemRequest, PhysBuf, SegFlag, Uio,
};

impl AddressMap {
    /// A request with the pages behind its buffers. `filled` is how many segments `bus_dmamap_load_mbuf_sg` filled.
    pub(super) fn request(&self, desc: &MemDesc<'_>, filled: usize) -> Result<LoadRequest, Unwritable> {
        Ok(match *desc {
            MemDesc::Buffer(range) => LoadRequest::Buffer(self.kernel(range)?),
            MemDesc::Bio(bio) => LoadRequest::Bio(self.bio(bio)?),
            MemDesc::Ccb(ccb) => LoadRequest::Ccb(self.ccb(ccb)?),
            MemDesc::Mbuf(mbuf) => LoadRequest::Mbuf(self.mbuf(mbuf)?),
            MemDesc::MbufSg(mbuf) => LoadRequest::MbufSg { segs_max: filled as u64, chain: self.mbuf(mbuf)? },
            MemDesc::Uio(uio) => LoadRequest::Uio(self.uio(uio)?),
            MemDesc::Mem(mem) => LoadRequest::Mem(self.mem(mem)?),
        })
    }

    fn mem(&self, mem: Mem<'_>) -> Result<MemRequest, Unwritable> {
        Ok(match mem {
            Mem::Vaddr(range) => MemRequest::Vaddr(self.kernel(range)?),
            Mem::Paddr(range) => MemRequest::Paddr(phys_buf(range)),
            Mem::Vlist(list) => MemRequest::Vlist(self.list(AddressSpace::Kernel, list)?),
            Mem::Plist(list) => MemRequest::Plist(list.iter().copied().map(phys_buf).collect()),
            Mem::Bio(bio) => MemRequest::Bio(self.bio(bio)?),
            Mem::Uio(uio) => MemRequest::Uio(self.uio(uio)?),
            Mem::Mbuf(mbuf) => MemRequest::Mbuf(self.mbuf(mbuf)?),
            Mem::Ccb(ccb) => MemRequest::Ccb(self.ccb(ccb)?),
        })
    }

    fn bio(&self, bio: engine::Bio<'_>) -> Result<Bio, Unwritable> {
        Ok(match bio {
            engine::Bio::Mapped(range) => Bio::Mapped { bcount: range.len.raw(), buf: self.kernel(range)? },
            engine::Bio::Unmapped { pages, offset, bcount } => Bio::Unmapped {
                bcount: bcount.raw(),
                ma_offset: offset.into(),
                pages: pages.iter().map(|page| Hex(page.raw())).collect(),
            },
            engine::Bio::Vlist { list, offset, bcount } => Bio::Vlist {
                bcount: bcount.raw(),
                ma_offset: offset.raw(),
                list: self.list(AddressSpace::Kernel, list)?,
            },
        })
    }

    fn ccb(&self, ccb: engine::Ccb<'_>) -> Result<Ccb, Unwritable> {
        let engine::Ccb { function, direction, data, dxfer_len, sglist_cnt } = ccb;
        let data = match data {
            engine::CcbData::Vaddr(start) => {
                let len = engine::BusSize::new(dxfer_len.into());
                CcbData::Vaddr(self.kernel(VirtRange { start, len })?)
            }
            engine::CcbData::Paddr(start) => CcbData::Paddr(Hex(start.raw())),
            engine::CcbData::Sg(list) => CcbData::Sg(self.list(AddressSpace::Kernel, list)?),
            engine::CcbData::SgPaddr(list) => CcbData::SgPaddr(list.iter().copied().map(phys_buf).collect()),
            engine::CcbData::Bio(bio) => CcbData::Bio(self.bio(bio)?),
            engine::CcbData::Invalid => CcbData::Invalid,
        };
        Ok(Ccb { func: ccb_func(function), dir: ccb_dir(direction), dxfer_len, sglist_cnt, data })
    }

    fn mbuf(&self, mbuf: engine::Mbuf<'_>) -> Result<MbufChain, Unwritable> {
        let (pkthdr, len) = match mbuf.header {
            PacketHeader::Present(len) => (true, len),
            PacketHeader::Missing { len } => (false, len),
        };
        Ok(MbufChain { pkthdr, pkthdr_len: len.raw(), chain: self.list(AddressSpace::Kernel, mbuf.chain)? })
    }

    fn uio(&self, uio: engine::Uio<'_>) -> Result<Uio, Unwritable> {
        let (segflg, td, space) = match uio.space {
            UioSpace::Kernel => (SegFlag::SysSpace, true, AddressSpace::Kernel),
            UioSpace::User => (SegFlag::UserSpace, true, AddressSpace::User),
            UioSpace::UserWithoutThread => (SegFlag::UserSpace, false, AddressSpace::User),
        };
        Ok(Uio { resid: uio.resid.raw(), segflg, td, iov: self.list(space, uio.iov)? })
    }

    fn kernel(&self, range: VirtRange) -> Result<Buf, Unwritable> {
        self.buf(AddressSpace::Kernel, range)
    }

    fn list(&self, space: AddressSpace, list: &[VirtRange]) -> Result<Vec<Buf>, Unwritable> {
        list.iter().map(|&range| self.buf(space, range)).collect()
    }
}

/// The format knows one code that carries no data; which one it was makes no difference to the engine.
const fn ccb_func(function: CcbFunction) -> CcbFunc {
    match function {
        CcbFunction::ScsiIo => CcbFunc::ScsiIo,
        CcbFunction::ContTargetIo => CcbFunc::ContTargetIo,
        CcbFunction::AtaIo => CcbFunc::AtaIo,
        CcbFunction::NvmeIo => CcbFunc::NvmeIo,
        CcbFunction::NvmeAdmin => CcbFunc::NvmeAdmin,
        CcbFunction::Unsupported(_) => CcbFunc::Noop,
    }
}

const fn ccb_dir(direction: CcbDirection) -> CcbDir {
    match direction {
        CcbDirection::In => CcbDir::In,
        CcbDirection::Out => CcbDir::Out,
        CcbDirection::Both => CcbDir::Both,
        CcbDirection::None => CcbDir::None,
    }
}

const fn phys_buf(range: PhysRange) -> PhysBuf {
    PhysBuf { paddr: Hex(range.start.raw()), len: range.len.raw() }
}
