//! Each kind of request, as the calls of load primitives it comes to.

use super::{Kernel, PAGE, Reference};
use crate::request::{BioRequest, Buffers, CcbRequest, CcbSource, MbufRequest, MemRequest, Request, UioRequest};
use busdma_engine::addr::AddressSpace;
use busdma_engine::constraints::TagFlags;
use busdma_engine::error::KernelPanic;
use busdma_engine::memdesc::{CcbFunction, PhysRange, UioSpace};
use busdma_engine::profile::KernelAssertions;

/// One call of a load primitive, or what happens instead when the list has come this far.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// A virtual range.
    Virtual(AddressSpace, u64, u64),
    /// A physical range.
    Physical(u64, u64),
    /// Pages, the offset in the first, bytes.
    Pages(Vec<u64>, u64, u64),
    /// The kernel stops.
    Stop(KernelPanic),
    /// The request contradicts itself: the kernel would read past the end of something, or subtract below zero.
    OutOfBounds,
}

impl Reference {
    /// The parts of a request in order. `flags` are the tag's.
    pub(super) fn parts(&self, request: &Request, flags: TagFlags) -> Vec<Part> {
        let mut parts = Vec::new();
        match request {
            Request::Buffer(buffer) => parts.push(kernel(buffer.range.start.raw(), buffer.range.len.raw())),
            Request::Bio(bio) => self.bio_parts(bio, flags, &mut parts),
            Request::Ccb(ccb) => self.ccb_parts(ccb, flags, &mut parts),
            Request::Mbuf(mbuf) | Request::MbufSg(mbuf) => chain_parts(mbuf, &mut parts),
            Request::Uio(uio) => self.uio_parts(uio, &mut parts),
            Request::Mem(mem) => self.mem_parts(mem, flags, &mut parts),
        }
        parts
    }

    fn checks(&self) -> bool {
        self.assertions == KernelAssertions::On
    }

    fn mem_parts(&self, mem: &MemRequest, flags: TagFlags, parts: &mut Vec<Part>) {
        match mem {
            MemRequest::Vaddr(buffer) => parts.push(kernel(buffer.range.start.raw(), buffer.range.len.raw())),
            MemRequest::Paddr(range) => parts.push(physical(range)),
            MemRequest::Vlist(list) => self.vlist_parts(list, list.ranges.len(), 0, u64::MAX, parts),
            MemRequest::Plist(list) => parts.extend(list.iter().map(physical)),
            MemRequest::Bio(bio) => self.bio_parts(bio, flags, parts),
            MemRequest::Uio(uio) => self.uio_parts(uio, parts),
            MemRequest::Mbuf(mbuf) => chain_parts(mbuf, parts),
            MemRequest::Ccb(ccb) => self.ccb_parts(ccb, flags, parts),
        }
    }

    fn vlist_parts(&self, list: &Buffers, entries: usize, offset: u64, length: u64, parts: &mut Vec<Part>) {
        let mut offset = offset;
        let mut length = length;
        if entries > list.ranges.len() {
            parts.push(Part::OutOfBounds);
            return;
        }
        for range in &list.ranges[..entries] {
            if length == 0 {
                break;
            }
            let (start, len) = (range.start.raw(), range.len.raw());
            if offset >= len && self.checks() {
                parts.push(Part::Stop(KernelPanic::InvalidMidSegmentOffset));
                break;
            }
            if offset > len {
                parts.push(Part::OutOfBounds);
                break;
            }
            let taken = (len - offset).min(length);
            parts.push(kernel(start + offset, taken));
            offset = 0;
            length -= taken;
        }
    }

    fn bio_parts(&self, bio: &BioRequest, flags: TagFlags, parts: &mut Vec<Part>) {
        match bio {
            BioRequest::Mapped(buffer) => parts.push(kernel(buffer.range.start.raw(), buffer.range.len.raw())),
            BioRequest::Vlist { list, offset, bcount } => {
                self.vlist_parts(list, list.ranges.len(), offset.raw(), bcount.raw(), parts);
            }
            BioRequest::Unmapped { pages, offset, bcount } => {
                let pages: Vec<u64> = pages.iter().map(|page| page.raw()).collect();
                let (offset, bcount) = (u64::from(*offset), bcount.raw());
                let too_short = bcount > 0 && offset + bcount > pages.len() as u64 * PAGE;
                if offset >= PAGE || too_short {
                    parts.push(Part::OutOfBounds);
                } else if self.kernel == Kernel::Arm64Release12 || flags.contains(TagFlags::KEEP_PAGE_OFFSET) {
                    page_by_page(&pages, offset, bcount, parts);
                } else {
                    parts.push(Part::Pages(pages, offset, bcount));
                }
            }
        }
    }

    fn ccb_parts(&self, ccb: &CcbRequest, flags: TagFlags, parts: &mut Vec<Part>) {
        match ccb.function {
            CcbFunction::ScsiIo | CcbFunction::ContTargetIo | CcbFunction::AtaIo => {}
            CcbFunction::NvmeIo | CcbFunction::NvmeAdmin if self.kernel.loads_nvme() => {}
            other => {
                parts.push(Part::Stop(KernelPanic::UnsupportedCcbFunction { code: other.code() }));
                return;
            }
        }
        let length = u64::from(ccb.dxfer_len);
        match &ccb.source {
            CcbSource::Vaddr(buffer) => parts.push(kernel(buffer.range.start.raw(), length)),
            CcbSource::Paddr(start) => parts.push(Part::Physical(start.raw(), length)),
            CcbSource::Sg(list) => self.vlist_parts(list, ccb.entries(), 0, length, parts),
            CcbSource::SgPaddr(list) => {
                for index in 0..ccb.entries() {
                    parts.push(list.get(index).map_or(Part::OutOfBounds, physical));
                }
            }
            CcbSource::Bio(bio) => self.bio_parts(bio, flags, parts),
            CcbSource::Invalid => parts.push(Part::Stop(KernelPanic::UnimplementedCcbData)),
        }
    }

    fn uio_parts(&self, uio: &UioRequest, parts: &mut Vec<Part>) {
        let space = match uio.space {
            UioSpace::Kernel => AddressSpace::Kernel,
            UioSpace::User => AddressSpace::User,
            UioSpace::UserWithoutThread if self.checks() => {
                parts.push(Part::Stop(KernelPanic::UserspaceWithoutThread));
                return;
            }
            UioSpace::UserWithoutThread => {
                parts.push(Part::OutOfBounds);
                return;
            }
        };
        let mut left = uio.resid.raw();
        for range in &uio.iov.ranges {
            let taken = range.len.raw().min(left);
            if taken > 0 {
                parts.push(Part::Virtual(space, range.start.raw(), taken));
                left -= taken;
            }
        }
    }
}

fn kernel(start: u64, len: u64) -> Part {
    Part::Virtual(AddressSpace::Kernel, start, len)
}

fn physical(range: &PhysRange) -> Part {
    Part::Physical(range.start.raw(), range.len.raw())
}

fn chain_parts(mbuf: &MbufRequest, parts: &mut Vec<Part>) {
    for range in &mbuf.chain.ranges {
        if range.len.raw() > 0 {
            parts.push(kernel(range.start.raw(), range.len.raw()));
        }
    }
}

fn page_by_page(pages: &[u64], offset: u64, bcount: u64, parts: &mut Vec<Part>) {
    let (mut in_page, mut left) = (offset, bcount);
    for page in pages {
        let len = (PAGE - in_page).min(left);
        if len == 0 {
            break;
        }
        parts.push(Part::Physical(page + in_page, len));
        in_page = 0;
        left -= len;
    }
}
