//! Sequences from bytes: what a fuzzer feeds and what property tests shrink.
//!
//! A sequence is a list of chunks, each a length byte and that many bytes; a chunk decodes to one operation by itself, so
//! that dropping a chunk drops one operation. Every choice is one byte of which 0 means the plainest, and bytes that are
//! missing read as 0: shrinking bytes makes operations plainer.

use crate::harness::Rig;
use crate::machine::MachineSpec;
use crate::ops::{Copies, Op};
use crate::request::{
    BioRequest, Buffer, Buffers, CcbRequest, CcbSource, MbufRequest, MemRequest, Request, UioRequest,
};
use busdma_engine::addr::{BusSize, PAGE_SIZE, PhysAddr, VirtAddr};
use busdma_engine::constraints::{
    AddressFilter, Alignment, Boundary, ExclusionWindow, LockFunction, SegmentLimit, TagFlags, TagTemplate,
};
use busdma_engine::load::WaitPolicy;
use busdma_engine::mem::MemFlags;
use busdma_engine::memdesc::{CcbDirection, CcbFunction, PacketHeader, PhysRange, UioSpace, VirtRange};
use busdma_engine::profile::{KernelAssertions, Profile};
use busdma_engine::sync::SyncOps;

/// Bytes of a rig's description, see [`Rig::from_bytes`].
pub const RIG_BYTES: usize = 10;

/// A kernel and a machine are this far apart in virtual addresses: no operation's buffers overlap another's.
const KERNEL_BUFFERS: u64 = 0xffff_fe00_4000_0000;
const USER_BUFFERS: u64 = 0x1000_0000;
const BUFFERS_PER_OP: u64 = 0x100_0000;

/// Where client pages lie: below 16 MiB, below 1 GiB, below 4 GiB, and twice above.
const REGIONS: [u64; 5] = [0x1_2000_0000, 0x00a0_0000, 0x0800_0000, 0x4000_0000, 0x2_0000_0000];

/// Pages of one region that scattered buffers are drawn from.
const SCATTER_PAGES: u64 = 48;

impl Rig {
    /// The kernel and the machine that `bytes` describe; missing bytes read as 0.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut bytes = Cursor::new(bytes);
        let profile = bytes.pick(&Profile::ALL);
        let assertions = if bytes.one_in(4) { KernelAssertions::Off } else { KernelAssertions::On };
        let usual = MachineSpec::usual();
        let spec = MachineSpec {
            maxmem: bytes.pick(&[usual.maxmem, usual.maxmem, 0x1_0000_0000, 0x4000_0000, 0x1_0000_1234]),
            max_bpages: bytes.pick(&[8192, 8192, 4096, 512, 16, 5]),
            bounce_base: bytes.pick(&[0x10_0000, 0x10_0000, 0x40_0000, 0x4_1000]),
            bounce_stride: bytes.pick(&[4096, 4096, 8192, 65536]),
            bounce_frames: bytes.pick(&[64, 64, 64, 32, 16, 8, 6, 4, 3, 2, 1, 0]),
            dmamem_base: bytes.pick(&[0x200_0000, 0x200_0000, 0x1fff_f000, 0x200_0100, 0x80_0000]),
            dmamem_stride: bytes.pick(&[4096, 4096, 8192]),
            malloc_align: bytes.pick(&[0, 0, 16, 64]),
            dmamem_limit: None,
        };
        Self { profile, assertions, spec }
    }
}

impl Op {
    /// The operations that `bytes` describe: chunks of a length byte and that many bytes, the last one perhaps cut short.
    pub fn sequence_from_bytes(bytes: &[u8]) -> Vec<Self> {
        let mut ops = Vec::new();
        let mut rest = bytes;
        while let [len, tail @ ..] = rest {
            let (chunk, behind) = tail.split_at(usize::from(*len).min(tail.len()));
            ops.push(Self::from_chunk(chunk, ops.len()));
            rest = behind;
        }
        ops
    }

    /// The operation that one chunk describes, at its position in the sequence.
    pub fn from_chunk(chunk: &[u8], position: usize) -> Self {
        let mut bytes = Cursor::new(chunk);
        match bytes.below(64) {
            0..=3 => Self::RunDeferred,
            4..=8 => bytes.create_tag(),
            9..=15 => Self::CreateMap { tag: bytes.byte() },
            16..=34 => Self::Load {
                map: bytes.byte(),
                wait: bytes.wait(),
                request: Shapes { bytes: &mut bytes, next: position as u64 * BUFFERS_PER_OP }.any_request(),
            },
            35..=37 => Self::LoadMemory {
                memory: bytes.byte(),
                wait: bytes.wait(),
                len: bytes.flag().then(|| bytes.short()),
                offset: bytes.short(),
            },
            38..=45 => Self::Unload { map: bytes.byte() },
            46..=52 => bytes.sync(),
            53 => Self::DestroyMap { map: bytes.byte() },
            54 => Self::DestroyTag { tag: bytes.byte() },
            55 | 56 => {
                Self::AllocMemory { tag: bytes.byte(), flags: MemFlags::from_bits_truncate(bytes.byte().into()) }
            }
            57 => {
                let memory = bytes.byte();
                Self::FreeMemory { memory, instead: bytes.one_in(16).then(|| bytes.byte()) }
            }
            58 | 59 => Self::Fill { map: bytes.byte(), seed: bytes.byte().into() },
            60 | 61 => Self::DeviceWrite { map: bytes.byte(), seed: bytes.byte().into() },
            _ => Self::DeviceRead { map: bytes.byte() },
        }
    }
}

/// Reads choices from bytes, zeros behind the end.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    fn short(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    fn below(&mut self, limit: u8) -> u8 {
        self.byte() % limit
    }

    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()].clone()
    }

    fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// Seldom true, and never for 0.
    fn one_in(&mut self, seldom: u8) -> bool {
        self.byte() % seldom == seldom - 1
    }

    fn wait(&mut self) -> WaitPolicy {
        self.pick(&[WaitPolicy::MayDefer, WaitPolicy::MayDefer, WaitPolicy::NoWait])
    }

    fn sync(&mut self) -> Op {
        let map = self.byte();
        let copies = self.pick(&[Copies::FromPlan, Copies::ByEngine]);
        let ops = self.pick(&[
            SyncOps::PRE_WRITE,
            SyncOps::POST_READ,
            SyncOps::PRE_READ,
            SyncOps::POST_WRITE,
            SyncOps::PRE_READ | SyncOps::PRE_WRITE,
            SyncOps::POST_READ | SyncOps::POST_WRITE,
            SyncOps::POST_READ,
            SyncOps::PRE_WRITE,
        ]);
        let any = SyncOps::from_bits_truncate(self.byte());
        Op::Sync { map, ops: if self.one_in(16) { any } else { ops }, copies }
    }

    fn create_tag(&mut self) -> Op {
        let parent = self.flag().then(|| self.byte());
        let template = TagTemplate {
            alignment: self.alignment(),
            boundary: Boundary::new(self.pick(&[0, 0, 0, 0, 65536, 4096, 1 << 24, 1 << 32, 8192, 2048, 512])),
            window: self.window(),
            filter: self.one_in(5).then(|| self.filter()),
            maxsize: BusSize::new(self.pick(&[
                65536,
                65536,
                131_072,
                16384,
                8192,
                4096,
                4096,
                2048,
                512,
                1000,
                10000,
                1 << 20,
                0xffff_ffff,
                u64::MAX,
                0,
            ])),
            nsegments: SegmentLimit::from_nsegments(self.pick(&[u32::MAX, 64, 17, 8, 3, 2, 1, 64, 33, 0])),
            maxsegsz: BusSize::new(self.pick(&[
                65536,
                0xffff_ffff,
                65536,
                8192,
                4096,
                6000,
                2048,
                512,
                4096,
                100,
                10000,
                0,
            ])),
            flags: self.tag_flags(),
            lock: if self.one_in(12) { LockFunction::PanicsWhenCalled } else { LockFunction::Provided },
        };
        Op::CreateTag { parent, template }
    }

    fn alignment(&mut self) -> Alignment {
        let bytes = self.pick(&[1, 1, 1, 1, 4, 64, 512, 1, 4096, 2, 16, 8192, 65536]);
        Alignment::new(bytes).expect("powers of two")
    }

    fn window(&mut self) -> ExclusionWindow {
        let lowaddr = self.pick(&[
            u64::MAX,
            0xffff_ffff,
            0xff_ffff,
            0x3fff_ffff,
            0xffff_ffff,
            0x7ff_ffff,
            0x10_2fff,
            0x1_2000_4fff,
            0xff_ffff,
        ]);
        let highaddr =
            self.pick(&[u64::MAX, u64::MAX, u64::MAX, u64::MAX, 0x1_2000_8fff, 0x1_ffff_ffff, 0x7fff_ffff, 0]);
        ExclusionWindow { lowaddr: PhysAddr::new(lowaddr), highaddr: PhysAddr::new(highaddr) }
    }

    /// Denies a few ranges of pages, seldom of bytes.
    fn filter(&mut self) -> AddressFilter {
        let count = self.below(4);
        let bytewise = self.one_in(8);
        let ranges: Vec<_> = (0..count)
            .map(|_| {
                let first = self.pick(&REGIONS) + u64::from(self.below(64)) * PAGE_SIZE;
                let last = first + u64::from(self.below(32)) * PAGE_SIZE + PAGE_SIZE - 1;
                let shift = if bytewise { u64::from(self.byte()) } else { 0 };
                (PhysAddr::new(first + shift), PhysAddr::new(last - shift))
            })
            .collect();
        AddressFilter::deny(ranges)
    }

    fn tag_flags(&mut self) -> TagFlags {
        let mut flags = TagFlags::empty();
        flags.set(TagFlags::ALLOC_NOW, self.one_in(5));
        flags.set(TagFlags::COHERENT, self.one_in(4));
        flags.set(TagFlags::KEEP_PAGE_OFFSET, self.one_in(6));
        flags
    }
}

/// Makes requests whose buffers lie behind one another in virtual memory.
struct Shapes<'c, 'a> {
    bytes: &'c mut Cursor<'a>,
    next: u64,
}

impl Shapes<'_, '_> {
    fn any_request(&mut self) -> Request {
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
            7 | 8 => REGIONS[((seed + index) % 2) as usize] + (seed + index) * PAGE_SIZE,
            _ => {
                let mixed = (seed * 64 + index).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
                let region = if style == 11 { REGIONS[(mixed % 5) as usize] } else { region };
                region + mixed / 5 % SCATTER_PAGES * PAGE_SIZE
            }
        };
        (0..count).map(|index| PhysAddr::new(page(index))).collect()
    }
}
