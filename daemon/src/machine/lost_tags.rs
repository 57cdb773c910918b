//! Destroyed tags that FreeBSD's counts of references keep, some of them for ever.
//!
//! A driver that makes and destroys a parent and a child each time would fill any machine. Nobody can name such tags any
//! more, so they go once nothing is below them.

use super::owner::Owner;
use crate::config::Quota;
use busdma_engine::Forgetting;
use std::collections::BTreeSet;

/// The tags that were destroyed and that the engine keeps, by number.
#[derive(Debug, Default)]
pub(crate) struct LostTags {
    tags: BTreeSet<u32>,
    /// How many of them had to stay when it was last tried.
    stayed: usize,
}

/// Fewer are not worth a look at all of them.
const FEW: usize = 16;

impl LostTags {
    pub(crate) fn add(&mut self, tag: u32) {
        self.tags.insert(tag);
    }

    pub(crate) fn remove(&mut self, tag: u32) {
        self.tags.remove(&tag);
    }

    /// Whether there are so many more than last time that looking at each of them costs little a tag.
    pub(crate) fn are_many(&self) -> bool {
        self.tags.len() > 2 * self.stayed + FEW
    }
}

impl Owner {
    /// Forgets the lost tags that nothing is below any more.
    pub(crate) fn forget_lost_tags(&mut self) {
        let objects = &mut self.objects;
        // Children were created after their parents.
        let lost = objects.lost.tags.iter().rev().copied().collect::<Vec<_>>();
        for tag in lost {
            let Some(entry) = objects.tags.get(&tag).filter(|entry| entry.maps == 0) else { continue };
            let id = entry.id;
            if let Forgetting::StillNamed { .. } = self.engine.forget_tag(id) {
                continue;
            }
            objects.lost.remove(tag);
            objects.tag_numbers.remove(&id);
            if let Some(entry) = objects.tags.remove(&tag) {
                entry.session.account.give_back(Quota::Tags, 1);
            }
        }
        objects.lost.stayed = objects.lost.tags.len();
    }
}
