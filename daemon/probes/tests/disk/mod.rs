//! A file that is written past the page cache, and a buffer whose frames are known.

#![expect(unsafe_code, reason = "a buffer at page addresses is had through mmap")]

use busdma_host::event::Disk;
use rustix::fs::{Mode, OFlags};
use rustix::mm::{MapFlags, ProtFlags};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

const PAGE: usize = 4096;

/// A file on the disk under the build folder, and a buffer of whole pages that goes into it.
pub(crate) struct DirectFile {
    file: File,
    disk: Disk,
    buffer: &'static mut [u8],
}

impl DirectFile {
    /// A file with a buffer of that many pages, written once so that later writes find their blocks in place.
    pub(crate) fn new(pages: usize) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::DIRECT | OFlags::DSYNC;
        let file: OwnedFd = rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR)
            .unwrap_or_else(|error| panic!("{}: a file for direct I/O cannot be made: {error}", folder.display()));
        let file = File::from(file);
        let disk = whole_disk(file.metadata().unwrap().dev());
        let mut direct = Self { file, disk, buffer: locked_pages(pages) };
        direct.write();
        direct
    }

    /// Writes the buffer, which is in memory and stays where it is meanwhile.
    pub(crate) fn write(&mut self) {
        self.buffer.iter_mut().step_by(PAGE).for_each(|byte| *byte = byte.wrapping_add(1));
        self.file.write_all_at(self.buffer, 0).unwrap();
    }

    /// The disk that the file is on.
    pub(crate) fn disk(&self) -> Disk {
        self.disk
    }

    /// The frames of the buffer.
    pub(crate) fn frames(&self) -> Vec<u64> {
        let mut entries = vec![0; self.buffer.len() / PAGE * 8];
        let first = self.buffer.as_ptr().addr() / PAGE;
        let pagemap = File::open("/proc/self/pagemap").unwrap();
        pagemap.read_exact_at(&mut entries, u64::try_from(first * 8).unwrap()).unwrap();
        let (entries, _) = entries.as_chunks::<8>();
        entries.iter().map(|entry| u64::from_ne_bytes(*entry) & ((1 << 55) - 1)).collect()
    }
}

impl Drop for DirectFile {
    fn drop(&mut self) {
        // SAFETY: the mapping is the one that was made, and the slice is not used after this.
        unsafe { rustix::mm::munmap(self.buffer.as_mut_ptr().cast(), self.buffer.len()).unwrap() };
    }
}

/// `memory` that the kernel will not give to anybody else.
fn locked_pages(pages: usize) -> &'static mut [u8] {
    let bytes = pages * PAGE;
    // SAFETY: without an address, the mapping replaces no other; it lives until the slice's only owner unmaps it.
    unsafe {
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE;
        let start = rustix::mm::mmap_anonymous(std::ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, flags);
        std::slice::from_raw_parts_mut(start.unwrap().cast(), bytes)
    }
}

/// A partition's folder in sysfs lies in its disk's.
fn whole_disk(device: u64) -> Disk {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let own = std::fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).unwrap_or_else(|error| {
        panic!("{}: no disk of its own ({major}:{minor}): {error}", env!("CARGO_TARGET_TMPDIR"))
    });
    let disk = if own.join("partition").exists() { own.parent().unwrap() } else { &own };
    let numbers = std::fs::read_to_string(disk.join("dev")).unwrap();
    let (major, minor) = numbers.trim().split_once(':').unwrap();
    Disk { major: major.parse().unwrap(), minor: minor.parse().unwrap() }
}
