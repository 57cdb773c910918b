//! Descriptors that outlive the call they were given to.

use super::{
    Bio, Ccb, CcbData, CcbDirection, CcbFunction, Mbuf, Mem, PacketHeader, PhysRange, Uio, UioSpace, VirtRange,
};
use crate::addr::{BusSize, PhysAddr, VirtAddr};
use std::fmt;

/// A descriptor that owns its lists, as a deferred map keeps one. The lists are reused, so keeping another allocates only
/// while they grow.
#[derive(Clone, Default)]
pub struct StoredMem {
    form: Option<StoredForm>,
    virt: Vec<VirtRange>,
    phys: Vec<PhysRange>,
    pages: Vec<PhysAddr>,
}

#[derive(Clone, Copy, Debug)]
enum StoredForm {
    Vaddr(VirtRange),
    Paddr(PhysRange),
    Vlist,
    Plist,
    Bio(StoredBio),
    Uio { resid: BusSize, space: UioSpace },
    Mbuf(PacketHeader),
    Ccb { function: CcbFunction, direction: CcbDirection, data: StoredCcbData, dxfer_len: u32, sglist_cnt: u16 },
}

#[derive(Clone, Copy, Debug)]
enum StoredBio {
    Mapped(VirtRange),
    Unmapped { offset: u32, bcount: BusSize },
    Vlist { offset: BusSize, bcount: BusSize },
}

#[derive(Clone, Copy, Debug)]
enum StoredCcbData {
    Vaddr(VirtAddr),
    Paddr(PhysAddr),
    Sg,
    SgPaddr,
    Bio(StoredBio),
    Invalid,
}

impl fmt::Debug for StoredMem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoredMem").field(&self.get()).finish()
    }
}

/// Equal are two that keep the same descriptor, whatever their lists held before.
impl PartialEq for StoredMem {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for StoredMem {}

impl StoredMem {
    /// A copy of `mem`.
    pub fn new(mem: &Mem<'_>) -> Self {
        let mut stored = Self::default();
        stored.store(mem);
        stored
    }

    /// Keeps `mem`, replacing what was kept.
    pub fn store(&mut self, mem: &Mem<'_>) {
        self.virt.clear();
        self.phys.clear();
        self.pages.clear();
        let form = match *mem {
            Mem::Vaddr(range) => StoredForm::Vaddr(range),
            Mem::Paddr(range) => StoredForm::Paddr(range),
            Mem::Vlist(list) => {
                self.virt.extend_from_slice(list);
                StoredForm::Vlist
            }
            Mem::Plist(list) => {
                self.phys.extend_from_slice(list);
                StoredForm::Plist
            }
            Mem::Bio(bio) => StoredForm::Bio(self.store_bio(bio)),
            Mem::Uio(uio) => {
                self.virt.extend_from_slice(uio.iov);
                StoredForm::Uio { resid: uio.resid, space: uio.space }
            }
            Mem::Mbuf(mbuf) => {
                self.virt.extend_from_slice(mbuf.chain);
                StoredForm::Mbuf(mbuf.header)
            }
            Mem::Ccb(ccb) => StoredForm::Ccb {
                function: ccb.function,
                direction: ccb.direction,
                data: self.store_ccb_data(ccb.data),
                dxfer_len: ccb.dxfer_len,
                sglist_cnt: ccb.sglist_cnt,
            },
        };
        self.form = Some(form);
    }

    /// What was kept, `None` before the first [`Self::store`].
    pub fn get(&self) -> Option<Mem<'_>> {
        Some(match self.form? {
            StoredForm::Vaddr(range) => Mem::Vaddr(range),
            StoredForm::Paddr(range) => Mem::Paddr(range),
            StoredForm::Vlist => Mem::Vlist(&self.virt),
            StoredForm::Plist => Mem::Plist(&self.phys),
            StoredForm::Bio(bio) => Mem::Bio(self.bio(bio)),
            StoredForm::Uio { resid, space } => Mem::Uio(Uio { resid, space, iov: &self.virt }),
            StoredForm::Mbuf(header) => Mem::Mbuf(Mbuf { header, chain: &self.virt }),
            StoredForm::Ccb { function, direction, data, dxfer_len, sglist_cnt } => {
                Mem::Ccb(Ccb { function, direction, data: self.ccb_data(data), dxfer_len, sglist_cnt })
            }
        })
    }

    fn store_bio(&mut self, bio: Bio<'_>) -> StoredBio {
        match bio {
            Bio::Mapped(range) => StoredBio::Mapped(range),
            Bio::Unmapped { pages, offset, bcount } => {
                self.pages.extend_from_slice(pages);
                StoredBio::Unmapped { offset, bcount }
            }
            Bio::Vlist { list, offset, bcount } => {
                self.virt.extend_from_slice(list);
                StoredBio::Vlist { offset, bcount }
            }
        }
    }

    fn bio(&self, bio: StoredBio) -> Bio<'_> {
        match bio {
            StoredBio::Mapped(range) => Bio::Mapped(range),
            StoredBio::Unmapped { offset, bcount } => Bio::Unmapped { pages: &self.pages, offset, bcount },
            StoredBio::Vlist { offset, bcount } => Bio::Vlist { list: &self.virt, offset, bcount },
        }
    }

    fn store_ccb_data(&mut self, data: CcbData<'_>) -> StoredCcbData {
        match data {
            CcbData::Vaddr(start) => StoredCcbData::Vaddr(start),
            CcbData::Paddr(start) => StoredCcbData::Paddr(start),
            CcbData::Sg(list) => {
                self.virt.extend_from_slice(list);
                StoredCcbData::Sg
            }
            CcbData::SgPaddr(list) => {
                self.phys.extend_from_slice(list);
                StoredCcbData::SgPaddr
            }
            CcbData::Bio(bio) => StoredCcbData::Bio(self.store_bio(bio)),
            CcbData::Invalid => StoredCcbData::Invalid,
        }
    }

    fn ccb_data(&self, data: StoredCcbData) -> CcbData<'_> {
        match data {
            StoredCcbData::Vaddr(start) => CcbData::Vaddr(start),
            StoredCcbData::Paddr(start) => CcbData::Paddr(start),
            StoredCcbData::Sg => CcbData::Sg(&self.virt),
            StoredCcbData::SgPaddr => CcbData::SgPaddr(&self.phys),
            StoredCcbData::Bio(bio) => CcbData::Bio(self.bio(bio)),
            StoredCcbData::Invalid => CcbData::Invalid,
        }
    }
}
