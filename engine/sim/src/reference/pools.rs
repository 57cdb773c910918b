//! Bounce zones and their growth, and the maps that make them grow.

use super::tags::as_int;
use super::{Map, Origin, PAGE, Pool, Reference, Tag};
use crate::answer::{Answer, MapNo, TagNo};
use busdma_engine::addr::PhysAddr;
use busdma_engine::constraints::Alignment;
use busdma_engine::error::{Errno, KernelPanic};
use busdma_engine::platform::FrameSource;

impl Reference {
    /// `bus_dmamap_create`.
    pub(super) fn new_map(&mut self, no: MapNo, tag_no: TagNo) -> Answer {
        let mut tag = self.tags[&tag_no].clone();
        let mut failed = false;
        let origin = match (tag.can_bounce, self.kernel.is_arm64()) {
            (true, _) => {
                failed = !self.make_room_for_map(&mut tag);
                Origin::Bouncing
            }
            (false, true) => Origin::Direct,
            (false, false) => Origin::Null,
        };
        if !failed {
            tag.maps += 1;
        }
        self.tags.insert(tag_no, tag);
        if failed {
            return Answer::Error(Errno::Enomem);
        }
        let map = Map::new(tag_no, origin);
        let handle = map.handle();
        self.maps.insert(no, map);
        Answer::Map(handle)
    }

    /// `bus_dmamap_destroy`.
    pub(super) fn give_up_map(&mut self, no: MapNo) -> Answer {
        let map = &self.maps[&no];
        if map.origin == Origin::Memory {
            return Answer::Panic(KernelPanic::InvalidMapFreed);
        }
        if self.is_queued(no) {
            return Answer::Refused;
        }
        if !map.pieces.is_empty() || map.range_count != 0 {
            return Answer::Error(Errno::Ebusy);
        }
        let (tag, origin) = (map.tag, map.origin);
        if origin != Origin::Null
            && origin != Origin::NullMemory
            && let Some(pool) = self.tags[&tag].pool
        {
            self.pools[pool].maps -= 1;
        }
        self.tags.get_mut(&tag).expect("tags stay in the model").maps -= 1;
        // A NULL map that came with memory still stands for that memory.
        if origin != Origin::NullMemory {
            self.maps.remove(&no);
        }
        Answer::MapDestroyed
    }

    /// The first pool that is low and aligned enough, or a new one.
    pub(super) fn find_pool(&mut self, tag: &Tag) -> usize {
        for (index, pool) in self.pools.iter().enumerate() {
            if tag.alignment <= pool.alignment && tag.lowaddr >= pool.lowaddr {
                return index;
            }
        }
        self.pools.push(Pool {
            lowaddr: tag.lowaddr,
            alignment: tag.alignment.max(PAGE),
            unused: Vec::new(),
            total: 0,
            free: 0,
            reserved: 0,
            active: 0,
            bounced: 0,
            deferred: 0,
            maps: 0,
        });
        self.pools.len() - 1
    }

    /// Adds frames until enough or out of them; says how many came. A negative wish is a huge one.
    pub(super) fn grow_pool(&mut self, pool: usize, wanted: i64) -> i64 {
        let mut added = 0;
        while added != wanted {
            let high = PhysAddr::new(self.pools[pool].lowaddr);
            let Some(frame) = self.machine.bounce_frame(high, Alignment::BYTE) else { break };
            let pool = &mut self.pools[pool];
            pool.unused.push(frame.raw());
            pool.total += 1;
            pool.free += 1;
            added += 1;
        }
        added
    }

    /// What a new map of a bouncing tag does to the pool; false when the map must fail.
    fn make_room_for_map(&mut self, tag: &mut Tag) -> bool {
        let pool = match tag.pool {
            Some(pool) => pool,
            None => self.find_pool(tag),
        };
        tag.pool = Some(pool);
        let Pool { total, maps, .. } = self.pools[pool];
        let most = self.most_pages(tag);
        let mut failed = false;
        if !tag.first_pages_done || (maps > 0 && total < most) {
            let for_maxsize = as_int((tag.maxsize / PAGE).max(1));
            let wanted = for_maxsize.min(most - total).max(1);
            let short = self.grow_pool(pool, wanted) < wanted;
            if !tag.first_pages_done {
                failed = short;
                tag.first_pages_done = !short;
            }
        }
        self.pools[pool].maps += 1;
        !failed
    }

    /// How far maps may make a pool grow.
    fn most_pages(&self, tag: &Tag) -> i64 {
        let cap = i64::from(self.machine.spec().max_bpages);
        if tag.alignment > 1 {
            return cap;
        }
        // Unsigned in C: memory that ends below lowaddr leaves a huge number of pages above it.
        let above = (self.machine.spec().maxmem / PAGE).wrapping_sub(tag.lowaddr / PAGE);
        i64::try_from(above).map_or(cap, |above| above.min(cap))
    }
}
