//! Loads and the ends of deferred ones.

use crate::reason::Reason;
use crate::request::{Named, for_each_named, translated};
use crate::run::{Flow, Run};
use crate::verdict::Refused;
use busdma_api::MapRef;
use busdma_api::client::CallError;
use busdma_api::engine::{EngineError, Load, LoadReply, Outcome, Segment, Wait, WaitPolicy, WaitReply};
use busdma_trace::format::{self, Callback, Completed, Flag, LoadRequest, Nullable, Output, Ret, Seg};

/// What came of a load: FreeBSD's answer and the daemon's in the same words.
#[derive(PartialEq, Eq, Debug)]
enum Answer {
    Loaded { segments: Vec<(u64, u64)>, mapsize: Option<u64> },
    NoData,
    Deferred,
    Refused(Refused),
}

impl<'s> Run<'_, 's> {
    /// bus_dmamap_load and its kin.
    pub(crate) fn load(&mut self, input: &format::Load<'s>, output: &Output<'_>) -> Flow {
        if !self.dmamem_is_met_alike(input) {
            return Flow::LeftOut(Reason::DmamemLiesElsewhere);
        }
        let request = translated(&input.request, &self.memory);
        let map = self.maps.get_mut(input.map.as_str()).unwrap();
        map.request.set(&input.request, &mut self.tables).unwrap();
        map.segments.clear();
        map.bounced.clear();
        map.bounce_pages = None;
        let wait = if input.flags.contains(Flag::NoWait) { WaitPolicy::NoWait } else { WaitPolicy::MayDefer };
        let result = self.client.call(&Load { map: map.map, request, wait: Some(wait) });
        let expected = self.expected(output);
        let direct = matches!(input.request, LoadRequest::MbufSg { .. });
        let (got, reply) = match result {
            Ok(reply) => (answer(&reply, direct), Some(reply)),
            Err(error) => (Answer::Refused(error.into()), None),
        };
        self.check("load", &expected, &got);
        if let Output::Load(loaded) = output {
            let deferred = expected == Answer::Deferred;
            self.map(input.map.as_str()).bounce_pages = loaded.map_state.map(|map| map.bpages).filter(|_| !deferred);
            match &reply {
                Some(reply) => self.compare_map(loaded.map_state, reply),
                None => self.seen.map_states_unseen += u64::from(loaded.map_state.is_some()),
            }
        }
        match expected {
            Answer::Loaded { segments, .. } => self.map(input.map.as_str()).segments = segments,
            Answer::Refused(Refused::Panic { .. }) => return Flow::Ended,
            _ => {}
        }
        Flow::GoesOn
    }

    fn dmamem_is_met_alike(&self, input: &format::Load<'_>) -> bool {
        let (_, reach) = self.tags[input.tag.as_str()];
        let mut alike = true;
        for_each_named(&input.request, &mut |named| {
            if let Named::Virtual(_, buf) = named
                && let Some(dmamem) = self.memory.dmamem_of(buf)
            {
                alike &= reach.is_met_alike(dmamem);
            }
        });
        alike
    }

    fn expected(&self, output: &Output<'_>) -> Answer {
        let loaded = match output {
            Output::Panic(panicked) => return Answer::Refused(Refused::Panic { assert: panicked.assert }),
            Output::Load(loaded) => loaded,
            _ => panic!("another output"),
        };
        match (&loaded.callback, loaded.ret) {
            (Nullable::Value(Callback { error: Ret::Ok, nseg, segs: Some(segs), mapsize }), Ret::Ok) => {
                assert_eq!(*nseg, segs.len());
                Answer::Loaded { segments: self.segments(segs), mapsize: *mapsize }
            }
            (Nullable::Value(Callback { error: Ret::Ok, segs: None, .. }), Ret::Ok) => Answer::NoData,
            (Nullable::Value(callback), _) => Answer::Refused(Refused::Errno(callback.error)),
            (Nullable::Null, Ret::Einprogress) => Answer::Deferred,
            (Nullable::Absent, Ret::Ok) => {
                let segs = loaded.segs.as_deref().unwrap();
                assert_eq!(loaded.nsegs, Some(segs.len()));
                Answer::Loaded { segments: self.segments(segs), mapsize: None }
            }
            (Nullable::Null | Nullable::Absent, ret) => Answer::Refused(Refused::Errno(ret)),
        }
    }

    /// FreeBSD's segments where the daemon has them.
    fn segments(&self, segs: &[Seg]) -> Vec<(u64, u64)> {
        segs.iter().map(|seg| (self.memory.daemons(seg.0.0), seg.1)).collect()
    }

    /// What the software interrupt did, the daemon has done when the pages were given back.
    pub(crate) fn run_deferred(&mut self, output: &Output<'_>) -> Flow {
        match output {
            Output::Panic(panicked) => {
                while let Some((_, answer)) = self.next_end() {
                    if matches!(answer, Answer::Refused(Refused::Panic { .. })) {
                        self.check("panic", &Answer::Refused(Refused::Panic { assert: panicked.assert }), &answer);
                        return Flow::Ended;
                    }
                }
                self.check("panic", &Some(panicked.assert), &None);
                Flow::Ended
            }
            Output::RunDeferred(deferred) => {
                for callback in &deferred.callbacks {
                    self.compare_end(callback);
                }
                self.expect_no_end();
                Flow::GoesOn
            }
            _ => panic!("another output"),
        }
    }

    /// The ends are collected oldest first, which is the order of the callbacks.
    fn compare_end(&mut self, callback: &Completed<'_>) {
        let name = callback.map.as_str();
        let expected = match (callback.error, &callback.segs) {
            (Ret::Ok, Some(segs)) => {
                assert_eq!(callback.nseg, segs.len());
                Answer::Loaded { segments: self.segments(segs), mapsize: None }
            }
            (Ret::Ok, None) => Answer::NoData,
            (error, _) => Answer::Refused(Refused::Errno(error)),
        };
        let map = self.map(name).map;
        let got = self.next_end();
        if let Answer::Loaded { segments, .. } = &expected {
            let segments = segments.clone();
            self.map(name).segments = segments;
        }
        self.check("callback", &Some((map, expected)), &got);
        self.seen.callbacks += 1;
    }

    /// Asserts that no deferred load has ended.
    pub(crate) fn expect_no_end(&mut self) {
        let end = self.next_end();
        self.check("callback", &None, &end);
    }

    /// The oldest end that was not collected yet.
    fn next_end(&mut self) -> Option<(MapRef, Answer)> {
        match self.client.call(&Wait { map: None, timeout_ms: Some(0) }) {
            Ok(WaitReply { map, load, .. }) => Some((map, answer(&load, true))),
            Err(CallError::Refused(EngineError::NotDeferred { .. } | EngineError::TimedOut { .. })) => None,
            Err(CallError::Refused(EngineError::DeferredFailed { object, error, details, .. })) => {
                Some((object.parse().unwrap(), Answer::Refused(Refused::deferred(&error, details.as_ref()))))
            }
            Err(error) => panic!("no end and no error: {error:?}"),
        }
    }

    /// The oldest load that the machine's end has cut off, and that was not collected yet.
    pub(crate) fn next_cancelled(&mut self) -> Option<MapRef> {
        match self.client.call(&Wait { map: None, timeout_ms: Some(0) }) {
            Err(CallError::Refused(EngineError::NotDeferred { .. })) => None,
            Err(CallError::Refused(EngineError::DeferredCancelled { object, reason, .. })) => {
                assert_eq!(reason, "machine_destroyed");
                Some(object.parse().unwrap())
            }
            other => panic!("neither an end nor none: {other:?}"),
        }
    }
}

/// `without_mapsize`: FreeBSD tells it to no callback there.
fn answer(reply: &LoadReply, without_mapsize: bool) -> Answer {
    match reply.outcome {
        Outcome::Loaded => Answer::Loaded {
            segments: reply.segments.iter().map(|&Segment { addr, length }| (addr.0, length)).collect(),
            mapsize: reply.mapsize.filter(|_| !without_mapsize),
        },
        Outcome::NoData => Answer::NoData,
        Outcome::Deferred => Answer::Deferred,
    }
}
