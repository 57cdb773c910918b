//! Which byte of which memory file a physical page is.

use crate::mapping::Mapping;
use crate::ranges::page_number;
use crate::region::OwnerId;
use busdma_engine::PhysAddr;
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Pages in use and the mappings behind them. Bounce frames are looked up elsewhere, but their mappings are here too.
#[derive(Debug, Default)]
pub(crate) struct BackedPages {
    /// By page number.
    homes: FxHashMap<u64, Backed>,
    slots: Vec<Option<Slot>>,
    /// Slots without a mapping.
    free: Vec<SlotId>,
}

/// Position of a mapping in [`BackedPages`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SlotId(u32);

/// Where the bytes of a page are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PageHome {
    pub(crate) slot: SlotId,
    /// Which page of the mapping, from 0.
    pub(crate) page: u32,
}

/// Whose pages a mapping holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Holder {
    /// A bounce zone.
    Bounce,
    /// A dmamem region.
    Dmamem,
    /// A client's, made by the daemon: the client may register the same pages again.
    Made(OwnerId),
    /// A client's own.
    Passed(OwnerId),
}

#[derive(Debug)]
struct Backed {
    home: PageHome,
    /// How often registered regions name the page.
    uses: u64,
}

#[derive(Debug)]
struct Slot {
    mapping: Arc<Mapping>,
    holder: Holder,
    /// Pages of it in [`BackedPages::homes`].
    pages: u64,
}

impl BackedPages {
    /// Adds a mapping. It stays until its last page is released.
    pub(crate) fn add_mapping(&mut self, mapping: Arc<Mapping>, holder: Holder) -> SlotId {
        let slot = Some(Slot { mapping, holder, pages: 0 });
        if let Some(id) = self.free.pop() {
            self.slots[id.0 as usize] = slot;
            return id;
        }
        let id = SlotId(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        self.slots.push(slot);
        id
    }

    /// The mapping in a slot.
    #[inline]
    pub(crate) fn mapping(&self, slot: SlotId) -> Option<&Arc<Mapping>> {
        Some(&self.slots.get(slot.0 as usize)?.as_ref()?.mapping)
    }

    /// Where a page's bytes are.
    #[inline]
    pub(crate) fn home(&self, addr: PhysAddr) -> Option<PageHome> {
        Some(self.homes.get(&page_number(addr))?.home)
    }

    /// Whose page it is.
    pub(crate) fn holder(&self, page: PhysAddr) -> Option<Holder> {
        let home = self.home(page)?;
        Some(self.slots.get(home.slot.0 as usize)?.as_ref()?.holder)
    }

    /// Makes room for so many pages at once.
    pub(crate) fn reserve(&mut self, pages: usize) {
        self.homes.reserve(pages);
    }

    /// Uses a page: once more where it has bytes already, as `home` where not.
    pub(crate) fn use_page(&mut self, page: PhysAddr, home: PageHome) -> PageUse {
        match self.homes.entry(page_number(page)) {
            Entry::Occupied(mut backed) => {
                backed.get_mut().uses += 1;
                PageUse::Shared
            }
            Entry::Vacant(vacant) => {
                vacant.insert(Backed { home, uses: 1 });
                if let Some(Some(slot)) = self.slots.get_mut(home.slot.0 as usize) {
                    slot.pages += 1;
                }
                PageUse::First
            }
        }
    }

    /// Uses a page once more that has bytes already.
    pub(crate) fn share(&mut self, page: PhysAddr) {
        if let Some(backed) = self.homes.get_mut(&page_number(page)) {
            backed.uses += 1;
        }
    }

    /// Ends one use of a page.
    pub(crate) fn release(&mut self, page: PhysAddr) -> Released {
        let Entry::Occupied(mut backed) = self.homes.entry(page_number(page)) else { return Released::StillUsed };
        backed.get_mut().uses -= 1;
        if backed.get().uses > 0 {
            return Released::StillUsed;
        }
        let slot = backed.remove().home.slot;
        let place = &mut self.slots[slot.0 as usize];
        if let Some(Slot { pages, .. }) = place {
            *pages -= 1;
            if *pages == 0 {
                *place = None;
                self.free.push(slot);
            }
        }
        Released::Free
    }
}

/// Whether a page was in use before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PageUse {
    First,
    Shared,
}

/// Whether a page is still in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Released {
    StillUsed,
    Free,
}
