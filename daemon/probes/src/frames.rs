//! Where a page structure's page is.
//!
//! Scatter lists and bios name memory by page structures. The kernel keeps these in one array, and does not say where it
//! begins; the calibration finds out.

mod calibration;

use crate::kernel::Kernel;
use crate::status::Capability;
use busdma_engine::PhysAddr;

/// The array of page structures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frames {
    /// The kernel's address of frame 0's structure.
    base: u64,
    /// Bytes of a structure.
    struct_bytes: u64,
    /// Bytes of a page.
    page_bytes: u64,
}

/// Whether physical addresses of scatter lists and block requests are known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FrameStatus {
    /// They are.
    Known {
        /// The array.
        frames: Frames,
        /// How it was found.
        source: FrameSource,
    },
    /// They are not: those lists are empty.
    Unknown {
        /// Why, and what cures it.
        why: FrameFailure,
    },
}

/// How the array was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameSource {
    /// Pages of this process, whose frames `/proc/self/pagemap` tells, were paired with their structures.
    Pagemap,
    /// The array begins at a multiple of 1 GiB (x86-64), and this machine's memory leaves only one such place.
    Alignment,
}

/// Why the array was not found.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameFailure {
    /// No program is loaded.
    #[error("no program is loaded")]
    NotLoaded,
    /// Only `pagemap` could tell, and it does not without that capability.
    #[error(
        "physical addresses of scatter lists stay unknown without {capability}: start with it; it is given up once \
             attached"
    )]
    Denied {
        /// Which.
        capability: Capability,
    },
    /// The program that samples page structures did not run.
    #[error(
        "the program on kmem:mm_page_alloc did not run, so that physical addresses of scatter lists stay unknown: \
             {error}"
    )]
    NotSampled {
        /// Why, as far as is known.
        error: Box<str>,
    },
    /// The kernel has more than one array.
    #[error(
        "the kernel's page structures are in no single array ({explained} of {pages} pages agree), so that physical \
             addresses of scatter lists stay unknown: run a kernel built with CONFIG_SPARSEMEM_VMEMMAP=y"
    )]
    Scattered {
        /// Pages that agree on one place.
        explained: usize,
        /// Pages that were tried.
        pages: usize,
    },
}

/// Frames beyond 2^40 pages are none: no machine addresses as much.
const FRAME_BITS: u32 = 40;

impl Frames {
    /// Where the byte is that lies `offset` bytes after the beginning of that structure's page; nothing when it is no
    /// address of a page structure.
    pub fn address(&self, page_struct: u64, offset: u32) -> Option<PhysAddr> {
        let distance = page_struct.checked_sub(self.base)?;
        let frame = distance.checked_div(self.struct_bytes)?;
        if distance % self.struct_bytes != 0 || frame >> FRAME_BITS != 0 {
            return None;
        }
        Some(PhysAddr::new(frame * self.page_bytes + u64::from(offset)))
    }

    #[cfg(test)]
    pub(crate) const fn for_tests(base: u64, struct_bytes: u64, page_bytes: u64) -> Self {
        Self { base, struct_bytes, page_bytes }
    }

    /// Finds the array, which takes about a millisecond and, on most machines, `CAP_SYS_ADMIN`.
    pub(crate) fn calibrate(kernel: &mut Kernel) -> FrameStatus {
        match calibration::calibrate(kernel) {
            Ok((frames, source)) => FrameStatus::Known { frames, source },
            Err(why) => FrameStatus::Unknown { why },
        }
    }
}

impl FrameStatus {
    /// The array, if it was found.
    pub const fn frames(&self) -> Option<Frames> {
        match self {
            Self::Known { frames, .. } => Some(*frames),
            Self::Unknown { .. } => None,
        }
    }

    pub(crate) const fn not_loaded() -> Self {
        Self::Unknown { why: FrameFailure::NotLoaded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_structures_are_frames() {
        let frames = Frames { base: 0xffff_ea00_0000_0000, struct_bytes: 64, page_bytes: 4096 };
        let check = |page, offset, expected: Option<u64>| {
            assert_eq!(frames.address(page, offset), expected.map(PhysAddr::new), "{page:#x}");
        };
        check(0xffff_ea00_0000_0000, 0, Some(0));
        check(0xffff_ea00_0000_0040, 512, Some(4608));
        check(0xffff_ea00_0000_0040, 5000, Some(9096));
        check(0xffff_ea00_0000_0041, 0, None);
        check(0xffff_e9ff_ffff_ffc0, 0, None);
        check(u64::MAX - 63, 0, Some((u64::MAX - 63 - 0xffff_ea00_0000_0000) / 64 * 4096));
        check(0, 0, None);
    }
}
