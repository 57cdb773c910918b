//! Clients' buffers: registered, looked up, released.

use super::MachineMemory;
use crate::backed::{Holder, PageHome, PageUse};
use crate::listed::{Choosing, Sharing, scatter};
use crate::mapping::Mapping;
use crate::pagemap;
use crate::ranges::runs;
use crate::region::{
    Backing, Layout, NoSuchRegion, OwnerId, REGION_BYTES_MAX, Region, RegionId, RegisterError, RegisterRequest,
};
use crate::vspace::{VaddrError, VirtualSpace};
use busdma_engine::{AddressSpace, BusSize, PAGE_SIZE, PhysAddr, VirtAddr};
use std::sync::Arc;

/// Pages that were chosen for a region, with the bytes for those that are new.
struct Chosen {
    pages: Vec<PhysAddr>,
    /// `None` when every page is shared with an older region.
    mapping: Option<Arc<Mapping>>,
    standing: Standing,
}

/// Whether chosen pages are marked as taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Free,
    Taken,
}

impl MachineMemory {
    /// Registers a buffer: from then on its pages are memory, and its virtual address is mapped to them.
    ///
    /// # Errors
    /// [`RegisterError`]; nothing changed then.
    pub fn register(&mut self, request: RegisterRequest) -> Result<RegionId, RegisterError> {
        let RegisterRequest { backing, len, space, layout, vaddr, owner } = request;
        let count = page_count(len)?;
        backing.check_len(len)?;
        let address = self.choose_vaddr(space, vaddr, count)?;
        let holder = backing.holder(owner);
        let chosen = self.choose(backing, layout, holder, count)?;
        let file = self.back(&chosen, holder);
        self.space_mut(space).map(address, &chosen.pages);
        if vaddr.is_none() {
            match space {
                AddressSpace::Kernel => self.kernel_window.use_up(address, count),
                AddressSpace::User => self.user_window.use_up(address, count),
            }
        }
        let id = RegionId::new(self.next_region);
        self.next_region += 1;
        self.regions.insert(id, Region { vaddr: address, len, space, owner, pages: chosen.pages, file });
        Ok(id)
    }

    /// A registered buffer.
    pub fn region(&self, id: RegionId) -> Option<&Region> {
        self.regions.get(&id)
    }

    /// Who registered the page that an address lies in; `None` for a page that nobody did, dmamem and bounce frames among them.
    pub fn owner_of(&self, addr: PhysAddr) -> Option<OwnerId> {
        match self.backed.holder(addr)? {
            Holder::Made(owner) | Holder::Passed(owner) => Some(owner),
            Holder::Bounce | Holder::Dmamem => None,
        }
    }

    /// All registered buffers, oldest first.
    pub fn regions(&self) -> impl ExactSizeIterator<Item = (RegionId, &Region)> {
        self.regions.iter().map(|(&id, region)| (id, region))
    }

    /// Forgets a buffer; its pages are free unless other regions share them. The caller sees to it that no map is loaded with
    /// it: its pages may be somebody else's next.
    ///
    /// # Errors
    /// [`NoSuchRegion`].
    pub fn release(&mut self, id: RegionId) -> Result<(), NoSuchRegion> {
        let region = self.regions.remove(&id).ok_or(NoSuchRegion(id))?;
        self.space_mut(region.space).unmap(region.vaddr, region.pages.len() as u64);
        self.release_pages(&region.pages);
        Ok(())
    }

    fn choose_vaddr(&self, space: AddressSpace, wish: Option<VirtAddr>, count: u64) -> Result<VirtAddr, VaddrError> {
        let window = match space {
            AddressSpace::Kernel => &self.kernel_window,
            AddressSpace::User => &self.user_window,
        };
        match wish {
            Some(vaddr) => self.space(space).check(vaddr, count),
            None => self.space(space).find(window, count),
        }
    }

    /// Chooses pages and maps the bytes for them. What takes pages comes last, so that nothing has to be undone.
    fn choose(
        &mut self,
        backing: Backing,
        layout: Layout,
        holder: Holder,
        count: u64,
    ) -> Result<Chosen, RegisterError> {
        let (pages, mapping, standing) = match layout {
            Layout::Pages(pages) => return self.choose_listed(backing, pages, holder, count),
            Layout::Contiguous { base } => {
                let pages = match base {
                    Some(base) => self.choosing().row_at(base, count)?,
                    None => self.choosing().highest_row(count)?,
                };
                (pages, backing.into_mapping(count)?, Standing::Free)
            }
            Layout::Pagemap => {
                let mapping = backing.into_mapping(count)?;
                let pages = pagemap::frames(&mapping, count)?;
                self.choosing().check(&pages, Sharing::Never)?;
                (pages, mapping, Standing::Free)
            }
            Layout::Scattered { seed } => {
                let mapping = backing.into_mapping(count)?;
                (scatter(&self.model, &mut self.taken, seed, count)?, mapping, Standing::Taken)
            }
        };
        Ok(Chosen { pages, mapping: Some(mapping), standing })
    }

    fn choose_listed(
        &self,
        backing: Backing,
        pages: Vec<PhysAddr>,
        holder: Holder,
        count: u64,
    ) -> Result<Chosen, RegisterError> {
        if pages.len() as u64 != count {
            return Err(RegisterError::PageCount { found: pages.len(), expected: count });
        }
        let sharing = match holder {
            Holder::Made(owner) => Sharing::WithOwner(owner),
            _ => Sharing::Never,
        };
        let new = self.choosing().check(&pages, sharing)?;
        let mapping = if new == 0 { None } else { Some(backing.into_mapping(new)?) };
        Ok(Chosen { pages, mapping, standing: Standing::Free })
    }

    /// Puts bytes behind chosen pages; says which file has them in order.
    fn back(&mut self, chosen: &Chosen, holder: Holder) -> Option<Arc<Mapping>> {
        let Some(mapping) = &chosen.mapping else {
            chosen.pages.iter().for_each(|&page| self.backed.share(page));
            return None;
        };
        let slot = self.backed.add_mapping(Arc::clone(mapping), holder);
        self.backed.reserve(chosen.pages.len());
        let mut new = Vec::with_capacity(chosen.pages.len());
        let mut next = 0;
        for &page in &chosen.pages {
            if self.backed.use_page(page, PageHome { slot, page: next }) == PageUse::First {
                next += 1;
                new.push(page);
            }
        }
        if chosen.standing == Standing::Free {
            runs(&new).for_each(|run| self.taken.insert(run));
        }
        (new.len() == chosen.pages.len()).then(|| Arc::clone(mapping))
    }

    fn choosing(&self) -> Choosing<'_> {
        Choosing { model: &self.model, taken: &self.taken, backed: &self.backed }
    }

    fn space_mut(&mut self, space: AddressSpace) -> &mut VirtualSpace {
        match space {
            AddressSpace::Kernel => &mut self.kernel,
            AddressSpace::User => &mut self.user,
        }
    }
}

impl Backing {
    fn check_len(&self, len: BusSize) -> Result<(), RegisterError> {
        match self {
            Self::Passed(passed) if passed.len() < len => {
                Err(RegisterError::PassedTooShort { passed: passed.len(), len })
            }
            _ => Ok(()),
        }
    }

    fn holder(&self, owner: OwnerId) -> Holder {
        match self {
            Self::Passed(_) => Holder::Passed(owner),
            Self::Made => Holder::Made(owner),
        }
    }

    fn into_mapping(self, pages: u64) -> Result<Arc<Mapping>, RegisterError> {
        match self {
            Self::Passed(passed) => Ok(passed.into_mapping()),
            Self::Made => Ok(Arc::new(Mapping::make("busdma-client", BusSize::new(pages * PAGE_SIZE))?)),
        }
    }
}

fn page_count(len: BusSize) -> Result<u64, RegisterError> {
    if len == BusSize::ZERO {
        return Err(RegisterError::Empty);
    }
    if len > REGION_BYTES_MAX {
        return Err(RegisterError::TooLarge { len });
    }
    Ok(len.to_pages_ceil())
}
