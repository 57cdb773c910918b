//! `org.busdma.Engine`: each method's name and what carries it out.

use super::{Refusal, answer, machines, memory, refuse_with, streams, submit, tags};
use crate::connection::{Replies, Stopped, Worker};
use crate::machine::FileWanted;
use crate::parameters;
use busdma_api::engine::{
    DescribeMachine, DestroyMachine, EngineError, EngineMethod, Join, ListMachines, RegisterMemory, Session,
};
use busdma_api::wire::Call;
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;

pub(super) fn call(
    worker: &mut Worker,
    method: EngineMethod,
    call: &Call<'_>,
    files: Vec<OwnedFd>,
    replies: &mut Replies<'_>,
) -> Result<(), Stopped> {
    match method {
        EngineMethod::Load => streams::load(worker, call, replies),
        EngineMethod::Sync => answer(worker, call, replies, tags::sync),
        EngineMethod::Unload => answer(worker, call, replies, tags::unload),
        EngineMethod::Submit => answer(worker, call, replies, submit::submit),
        EngineMethod::Wait => streams::wait(worker, call, replies),
        EngineMethod::Segments => answer(worker, call, replies, tags::segments),
        EngineMethod::Session => {
            answer(worker, call, replies, |worker, _: &Session| Ok::<_, Refusal>(machines::session(worker)))
        }
        EngineMethod::Join => answer(worker, call, replies, |worker, call: &Join| machines::join(worker, call)),
        EngineMethod::CreateMachine => answer(worker, call, replies, machines::create),
        EngineMethod::ListMachines => {
            answer(worker, call, replies, |worker, _: &ListMachines| Ok::<_, Refusal>(machines::list(worker)))
        }
        EngineMethod::DescribeMachine => {
            answer(worker, call, replies, |worker, call: &DescribeMachine| machines::describe(worker, call.machine))
        }
        EngineMethod::DestroyMachine => {
            answer(worker, call, replies, |worker, call: &DestroyMachine| machines::destroy(worker, call.machine))
        }
        EngineMethod::ZoneMemory => answer_with(worker, call, replies, memory::zones),
        EngineMethod::CreateTag => answer(worker, call, replies, tags::create_tag),
        EngineMethod::DestroyTag => answer(worker, call, replies, tags::destroy_tag),
        EngineMethod::CreateMap => answer(worker, call, replies, tags::create_map),
        EngineMethod::DestroyMap => answer(worker, call, replies, tags::destroy_map),
        EngineMethod::RegisterMemory => answer_with(worker, call, replies, |worker, call: &RegisterMemory| {
            memory::register(worker, call, files, FileWanted::Yes)
        }),
        EngineMethod::DescribeMemory => answer(worker, call, replies, memory::describe),
        EngineMethod::ReleaseMemory => answer(worker, call, replies, memory::release),
        EngineMethod::ReadMemory => answer(worker, call, replies, memory::read),
        EngineMethod::WriteMemory => answer(worker, call, replies, memory::write),
        EngineMethod::AllocMem => answer_with(worker, call, replies, memory::alloc),
        EngineMethod::FreeMem => answer(worker, call, replies, memory::free),
        EngineMethod::DeviceRead => answer(worker, call, replies, memory::device_read),
        EngineMethod::DeviceWrite => answer(worker, call, replies, memory::device_write),
    }
}

/// As [`answer`], with descriptors beside the reply.
fn answer_with<'c, P: Deserialize<'c>, R: Serialize>(
    worker: &mut Worker,
    call: &Call<'c>,
    replies: &mut Replies<'_>,
    carry_out: impl FnOnce(&mut Worker, &P) -> Result<(R, Vec<OwnedFd>), EngineError>,
) -> Result<(), Stopped> {
    let parameters = match parameters::read::<P>(call.parameters) {
        Ok(parameters) => parameters,
        Err(error) => return replies.error(&error),
    };
    match carry_out(worker, &parameters) {
        Ok((reply, files)) => replies.last_with(&reply, &files),
        Err(error) => refuse_with(worker, replies, &error.into()),
    }
}
