//! What is mapped where on a machine, so that a line can say which pages a buffer lies on.

use super::Unwritable;
use crate::start::Region;
use busdma_engine::{AddressSpace, PAGE_SIZE, PhysAddr, VirtAddr, VirtRange};
use busdma_trace::format::{Buf, Hex};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Both address spaces of a machine.
#[derive(Debug, Default)]
pub(super) struct AddressMap {
    kernel: Regions,
    user: Regions,
    edition: Edition,
}

/// Tells whether a map is as it was: each change makes another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Edition(u64);

impl Edition {
    /// The one after a change.
    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The regions of one space by the number of their first page.
type Regions = BTreeMap<u64, Mapped>;

/// One region. Small allocations may lie on one page; they are then one region of several users.
#[derive(Debug)]
struct Mapped {
    pages: Arc<[PhysAddr]>,
    users: u32,
}

impl AddressMap {
    /// Maps a region.
    pub(super) fn map(&mut self, region: &Region) {
        let Region { space, start, pages } = region;
        let mapped = Mapped { pages: Arc::clone(pages), users: 0 };
        let mapped = self.regions_mut(*space).entry(start.raw() / PAGE_SIZE).or_insert(mapped);
        mapped.users += 1;
        if pages.len() > mapped.pages.len() {
            mapped.pages = Arc::clone(pages);
        }
    }

    /// Takes a region away that starts in the page of `start`.
    pub(super) fn unmap(&mut self, space: AddressSpace, start: VirtAddr) {
        let regions = self.regions_mut(space);
        let first = start.raw() / PAGE_SIZE;
        if let Some(mapped) = regions.get_mut(&first) {
            mapped.users -= 1;
            if mapped.users == 0 {
                regions.remove(&first);
            }
        }
    }

    /// Which edition this is.
    #[inline]
    pub(super) fn edition(&self) -> Edition {
        self.edition
    }

    /// A buffer with the pages behind it.
    pub(super) fn buf(&self, space: AddressSpace, range: VirtRange) -> Result<Buf, Unwritable> {
        let mut pages = Vec::new();
        self.each_page(space, range, |page| pages.push(Hex(page.raw())))?;
        Ok(Buf { vaddr: Hex(range.start.raw()), len: range.len.raw(), pages })
    }

    /// Goes through the pages behind a buffer.
    ///
    /// # Errors
    /// [`Unwritable::NotMapped`], after the pages before it.
    #[inline]
    pub(super) fn each_page(
        &self,
        space: AddressSpace,
        range: VirtRange,
        mut visit: impl FnMut(PhysAddr),
    ) -> Result<(), Unwritable> {
        let (vaddr, len) = (range.start.raw(), range.len.raw());
        if len == 0 {
            return Ok(());
        }
        let unmapped = Unwritable::NotMapped { space, addr: range.start };
        let last = vaddr.checked_add(len - 1).ok_or(unmapped)? / PAGE_SIZE;
        let mut page = vaddr / PAGE_SIZE;
        while page <= last {
            let piece = self
                .pages_from(space, page, last)
                .ok_or(Unwritable::NotMapped { space, addr: VirtAddr::new(page * PAGE_SIZE) })?;
            piece.iter().copied().for_each(&mut visit);
            page += piece.len() as u64;
        }
        Ok(())
    }

    /// The pages from `page` to `last`, inclusive, as far as one region has them: at least one.
    fn pages_from(&self, space: AddressSpace, page: u64, last: u64) -> Option<&[PhysAddr]> {
        let regions = match space {
            AddressSpace::Kernel => &self.kernel,
            AddressSpace::User => &self.user,
        };
        let (first, mapped) = regions.range(..=page).next_back()?;
        let pages = mapped.pages.get(usize::try_from(page - first).ok()?..).filter(|pages| !pages.is_empty())?;
        let wanted = usize::try_from(last - page).ok()?.saturating_add(1);
        Some(&pages[..wanted.min(pages.len())])
    }

    /// The regions of a space, to be changed.
    fn regions_mut(&mut self, space: AddressSpace) -> &mut Regions {
        self.edition = self.edition.next();
        match space {
            AddressSpace::Kernel => &mut self.kernel,
            AddressSpace::User => &mut self.user,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressMap, Unwritable};
    use crate::start::Region;
    use busdma_engine::{AddressSpace, BusSize, PhysAddr, VirtAddr, VirtRange};

    const SPACE: AddressSpace = AddressSpace::Kernel;

    fn region(start: u64, pages: &[u64]) -> Region {
        let pages = pages.iter().map(|&page| PhysAddr::new(page)).collect();
        Region { space: SPACE, start: VirtAddr::new(start), pages }
    }

    fn check(map: &AddressMap, start: u64, len: u64, pages: Result<&[u64], u64>) {
        let range = VirtRange { start: VirtAddr::new(start), len: BusSize::new(len) };
        let found = map.buf(SPACE, range).map(|buf| buf.pages.iter().map(|page| page.0).collect::<Vec<_>>());
        match (found, pages) {
            (Ok(found), Ok(pages)) => assert_eq!(found, pages, "{start:#x}+{len:#x}"),
            (Err(Unwritable::NotMapped { addr, .. }), Err(expected)) => assert_eq!(addr.raw(), expected),
            (found, pages) => panic!("{start:#x}+{len:#x}: {found:?}, expected {pages:?}"),
        }
    }

    #[test]
    fn buffers_over_regions() {
        let mut map = AddressMap::default();
        map.map(&region(0x10000, &[0xa000, 0xc000, 0xb000]));
        map.map(&region(0x13000, &[0x1000]));
        check(&map, 0x10000, 0, Ok(&[]));
        check(&map, 0x99000, 0, Ok(&[]));
        check(&map, 0x10fff, 1, Ok(&[0xa000]));
        check(&map, 0x10fff, 2, Ok(&[0xa000, 0xc000]));
        check(&map, 0x11000, 0x3000, Ok(&[0xc000, 0xb000, 0x1000]));
        check(&map, 0x13000, 0x1001, Err(0x14000));
        check(&map, 0xf000, 1, Err(0xf000));
        check(&map, u64::MAX, 2, Err(u64::MAX));
        map.unmap(SPACE, VirtAddr::new(0x13000));
        check(&map, 0x12000, 0x1001, Err(0x13000));
    }

    #[test]
    fn a_page_lasts_as_long_as_its_last_user() {
        let mut map = AddressMap::default();
        map.map(&region(0x10040, &[0xa000]));
        map.map(&region(0x10080, &[0xa000]));
        map.unmap(SPACE, VirtAddr::new(0x10040));
        check(&map, 0x10080, 8, Ok(&[0xa000]));
        map.unmap(SPACE, VirtAddr::new(0x10080));
        check(&map, 0x10080, 8, Err(0x10000));
    }
}
