//! The end of a session: everything it had on a machine goes.

use super::Machine;
use super::objects::MapOrigin;
use super::owner::{Caller, Owner};
use crate::config::Limits;
use crate::session::Session;
use busdma_api::SessionId;
use busdma_engine::MapState;
use std::sync::Arc;

/// Objects released before others get their turn.
const AT_ONCE: usize = 256;

/// How far releasing has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    /// More is left.
    More,
    /// Nothing is.
    Done,
}

impl Machine {
    /// Releases everything a session has on the machine: waiting loads first, so that none of them is taken up for nobody.
    pub(crate) fn release(&self, session: &Arc<Session>) {
        // Limits are for what is taken, and nothing is.
        let limits = Limits::default();
        let caller = Caller { session, limits: &limits };
        let steps: [fn(&mut Owner, &Caller<'_>) -> Progress; 6] = [
            Owner::release_waiters,
            Owner::release_mappings,
            Owner::release_maps,
            Owner::release_dmamem,
            Owner::release_tags,
            Owner::release_buffers,
        ];
        for step in steps {
            while step(&mut self.lock_still(session.id), &caller) == Progress::More {}
        }
    }

    /// Becomes the owner when the bytes of none of a session's maps are being copied.
    fn lock_still(&self, session: SessionId) -> std::sync::MutexGuard<'_, Owner> {
        let mut owner = self.lock();
        while owner.holds_any_of(session) {
            owner = self.copied.wait(owner).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        owner
    }
}

impl Owner {
    fn release_waiters(&mut self, caller: &Caller<'_>) -> Progress {
        let waiting = self.maps_of(caller.session.id, MapState::Deferred);
        for &(map, id) in &waiting {
            self.cancel(Some(caller.session), map, id);
        }
        let progress = progress(waiting.len());
        if progress == Progress::Done {
            self.run_deferred();
        }
        progress
    }

    fn release_mappings(&mut self, caller: &Caller<'_>) -> Progress {
        let loaded = self.loaded_maps_of(caller.session.id);
        for &(map, id) in &loaded {
            let _ = self.unload_as(Some(caller.session), map, id);
        }
        self.run_deferred();
        progress(loaded.len())
    }

    fn release_maps(&mut self, caller: &Caller<'_>) -> Progress {
        let mine = self
            .objects
            .maps
            .iter()
            .filter(|(_, entry)| entry.session.id == caller.session.id && entry.origin == MapOrigin::Created);
        let maps = mine.map(|(&map, _)| map).take(AT_ONCE).collect::<Vec<_>>();
        for &map in &maps {
            if self.destroy_map(caller, map).is_err() {
                // The engine keeps a map that it cannot destroy; nobody can name it any more.
                self.forget_map(map);
            }
        }
        progress(maps.len())
    }

    fn release_dmamem(&mut self, caller: &Caller<'_>) -> Progress {
        let mine = self.objects.dmamem.iter().filter(|(_, entry)| entry.session.id == caller.session.id);
        let memory = mine.map(|(&number, _)| number).take(AT_ONCE).collect::<Vec<_>>();
        for &number in &memory {
            if self.free(Some(caller), number).is_err() {
                self.forget_dmamem(number);
            }
        }
        progress(memory.len())
    }

    /// Children before parents: they were created later.
    fn release_tags(&mut self, caller: &Caller<'_>) -> Progress {
        let mine =
            self.objects.tags.iter().filter(|(_, entry)| entry.session.id == caller.session.id && !entry.destroyed);
        let mut tags = mine.map(|(&tag, _)| tag).collect::<Vec<_>>();
        tags.sort_unstable_by(|one, other| other.cmp(one));
        tags.truncate(AT_ONCE);
        for &tag in &tags {
            if self.destroy_tag(caller, tag).is_err()
                && let Some(entry) = self.objects.tags.get_mut(&tag)
            {
                entry.destroyed = true;
                self.objects.lost.add(tag);
            }
        }
        let progress = progress(tags.len());
        if progress == Progress::Done {
            self.forget_lost_tags();
        }
        progress
    }

    fn release_buffers(&mut self, caller: &Caller<'_>) -> Progress {
        let mine = self.objects.buffers.iter().filter(|(_, entry)| entry.session.id == caller.session.id);
        let buffers = mine.map(|(&number, _)| number).take(AT_ONCE).collect::<Vec<_>>();
        for &number in &buffers {
            self.drop_buffer(number);
        }
        progress(buffers.len())
    }

    fn maps_of(&self, session: SessionId, state: MapState) -> Vec<(u32, busdma_engine::MapId)> {
        let mine = self.objects.maps.iter().filter(|(_, entry)| entry.session.id == session);
        let mine = mine.filter(|(_, entry)| self.engine.map(entry.id).is_some_and(|map| map.state() == state));
        mine.map(|(&map, entry)| (map, entry.id)).take(AT_ONCE).collect()
    }

    /// Maps that are loaded, or hold what a failed load left.
    fn loaded_maps_of(&self, session: SessionId) -> Vec<(u32, busdma_engine::MapId)> {
        let mine = self.objects.maps.iter().filter(|(_, entry)| entry.session.id == session);
        let mine = mine.filter(|(_, entry)| {
            self.engine.map(entry.id).is_some_and(|map| {
                map.state() == MapState::Loaded || map.bounce_page_count().raw() != 0 || map.sync_range_count() != 0
            })
        });
        mine.map(|(&map, entry)| (map, entry.id)).take(AT_ONCE).collect()
    }
}

const fn progress(released: usize) -> Progress {
    if released < AT_ONCE { Progress::Done } else { Progress::More }
}
