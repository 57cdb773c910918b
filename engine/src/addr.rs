//! Addresses and sizes: newtypes that cannot be mixed up or added by accident.
//!
//! A bus address is what a device sees, a physical address is what the memory controller sees, a virtual address is what
//! the driver holds. None of them has `+` or `-`: callers choose `checked_add`, `wrapping_add` or `checked_offset_from`
//! and so say what should happen at the end of the address space.

use std::fmt;

/// Bytes in a page: the unit in which memory is translated, excluded and bounced (`PAGE_SIZE`).
pub const PAGE_SIZE: u64 = 4096;

/// Mask of the offset inside a page (`PAGE_MASK`).
pub const PAGE_MASK: u64 = PAGE_SIZE - 1;

macro_rules! address {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(u64);

        impl $name {
            /// The highest address of the space, inclusive (`BUS_SPACE_MAXADDR`).
            pub const MAX: Self = Self(u64::MAX);

            /// Wraps a raw address.
            #[inline]
            pub const fn new(raw: u64) -> Self {
                Self(raw)
            }

            /// The raw 64-bit address.
            #[inline]
            pub const fn raw(self) -> u64 {
                self.0
            }

            /// The address `bytes` further on, or `None` past the end of the address space.
            #[inline]
            pub const fn checked_add(self, bytes: BusSize) -> Option<Self> {
                match self.0.checked_add(bytes.raw()) {
                    Some(raw) => Some(Self(raw)),
                    None => None,
                }
            }

            /// The address `bytes` further on, modulo 2^64, as C's unsigned arithmetic gives it.
            #[inline]
            #[must_use]
            pub const fn wrapping_add(self, bytes: BusSize) -> Self {
                Self(self.0.wrapping_add(bytes.raw()))
            }

            /// How far this address lies behind `start`, or `None` when it lies before it.
            #[inline]
            pub const fn checked_offset_from(self, start: Self) -> Option<BusSize> {
                match self.0.checked_sub(start.0) {
                    Some(raw) => Some(BusSize::new(raw)),
                    None => None,
                }
            }

            /// Offset inside the page, `0..PAGE_SIZE`.
            #[inline]
            pub const fn page_offset(self) -> u64 {
                self.0 & PAGE_MASK
            }

            /// First address of the page this address lies in (`trunc_page`).
            #[inline]
            #[must_use]
            pub const fn page_start(self) -> Self {
                Self(self.0 & !PAGE_MASK)
            }

            /// Last address of the page this address lies in, inclusive.
            #[inline]
            #[must_use]
            pub const fn page_last(self) -> Self {
                Self(self.0 | PAGE_MASK)
            }

            /// Bytes from this address to the end of its page, `1..=PAGE_SIZE`.
            #[inline]
            pub const fn left_in_page(self) -> BusSize {
                BusSize::new(PAGE_SIZE - self.page_offset())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }
    };
}

address! {
    /// What a device puts on the bus (`bus_addr_t`).
    BusAddr
}

address! {
    /// Where a byte lies in memory (`vm_paddr_t`).
    PhysAddr
}

address! {
    /// What a driver or a process holds a pointer to (`vm_offset_t`), in one of two [`AddressSpace`]s.
    VirtAddr
}

impl PhysAddr {
    /// The address a device uses for this byte. Without an IOMMU, which none of the profiles has, the two are equal.
    #[inline]
    pub const fn to_bus(self) -> BusAddr {
        BusAddr::new(self.raw())
    }
}

impl BusAddr {
    /// The byte a device reaches at this address; see [`PhysAddr::to_bus`].
    #[inline]
    pub const fn to_phys(self) -> PhysAddr {
        PhysAddr::new(self.raw())
    }
}

/// Which page table a [`VirtAddr`] belongs to (`pmap_t`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum AddressSpace {
    /// The kernel's own: buffers, mbufs, `UIO_SYSSPACE`.
    Kernel,
    /// A process's: `UIO_USERSPACE`. Bounce copies of it go page by page, through physical addresses.
    User,
}

/// A number of bytes (`bus_size_t`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BusSize(u64);

impl BusSize {
    /// No bytes.
    pub const ZERO: Self = Self(0);

    /// One page.
    pub const PAGE: Self = Self(PAGE_SIZE);

    /// Wraps a number of bytes.
    #[inline]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[inline]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// Whole pages in this size, rounded down (`atop`).
    #[inline]
    pub const fn to_pages_floor(self) -> u64 {
        self.0 / PAGE_SIZE
    }

    /// Pages needed to hold this size, rounded up (`btoc`, `howmany`).
    #[inline]
    pub const fn to_pages_ceil(self) -> u64 {
        self.0.div_ceil(PAGE_SIZE)
    }
}

impl fmt::Display for BusSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for BusSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BusSize({})", self.0)
    }
}

/// A number of pages: never a number of bytes, an index or an address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PageCount(u32);

impl PageCount {
    /// No pages.
    pub const ZERO: Self = Self(0);

    /// Wraps a number of pages.
    #[inline]
    pub const fn new(pages: u32) -> Self {
        Self(pages)
    }

    /// The number of pages.
    #[inline]
    pub const fn raw(self) -> u32 {
        self.0
    }
}

impl fmt::Display for PageCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PageCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageCount({})", self.0)
    }
}

/// A point in time, nanoseconds on a monotonic clock of the caller's choice. The engine never reads a clock itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Nanos(u64);

impl Nanos {
    /// Wraps a time in nanoseconds.
    #[inline]
    pub const fn new(ns: u64) -> Self {
        Self(ns)
    }

    /// The time in nanoseconds.
    #[inline]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// Nanoseconds from `earlier` to this time, 0 when the clock went backwards.
    #[inline]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
