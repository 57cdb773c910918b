//! Tags and maps.

use super::failure;
use super::objects::{MapEntry, MapOrigin, TagEntry};
use super::owner::{Caller, Owner, tape};
use crate::config::Quota;
use busdma_api::Hex;
use busdma_api::engine::{
    CreateMapReply, CreateTagReply, DestroyTagReply, EngineError, Lock, MapForm, TagFlag, Template,
};
use busdma_engine::constraints::{
    AddressFilter, Alignment, Boundary, ExclusionWindow, LockFunction, SegmentLimit, TagFlags,
};
use busdma_engine::{BusSize, MapState, PhysAddr, TagTemplate};
use busdma_recorder::{MapNumber, TagNumber, TapedVerb};
use std::sync::Arc;

impl Owner {
    /// bus_dma_tag_create, once for each template: each is the child of the one before, the first of `parent`.
    pub(crate) fn create_tags(
        &mut self,
        caller: &Caller<'_>,
        parent: Option<u32>,
        templates: &[TagTemplate],
        preset: Option<&str>,
    ) -> Result<CreateTagReply, EngineError> {
        let mut parent = parent;
        let mut made = Vec::new();
        for template in templates {
            match self.create_tag(caller, parent, template, preset) {
                Ok(number) => {
                    made.push(number);
                    parent = Some(number);
                }
                Err(error) => {
                    for &number in made.iter().rev() {
                        let _ = self.destroy_tag(caller, number);
                    }
                    return Err(error);
                }
            }
        }
        let number = made.pop().ok_or_else(|| EngineError::InvalidTag {
            field: "preset".to_owned(),
            reason: "it has no tag".to_owned(),
        })?;
        let parents = made.into_iter().map(|number| self.objects.tag_ref(number)).collect::<Vec<_>>();
        self.describe(number, parents).ok_or_else(|| self.no_tag(number))
    }

    fn create_tag(
        &mut self,
        caller: &Caller<'_>,
        parent: Option<u32>,
        template: &TagTemplate,
        preset: Option<&str>,
    ) -> Result<u32, EngineError> {
        let parent = match parent {
            Some(parent) => Some(self.objects.tag(parent, caller)?.id),
            None => None,
        };
        caller.session.account.take(caller.limits, Quota::Tags, 1)?;
        let at = self.begin();
        let tag_number = self.objects.new_tag();
        let result = self.engine.create_tag(parent, template);
        if let Ok(id) = result {
            self.objects.tag_numbers.insert(id, tag_number);
            let session = Arc::clone(caller.session);
            let entry = TagEntry { id, session, preset: preset.map(str::to_owned), destroyed: false, maps: 0 };
            self.objects.tags.insert(tag_number, entry);
        }
        let verb = TapedVerb::CreateTag { number: TagNumber(tag_number.into()), parent, template, result };
        tape!(self, Some(caller.session), at, verb);
        self.finish(Some(caller.session), at);
        result.map(|_| tag_number).map_err(|error| {
            caller.session.account.give_back(Quota::Tags, 1);
            self.pool_refused(caller).unwrap_or_else(|| failure::of_tag(&error, &"the parent"))
        })
    }

    /// bus_dma_tag_destroy.
    pub(crate) fn destroy_tag(&mut self, caller: &Caller<'_>, tag: u32) -> Result<DestroyTagReply, EngineError> {
        let id = self.objects.tag(tag, caller)?.id;
        let at = self.begin();
        let result = self.engine.destroy_tag(id);
        tape!(
            self,
            Some(caller.session),
            at,
            TapedVerb::DestroyTag { tag: id, result: result.as_ref().map_err(|error| *error) }
        );
        self.finish(Some(caller.session), at);
        let freed = result.map_err(|error| failure::of_tag(&error, &self.objects.tag_ref(tag)))?;
        if let Some(entry) = self.objects.tags.get_mut(&tag) {
            entry.destroyed = true;
            self.objects.lost.add(tag);
        }
        let mut reply = DestroyTagReply { freed: Vec::new() };
        for id in &freed.tags {
            let Some(number) = self.objects.tag_numbers.remove(id) else { continue };
            self.objects.lost.remove(number);
            if let Some(entry) = self.objects.tags.remove(&number) {
                entry.session.account.give_back(Quota::Tags, 1);
            }
            reply.freed.push(self.objects.tag_ref(number));
        }
        if self.objects.lost.are_many() {
            self.forget_lost_tags();
        }
        Ok(reply)
    }

    /// bus_dmamap_create.
    pub(crate) fn create_map(&mut self, caller: &Caller<'_>, tag: u32) -> Result<CreateMapReply, EngineError> {
        let id = self.objects.tag(tag, caller)?.id;
        caller.session.account.take(caller.limits, Quota::Maps, 1)?;
        let at = self.begin();
        let map_number = self.objects.new_map();
        let result = self.engine.create_map(id);
        if let Ok(map) = result {
            let entry = MapEntry::new(map, tag, Arc::clone(caller.session), MapOrigin::Created, at);
            self.objects.enter_map(map_number, entry);
        }
        let verb = TapedVerb::CreateMap { number: MapNumber(map_number.into()), tag: id, result };
        tape!(self, Some(caller.session), at, verb);
        self.finish(Some(caller.session), at);
        self.run_deferred();
        match result {
            Ok(map) => Ok(CreateMapReply { map: self.objects.map_ref(map_number), form: self.form(map) }),
            Err(error) => {
                caller.session.account.give_back(Quota::Maps, 1);
                Err(self.pool_refused(caller).unwrap_or_else(|| failure::of_map(&error, &self.objects.tag_ref(tag))))
            }
        }
    }

    /// bus_dmamap_destroy.
    pub(crate) fn destroy_map(&mut self, caller: &Caller<'_>, map: u32) -> Result<(), EngineError> {
        let entry = self.objects.map(map, caller)?;
        let id = entry.id;
        if let MapOrigin::Dmamem(memory) = entry.origin {
            let memory = self.objects.memory_ref(busdma_api::MemoryOrigin::Dmamem, memory);
            return Err(EngineError::InvalidRequest { reason: format!("the map came with {memory}: free that") });
        }
        let at = self.begin();
        let result = self.engine.destroy_map(id);
        tape!(self, Some(caller.session), at, TapedVerb::DestroyMap { map: id, result });
        self.finish(Some(caller.session), at);
        result.map_err(|error| failure::of_map(&error, &self.objects.map_ref(map)))?;
        self.forget_map(map);
        Ok(())
    }

    /// Takes a map that the engine no longer has out of the books.
    pub(super) fn forget_map(&mut self, map: u32) {
        self.objects.ages.changed(&mut self.objects.maps, map, MapState::Idle);
        let Some(entry) = self.objects.maps.remove(&map) else { return };
        if let Some(tag) = self.objects.tags.get_mut(&entry.tag) {
            tag.maps = tag.maps.saturating_sub(1);
        }
        self.objects.map_numbers.remove(&entry.id);
        for used in entry.uses {
            self.objects.drop_use(used);
        }
        entry.session.account.give_back(Quota::BouncePages, entry.bounce_pages.into());
        entry.session.account.give_back(Quota::Maps, 1);
    }

    pub(super) fn form(&self, map: busdma_engine::MapId) -> MapForm {
        match self.engine.map(map).map(busdma_engine::DmaMap::form) {
            Some(busdma_engine::MapForm::Null) => MapForm::Null,
            _ => MapForm::Real,
        }
    }

    fn describe(&self, number: u32, parents: Vec<busdma_api::TagRef>) -> Option<CreateTagReply> {
        let tag = self.engine.tag(self.objects.tags.get(&number)?.id)?;
        let constraints = tag.constraints();
        let chained = tag.chain_parent().and_then(|id| self.objects.tag_numbers.get(&id));
        Some(CreateTagReply {
            tag: self.objects.tag_ref(number),
            alignment: constraints.alignment().bytes(),
            boundary: Hex(constraints.boundary().map_or(0, Boundary::bytes)),
            lowaddr: Hex(constraints.window().lowaddr.raw()),
            highaddr: Hex(constraints.window().highaddr.raw()),
            maxsize: constraints.maxsize().raw(),
            nsegments: limit(constraints.nsegments()),
            maxsegsz: constraints.maxsegsz().raw(),
            could_bounce: tag.could_bounce(),
            chain_parent: chained.map(|&number| self.objects.tag_ref(number)),
            zone: tag.zone().map(failure::zone_number),
            parents: (!parents.is_empty()).then_some(parents),
        })
    }

    fn no_tag(&self, number: u32) -> EngineError {
        EngineError::NoSuchObject { object: self.objects.tag_ref(number).to_string() }
    }
}

/// How many segments, `None` for no limit.
pub(super) fn limit(limit: SegmentLimit) -> Option<u32> {
    match limit {
        SegmentLimit::Unrestricted => None,
        limit @ SegmentLimit::Max(_) => Some(u32::try_from(limit.count()).unwrap_or(u32::MAX)),
    }
}

/// What a template of the interface asks for.
///
/// # Errors
/// [`EngineError::InvalidTag`] with the field that makes no tag.
pub(crate) fn template(template: &Template) -> Result<TagTemplate, EngineError> {
    let mut asked = TagTemplate::default();
    if let Some(bytes) = template.alignment {
        asked.alignment = Alignment::new(bytes).ok_or_else(|| no_power_of_two("alignment", bytes))?;
    }
    if let Some(Hex(bytes)) = template.boundary.filter(|boundary| boundary.0 != 0) {
        asked.boundary = Some(Boundary::new(bytes).ok_or_else(|| no_power_of_two("boundary", bytes))?);
    }
    asked.window = ExclusionWindow {
        lowaddr: template.lowaddr.map_or(PhysAddr::MAX, |addr| PhysAddr::new(addr.0)),
        highaddr: template.highaddr.map_or(PhysAddr::MAX, |addr| PhysAddr::new(addr.0)),
    };
    asked.filter = template.deny.as_ref().map(|ranges| {
        AddressFilter::deny(ranges.iter().map(|range| (PhysAddr::new(range.first.0), PhysAddr::new(range.last.0))))
    });
    if let Some(bytes) = template.maxsize {
        asked.maxsize = BusSize::new(bytes);
    }
    if let Some(count) = template.nsegments {
        asked.nsegments = SegmentLimit::from_nsegments(count);
    }
    if let Some(bytes) = template.maxsegsz {
        asked.maxsegsz = BusSize::new(bytes);
    }
    for flag in template.flags.iter().flatten() {
        asked.flags |= match flag {
            TagFlag::AllocNow => TagFlags::ALLOC_NOW,
            TagFlag::Coherent => TagFlags::COHERENT,
            TagFlag::KeepPageOffset => TagFlags::KEEP_PAGE_OFFSET,
        };
    }
    asked.lock = match template.lock {
        None | Some(Lock::Mutex) => LockFunction::Provided,
        Some(Lock::Panics) => LockFunction::PanicsWhenCalled,
    };
    Ok(asked)
}

fn no_power_of_two(field: &str, found: u64) -> EngineError {
    EngineError::InvalidTag { field: field.to_owned(), reason: format!("{found} is no power of two") }
}
