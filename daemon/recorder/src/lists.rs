//! The lists of a load request, apart from the rest of it: a request holds at most one.

use busdma_engine::{Bio, Ccb, CcbData, Mbuf, Mem, MemDesc, PhysAddr, PhysRange, Uio, VirtRange};

/// The list of a request, in the slice of its kind; the other two are empty.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lists<'a> {
    pub(crate) virt: &'a [VirtRange],
    pub(crate) phys: &'a [PhysRange],
    pub(crate) pages: &'a [PhysAddr],
}

impl<'a> Lists<'a> {
    const NONE: Lists<'static> = Lists { virt: &[], phys: &[], pages: &[] };

    /// The list of `desc`.
    pub(crate) fn of(desc: &MemDesc<'a>) -> Self {
        match desc.mem() {
            Mem::Vaddr(_) | Mem::Paddr(_) => Self::NONE,
            Mem::Vlist(virt) => Self { virt, ..Self::NONE },
            Mem::Plist(phys) => Self { phys, ..Self::NONE },
            Mem::Bio(bio) => Self::of_bio(bio),
            Mem::Uio(uio) => Self { virt: uio.iov, ..Self::NONE },
            Mem::Mbuf(mbuf) => Self { virt: mbuf.chain, ..Self::NONE },
            Mem::Ccb(ccb) => match ccb.data {
                CcbData::Vaddr(_) | CcbData::Paddr(_) | CcbData::Invalid => Self::NONE,
                CcbData::Sg(virt) => Self { virt, ..Self::NONE },
                CcbData::SgPaddr(phys) => Self { phys, ..Self::NONE },
                CcbData::Bio(bio) => Self::of_bio(bio),
            },
        }
    }

    fn of_bio(bio: Bio<'a>) -> Self {
        match bio {
            Bio::Mapped(_) => Self::NONE,
            Bio::Unmapped { pages, .. } => Self { pages, ..Self::NONE },
            Bio::Vlist { list, .. } => Self { virt: list, ..Self::NONE },
        }
    }

    /// `desc` with this list instead of its own.
    pub(crate) fn put_into(self, desc: &MemDesc<'_>) -> MemDesc<'a> {
        match *desc {
            MemDesc::Buffer(range) => MemDesc::Buffer(range),
            MemDesc::Bio(bio) => MemDesc::Bio(self.bio(bio)),
            MemDesc::Ccb(ccb) => MemDesc::Ccb(self.ccb(ccb)),
            MemDesc::Mbuf(mbuf) => MemDesc::Mbuf(self.mbuf(mbuf)),
            MemDesc::MbufSg(mbuf) => MemDesc::MbufSg(self.mbuf(mbuf)),
            MemDesc::Uio(uio) => MemDesc::Uio(self.uio(uio)),
            MemDesc::Mem(mem) => MemDesc::Mem(match mem {
                Mem::Vaddr(range) => Mem::Vaddr(range),
                Mem::Paddr(range) => Mem::Paddr(range),
                Mem::Vlist(_) => Mem::Vlist(self.virt),
                Mem::Plist(_) => Mem::Plist(self.phys),
                Mem::Bio(bio) => Mem::Bio(self.bio(bio)),
                Mem::Uio(uio) => Mem::Uio(self.uio(uio)),
                Mem::Mbuf(mbuf) => Mem::Mbuf(self.mbuf(mbuf)),
                Mem::Ccb(ccb) => Mem::Ccb(self.ccb(ccb)),
            }),
        }
    }

    /// `desc` without its list, so that it can be kept.
    pub(crate) fn take_out_of(desc: &MemDesc<'_>) -> MemDesc<'static> {
        Lists::NONE.put_into(desc)
    }

    fn bio(self, bio: Bio<'_>) -> Bio<'a> {
        match bio {
            Bio::Mapped(range) => Bio::Mapped(range),
            Bio::Unmapped { offset, bcount, .. } => Bio::Unmapped { pages: self.pages, offset, bcount },
            Bio::Vlist { offset, bcount, .. } => Bio::Vlist { list: self.virt, offset, bcount },
        }
    }

    fn ccb(self, ccb: Ccb<'_>) -> Ccb<'a> {
        let Ccb { function, direction, data, dxfer_len, sglist_cnt } = ccb;
        let data = match data {
            CcbData::Vaddr(start) => CcbData::Vaddr(start),
            CcbData::Paddr(start) => CcbData::Paddr(start),
            CcbData::Sg(_) => CcbData::Sg(self.virt),
            CcbData::SgPaddr(_) => CcbData::SgPaddr(self.phys),
            CcbData::Bio(bio) => CcbData::Bio(self.bio(bio)),
            CcbData::Invalid => CcbData::Invalid,
        };
        Ccb { function, direction, data, dxfer_len, sglist_cnt }
    }

    fn mbuf(self, mbuf: Mbuf<'_>) -> Mbuf<'a> {
        Mbuf { header: mbuf.header, chain: self.virt }
    }

    fn uio(self, uio: Uio<'_>) -> Uio<'a> {
        Uio { resid: uio.resid, space: uio.space, iov: self.virt }
    }
}
