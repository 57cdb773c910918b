//! The client bytes of a request, as busdma-trace defines them.

use super::{BioRequest, Buffer, Buffers, CcbRequest, CcbSource, MemRequest, Request};
use busdma_engine::addr::{BusSize, PAGE_SIZE, PhysAddr};
use busdma_engine::memdesc::{CcbDirection, PhysRange};

impl Request {
    /// The client bytes of the request, concatenated, as physical ranges that cross no page.
    pub fn client_bytes(&self) -> Vec<PhysRange> {
        let mut bytes = Vec::new();
        match self {
            Self::Buffer(buffer) => take_buffer(&mut bytes, buffer, 0, u64::MAX),
            Self::Bio(bio) => bio.client_bytes(&mut bytes),
            Self::Ccb(ccb) if ccb.direction == CcbDirection::None => {}
            Self::Ccb(ccb) => ccb.client_bytes(&mut bytes),
            Self::Mbuf(mbuf) | Self::MbufSg(mbuf) => take_list(&mut bytes, &mbuf.chain, 0, u64::MAX),
            Self::Uio(uio) => take_list(&mut bytes, &uio.iov, 0, uio.resid.raw()),
            Self::Mem(mem) => mem.client_bytes(&mut bytes),
        }
        bytes
    }
}

impl BioRequest {
    fn client_bytes(&self, bytes: &mut Vec<PhysRange>) {
        match self {
            Self::Mapped(buffer) => take_buffer(bytes, buffer, 0, u64::MAX),
            Self::Unmapped { pages, offset, bcount } => {
                let len = bcount.raw().min((pages.len() as u64 * PAGE_SIZE).saturating_sub(u64::from(*offset)));
                take_pages(bytes, u64::from(*offset), len, pages);
            }
            Self::Vlist { list, offset, bcount } => take_list(bytes, list, offset.raw(), bcount.raw()),
        }
    }
}

impl CcbRequest {
    fn client_bytes(&self, bytes: &mut Vec<PhysRange>) {
        let dxfer_len = u64::from(self.dxfer_len);
        match &self.source {
            CcbSource::Vaddr(buffer) => take_buffer(bytes, buffer, 0, dxfer_len),
            CcbSource::Paddr(paddr) => take_physical(bytes, paddr.raw(), dxfer_len),
            CcbSource::Sg(list) => {
                let entries = self.entries().min(list.ranges.len());
                let counted =
                    Buffers { ranges: list.ranges[..entries].to_vec(), pages: list.pages[..entries].to_vec() };
                take_list(bytes, &counted, 0, dxfer_len);
            }
            CcbSource::SgPaddr(list) => {
                for range in list.iter().take(self.entries()) {
                    take_physical(bytes, range.start.raw(), range.len.raw());
                }
            }
            CcbSource::Bio(bio) => bio.client_bytes(bytes),
            CcbSource::Invalid => {}
        }
    }
}

impl MemRequest {
    fn client_bytes(&self, bytes: &mut Vec<PhysRange>) {
        match self {
            Self::Vaddr(buffer) => take_buffer(bytes, buffer, 0, u64::MAX),
            Self::Paddr(range) => take_physical(bytes, range.start.raw(), range.len.raw()),
            Self::Vlist(list) => take_list(bytes, list, 0, u64::MAX),
            Self::Plist(list) => list.iter().for_each(|range| take_physical(bytes, range.start.raw(), range.len.raw())),
            Self::Bio(bio) => bio.client_bytes(bytes),
            Self::Uio(uio) => take_list(bytes, &uio.iov, 0, uio.resid.raw()),
            Self::Mbuf(mbuf) => take_list(bytes, &mbuf.chain, 0, u64::MAX),
            Self::Ccb(ccb) => ccb.client_bytes(bytes),
        }
    }
}

/// Skips `skip` bytes of the first buffer, then takes up to `limit` bytes of all.
fn take_list(bytes: &mut Vec<PhysRange>, list: &Buffers, mut skip: u64, mut limit: u64) {
    for (&range, pages) in list.ranges.iter().zip(&list.pages) {
        let taken = range.len.raw().saturating_sub(skip).min(limit);
        take_buffer(bytes, &Buffer { range, pages: pages.clone() }, skip, taken);
        limit -= taken;
        skip = 0;
    }
}

fn take_buffer(bytes: &mut Vec<PhysRange>, buffer: &Buffer, skip: u64, limit: u64) {
    let len = buffer.range.len.raw().saturating_sub(skip).min(limit);
    take_pages(bytes, buffer.range.start.page_offset() + skip, len, &buffer.pages);
}

/// The bytes from `offset` on of memory whose pages are given.
fn take_pages(bytes: &mut Vec<PhysRange>, offset: u64, len: u64, pages: &[PhysAddr]) {
    for (nth, page) in pages.iter().enumerate() {
        let page_start = nth as u64 * PAGE_SIZE;
        let from = offset.max(page_start);
        let to = (offset + len).min(page_start + PAGE_SIZE);
        if from < to {
            let start = page.wrapping_add(BusSize::new(from - page_start));
            bytes.push(PhysRange { start, len: BusSize::new(to - from) });
        }
    }
}

fn take_physical(bytes: &mut Vec<PhysRange>, start: u64, len: u64) {
    let mut at = start;
    while at < start + len {
        let piece = (PAGE_SIZE - at % PAGE_SIZE).min(start + len - at);
        bytes.push(PhysRange { start: PhysAddr::new(at), len: BusSize::new(piece) });
        at += piece;
    }
}
