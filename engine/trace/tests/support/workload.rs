//! A made-up host under load: the same seed always gives the same trace.
//!
//! Three devices (one that reaches everything, one with 32-bit addresses, one with 512-byte alignment as well) load
//! buffers, mbuf chains, bios, uios and control blocks, sync and unload them, and wait when bounce pages run out.

use busdma_engine::{MapState, Profile};
use busdma_trace::format::{
    Bio, BounceModel, Buf, Ccb, CcbData, CcbDir, CcbFunc, Contents, CreateMap, CreateTag, DmamemModel, Flag, Header,
    Hex, Input, Load, LoadRequest, MachineModel, MapOnly, MbufChain, Ret, RunDeferred, Seeded, SegFlag, Sync, SyncOp,
    Uio, WordList,
};
use busdma_trace::{Decisions, Recorder, TraceWriter};
use std::io::Write;

/// Maps of each device.
const MAPS: u64 = 48;

/// Pages that buffers lie in: 16 MiB, a third of them beyond 32 bits.
const CLIENT_PAGES: u64 = 1 << 12;

/// Writes one scenario of at least `operations` operations.
pub(crate) fn generate<W: Write>(output: W, operations: u64, seed: u64, contents: Contents) -> W {
    let mut workload = Workload::new(output, seed, contents);
    while workload.operations < operations {
        workload.step();
    }
    workload.recorder.into_writer().into_inner()
}

struct Workload<W> {
    recorder: Recorder<W>,
    random: Random,
    contents: Contents,
    operations: u64,
    maps: Vec<DeviceMap>,
    created: u64,
}

struct DeviceMap {
    tag: &'static str,
    id: String,
}

const TAGS: [&str; 3] = ["nvme0", "em0", "aac0"];

impl<W: Write> Workload<W> {
    fn new(output: W, seed: u64, contents: Contents) -> Self {
        let writer = TraceWriter::new(output);
        let recorder = Recorder::start(writer, &header(contents), Profile::Freebsd11, Decisions::LeftOut).unwrap();
        let random = Random(seed.wrapping_mul(2).wrapping_add(1));
        let mut workload = Self { recorder, random, contents, operations: 0, maps: Vec::new(), created: 0 };
        let everything = u64::MAX;
        workload.create_tag("nvme0", 1, everything, 128 << 10, 33);
        workload.create_tag("em0", 1, 0xffff_ffff, 64 << 10, 6);
        workload.create_tag("aac0", 512, 0xffff_ffff, 32 << 10, 17);
        for _ in 0..MAPS {
            // In turn, so that each tag has its first map while the pool can still grow.
            for tag in TAGS {
                workload.create_map(tag);
            }
        }
        workload
    }

    fn step(&mut self) {
        let at = self.random.index(self.maps.len());
        let state = self.recorder.map_state(&self.maps[at].id).unwrap();
        match (state, self.random.below(16)) {
            (MapState::Deferred, _) => self.make_room(),
            (MapState::Idle, 0) => self.replace_map(at),
            (MapState::Idle, _) => self.load(at),
            (MapState::Loaded, 0..=4) => self.sync(at, [SyncOp::PreRead, SyncOp::PreWrite]),
            (MapState::Loaded, 5..=9) => self.sync(at, [SyncOp::PostRead, SyncOp::PostWrite]),
            (MapState::Loaded, 10) if self.contents == Contents::Recorded => self.touch(at),
            (MapState::Loaded, _) => self.unload(at),
        }
    }

    fn record(&mut self, input: &Input<'_>) -> Option<Ret> {
        self.operations += 1;
        self.recorder.record(input, Some(self.operations * 1000)).unwrap()
    }

    fn create_tag(&mut self, tag: &str, alignment: u64, lowaddr: u64, maxsize: u64, nsegments: u32) {
        self.record(&Input::TagCreate(CreateTag {
            tag: tag.into(),
            parent: None,
            alignment,
            boundary: Hex(0),
            lowaddr: Hex(lowaddr),
            highaddr: Hex(u64::MAX),
            filter: None,
            maxsize,
            nsegments,
            maxsegsz: maxsize,
            flags: WordList::EMPTY,
            lock: true,
        }));
    }

    fn create_map(&mut self, tag: &'static str) {
        let id = format!("{tag}.{}", self.created);
        self.created += 1;
        self.record(&Input::MapCreate(CreateMap { tag: tag.into(), map: id.as_str().into(), flags: WordList::EMPTY }));
        self.maps.push(DeviceMap { tag, id });
    }

    fn replace_map(&mut self, at: usize) {
        let map = self.maps.swap_remove(at);
        let ret = self.record(&Input::MapDestroy(MapOnly { tag: map.tag.into(), map: map.id.as_str().into() }));
        if ret == Some(Ret::Ok) {
            self.create_map(map.tag);
        } else {
            self.maps.push(map);
        }
    }

    fn load(&mut self, at: usize) {
        let (tag, id) = (self.maps[at].tag, self.maps[at].id.clone());
        let request = match self.random.below(10) {
            // Where a misaligned request meets an alignment, FreeBSD's assertions stop the kernel.
            _ if tag == "aac0" => LoadRequest::Buffer(self.aligned_buf()),
            0..=4 => LoadRequest::Buffer(self.buf(16)),
            5 | 6 => LoadRequest::MbufSg { segs_max: 32, chain: self.chain() },
            7 => LoadRequest::Bio(self.bio()),
            8 => LoadRequest::Uio(Uio {
                resid: 8192,
                segflg: SegFlag::UserSpace,
                td: true,
                iov: vec![self.buf(2), self.buf(2)],
            }),
            _ => LoadRequest::Ccb(Ccb {
                func: CcbFunc::ScsiIo,
                dir: CcbDir::In,
                dxfer_len: 65536,
                sglist_cnt: 2,
                data: CcbData::Sg(vec![self.buf(4), self.buf(4)]),
            }),
        };
        let flags = if self.random.below(2) == 0 { WordList::from_iter([Flag::NoWait]) } else { WordList::EMPTY };
        let ret = self.record(&Input::Load(Load { tag: tag.into(), map: id.as_str().into(), flags, request }));
        assert!(ret.is_some(), "the load stops the kernel");
        if ret == Some(Ret::Einprogress) {
            self.make_room();
        }
    }

    fn sync(&mut self, at: usize, ops: [SyncOp; 2]) {
        let (tag, id) = (self.maps[at].tag, self.maps[at].id.clone());
        self.record(&Input::Sync(Sync { tag: tag.into(), map: id.as_str().into(), ops: ops.into_iter().collect() }));
    }

    fn touch(&mut self, at: usize) {
        let id = self.maps[at].id.clone();
        let touched = Seeded { map: id.as_str().into(), seed: self.random.next() };
        let input = if self.random.below(2) == 0 { Input::Fill(touched) } else { Input::DeviceWrite(touched) };
        self.record(&input);
    }

    fn unload(&mut self, at: usize) {
        let (tag, id) = (self.maps[at].tag, self.maps[at].id.clone());
        self.record(&Input::Unload(MapOnly { tag: tag.into(), map: id.as_str().into() }));
    }

    /// Unloads a few maps and runs whoever waited for their pages.
    fn make_room(&mut self) {
        for _ in 0..8 {
            let at = self.random.index(self.maps.len());
            if self.recorder.map_state(&self.maps[at].id) == Some(MapState::Loaded) {
                self.unload(at);
            }
        }
        self.record(&Input::RunDeferred(RunDeferred {}));
    }

    /// A buffer in at most so many pages, contiguous more often than not.
    fn buf(&mut self, pages_max: u64) -> Buf {
        let count = 1 + self.random.below(pages_max);
        let offset = if self.random.below(4) == 0 { self.random.below(4096) } else { 0 };
        let len = (count * 4096 - offset).min(1 + self.random.below(count * 4096)).max(64);
        let first = self.random.below(CLIENT_PAGES);
        let scattered = self.random.below(3) == 0;
        let covered = (offset + len).div_ceil(4096);
        let pages = (0..covered)
            .map(|i| {
                let page = if scattered { self.random.below(CLIENT_PAGES) } else { (first + i) % CLIENT_PAGES };
                Hex(if page.is_multiple_of(3) { 0x1_4000_0000 } else { 0x4000_0000 } + page * 4096)
            })
            .collect();
        Buf { vaddr: Hex(0xffff_fe00_0000_0000 + first * 4096 + offset), len, pages }
    }

    fn aligned_buf(&mut self) -> Buf {
        let buf = self.buf(8);
        Buf {
            vaddr: Hex(buf.vaddr.0 & !0xfff),
            len: buf.len.next_multiple_of(512).min(buf.pages.len() as u64 * 4096),
            ..buf
        }
    }

    fn chain(&mut self) -> MbufChain {
        let chain: Vec<_> = (0..=self.random.below(3)).map(|_| self.buf(1)).collect();
        MbufChain { pkthdr: true, pkthdr_len: chain.iter().map(|buf| buf.len).sum(), chain }
    }

    fn bio(&mut self) -> Bio {
        let buf = self.buf(8);
        Bio::Unmapped { bcount: buf.len.min(4096 * buf.pages.len() as u64), ma_offset: 0, pages: buf.pages }
    }
}

fn header(contents: Contents) -> Header<'static> {
    Header {
        scenario: "generated".into(),
        family: "load".into(),
        machine: MachineModel {
            arch: "amd64".into(),
            page_size: 4096,
            maxmem: Hex(0x2_4000_0000),
            max_bpages: 8192,
            bounce: BounceModel { base: Hex(0x10_0000), stride: 4096, frames: 96 },
            dmamem: DmamemModel { base: Hex(0x200_0000), page_stride: 4096, malloc_align: 0, limit: None },
        },
        source: "freebsd-11 busdma-trace".into(),
        hazards: Vec::new(),
        desc: None,
        contents,
        recorded: None,
        state: None,
    }
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 33) % bound
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or_default()
    }
}
