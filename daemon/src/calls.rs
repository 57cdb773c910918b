//! Calls: from a method's name to its reply.

mod engine;
mod host;
mod machines;
mod memory;
mod streams;
mod submit;
mod tags;

pub(crate) use machines::destroy_machine;

use crate::config::Scope;
use crate::connection::{Replies, Stopped, Wanted, Worker};
use crate::parameters;
use crate::quota::QuotaExceeded;
use busdma_api::engine::{EngineError, EngineMethod};
use busdma_api::host::{HostError, HostMethod};
use busdma_api::monitor::{MonitorError, MonitorMethod};
use busdma_api::recorder::{RecorderMethod, Start};
use busdma_api::service::{self, GetInterfaceDescription, Info, Interface, InterfaceDescription, ServiceError};
use busdma_api::wire::Call;
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;

/// Any error a call can be answered with.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Refusal {
    Engine(EngineError),
    Host(HostError),
    Monitor(MonitorError),
    Recorder(busdma_api::recorder::RecorderError),
    Service(ServiceError),
}

macro_rules! refusal_from {
    ($($variant:ident($error:ty)),+) => {
        $(impl From<$error> for Refusal {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })+
    };
}
refusal_from!(
    Engine(EngineError),
    Host(HostError),
    Monitor(MonitorError),
    Recorder(busdma_api::recorder::RecorderError),
    Service(ServiceError)
);

impl From<QuotaExceeded> for Refusal {
    fn from(refused: QuotaExceeded) -> Self {
        Self::Engine(refused.into())
    }
}

/// Carries a call out and writes its replies.
pub(crate) fn carry_out(
    worker: &mut Worker,
    call: &Call<'_>,
    files: Vec<OwnedFd>,
    mut replies: Replies<'_>,
) -> Result<(), Stopped> {
    if call.upgrade {
        return replies.error(&ServiceError::MethodNotImplemented { method: call.method.to_string() });
    }
    let Some((interface, name)) = call.method.rsplit_once('.') else {
        return replies.error(&ServiceError::MethodNotFound { method: call.method.to_string() });
    };
    let unknown = || ServiceError::MethodNotFound { method: call.method.to_string() };
    match Interface::from_name(interface) {
        Some(Interface::Engine) => match EngineMethod::from_name(name) {
            Some(method) => engine::call(worker, method, call, files, &mut replies),
            None => replies.error(&unknown()),
        },
        Some(Interface::Monitor) => match MonitorMethod::from_name(name) {
            Some(method) => monitor(worker, method, call, &mut replies),
            None => replies.error(&unknown()),
        },
        Some(Interface::Recorder) => match RecorderMethod::from_name(name) {
            Some(method) => recorder(worker, method, call, &mut replies),
            None => replies.error(&unknown()),
        },
        Some(Interface::Host) => match HostMethod::from_name(name) {
            Some(method) => host::call(worker, method, call, &mut replies),
            None => replies.error(&unknown()),
        },
        Some(Interface::Service) => varlink_service(name, call, &mut replies),
        None => replies.error(&ServiceError::InterfaceNotFound { interface: interface.to_owned() }),
    }
}

/// Answers a call that is one too many.
pub(crate) fn refuse(mut replies: Replies<'_>, refused: QuotaExceeded) -> Result<(), Stopped> {
    replies.error(&EngineError::from(refused))
}

/// Reads the parameters, carries out, and replies.
fn answer<'c, P: Deserialize<'c>, R: Serialize, E: Into<Refusal>>(
    worker: &mut Worker,
    call: &Call<'c>,
    replies: &mut Replies<'_>,
    carry_out: impl FnOnce(&mut Worker, &P) -> Result<R, E>,
) -> Result<(), Stopped> {
    let parameters = match parameters::read::<P>(call.parameters) {
        Ok(parameters) => parameters,
        Err(error) => return replies.error(&error),
    };
    match carry_out(worker, &parameters) {
        Ok(reply) => replies.last(&reply),
        Err(error) => refuse_with(worker, replies, &error.into()),
    }
}

/// Replies with an error, and counts it where it is a limit that was met.
fn refuse_with(worker: &Worker, replies: &mut Replies<'_>, refusal: &Refusal) -> Result<(), Stopped> {
    if let Refusal::Engine(EngineError::QuotaExceeded { quota, scope, .. }) = refusal {
        count(worker, quota, scope);
    }
    replies.error(refusal)
}

/// Counts a limit that was met.
fn count(worker: &Worker, quota: &str, scope: &str) {
    let scopes = [Scope::Connection, Scope::Uid, Scope::Daemon];
    let names = crate::config::Quota::ALL.map(crate::config::Quota::name);
    let others = ["transfer_bytes", "batch_operations", "message_bytes", "load_pieces", "zones", "file_descriptors"];
    let name = names.into_iter().chain(others).find(|name| *name == quota);
    if let (Some(name), Some(scope)) = (name, scopes.into_iter().find(|known| known.name() == scope)) {
        worker.service.count_refusal(name, scope);
    }
}

fn monitor(
    worker: &mut Worker,
    method: MonitorMethod,
    call: &Call<'_>,
    replies: &mut Replies<'_>,
) -> Result<(), Stopped> {
    match method {
        MonitorMethod::Snapshot => {
            answer(worker, call, replies, |worker, call| worker.service.snapshot(worker.viewer(), call))
        }
        MonitorMethod::Findings => {
            answer(worker, call, replies, |worker, call| worker.service.findings(worker.viewer(), call))
        }
        MonitorMethod::Watch | MonitorMethod::Decisions if replies.wanted() != Wanted::Many => {
            replies.error(&ServiceError::ExpectedMore)
        }
        MonitorMethod::Watch => streams::watch(worker, call, replies),
        MonitorMethod::Decisions => streams::decisions(worker, call, replies),
    }
}

fn recorder(
    worker: &mut Worker,
    method: RecorderMethod,
    call: &Call<'_>,
    replies: &mut Replies<'_>,
) -> Result<(), Stopped> {
    match method {
        RecorderMethod::Start => {
            answer(worker, call, replies, |worker, call: &Start| worker.service.start_recording(call))
        }
        RecorderMethod::Stop => {
            answer(worker, call, replies, |worker, _: &busdma_api::recorder::Stop| worker.service.stop_recording())
        }
        RecorderMethod::Status => answer(worker, call, replies, |worker, _: &busdma_api::recorder::Status| {
            Ok::<_, Refusal>(worker.service.recorder_status())
        }),
    }
}

fn varlink_service(name: &str, call: &Call<'_>, replies: &mut Replies<'_>) -> Result<(), Stopped> {
    match name {
        "GetInfo" => match parameters::read::<busdma_api::Nothing>(call.parameters) {
            Ok(_) => replies.last(&info()),
            Err(error) => replies.error(&error),
        },
        "GetInterfaceDescription" => match parameters::read::<GetInterfaceDescription>(call.parameters) {
            Ok(asked) => match Interface::from_name(&asked.interface) {
                Some(interface) => replies.last(&InterfaceDescription { description: interface.description() }),
                None => replies.error(&ServiceError::InterfaceNotFound { interface: asked.interface }),
            },
            Err(error) => replies.error(&error),
        },
        _ => replies.error(&ServiceError::MethodNotFound { method: format!("{}.{name}", service::INTERFACE) }),
    }
}

fn info() -> Info {
    Info {
        vendor: "busdma".to_owned(),
        product: "busdmad".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        url: "https://man.freebsd.org/bus_dma/9".to_owned(),
        interfaces: Interface::ALL.iter().map(|interface| interface.name().to_owned()).collect(),
    }
}
