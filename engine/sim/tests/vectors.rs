//! FreeBSD's golden vectors through the harness.
//!
//! busdma-trace's own tests hold the engine against what FreeBSD answered; here the reference model runs along, so that it
//! is held against FreeBSD too.

use busdma_engine::addr::{BusSize, PhysAddr, VirtAddr};
use busdma_engine::constraints::{
    AddressFilter, Alignment, Boundary, ExclusionWindow, LockFunction, SegmentLimit, TagFlags, TagTemplate,
};
use busdma_engine::load::WaitPolicy;
use busdma_engine::mem::MemFlags;
use busdma_engine::memdesc::{CcbDirection, CcbFunction, PacketHeader, PhysRange, UioSpace, VirtRange};
use busdma_engine::profile::Profile;
use busdma_engine::sync::SyncOps;
use busdma_sim::answer::{MapNo, TagNo};
use busdma_sim::harness::{Bench, Rig};
use busdma_sim::machine::MachineSpec;
use busdma_sim::ops::{Copies, Op};
use busdma_sim::request::{
    BioRequest, Buffer, Buffers, CcbRequest, CcbSource, MbufRequest, MemRequest, Request, UioRequest,
};
use busdma_trace::format::{
    Bio, Buf, Ccb, CcbData, CcbDir, CcbFunc, CreateTag, Flag, Header, Hex, Input, LoadRequest, MbufChain,
    MemRequest as TracedMem, PhysBuf, SegFlag, SyncOp, Uio, WordList,
};
use std::collections::HashMap;
use std::path::Path;

#[test]
fn the_model_agrees_with_freebsd() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../trace/tests/vectors");
    let folders = [
        ("freebsd-11.0", Profile::Freebsd11),
        ("freebsd-12.1", Profile::Freebsd12),
        ("arm64-12.1", Profile::Arm64Freebsd12),
    ];
    let (mut scenarios, mut operations) = (0, 0);
    for (folder, profile) in folders {
        let mut files: Vec<_> = root.join(folder).read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files {
            let mut reader = busdma_trace::open(&file).unwrap();
            while let Some(header) = reader.next_scenario().unwrap() {
                let name = header.scenario.as_str().to_owned();
                let mut scenario = Scenario::new(Rig { spec: spec_of(&header), ..Rig::usual(profile) });
                scenarios += 1;
                while let Some(operation) = reader.next_operation().unwrap() {
                    let op = scenario.op(&operation.input);
                    if let Err(fault) = scenario.bench.apply(&op) {
                        panic!("{folder} {name}, operation {}: {fault}", operation.seq);
                    }
                    operations += 1;
                }
            }
        }
    }
    assert_eq!((scenarios, operations), (723, 8947));
}

fn spec_of(header: &Header<'_>) -> MachineSpec {
    let machine = &header.machine;
    MachineSpec {
        maxmem: machine.maxmem.0,
        max_bpages: machine.max_bpages,
        bounce_base: machine.bounce.base.0,
        bounce_stride: machine.bounce.stride,
        bounce_frames: machine.bounce.frames,
        dmamem_base: machine.dmamem.base.0,
        dmamem_stride: machine.dmamem.page_stride,
        malloc_align: machine.dmamem.malloc_align,
        dmamem_limit: machine.dmamem.limit.map(|limit| limit.0),
    }
}

/// A scenario under way: which number each name stands for.
struct Scenario {
    bench: Bench,
    tags: HashMap<String, TagNo>,
    maps: HashMap<String, MapNo>,
    memory: HashMap<String, MapNo>,
    next_tag: u32,
    next_map: u32,
}

impl Scenario {
    fn new(rig: Rig) -> Self {
        let (tags, maps, memory) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { bench: Bench::new(rig), tags, maps, memory, next_tag: 0, next_map: 0 }
    }

    fn op(&mut self, input: &Input<'_>) -> Op {
        match input {
            Input::TagCreate(create) => {
                let parent = create.parent.as_ref().map(|parent| self.tag(parent.as_str()));
                self.tags.insert(create.tag.as_str().to_owned(), TagNo(self.next_tag));
                self.next_tag += 1;
                Op::CreateTag { parent, template: template(create) }
            }
            Input::TagDestroy(destroy) => Op::DestroyTag { tag: self.tag(destroy.tag.as_str()) },
            Input::MapCreate(create) => {
                self.name_map(create.map.as_str());
                Op::CreateMap { tag: self.tag(create.tag.as_str()) }
            }
            Input::MapDestroy(destroy) => Op::DestroyMap { map: self.map(destroy.map.as_str()) },
            Input::Load(load) => Op::Load {
                map: self.map(load.map.as_str()),
                request: request(&load.request),
                wait: if load.flags.contains(Flag::NoWait) { WaitPolicy::NoWait } else { WaitPolicy::MayDefer },
            },
            Input::RunDeferred(_) => Op::RunDeferred,
            Input::Cancel(_) => unreachable!("FreeBSD cancels nothing"),
            Input::Sync(sync) => {
                Op::Sync { map: self.map(sync.map.as_str()), ops: sync_ops(sync.ops), copies: Copies::FromPlan }
            }
            Input::Unload(unload) => Op::Unload { map: self.map(unload.map.as_str()) },
            Input::DmamemAlloc(alloc) => {
                self.memory.insert(alloc.dmamem.as_str().to_owned(), MapNo(self.next_map));
                self.name_map(alloc.map.as_str());
                Op::AllocMemory { tag: self.tag(alloc.tag.as_str()), flags: mem_flags(alloc.flags) }
            }
            Input::DmamemFree(free) => {
                let memory = self.memory[free.dmamem.as_str()];
                let passed = self.maps[free.map.as_str()];
                let memories = self.bench.memories();
                let created: Vec<_> = self.bench.maps().iter().copied().filter(|map| !memories.contains(map)).collect();
                let instead = (passed != memory).then(|| index(&created, passed));
                Op::FreeMemory { memory: index(&memories, memory), instead }
            }
            Input::Fill(fill) => Op::Fill { map: self.map(fill.map.as_str()), seed: narrow(fill.seed) },
            Input::DeviceWrite(write) => {
                Op::DeviceWrite { map: self.map(write.map.as_str()), seed: narrow(write.seed) }
            }
            Input::DeviceRead(read) => Op::DeviceRead { map: self.map(read.map.as_str()) },
        }
    }

    fn name_map(&mut self, name: &str) {
        self.maps.insert(name.to_owned(), MapNo(self.next_map));
        self.next_map += 1;
    }

    fn tag(&self, name: &str) -> u8 {
        index(self.bench.tags(), self.tags[name])
    }

    fn map(&self, name: &str) -> u8 {
        index(self.bench.maps(), self.maps[name])
    }
}

fn index<T: PartialEq + Copy + std::fmt::Debug>(list: &[T], item: T) -> u8 {
    let position = list.iter().position(|&other| other == item);
    u8::try_from(position.unwrap_or_else(|| panic!("{item:?} is not alive"))).unwrap()
}

fn narrow(seed: u64) -> u32 {
    u32::try_from(seed).unwrap()
}

fn template(create: &CreateTag<'_>) -> TagTemplate {
    let flags = [
        (Flag::AllocNow, TagFlags::ALLOC_NOW),
        (Flag::Coherent, TagFlags::COHERENT),
        (Flag::KeepPageOffset, TagFlags::KEEP_PAGE_OFFSET),
    ];
    let deny = |(first, last): &(Hex, Hex)| (PhysAddr::new(first.0), PhysAddr::new(last.0));
    TagTemplate {
        alignment: Alignment::new(create.alignment).unwrap(),
        boundary: Boundary::new(create.boundary.0),
        window: ExclusionWindow {
            lowaddr: PhysAddr::new(create.lowaddr.0),
            highaddr: PhysAddr::new(create.highaddr.0),
        },
        filter: create.filter.as_ref().map(|filter| AddressFilter::deny(filter.deny.iter().map(deny))),
        maxsize: BusSize::new(create.maxsize),
        nsegments: SegmentLimit::from_nsegments(create.nsegments),
        maxsegsz: BusSize::new(create.maxsegsz),
        flags: flags.into_iter().filter(|(word, _)| create.flags.contains(*word)).map(|(_, flag)| flag).collect(),
        lock: if create.lock { LockFunction::Provided } else { LockFunction::PanicsWhenCalled },
    }
}

fn sync_ops(words: WordList<SyncOp>) -> SyncOps {
    let ops = words.iter().map(|word| match word {
        SyncOp::PreRead => SyncOps::PRE_READ,
        SyncOp::PostRead => SyncOps::POST_READ,
        SyncOp::PreWrite => SyncOps::PRE_WRITE,
        SyncOp::PostWrite => SyncOps::POST_WRITE,
    });
    ops.collect()
}

fn mem_flags(words: WordList<Flag>) -> MemFlags {
    let flags = [
        (Flag::NoWait, MemFlags::NO_WAIT),
        (Flag::Coherent, MemFlags::COHERENT),
        (Flag::Zero, MemFlags::ZERO),
        (Flag::NoCache, MemFlags::NO_CACHE),
    ];
    flags.into_iter().filter(|(word, _)| words.contains(*word)).map(|(_, flag)| flag).collect()
}

fn request(request: &LoadRequest) -> Request {
    match request {
        LoadRequest::Buffer(buf) => Request::Buffer(buffer(buf)),
        LoadRequest::Bio(traced) => Request::Bio(bio(traced)),
        LoadRequest::Ccb(traced) => Request::Ccb(ccb(traced)),
        LoadRequest::Mbuf(chain) => Request::Mbuf(mbuf(chain)),
        LoadRequest::MbufSg { chain, .. } => Request::MbufSg(mbuf(chain)),
        LoadRequest::Uio(traced) => Request::Uio(uio(traced)),
        LoadRequest::Mem(traced) => Request::Mem(match traced {
            TracedMem::Vaddr(buf) => MemRequest::Vaddr(buffer(buf)),
            TracedMem::Paddr(range) => MemRequest::Paddr(phys(range)),
            TracedMem::Vlist(list) => MemRequest::Vlist(buffers(list)),
            TracedMem::Plist(list) => MemRequest::Plist(list.iter().map(phys).collect()),
            TracedMem::Bio(traced) => MemRequest::Bio(bio(traced)),
            TracedMem::Uio(traced) => MemRequest::Uio(uio(traced)),
            TracedMem::Mbuf(chain) => MemRequest::Mbuf(mbuf(chain)),
            TracedMem::Ccb(traced) => MemRequest::Ccb(ccb(traced)),
        }),
    }
}

fn buffer(buf: &Buf) -> Buffer {
    Buffer {
        range: VirtRange { start: VirtAddr::new(buf.vaddr.0), len: BusSize::new(buf.len) },
        pages: buf.pages.iter().map(|page| PhysAddr::new(page.0)).collect(),
    }
}

fn buffers(list: &[Buf]) -> Buffers {
    list.iter().map(buffer).collect()
}

fn phys(range: &PhysBuf) -> PhysRange {
    PhysRange { start: PhysAddr::new(range.paddr.0), len: BusSize::new(range.len) }
}

fn bio(traced: &Bio) -> BioRequest {
    match traced {
        Bio::Mapped { buf, .. } => BioRequest::Mapped(buffer(buf)),
        Bio::Unmapped { bcount, ma_offset, pages } => BioRequest::Unmapped {
            pages: pages.iter().map(|page| PhysAddr::new(page.0)).collect(),
            offset: narrow(*ma_offset),
            bcount: BusSize::new(*bcount),
        },
        Bio::Vlist { bcount, ma_offset, list } => {
            BioRequest::Vlist { list: buffers(list), offset: BusSize::new(*ma_offset), bcount: BusSize::new(*bcount) }
        }
    }
}

fn ccb(traced: &Ccb) -> CcbRequest {
    CcbRequest {
        function: match traced.func {
            CcbFunc::ScsiIo => CcbFunction::ScsiIo,
            CcbFunc::ContTargetIo => CcbFunction::ContTargetIo,
            CcbFunc::AtaIo => CcbFunction::AtaIo,
            CcbFunc::NvmeIo => CcbFunction::NvmeIo,
            CcbFunc::NvmeAdmin => CcbFunction::NvmeAdmin,
            CcbFunc::Noop => CcbFunction::Unsupported(0),
        },
        direction: match traced.dir {
            CcbDir::In => CcbDirection::In,
            CcbDir::Out => CcbDirection::Out,
            CcbDir::Both => CcbDirection::Both,
            CcbDir::None => CcbDirection::None,
        },
        source: match &traced.data {
            CcbData::Vaddr(buf) => CcbSource::Vaddr(buffer(buf)),
            CcbData::Paddr(start) => CcbSource::Paddr(PhysAddr::new(start.0)),
            CcbData::Sg(list) => CcbSource::Sg(buffers(list)),
            CcbData::SgPaddr(list) => CcbSource::SgPaddr(list.iter().map(phys).collect()),
            CcbData::Bio(traced) => CcbSource::Bio(bio(traced)),
            CcbData::Invalid => CcbSource::Invalid,
        },
        dxfer_len: traced.dxfer_len,
        sglist_cnt: traced.sglist_cnt,
    }
}

fn mbuf(traced: &MbufChain) -> MbufRequest {
    let len = BusSize::new(traced.pkthdr_len);
    let header = if traced.pkthdr { PacketHeader::Present(len) } else { PacketHeader::Missing { len } };
    MbufRequest { header, chain: buffers(&traced.chain) }
}

fn uio(traced: &Uio) -> UioRequest {
    UioRequest {
        resid: BusSize::new(traced.resid),
        space: match (traced.segflg, traced.td) {
            (SegFlag::SysSpace, _) => UioSpace::Kernel,
            (SegFlag::UserSpace, true) => UioSpace::User,
            (SegFlag::UserSpace, false) => UioSpace::UserWithoutThread,
        },
        iov: buffers(&traced.iov),
    }
}
