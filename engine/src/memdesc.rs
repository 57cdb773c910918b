//! What a driver asks to be mapped: every shape of memory that bus_dma(9) knows, and its walk as parts.
//!
//! FreeBSD reduces each shape to calls of three primitives (`sys/kern/subr_bus_dma.c`): a virtual range, a physical
//! range, or a list of pages. A `Part` is one such call; `Mem::for_each_part` yields them in FreeBSD's order.

mod stored;

pub use stored::StoredMem;

use crate::addr::{AddressSpace, BusSize, PAGE_SIZE, PhysAddr, VirtAddr};
use crate::error::{InvalidRequest, KernelPanic, LoadError};
use crate::profile::{KernelAssertions, NvmeCcb, Switches, UnmappedBio};

/// A contiguous virtual range.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct VirtRange {
    /// First address.
    pub start: VirtAddr,
    /// Length in bytes; may be 0.
    pub len: BusSize,
}

/// A contiguous physical range.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct PhysRange {
    /// First address.
    pub start: PhysAddr,
    /// Length in bytes; may be 0.
    pub len: BusSize,
}

/// A block I/O request (`struct bio`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bio<'a> {
    /// `bio_data` points at `bio_bcount` bytes of kernel memory.
    Mapped(VirtRange),
    /// `bio_ma`: pages without a kernel mapping (`BIO_UNMAPPED`).
    Unmapped {
        /// First byte of each page, in order.
        pages: &'a [PhysAddr],
        /// Offset of the first byte in the first page, below a page.
        offset: u32,
        /// `bio_bcount`, bytes.
        bcount: BusSize,
    },
    /// A list of kernel virtual ranges (`BIO_VLIST`).
    Vlist {
        /// The ranges.
        list: &'a [VirtRange],
        /// Bytes of the first range to skip.
        offset: BusSize,
        /// `bio_bcount`: bytes to map at most.
        bcount: BusSize,
    },
}

/// The function code of a CAM control block, as far as bus_dma(9) tells them apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum CcbFunction {
    /// `XPT_SCSI_IO`.
    ScsiIo,
    /// `XPT_CONT_TARGET_IO`.
    ContTargetIo,
    /// `XPT_ATA_IO`: its scatter list count is taken as 0.
    AtaIo,
    /// `XPT_NVME_IO`: since FreeBSD 12.
    NvmeIo,
    /// `XPT_NVME_ADMIN`: since FreeBSD 12.
    NvmeAdmin,
    /// Any code that carries no data: FreeBSD panics.
    Unsupported(u32),
}

impl CcbFunction {
    /// The number in the `func_code` field (`sys/cam/cam_ccb.h`).
    pub const fn code(self) -> u32 {
        match self {
            Self::ScsiIo => 0x901,
            Self::ContTargetIo => 0x933,
            Self::AtaIo => 0x918,
            Self::NvmeIo => 0x91c,
            Self::NvmeAdmin => 0x91f,
            Self::Unsupported(code) => code,
        }
    }
}

/// Which way a CAM control block moves data (`CAM_DIR_MASK`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum CcbDirection {
    /// Device to memory.
    In,
    /// Memory to device.
    Out,
    /// Both ways.
    Both,
    /// No data: the callback runs at once with no segment array at all.
    None,
}

/// Where a CAM control block's data lies (`CAM_DATA_MASK`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CcbData<'a> {
    /// `dxfer_len` bytes of kernel memory.
    Vaddr(VirtAddr),
    /// `dxfer_len` bytes of physical memory.
    Paddr(PhysAddr),
    /// The first `sglist_cnt` virtual ranges, up to `dxfer_len` bytes.
    Sg(&'a [VirtRange]),
    /// The first `sglist_cnt` physical ranges, whole; `dxfer_len` is ignored.
    SgPaddr(&'a [PhysRange]),
    /// A block I/O request; `dxfer_len` is ignored.
    Bio(Bio<'a>),
    /// A combination of flags that means nothing: FreeBSD panics.
    Invalid,
}

/// A CAM control block (`union ccb`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ccb<'a> {
    /// What the block asks for.
    pub function: CcbFunction,
    /// Which way the data moves.
    pub direction: CcbDirection,
    /// Where the data lies.
    pub data: CcbData<'a>,
    /// Bytes to move.
    pub dxfer_len: u32,
    /// Entries of the scatter list.
    pub sglist_cnt: u16,
}

/// The packet header of an mbuf chain (`m_pkthdr`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum PacketHeader {
    /// The chain has one (`M_PKTHDR`) and it says this length, unchecked.
    Present(BusSize),
    /// It has none: an assertion of `bus_dmamap_load_mbuf`.
    Missing {
        /// What the length field happens to hold.
        len: BusSize,
    },
}

impl PacketHeader {
    fn len(self) -> BusSize {
        match self {
            Self::Present(len) | Self::Missing { len } => len,
        }
    }
}

/// A chain of network buffers (`struct mbuf`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mbuf<'a> {
    /// The header of the first mbuf.
    pub header: PacketHeader,
    /// `m_data` and `m_len` of each mbuf, in order; empty ones are skipped.
    pub chain: &'a [VirtRange],
}

/// Whose addresses a uio holds (`uio_segflg`, `uio_td`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum UioSpace {
    /// The kernel's (`UIO_SYSSPACE`).
    Kernel,
    /// The process of the uio's thread (`UIO_USERSPACE`).
    User,
    /// A process's, but the thread is missing: an assertion of `_bus_dmamap_load_uio`.
    UserWithoutThread,
}

/// A read or write request (`struct uio`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uio<'a> {
    /// `uio_resid`: bytes to map at most.
    pub resid: BusSize,
    /// Whose addresses the vectors hold.
    pub space: UioSpace,
    /// The vectors.
    pub iov: &'a [VirtRange],
}

/// A memory descriptor (`struct memdesc`): what a deferred load keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mem<'a> {
    /// `MEMDESC_VADDR`.
    Vaddr(VirtRange),
    /// `MEMDESC_PADDR`.
    Paddr(PhysRange),
    /// `MEMDESC_VLIST`.
    Vlist(&'a [VirtRange]),
    /// `MEMDESC_PLIST`.
    Plist(&'a [PhysRange]),
    /// `MEMDESC_BIO`.
    Bio(Bio<'a>),
    /// `MEMDESC_UIO`.
    Uio(Uio<'a>),
    /// `MEMDESC_MBUF`.
    Mbuf(Mbuf<'a>),
    /// `MEMDESC_CCB`.
    Ccb(Ccb<'a>),
}

/// One load request: which `bus_dmamap_load*` is called, and with what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemDesc<'a> {
    /// `bus_dmamap_load`: a kernel buffer.
    Buffer(VirtRange),
    /// `bus_dmamap_load_bio`.
    Bio(Bio<'a>),
    /// `bus_dmamap_load_ccb`.
    Ccb(Ccb<'a>),
    /// `bus_dmamap_load_mbuf`: never deferred, callback2.
    Mbuf(Mbuf<'a>),
    /// `bus_dmamap_load_mbuf_sg`: never deferred, no callback.
    MbufSg(Mbuf<'a>),
    /// `bus_dmamap_load_uio`: never deferred, callback2.
    Uio(Uio<'a>),
    /// `bus_dmamap_load_mem`.
    Mem(Mem<'a>),
}

/// How the outcome of a load reaches the driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum CallbackShape {
    /// `bus_dmamap_callback_t`; the call itself returns only 0, `ENOMEM` or `EINPROGRESS`.
    Callback,
    /// `bus_dmamap_callback2_t`, with the mapped size; the call returns the error too.
    Callback2,
    /// No callback: the caller's array is filled and the call returns the error.
    Direct,
}

impl<'a> MemDesc<'a> {
    /// How the outcome reaches the driver.
    pub const fn callback_shape(&self) -> CallbackShape {
        match self {
            Self::Buffer(_) | Self::Bio(_) | Self::Ccb(_) | Self::Mem(_) => CallbackShape::Callback,
            Self::Mbuf(_) | Self::Uio(_) => CallbackShape::Callback2,
            Self::MbufSg(_) => CallbackShape::Direct,
        }
    }

    /// The descriptor that is walked, and kept while the load is deferred.
    #[inline]
    pub const fn mem(&self) -> Mem<'a> {
        match *self {
            Self::Buffer(range) => Mem::Vaddr(range),
            Self::Bio(bio) => Mem::Bio(bio),
            Self::Ccb(ccb) => Mem::Ccb(ccb),
            Self::Mbuf(mbuf) | Self::MbufSg(mbuf) => Mem::Mbuf(mbuf),
            Self::Uio(uio) => Mem::Uio(uio),
            Self::Mem(mem) => mem,
        }
    }

    /// The size handed to a callback2: `m_pkthdr.len` or `uio_resid`, neither of them checked against the mapping.
    pub fn mapsize(&self) -> Option<BusSize> {
        match self {
            Self::Mbuf(mbuf) => Some(mbuf.header.len()),
            Self::Uio(uio) => Some(uio.resid),
            _ => None,
        }
    }

    /// Checks what FreeBSD asserts before it touches the map.
    pub(crate) fn check(&self, switches: &Switches) -> Result<(), LoadError> {
        match self {
            Self::Mbuf(Mbuf { header: PacketHeader::Missing { .. }, .. })
                if switches.assertions == KernelAssertions::On =>
            {
                Err(KernelPanic::NoPacketHeader.into())
            }
            _ => Ok(()),
        }
    }
}

/// One call of a FreeBSD load primitive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part<'a> {
    /// `_bus_dmamap_load_buffer`.
    Virtual { space: AddressSpace, range: VirtRange },
    /// `_bus_dmamap_load_phys`.
    Physical(PhysRange),
    /// `_bus_dmamap_load_ma`, x86's own form.
    Pages { pages: &'a [PhysAddr], offset: u64, len: BusSize },
}

impl<'a> Mem<'a> {
    /// Calls `visit` for each part in FreeBSD's order and stops at its first error.
    pub(crate) fn for_each_part<E: From<KernelPanic> + From<InvalidRequest>>(
        &self,
        switches: &Switches,
        visit: &mut impl FnMut(Part<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        match *self {
            Self::Vaddr(range) => visit(kernel(range)),
            Self::Paddr(range) => visit(Part::Physical(range)),
            Self::Vlist(list) => virtual_list(list, BusSize::ZERO, BusSize::new(u64::MAX), switches, visit),
            Self::Plist(list) => list.iter().try_for_each(|&range| visit(Part::Physical(range))),
            Self::Bio(bio) => bio.for_each_part(switches, visit),
            Self::Uio(uio) => uio.for_each_part(switches, visit),
            Self::Mbuf(mbuf) => {
                let filled = mbuf.chain.iter().filter(|range| range.len > BusSize::ZERO);
                filled.copied().try_for_each(|range| visit(kernel(range)))
            }
            Self::Ccb(ccb) => ccb.for_each_part(switches, visit),
        }
    }
}

impl<'a> Bio<'a> {
    fn for_each_part<E: From<KernelPanic> + From<InvalidRequest>>(
        &self,
        switches: &Switches,
        visit: &mut impl FnMut(Part<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        match *self {
            Self::Mapped(range) => visit(kernel(range)),
            Self::Vlist { list, offset, bcount } => virtual_list(list, offset, bcount, switches, visit),
            Self::Unmapped { pages, offset, bcount } => {
                let offset = u64::from(offset);
                let covered = (pages.len() as u64 * PAGE_SIZE).saturating_sub(offset);
                if offset >= PAGE_SIZE || covered < bcount.raw() {
                    return Err(InvalidRequest::PagesTooShort { covered: BusSize::new(covered), bcount }.into());
                }
                match switches.unmapped_bio {
                    UnmappedBio::WholeList => visit(Part::Pages { pages, offset, len: bcount }),
                    UnmappedBio::PageByPage => page_by_page(pages, offset, bcount, visit),
                }
            }
        }
    }
}

impl<'a> Uio<'a> {
    fn for_each_part<E: From<KernelPanic> + From<InvalidRequest>>(
        &self,
        switches: &Switches,
        visit: &mut impl FnMut(Part<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let space = match self.space {
            UioSpace::Kernel => AddressSpace::Kernel,
            UioSpace::User => AddressSpace::User,
            UioSpace::UserWithoutThread if switches.assertions == KernelAssertions::On => {
                return Err(KernelPanic::UserspaceWithoutThread.into());
            }
            UioSpace::UserWithoutThread => return Err(InvalidRequest::NoThread.into()),
        };
        let mut resid = self.resid.raw();
        for range in self.iov {
            let len = range.len.raw().min(resid);
            if len > 0 {
                visit(Part::Virtual { space, range: VirtRange { start: range.start, len: BusSize::new(len) } })?;
                resid -= len;
            }
        }
        Ok(())
    }
}

impl<'a> Ccb<'a> {
    fn for_each_part<E: From<KernelPanic> + From<InvalidRequest>>(
        &self,
        switches: &Switches,
        visit: &mut impl FnMut(Part<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sglist_cnt = match self.function {
            CcbFunction::ScsiIo | CcbFunction::ContTargetIo => self.sglist_cnt,
            CcbFunction::AtaIo => 0,
            CcbFunction::NvmeIo | CcbFunction::NvmeAdmin if switches.nvme_ccb == NvmeCcb::Loads => self.sglist_cnt,
            unsupported => return Err(KernelPanic::UnsupportedCcbFunction { code: unsupported.code() }.into()),
        };
        let entries = usize::from(sglist_cnt);
        let dxfer_len = BusSize::new(u64::from(self.dxfer_len));
        match self.data {
            CcbData::Vaddr(start) => visit(kernel(VirtRange { start, len: dxfer_len })),
            CcbData::Paddr(start) => visit(Part::Physical(PhysRange { start, len: dxfer_len })),
            CcbData::Sg(list) => virtual_list(first(list, entries)?, BusSize::ZERO, dxfer_len, switches, visit),
            CcbData::SgPaddr(list) => first(list, entries)?.iter().try_for_each(|&range| visit(Part::Physical(range))),
            CcbData::Bio(bio) => bio.for_each_part(switches, visit),
            CcbData::Invalid => Err(KernelPanic::UnimplementedCcbData.into()),
        }
    }
}

fn kernel<'a>(range: VirtRange) -> Part<'a> {
    Part::Virtual { space: AddressSpace::Kernel, range }
}

fn first<T>(list: &[T], entries: usize) -> Result<&[T], InvalidRequest> {
    list.get(..entries).ok_or(InvalidRequest::ListTooShort { entries: list.len(), wanted: entries })
}

/// `_bus_dmamap_load_vlist`: skips `offset` bytes of the first range, then takes up to `length` bytes.
fn virtual_list<'a, E: From<KernelPanic> + From<InvalidRequest>>(
    list: &'a [VirtRange],
    offset: BusSize,
    length: BusSize,
    switches: &Switches,
    visit: &mut impl FnMut(Part<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let (mut offset, mut length) = (offset.raw(), length.raw());
    for range in list {
        if length == 0 {
            break;
        }
        if offset >= range.len.raw() {
            if switches.assertions == KernelAssertions::On {
                return Err(KernelPanic::InvalidMidSegmentOffset.into());
            }
            if offset > range.len.raw() {
                return Err(InvalidRequest::OffsetBeyondElement { offset: BusSize::new(offset), len: range.len }.into());
            }
        }
        let start = range.start.wrapping_add(BusSize::new(offset));
        let len = (range.len.raw() - offset).min(length);
        offset = 0;
        length -= len;
        visit(kernel(VirtRange { start, len: BusSize::new(len) }))?;
    }
    Ok(())
}

/// `bus_dmamap_load_ma_triv`: one physical range a page.
pub(crate) fn page_by_page<'a, E>(
    pages: &[PhysAddr],
    offset: u64,
    len: BusSize,
    visit: &mut impl FnMut(Part<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let (mut offset, mut left) = (offset, len.raw());
    for page in pages {
        if left == 0 {
            break;
        }
        let piece = left.min(PAGE_SIZE - offset);
        let start = page.wrapping_add(BusSize::new(offset));
        visit(Part::Physical(PhysRange { start, len: BusSize::new(piece) }))?;
        left -= piece;
        offset = 0;
    }
    Ok(())
}
