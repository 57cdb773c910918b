//! Load requests that own their lists, with the pages behind every buffer.

mod client;

use busdma_engine::addr::{AddressSpace, BusSize, PAGE_SIZE, PhysAddr, VirtAddr};
use busdma_engine::memdesc::{
    Bio, Ccb, CcbData, CcbDirection, CcbFunction, Mbuf, Mem, MemDesc, PacketHeader, PhysRange, Uio, UioSpace, VirtRange,
};

/// No range of a sane request is longer.
const SANE_BYTES: u64 = 1 << 20;

/// A virtual buffer and the physical pages it lies on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Buffer {
    /// Where the driver sees it.
    pub range: VirtRange,
    /// First byte of each page the range touches, in order; empty for a range of no bytes.
    pub pages: Vec<PhysAddr>,
}

impl Buffer {
    /// A buffer at `start` of `len` bytes on `pages`; pages beyond the last one touched are dropped, missing ones repeat
    /// the last.
    ///
    /// # Panics
    /// A length that no list of pages can cover.
    pub fn new(start: VirtAddr, len: u64, mut pages: Vec<PhysAddr>) -> Self {
        let touched = if len == 0 { 0 } else { (start.page_offset() + len).div_ceil(PAGE_SIZE) };
        let touched = usize::try_from(touched).expect("buffers fit memory");
        let last = pages.last().copied().unwrap_or_default();
        pages.resize(touched, last);
        Self { range: VirtRange { start, len: BusSize::new(len) }, pages }
    }
}

/// Several buffers: a vlist, an mbuf chain, the vectors of a uio.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Buffers {
    /// Where the driver sees each.
    pub ranges: Vec<VirtRange>,
    /// The pages of each, as in [`Buffer`].
    pub pages: Vec<Vec<PhysAddr>>,
}

impl FromIterator<Buffer> for Buffers {
    fn from_iter<T: IntoIterator<Item = Buffer>>(buffers: T) -> Self {
        let (ranges, pages) = buffers.into_iter().map(|buffer| (buffer.range, buffer.pages)).unzip();
        Self { ranges, pages }
    }
}

/// A block I/O request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BioRequest {
    /// Kernel memory; its length is `bio_bcount`.
    Mapped(Buffer),
    /// Pages without a kernel mapping.
    Unmapped {
        /// First byte of each page.
        pages: Vec<PhysAddr>,
        /// Offset of the first byte in the first page.
        offset: u32,
        /// Bytes.
        bcount: BusSize,
    },
    /// A list of kernel buffers.
    Vlist {
        /// The buffers.
        list: Buffers,
        /// Bytes of the first buffer to skip.
        offset: BusSize,
        /// Bytes to map at most.
        bcount: BusSize,
    },
}

/// Where the data of a CAM control block lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CcbSource {
    /// Kernel memory; its length is the block's `dxfer_len`.
    Vaddr(Buffer),
    /// Physical memory.
    Paddr(PhysAddr),
    /// Kernel buffers.
    Sg(Buffers),
    /// Physical ranges.
    SgPaddr(Vec<PhysRange>),
    /// A block I/O request.
    Bio(BioRequest),
    /// Flags that mean nothing.
    Invalid,
}

/// A CAM control block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CcbRequest {
    /// What the block asks for.
    pub function: CcbFunction,
    /// Which way the data moves.
    pub direction: CcbDirection,
    /// Where the data lies.
    pub source: CcbSource,
    /// Bytes to move.
    pub dxfer_len: u32,
    /// Entries of the scatter list.
    pub sglist_cnt: u16,
}

/// A chain of network buffers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MbufRequest {
    /// The header of the first one.
    pub header: PacketHeader,
    /// All of them.
    pub chain: Buffers,
}

/// A read or write request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UioRequest {
    /// Bytes to map at most.
    pub resid: BusSize,
    /// Whose addresses the vectors hold.
    pub space: UioSpace,
    /// The vectors.
    pub iov: Buffers,
}

/// A memory descriptor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MemRequest {
    /// `MEMDESC_VADDR`.
    Vaddr(Buffer),
    /// `MEMDESC_PADDR`.
    Paddr(PhysRange),
    /// `MEMDESC_VLIST`.
    Vlist(Buffers),
    /// `MEMDESC_PLIST`.
    Plist(Vec<PhysRange>),
    /// `MEMDESC_BIO`.
    Bio(BioRequest),
    /// `MEMDESC_UIO`.
    Uio(UioRequest),
    /// `MEMDESC_MBUF`.
    Mbuf(MbufRequest),
    /// `MEMDESC_CCB`.
    Ccb(CcbRequest),
}

/// One load request: which `bus_dmamap_load*` is called, and with what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// `bus_dmamap_load`.
    Buffer(Buffer),
    /// `bus_dmamap_load_bio`.
    Bio(BioRequest),
    /// `bus_dmamap_load_ccb`.
    Ccb(CcbRequest),
    /// `bus_dmamap_load_mbuf`.
    Mbuf(MbufRequest),
    /// `bus_dmamap_load_mbuf_sg`.
    MbufSg(MbufRequest),
    /// `bus_dmamap_load_uio`.
    Uio(UioRequest),
    /// `bus_dmamap_load_mem`.
    Mem(MemRequest),
}

impl Request {
    /// The request as the engine takes it.
    pub fn desc(&self) -> MemDesc<'_> {
        match self {
            Self::Buffer(buffer) => MemDesc::Buffer(buffer.range),
            Self::Bio(bio) => MemDesc::Bio(bio.desc()),
            Self::Ccb(ccb) => MemDesc::Ccb(ccb.desc()),
            Self::Mbuf(mbuf) => MemDesc::Mbuf(mbuf.desc()),
            Self::MbufSg(mbuf) => MemDesc::MbufSg(mbuf.desc()),
            Self::Uio(uio) => MemDesc::Uio(uio.desc()),
            Self::Mem(mem) => MemDesc::Mem(mem.desc()),
        }
    }

    /// Calls `visit` with every page mapping the request brings along: address space, page-aligned virtual address, page.
    pub fn for_each_mapping(&self, mut visit: impl FnMut(AddressSpace, VirtAddr, PhysAddr)) {
        let mut buffer = |space, range: &VirtRange, pages: &[PhysAddr]| {
            for (index, &page) in pages.iter().enumerate() {
                visit(space, range.start.page_start().wrapping_add(BusSize::new(index as u64 * PAGE_SIZE)), page);
            }
        };
        let (space, single, list) = self.buffers();
        if let Some(single) = single {
            buffer(space, &single.range, &single.pages);
        }
        if let Some(list) = list {
            for (range, pages) in list.ranges.iter().zip(&list.pages) {
                buffer(space, range, pages);
            }
        }
    }

    /// Whether the request is one that a driver could mean: every buffer lies on pages, nothing is enormous or runs past
    /// the end of the address space. FreeBSD has no answer to any other, nor does the reference model.
    pub fn is_sane(&self) -> bool {
        let (_, single, list) = self.buffers();
        let small = |len: BusSize| len.raw() <= SANE_BYTES;
        let backed = |range: &VirtRange, pages: &[PhysAddr]| {
            let touched = |len: u64| if len == 0 { 0 } else { (range.start.page_offset() + len).div_ceil(PAGE_SIZE) };
            let ends = range.start.checked_add(range.len).is_some();
            small(range.len) && ends && pages.len() as u64 >= touched(range.len.raw())
        };
        single.is_none_or(|buffer| backed(&buffer.range, &buffer.pages))
            && list.is_none_or(|list| list.ranges.iter().zip(&list.pages).all(|(range, pages)| backed(range, pages)))
            && self
                .physical_ranges()
                .iter()
                .all(|range| small(range.len) && range.start.checked_add(range.len).is_some())
    }

    /// What the request names by physical address.
    fn physical_ranges(&self) -> Vec<PhysRange> {
        match self {
            Self::Mem(MemRequest::Paddr(range)) => vec![*range],
            Self::Mem(MemRequest::Plist(list)) => list.clone(),
            Self::Ccb(ccb) | Self::Mem(MemRequest::Ccb(ccb)) => match &ccb.source {
                CcbSource::Paddr(start) => {
                    vec![PhysRange { start: *start, len: BusSize::new(u64::from(ccb.dxfer_len)) }]
                }
                CcbSource::SgPaddr(list) => list.clone(),
                CcbSource::Bio(bio) => bio.physical_range().into_iter().collect(),
                CcbSource::Vaddr(_) | CcbSource::Sg(_) | CcbSource::Invalid => Vec::new(),
            },
            Self::Bio(bio) | Self::Mem(MemRequest::Bio(bio)) => bio.physical_range().into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The address space and the virtual buffers of the request: at most one of the two forms is present.
    fn buffers(&self) -> (AddressSpace, Option<&Buffer>, Option<&Buffers>) {
        let kernel = |(single, list)| (AddressSpace::Kernel, single, list);
        match self {
            Self::Buffer(buffer) | Self::Mem(MemRequest::Vaddr(buffer)) => kernel((Some(buffer), None)),
            Self::Bio(bio) | Self::Mem(MemRequest::Bio(bio)) => kernel(bio.buffers()),
            Self::Ccb(ccb) | Self::Mem(MemRequest::Ccb(ccb)) => kernel(ccb.buffers()),
            Self::Mbuf(mbuf) | Self::MbufSg(mbuf) | Self::Mem(MemRequest::Mbuf(mbuf)) => {
                kernel((None, Some(&mbuf.chain)))
            }
            Self::Uio(uio) | Self::Mem(MemRequest::Uio(uio)) => {
                let space = if uio.space == UioSpace::Kernel { AddressSpace::Kernel } else { AddressSpace::User };
                (space, None, Some(&uio.iov))
            }
            Self::Mem(MemRequest::Vlist(list)) => kernel((None, Some(list))),
            Self::Mem(MemRequest::Paddr(_) | MemRequest::Plist(_)) => kernel((None, None)),
        }
    }
}

impl BioRequest {
    fn desc(&self) -> Bio<'_> {
        match self {
            Self::Mapped(buffer) => Bio::Mapped(buffer.range),
            Self::Unmapped { pages, offset, bcount } => Bio::Unmapped { pages, offset: *offset, bcount: *bcount },
            Self::Vlist { list, offset, bcount } => Bio::Vlist { list: &list.ranges, offset: *offset, bcount: *bcount },
        }
    }

    fn buffers(&self) -> (Option<&Buffer>, Option<&Buffers>) {
        match self {
            Self::Mapped(buffer) => (Some(buffer), None),
            Self::Unmapped { .. } => (None, None),
            Self::Vlist { list, .. } => (None, Some(list)),
        }
    }

    /// An unmapped bio as if its pages lay behind one another.
    fn physical_range(&self) -> Option<PhysRange> {
        match self {
            Self::Unmapped { offset, bcount, .. } => {
                Some(PhysRange { start: PhysAddr::new(u64::from(*offset)), len: *bcount })
            }
            Self::Mapped(_) | Self::Vlist { .. } => None,
        }
    }
}

impl CcbRequest {
    fn desc(&self) -> Ccb<'_> {
        let data = match &self.source {
            CcbSource::Vaddr(buffer) => CcbData::Vaddr(buffer.range.start),
            CcbSource::Paddr(paddr) => CcbData::Paddr(*paddr),
            CcbSource::Sg(list) => CcbData::Sg(&list.ranges),
            CcbSource::SgPaddr(list) => CcbData::SgPaddr(list),
            CcbSource::Bio(bio) => CcbData::Bio(bio.desc()),
            CcbSource::Invalid => CcbData::Invalid,
        };
        Ccb {
            function: self.function,
            direction: self.direction,
            data,
            dxfer_len: self.dxfer_len,
            sglist_cnt: self.sglist_cnt,
        }
    }

    fn buffers(&self) -> (Option<&Buffer>, Option<&Buffers>) {
        match &self.source {
            CcbSource::Vaddr(buffer) => (Some(buffer), None),
            CcbSource::Sg(list) => (None, Some(list)),
            CcbSource::Bio(bio) => bio.buffers(),
            CcbSource::Paddr(_) | CcbSource::SgPaddr(_) | CcbSource::Invalid => (None, None),
        }
    }

    /// Entries of the scatter list that count: ATA blocks have none.
    pub(crate) fn entries(&self) -> usize {
        if self.function == CcbFunction::AtaIo { 0 } else { usize::from(self.sglist_cnt) }
    }
}

impl MbufRequest {
    fn desc(&self) -> Mbuf<'_> {
        Mbuf { header: self.header, chain: &self.chain.ranges }
    }
}

impl UioRequest {
    fn desc(&self) -> Uio<'_> {
        Uio { resid: self.resid, space: self.space, iov: &self.iov.ranges }
    }
}

impl MemRequest {
    fn desc(&self) -> Mem<'_> {
        match self {
            Self::Vaddr(buffer) => Mem::Vaddr(buffer.range),
            Self::Paddr(range) => Mem::Paddr(*range),
            Self::Vlist(list) => Mem::Vlist(&list.ranges),
            Self::Plist(list) => Mem::Plist(list),
            Self::Bio(bio) => Mem::Bio(bio.desc()),
            Self::Uio(uio) => Mem::Uio(uio.desc()),
            Self::Mbuf(mbuf) => Mem::Mbuf(mbuf.desc()),
            Self::Ccb(ccb) => Mem::Ccb(ccb.desc()),
        }
    }
}
