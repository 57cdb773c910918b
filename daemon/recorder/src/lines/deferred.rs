//! Lines of drains: deferred loads taken up again.

use super::Scenario;
use crate::columns::Told;
use busdma_trace::drain::{Drained, Ended};
use busdma_trace::format::{Input, Output, RunDeferred};

impl Scenario {
    pub(super) fn run_deferred<'a>(&'a self, told: &Told<'a>) -> (Input<'a>, Output<'a>) {
        let mut segments = told.segments;
        let ended = told.ended.iter().map(|load| Ended {
            map: load.map,
            tag: load.tag,
            result: load.result.map(|count| {
                let (mapping, rest) = segments.split_at(count.get().min(segments.len()));
                segments = rest;
                mapping.to_vec()
            }),
        });
        let drained =
            Drained { callbacks: ended.collect(), events: told.events.to_vec(), panics: told.stopped.to_vec() };
        let output = drained.output(&self.names, &told.changed(), self.decisions(told));
        (Input::RunDeferred(RunDeferred {}), output)
    }
}
