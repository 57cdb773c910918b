//! Maps: create and destroy.

use super::Engine;
use crate::decision::Observer;
use crate::error::{KernelPanic, MapError};
use crate::growth::Growing;
use crate::ids::{MapId, TagId};
use crate::map::{Bouncing, MapForm, MapOrigin, MapState};
use crate::platform::Platform;
use crate::profile::{DmamemMap, MapHandle, SecondLoad};

impl<P: Platform, O: Observer> Engine<P, O> {
    /// Creates a map (`bus_dmamap_create`).
    ///
    /// # Errors
    /// [`MapError::NoBouncePages`] (`ENOMEM`) when the tag's first map cannot fill the pool, [`MapError::NoSuchTag`].
    #[doc(alias = "bus_dmamap_create")]
    #[inline]
    pub fn create_map(&mut self, tag_id: TagId) -> Result<MapId, MapError> {
        let tag = self.tags.get_mut(tag_id).ok_or(MapError::NoSuchTag(tag_id))?;
        if tag.could_bounce {
            return self.create_bouncing_map(tag_id);
        }
        tag.map_count += 1;
        let (id, map) = self.maps.insert();
        map.tag = tag_id;
        map.bouncing = Bouncing::Never;
        map.form = match self.switches.map_handle {
            MapHandle::NullWhenNeverBouncing => MapForm::Null,
            MapHandle::AlwaysReal => MapForm::Real,
        };
        Ok(id)
    }

    /// Destroys a map (`bus_dmamap_destroy`).
    ///
    /// # Errors
    /// [`MapError::StillLoaded`] (`EBUSY`), [`MapError::StillDeferred`], [`MapError::NoSuchMap`], and
    /// [`MapError::Panic`] for a map that came with dmamem on arm64.
    #[doc(alias = "bus_dmamap_destroy")]
    #[inline]
    pub fn destroy_map(&mut self, map_id: MapId) -> Result<(), MapError> {
        let map = self.maps.get(map_id).ok_or(MapError::NoSuchMap(map_id))?;
        let from_dmamem = matches!(map.origin, MapOrigin::Dmamem(_));
        if from_dmamem && self.switches.dmamem_map == DmamemMap::RealAndCounted {
            return Err(KernelPanic::InvalidMapFreed.into());
        }
        if map.state == MapState::Deferred {
            return Err(MapError::StillDeferred);
        }
        let loaded = self.switches.second_load == SecondLoad::Refused && map.state == MapState::Loaded;
        if !map.pages.is_empty() || map.sync_list.count != 0 || loaded {
            return Err(MapError::StillLoaded {
                bounce_pages: map.bounce_page_count(),
                sync_ranges: map.sync_list.count,
            });
        }
        let (tag, form) = (map.tag, map.form);
        if let Some(tag) = self.tags.get_mut(tag) {
            tag.map_count -= 1;
            if form == MapForm::Real
                && let Some(zone) = tag.zone
            {
                self.pool.zone_mut(zone).stats.map_count -= 1;
            }
        }
        // The memory behind a NULL map outlives it: only free_mem gives it back.
        if !from_dmamem {
            self.maps.remove(map_id);
        }
        Ok(())
    }

    #[inline(never)]
    fn create_bouncing_map(&mut self, tag_id: TagId) -> Result<MapId, MapError> {
        let tag = self.tags.get_mut(tag_id).ok_or(MapError::NoSuchTag(tag_id))?;
        let grown = growing!(self).for_map(tag_id, tag);
        let zone = tag.zone;
        if let Err(error) = grown {
            self.serve_grown(zone);
            return Err(error);
        }
        tag.map_count += 1;
        let (id, map) = self.maps.insert();
        map.tag = tag_id;
        map.zone = zone;
        map.bouncing = Bouncing::Possible;
        map.form = MapForm::Real;
        self.serve_grown(zone);
        Ok(id)
    }
}
