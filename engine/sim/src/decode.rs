//! Sequences from bytes: what a fuzzer feeds and what property tests shrink.
//!
//! A sequence is a list of chunks, each a length byte and that many bytes; a chunk decodes to one operation by itself, so
//! that dropping a chunk drops one operation. Every choice is one byte of which 0 means the plainest, and bytes that are
//! missing read as 0: shrinking bytes makes operations plainer.

mod shapes;

use crate::harness::Rig;
use crate::machine::MachineSpec;
use crate::ops::{Copies, Op};
use busdma_engine::addr::{BusSize, PAGE_SIZE, PhysAddr};
use busdma_engine::constraints::{
    AddressFilter, Alignment, Boundary, ExclusionWindow, LockFunction, SegmentLimit, TagFlags, TagTemplate,
};
use busdma_engine::load::WaitPolicy;
use busdma_engine::mem::MemFlags;
use busdma_engine::profile::{KernelAssertions, Profile};
use busdma_engine::sync::SyncOps;
use shapes::Shapes;

/// Bytes of a rig's description, see [`Rig::from_bytes`].
pub const RIG_BYTES: usize = 10;

/// Where client pages lie: below 16 MiB, below 1 GiB, below 4 GiB, and twice above.
const REGIONS: [u64; 5] = [0x1_2000_0000, 0x00a0_0000, 0x0800_0000, 0x4000_0000, 0x2_0000_0000];

/// Small ones make small pools, where loads have to wait.
const MAXSIZES: [u64; 16] =
    [65536, 4096, 8192, 4096, 2048, 16384, 8192, 4096, 131_072, 512, 1000, 10000, 1 << 20, 0xffff_ffff, u64::MAX, 0];

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
            0..=4 => Self::RunDeferred,
            5 => Self::Cancel { map: bytes.few() },
            6..=9 => bytes.create_tag(),
            10..=15 => Self::CreateMap { tag: bytes.byte() },
            16..=31 => Self::Load {
                map: bytes.few(),
                wait: bytes.wait(),
                request: Shapes::new(&mut bytes, position).any_request(),
            },
            32..=34 => Self::LoadMemory {
                memory: bytes.byte(),
                wait: bytes.wait(),
                len: bytes.flag().then(|| bytes.short()),
                offset: bytes.short(),
            },
            35..=45 => Self::Unload { map: bytes.few() },
            46..=52 => bytes.sync(),
            53 => Self::DestroyMap { map: bytes.few() },
            54 => Self::DestroyTag { tag: bytes.byte() },
            55 | 56 => {
                Self::AllocMemory { tag: bytes.byte(), flags: MemFlags::from_bits_truncate(bytes.byte().into()) }
            }
            57 => {
                let memory = bytes.byte();
                Self::FreeMemory { memory, instead: bytes.one_in(16).then(|| bytes.byte()) }
            }
            58 | 59 => Self::Fill { map: bytes.few(), seed: bytes.byte().into() },
            60 | 61 => Self::DeviceWrite { map: bytes.few(), seed: bytes.byte().into() },
            _ => Self::DeviceRead { map: bytes.few() },
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

    /// An index, mostly one of the first few: what is done to the same objects again and again is worth most.
    fn few(&mut self) -> u8 {
        let byte = self.byte();
        if byte < 192 { byte % 4 } else { byte - 192 }
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
        let map = self.few();
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
            maxsize: BusSize::new(self.pick(&MAXSIZES)),
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
