//! Traffic as drivers make it: an endless, seeded stream of operations.
//!
//! The first operations make tags and maps; after them every map has a buffer of its own and goes through load, sync,
//! device access, sync and unload again and again, several at once. The same seed gives the same stream for ever.

use crate::machine::MachineSpec;
use crate::ops::{Copies, Op};
use crate::request::{BioRequest, Buffer, Buffers, CcbRequest, CcbSource, MbufRequest, Request, UioRequest};
use busdma_engine::addr::{BusSize, PAGE_SIZE, PhysAddr, VirtAddr};
use busdma_engine::constraints::{Alignment, Boundary, ExclusionWindow, SegmentLimit, TagTemplate};
use busdma_engine::load::WaitPolicy;
use busdma_engine::mem::MemFlags;
use busdma_engine::memdesc::{CcbDirection, CcbFunction, PacketHeader, UioSpace};
use busdma_engine::sync::SyncOps;
use std::collections::VecDeque;

/// Steele, Lea and Flood's `splitmix64`: small, and the same on every machine.
#[derive(Clone, Debug)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The stream of that seed.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub const fn below(&mut self, limit: u64) -> u64 {
        self.next_u64() % limit
    }
}

/// What kind of traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Traffic {
    /// Disk controllers: one that reaches all memory, and one of 32 bits.
    Storage,
    /// A network adapter: long-lived receive buffers, short-lived transmit chains, descriptor rings.
    Network,
    /// Both, under one PCI bus.
    Mixed,
    /// A device of 24 bits with more requests than its pool holds: loads are deferred all the time.
    BouncePressure,
}

impl Traffic {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Storage, Self::Network, Self::Mixed, Self::BouncePressure];

    /// A machine that suits it.
    pub const fn machine(self) -> MachineSpec {
        let usual = MachineSpec::usual();
        match self {
            Self::BouncePressure => MachineSpec { bounce_frames: 12, ..usual },
            Self::Storage | Self::Network | Self::Mixed => MachineSpec { bounce_frames: 512, ..usual },
        }
    }
}

/// A seeded stream of operations; see [`Traffic`].
#[derive(Clone, Debug)]
pub struct Workload {
    random: SplitMix64,
    devices: Vec<Device>,
    ready: VecDeque<Op>,
}

#[derive(Clone, Debug)]
struct Device {
    kind: DeviceKind,
    idle: Vec<u8>,
    busy: VecDeque<Transfer>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum DeviceKind {
    Nvme,
    Ahci,
    Receive,
    Transmit,
    Isa,
}

#[derive(Clone, Copy, Debug)]
struct Transfer {
    map: u8,
    direction: Direction,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Direction {
    FromDevice,
    ToDevice,
}

impl Workload {
    /// The traffic of that kind and seed.
    pub fn new(traffic: Traffic, seed: u64) -> Self {
        let kinds: &[DeviceKind] = match traffic {
            Traffic::Storage => &[DeviceKind::Nvme, DeviceKind::Ahci],
            Traffic::Network => &[DeviceKind::Receive, DeviceKind::Transmit],
            Traffic::Mixed => &[DeviceKind::Nvme, DeviceKind::Ahci, DeviceKind::Receive, DeviceKind::Transmit],
            Traffic::BouncePressure => &[DeviceKind::Isa],
        };
        let mut workload =
            Self { random: SplitMix64::new(seed), devices: Vec::new(), ready: VecDeque::from([create_bus()]) };
        let mut next_map = 0;
        for (index, &kind) in kinds.iter().enumerate() {
            let tag = u8::try_from(index + 1).unwrap_or(u8::MAX);
            workload.ready.push_back(Op::CreateTag { parent: Some(0), template: kind.template() });
            workload.ready.extend((0..kind.maps()).map(|_| Op::CreateMap { tag }));
            let idle = (next_map..next_map + kind.maps()).collect();
            next_map += kind.maps();
            workload.devices.push(Device { kind, idle, busy: VecDeque::new() });
        }
        if kinds.contains(&DeviceKind::Transmit) {
            let ring_tag = u8::try_from(kinds.len() + 1).unwrap_or(u8::MAX);
            workload.ready.push_back(Op::CreateTag { parent: Some(0), template: ring() });
            workload.ready.push_back(Op::AllocMemory { tag: ring_tag, flags: MemFlags::ZERO | MemFlags::COHERENT });
            workload.ready.push_back(Op::LoadMemory { memory: 0, offset: 0, len: None, wait: WaitPolicy::NoWait });
        }
        workload
    }

    /// Starts a transfer on a device, or ends its oldest.
    fn advance(&mut self) {
        let at = usize::try_from(self.random.below(self.devices.len() as u64)).unwrap_or(0);
        let start = self.devices[at].busy.is_empty() || self.random.below(5) < 3;
        if start && !self.devices[at].idle.is_empty() {
            let pick = self.random.below(self.devices[at].idle.len() as u64);
            let map = self.devices[at].idle.swap_remove(usize::try_from(pick).unwrap_or(0));
            self.start(at, map);
        } else if let Some(transfer) = self.devices[at].busy.pop_front() {
            self.finish(transfer);
            self.devices[at].idle.push(transfer.map);
        }
    }

    fn start(&mut self, device: usize, map: u8) {
        let kind = self.devices[device].kind;
        let direction = kind.direction(&mut self.random);
        let request = kind.request(map, direction, &mut self.random);
        let wait = if kind == DeviceKind::Isa { WaitPolicy::MayDefer } else { WaitPolicy::NoWait };
        self.ready.push_back(Op::Load { map, request, wait });
        if direction == Direction::ToDevice {
            let seed = self.seed();
            self.ready.push_back(Op::Fill { map, seed });
        }
        self.devices[device].busy.push_back(Transfer { map, direction });
    }

    /// A load that was deferred has its callback before the device is started; one that was not takes no harm.
    fn finish(&mut self, transfer: Transfer) {
        let Transfer { map, direction } = transfer;
        let copies = if self.random.below(2) == 0 { Copies::ByEngine } else { Copies::FromPlan };
        let sync = |ops| Op::Sync { map, ops, copies };
        self.ready.push_back(Op::RunDeferred);
        match direction {
            Direction::ToDevice => {
                let ops = [sync(SyncOps::PRE_WRITE), Op::DeviceRead { map }, sync(SyncOps::POST_WRITE)];
                self.ready.extend(ops);
            }
            Direction::FromDevice => {
                let write = Op::DeviceWrite { map, seed: self.seed() };
                self.ready.extend([sync(SyncOps::PRE_READ), write, sync(SyncOps::POST_READ)]);
            }
        }
        self.ready.extend([Op::Unload { map }, Op::RunDeferred]);
    }

    fn seed(&mut self) -> u32 {
        (self.random.next_u64() >> 32) as u32
    }
}

impl Iterator for Workload {
    type Item = Op;

    fn next(&mut self) -> Option<Op> {
        while self.ready.is_empty() {
            self.advance();
        }
        self.ready.pop_front()
    }
}

impl DeviceKind {
    const fn maps(self) -> u8 {
        match self {
            Self::Nvme | Self::Ahci => 12,
            Self::Receive => 24,
            Self::Transmit => 16,
            Self::Isa => 10,
        }
    }

    fn template(self) -> TagTemplate {
        let template = TagTemplate::default();
        match self {
            Self::Nvme => TagTemplate {
                alignment: Alignment::new(4).unwrap_or_default(),
                maxsize: BusSize::new(128 << 10),
                nsegments: SegmentLimit::Max(33),
                maxsegsz: BusSize::PAGE,
                ..template
            },
            Self::Ahci => TagTemplate {
                alignment: Alignment::new(2).unwrap_or_default(),
                window: below(0xffff_ffff),
                maxsize: BusSize::new(128 << 10),
                nsegments: SegmentLimit::Max(33),
                maxsegsz: BusSize::new(4 << 20),
                ..template
            },
            Self::Receive => TagTemplate {
                window: below(0xff_ffff_ffff),
                maxsize: BusSize::new(2048),
                nsegments: SegmentLimit::Max(1),
                maxsegsz: BusSize::new(2048),
                ..template
            },
            Self::Transmit => TagTemplate {
                window: below(0xffff_ffff),
                maxsize: BusSize::new(64 << 10),
                nsegments: SegmentLimit::Max(32),
                maxsegsz: BusSize::PAGE,
                ..template
            },
            Self::Isa => TagTemplate {
                window: below(0xff_ffff),
                boundary: Boundary::new(64 << 10),
                maxsize: BusSize::new(16 << 10),
                nsegments: SegmentLimit::Max(5),
                maxsegsz: BusSize::new(64 << 10),
                ..template
            },
        }
    }

    fn direction(self, random: &mut SplitMix64) -> Direction {
        match self {
            Self::Receive => Direction::FromDevice,
            Self::Transmit => Direction::ToDevice,
            Self::Nvme | Self::Ahci | Self::Isa => {
                if random.below(3) == 0 {
                    Direction::ToDevice
                } else {
                    Direction::FromDevice
                }
            }
        }
    }

    fn request(self, map: u8, direction: Direction, random: &mut SplitMix64) -> Request {
        let arena = Arena::of(map);
        match self {
            Self::Nvme => {
                let len = (1 + random.below(32)) * PAGE_SIZE;
                Request::Bio(BioRequest::Unmapped {
                    pages: arena.pages(len / PAGE_SIZE),
                    offset: 0,
                    bcount: BusSize::new(len),
                })
            }
            Self::Ahci => {
                let len = (1 + random.below(64)) * 512;
                let buffer = arena.buffer(random.below(8) * 512, len);
                let dir = if direction == Direction::ToDevice { CcbDirection::Out } else { CcbDirection::In };
                Request::Ccb(CcbRequest {
                    function: CcbFunction::ScsiIo,
                    direction: dir,
                    source: CcbSource::Vaddr(buffer),
                    dxfer_len: u32::try_from(len).unwrap_or(u32::MAX),
                    sglist_cnt: 0,
                })
            }
            Self::Receive => Request::MbufSg(chain([arena.buffer(0, 2048)])),
            Self::Transmit => {
                let header = arena.buffer(PAGE_SIZE / 2, 54 + random.below(12));
                let pieces = random.below(4);
                let payload =
                    (0..pieces).map(|piece| arena.buffer((piece + 1) * 2 * PAGE_SIZE, 1 + random.below(1448)));
                Request::MbufSg(chain(std::iter::once(header).chain(payload)))
            }
            Self::Isa if random.below(6) == 0 => {
                let len = 1 + random.below(2 * PAGE_SIZE);
                Request::Uio(UioRequest {
                    resid: BusSize::new(len),
                    space: UioSpace::Kernel,
                    iov: [arena.buffer(random.below(PAGE_SIZE), len)].into_iter().collect(),
                })
            }
            Self::Isa => Request::Buffer(arena.buffer(random.below(8) * 512, (1 + random.below(24)) * 512)),
        }
    }
}

/// The PCI bus above every device: no transfer crosses 4 GiB.
fn create_bus() -> Op {
    let template = TagTemplate { boundary: Boundary::new(1 << 32), ..TagTemplate::default() };
    Op::CreateTag { parent: None, template }
}

/// A descriptor ring.
fn ring() -> TagTemplate {
    TagTemplate {
        alignment: Alignment::new(128).unwrap_or_default(),
        window: below(0xffff_ffff),
        maxsize: BusSize::new(16 << 10),
        nsegments: SegmentLimit::Max(1),
        maxsegsz: BusSize::new(16 << 10),
        ..TagTemplate::default()
    }
}

const fn below(lowaddr: u64) -> ExclusionWindow {
    ExclusionWindow::above(PhysAddr::new(lowaddr))
}

fn chain(buffers: impl IntoIterator<Item = Buffer>) -> MbufRequest {
    let chain: Buffers = buffers.into_iter().collect();
    let len = chain.ranges.iter().map(|range| range.len.raw()).sum();
    MbufRequest { header: PacketHeader::Present(BusSize::new(len)), chain }
}

/// The memory a map's requests come from: always the same, half of it above 4 GiB, seldom contiguous.
#[derive(Clone, Copy, Debug)]
struct Arena {
    map: u8,
}

impl Arena {
    const fn of(map: u8) -> Self {
        Self { map }
    }

    fn pages(self, count: u64) -> Vec<PhysAddr> {
        (0..count).map(|index| self.page(index)).collect()
    }

    fn page(self, index: u64) -> PhysAddr {
        let region = if (index / 3 + u64::from(self.map)).is_multiple_of(2) { 0x1_2000_0000 } else { 0x4000_0000 };
        let within_map = index + index / 3;
        PhysAddr::new(region + (u64::from(self.map) * 128 + within_map) * PAGE_SIZE)
    }

    fn buffer(self, offset: u64, len: u64) -> Buffer {
        let start = 0xffff_fe00_1000_0000 + (u64::from(self.map) << 24) + offset;
        let first = offset / PAGE_SIZE;
        let count = (offset % PAGE_SIZE + len).div_ceil(PAGE_SIZE);
        let pages = (first..first + count).map(|index| self.page(index)).collect();
        Buffer::new(VirtAddr::new(start), len, pages)
    }
}
