//! Deferred loads: taken up, or given up.

use super::{Decisions, Session, after, decisions, panicked};
use crate::drain::drain;
use crate::format::{Cancel, Cancelled, Output, Ret};
use crate::names::NoObject;
use crate::observe;

impl Session {
    pub(super) fn run_deferred(&mut self) -> Output<'_> {
        let drained = drain(&mut self.engine, self.after_panic);
        if let Some(panic) = drained.final_panic(self.after_panic) {
            return panicked(panic);
        }
        let decided = (self.decisions == Decisions::Recorded).then(|| decisions(&self.engine, &self.names));
        drained.output(&self.names, &self.reported.update(&self.engine), decided)
    }

    pub(super) fn cancel(&mut self, input: &Cancel<'_>) -> Result<Output<'_>, NoObject> {
        let (map, _) = match &input.tag {
            Some(tag) => self.names.map_of_tag(input.map.as_str(), tag.as_str())?,
            None => self.names.map(input.map.as_str())?,
        };
        let (ret, released, woken) = match self.engine.cancel(map) {
            Ok(report) => (Ret::Ok, Some(report.released.raw()), report.woken),
            Err(error) => (observe::ret(error.errno()), None, 0),
        };
        let after = after(&mut self.reported, &self.engine, &self.names, self.decisions);
        Ok(Output::Cancel(Cancelled {
            ret,
            released,
            swi: woken > 0,
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        }))
    }
}
