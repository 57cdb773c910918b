//! What a driver asks for.

use super::{AddressFilter, Alignment, Boundary, ExclusionWindow, SegmentLimit};
use crate::addr::BusSize;

bitflags::bitflags! {
    /// Flags of `bus_dma_tag_create`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
    pub struct TagFlags: u32 {
        /// Fill the bounce pool at tag creation, or fail with `ENOMEM` (`BUS_DMA_ALLOCNOW`).
        const ALLOC_NOW = 1;
        /// The device is coherent with the CPU's caches (`BUS_DMA_COHERENT`); only arm64 looks at it.
        const COHERENT = 1 << 1;
        /// A bounced page keeps its offset inside the page (`BUS_DMA_KEEP_PG_OFFSET`, wanted by USB controllers).
        const KEEP_PAGE_OFFSET = 1 << 2;
    }
}

/// Which lock function a tag was given (`bus_dma_lock_t`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum LockFunction {
    /// The driver's own, such as `busdma_lock_mutex`: called around a deferred callback.
    #[default]
    Provided,
    /// None: FreeBSD puts in `dflt_lock`, which panics when a deferred load comes to its callback.
    PanicsWhenCalled,
}

/// What a driver asks for in `bus_dma_tag_create`, argument by argument.
#[derive(Clone, Debug)]
pub struct TagTemplate {
    /// Addresses of segments must be multiples of this.
    pub alignment: Alignment,
    /// Multiples of this that no segment may cross; `None` is FreeBSD's 0.
    pub boundary: Option<Boundary>,
    /// Addresses the device cannot reach.
    pub window: ExclusionWindow,
    /// Narrows the window; `None` excludes all of it.
    pub filter: Option<AddressFilter>,
    /// Largest sum of all segment lengths, bytes.
    pub maxsize: BusSize,
    /// Largest number of segments.
    pub nsegments: SegmentLimit,
    /// Largest length of one segment, bytes; 0 is refused with `EINVAL`.
    pub maxsegsz: BusSize,
    /// Flags of the tag.
    pub flags: TagFlags,
    /// Whether deferred callbacks can be locked.
    pub lock: LockFunction,
}

impl Default for TagTemplate {
    /// No constraints: every address, any size, as many segments as it takes.
    fn default() -> Self {
        Self {
            alignment: Alignment::BYTE,
            boundary: None,
            window: ExclusionWindow::NOTHING,
            filter: None,
            maxsize: BusSize::new(u64::from(u32::MAX)),
            nsegments: SegmentLimit::Unrestricted,
            maxsegsz: BusSize::new(u64::from(u32::MAX)),
            flags: TagFlags::empty(),
            lock: LockFunction::Provided,
        }
    }
}
