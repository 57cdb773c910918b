//! Cancel: a deferred load given up before it came to its end.

use super::Engine;
use crate::addr::PageCount;
use crate::decision::{Decision, Observer};
use crate::defer::Released;
use crate::error::MapError;
use crate::ids::MapId;
use crate::map::MapState;
use crate::platform::Platform;

/// What a cancel did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CancelReport {
    /// Pages given back: those promised to the map, and those it already held.
    pub released: PageCount,
    /// Deferred loads that got their pages by it.
    pub woken: u32,
}

impl<P: Platform, O: Observer> Engine<P, O> {
    /// Gives up a deferred load, whether it still waits for pages or has them and waits to be taken up. There is no
    /// callback; the map is then as one that was never loaded, under every profile.
    ///
    /// FreeBSD has no such call: a driver that queued a load stays until its callback ran. A service that carries out the
    /// loads of processes needs it, since a process can die while it waits.
    ///
    /// The pages come back one by one, as in an unload, and wake by the profile's rule. Under
    /// [`Waiting::OneGlobalQueue`](crate::profile::Waiting) a waiter that was at the head and had nothing to give back is
    /// followed by one nobody has looked at: it is looked at too, or it could wait for ever for pages that are free.
    ///
    /// # Errors
    /// [`MapError::NotDeferred`] (`EINVAL`) for a map that is idle or loaded, [`MapError::NoSuchMap`].
    pub fn cancel(&mut self, map_id: MapId) -> Result<CancelReport, MapError> {
        let map = self.maps.get_mut(map_id).ok_or(MapError::NoSuchMap(map_id))?;
        if map.state != MapState::Deferred {
            return Err(MapError::NotDeferred);
        }
        map.forget_load();
        let zone = map.zone;
        let was_head = self.queues.leave(map_id);
        let mut waking = self.waking();
        let mut released = Released::default();
        if let Some(zone) = zone {
            released += waking.release_promises(map_id, zone);
            released += waking.release_pages(map_id, zone);
            if was_head && released.pages == PageCount::ZERO {
                released.woken += waking.wake(zone);
            }
        }
        self.told.decision(|| Decision::Cancelled { map: map_id, released: released.pages });
        Ok(CancelReport { released: released.pages, woken: released.woken })
    }
}
