//! Which physical pages a region gets.

use crate::backed::{BackedPages, Holder};
use crate::model::MemoryModel;
use crate::ranges::{PageRanges, page_address, page_number};
use crate::region::{OwnerId, RegisterError};
use busdma_engine::{PAGE_SIZE, PhysAddr};
use rustc_hash::FxHashSet;
use std::ops::Range;

/// What a choice of pages depends on.
pub(crate) struct Choosing<'m> {
    pub(crate) model: &'m MemoryModel,
    pub(crate) taken: &'m PageRanges,
    pub(crate) backed: &'m BackedPages,
}

/// Whether listed pages may be in use already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sharing {
    /// Those made for the owner may, and any may occur twice.
    WithOwner(OwnerId),
    /// None may.
    Never,
}

impl Choosing<'_> {
    /// Checks pages that somebody listed; says how many of them are new.
    pub(crate) fn check(&self, pages: &[PhysAddr], sharing: Sharing) -> Result<u64, RegisterError> {
        let mut new = FxHashSet::default();
        for &page in pages {
            self.check_place(page)?;
            match (self.backed.holder(page), sharing) {
                (Some(Holder::Made(holder)), Sharing::WithOwner(owner)) if holder == owner => {}
                (Some(_), _) => return Err(RegisterError::PageTaken { page }),
                (None, _) => {
                    if !new.insert(page_number(page)) && sharing == Sharing::Never {
                        return Err(RegisterError::PageRepeated { page });
                    }
                }
            }
        }
        Ok(new.len() as u64)
    }

    /// Pages in a row, from `base` on.
    pub(crate) fn row_at(&self, base: PhysAddr, count: u64) -> Result<Vec<PhysAddr>, RegisterError> {
        if base.page_offset() != 0 {
            return Err(RegisterError::PageUnaligned { page: base });
        }
        let maxmem = self.model.maxmem;
        let end = page_number(base) + count;
        if end > maxmem.to_pages_floor() {
            let page = base.max(PhysAddr::new(maxmem.raw()));
            return Err(RegisterError::PageBeyondMemory { page, maxmem });
        }
        let pages = row(page_number(base)..end);
        self.check(&pages, Sharing::Never)?;
        Ok(pages)
    }

    /// The highest free pages in a row.
    pub(crate) fn highest_row(&self, count: u64) -> Result<Vec<PhysAddr>, RegisterError> {
        let first = self.taken.last_fit(self.clients(), count).ok_or(RegisterError::NoRange { pages: count })?;
        Ok(row(first..first + count))
    }

    fn clients(&self) -> Range<u64> {
        page_number(self.model.client_base)..self.model.maxmem.to_pages_floor()
    }

    fn check_place(&self, page: PhysAddr) -> Result<(), RegisterError> {
        let maxmem = self.model.maxmem;
        if page.page_offset() != 0 {
            return Err(RegisterError::PageUnaligned { page });
        }
        if page.raw() >= maxmem.raw() {
            return Err(RegisterError::PageBeyondMemory { page, maxmem });
        }
        match self.model.reserved(page) {
            Some(area) => Err(RegisterError::PageReserved { page, area }),
            None => Ok(()),
        }
    }
}

/// Random free pages of the clients' area, which are taken from then on. When there are too few, none is.
pub(crate) fn scatter(
    model: &MemoryModel,
    taken: &mut PageRanges,
    seed: u64,
    count: u64,
) -> Result<Vec<PhysAddr>, RegisterError> {
    let clients = page_number(model.client_base)..model.maxmem.to_pages_floor();
    let mut random = SplitMix64(seed);
    let mut pages = Vec::new();
    for _ in 0..count {
        let wish = clients.start + random.below(clients.end - clients.start);
        let free = taken.next_gap(wish..clients.end).or_else(|| taken.next_gap(clients.start..wish));
        let Some(free) = free else {
            pages.iter().map(|&page| page_number(page)).for_each(|page| taken.remove(page..page + 1));
            return Err(RegisterError::NoPages { pages: count });
        };
        taken.insert(free.start..free.start + 1);
        pages.push(page_address(free.start));
    }
    Ok(pages)
}

fn row(pages: Range<u64>) -> Vec<PhysAddr> {
    pages.map(|page| PhysAddr::new(page * PAGE_SIZE)).collect()
}

/// Steele, Lea and Flood's generator: every seed gives another sequence, the same on every host.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, 0 when that is 0.
    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }
}
