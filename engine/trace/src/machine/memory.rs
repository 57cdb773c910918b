//! Physical memory: a page exists from the first byte other than zero that is written to it.

use super::{Fnv1a, Pattern};
use crate::error::OperationError;
use busdma_engine::{BusSize, PAGE_SIZE, PhysAddr};
use rustc_hash::FxHashMap;

/// Pages kept at most, 1 GiB. Writes beyond are dropped and [`PhysMemory::check_limit`] says so.
const PAGES_MAX: usize = 1 << 18;

#[expect(clippy::cast_possible_truncation, reason = "4096")]
const PAGE_BYTES: usize = PAGE_SIZE as usize;

type Page = [u8; PAGE_BYTES];

/// Physical memory, at first all zero.
#[derive(Clone, Debug)]
pub struct PhysMemory {
    pages: FxHashMap<u64, Box<Page>>,
    pages_max: usize,
    dropped: bool,
}

impl Default for PhysMemory {
    fn default() -> Self {
        Self { pages: FxHashMap::default(), pages_max: PAGES_MAX, dropped: false }
    }
}

impl PhysMemory {
    /// Reads the bytes from `start` on.
    pub fn read(&self, start: PhysAddr, bytes: &mut [u8]) {
        let mut done = 0;
        for_each_chunk(start, bytes.len() as u64, |page, range| {
            let into = &mut bytes[done..done + range.len()];
            done += into.len();
            match self.pages.get(&page) {
                Some(page) => into.copy_from_slice(&page[range]),
                None => into.fill(0),
            }
        });
    }

    /// Writes bytes from `start` on.
    pub fn write(&mut self, start: PhysAddr, bytes: &[u8]) {
        let mut left = bytes;
        for_each_chunk(start, bytes.len() as u64, |page, range| {
            let (now, later) = left.split_at(range.len());
            left = later;
            if let Some(page) = self.page_mut(page, now.iter().all(|&byte| byte == 0)) {
                page[range].copy_from_slice(now);
            }
        });
    }

    /// Writes one byte over a range.
    pub fn fill(&mut self, start: PhysAddr, len: BusSize, byte: u8) {
        for_each_chunk(start, len.raw(), |page, range| {
            if let Some(page) = self.page_mut(page, byte == 0) {
                page[range].fill(byte);
            }
        });
    }

    /// Writes the next bytes of a pattern over a range.
    pub fn write_pattern(&mut self, start: PhysAddr, len: BusSize, pattern: &mut Pattern) {
        for_each_chunk(start, len.raw(), |page, range| {
            if let Some(page) = self.page_mut(page, false) {
                pattern.write_to(&mut page[range]);
            }
        });
    }

    /// Adds the bytes of a range to a hash.
    pub fn hash(&self, start: PhysAddr, len: BusSize, hash: &mut Fnv1a) {
        for_each_chunk(start, len.raw(), |page, range| match self.pages.get(&page) {
            Some(page) => hash.write(&page[range]),
            None => hash.write_zeros(range.len() as u64),
        });
    }

    /// Copies bytes. Neither range crosses a page.
    pub fn copy(&mut self, from: PhysAddr, to: PhysAddr, len: BusSize) {
        let (source, target) = (from.raw() / PAGE_SIZE, to.raw() / PAGE_SIZE);
        let len = usize::try_from(len.raw()).unwrap_or(usize::MAX);
        let (Some(from), Some(to)) = (range_in_page(from, len), range_in_page(to, len)) else { return };
        if source == target {
            if let Some(page) = self.pages.get_mut(&source) {
                page.copy_within(from, to.start);
            }
            return;
        }
        // A borrow of one page at a time: the target is taken out while the source is read.
        let Some(mut page) = self.pages.remove(&target).or_else(|| self.new_page(!self.pages.contains_key(&source)))
        else {
            return;
        };
        match self.pages.get(&source) {
            Some(source) => page[to].copy_from_slice(&source[from]),
            None => page[to].fill(0),
        }
        self.pages.insert(target, page);
    }

    /// Pages that hold anything.
    pub fn page_count(&self) -> usize {
        self.pages.len()
    }

    /// Keeps at most this many pages.
    pub fn set_limit(&mut self, pages: usize) {
        self.pages_max = pages;
    }

    /// Whether every write was kept.
    ///
    /// # Errors
    /// [`OperationError::TooMuchMemory`] when one was dropped.
    pub fn check_limit(&self) -> Result<(), OperationError> {
        if self.dropped { Err(OperationError::TooMuchMemory { limit: self.pages_max }) } else { Ok(()) }
    }

    /// A page to write to, `None` when that can be left out: it holds zeros and is to get zeros, or there is no room.
    fn page_mut(&mut self, number: u64, zeros: bool) -> Option<&mut Page> {
        if !self.pages.contains_key(&number) {
            let page = self.new_page(zeros)?;
            self.pages.insert(number, page);
        }
        self.pages.get_mut(&number).map(|page| &mut **page)
    }

    fn new_page(&mut self, zeros: bool) -> Option<Box<Page>> {
        if zeros {
            return None;
        }
        if self.pages.len() >= self.pages_max {
            self.dropped = true;
            return None;
        }
        Some(Box::new([0; PAGE_BYTES]))
    }
}

/// Calls `visit` with the number of each page of a range and the part of the page inside it.
#[expect(clippy::cast_possible_truncation, reason = "offsets in a page")]
fn for_each_chunk(start: PhysAddr, len: u64, mut visit: impl FnMut(u64, std::ops::Range<usize>)) {
    let (mut at, mut left) = (start, len);
    while left > 0 {
        let chunk = left.min(at.left_in_page().raw());
        let offset = at.page_offset() as usize;
        visit(at.raw() / PAGE_SIZE, offset..offset + chunk as usize);
        at = at.wrapping_add(BusSize::new(chunk));
        left -= chunk;
    }
}

/// The offsets of `len` bytes in their page, `None` when they do not fit.
#[expect(clippy::cast_possible_truncation, reason = "offsets in a page")]
fn range_in_page(start: PhysAddr, len: usize) -> Option<std::ops::Range<usize>> {
    let offset = start.page_offset() as usize;
    let end = offset.checked_add(len).filter(|&end| end <= PAGE_BYTES)?;
    Some(offset..end)
}
