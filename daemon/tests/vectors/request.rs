//! What a load names: walked through, and in the words of the interface.

use busdma_api::engine as api;
use busdma_api::{Hex, Nothing};
use busdma_trace::format::{
    Bio, Buf, Ccb, CcbData, CcbDir, CcbFunc, LoadRequest, MbufChain, MemRequest, PhysBuf, SegFlag, Uio,
};

/// Something a load names.
#[derive(Clone, Copy)]
pub(crate) enum Named<'r> {
    /// Virtual memory.
    Virtual(api::Space, &'r Buf),
    /// Physical memory: the first byte, and how many.
    Physical(u64, u64),
}

/// Calls `visit` with everything a load names.
pub(crate) fn for_each_named<'r>(request: &'r LoadRequest, visit: &mut impl FnMut(Named<'r>)) {
    match request {
        LoadRequest::Buffer(buf) => visit(kernel(buf)),
        LoadRequest::Bio(bio) => bio_names(bio, visit),
        LoadRequest::Ccb(ccb) => ccb_names(ccb, visit),
        LoadRequest::Mbuf(chain) | LoadRequest::MbufSg { chain, .. } => chain.chain.iter().map(kernel).for_each(visit),
        LoadRequest::Uio(uio) => uio_names(uio, visit),
        LoadRequest::Mem(mem) => match mem {
            MemRequest::Vaddr(buf) => visit(kernel(buf)),
            MemRequest::Paddr(range) => visit(physical(range)),
            MemRequest::Vlist(list) => list.iter().map(kernel).for_each(visit),
            MemRequest::Plist(list) => list.iter().map(physical).for_each(visit),
            MemRequest::Bio(bio) => bio_names(bio, visit),
            MemRequest::Uio(uio) => uio_names(uio, visit),
            MemRequest::Mbuf(chain) => chain.chain.iter().map(kernel).for_each(visit),
            MemRequest::Ccb(ccb) => ccb_names(ccb, visit),
        },
    }
}

fn kernel(buf: &Buf) -> Named<'_> {
    Named::Virtual(api::Space::Kernel, buf)
}

fn physical(range: &PhysBuf) -> Named<'_> {
    Named::Physical(range.paddr.0, range.len)
}

fn bio_names<'r>(bio: &'r Bio, visit: &mut impl FnMut(Named<'r>)) {
    match bio {
        Bio::Mapped { buf, .. } => visit(kernel(buf)),
        Bio::Unmapped { pages, .. } => pages.iter().for_each(|page| visit(Named::Physical(page.0, 1))),
        Bio::Vlist { list, .. } => list.iter().map(kernel).for_each(visit),
    }
}

fn ccb_names<'r>(ccb: &'r Ccb, visit: &mut impl FnMut(Named<'r>)) {
    match &ccb.data {
        CcbData::Vaddr(buf) => visit(kernel(buf)),
        CcbData::Paddr(paddr) => visit(Named::Physical(paddr.0, ccb.dxfer_len.into())),
        CcbData::Sg(list) => list.iter().map(kernel).for_each(visit),
        CcbData::SgPaddr(list) => list.iter().map(physical).for_each(visit),
        CcbData::Bio(bio) => bio_names(bio, visit),
        CcbData::Invalid => {}
    }
}

fn uio_names<'r>(uio: &'r Uio, visit: &mut impl FnMut(Named<'r>)) {
    uio.iov.iter().for_each(|buf| visit(Named::Virtual(space(uio), buf)));
}

fn space(uio: &Uio) -> api::Space {
    match uio.segflg {
        SegFlag::SysSpace => api::Space::Kernel,
        SegFlag::UserSpace => api::Space::User,
    }
}

/// Where the buffers of a request are registered.
pub(crate) trait Buffers {
    /// The registered memory of a buffer of so many bytes at its beginning.
    fn buffer(&self, space: api::Space, buf: &Buf, length: u64) -> api::Buffer;
}

/// A request in the words of the interface.
pub(crate) fn translated(request: &LoadRequest, buffers: &impl Buffers) -> api::Request {
    let words = Words(buffers);
    match request {
        LoadRequest::Buffer(buf) => api::Request::Buffer(words.kernel(buf)),
        LoadRequest::Bio(bio) => api::Request::Bio(words.bio(bio)),
        LoadRequest::Ccb(ccb) => api::Request::Ccb(Box::new(words.ccb(ccb))),
        LoadRequest::Mbuf(chain) => api::Request::Mbuf(words.mbuf(chain)),
        LoadRequest::MbufSg { chain, .. } => api::Request::MbufSg(words.mbuf(chain)),
        LoadRequest::Uio(uio) => api::Request::Uio(words.uio(uio)),
        LoadRequest::Mem(mem) => api::Request::Mem(Box::new(words.mem(mem))),
    }
}

struct Words<'b, B>(&'b B);

impl<B: Buffers> Words<'_, B> {
    fn kernel(&self, buf: &Buf) -> api::Buffer {
        self.0.buffer(api::Space::Kernel, buf, buf.len)
    }

    fn list(&self, list: &[Buf]) -> Vec<api::Buffer> {
        list.iter().map(|buf| self.kernel(buf)).collect()
    }

    fn mem(&self, mem: &MemRequest) -> api::MemDesc {
        match mem {
            MemRequest::Vaddr(buf) => api::MemDesc::Vaddr(self.kernel(buf)),
            MemRequest::Paddr(range) => api::MemDesc::Paddr(phys(range)),
            MemRequest::Vlist(list) => api::MemDesc::Vlist(self.list(list)),
            MemRequest::Plist(list) => api::MemDesc::Plist(list.iter().map(phys).collect()),
            MemRequest::Bio(bio) => api::MemDesc::Bio(self.bio(bio)),
            MemRequest::Uio(uio) => api::MemDesc::Uio(self.uio(uio)),
            MemRequest::Mbuf(chain) => api::MemDesc::Mbuf(self.mbuf(chain)),
            MemRequest::Ccb(ccb) => api::MemDesc::Ccb(self.ccb(ccb)),
        }
    }

    fn bio(&self, bio: &Bio) -> api::Bio {
        match bio {
            Bio::Mapped { bcount, buf } => api::Bio::Mapped(self.0.buffer(api::Space::Kernel, buf, *bcount)),
            Bio::Unmapped { bcount, ma_offset, pages } => api::Bio::Unmapped(api::UnmappedBio {
                pages: pages.iter().map(|page| Hex(page.0)).collect(),
                offset: Some(u32::try_from(*ma_offset).unwrap()),
                bcount: *bcount,
            }),
            Bio::Vlist { bcount, ma_offset, list } => {
                api::Bio::Vlist(api::VlistBio { list: self.list(list), offset: Some(*ma_offset), bcount: *bcount })
            }
        }
    }

    fn ccb(&self, ccb: &Ccb) -> api::Ccb {
        let dxfer_len = ccb.dxfer_len.into();
        let data = match &ccb.data {
            CcbData::Vaddr(buf) => api::CcbData::Vaddr(self.0.buffer(api::Space::Kernel, buf, dxfer_len)),
            CcbData::Paddr(paddr) => api::CcbData::Paddr(api::PhysRange { paddr: Hex(paddr.0), length: dxfer_len }),
            CcbData::Sg(list) => api::CcbData::Sg(self.list(list)),
            CcbData::SgPaddr(list) => api::CcbData::SgPaddr(list.iter().map(phys).collect()),
            CcbData::Bio(bio) => api::CcbData::Bio(self.bio(bio)),
            CcbData::Invalid => api::CcbData::Invalid(Nothing {}),
        };
        let function = match ccb.func {
            CcbFunc::ScsiIo => api::CcbFunction::ScsiIo,
            CcbFunc::ContTargetIo => api::CcbFunction::ContTargetIo,
            CcbFunc::AtaIo => api::CcbFunction::AtaIo,
            CcbFunc::NvmeIo => api::CcbFunction::NvmeIo,
            CcbFunc::NvmeAdmin => api::CcbFunction::NvmeAdmin,
            CcbFunc::Noop => api::CcbFunction::Noop,
        };
        let direction = match ccb.dir {
            CcbDir::In => api::CcbDirection::In,
            CcbDir::Out => api::CcbDirection::Out,
            CcbDir::Both => api::CcbDirection::Both,
            CcbDir::None => api::CcbDirection::None,
        };
        api::Ccb { function, direction, data, dxfer_len: Some(ccb.dxfer_len), sglist_cnt: Some(ccb.sglist_cnt) }
    }

    fn mbuf(&self, chain: &MbufChain) -> api::Mbuf {
        api::Mbuf { packet_length: chain.pkthdr.then_some(chain.pkthdr_len), chain: self.list(&chain.chain) }
    }

    fn uio(&self, uio: &Uio) -> api::Uio {
        let words = match (uio.segflg, uio.td) {
            (SegFlag::SysSpace, _) => api::UioSpace::Kernel,
            (SegFlag::UserSpace, true) => api::UioSpace::User,
            (SegFlag::UserSpace, false) => api::UioSpace::UserWithoutThread,
        };
        let iov = uio.iov.iter().map(|buf| self.0.buffer(space(uio), buf, buf.len)).collect();
        api::Uio { resid: uio.resid, space: words, iov }
    }
}

fn phys(range: &PhysBuf) -> api::PhysRange {
    api::PhysRange { paddr: Hex(range.paddr.0), length: range.len }
}
