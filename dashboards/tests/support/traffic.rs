//! Made-up traffic on a machine, recorded as busdmad records: with times, sessions and decisions, in frames of zstd.
//!
//! The same calls always make the same bytes.

use busdma_engine::{MapState, Profile};
use busdma_trace::format::{
    BounceModel, Buf, Contents, CreateMap, CreateTag, DmamemModel, Flag, Header, Hex, Input, Load, LoadRequest,
    MachineModel, MapOnly, Recording, Ret, RunDeferred, Sync, SyncOp, WordList,
};
use busdma_trace::{Decisions, Recorder, TraceWriter};
use std::io::{self, Write};
use zstd::bulk::Compressor;

/// Text of a frame, bytes.
const FRAME_BYTES: usize = 256 << 10;

/// Level of compression.
const ZSTD_LEVEL: i32 = 1;

/// 22 November 2026, 00:15:30 UTC.
pub(crate) const STARTED_UNIX_NS: u64 = 1_795_306_530_000_000_000;

/// What the daemon's clock showed then.
pub(crate) const STARTED_NS: u64 = 7_200_000_000_000;

/// Which memory a buffer lies in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Memory {
    /// Below 4 GiB.
    Low,
    /// Beyond.
    High,
}

/// What a tag asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Tag {
    id: u32,
    lowaddr: u64,
    alignment: u64,
}

/// A machine that is recorded.
pub(crate) struct Traffic<W: Write> {
    recorder: Recorder<Sessions<W>>,
    random: Random,
    now: u64,
    operations: u64,
    maps: u32,
}

impl<W: Write> Traffic<W> {
    /// A machine with so many bounce frames.
    pub(crate) fn start(output: W, frames: u64) -> Self {
        let writer = TraceWriter::new(Sessions { output, session: 1, line: Vec::new() });
        let recorder = Recorder::start(writer, &header(frames), Profile::Freebsd11, Decisions::Recorded).unwrap();
        Self { recorder, random: Random(0x2545_f491_4f6c_dd1d), now: STARTED_NS, operations: 0, maps: 0 }
    }

    /// Ends the recording.
    pub(crate) fn end(self) -> W {
        self.recorder.into_writer().into_inner().output
    }

    /// Lets time pass, nanoseconds.
    pub(crate) fn pass(&mut self, ns: u64) {
        self.now += ns;
    }

    /// Another session calls from now on.
    pub(crate) fn session(&mut self, session: u32) {
        self.recorder.writer_mut().get_mut().session = session;
    }

    fn tag(&mut self, tag: Tag) {
        let name = format!("t{}", tag.id);
        self.record(&Input::TagCreate(CreateTag {
            tag: name.into(),
            parent: None,
            alignment: tag.alignment,
            boundary: Hex(0),
            lowaddr: Hex(tag.lowaddr),
            highaddr: Hex(u64::MAX),
            filter: None,
            maxsize: 32 << 10,
            nsegments: 9,
            maxsegsz: 32 << 10,
            flags: WordList::EMPTY,
            lock: true,
        }));
    }

    /// Makes the tags of the usual devices.
    pub(crate) fn devices(&mut self) {
        for tag in DEVICES {
            self.tag(tag);
        }
    }

    /// Makes a map; returns its name.
    pub(crate) fn map(&mut self, tag: u32) -> DeviceMap {
        self.maps += 1;
        let map = DeviceMap { tag: format!("t{tag}"), id: format!("m{}", self.maps) };
        self.record(&Input::MapCreate(CreateMap {
            tag: map.tag.as_str().into(),
            map: map.id.as_str().into(),
            flags: WordList::EMPTY,
        }));
        map
    }

    pub(crate) fn load(&mut self, map: &DeviceMap, pages: u64, memory: Memory, wait: Flag) -> Ret {
        let first = self.random.below(1 << 16);
        let base = if memory == Memory::High { 0x1_4000_0000 } else { 0x4000_0000 };
        let buf = Buf {
            vaddr: Hex(0xffff_fe00_0000_0000 + first * 4096),
            len: pages * 4096,
            pages: (0..pages).map(|page| Hex(base + (first + page) * 4096)).collect(),
        };
        let flags = if wait == Flag::NoWait { WordList::from_iter([Flag::NoWait]) } else { WordList::EMPTY };
        let request = LoadRequest::Buffer(buf);
        let (tag, id) = (map.tag.as_str().into(), map.id.as_str().into());
        self.record(&Input::Load(Load { tag, map: id, flags, request })).unwrap()
    }

    pub(crate) fn sync(&mut self, map: &DeviceMap, ops: [SyncOp; 2]) {
        let (tag, id) = (map.tag.as_str().into(), map.id.as_str().into());
        self.record(&Input::Sync(Sync { tag, map: id, ops: ops.into_iter().collect() }));
    }

    pub(crate) fn unload(&mut self, map: &DeviceMap) {
        let (tag, id) = (map.tag.as_str().into(), map.id.as_str().into());
        self.record(&Input::Unload(MapOnly { tag, map: id }));
    }

    pub(crate) fn drain(&mut self) {
        self.record(&Input::RunDeferred(RunDeferred {}));
    }

    pub(crate) fn state(&self, map: &DeviceMap) -> MapState {
        self.recorder.map_state(&map.id).unwrap()
    }

    fn record(&mut self, input: &Input<'_>) -> Option<Ret> {
        self.operations += 1;
        self.recorder.record(input, Some(self.now)).unwrap()
    }
}

/// A map, and the tag that it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct DeviceMap {
    pub(crate) tag: String,
    pub(crate) id: String,
}

/// The usual devices: one that reaches everything, one with 32 bits, one with 32 bits and an alignment.
const DEVICES: [Tag; 3] = [
    Tag { id: 1, lowaddr: u64::MAX, alignment: 1 },
    Tag { id: 2, lowaddr: 0xffff_ffff, alignment: 1 },
    Tag { id: 3, lowaddr: 0xffff_ffff, alignment: 512 },
];

/// An hour of traffic, at least so many operations.
pub(crate) fn hour<W: Write>(output: W, operations: u64) -> W {
    let mut traffic = Traffic::start(output, 48);
    traffic.devices();
    let maps: Vec<_> = (0..144).map(|map| traffic.map(1 + map % 3)).collect();
    let mean = 3_600_000_000_000 / operations;
    while traffic.operations < operations {
        let gap = traffic.random.below(2 * mean);
        traffic.pass(gap);
        let session = 1 + u32::try_from(traffic.random.below(4)).unwrap();
        traffic.session(session);
        let map = &maps[usize::try_from(traffic.random.below(maps.len() as u64)).unwrap()];
        step(&mut traffic, &maps, map);
    }
    traffic.end()
}

fn step<W: Write>(traffic: &mut Traffic<W>, maps: &[DeviceMap], map: &DeviceMap) {
    match (traffic.state(map), traffic.random.below(8)) {
        (MapState::Idle, _) => {
            let pages = 1 + traffic.random.below(4);
            let memory = if traffic.random.below(4) == 0 { Memory::High } else { Memory::Low };
            let wait = if traffic.random.below(2) == 0 { Flag::NoWait } else { Flag::WaitOk };
            traffic.load(map, pages, memory, wait);
        }
        (MapState::Loaded, 0..=2) => traffic.sync(map, [SyncOp::PreRead, SyncOp::PreWrite]),
        (MapState::Loaded, 3..=4) => traffic.sync(map, [SyncOp::PostRead, SyncOp::PostWrite]),
        (MapState::Loaded, _) => traffic.unload(map),
        (MapState::Deferred, _) => {
            for _ in 0..4 {
                let other = &maps[usize::try_from(traffic.random.below(maps.len() as u64)).unwrap()];
                if traffic.state(other) == MapState::Loaded {
                    traffic.unload(other);
                }
            }
            traffic.drain();
        }
    }
}

fn header(frames: u64) -> Header<'static> {
    let machine = MachineModel {
        arch: "amd64".into(),
        page_size: 4096,
        maxmem: Hex(0x2_4000_0000),
        max_bpages: 8192,
        bounce: BounceModel { base: Hex(0x10_0000), stride: 4096, frames },
        dmamem: DmamemModel { base: Hex(0x200_0000), page_stride: 4096, malloc_align: 0, limit: None },
    };
    Header {
        contents: Contents::Unrecorded,
        recorded: Some(Recording {
            continues_after_panic: true,
            by: Some("busdmad 0.1.0".into()),
            started_unix_ns: Some(STARTED_UNIX_NS),
            started_ns: None,
        }),
        ..Header::new("vm1-20261122T001530Z-1".into(), "recorded".into(), machine, "freebsd-11 busdmad".into())
    }
}

/// Writes lines, with the caller on each.
struct Sessions<W> {
    output: W,
    session: u32,
    line: Vec<u8>,
}

impl<W: Write> Write for Sessions<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let op = memchr::memmem::find(line, b",\"op\":\"").filter(|_| line.starts_with(b"{\"seq\":"));
        self.line.clear();
        let (start, rest) = line.split_at(op.unwrap_or(0));
        self.line.extend_from_slice(start);
        if op.is_some() {
            write!(self.line, ",\"session\":\"s{}\"", self.session)?;
        }
        self.line.extend_from_slice(rest);
        self.output.write_all(&self.line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Compresses as the daemon's recorder does.
pub(crate) struct Pieces<W: Write> {
    output: W,
    lines: Vec<u8>,
    compressor: Compressor<'static>,
}

impl<W: Write> Pieces<W> {
    pub(crate) fn new(output: W) -> Self {
        Self { output, lines: Vec::new(), compressor: Compressor::new(ZSTD_LEVEL).unwrap() }
    }

    /// Ends the last frame.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.end_frame()?;
        Ok(self.output)
    }

    fn end_frame(&mut self) -> io::Result<()> {
        let frame = self.compressor.compress(&self.lines)?;
        self.lines.clear();
        self.output.write_all(&frame)
    }
}

impl<W: Write> Write for Pieces<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.extend_from_slice(line);
        if self.lines.len() >= FRAME_BYTES {
            self.end_frame()?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}
