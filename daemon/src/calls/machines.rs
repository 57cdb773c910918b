//! Sessions and machines.

use crate::config::Quota;
use crate::connection::Worker;
use crate::machine::{Machine, MachineModel, Retirement};
use crate::service::Service;
use busdma_api::engine::{
    CreateMachine, CreateMachineReply, EngineError, Join, JoinReply, ListMachinesReply, MachineInfo, QuotaUse,
    SessionReply,
};
use busdma_api::{MachineId, Nothing};
use busdma_engine::Profile;
use busdma_memory::ModelError;
use std::sync::Arc;

pub(super) fn session(worker: &Worker) -> SessionReply {
    let (session, limits) = (&worker.session, &worker.limits);
    let connections = worker.service.sessions.connections(session);
    let quota = |quota: Quota| QuotaUse {
        quota: quota.name().to_owned(),
        used: match quota {
            Quota::Connections => connections.into(),
            quota => session.account.session.held(quota),
        },
        limit: limits.per_connection.limit(quota),
        uid_used: match quota {
            Quota::Connections => worker.service.connections_of(session.uid),
            quota => session.account.uid.held(quota),
        },
        uid_limit: limits.per_uid.limit(quota),
    };
    SessionReply {
        session: session.id,
        token: session.token.clone(),
        uid: session.uid,
        connections,
        quotas: Quota::ALL.into_iter().map(quota).collect(),
    }
}

pub(super) fn join(worker: &mut Worker, call: &Join) -> Result<JoinReply, EngineError> {
    // Joining one's own session is no move.
    if call.token != worker.session.token {
        let session = worker.service.sessions.join(&call.token, worker.session.uid, &worker.limits)?;
        worker.enter(session);
    }
    Ok(JoinReply { session: worker.session.id })
}

pub(super) fn create(worker: &mut Worker, call: &CreateMachine) -> Result<CreateMachineReply, EngineError> {
    let model = model(worker, call)?;
    let (service, session) = (Arc::clone(&worker.service), Arc::clone(&worker.session));
    session.account.take(&worker.limits, Quota::Machines, 1)?;
    let id = service.machines.new_id();
    let machine = service.machine(id, Some(Arc::clone(&session)), model).map_err(|error| {
        session.account.give_back(Quota::Machines, 1);
        EngineError::InvalidMachine { field: field(&error).to_owned(), reason: error.to_string() }
    })?;
    service.machines.insert(machine);
    Ok(CreateMachineReply { machine: id })
}

fn model(worker: &Worker, call: &CreateMachine) -> Result<MachineModel, EngineError> {
    let mut model = worker.service.default_model;
    if let Some(name) = &call.profile {
        model.profile = Profile::from_name(name).ok_or_else(|| EngineError::InvalidMachine {
            field: "profile".to_owned(),
            reason: format!("`{name}` is none of {}", Profile::ALL.map(Profile::name).join(", ")),
        })?;
    }
    if let Some(bytes) = call.memory_bytes {
        model.memory_bytes = bytes;
    }
    if let Some(pages) = call.max_bpages {
        model.max_bpages = pages;
    }
    if let Some(bounce) = call.bounce {
        model.bounce = bounce;
    }
    let limit = worker.limits.per_connection.bounce_pages;
    if model.bounce.frames > limit {
        return Err(EngineError::QuotaExceeded {
            quota: Quota::BouncePages.name().to_owned(),
            limit,
            scope: crate::config::Scope::Connection.name().to_owned(),
        });
    }
    Ok(model)
}

/// The parameter that a machine cannot be made of.
fn field(error: &ModelError) -> &'static str {
    match error {
        ModelError::MaxmemTooLarge { .. }
        | ModelError::Unaligned { field: "maxmem", .. }
        | ModelError::Overlap { next: "maxmem", .. } => "memory_bytes",
        _ => "bounce",
    }
}

pub(super) fn list(worker: &Worker) -> ListMachinesReply {
    let mine = |machine: &Arc<Machine>| machine.session_id().is_none_or(|owner| owner == worker.session.id);
    let machines = worker.service.machines.all();
    ListMachinesReply {
        machines: machines.iter().filter(|machine| mine(machine)).map(|machine| machine.info()).collect(),
    }
}

pub(super) fn describe(worker: &mut Worker, id: MachineId) -> Result<MachineInfo, EngineError> {
    Ok(usable(worker, id)?.info())
}

pub(super) fn destroy(worker: &mut Worker, id: MachineId) -> Result<Nothing, EngineError> {
    let machine = private(worker, id)?;
    worker.forget_machine();
    destroy_machine(&worker.service, &machine);
    Ok(Nothing {})
}

/// Takes a private machine away from its session, with everything on it.
pub(crate) fn destroy_machine(service: &Service, machine: &Machine) {
    if machine.retire() == Retirement::Already {
        return;
    }
    if let Some(session) = &machine.session {
        machine.lock().cancel_all("machine_destroyed");
        machine.release(session);
        session.account.give_back(Quota::Machines, 1);
    }
    // A recording that stops meanwhile either fetches the tape or finds it handed over.
    machine.lock().hand_tape_over();
    service.machines.remove(machine.id);
}

/// A machine the session may use: the shared one or its own.
pub(super) fn usable(worker: &mut Worker, id: MachineId) -> Result<Arc<Machine>, EngineError> {
    let session = worker.session.id;
    match worker.machine(id) {
        None => Err(EngineError::NoSuchObject { object: id.to_string() }),
        Some(machine) if machine.session_id().is_none_or(|owner| owner == session) => Ok(Arc::clone(machine)),
        Some(_) => Err(EngineError::NotOwner { object: id.to_string() }),
    }
}

/// A machine of the session's own.
pub(super) fn private(worker: &mut Worker, id: MachineId) -> Result<Arc<Machine>, EngineError> {
    let machine = usable(worker, id)?;
    if machine.session.is_some() { Ok(machine) } else { Err(EngineError::NotOwner { object: id.to_string() }) }
}
