//! Tags, maps, loads and syncs.

use super::machines::usable;
use crate::connection::Worker;
use crate::machine::{self, Caller};
use crate::session::Claim;
use busdma_api::MachineId;
use busdma_api::Nothing;
use busdma_api::engine::{
    CreateMap, CreateMapReply, CreateTag, CreateTagReply, DestroyMap, DestroyTag, DestroyTagReply, EngineError, Load,
    LoadReply, Segments, SegmentsReply, Sync, SyncReply, Unload, UnloadReply, WaitPolicy,
};
use busdma_presets::Catalog;

pub(super) fn create_tag(worker: &mut Worker, call: &CreateTag) -> Result<CreateTagReply, EngineError> {
    let templates = match (&call.preset, &call.template) {
        (Some(_), Some(_)) => {
            return Err(EngineError::InvalidTag {
                field: "template".to_owned(),
                reason: "a preset has a template of its own: give one of the two".to_owned(),
            });
        }
        (Some(name), None) => {
            let preset = Catalog::embedded().find(name).map_err(|unknown| EngineError::UnknownPreset {
                preset: unknown.name.clone(),
                nearest: unknown.nearest.clone(),
            })?;
            preset.chain().iter().map(|tag| tag.template.clone()).collect()
        }
        (None, Some(template)) => vec![machine::template(template)?],
        (None, None) => vec![busdma_engine::TagTemplate::default()],
    };
    let id = match (call.machine, call.parent) {
        (Some(machine), Some(parent)) if machine != parent.machine => {
            return Err(EngineError::InvalidTag {
                field: "parent".to_owned(),
                reason: format!("{parent} is not on {machine}"),
            });
        }
        (_, Some(parent)) => parent.machine,
        (machine, None) => machine.unwrap_or(MachineId::HOST0),
    };
    let machine = usable(worker, id)?;
    let caller = caller(worker);
    let parent = call.parent.map(|parent| parent.number);
    machine.lock().create_tags(&caller, parent, &templates, call.preset.as_deref())
}

pub(super) fn destroy_tag(worker: &mut Worker, call: &DestroyTag) -> Result<DestroyTagReply, EngineError> {
    usable(worker, call.tag.machine)?.lock().destroy_tag(&caller(worker), call.tag.number)
}

pub(super) fn create_map(worker: &mut Worker, call: &CreateMap) -> Result<CreateMapReply, EngineError> {
    usable(worker, call.tag.machine)?.lock().create_map(&caller(worker), call.tag.number)
}

pub(super) fn destroy_map(worker: &mut Worker, call: &DestroyMap) -> Result<Nothing, EngineError> {
    let machine = usable(worker, call.map.machine)?;
    machine.lock_for(call.map.number).destroy_map(&caller(worker), call.map.number)?;
    worker.session.forget(call.map);
    Ok(Nothing {})
}

pub(super) fn load(worker: &mut Worker, call: &Load, claim: Claim) -> Result<LoadReply, EngineError> {
    let machine = usable(worker, call.map.machine)?;
    let wait = match call.wait {
        None | Some(WaitPolicy::MayDefer) => busdma_engine::WaitPolicy::MayDefer,
        Some(WaitPolicy::NoWait) => busdma_engine::WaitPolicy::NoWait,
    };
    machine.lock_for(call.map.number).load(&caller(worker), call.map.number, &call.request, wait, claim)
}

pub(super) fn unload(worker: &mut Worker, call: &Unload) -> Result<UnloadReply, EngineError> {
    let machine = usable(worker, call.map.machine)?;
    machine.lock_for(call.map.number).unload(&caller(worker), call.map.number)
}

pub(super) fn segments(worker: &mut Worker, call: &Segments) -> Result<SegmentsReply, EngineError> {
    usable(worker, call.map.machine)?.lock().segments(&caller(worker), call.map.number)
}

pub(super) fn sync(worker: &mut Worker, call: &Sync) -> Result<SyncReply, EngineError> {
    let machine = usable(worker, call.map.machine)?;
    let mut scratch = std::mem::take(&mut worker.scratch);
    let reply = machine.sync(&caller(worker), call, &mut scratch);
    worker.scratch = scratch;
    reply
}

/// On whose behalf the worker acts.
pub(super) fn caller(worker: &Worker) -> Caller<'_> {
    Caller { session: &worker.session, limits: &worker.limits }
}
