//! The request of a load: from the trace's shapes to the engine's, kept with the map it was made for.

use crate::error::OperationError;
use crate::format::{Bio, Buf, Ccb, CcbData, CcbDir, CcbFunc, Hex, LoadRequest, MbufChain, MemRequest, SegFlag, Uio};
use crate::machine::TraceMachine;
use busdma_engine as engine;
use busdma_engine::{
    AddressSpace, BusSize, CcbDirection, CcbFunction, Mem, MemDesc, PAGE_SIZE, PacketHeader, PhysAddr, PhysRange,
    UioSpace, VirtAddr, VirtRange,
};

/// A function code that no CAM call has: `XPT_NOOP`.
const XPT_NOOP: u32 = 0;

/// The last request of a map. Its lists are reused from load to load.
#[derive(Clone, Debug, Default)]
pub struct Request {
    form: Option<Form>,
    virt: Vec<VirtRange>,
    phys: Vec<PhysRange>,
    pages: Vec<PhysAddr>,
}

/// A request without its lists.
#[derive(Clone, Copy, Debug)]
enum Form {
    Buffer(VirtRange),
    Bio(BioForm),
    Ccb(CcbForm),
    Mbuf(PacketHeader),
    MbufSg(PacketHeader),
    Uio(UioForm),
    MemVaddr(VirtRange),
    MemPaddr(PhysRange),
    MemVlist,
    MemPlist,
    MemBio(BioForm),
    MemUio(UioForm),
    MemMbuf(PacketHeader),
    MemCcb(CcbForm),
}

#[derive(Clone, Copy, Debug)]
enum BioForm {
    Mapped(VirtRange),
    Unmapped { offset: u32, bcount: BusSize },
    Vlist { offset: BusSize, bcount: BusSize },
}

#[derive(Clone, Copy, Debug)]
struct CcbForm {
    function: CcbFunction,
    direction: CcbDirection,
    data: CcbDataForm,
    dxfer_len: u32,
    sglist_cnt: u16,
}

#[derive(Clone, Copy, Debug)]
enum CcbDataForm {
    Vaddr(VirtAddr),
    Paddr(PhysAddr),
    Sg,
    SgPaddr,
    Bio(BioForm),
    Invalid,
}

#[derive(Clone, Copy, Debug)]
struct UioForm {
    resid: BusSize,
    space: UioSpace,
}

impl Request {
    /// Replaces the request, maps its buffers on `machine` and returns it as the engine takes it.
    ///
    /// # Errors
    /// A buffer whose pages do not hold its bytes, or a page that is no page.
    pub fn set(&mut self, request: &LoadRequest, machine: &mut TraceMachine) -> Result<MemDesc<'_>, OperationError> {
        self.virt.clear();
        self.phys.clear();
        self.pages.clear();
        self.form = None;
        let mut taking = Taking { request: self, machine };
        let form = match request {
            LoadRequest::Buffer(buf) => Form::Buffer(taking.kernel(buf)?),
            LoadRequest::Bio(bio) => Form::Bio(taking.bio(bio)?),
            LoadRequest::Ccb(ccb) => Form::Ccb(taking.ccb(ccb)?),
            LoadRequest::Mbuf(chain) => Form::Mbuf(taking.mbuf(chain)?),
            LoadRequest::MbufSg { chain, .. } => Form::MbufSg(taking.mbuf(chain)?),
            LoadRequest::Uio(uio) => Form::Uio(taking.uio(uio)?),
            LoadRequest::Mem(mem) => taking.mem(mem)?,
        };
        self.form = Some(form);
        Ok(self.view(form))
    }

    /// The request as the engine takes it, `None` before the first load.
    pub fn desc(&self) -> Option<MemDesc<'_>> {
        self.form.map(|form| self.view(form))
    }

    fn view(&self, form: Form) -> MemDesc<'_> {
        match form {
            Form::Buffer(range) => MemDesc::Buffer(range),
            Form::Bio(bio) => MemDesc::Bio(self.bio(bio)),
            Form::Ccb(ccb) => MemDesc::Ccb(self.ccb(ccb)),
            Form::Mbuf(header) => MemDesc::Mbuf(self.mbuf(header)),
            Form::MbufSg(header) => MemDesc::MbufSg(self.mbuf(header)),
            Form::Uio(uio) => MemDesc::Uio(self.uio(uio)),
            Form::MemVaddr(range) => MemDesc::Mem(Mem::Vaddr(range)),
            Form::MemPaddr(range) => MemDesc::Mem(Mem::Paddr(range)),
            Form::MemVlist => MemDesc::Mem(Mem::Vlist(&self.virt)),
            Form::MemPlist => MemDesc::Mem(Mem::Plist(&self.phys)),
            Form::MemBio(bio) => MemDesc::Mem(Mem::Bio(self.bio(bio))),
            Form::MemUio(uio) => MemDesc::Mem(Mem::Uio(self.uio(uio))),
            Form::MemMbuf(header) => MemDesc::Mem(Mem::Mbuf(self.mbuf(header))),
            Form::MemCcb(ccb) => MemDesc::Mem(Mem::Ccb(self.ccb(ccb))),
        }
    }

    fn bio(&self, form: BioForm) -> engine::Bio<'_> {
        match form {
            BioForm::Mapped(range) => engine::Bio::Mapped(range),
            BioForm::Unmapped { offset, bcount } => engine::Bio::Unmapped { pages: &self.pages, offset, bcount },
            BioForm::Vlist { offset, bcount } => engine::Bio::Vlist { list: &self.virt, offset, bcount },
        }
    }

    fn ccb(&self, form: CcbForm) -> engine::Ccb<'_> {
        let CcbForm { function, direction, data, dxfer_len, sglist_cnt } = form;
        let data = match data {
            CcbDataForm::Vaddr(start) => engine::CcbData::Vaddr(start),
            CcbDataForm::Paddr(start) => engine::CcbData::Paddr(start),
            CcbDataForm::Sg => engine::CcbData::Sg(&self.virt),
            CcbDataForm::SgPaddr => engine::CcbData::SgPaddr(&self.phys),
            CcbDataForm::Bio(bio) => engine::CcbData::Bio(self.bio(bio)),
            CcbDataForm::Invalid => engine::CcbData::Invalid,
        };
        engine::Ccb { function, direction, data, dxfer_len, sglist_cnt }
    }

    fn mbuf(&self, header: PacketHeader) -> engine::Mbuf<'_> {
        engine::Mbuf { header, chain: &self.virt }
    }

    fn uio(&self, form: UioForm) -> engine::Uio<'_> {
        engine::Uio { resid: form.resid, space: form.space, iov: &self.virt }
    }
}

/// A request being taken over: its lists filled, its buffers mapped.
struct Taking<'a> {
    request: &'a mut Request,
    machine: &'a mut TraceMachine,
}

impl Taking<'_> {
    fn kernel(&mut self, buf: &Buf) -> Result<VirtRange, OperationError> {
        map_buf(buf, AddressSpace::Kernel, self.machine)
    }

    fn list(&mut self, list: &[Buf], space: AddressSpace) -> Result<(), OperationError> {
        for buf in list {
            let range = map_buf(buf, space, self.machine)?;
            self.request.virt.push(range);
        }
        Ok(())
    }

    fn kernel_list(&mut self, list: &[Buf]) -> Result<(), OperationError> {
        self.list(list, AddressSpace::Kernel)
    }

    fn bio(&mut self, bio: &Bio) -> Result<BioForm, OperationError> {
        Ok(match bio {
            Bio::Mapped { bcount, buf } => {
                let start = self.kernel(buf)?.start;
                BioForm::Mapped(VirtRange { start, len: BusSize::new(*bcount) })
            }
            Bio::Unmapped { bcount, ma_offset, pages } => {
                for &page in pages {
                    self.request.pages.push(page_address(page)?);
                }
                let offset = u32::try_from(*ma_offset)
                    .ok()
                    .filter(|&offset| u64::from(offset) < PAGE_SIZE)
                    .ok_or(OperationError::PageOffset { found: *ma_offset })?;
                BioForm::Unmapped { offset, bcount: BusSize::new(*bcount) }
            }
            Bio::Vlist { bcount, ma_offset, list } => {
                self.kernel_list(list)?;
                BioForm::Vlist { offset: BusSize::new(*ma_offset), bcount: BusSize::new(*bcount) }
            }
        })
    }

    fn ccb(&mut self, ccb: &Ccb) -> Result<CcbForm, OperationError> {
        let data = match &ccb.data {
            CcbData::Vaddr(buf) => CcbDataForm::Vaddr(self.kernel(buf)?.start),
            CcbData::Paddr(paddr) => CcbDataForm::Paddr(PhysAddr::new(paddr.0)),
            CcbData::Sg(list) => {
                self.kernel_list(list)?;
                CcbDataForm::Sg
            }
            CcbData::SgPaddr(list) => {
                self.request.phys.extend(list.iter().map(|range| phys_range(range.paddr, range.len)));
                CcbDataForm::SgPaddr
            }
            CcbData::Bio(bio) => CcbDataForm::Bio(self.bio(bio)?),
            CcbData::Invalid => CcbDataForm::Invalid,
        };
        Ok(CcbForm {
            function: match ccb.func {
                CcbFunc::ScsiIo => CcbFunction::ScsiIo,
                CcbFunc::ContTargetIo => CcbFunction::ContTargetIo,
                CcbFunc::AtaIo => CcbFunction::AtaIo,
                CcbFunc::NvmeIo => CcbFunction::NvmeIo,
                CcbFunc::NvmeAdmin => CcbFunction::NvmeAdmin,
                CcbFunc::Noop => CcbFunction::Unsupported(XPT_NOOP),
            },
            direction: match ccb.dir {
                CcbDir::In => CcbDirection::In,
                CcbDir::Out => CcbDirection::Out,
                CcbDir::Both => CcbDirection::Both,
                CcbDir::None => CcbDirection::None,
            },
            data,
            dxfer_len: ccb.dxfer_len,
            sglist_cnt: ccb.sglist_cnt,
        })
    }

    fn mbuf(&mut self, chain: &MbufChain) -> Result<PacketHeader, OperationError> {
        self.kernel_list(&chain.chain)?;
        let len = BusSize::new(chain.pkthdr_len);
        Ok(if chain.pkthdr { PacketHeader::Present(len) } else { PacketHeader::Missing { len } })
    }

    fn uio(&mut self, uio: &Uio) -> Result<UioForm, OperationError> {
        let (space, pages_of) = match (uio.segflg, uio.td) {
            (SegFlag::SysSpace, _) => (UioSpace::Kernel, AddressSpace::Kernel),
            (SegFlag::UserSpace, true) => (UioSpace::User, AddressSpace::User),
            (SegFlag::UserSpace, false) => (UioSpace::UserWithoutThread, AddressSpace::User),
        };
        self.list(&uio.iov, pages_of)?;
        Ok(UioForm { resid: BusSize::new(uio.resid), space })
    }

    fn mem(&mut self, mem: &MemRequest) -> Result<Form, OperationError> {
        Ok(match mem {
            MemRequest::Vaddr(buf) => Form::MemVaddr(self.kernel(buf)?),
            MemRequest::Paddr(range) => Form::MemPaddr(phys_range(range.paddr, range.len)),
            MemRequest::Vlist(list) => {
                self.kernel_list(list)?;
                Form::MemVlist
            }
            MemRequest::Plist(list) => {
                self.request.phys.extend(list.iter().map(|range| phys_range(range.paddr, range.len)));
                Form::MemPlist
            }
            MemRequest::Bio(bio) => Form::MemBio(self.bio(bio)?),
            MemRequest::Uio(uio) => Form::MemUio(self.uio(uio)?),
            MemRequest::Mbuf(chain) => Form::MemMbuf(self.mbuf(chain)?),
            MemRequest::Ccb(ccb) => Form::MemCcb(self.ccb(ccb)?),
        })
    }
}

/// Maps a buffer's pages. There may be more of them than its bytes lie in, never fewer.
fn map_buf(buf: &Buf, space: AddressSpace, machine: &mut TraceMachine) -> Result<VirtRange, OperationError> {
    let Buf { vaddr: Hex(vaddr), len, ref pages } = *buf;
    let start = VirtAddr::new(vaddr);
    let needed = pages_touched(vaddr, len)?;
    if needed > pages.len() as u64 {
        return Err(OperationError::TooFewPages { vaddr, len, given: pages.len(), needed });
    }
    for &page in pages {
        page_address(page)?;
    }
    machine.map_range(space, start, pages.iter().map(|page| PhysAddr::new(page.0)));
    Ok(VirtRange { start, len: BusSize::new(len) })
}

/// Pages in which a range's bytes lie.
pub(crate) fn pages_touched(start: u64, len: u64) -> Result<u64, OperationError> {
    if len == 0 {
        return Ok(0);
    }
    let last = start.checked_add(len - 1).ok_or(OperationError::RangeWraps { start, len })?;
    Ok(last / PAGE_SIZE - start / PAGE_SIZE + 1)
}

/// The address of a page, which has to be one of a page.
pub(crate) fn page_address(page: Hex) -> Result<PhysAddr, OperationError> {
    if page.0.is_multiple_of(PAGE_SIZE) {
        Ok(PhysAddr::new(page.0))
    } else {
        Err(OperationError::UnalignedPage { paddr: page.0 })
    }
}

fn phys_range(paddr: Hex, len: u64) -> PhysRange {
    PhysRange { start: PhysAddr::new(paddr.0), len: BusSize::new(len) }
}
