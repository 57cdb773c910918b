//! Where things lie in a machine's physical memory.

use busdma_engine::{BusSize, PAGE_SIZE, PageCount, PhysAddr};
use thiserror::Error;

/// Bounce frames of one machine at most: 4 GiB of them, as many as a replay is willing to keep.
pub const FRAMES_MAX: PageCount = PageCount::new(1 << 20);

/// The end of the largest physical address space, exclusive: 52 bits, as wide as x86 and arm64 ever made it.
pub const MAXMEM_MAX: BusSize = BusSize::new(1 << 52);

/// The areas of physical memory, in this order: bounce frames, dmamem, clients' pages.
///
/// ```text
/// 0 ─── bounce.base ─ bounce frames ─── dmamem_base ─ dmamem ─ client_base ─ clients ─ maxmem
/// ```
///
/// Pages that lie before `dmamem_base` and are no bounce frame belong to nobody; a client gets them only by naming them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryModel {
    /// The end of physical memory, exclusive, whole pages.
    pub maxmem: BusSize,
    /// Bounce frames.
    pub bounce: BounceFrames,
    /// First page of the dmamem area, which ends where `client_base` begins.
    pub dmamem_base: PhysAddr,
    /// First page of the clients' area, which ends at `maxmem`.
    pub client_base: PhysAddr,
}

/// Bounce frames at equal distances: the k-th is `base + k * stride`, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BounceFrames {
    /// The first frame.
    pub base: PhysAddr,
    /// From one frame to the next: whole pages, at least one. Frames a page apart can coalesce in a segment list.
    pub stride: BusSize,
    /// How many there are, at most [`FRAMES_MAX`].
    pub frames: PageCount,
}

/// Why a model is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ModelError {
    /// The host's pages have another size.
    #[error("this host's pages have {found} bytes, the simulated machine's have {PAGE_SIZE}")]
    HostPageSize {
        /// Bytes in a page of the host.
        found: usize,
    },
    /// A field is no multiple of the page size.
    #[error("{field} is {found:#x}, expected a multiple of {PAGE_SIZE}")]
    Unaligned {
        /// Name of the field.
        field: &'static str,
        /// What it is.
        found: u64,
    },
    /// All frames would be one.
    #[error("bounce.stride is 0, expected at least {PAGE_SIZE}")]
    NoStride,
    /// More frames than a replay would keep.
    #[error("bounce.frames is {frames}, expected at most {FRAMES_MAX}")]
    TooManyFrames {
        /// How many.
        frames: PageCount,
    },
    /// Memory ends beyond [`MAXMEM_MAX`].
    #[error("maxmem is {maxmem}, expected at most {MAXMEM_MAX}")]
    MaxmemTooLarge {
        /// Where it ends.
        maxmem: BusSize,
    },
    /// An area reaches into the one behind it.
    #[error("the {area} end at {end:#x}, behind {next}, which is {start:#x}")]
    Overlap {
        /// The area that is too long.
        area: &'static str,
        /// Where it ends, exclusive.
        end: u64,
        /// The field that says where the next one begins.
        next: &'static str,
        /// Where the next one begins.
        start: u64,
    },
}

/// An area that no client gets pages of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ReservedArea {
    /// The page is a bounce frame.
    #[error("a bounce frame")]
    Bounce,
    /// The page lies between `dmamem_base` and `client_base`.
    #[error("dmamem")]
    Dmamem,
}

impl MemoryModel {
    /// Whether its areas are whole pages and lie in order.
    ///
    /// # Errors
    /// [`ModelError`], the first thing wrong.
    pub fn check(&self) -> Result<(), ModelError> {
        let host = rustix::param::page_size();
        if u64::try_from(host) != Ok(PAGE_SIZE) {
            return Err(ModelError::HostPageSize { found: host });
        }
        whole_pages("maxmem", self.maxmem.raw())?;
        whole_pages("bounce.base", self.bounce.base.raw())?;
        whole_pages("bounce.stride", self.bounce.stride.raw())?;
        whole_pages("dmamem_base", self.dmamem_base.raw())?;
        whole_pages("client_base", self.client_base.raw())?;
        if self.bounce.stride == BusSize::ZERO {
            return Err(ModelError::NoStride);
        }
        if self.bounce.frames > FRAMES_MAX {
            return Err(ModelError::TooManyFrames { frames: self.bounce.frames });
        }
        if self.maxmem > MAXMEM_MAX {
            return Err(ModelError::MaxmemTooLarge { maxmem: self.maxmem });
        }
        let (dmamem, clients) = (self.dmamem_base.raw(), self.client_base.raw());
        in_order("bounce frames", self.bounce.end(), "dmamem_base", dmamem)?;
        in_order("dmamem pages", dmamem, "client_base", clients)?;
        in_order("areas before the clients'", clients, "maxmem", self.maxmem.raw())
    }

    /// The area a page is reserved for, if it is.
    pub(crate) fn reserved(&self, page: PhysAddr) -> Option<ReservedArea> {
        if self.bounce.index_of(page).is_some() {
            return Some(ReservedArea::Bounce);
        }
        (self.dmamem_base <= page && page < self.client_base).then_some(ReservedArea::Dmamem)
    }
}

impl BounceFrames {
    /// Which frame an address lies in.
    #[inline]
    pub(crate) fn index_of(&self, addr: PhysAddr) -> Option<u32> {
        let offset = addr.page_start().checked_offset_from(self.base)?.raw();
        let index = offset / self.stride.raw();
        if offset % self.stride.raw() != 0 {
            return None;
        }
        u32::try_from(index).ok().filter(|&index| index < self.frames.raw())
    }

    /// The k-th frame.
    pub(crate) fn frame(&self, index: u32) -> Option<PhysAddr> {
        self.base.checked_add(BusSize::new(u64::from(index).checked_mul(self.stride.raw())?))
    }

    /// The end of the last frame, exclusive; `u64::MAX` when it lies beyond the address space.
    pub(crate) fn end(&self) -> u64 {
        match self.frames.raw().checked_sub(1) {
            None => self.base.raw(),
            Some(last) => {
                self.frame(last).and_then(|last| last.checked_add(BusSize::PAGE)).map_or(u64::MAX, PhysAddr::raw)
            }
        }
    }
}

fn whole_pages(field: &'static str, found: u64) -> Result<(), ModelError> {
    if found.is_multiple_of(PAGE_SIZE) { Ok(()) } else { Err(ModelError::Unaligned { field, found }) }
}

fn in_order(area: &'static str, end: u64, next: &'static str, start: u64) -> Result<(), ModelError> {
    if end <= start { Ok(()) } else { Err(ModelError::Overlap { area, end, next, start }) }
}
