//! Lines of tags.

use super::names::Names;
use super::{Scenario, Unwritable};
use crate::chunk::CreatedTag;
use crate::columns::Told;
use crate::operation::TagNumber;
use busdma_engine::{AddressFilter, Boundary, LockFunction, SegmentLimit, TagError, TagFlags, TagId, TagTemplate};
use busdma_trace::format::{CreateTag, DestroyTag, Filter, Flag, Hex, Input, Output, Ret, TagDestroyed, WordList};
use busdma_trace::observe::{self, IdNames};

impl Scenario {
    pub(super) fn create_tag<'a>(&'a self, told: &Told<'a>) -> Result<(Input<'a>, Output<'a>), Unwritable> {
        let CreatedTag { number, parent, template, result } = told.tag.ok_or(Unwritable::NoSuchObject)?;
        let mut output = match result {
            Ok((_, tag)) => observe::tag_created(tag, &self.names),
            Err(TagError::NoSuchTag(_)) => return Err(Unwritable::NoSuchObject),
            Err(error) => observe::tag_refused(observe::ret(Some(error.errno()))),
        };
        let after = self.after(told);
        output.zones = after.zones;
        output.waiting = after.waiting;
        output.decisions = after.decisions;
        Ok((Input::TagCreate(input(*number, *parent, template, &self.names)?), Output::TagCreate(output)))
    }

    pub(super) fn destroy_tag<'a>(
        &'a self,
        told: &Told<'a>,
        tag: TagId,
        ret: Ret,
    ) -> Result<(Input<'a>, Output<'a>), Unwritable> {
        let after = self.after(told);
        let input = Input::TagDestroy(DestroyTag { tag: (&**self.names.tag(tag)?).into() });
        let output = Output::TagDestroy(TagDestroyed {
            ret,
            freed: told.freed.iter().map(|&tag| self.names.tag_name(tag).into()).collect(),
            zones: after.zones,
            waiting: after.waiting,
            decisions: after.decisions,
        });
        Ok((input, output))
    }
}

fn input<'a>(
    number: TagNumber,
    parent: Option<TagId>,
    template: &TagTemplate,
    names: &'a Names,
) -> Result<CreateTag<'a>, Unwritable> {
    Ok(CreateTag {
        tag: number.name().into(),
        parent: parent.map(|parent| names.tag(parent).map(|name| (&**name).into())).transpose()?,
        alignment: template.alignment.bytes(),
        boundary: Hex(template.boundary.map_or(0, Boundary::bytes)),
        lowaddr: Hex(template.window.lowaddr.raw()),
        highaddr: Hex(template.window.highaddr.raw()),
        filter: template.filter.as_ref().map(filter).transpose()?,
        maxsize: template.maxsize.raw(),
        nsegments: match template.nsegments {
            SegmentLimit::Max(count) => count,
            SegmentLimit::Unrestricted => u32::MAX,
        },
        maxsegsz: template.maxsegsz.raw(),
        flags: flags(template.flags),
        lock: template.lock == LockFunction::Provided,
    })
}

fn filter(filter: &AddressFilter) -> Result<Filter, Unwritable> {
    match filter {
        AddressFilter::Deny(ranges) => {
            Ok(Filter { deny: ranges.iter().map(|&(first, last)| (Hex(first.raw()), Hex(last.raw()))).collect() })
        }
        AddressFilter::Custom(_) => Err(Unwritable::CustomFilter),
    }
}

fn flags(flags: TagFlags) -> WordList<Flag> {
    [
        (TagFlags::ALLOC_NOW, Flag::AllocNow),
        (TagFlags::COHERENT, Flag::Coherent),
        (TagFlags::KEEP_PAGE_OFFSET, Flag::KeepPageOffset),
    ]
    .into_iter()
    .filter(|(flag, _)| flags.contains(*flag))
    .map(|(_, word)| word)
    .collect()
}
