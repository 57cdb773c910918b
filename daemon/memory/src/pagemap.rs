//! The host's own page frames behind a mapping, as `/proc/self/pagemap` has them.

use crate::mapping::Mapping;
use crate::ranges::page_address;
use busdma_engine::{BusSize, PhysAddr};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use thiserror::Error;

/// Bytes of an entry.
const ENTRY: u64 = 8;

/// The bits of an entry that hold the frame number of a present page.
const FRAME_NUMBER: u64 = (1 << 55) - 1;

/// The bit of an entry that says the page is present.
const PRESENT: u64 = 1 << 63;

/// Entries read at once.
const CHUNK: usize = 512;

/// How often pages that were moved away meanwhile are brought back.
const ATTEMPTS: u32 = 3;

/// Why the host's page frames are unknown.
#[derive(Debug, Error)]
pub enum PagemapError {
    /// The kernel hides frame numbers from this process.
    #[error("page frame numbers are hidden from this process: it lacks CAP_SYS_ADMIN")]
    NotPrivileged,
    /// A page did not stay in memory.
    #[error("page {page} of the memory does not stay present, allow the daemon to lock memory")]
    NotPresent {
        /// Which page, from 0.
        page: usize,
    },
    /// The file cannot be read.
    #[error("/proc/self/pagemap could not be read")]
    Read(#[source] io::Error),
}

/// The frames of a mapping's first `pages` pages, in order. The pages are made present and, where allowed, locked in memory; even so the
/// kernel may move one to another frame later on, and the answer is then what was.
pub(crate) fn frames(mapping: &Mapping, pages: u64) -> Result<Vec<PhysAddr>, PagemapError> {
    let pages = usize::try_from(pages.min(mapping.len().to_pages_ceil())).unwrap_or(usize::MAX);
    let pagemap = File::open("/proc/self/pagemap").map_err(PagemapError::Read)?;
    // What is hidden of one page is hidden of all: then there is no need to take up memory for the others.
    mapping.touch(1);
    read(&pagemap, mapping, 1)?;
    // Without the right to lock, touching has to do.
    let _ = mapping.lock();
    let mut missing = 0;
    for _ in 0..ATTEMPTS {
        mapping.touch(pages);
        match read(&pagemap, mapping, pages)? {
            Found::Frames(frames) => return Ok(frames),
            Found::Missing(page) => missing = page,
        }
    }
    Err(PagemapError::NotPresent { page: missing })
}

enum Found {
    Frames(Vec<PhysAddr>),
    /// The first page that is not present.
    Missing(usize),
}

fn read(pagemap: &File, mapping: &Mapping, pages: usize) -> Result<Found, PagemapError> {
    let mut frames = Vec::with_capacity(pages);
    let mut entries = [0; CHUNK * 8];
    while frames.len() < pages {
        let count = CHUNK.min(pages - frames.len());
        let entries = &mut entries[..count * 8];
        let position = (mapping.first_page_here() + frames.len() as u64) * ENTRY;
        pagemap.read_exact_at(entries, position).map_err(PagemapError::Read)?;
        for entry in entries.as_chunks().0 {
            let entry = u64::from_ne_bytes(*entry);
            if entry & PRESENT == 0 {
                return Ok(Found::Missing(frames.len()));
            }
            if entry & FRAME_NUMBER == 0 {
                return Err(PagemapError::NotPrivileged);
            }
            frames.push(frame(entry));
        }
    }
    Ok(Found::Frames(frames))
}

/// The address of a frame; one beyond any address space stays beyond any model.
fn frame(entry: u64) -> PhysAddr {
    let number = entry & FRAME_NUMBER;
    if number > u64::MAX / BusSize::PAGE.raw() { PhysAddr::MAX.page_start() } else { page_address(number) }
}
