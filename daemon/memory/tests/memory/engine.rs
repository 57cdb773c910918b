//! A real engine on real memory: the test is the driver on one side and the device on the other, each with a mapping of its
//! own.

#![expect(unsafe_code, reason = "the test looks at the files through mappings of its own, as other processes would")]

use crate::support::{PAGE, machine, made, model, passed, registered};
use busdma_engine::{
    BusAddr, BusSize, Engine, ExclusionWindow, LoadOutcome, MachineLimits, MapId, MemDesc, MemFlags, PageCount,
    PhysAddr, Profile, Segment, SegmentLimit, SyncOps, SyncPlan, TagTemplate, VirtRange, WaitPolicy,
};
use busdma_memory::{CopyPlan, Layout, MachineMemory, PoolRun, RegionId, RegisterRequest};
use memmap2::{MmapOptions, MmapRaw};
use std::os::fd::BorrowedFd;

const OFFSET: u64 = 512;
const LEN: u64 = 32 * PAGE;

/// A file as another process has it mapped.
struct Elsewhere(MmapRaw);

impl Elsewhere {
    fn map(fd: BorrowedFd<'_>) -> Self {
        Self(MmapOptions::new().map_raw(&fd).unwrap())
    }

    fn read(&self, offset: u64, len: u64) -> Vec<u8> {
        let (offset, len) = (usize::try_from(offset).unwrap(), usize::try_from(len).unwrap());
        assert!(offset + len <= self.0.len());
        let mut bytes = vec![0; len];
        // SAFETY: the range lies inside the mapping, and the vector has room for it.
        unsafe { self.0.as_ptr().add(offset).copy_to_nonoverlapping(bytes.as_mut_ptr(), len) }
        bytes
    }

    fn write(&self, offset: u64, bytes: &[u8]) {
        let offset = usize::try_from(offset).unwrap();
        assert!(offset + bytes.len() <= self.0.len());
        // SAFETY: the range lies inside the mapping, and no slice lies there.
        unsafe { self.0.as_mut_ptr().add(offset).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
    }
}

struct Rig {
    engine: Engine<MachineMemory>,
    map: MapId,
    region: RegionId,
}

/// The machine with one buffer and a map of a device that reaches 4 GiB.
fn rig(profile: Profile, request: RegisterRequest) -> Rig {
    let mut memory = machine(model());
    let region = registered(&mut memory, request);
    let limits = MachineLimits { maxmem: model().maxmem, max_bpages: PageCount::new(8192) };
    let mut engine = Engine::new(memory, limits, profile);
    let template = TagTemplate {
        window: ExclusionWindow::above(PhysAddr::new(u64::from(u32::MAX))),
        maxsize: BusSize::new(LEN + PAGE),
        nsegments: SegmentLimit::Max(64),
        ..TagTemplate::default()
    };
    let tag = engine.create_tag(None, &template).unwrap();
    let map = engine.create_map(tag).unwrap();
    Rig { engine, map, region }
}

impl Rig {
    fn load(&mut self) -> Vec<Segment> {
        let start = self.engine.platform().region(self.region).unwrap().vaddr().wrapping_add(BusSize::new(OFFSET));
        let desc = MemDesc::Buffer(VirtRange { start, len: BusSize::new(LEN) });
        match self.engine.load(self.map, &desc, WaitPolicy::NoWait).unwrap() {
            LoadOutcome::Loaded(segments) => segments.to_vec(),
            outcome => panic!("{outcome:?}"),
        }
    }

    /// Decides here and copies on another thread.
    fn sync(&mut self, ops: SyncOps) -> BusSize {
        let (mut plan, mut copies) = (SyncPlan::default(), CopyPlan::new());
        self.engine.plan_sync(self.map, ops, &mut plan).unwrap();
        self.engine.platform().plan_copies(&plan.moves, &mut copies).unwrap();
        let bytes = copies.bytes();
        std::thread::spawn(move || copies.run()).join().unwrap();
        bytes
    }

    fn drivers_view(&self) -> Elsewhere {
        Elsewhere::map(self.engine.platform().region(self.region).unwrap().fd().unwrap())
    }

    fn devices_view(&self) -> (Elsewhere, Vec<PoolRun>) {
        let pool = self.engine.platform().zone_pools().next().unwrap();
        (Elsewhere::map(pool.fd), pool.runs.to_vec())
    }
}

/// Where a zone's file has a bus address.
fn offset_in_zone(runs: &[PoolRun], bus: BusAddr) -> u64 {
    let inside = runs.iter().find_map(|run| {
        let ahead = bus.checked_offset_from(run.bus)?;
        (ahead < run.len).then_some(run.offset + ahead.raw())
    });
    inside.unwrap()
}

fn pattern(seed: u8) -> Vec<u8> {
    (0..LEN).map(|index| (index % 251).to_le_bytes()[0].wrapping_add(seed)).collect()
}

fn check_both_ways(profile: Profile, request: RegisterRequest) {
    let mut rig = rig(profile, request);
    let driver = rig.drivers_view();
    let segments = rig.load();
    assert!(segments.iter().all(|segment| segment.addr.raw() + segment.len.raw() <= 1 << 32), "{segments:?}");
    let (device, runs) = rig.devices_view();

    driver.write(OFFSET, &pattern(1));
    assert_eq!(rig.sync(SyncOps::PRE_WRITE), BusSize::new(LEN));
    let seen: Vec<u8> = segments
        .iter()
        .flat_map(|segment| device.read(offset_in_zone(&runs, segment.addr), segment.len.raw()))
        .collect();
    assert!(seen == pattern(1), "the device sees what the driver wrote");

    let written = pattern(99);
    let mut done = 0;
    for segment in &segments {
        let end = done + usize::try_from(segment.len.raw()).unwrap();
        device.write(offset_in_zone(&runs, segment.addr), &written[done..end]);
        done = end;
    }
    assert!(driver.read(OFFSET, LEN) == pattern(1), "not before the sync");
    assert_eq!(rig.sync(SyncOps::POST_READ), BusSize::new(LEN));
    assert!(driver.read(OFFSET, LEN) == written, "the driver sees what the device wrote");
    assert_eq!(driver.read(0, OFFSET), vec![0; 512], "and nothing before its buffer");
    assert_eq!(driver.read(OFFSET + LEN, PAGE - OFFSET), vec![0; 3584], "nor behind it");

    rig.engine.unload(rig.map).unwrap();
    assert!(rig.engine.check_invariants().is_ok());
}

#[test]
fn bounced_bytes_reach_the_device_and_come_back() {
    for profile in Profile::ALL {
        let top = || Layout::Contiguous { base: None };
        let above =
            |first: u64| Layout::Pages((first..first + 33).map(|n| PhysAddr::new((1 << 33) + n * 7 * PAGE)).collect());
        check_both_ways(profile, made(33, top()));
        check_both_ways(profile, passed(33, top()));
        check_both_ways(profile, made(33, above(0)));
        check_both_ways(profile, passed(33, above(100)));
    }
}

#[test]
fn an_engine_that_copies_at_once_copies_the_same() {
    let mut rig = rig(Profile::Freebsd11, made(33, Layout::Contiguous { base: None }));
    let driver = rig.drivers_view();
    let first = rig.load()[0];
    let (device, runs) = rig.devices_view();
    driver.write(OFFSET, &pattern(3));
    rig.engine.sync(rig.map, SyncOps::PRE_WRITE).unwrap();
    let seen = device.read(offset_in_zone(&runs, first.addr), first.len.raw());
    assert_eq!(seen, pattern(3)[..seen.len()]);
}

#[test]
fn dmamem_is_loaded_where_the_device_reaches_it() {
    for profile in Profile::ALL {
        let mut rig = rig(profile, made(33, Layout::Contiguous { base: None }));
        let tag = rig.engine.map(rig.map).unwrap().tag();
        let memory = rig.engine.alloc_mem(tag, MemFlags::ZERO).unwrap();
        let backing = rig.engine.platform().dmamem_region(memory.region.paddr).unwrap();
        assert_eq!(backing.len.raw(), LEN + PAGE);
        let file = Elsewhere::map(backing.fd);
        file.write(PAGE + 5, b"command");
        let desc = MemDesc::Buffer(VirtRange { start: memory.region.vaddr, len: BusSize::new(LEN) });
        let LoadOutcome::Loaded(segments) = rig.engine.load(memory.map, &desc, WaitPolicy::NoWait).unwrap() else {
            panic!("{}: dmamem is never deferred", profile.name());
        };
        let at = segments[0].addr.to_phys().wrapping_add(BusSize::new(PAGE + 5));
        assert!(at.raw() < 1 << 32);
        let span = rig.engine.platform().span(at, BusSize::new(7)).unwrap();
        let mut seen = [0; 7];
        span.read(&mut seen);
        assert_eq!(&seen, b"command");
        rig.engine.unload(memory.map).unwrap();
        rig.engine.free_mem(memory.map, memory.map).unwrap();
        assert!(rig.engine.platform().dmamem_region(memory.region.paddr).is_none());
        assert_eq!(rig.engine.platform().dmamem_bytes(), BusSize::ZERO);
    }
}
