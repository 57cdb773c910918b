//! Tags.

use super::arguments::{address_filter, alignment, boundary, lock_function, tag_flags};
use super::{Session, after};
use crate::error::OperationError;
use crate::format::{CreateTag, DestroyTag, Output, Ret, TagDestroyed};
use crate::names::NoObject;
use crate::observe::{self, IdNames};
use busdma_engine::{BusSize, ExclusionWindow, PhysAddr, SegmentLimit, TagTemplate};

impl Session {
    pub(super) fn create_tag(&mut self, input: &CreateTag<'_>) -> Result<Output<'_>, NoObject> {
        let id = input.tag.as_str();
        self.names.check_new_tag(id)?;
        let parent = input.parent.as_ref().map(|parent| self.names.tag(parent.as_str())).transpose()?;
        let created = self.engine.create_tag(parent, &template(input)?);
        self.names.add_tag(id, created.ok());
        let mut output = match created {
            Ok(tag) => match self.engine.tag(tag) {
                Some(tag) => observe::tag_created(tag, &self.names),
                None => observe::tag_refused(Ret::Einval),
            },
            Err(error) => observe::tag_refused(observe::ret(Some(error.errno()))),
        };
        let after = after(&mut self.reported, &self.engine, &self.names, self.decisions);
        output.zones = after.zones;
        output.waiting = after.waiting;
        output.decisions = after.decisions;
        Ok(Output::TagCreate(output))
    }

    pub(super) fn destroy_tag(&mut self, input: &DestroyTag<'_>) -> Result<Output<'_>, NoObject> {
        let tag = self.names.tag(input.tag.as_str())?;
        let ret = match self.engine.destroy_tag(tag) {
            Ok(freed) => {
                self.freed = freed.tags;
                Ret::Ok
            }
            Err(error) => observe::ret(Some(error.errno())),
        };
        let after = after(&mut self.reported, &self.engine, &self.names, self.decisions);
        Ok(Output::TagDestroy(TagDestroyed {
            ret,
            freed: self.freed.iter().map(|&tag| self.names.tag_name(tag).into()).collect(),
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        }))
    }
}

fn template(input: &CreateTag<'_>) -> Result<TagTemplate, OperationError> {
    Ok(TagTemplate {
        alignment: alignment(input.alignment)?,
        boundary: boundary(input.boundary)?,
        window: ExclusionWindow { lowaddr: PhysAddr::new(input.lowaddr.0), highaddr: PhysAddr::new(input.highaddr.0) },
        filter: input.filter.as_ref().map(address_filter),
        maxsize: BusSize::new(input.maxsize),
        nsegments: SegmentLimit::from_nsegments(input.nsegments),
        maxsegsz: BusSize::new(input.maxsegsz),
        flags: tag_flags(input.flags),
        lock: lock_function(input.lock),
    })
}
