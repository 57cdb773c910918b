//! Memory files that clients pass in, looked at before the daemon touches a byte of them.

use crate::mapping::{Mapping, MappingError};
use busdma_engine::{BusSize, PAGE_SIZE};
use rustix::fs::{OFlags, SealFlags, fcntl_get_seals, fcntl_getfl, fstat, fstatfs};
use rustix::io::Errno;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use thiserror::Error;

/// What `fstatfs` says of memfds (`TMPFS_MAGIC`).
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// What `fstatfs` says of memfds made of huge pages (`HUGETLBFS_MAGIC`).
const HUGETLBFS_MAGIC: u64 = 0x9584_58f6;

/// A client's memfd, checked and mapped.
///
/// # No SIGBUS
/// A process that touches a mapped page is killed by SIGBUS when the file cannot supply the page. A client must not be able to
/// bring that about in the daemon, whatever it does with its file afterwards:
/// * *Cut the file short.* `F_SEAL_SHRINK` forbids it for good, since seals are never taken off. The seal is looked at before
///   the size, so that no cut can slip in between, and the size covers every mapped page at least in part.
/// * *Grow it.* `F_SEAL_GROW` forbids it: what was registered is all there is.
/// * *Punch holes.* Allowed, and harmless: tmpfs supplies a hole with zeros.
/// * *Pass a file whose file system may be full*, so that a hole cannot be supplied. Only the files of `memfd_create` can carry
///   these seals on tmpfs, and they live on the kernel's own mount, which has no size limit. Huge pages come from a
///   pool that can run dry: refused.
/// * *Seal it against writing later.* Not while it is mapped to write, which it is from here on.
///
/// What remains are faults of the host: broken memory, a swap device that cannot be read, and a host that was told never
/// to promise more memory than it has (`vm.overcommit_memory=2`) and has promised all of it.
#[derive(Debug)]
pub struct PassedMemory {
    mapping: Mapping,
    len: BusSize,
}

/// Why a client's file is refused.
#[derive(Debug, Error)]
pub enum PassedMemoryError {
    /// Nothing to register.
    #[error("0 bytes were passed, expected at least 1")]
    Empty,
    /// The bytes do not begin on a page.
    #[error("offset {offset} is no multiple of {PAGE_SIZE}")]
    OffsetUnaligned {
        /// Offset asked for.
        offset: u64,
    },
    /// It is a memfd made with `MFD_HUGETLB`.
    #[error("the file consists of huge pages, expected a memfd made without MFD_HUGETLB")]
    HugePages,
    /// It is not on tmpfs at all.
    #[error("the file is on file system {magic:#x}, expected a memfd, which is on {TMPFS_MAGIC:#x}")]
    NotMemfd {
        /// What `fstatfs` calls the file system.
        magic: u64,
    },
    /// It could be cut short or grown.
    #[error("the file lacks the seals {missing}, it has {found}")]
    NotSealed {
        /// Seals it needs.
        missing: Seals,
        /// Seals it has.
        found: Seals,
    },
    /// It is sealed against writing.
    #[error("the file cannot be written, its seals are {found}")]
    SealedAgainstWriting {
        /// Seals it has.
        found: Seals,
    },
    /// The descriptor was not opened to read and write.
    #[error("the file was not opened for reading and writing")]
    NotReadWrite,
    /// It ends too early.
    #[error("the file has {size} bytes, too few for {len} bytes at offset {offset}")]
    TooShort {
        /// Bytes in the file.
        size: u64,
        /// Offset asked for.
        offset: u64,
        /// Bytes asked for.
        len: BusSize,
    },
    /// The host does not answer.
    #[error("the file could not be examined")]
    Examine(#[source] io::Error),
    /// The host does not map it.
    #[error(transparent)]
    Mapping(#[from] MappingError),
}

/// Seals of a memory file (`F_SEAL_*`), shown by their names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seals(SealFlags);

impl PassedMemory {
    /// Checks `len` bytes from `offset` of a memory file on, and maps the pages they lie in. `offset` is a multiple of the page
    /// size.
    ///
    /// # Errors
    /// [`PassedMemoryError`], when the file could harm whoever maps it, or is none the daemon can copy from and to.
    pub fn check(file: OwnedFd, offset: u64, len: BusSize) -> Result<Self, PassedMemoryError> {
        if len == BusSize::ZERO {
            return Err(PassedMemoryError::Empty);
        }
        if !offset.is_multiple_of(PAGE_SIZE) {
            return Err(PassedMemoryError::OffsetUnaligned { offset });
        }
        check_file_system(&file)?;
        check_seals(&file)?;
        check_access(&file)?;
        check_size(&file, offset, len)?;
        let pages = BusSize::new(len.to_pages_ceil() * PAGE_SIZE);
        Ok(Self { mapping: Mapping::of_file(file, offset, pages)?, len })
    }

    /// Bytes that were checked; the mapping goes on to the end of the last page.
    pub fn len(&self) -> BusSize {
        self.len
    }

    /// Never: empty memory is refused.
    pub fn is_empty(&self) -> bool {
        self.len == BusSize::ZERO
    }

    pub(crate) fn into_mapping(self) -> Arc<Mapping> {
        Arc::new(self.mapping)
    }
}

fn check_file_system(file: &OwnedFd) -> Result<(), PassedMemoryError> {
    let found = fstatfs(file).map_err(examine)?;
    match u64::try_from(found.f_type).unwrap_or(u64::MAX) {
        TMPFS_MAGIC => Ok(()),
        HUGETLBFS_MAGIC => Err(PassedMemoryError::HugePages),
        magic => Err(PassedMemoryError::NotMemfd { magic }),
    }
}

fn check_seals(file: &OwnedFd) -> Result<(), PassedMemoryError> {
    let needed = SealFlags::SHRINK | SealFlags::GROW;
    let seals = fcntl_get_seals(file).map_err(examine)?;
    if !seals.contains(needed) {
        let missing = Seals(needed.difference(seals));
        return Err(PassedMemoryError::NotSealed { missing, found: Seals(seals) });
    }
    if seals.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE) {
        return Err(PassedMemoryError::SealedAgainstWriting { found: Seals(seals) });
    }
    Ok(())
}

fn check_access(file: &OwnedFd) -> Result<(), PassedMemoryError> {
    let flags = fcntl_getfl(file).map_err(examine)?;
    let opened = flags.intersection(OFlags::ACCMODE | OFlags::PATH);
    if opened == OFlags::RDWR { Ok(()) } else { Err(PassedMemoryError::NotReadWrite) }
}

fn check_size(file: &OwnedFd, offset: u64, len: BusSize) -> Result<(), PassedMemoryError> {
    let size = fstat(file).map_err(examine)?.st_size;
    let size = u64::try_from(size).unwrap_or(0);
    match offset.checked_add(len.raw()) {
        Some(end) if end <= size => Ok(()),
        _ => Err(PassedMemoryError::TooShort { size, offset, len }),
    }
}

fn examine(errno: Errno) -> PassedMemoryError {
    PassedMemoryError::Examine(errno.into())
}

impl fmt::Display for Seals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let mut separator = "";
        for (name, _) in self.0.iter_names() {
            write!(f, "{separator}F_SEAL_{name}")?;
            separator = "|";
        }
        Ok(())
    }
}

impl fmt::Debug for Seals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
