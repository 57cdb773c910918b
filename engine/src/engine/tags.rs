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
        let (chained, referrers) = (tag.chain_parent, tag.chain_referrers);
        if referrers > 0 {
            self.told.hazard(|| Hazard::TagFreedWhileReferenced { tag: id, referrers });
        }
        if let Some(chained) = chained.and_then(|id| self.tags.get_mut(id)) {
            chained.chain_referrers = chained.chain_referrers.saturating_sub(1);
        }
        self.tags.remove(id);
    }
}
