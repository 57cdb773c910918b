//! Tags and requests at random: every shape of memory, from what a client has registered.

use crate::random::Random;
use busdma_api::engine::{
    AddressRange, Bio, Buffer, Ccb, CcbData, CcbDirection, CcbFunction, Layout, Lock, Mbuf, MemDesc, PhysRange,
    Request, Scattered, Space, TagFlag, Template, Uio, UioSpace, UnmappedBio, VlistBio,
};
use busdma_api::{Hex, MemoryRef, Nothing};

pub(crate) const PAGE: u64 = 4096;

/// What a client does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mix {
    /// Everything that can be called, what is wrong included.
    Everything,
    /// What a well-behaved driver calls: each deferred load gets its pages in the end.
    Steady,
}

/// Registered memory, or dmamem.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "the interface calls it that")]
pub(crate) struct Memory {
    pub(crate) memory: MemoryRef,
    pub(crate) space: Space,
    pub(crate) length: u64,
    /// Its physical pages; none for dmamem, whose pages no request may name.
    pub(crate) pages: Vec<u64>,
}

/// Pages of a request at most in a steady mix, and of the tags there.
pub(crate) const STEADY_PAGES: u64 = 8;

/// The arguments of a tag.
pub(crate) fn template(random: &mut Random, mix: Mix) -> Template {
    if mix == Mix::Steady {
        return Template {
            lowaddr: Some(Hex(*random.pick(&[0x00ff_ffff, 0xffff_ffff, u64::MAX]))),
            maxsize: Some(STEADY_PAGES * PAGE),
            nsegments: Some(2 * u32::try_from(STEADY_PAGES).unwrap()),
            maxsegsz: Some(*random.pick(&[PAGE, STEADY_PAGES * PAGE])),
            // Otherwise each new tag's first map adds a page to a pool that never gives one back.
            flags: Some(vec![TagFlag::AllocNow]),
            ..Template::default()
        };
    }
    let deny = AddressRange { first: Hex(0x1_0000_0000), last: Hex(0x3_8000_0000) };
    Template {
        alignment: Some(*random.pick(&[1, 1, 1, 4, 512, 8192])),
        boundary: Some(Hex(*random.pick(&[0, 0, 0x1000, 0x1_0000]))),
        lowaddr: Some(Hex(*random.pick(&[0x00ff_ffff, 0xffff_ffff, 0xffff_ffff, u64::MAX]))),
        highaddr: None,
        deny: random.one_in(6).then(|| vec![deny]),
        maxsize: Some(*random.pick(&[PAGE, 4 * PAGE, 16 * PAGE])),
        nsegments: Some(*random.pick(&[1, 4, 17, 64])),
        maxsegsz: Some(*random.pick(&[2048, PAGE, 16 * PAGE, 2048, PAGE, 16 * PAGE, PAGE, 0])),
        flags: Some(match random.below(6) {
            0 | 3 | 4 => vec![TagFlag::AllocNow],
            1 => vec![TagFlag::KeepPageOffset],
            2 => vec![TagFlag::Coherent],
            _ => Vec::new(),
        }),
        lock: random.one_in(6).then_some(Lock::Panics),
    }
}

/// Where registered memory lies.
pub(crate) fn layout(random: &mut Random, pages: u64) -> Option<Layout> {
    match random.below(4) {
        0 => None,
        1 | 2 => Some(Layout::Scattered(Scattered { seed: Some(random.next()) })),
        _ => {
            // Every other page of a place that nobody else is likely to have, one of them twice.
            let first = 0x2_0000_0000 + random.below(1 << 18) * PAGE;
            let list = (0..pages).map(|index| Hex(first + index % 5 * 2 * PAGE));
            Some(Layout::Pages(list.collect()))
        }
    }
}

/// Makes requests.
pub(crate) struct Shapes<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) mix: Mix,
    /// Not empty in the kernel's space.
    pub(crate) memory: &'a [Memory],
}

impl Shapes<'_> {
    /// Any request.
    pub(crate) fn request(&mut self) -> Request {
        match self.random.below(16) {
            0..=4 => Request::Buffer(self.kernel_buffer()),
            5 | 6 => Request::Bio(self.bio()),
            7 | 8 => Request::Ccb(Box::new(self.ccb())),
            9 | 10 => Request::Mbuf(self.mbuf()),
            11 => Request::MbufSg(self.mbuf()),
            12 | 13 => Request::Uio(self.uio()),
            _ => Request::Mem(Box::new(self.mem())),
        }
    }

    fn bytes_max(&mut self) -> u64 {
        match self.mix {
            Mix::Steady => (STEADY_PAGES - 1) * PAGE,
            Mix::Everything => *self.random.pick(&[PAGE, 4 * PAGE, 40 * PAGE]),
        }
    }

    fn misuses(&mut self) -> bool {
        self.mix == Mix::Everything && self.random.one_in(12)
    }

    fn kernel_buffer(&mut self) -> Buffer {
        let bytes_max = self.bytes_max();
        self.buffer(Space::Kernel, bytes_max)
    }

    fn buffer(&mut self, space: Space, bytes_max: u64) -> Buffer {
        let fitting: Vec<_> = self.memory.iter().filter(|memory| memory.space == space).collect();
        let Memory { memory, length: size, .. } = **self.random.pick(&fitting);
        let length = 1 + self.random.below(size.min(bytes_max));
        let offset = match self.random.below(3) {
            0 => 0,
            1 => self.random.below(size - length + 1) & !(PAGE - 1),
            _ => self.random.below(size - length + 1),
        };
        Buffer { memory, offset: Some(offset), length }
    }

    /// Several buffers with no more bytes together than one.
    fn buffers(&mut self, space: Space) -> Vec<Buffer> {
        let count = 1 + self.random.below(3);
        let bytes_max = (self.bytes_max() / count).max(1);
        // Each may touch a page more than it fills.
        let bytes_max = if self.mix == Mix::Steady { bytes_max.min(PAGE) } else { bytes_max };
        (0..count).map(|_| self.buffer(space, bytes_max)).collect()
    }

    /// Pages of the client's own.
    fn pages(&mut self) -> Vec<u64> {
        let with_pages: Vec<_> = self.memory.iter().filter(|memory| !memory.pages.is_empty()).collect();
        let all = &self.random.pick(&with_pages).pages;
        let count = 1 + self.random.index(all.len().min(6));
        let first = self.random.index(all.len() - count + 1);
        all[first..first + count].to_vec()
    }

    fn ranges(&mut self) -> Vec<PhysRange> {
        let pages = self.pages();
        let mut range = |page| {
            let offset = self.random.below(PAGE);
            PhysRange { paddr: Hex(page + offset), length: 1 + self.random.below(PAGE - offset) }
        };
        pages.into_iter().map(&mut range).collect()
    }

    fn bio(&mut self) -> Bio {
        match self.random.below(3) {
            0 => Bio::Mapped(self.kernel_buffer()),
            1 => {
                let pages = self.pages();
                let offset = self.random.below(PAGE);
                let bytes = pages.len() as u64 * PAGE - offset;
                let bcount = if self.misuses() { bytes + PAGE } else { 1 + self.random.below(bytes) };
                Bio::Unmapped(UnmappedBio {
                    pages: pages.into_iter().map(Hex).collect(),
                    offset: Some(u32::try_from(offset).unwrap()),
                    bcount,
                })
            }
            _ => {
                let list = self.buffers(Space::Kernel);
                let offset = self.random.below(list[0].length);
                let bytes: u64 = list.iter().map(|buffer| buffer.length).sum();
                Bio::Vlist(VlistBio { list, offset: Some(offset), bcount: bytes - offset })
            }
        }
    }

    fn ccb(&mut self) -> Ccb {
        let mut ccb = Ccb {
            function: *self.random.pick(&[CcbFunction::ScsiIo, CcbFunction::ContTargetIo]),
            direction: *self.random.pick(&[
                CcbDirection::In,
                CcbDirection::Out,
                CcbDirection::Both,
                CcbDirection::None,
            ]),
            data: CcbData::Invalid(Nothing {}),
            dxfer_len: None,
            sglist_cnt: None,
        };
        if self.misuses() {
            ccb.function = *self.random.pick(&[CcbFunction::Noop, CcbFunction::AtaIo, CcbFunction::NvmeIo]);
        }
        match self.random.below(5) {
            _ if self.misuses() => {}
            0 => {
                let buffer = self.kernel_buffer();
                ccb.dxfer_len = Some(u32::try_from(buffer.length).unwrap());
                ccb.data = CcbData::Vaddr(buffer);
            }
            1 => {
                let range = self.ranges()[0];
                ccb.dxfer_len = Some(u32::try_from(range.length).unwrap());
                ccb.data = CcbData::Paddr(range);
            }
            2 => {
                let list = self.buffers(Space::Kernel);
                ccb.dxfer_len = Some(u32::try_from(list.iter().map(|buffer| buffer.length).sum::<u64>()).unwrap());
                ccb.sglist_cnt = Some(u16::try_from(list.len()).unwrap() + u16::from(self.misuses()));
                ccb.data = CcbData::Sg(list);
            }
            3 => {
                let list = self.ranges();
                ccb.sglist_cnt = Some(u16::try_from(list.len()).unwrap());
                ccb.data = CcbData::SgPaddr(list);
            }
            _ => ccb.data = CcbData::Bio(self.bio()),
        }
        ccb
    }

    fn mbuf(&mut self) -> Mbuf {
        let chain = self.buffers(Space::Kernel);
        let length = chain.iter().map(|buffer| buffer.length).sum();
        Mbuf { packet_length: (!self.misuses()).then_some(length), chain }
    }

    fn uio(&mut self) -> Uio {
        let has_user = self.memory.iter().any(|memory| memory.space == Space::User);
        let (space, of) = match self.random.below(2) {
            0 if has_user => (Space::User, UioSpace::User),
            _ => (Space::Kernel, UioSpace::Kernel),
        };
        let of = if of == UioSpace::User && self.misuses() { UioSpace::UserWithoutThread } else { of };
        let iov = self.buffers(space);
        let bytes: u64 = iov.iter().map(|buffer| buffer.length).sum();
        Uio { resid: 1 + self.random.below(bytes), space: of, iov }
    }

    fn mem(&mut self) -> MemDesc {
        match self.random.below(8) {
            0 => MemDesc::Vaddr(self.kernel_buffer()),
            1 => MemDesc::Paddr(self.ranges()[0]),
            2 => MemDesc::Vlist(self.buffers(Space::Kernel)),
            3 => MemDesc::Plist(self.ranges()),
            4 => MemDesc::Bio(self.bio()),
            5 => MemDesc::Uio(self.uio()),
            6 => MemDesc::Mbuf(self.mbuf()),
            _ => MemDesc::Ccb(self.ccb()),
        }
    }
}
