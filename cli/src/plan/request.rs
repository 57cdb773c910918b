//! What was asked, resolved: tags, a buffer with its pages, and a machine.

use crate::args::{Arch, LoadKind, PlanArgs};
use crate::layout::{Layout, PlacementError};
use crate::size;
use busdma_engine::addr::{AddressSpace, BusSize, PAGE_SIZE, PageCount, PhysAddr, VirtAddr};
use busdma_engine::memdesc::VirtRange;
use busdma_engine::{Boundary, MachineLimits, Profile, WaitPolicy};
use busdma_presets::NamedTag;
use thiserror::Error;

/// Where a kernel buffer lies unless `--vaddr` says otherwise.
const KERNEL_BUFFERS: VirtAddr = VirtAddr::new(0xffff_fe00_0000_0000);

/// Where a user buffer lies unless `--vaddr` says otherwise.
const USER_BUFFERS: VirtAddr = VirtAddr::new(0x8_0000_0000);

/// The bytes of an mbuf cluster (`MCLBYTES`).
const CLUSTER: u64 = 2048;

/// The most pieces that one load is cut into here: a report of more helps nobody.
const PIECES_MAX: u64 = 1 << 20;

/// Why a request cannot be planned.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum RequestError {
    /// A buffer of no bytes.
    #[error("--length is 0: there is nothing to plan")]
    EmptyBuffer,
    /// An offset beyond the first page.
    #[error("--offset {offset} is not inside the first page; expected 0 to 4095")]
    OffsetBeyondPage {
        /// The offset.
        offset: u64,
    },
    /// Two offsets that contradict each other.
    #[error("the layout's address {start} has the offset {} in its page, the buffer {offset}", start.page_offset())]
    OffsetsDiffer {
        /// The layout's address.
        start: PhysAddr,
        /// The offset that `--offset` or `--vaddr` gives.
        offset: u64,
    },
    /// The buffer's addresses would wrap.
    #[error("{} from {start} on run past the end of the address space", size::prose(*length))]
    AddressWraps {
        /// First address.
        start: VirtAddr,
        /// Bytes.
        length: u64,
    },
    /// More pieces than a report can show.
    #[error("{} in pieces of {} or less make more than {PIECES_MAX} pieces", size::prose(*length), size::prose(*piece))]
    TooManyPieces {
        /// Bytes of the buffer.
        length: u64,
        /// Longest piece, bytes.
        piece: u64,
    },
    /// The pages do not go with the buffer or the memory.
    #[error(transparent)]
    Placement(#[from] PlacementError),
    /// A profile of the other architecture.
    #[error("profile {} is not one of {}; it has {}", profile.name(), arch_name(*arch), profiles_of(*arch))]
    ProfileOfOtherArch {
        /// The profile.
        profile: Profile,
        /// The architecture.
        arch: Arch,
    },
}

/// One load to be planned.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    /// The tags, root first; never empty.
    pub chain: Vec<NamedTag>,
    /// What is loaded.
    pub buffer: Buffer,
    /// Where.
    pub machine: Machine,
    /// Whose answers are given.
    pub profile: Profile,
    /// Whether the load may wait.
    pub wait: WaitPolicy,
}

/// A buffer and where its pages lie.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// Address of the first byte.
    pub start: VirtAddr,
    /// Bytes, at least 1.
    pub length: u64,
    /// First byte of each page it touches, in order.
    pub pages: Vec<PhysAddr>,
    /// What the pages were made from.
    pub layout: Layout,
    /// Which load function is called.
    pub kind: LoadKind,
}

/// The machine.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Its architecture.
    pub arch: Arch,
    /// Bytes of memory.
    pub maxmem: u64,
    /// Pages to be had for bounce pages.
    pub pool: u32,
}

impl PlanRequest {
    /// Resolves what was typed, for the tags `chain`.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the parts do not go together.
    pub fn resolve(args: &PlanArgs, chain: Vec<NamedTag>) -> Result<Self, RequestError> {
        let (arch, profile) = arch_and_profile(args.arch, args.profile.map(Profile::from))?;
        let buffer = Buffer::resolve(args)?;
        check_pieces(&chain, buffer.length)?;
        Ok(Self {
            chain,
            buffer,
            machine: Machine { arch, maxmem: args.maxmem, pool: args.pool },
            profile,
            wait: if args.nowait { WaitPolicy::NoWait } else { WaitPolicy::MayDefer },
        })
    }
}

impl Buffer {
    fn resolve(args: &PlanArgs) -> Result<Self, RequestError> {
        let length = args.length;
        if length == 0 {
            return Err(RequestError::EmptyBuffer);
        }
        let start = first_address(args)?;
        if start.checked_add(BusSize::new(length - 1)).is_none() {
            return Err(RequestError::AddressWraps { start, length });
        }
        let needed = pages_touched(start, length);
        let pages = args.layout.place(needed, args.maxmem)?;
        Ok(Self { start, length, pages, layout: args.layout.clone(), kind: args.kind })
    }

    /// Offset of the first byte in its page.
    pub fn offset(&self) -> u64 {
        self.start.page_offset()
    }

    /// The address space it lies in.
    pub fn space(&self) -> AddressSpace {
        match self.kind {
            LoadKind::Uio => AddressSpace::User,
            LoadKind::Buffer | LoadKind::Bio | LoadKind::Ccb | LoadKind::Mbuf => AddressSpace::Kernel,
        }
    }

    /// The whole buffer.
    pub fn range(&self) -> VirtRange {
        VirtRange { start: self.start, len: BusSize::new(self.length) }
    }

    /// The buffer as mbuf clusters: 2 KiB each, on 2 KiB boundaries as the allocator places them.
    pub fn clusters(&self) -> Vec<VirtRange> {
        let mut clusters = Vec::new();
        let mut done = 0;
        while done < self.length {
            let start = self.start.wrapping_add(BusSize::new(done));
            let len = (CLUSTER - start.raw() % CLUSTER).min(self.length - done);
            clusters.push(VirtRange { start, len: BusSize::new(len) });
            done += len;
        }
        clusters
    }

    /// The pages that `len` bytes at `offset` into the buffer lie on.
    pub fn pages_of(&self, offset: u64, len: u64) -> &[PhysAddr] {
        let page = |offset: u64| usize::try_from((self.offset() + offset) / PAGE_SIZE).unwrap_or(usize::MAX);
        let end = page(offset + len.max(1) - 1).saturating_add(1).min(self.pages.len());
        self.pages.get(page(offset)..end).unwrap_or(&[])
    }

    /// The same buffer cut short to `length` bytes.
    #[must_use]
    pub fn shortened(&self, length: u64) -> Self {
        self.moved(self.start, length)
    }

    /// The same buffer moved to the beginning of its first page.
    #[must_use]
    pub fn page_aligned(&self) -> Self {
        self.moved(self.start.page_start(), self.length)
    }

    fn moved(&self, start: VirtAddr, length: u64) -> Self {
        let mut pages = self.pages.clone();
        pages.truncate(usize::try_from(pages_touched(start, length)).unwrap_or(usize::MAX));
        Self { start, length, pages, layout: self.layout.clone(), kind: self.kind }
    }
}

impl Machine {
    /// What the engine wants to know.
    pub fn limits(&self) -> MachineLimits {
        let max_bpages = PageCount::new(match self.arch {
            Arch::Amd64 => 8192,
            Arch::Arm64 => 4096,
        });
        MachineLimits { maxmem: BusSize::new(self.maxmem), max_bpages }
    }
}

/// `amd64` or `arm64`.
pub fn arch_name(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "amd64",
        Arch::Arm64 => "arm64",
    }
}

/// The profile of FreeBSD itself that an architecture has by default.
pub fn freebsd_profile(arch: Arch) -> Profile {
    match arch {
        Arch::Amd64 => Profile::Freebsd11,
        Arch::Arm64 => Profile::Arm64Freebsd12,
    }
}

fn arch_and_profile(arch: Option<Arch>, profile: Option<Profile>) -> Result<(Arch, Profile), RequestError> {
    let home = match profile {
        None | Some(Profile::Strict) => None,
        Some(Profile::Freebsd11 | Profile::Freebsd12) => Some(Arch::Amd64),
        Some(Profile::Arm64Freebsd12) => Some(Arch::Arm64),
    };
    let arch = match (arch, home) {
        (Some(arch), Some(home)) if arch != home => {
            let profile = profile.unwrap_or_default();
            return Err(RequestError::ProfileOfOtherArch { profile, arch });
        }
        (arch, home) => arch.or(home).unwrap_or(Arch::Amd64),
    };
    Ok((arch, profile.unwrap_or_else(|| freebsd_profile(arch))))
}

fn profiles_of(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "freebsd-11, freebsd-12 and strict",
        Arch::Arm64 => "arm64-12 and strict",
    }
}

fn first_address(args: &PlanArgs) -> Result<VirtAddr, RequestError> {
    let given = match (args.offset, args.vaddr) {
        (Some(offset), _) if offset >= PAGE_SIZE => return Err(RequestError::OffsetBeyondPage { offset }),
        (Some(offset), _) => Some(offset),
        (None, vaddr) => vaddr.map(|vaddr| vaddr % PAGE_SIZE),
    };
    let offset = match (&args.layout, given) {
        (Layout::Contiguous { start: Some(start) }, None) => start.page_offset(),
        // A page-aligned address is one that leaves the offset open.
        (Layout::Contiguous { start: Some(start) }, Some(offset))
            if start.page_offset() != 0 && start.page_offset() != offset =>
        {
            return Err(RequestError::OffsetsDiffer { start: *start, offset });
        }
        (_, given) => given.unwrap_or(0),
    };
    let base = if args.kind == LoadKind::Uio { USER_BUFFERS } else { KERNEL_BUFFERS };
    Ok(args.vaddr.map_or_else(|| base.wrapping_add(BusSize::new(offset)), VirtAddr::new))
}

fn pages_touched(start: VirtAddr, length: u64) -> u64 {
    (start.page_offset() + (length - 1) % PAGE_SIZE) / PAGE_SIZE + (length - 1) / PAGE_SIZE + 1
}

fn check_pieces(chain: &[NamedTag], length: u64) -> Result<(), RequestError> {
    let limits = chain.iter().flat_map(|tag| {
        let boundary = tag.template.boundary.map(Boundary::bytes);
        [Some(tag.template.maxsegsz.raw()), boundary]
    });
    let piece = limits.flatten().filter(|&bytes| bytes != 0).min().unwrap_or(PAGE_SIZE).min(PAGE_SIZE);
    if length / piece > PIECES_MAX { Err(RequestError::TooManyPieces { length, piece }) } else { Ok(()) }
}
