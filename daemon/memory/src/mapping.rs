//! Memory files mapped into this process, and the bytes inside them.
//!
//! Other processes have the same pages mapped and write them at any time. So there is never a reference to such a byte: they
//! are copied in and out by address, and nothing is concluded from having read the same byte before.

#![expect(unsafe_code, reason = "shared bytes are reached by raw pointers only")]

use busdma_engine::{BusSize, PAGE_SIZE};
use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::Errno;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::Arc;
use thiserror::Error;

/// Part of a memory file, mapped to read and write. Dropping it unmaps the pages and closes the file.
pub struct Mapping {
    map: MmapRaw,
    file: OwnedFd,
    /// Where in the file the mapping begins.
    file_offset: u64,
}

/// Why there is no mapping.
#[derive(Debug, Error)]
pub enum MappingError {
    /// `memfd_create`, `ftruncate` or sealing failed.
    #[error("no memory file of {bytes} bytes could be made")]
    Make {
        /// Size wanted.
        bytes: BusSize,
        /// The host's reason.
        source: io::Error,
    },
    /// `mmap` failed.
    #[error("{bytes} bytes of a memory file could not be mapped")]
    Map {
        /// Bytes wanted.
        bytes: BusSize,
        /// The host's reason.
        source: io::Error,
    },
}

/// Some bytes of a [`Mapping`], which they keep alive. It may be used on any thread, by several at once: bytes that are
/// written while they are read come out as a mixture of old and new ones.
#[derive(Clone, Debug)]
pub struct Span {
    mapping: Arc<Mapping>,
    offset: usize,
    len: usize,
}

impl Mapping {
    /// A memory file of the daemon's own: all zero, sealed so that its size never changes and that no more seals are added.
    pub(crate) fn make(name: &str, bytes: BusSize) -> Result<Self, MappingError> {
        let file = make_sealed(name, bytes).map_err(|errno| MappingError::Make { bytes, source: errno.into() })?;
        Self::of_file(file, 0, bytes)
    }

    /// Maps part of a memory file; `offset` is a multiple of the page size.
    pub(crate) fn of_file(file: OwnedFd, offset: u64, bytes: BusSize) -> Result<Self, MappingError> {
        let failed = |source| MappingError::Map { bytes, source };
        let len = usize::try_from(bytes.raw()).map_err(|_| failed(Errno::NOMEM.into()))?;
        let map = MmapOptions::new().offset(offset).len(len).map_raw(&file).map_err(failed)?;
        Ok(Self { map, file, file_offset: offset })
    }

    /// The file.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Where in the file the first mapped byte lies.
    pub fn file_offset(&self) -> u64 {
        self.file_offset
    }

    /// Mapped bytes.
    pub fn len(&self) -> BusSize {
        BusSize::new(self.map.len() as u64)
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.map.len() == 0
    }

    /// Number of the first page in this process's address space, as `/proc/self/pagemap` counts.
    pub(crate) fn first_page_here(&self) -> u64 {
        self.map.as_ptr().addr() as u64 / PAGE_SIZE
    }

    /// Keeps the pages in memory, as far as this process may (`mlock`).
    pub(crate) fn lock(&self) -> io::Result<()> {
        self.map.lock()
    }

    /// Makes the first pages present.
    pub(crate) fn touch(&self, pages: usize) {
        for offset in (0..self.map.len()).step_by(4096).take(pages) {
            let byte = self.pointer(offset, 1);
            // SAFETY: the byte lies inside the live mapping. Only the fault matters, so another process's write to it at the
            // same moment does no harm.
            let _ = unsafe { byte.read_volatile() };
        }
    }

    /// Copies inside mappings; the ranges may overlap.
    ///
    /// # Panics
    /// When a range does not lie inside its mapping: [`Span`] and [`CopyPlan`](crate::CopyPlan) hold no such range.
    pub(crate) fn copy(from: (&Self, usize), to: (&Self, usize), len: usize) {
        let (source, target) = (from.0.pointer(from.1, len), to.0.pointer(to.1, len));
        // SAFETY: both ranges lie inside live mappings, whose pages all have a file behind them (`PassedMemory` says why).
        // No reference to the bytes exists. Where others write them meanwhile, other processes or other threads of this one, any
        // mixture of old and new bytes will do: they are passed on, and nothing here depends on what they are.
        unsafe { ptr::copy(source, target, len) }
    }

    /// Address of `len` bytes at `offset`.
    fn pointer(&self, offset: usize, len: usize) -> *mut u8 {
        let end = offset.checked_add(len);
        assert!(end.is_some_and(|end| end <= self.map.len()), "{len} bytes at {offset} lie outside {self:?}");
        self.map.as_mut_ptr().wrapping_add(offset)
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("map", &self.map)
            .field("file", &self.file)
            .field("file_offset", &self.file_offset)
            .finish()
    }
}

impl Span {
    /// `len` bytes from `offset` of the mapping on; `None` when they do not all lie inside it.
    pub fn new(mapping: Arc<Mapping>, offset: BusSize, len: BusSize) -> Option<Self> {
        let end = offset.raw().checked_add(len.raw())?;
        if end > mapping.len().raw() {
            return None;
        }
        Some(Self { mapping, offset: usize::try_from(offset.raw()).ok()?, len: usize::try_from(len.raw()).ok()? })
    }

    /// Bytes that are known to lie inside the mapping.
    pub(crate) fn inside(mapping: &Arc<Mapping>, offset: usize, len: usize) -> Self {
        Self { mapping: Arc::clone(mapping), offset, len }
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The mapping it lies in.
    pub fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    /// Where in the mapping's file its first byte lies.
    pub fn file_offset(&self) -> u64 {
        self.mapping.file_offset + self.offset as u64
    }

    /// `len` of its bytes from `offset` on; `None` when it has not so many.
    pub fn part(&self, offset: usize, len: usize) -> Option<Self> {
        let inside = offset.checked_add(len)? <= self.len;
        inside.then(|| Self { mapping: Arc::clone(&self.mapping), offset: self.offset + offset, len })
    }

    /// Copies its first bytes out, as many as both have; returns how many.
    pub fn read(&self, into: &mut [u8]) -> usize {
        let len = self.len.min(into.len());
        let source = self.mapping.pointer(self.offset, len);
        // SAFETY: `source` has `len` bytes inside the live mapping, `into` has at least as many and is the caller's alone, so
        // the two do not overlap. Any mixture of old and new bytes is a right answer, see `Mapping::copy`.
        unsafe { ptr::copy_nonoverlapping(source, into.as_mut_ptr(), len) }
        len
    }

    /// Overwrites its first bytes, as many as both have; returns how many.
    pub fn write(&self, bytes: &[u8]) -> usize {
        let len = self.len.min(bytes.len());
        let target = self.mapping.pointer(self.offset, len);
        // SAFETY: `target` has `len` bytes inside the live mapping, `bytes` has at least as many, and no slice ever lies inside
        // a mapping, so the two do not overlap. No reference to the target's bytes exists.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), target, len) }
        len
    }

    /// Copies its first bytes to another span, as many as both have; returns how many. The two may overlap.
    pub fn copy_to(&self, to: &Self) -> usize {
        let len = self.len.min(to.len);
        Mapping::copy((&self.mapping, self.offset), (&to.mapping, to.offset), len);
        len
    }

    /// Overwrites all its bytes with 0.
    pub fn zero(&self) {
        let target = self.mapping.pointer(self.offset, self.len);
        // SAFETY: `target` has `len` bytes inside the live mapping, and no reference to them exists.
        unsafe { ptr::write_bytes(target, 0, self.len) }
    }
}

fn make_sealed(name: &str, bytes: BusSize) -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        // Linux before 6.3 does not know the flag.
        Err(Errno::INVAL) => memfd_create(name, flags)?,
        made => made?,
    };
    ftruncate(&file, bytes.raw())?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}
