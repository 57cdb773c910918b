//! Requests of every kind and shape, from bytes.

use super::{Cursor, REGIONS};
use crate::request::{
    BioRequest, Buffer, Buffers, CcbRequest, CcbSource, MbufRequest, MemRequest, Request, UioRequest,
};
use busdma_engine::addr::{BusSize, PAGE_SIZE, PhysAddr, VirtAddr};
use busdma_engine::memdesc::{CcbDirection, CcbFunction, PacketHeader, PhysRange, UioSpace, VirtRange};

const KERNEL_BUFFERS: u64 = 0xffff_fe00_4000_0000;
const USER_BUFFERS: u64 = 0x1000_0000;

/// No operation's buffers come near another's in virtual memory.
const BUFFERS_PER_OP: u64 = 0x100_0000;

/// Pages of one region that scattered buffers are drawn from.
const SCATTER_PAGES: u64 = 48;

/// Makes requests whose buffers lie behind one another in virtual memory.
pub(super) struct Shapes<'c, 'a> {
    bytes: &'c mut Cursor<'a>,
    next: u64,
}

impl<'c, 'a> Shapes<'c, 'a> {
    /// The requests of the operation at `position` in its sequence.
    pub(super) fn new(bytes: &'c mut Cursor<'a>, position: usize) -> Self {
        Self { bytes, next: position as u64 * BUFFERS_PER_OP }
    }
}

impl Shapes<'_, '_> {
    pub(super) fn any_request(&mut self) -> Request {
        if self.bytes.one_in(64) { self.insane_request() } else { self.request() }
    }

    /// What no driver means: memory that is mapped nowhere, and numbers that no machine has.
    fn insane_request(&mut self) -> Request {
        let enormous = BusSize::new(self.bytes.pick(&[u64::MAX, 1 << 44, u64::MAX - 4096, 1 << 24]));
        let start = VirtAddr::new(self.bytes.pick(&[KERNEL_BUFFERS + self.next, u64::MAX - 1000, 0]));
        let buffer = |len| Buffer { range: VirtRange { start, len }, pages: Vec::new() };
        let range = PhysRange { start: PhysAddr::new(start.raw()), len: enormous };
        match self.bytes.below(8) {
            0 => Request::Buffer(buffer(BusSize::new(self.length() + 1))),
            1 => Request::Buffer(buffer(enormous)),
            2 => Request::Mem(MemRequest::Vlist([self.buffer(KERNEL_BUFFERS), buffer(enormous)].into_iter().collect())),
            3 => Request::Mem(MemRequest::Paddr(range)),
            4 => Request::Mem(MemRequest::Plist(vec![self.range(), range])),
            5 => {
                let pages = self.pages(2);
                Request::Bio(BioRequest::Unmapped { pages, offset: u32::MAX, bcount: enormous })
            }
            6 => {
                let iov = [self.buffer(USER_BUFFERS), buffer(BusSize::PAGE)].into_iter().collect();
                Request::Uio(UioRequest { resid: enormous, space: UioSpace::User, iov })
            }
            _ => Request::Bio(BioRequest::Vlist {
                list: [self.buffer(KERNEL_BUFFERS), buffer(BusSize::PAGE)].into_iter().collect(),
                offset: BusSize::ZERO,
                bcount: enormous,
            }),
        }
    }

    fn request(&mut self) -> Request {
        match self.bytes.below(12) {
            0..=2 => Request::Buffer(self.buffer(KERNEL_BUFFERS)),
            3 | 4 => Request::Bio(self.bio()),
            5 => Request::Ccb(self.ccb()),
            6 => Request::Mbuf(self.mbuf()),
            7 => Request::MbufSg(self.mbuf()),
            8 => Request::Uio(self.uio()),
            _ => Request::Mem(self.mem()),
        }
    }

    fn mem(&mut self) -> MemRequest {
        match self.bytes.below(8) {
            0 => MemRequest::Vaddr(self.buffer(KERNEL_BUFFERS)),
            1 => MemRequest::Paddr(self.range()),
            2 => MemRequest::Vlist(self.buffers(KERNEL_BUFFERS)),
            3 => MemRequest::Plist(self.ranges()),
            4 => MemRequest::Bio(self.bio()),
            5 => MemRequest::Uio(self.uio()),
            6 => MemRequest::Mbuf(self.mbuf()),
            _ => MemRequest::Ccb(self.ccb()),
        }
    }

    fn bio(&mut self) -> BioRequest {
        match self.bytes.below(4) {
            0 => BioRequest::Mapped(self.buffer(KERNEL_BUFFERS)),
            1 => {
                let list = self.buffers(KERNEL_BUFFERS);
                let first = list.ranges.first().map_or(0, |range| range.len.raw());
                let all: u64 = list.ranges.iter().map(|range| range.len.raw()).sum();
                let skip = u64::from(self.bytes.short());
                let offset = match self.bytes.below(8) {
                    0..=4 => 0,
                    5 | 6 => skip % first.max(1),
                    _ => skip % (first + 2),
                };
                let bcount = self.part_of(all.saturating_sub(offset));
                BioRequest::Vlist { list, offset: BusSize::new(offset), bcount: BusSize::new(bcount) }
            }
            _ => {
                let offset = self.offset();
                let len = self.length();
                let touched = (offset + len).div_ceil(PAGE_SIZE);
                let held = if self.bytes.one_in(32) { touched.saturating_sub(1) } else { touched };
                let pages = self.pages(held);
                let offset = u32::try_from(offset).expect("below a page");
                BioRequest::Unmapped { pages, offset, bcount: BusSize::new(len) }
            }
        }
    }

    fn ccb(&mut self) -> CcbRequest {
        let function = self.bytes.pick(&[
            CcbFunction::ScsiIo,
            CcbFunction::ScsiIo,
            CcbFunction::ContTargetIo,
            CcbFunction::AtaIo,
            CcbFunction::ScsiIo,
            CcbFunction::NvmeIo,
            CcbFunction::ScsiIo,
            CcbFunction::NvmeAdmin,
        ]);
        let function = if self.bytes.one_in(32) { CcbFunction::Unsupported(0) } else { function };
        let direction = self.bytes.pick(&[
            CcbDirection::In,
            CcbDirection::Out,
            CcbDirection::Both,
            CcbDirection::In,
            CcbDirection::Out,
            CcbDirection::None,
        ]);
        let (source, bytes, entries) = self.ccb_source();
        let entries = match self.bytes.below(16) {
            0..=11 => entries,
            12..=14 => entries.saturating_sub(1),
            _ => entries + 1,
        };
        let sglist_cnt = u16::try_from(entries).expect("short lists");
        CcbRequest { function, direction, source, dxfer_len: u32::try_from(bytes).expect("small"), sglist_cnt }
    }

    /// The source, the bytes to move and the entries of its list.
    fn ccb_source(&mut self) -> (CcbSource, u64, usize) {
        match self.bytes.below(32) {
            0..=6 => {
                let buffer = self.buffer(KERNEL_BUFFERS);
                let len = buffer.range.len.raw();
                (CcbSource::Vaddr(buffer), len, 0)
            }
            7..=12 => {
                let range = self.range();
                (CcbSource::Paddr(range.start), range.len.raw(), 0)
            }
            13..=20 => {
                let list = self.buffers(KERNEL_BUFFERS);
                let all = list.ranges.iter().map(|range| range.len.raw()).sum();
                let entries = list.ranges.len();
                (CcbSource::Sg(list), self.part_of(all), entries)
            }
            21..=26 => {
                let list = self.ranges();
                let entries = list.len();
                (CcbSource::SgPaddr(list), self.length(), entries)
            }
            27..=30 => (CcbSource::Bio(self.bio()), self.length(), 0),
            _ => (CcbSource::Invalid, 512, 0),
        }
    }

    fn mbuf(&mut self) -> MbufRequest {
        let chain = self.buffers(KERNEL_BUFFERS);
        let all = chain.ranges.iter().map(|range| range.len.raw()).sum();
        let len = BusSize::new(if self.bytes.one_in(8) { 9999 } else { all });
        let header = if self.bytes.one_in(64) { PacketHeader::Missing { len } } else { PacketHeader::Present(len) };
        MbufRequest { header, chain }
    }

    fn uio(&mut self) -> UioRequest {
        let space = match self.bytes.below(32) {
            0..=15 => UioSpace::User,
            16..=30 => UioSpace::Kernel,
            _ => UioSpace::UserWithoutThread,
        };
        let iov = self.buffers(if space == UioSpace::Kernel { KERNEL_BUFFERS } else { USER_BUFFERS });
        let all = iov.ranges.iter().map(|range| range.len.raw()).sum();
        let resid = if self.bytes.one_in(8) { all + 1000 } else { self.part_of(all) };
        UioRequest { resid: BusSize::new(resid), space, iov }
    }

    fn buffers(&mut self, base: u64) -> Buffers {
        let count = self.bytes.pick(&[1, 2, 3, 4, 2, 1, 6, 0]);
        (0..count)
            .map(|_| {
                let empty = self.bytes.one_in(24);
                let mut buffer = self.buffer(base);
                if empty {
                    buffer = Buffer::new(buffer.range.start, 0, Vec::new());
                }
                buffer
            })
            .collect()
    }

    fn buffer(&mut self, base: u64) -> Buffer {
        let len = self.length();
        let offset = self.offset();
        let pages = self.pages((offset + len).div_ceil(PAGE_SIZE));
        let start = base + self.next + offset;
        self.next += (pages.len() as u64 + 1) * PAGE_SIZE;
        // Neighbours in virtual memory are worth having too.
        if self.bytes.one_in(8) {
            self.next -= PAGE_SIZE;
        }
        Buffer::new(VirtAddr::new(start), len, pages)
    }

    fn ranges(&mut self) -> Vec<PhysRange> {
        let count = self.bytes.pick(&[1, 2, 3, 5, 0]);
        (0..count).map(|_| self.range()).collect()
    }

    fn range(&mut self) -> PhysRange {
        let len = BusSize::new(self.length());
        let offset = BusSize::new(self.offset());
        let page = self.pages(1)[0];
        PhysRange { start: page.wrapping_add(offset), len }
    }

    fn length(&mut self) -> u64 {
        let any = u64::from(self.bytes.short());
        self.bytes.pick(&[
            512,
            4096,
            1,
            8192,
            1500,
            16384,
            2048,
            any % 8192,
            4095,
            100,
            any % 16384,
            12288,
            any % 512,
            32768,
            any,
            0,
        ])
    }

    fn offset(&mut self) -> u64 {
        let any = u64::from(self.bytes.short());
        self.bytes.pick(&[0, 0, any % PAGE_SIZE, 512, 0, 64, 4092, any % PAGE_SIZE, 2048, 1])
    }

    fn part_of(&mut self, all: u64) -> u64 {
        let any = u64::from(self.bytes.short());
        if self.bytes.one_in(4) { any % (all + 1) } else { all }
    }

    fn pages(&mut self, count: u64) -> Vec<PhysAddr> {
        let style = self.bytes.below(12);
        let region = self.bytes.pick(&REGIONS);
        let seed = u64::from(self.bytes.byte());
        let page = |index: u64| match style {
            // In order, backwards, always the same, every other one, from two regions in turn, anywhere.
            0..=3 => region + (seed + index) * PAGE_SIZE,
            4 => region + (seed + count - index) * PAGE_SIZE,
            5 => region + seed * PAGE_SIZE,
            6 => region + (seed + index * 2) * PAGE_SIZE,
            7 | 8 => REGIONS[usize::from((seed + index) % 2 == 1)] + (seed + index) * PAGE_SIZE,
            _ => {
                let mixed = (seed * 64 + index).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
                let anywhere = REGIONS.iter().cycle().nth(usize::from(mixed.to_le_bytes()[0]));
                let region = if style == 11 { anywhere.copied().unwrap_or(region) } else { region };
                region + mixed / 5 % SCATTER_PAGES * PAGE_SIZE
            }
        };
        (0..count).map(|index| PhysAddr::new(page(index))).collect()
    }
}
