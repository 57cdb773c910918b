//! Tags: creation, inheritance, the chain of tests, references.

use super::{Kernel, PAGE, Pool, Reference, Tag};
use crate::answer::{Answer, TagNo, TagView};
use busdma_engine::constraints::{AddressFilter, SegmentLimit, TagFlags, TagTemplate};
use busdma_engine::error::Errno;

impl Reference {
    /// `bus_dma_tag_create`.
    pub(super) fn new_tag(&mut self, no: TagNo, parent: Option<TagNo>, template: &TagTemplate) -> Answer {
        let mut tag = asked_for(template);
        if tag.boundary != 0 && tag.boundary < tag.maxsegsz {
            tag.maxsegsz = tag.boundary;
        }
        if tag.maxsegsz == 0 {
            return Answer::Error(Errno::Einval);
        }
        if let Some(parent_no) = parent {
            // Referenced at once, and not given back if creation fails further down.
            self.tags.get_mut(&parent_no).expect("live parent").references += 1;
            let parent = &self.tags[&parent_no];
            restrict(&mut tag, parent_no, parent);
            tag.can_bounce = tag.filter.is_some() || parent.can_bounce;
            tag.flags |= parent.flags & TagFlags::COHERENT;
        }
        if tag.lowaddr < self.machine.spec().maxmem / PAGE * PAGE || tag.alignment > 1 {
            tag.can_bounce = true;
        }
        if tag.can_bounce && tag.flags.contains(TagFlags::ALLOC_NOW) && !self.fill_pool_now(&mut tag) {
            return Answer::Error(Errno::Enomem);
        }
        let view = TagView {
            alignment: tag.alignment,
            boundary: tag.boundary,
            lowaddr: tag.lowaddr,
            highaddr: tag.highaddr,
            maxsegsz: tag.maxsegsz,
            could_bounce: tag.can_bounce,
            chain_parent: tag.next_test,
            zone: tag.pool,
        };
        self.tags.insert(no, tag);
        Answer::Tag(view)
    }

    /// `bus_dma_tag_destroy`.
    pub(super) fn give_up_tag(&mut self, no: TagNo) -> Answer {
        if self.tags[&no].maps != 0 {
            return Answer::Error(Errno::Ebusy);
        }
        let mut freed = Vec::new();
        let mut next = Some(no);
        while let Some(no) = next {
            let tag = self.tags.get_mut(&no).expect("tags stay in the model");
            if tag.references == 0 {
                break;
            }
            tag.references -= 1;
            if tag.references > 0 {
                break;
            }
            freed.push(no);
            next = tag.next_test;
        }
        Answer::TagDestroyed(freed)
    }

    /// Whether a chunk that starts at `paddr` has to be bounced: the first test along the chain that says so decides.
    pub(super) fn must_bounce(&self, tag: TagNo, paddr: u64) -> bool {
        let mut next = Some(tag);
        while let Some(no) = next {
            let tag = &self.tags[&no];
            let suspicious = (paddr > tag.lowaddr && paddr <= tag.highaddr) || !paddr.is_multiple_of(tag.alignment);
            if suspicious && tag.filter_denies(paddr) {
                return true;
            }
            next = tag.next_test;
        }
        false
    }

    /// `BUS_DMA_ALLOCNOW`: false when frames ran out.
    fn fill_pool_now(&mut self, tag: &mut Tag) -> bool {
        let pool = self.find_pool(tag);
        tag.pool = Some(pool);
        tag.first_pages_done = true;
        let Pool { total, .. } = self.pools[pool];
        if total.cast_unsigned() * PAGE >= tag.maxsize {
            return true;
        }
        let wanted = as_int(tag.maxsize / PAGE) - total;
        self.grow_pool(pool, wanted) >= wanted
    }
}

/// A C `int` made from a larger number.
pub(super) fn as_int(number: u64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "C keeps the low half")]
    let low = number as u32;
    i64::from(low.cast_signed())
}

fn asked_for(template: &TagTemplate) -> Tag {
    Tag {
        alignment: template.alignment.bytes(),
        boundary: template.boundary.map_or(0, busdma_engine::constraints::Boundary::bytes),
        lowaddr: last_of_page(template.window.lowaddr.raw()),
        highaddr: last_of_page(template.window.highaddr.raw()),
        filter: template.filter.as_ref().map(|filter| match filter {
            AddressFilter::Deny(ranges) => ranges.iter().map(|(first, last)| (first.raw(), last.raw())).collect(),
            AddressFilter::Custom(_) => unreachable!("operations carry no functions"),
        }),
        maxsize: template.maxsize.raw(),
        nsegments: match template.nsegments {
            SegmentLimit::Max(limit) => u64::from(limit),
            SegmentLimit::Unrestricted => u64::from(u32::MAX),
        },
        maxsegsz: template.maxsegsz.raw(),
        flags: template.flags,
        lock: template.lock,
        next_test: None,
        references: 1,
        maps: 0,
        can_bounce: false,
        first_pages_done: false,
        used_kmem: false,
        pool: None,
    }
}

fn last_of_page(addr: u64) -> u64 {
    addr / PAGE * PAGE + (PAGE - 1)
}

/// What a child takes over.
fn restrict(tag: &mut Tag, parent_no: TagNo, parent: &Tag) {
    tag.lowaddr = tag.lowaddr.min(parent.lowaddr);
    tag.highaddr = tag.highaddr.max(parent.highaddr);
    if tag.boundary == 0 {
        tag.boundary = parent.boundary;
    } else if parent.boundary != 0 {
        tag.boundary = tag.boundary.min(parent.boundary);
    }
    if tag.filter.is_some() {
        tag.next_test = Some(parent_no);
    } else {
        tag.filter.clone_from(&parent.filter);
        tag.next_test = parent.next_test;
    }
}

impl Kernel {
    pub(super) fn loads_nvme(self) -> bool {
        self != Self::Amd64Release11
    }
}
