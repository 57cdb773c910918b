//! The machine that operations run on: busdma-trace's machine model, as plain as it can be.
//!
//! The engine and the reference model get one each; afterwards their bytes are compared.

use crate::request::Request;
use busdma_engine::addr::{AddressSpace, BusSize, PageCount, PhysAddr, VirtAddr};
use busdma_engine::constraints::{Alignment, Boundary};
use busdma_engine::engine::MachineLimits;
use busdma_engine::platform::{AllocatorClass, AllocatorFill, DmamemRegion, DmamemRequest, FrameSource, Memory};
use std::collections::BTreeMap;

const PAGE: u64 = 4096;
const PAGE_BYTES: usize = 4096;
const DMAMEM_KERNEL_BASE: u64 = 0xffff_fe80_0000_0000;
const DMAMEM_DEFAULT_LIMIT: u64 = 0x3ff_ffff_ffff;
const DMAMEM_PAGES_MAX: u64 = 4096;

/// Numbers of the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MachineSpec {
    /// Bytes of RAM.
    pub maxmem: u64,
    /// `MAX_BPAGES`.
    pub max_bpages: u32,
    /// First bounce frame.
    pub bounce_base: u64,
    /// From one bounce frame to the next, bytes.
    pub bounce_stride: u64,
    /// Bounce frames there are.
    pub bounce_frames: u64,
    /// First address of dmamem.
    pub dmamem_base: u64,
    /// From one scattered dmamem page to the next, bytes.
    pub dmamem_stride: u64,
    /// Alignment of malloc(9); 0 is the size rounded up to a power of two.
    pub malloc_align: u64,
    /// Where dmamem ends; `None` is far away.
    pub dmamem_limit: Option<u64>,
}

impl MachineSpec {
    /// The machine of most golden vectors: 9 GiB of RAM, 64 contiguous bounce frames.
    pub const fn usual() -> Self {
        Self {
            maxmem: 0x2_4000_0000,
            max_bpages: 8192,
            bounce_base: 0x10_0000,
            bounce_stride: 4096,
            bounce_frames: 64,
            dmamem_base: 0x200_0000,
            dmamem_stride: 4096,
            malloc_align: 0,
            dmamem_limit: None,
        }
    }

    /// The two numbers the engine's pool rules look at.
    pub const fn limits(&self) -> MachineLimits {
        MachineLimits { maxmem: BusSize::new(self.maxmem), max_bpages: PageCount::new(self.max_bpages) }
    }
}

/// Memory, page tables, and two allocators that never take anything back.
#[derive(Clone, Debug)]
pub struct Machine {
    spec: MachineSpec,
    /// Pages that were ever written, by page number. All others are zero.
    pages: BTreeMap<u64, Vec<u8>>,
    kernel: BTreeMap<u64, u64>,
    user: BTreeMap<u64, u64>,
    frames_given: u64,
    dmamem_next: u64,
    dmamem_kernel_next: u64,
}

impl Machine {
    /// A machine whose memory is zero and mapped nowhere.
    pub fn new(spec: MachineSpec) -> Self {
        Self {
            dmamem_next: spec.dmamem_base,
            spec,
            pages: BTreeMap::new(),
            kernel: BTreeMap::new(),
            user: BTreeMap::new(),
            frames_given: 0,
            dmamem_kernel_next: DMAMEM_KERNEL_BASE,
        }
    }

    /// Its numbers.
    pub fn spec(&self) -> &MachineSpec {
        &self.spec
    }

    /// Maps a virtual page to a physical one.
    pub fn map(&mut self, space: AddressSpace, vaddr: VirtAddr, paddr: PhysAddr) {
        let table = if space == AddressSpace::Kernel { &mut self.kernel } else { &mut self.user };
        table.insert(vaddr.raw() / PAGE, paddr.raw() / PAGE);
    }

    /// Maps the buffers of a request.
    pub fn map_request(&mut self, request: &Request) {
        request.for_each_mapping(|space, vaddr, page| self.map(space, vaddr, page));
    }

    /// `len` bytes from `start` on.
    pub fn read(&self, start: u64, len: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (at, piece) in by_page(start, len) {
            let offset = index(at % PAGE);
            match self.pages.get(&(at / PAGE)) {
                Some(page) => bytes.extend_from_slice(&page[offset..offset + piece]),
                None => bytes.resize(bytes.len() + piece, 0),
            }
        }
        bytes
    }

    /// Writes bytes from `start` on.
    pub fn write(&mut self, start: u64, bytes: &[u8]) {
        let mut rest = bytes;
        for (at, piece) in by_page(start, bytes.len() as u64) {
            let (now, later) = rest.split_at(piece);
            let offset = index(at % PAGE);
            self.page(at / PAGE)[offset..offset + piece].copy_from_slice(now);
            rest = later;
        }
    }

    /// The first address at which the bytes of two machines differ.
    pub fn first_difference(&self, other: &Self) -> Option<u64> {
        let zero = vec![0; PAGE_BYTES];
        let numbers = self.pages.keys().chain(other.pages.keys());
        numbers
            .filter_map(|number| {
                let ours = self.pages.get(number).unwrap_or(&zero);
                let theirs = other.pages.get(number).unwrap_or(&zero);
                if ours == theirs {
                    return None;
                }
                let offset = ours.iter().zip(theirs).position(|(a, b)| a != b)?;
                Some(number * PAGE + offset as u64)
            })
            .min()
    }

    fn page(&mut self, number: u64) -> &mut Vec<u8> {
        self.pages.entry(number).or_insert_with(|| vec![0; PAGE_BYTES])
    }

    fn limit(&self) -> u64 {
        self.spec.dmamem_limit.unwrap_or(DMAMEM_DEFAULT_LIMIT)
    }

    fn malloc(&mut self, size: u64) -> Option<Vec<u64>> {
        let bucket = size.max(16).next_power_of_two();
        let alignment = if self.spec.malloc_align == 0 { bucket } else { self.spec.malloc_align };
        let mut start = self.dmamem_next.next_multiple_of(alignment);
        if start / PAGE != (start + size - 1) / PAGE {
            start = start.next_multiple_of(PAGE);
        }
        if start + size > self.limit() {
            return None;
        }
        self.dmamem_next = start + size;
        Some(vec![start])
    }

    fn scattered(&mut self, size: u64, high: u64) -> Option<Vec<u64>> {
        let count = page_count(size)?;
        let start = self.dmamem_next.next_multiple_of(PAGE);
        let last = start + (count - 1) * self.spec.dmamem_stride;
        if last + PAGE - 1 > high || last + PAGE > self.limit() {
            return None;
        }
        self.dmamem_next = last + PAGE;
        Some((0..count).map(|index| start + index * self.spec.dmamem_stride).collect())
    }

    fn contiguous(&mut self, size: u64, high: u64, alignment: u64, boundary: u64) -> Option<Vec<u64>> {
        let count = page_count(size)?;
        let alignment = alignment.max(PAGE);
        let crosses = |start: u64| boundary != 0 && start / boundary != (start + count * PAGE - 1) / boundary;
        let mut start = self.dmamem_next.next_multiple_of(alignment);
        if boundary != 0 && count * PAGE > boundary {
            return None;
        }
        if crosses(start) {
            start = start.next_multiple_of(boundary).next_multiple_of(alignment);
        }
        let last = start + count * PAGE - 1;
        if crosses(start) || last > high || last > self.limit() {
            return None;
        }
        self.dmamem_next = last + 1;
        Some((0..count).map(|index| start + index * PAGE).collect())
    }
}

impl Memory for Machine {
    fn translate(&self, space: AddressSpace, addr: VirtAddr) -> Option<PhysAddr> {
        let table = if space == AddressSpace::Kernel { &self.kernel } else { &self.user };
        table.get(&(addr.raw() / PAGE)).map(|page| PhysAddr::new(page * PAGE + addr.page_offset()))
    }

    fn copy(&mut self, from: PhysAddr, to: PhysAddr, len: BusSize) {
        let bytes = self.read(from.raw(), len.raw());
        self.write(to.raw(), &bytes);
    }
}

impl FrameSource for Machine {
    fn bounce_frame(&mut self, high: PhysAddr, alignment: Alignment) -> Option<PhysAddr> {
        let mut index = self.frames_given;
        loop {
            let frame = self.spec.bounce_base + index * self.spec.bounce_stride;
            if index >= self.spec.bounce_frames || frame > high.raw() {
                return None;
            }
            index += 1;
            // What is skipped for a stricter tag is gone: the model has no free list of frames.
            if alignment.bytes() <= PAGE || alignment.is_met_by(frame) {
                self.frames_given = index;
                return Some(PhysAddr::new(frame));
            }
        }
    }

    fn dmamem(&mut self, request: &DmamemRequest) -> Option<DmamemRegion> {
        let size = request.size.raw();
        let mut pages = match request.class {
            AllocatorClass::Malloc => self.malloc(size)?,
            AllocatorClass::Pages { high, .. } => self.scattered(size, high.raw())?,
            AllocatorClass::Contiguous { high, alignment, boundary, .. } => {
                self.contiguous(size, high.raw(), alignment.bytes(), boundary.map_or(0, Boundary::bytes))?
            }
        };
        let first = pages[0];
        let vaddr = self.dmamem_kernel_next + first % PAGE;
        self.dmamem_kernel_next += (pages.len() as u64 + 1) * PAGE;
        let byte = if request.fill == AllocatorFill::Zero { 0 } else { 0xa5 };
        let mut left = size;
        for (nth, page) in pages.iter_mut().enumerate() {
            let len = left.min(PAGE);
            self.write(*page, &vec![byte; index(len)]);
            left -= len;
            *page -= *page % PAGE;
            let page_vaddr = VirtAddr::new(vaddr - vaddr % PAGE + nth as u64 * PAGE);
            self.map(AddressSpace::Kernel, page_vaddr, PhysAddr::new(*page));
        }
        Some(DmamemRegion {
            vaddr: VirtAddr::new(vaddr),
            paddr: PhysAddr::new(first),
            pages: pages.into_iter().map(PhysAddr::new).collect(),
        })
    }

    fn free_dmamem(&mut self, _: &DmamemRegion, _: &DmamemRequest) {}
}

fn page_count(size: u64) -> Option<u64> {
    let count = size.div_ceil(PAGE);
    (1..=DMAMEM_PAGES_MAX).contains(&count).then_some(count)
}

/// The range cut at page ends: first address and length of each piece.
fn by_page(start: u64, len: u64) -> impl Iterator<Item = (u64, usize)> {
    let end = start + len;
    let mut at = start;
    std::iter::from_fn(move || {
        let piece = (PAGE - at % PAGE).min(end - at);
        let here = at;
        at += piece;
        (piece > 0).then_some((here, index(piece)))
    })
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("offsets stay small")
}
