//! Tags: create and destroy.

use super::Engine;
use crate::constraints::{TagFlags, TagTemplate};
use crate::decision::Observer;
use crate::error::TagError;
use crate::growth::Growing;
use crate::hazard::Hazard;
use crate::ids::TagId;
use crate::platform::Platform;
use crate::profile::TagReferences;
use crate::tag::DmaTag;

/// A tag that was destroyed and whose memory went, with the ancestors that went with it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FreedTags {
    /// The freed tags in order; empty while others still refer to the tag.
    pub tags: Vec<TagId>,
}

/// What became of a tag that was to be forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forgetting {
    /// It is gone.
    Forgotten,
    /// It stays while tags below it do.
    StillNamed {
        /// How many were created below it, or have it in their filter chain.
        tags: u32,
    },
    /// There is no such tag.
    NoSuchTag,
}

impl<P: Platform, O: Observer> Engine<P, O> {
    /// Creates a tag (`bus_dma_tag_create`).
    ///
    /// # Errors
    /// [`TagError::ZeroMaxSegSize`] (`EINVAL`), [`TagError::NoBouncePages`] (`ENOMEM`) when `ALLOC_NOW` cannot fill the
    /// pool, [`TagError::NoSuchTag`] for the parent.
    #[doc(alias = "bus_dma_tag_create")]
    pub fn create_tag(&mut self, parent: Option<TagId>, template: &TagTemplate) -> Result<TagId, TagError> {
        let above = match parent {
            Some(id) => Some((id, self.tags.get(id).ok_or(TagError::NoSuchTag(id))?)),
            None => None,
        };
        let tag = DmaTag::build(template, above, &self.limits, &self.switches)?;
        let fill_now = tag.could_bounce && template.flags.contains(TagFlags::ALLOC_NOW);
        if let Some(parent) = parent.and_then(|id| self.tags.get_mut(id)) {
            parent.references += 1;
        }
        let chain_parent = tag.chain_parent;
        let (id, slot) = self.tags.insert();
        *slot = tag;
        if fill_now && let Err(error) = growing!(self).for_tag(id, slot) {
            let zone = slot.zone;
            self.forget_unborn(id, parent);
            self.serve_grown(zone);
            return Err(error);
        }
        let zone = slot.zone;
        if let Some(chained) = chain_parent.and_then(|id| self.tags.get_mut(id)) {
            chained.chain_referrers += 1;
        }
        if let Some(parent) = parent.and_then(|id| self.tags.get_mut(id)) {
            parent.children += 1;
        }
        self.serve_grown(zone);
        Ok(id)
    }

    /// Destroys a tag (`bus_dma_tag_destroy`). It lives on while others refer to it.
    ///
    /// # Errors
    /// [`TagError::Busy`] (`EBUSY`) while maps belong to it, [`TagError::NoSuchTag`].
    #[doc(alias = "bus_dma_tag_destroy")]
    pub fn destroy_tag(&mut self, tag: TagId) -> Result<FreedTags, TagError> {
        let map_count = self.tags.get(tag).ok_or(TagError::NoSuchTag(tag))?.map_count;
        if map_count != 0 {
            return Err(TagError::Busy { maps: map_count.unsigned_abs() });
        }
        let mut freed = FreedTags::default();
        let mut next = Some(tag);
        while let Some(id) = next.take() {
            let Some(dying) = self.tags.get_mut(id) else { break };
            dying.references -= 1;
            if dying.references == 0 {
                next = match self.switches.tag_references {
                    TagReferences::ChainParent => dying.chain_parent,
                    TagReferences::Parent => dying.parent,
                };
                self.free_tag(id);
                freed.tags.push(id);
            }
        }
        Ok(freed)
    }

    /// Takes out a tag that nobody will name again, nor maps of it, whatever its counts say; to be called for children before
    /// their parents. No answer changes by it.
    ///
    /// FreeBSD 11 counts a reference at the parent and takes it from the next tag of the filter chain: a destroyed parent can
    /// stay allocated for ever. Whoever runs an engine for long does not want that too.
    pub fn forget_tag(&mut self, tag: TagId) -> Forgetting {
        let Some(forgotten) = self.tags.get(tag) else { return Forgetting::NoSuchTag };
        let tags = forgotten.chain_referrers.max(forgotten.children);
        if tags > 0 {
            return Forgetting::StillNamed { tags };
        }
        self.remove_tag(tag);
        Forgetting::Forgotten
    }

    /// Takes back a tag that was never handed out. FreeBSD forgets that it referenced the parent.
    fn forget_unborn(&mut self, tag: TagId, parent: Option<TagId>) {
        self.tags.remove(tag);
        if self.switches.tag_references == TagReferences::Parent
            && let Some(parent) = parent.and_then(|id| self.tags.get_mut(id))
        {
            parent.references -= 1;
        }
    }

    fn free_tag(&mut self, id: TagId) {
        let Some(tag) = self.tags.get(id) else { return };
        let referrers = tag.chain_referrers;
        if referrers > 0 {
            self.told.hazard(|| Hazard::TagFreedWhileReferenced { tag: id, referrers });
        }
        self.remove_tag(id);
    }

    fn remove_tag(&mut self, id: TagId) {
        let Some(&DmaTag { parent, chain_parent, .. }) = self.tags.get(id) else { return };
        if let Some(chained) = chain_parent.and_then(|id| self.tags.get_mut(id)) {
            chained.chain_referrers = chained.chain_referrers.saturating_sub(1);
        }
        if let Some(parent) = parent.and_then(|id| self.tags.get_mut(id)) {
            parent.children = parent.children.saturating_sub(1);
        }
        self.tags.remove(id);
    }
}
