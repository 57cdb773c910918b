//! Requests of the interface in the engine's terms, checked against what the caller owns.

use super::failure::exceeded;
use super::objects::{MemoryUse, Objects};
use super::owner::Caller;
use crate::config::Scope;
use busdma_api::MemoryOrigin;
use busdma_api::engine::{
    Bio, Buffer, Ccb, CcbData, CcbDirection, CcbFunction, EngineError, Mbuf, MemDesc, PhysRange, Request, Uio, UioSpace,
};
use busdma_engine::constraints::Boundary;
use busdma_engine::memdesc as desc;
use busdma_engine::{AddressSpace, BusSize, Constraints, PAGE_SIZE, PhysAddr, VirtAddr, VirtRange};
use busdma_memory::{MachineMemory, OwnerId};
use std::cell::Cell;

/// The lists of a request, in memory that is used again for the next one.
#[derive(Debug, Default)]
pub(crate) struct RequestLists {
    virt: Vec<VirtRange>,
    phys: Vec<desc::PhysRange>,
    pages: Vec<PhysAddr>,
    /// Memory the request refers to, each once.
    pub(super) uses: Vec<MemoryUse>,
}

/// How much a request names.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    bytes: u64,
    /// Pages, those named several times counted as often.
    pages: u64,
    ranges: u64,
}

/// What a request is checked against.
#[derive(Clone, Copy)]
pub(super) struct Books<'a> {
    pub(super) objects: &'a Objects,
    pub(super) memory: &'a MachineMemory,
    pub(super) caller: &'a Caller<'a>,
    /// How much the request named so far.
    pub(super) extent: &'a Cell<Extent>,
}

/// Most pages that one load may walk, and most segments that it may be cut into: nobody else is served meanwhile.
const PIECES_MAX: u64 = 1 << 20;

impl RequestLists {
    /// The request for the engine.
    ///
    /// # Errors
    /// [`EngineError::NotOwner`], [`EngineError::NoSuchObject`] and [`EngineError::OutOfRange`] for memory the caller does
    /// not have.
    pub(super) fn desc<'l>(
        &'l mut self,
        books: Books<'_>,
        request: &Request,
    ) -> Result<desc::MemDesc<'l>, EngineError> {
        self.virt.clear();
        self.phys.clear();
        self.pages.clear();
        self.uses.clear();
        Ok(match request {
            Request::Buffer(buffer) => desc::MemDesc::Buffer(self.range(books, buffer, AddressSpace::Kernel)?),
            Request::Bio(bio) => desc::MemDesc::Bio(self.bio(books, bio)?),
            Request::Ccb(ccb) => desc::MemDesc::Ccb(self.ccb(books, ccb)?),
            Request::Mbuf(mbuf) => desc::MemDesc::Mbuf(self.mbuf(books, mbuf)?),
            Request::MbufSg(mbuf) => desc::MemDesc::MbufSg(self.mbuf(books, mbuf)?),
            Request::Uio(uio) => desc::MemDesc::Uio(self.uio(books, uio)?),
            Request::Mem(mem) => desc::MemDesc::Mem(self.mem(books, mem)?),
        })
    }

    fn mem<'l>(&'l mut self, books: Books<'_>, mem: &MemDesc) -> Result<desc::Mem<'l>, EngineError> {
        Ok(match mem {
            MemDesc::Vaddr(buffer) => desc::Mem::Vaddr(self.range(books, buffer, AddressSpace::Kernel)?),
            MemDesc::Paddr(range) => desc::Mem::Paddr(phys(books, range)?),
            MemDesc::Vlist(list) => desc::Mem::Vlist(self.ranges(books, list, AddressSpace::Kernel)?),
            MemDesc::Plist(list) => desc::Mem::Plist(self.phys_ranges(books, list)?),
            MemDesc::Bio(bio) => desc::Mem::Bio(self.bio(books, bio)?),
            MemDesc::Uio(uio) => desc::Mem::Uio(self.uio(books, uio)?),
            MemDesc::Mbuf(mbuf) => desc::Mem::Mbuf(self.mbuf(books, mbuf)?),
            MemDesc::Ccb(ccb) => desc::Mem::Ccb(self.ccb(books, ccb)?),
        })
    }

    fn bio<'l>(&'l mut self, books: Books<'_>, bio: &Bio) -> Result<desc::Bio<'l>, EngineError> {
        Ok(match bio {
            Bio::Mapped(buffer) => desc::Bio::Mapped(self.range(books, buffer, AddressSpace::Kernel)?),
            Bio::Unmapped(bio) => {
                for page in &bio.pages {
                    self.pages.push(phys(books, &PhysRange { paddr: *page, length: 1 })?.start);
                }
                let (offset, bcount) = (bio.offset.unwrap_or(0), BusSize::new(bio.bcount));
                desc::Bio::Unmapped { pages: &self.pages, offset, bcount }
            }
            Bio::Vlist(bio) => {
                let (offset, bcount) = (BusSize::new(bio.offset.unwrap_or(0)), BusSize::new(bio.bcount));
                desc::Bio::Vlist { list: self.ranges(books, &bio.list, AddressSpace::Kernel)?, offset, bcount }
            }
        })
    }

    fn ccb<'l>(&'l mut self, books: Books<'_>, ccb: &Ccb) -> Result<desc::Ccb<'l>, EngineError> {
        let dxfer_len = ccb.dxfer_len.unwrap_or(0);
        let data = match &ccb.data {
            CcbData::Vaddr(buffer) => {
                let whole = Buffer { length: buffer.length.max(dxfer_len.into()), ..*buffer };
                desc::CcbData::Vaddr(self.range(books, &whole, AddressSpace::Kernel)?.start)
            }
            CcbData::Paddr(range) => {
                let whole = PhysRange { length: range.length.max(dxfer_len.into()), ..*range };
                desc::CcbData::Paddr(phys(books, &whole)?.start)
            }
            CcbData::Sg(list) => desc::CcbData::Sg(self.ranges(books, list, AddressSpace::Kernel)?),
            CcbData::SgPaddr(list) => desc::CcbData::SgPaddr(self.phys_ranges(books, list)?),
            CcbData::Bio(bio) => desc::CcbData::Bio(self.bio(books, bio)?),
            CcbData::Invalid(_) => desc::CcbData::Invalid,
        };
        let function = match ccb.function {
            CcbFunction::ScsiIo => desc::CcbFunction::ScsiIo,
            CcbFunction::ContTargetIo => desc::CcbFunction::ContTargetIo,
            CcbFunction::AtaIo => desc::CcbFunction::AtaIo,
            CcbFunction::NvmeIo => desc::CcbFunction::NvmeIo,
            CcbFunction::NvmeAdmin => desc::CcbFunction::NvmeAdmin,
            CcbFunction::Noop => desc::CcbFunction::Unsupported(0),
        };
        let direction = match ccb.direction {
            CcbDirection::In => desc::CcbDirection::In,
            CcbDirection::Out => desc::CcbDirection::Out,
            CcbDirection::Both => desc::CcbDirection::Both,
            CcbDirection::None => desc::CcbDirection::None,
        };
        Ok(desc::Ccb { function, direction, data, dxfer_len, sglist_cnt: ccb.sglist_cnt.unwrap_or(0) })
    }

    fn mbuf<'l>(&'l mut self, books: Books<'_>, mbuf: &Mbuf) -> Result<desc::Mbuf<'l>, EngineError> {
        let header = match mbuf.packet_length {
            Some(length) => desc::PacketHeader::Present(BusSize::new(length)),
            None => desc::PacketHeader::Missing { len: BusSize::ZERO },
        };
        Ok(desc::Mbuf { header, chain: self.ranges(books, &mbuf.chain, AddressSpace::Kernel)? })
    }

    fn uio<'l>(&'l mut self, books: Books<'_>, uio: &Uio) -> Result<desc::Uio<'l>, EngineError> {
        let (space, addresses) = match uio.space {
            UioSpace::Kernel => (desc::UioSpace::Kernel, AddressSpace::Kernel),
            UioSpace::User => (desc::UioSpace::User, AddressSpace::User),
            UioSpace::UserWithoutThread => (desc::UioSpace::UserWithoutThread, AddressSpace::User),
        };
        let resid = BusSize::new(uio.resid);
        Ok(desc::Uio { resid, space, iov: self.ranges(books, &uio.iov, addresses)? })
    }

    fn ranges<'l>(
        &'l mut self,
        books: Books<'_>,
        list: &[Buffer],
        space: AddressSpace,
    ) -> Result<&'l [VirtRange], EngineError> {
        for buffer in list {
            let range = self.range(books, buffer, space)?;
            self.virt.push(range);
        }
        Ok(&self.virt)
    }

    fn phys_ranges<'l>(
        &'l mut self,
        books: Books<'_>,
        list: &[PhysRange],
    ) -> Result<&'l [desc::PhysRange], EngineError> {
        for range in list {
            self.phys.push(phys(books, range)?);
        }
        Ok(&self.phys)
    }

    /// Where a buffer lies, when it is the caller's and in that address space.
    #[inline]
    fn range(&mut self, books: Books<'_>, buffer: &Buffer, wanted: AddressSpace) -> Result<VirtRange, EngineError> {
        let number = buffer.memory.number;
        if buffer.memory.machine != books.objects.machine {
            return Err(EngineError::NoSuchObject { object: buffer.memory.to_string() });
        }
        let (vaddr, len, space) = match buffer.memory.origin {
            MemoryOrigin::Registered => {
                let entry = books.objects.buffer(number, books.caller)?;
                let region = books.memory.region(entry.region);
                let (vaddr, space) =
                    region.map_or((VirtAddr::new(0), wanted), |region| (region.vaddr(), region.space()));
                (vaddr, entry.len, space)
            }
            MemoryOrigin::Dmamem => {
                let entry = books.objects.dmamem(number, books.caller)?;
                (entry.region.vaddr, entry.len, AddressSpace::Kernel)
            }
        };
        let offset = buffer.offset.unwrap_or(0);
        let end = offset.checked_add(buffer.length).filter(|&end| end <= len.raw());
        if end.is_none() {
            return Err(EngineError::OutOfRange { offset, length: buffer.length, size: len.raw() });
        }
        if space != wanted {
            return Err(EngineError::InvalidRequest {
                reason: format!("{} is {space:?} memory, the request takes {wanted:?} addresses", buffer.memory),
            });
        }
        books.count(buffer.length)?;
        let used = MemoryUse { origin: buffer.memory.origin, number };
        if !self.uses.contains(&used) {
            self.uses.push(used);
        }
        Ok(VirtRange { start: vaddr.wrapping_add(BusSize::new(offset)), len: BusSize::new(buffer.length) })
    }
}

impl Books<'_> {
    /// Counts a range of the request, before it is walked.
    ///
    /// # Errors
    /// [`EngineError::QuotaExceeded`].
    #[inline]
    fn count(&self, length: u64) -> Result<(), EngineError> {
        let Extent { bytes, pages, ranges } = self.extent.get();
        let pages = pages.saturating_add(length.div_ceil(PAGE_SIZE));
        self.extent.set(Extent { bytes: bytes.saturating_add(length), pages, ranges: ranges + 1 });
        if pages > PIECES_MAX { Err(too_many_pieces()) } else { Ok(()) }
    }
}

impl Extent {
    /// Checks that a tag with these restrictions cannot cut the request into more segments than one load may have.
    ///
    /// # Errors
    /// [`EngineError::QuotaExceeded`].
    #[inline]
    pub(super) fn check(self, constraints: &Constraints) -> Result<(), EngineError> {
        let Self { bytes, pages, ranges } = self;
        if bytes <= PIECES_MAX {
            return Ok(());
        }
        let boundary = constraints.boundary().map_or(u64::MAX, Boundary::bytes);
        let longest = constraints.maxsegsz().raw().min(boundary).max(1);
        let segments = (bytes / longest).saturating_add(pages + ranges);
        if segments.min(constraints.nsegments().count() as u64) > PIECES_MAX { Err(too_many_pieces()) } else { Ok(()) }
    }
}

/// A physical range, when all its pages are the caller's.
fn phys(books: Books<'_>, range: &PhysRange) -> Result<desc::PhysRange, EngineError> {
    let start = PhysAddr::new(range.paddr.0);
    let owner = OwnerId::new(books.caller.session.id.0.into());
    let foreign = || EngineError::NotOwner { object: range.paddr.to_string() };
    books.count(range.length)?;
    let mut at = 0;
    while at < range.length {
        let addr = start.checked_add(BusSize::new(at)).ok_or_else(foreign)?;
        if books.memory.owner_of(addr) != Some(owner) {
            return Err(foreign());
        }
        at += addr.left_in_page().raw();
    }
    Ok(desc::PhysRange { start, len: BusSize::new(range.length) })
}

#[cold]
fn too_many_pieces() -> EngineError {
    exceeded("load_pieces", PIECES_MAX, Scope::Connection)
}
