//! The cases of FreeBSD's own measurement, on a machine as lean as the one its C ran on: translation is an array lookup.

use busdma_engine::{
    AddressSpace, Alignment, BusSize, DmamemRegion, DmamemRequest, Engine, ExclusionWindow, FrameSource, LoadOutcome,
    MachineLimits, MapId, MemDesc, Memory, PAGE_SIZE, PageCount, PhysAddr, Profile, SegmentLimit, SyncOps, TagFlags,
    TagId, TagTemplate, VirtAddr, VirtRange, WaitPolicy,
};

/// Every case with FreeBSD's figure in ns (one thread; quiet two-core machine, 64 KiB memcpy about 1800 ns).
pub(crate) const CASES: [(&str, f64); 10] = [
    ("a", 13.5),
    ("b", 136.0),
    ("c", 4463.0),
    ("c2", 826.0),
    ("d", 1418.0),
    ("d2", 2357.0),
    ("e1", 90.0),
    ("e2", 98.0),
    ("e3", 4.4),
    ("e4", 48.0),
];

/// FreeBSD's 64 KiB memcpy in the same run, ns.
pub(crate) const FREEBSD_MEMCPY_NS: f64 = 1800.0;

const KERNEL_BASE: u64 = 0xffff_fe00_0000_0000;
const BUFFER_BASE: u64 = 0x1_0000_0000;
const BOUNCE_BASE: u64 = 0x10_0000;
const BUFFER_PAGES: u64 = 1024;
const BOUNCE_PAGES: u64 = 512;
const MAXMEM: u64 = 0x2_4000_0000;

/// Memory of the bench: buffer pages above 4 GiB, bounce pages below.
pub(crate) struct BenchMemory {
    pages: Vec<PhysAddr>,
    bytes: Vec<u8>,
    frames: u64,
}

impl BenchMemory {
    fn new(stride: u64) -> Self {
        let pages = (0..BUFFER_PAGES).map(|page| PhysAddr::new(BUFFER_BASE + page * stride)).collect();
        Self { pages, bytes: vec![0x5a; index((BUFFER_PAGES * 2 + BOUNCE_PAGES) * PAGE_SIZE)], frames: 0 }
    }

    #[inline]
    fn position(addr: PhysAddr) -> usize {
        let raw = addr.raw();
        let offset = if raw >= BUFFER_BASE { raw - BUFFER_BASE + BOUNCE_PAGES * PAGE_SIZE } else { raw - BOUNCE_BASE };
        index(offset)
    }
}

#[inline]
fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl Memory for BenchMemory {
    #[inline]
    fn translate(&self, _: AddressSpace, addr: VirtAddr) -> Option<PhysAddr> {
        let offset = addr.raw().wrapping_sub(KERNEL_BASE);
        let page = self.pages.get(index(offset / PAGE_SIZE))?;
        Some(page.wrapping_add(BusSize::new(offset % PAGE_SIZE)))
    }

    #[inline]
    fn copy(&mut self, from: PhysAddr, to: PhysAddr, len: BusSize) {
        let (from, to, len) = (Self::position(from), Self::position(to), index(len.raw()));
        self.bytes.copy_within(from..from + len, to);
    }
}

impl FrameSource for BenchMemory {
    fn bounce_frame(&mut self, _: PhysAddr, _: Alignment) -> Option<PhysAddr> {
        if self.frames == BOUNCE_PAGES {
            return None;
        }
        self.frames += 1;
        Some(PhysAddr::new(BOUNCE_BASE + (self.frames - 1) * PAGE_SIZE))
    }

    fn dmamem(&mut self, _: &DmamemRequest) -> Option<DmamemRegion> {
        None
    }

    fn free_dmamem(&mut self, _: &DmamemRegion, _: &DmamemRequest) {}
}

/// One case, ready to run.
pub(crate) struct Case {
    engine: Engine<BenchMemory>,
    parent: Option<TagId>,
    template: TagTemplate,
    tag: TagId,
    map: MapId,
    buffer: VirtRange,
    operation: Operation,
}

#[derive(Clone, Copy)]
enum Operation {
    LoadSyncUnload,
    LoadUnload,
    Tag,
    Map,
}

impl Case {
    /// The case of that name.
    pub(crate) fn new(name: &str) -> Self {
        let everywhere = ExclusionWindow::NOTHING;
        let low_16m = ExclusionWindow::above(PhysAddr::new(0xff_ffff));
        // A window that starts above the buffer but below the top of memory: could bounce, none needed.
        let high = ExclusionWindow::above(PhysAddr::new(0x2_0000_0000));
        let (window, pages, operation) = match name {
            "a" => (everywhere, 1, Operation::LoadSyncUnload),
            "b" => (high, 16, Operation::LoadSyncUnload),
            "c" => (low_16m, 16, Operation::LoadSyncUnload),
            "c2" => (low_16m, 16, Operation::LoadUnload),
            "d" => (everywhere, 256, Operation::LoadSyncUnload),
            "d2" => (high, 256, Operation::LoadSyncUnload),
            "e1" | "e2" => (everywhere, 1, Operation::Tag),
            "e3" => (everywhere, 1, Operation::Map),
            "e4" => (low_16m, 16, Operation::Map),
            _ => panic!("no case {name:?}"),
        };
        let limits = MachineLimits { maxmem: BusSize::new(MAXMEM), max_bpages: PageCount::new(64) };
        let mut engine = Engine::new(BenchMemory::new(2 * PAGE_SIZE), limits, Profile::Freebsd11);
        let template = TagTemplate {
            window,
            maxsize: BusSize::new(pages * PAGE_SIZE),
            nsegments: SegmentLimit::Max(256),
            maxsegsz: BusSize::new(65536),
            flags: TagFlags::empty(),
            ..TagTemplate::default()
        };
        let root = engine.create_tag(None, &TagTemplate::default()).expect("a root tag");
        let parent = (name == "e2").then_some(root);
        let tag = engine.create_tag(parent, &template).expect("a tag");
        let map = engine.create_map(tag).expect("a map");
        while engine.zones().any(|zone| zone.total_bpages() < limits.max_bpages) {
            engine.create_map(tag).expect("maps until the pool is at its cap");
        }
        let buffer = VirtRange { start: VirtAddr::new(KERNEL_BASE), len: BusSize::new(pages * PAGE_SIZE) };
        Self { engine, parent, template, tag, map, buffer, operation }
    }

    /// Runs it once.
    #[inline]
    pub(crate) fn run(&mut self) -> usize {
        match self.operation {
            Operation::LoadSyncUnload => {
                let segments = self.load();
                self.engine.sync(self.map, SyncOps::PRE_WRITE).expect("the map is there");
                self.engine.sync(self.map, SyncOps::POST_READ).expect("the map is there");
                self.engine.unload(self.map).expect("the map is there");
                segments
            }
            Operation::LoadUnload => {
                let segments = self.load();
                self.engine.unload(self.map).expect("the map is there");
                segments
            }
            Operation::Tag => {
                let tag = self.engine.create_tag(self.parent, &self.template).expect("a tag");
                self.engine.destroy_tag(tag).expect("no maps").tags.len()
            }
            Operation::Map => {
                let map = self.engine.create_map(self.tag).expect("the pool is at its cap");
                self.engine.destroy_map(map).expect("it is idle");
                1
            }
        }
    }

    #[inline]
    fn load(&mut self) -> usize {
        match self.engine.load(self.map, &MemDesc::Buffer(self.buffer), WaitPolicy::NoWait) {
            Ok(LoadOutcome::Loaded(segments)) => segments.len(),
            other => panic!("the load must succeed: {other:?}"),
        }
    }
}
