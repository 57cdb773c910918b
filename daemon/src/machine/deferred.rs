//! Deferred loads: taken up when they have their pages, ended, or taken out of the queue.

use super::loads::segment;
use super::owner::{Owner, tape};
use crate::session::{End, Session};
use busdma_api::engine::{EngineError, LoadReply, Outcome};
use busdma_engine::{LoadError, MapId, Nanos, Segment};
use busdma_recorder::TapedVerb;
use busdma_trace::drain::drain;
use busdma_trace::format::AfterPanic;
use std::sync::Arc;

impl Owner {
    /// Takes up every load that has its pages (`busdma_swi`), and gives their ends to whom they belong.
    pub(super) fn run_deferred(&mut self) {
        if self.engine.ready().next().is_none() {
            return;
        }
        let at = self.begin();
        let drained = drain(&mut self.engine, AfterPanic::GoesOn);
        tape!(self, None::<&Arc<Session>>, at, TapedVerb::RunDeferred { drained: &drained });
        self.finish(None, at);
        for ended in drained.callbacks {
            self.end(ended.map, ended.result.as_deref().map_err(|error| *error), at);
        }
        for stopped in drained.panics {
            self.end(stopped.map, Err(LoadError::Panic(stopped.panic)), at);
        }
    }

    /// Puts the end of a load into its session's mailbox.
    fn end(&mut self, id: MapId, result: Result<&[Segment], LoadError>, at: Nanos) {
        let Some(&map) = self.objects.map_numbers.get(&id) else { return };
        let Some(entry) = self.objects.maps.get(&map) else { return };
        let (session, mapsize, waited_ns) = (Arc::clone(&entry.session), entry.mapsize, at.since(entry.since));
        let reference = self.objects.map_ref(map);
        self.latency.deferral.record(waited_ns);
        self.settle(map, at);
        let result = match result {
            Ok(segments) => Ok(LoadReply {
                outcome: Outcome::Loaded,
                segments: segments.iter().map(segment).collect(),
                bounce_pages: self.engine.map(id).map_or(0, |map| map.bounce_page_count().raw()),
                pages_needed: None,
                pages_reserved: None,
                mapsize,
            }),
            Err(error) => {
                self.counts.add_failure(&error);
                Err(self.load_error(&error, map, reference))
            }
        };
        session.ended(End { map: reference, result, waited_ns });
    }

    /// Takes a load out of the queue. Whom that wakes is not taken up yet.
    pub(super) fn cancel(&mut self, session: Option<&Arc<Session>>, map: u32, id: MapId) {
        self.wipe(id);
        let at = self.begin();
        let result = self.engine.cancel(id);
        tape!(self, session, at, TapedVerb::Cancel { map: id, result });
        self.finish(session.map(|session| &**session), at);
        self.settle(map, at);
    }

    /// Takes every waiting load out of the queue; who waits for one is told why.
    pub(crate) fn cancel_all(&mut self, reason: &str) {
        let waiting = self.engine.waiters().chain(self.engine.ready()).collect::<Vec<_>>();
        for id in waiting {
            let Some(&map) = self.objects.map_numbers.get(&id) else { continue };
            let Some(entry) = self.objects.maps.get(&map) else { continue };
            let (session, since) = (Arc::clone(&entry.session), entry.since);
            self.cancel(Some(&session), map, id);
            let waited_ns = self.clock.now().since(since);
            let reference = self.objects.map_ref(map);
            let error =
                EngineError::DeferredCancelled { object: reference.to_string(), reason: reason.to_owned(), waited_ns };
            session.ended(End { map: reference, result: Err(error), waited_ns });
        }
    }
}
