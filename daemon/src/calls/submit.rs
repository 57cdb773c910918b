//! Many operations in one call.

use super::{count, memory, tags};
use crate::config::Scope;
use crate::connection::Worker;
use crate::machine::FileWanted;
use crate::session::Claim;
use busdma_api::engine::{EngineError, Failure, OnError, Operation, OperationResult, Parameters, Submit, SubmitReply};
use serde_json::Value;

pub(super) fn submit(worker: &mut Worker, call: &Submit) -> Result<SubmitReply, EngineError> {
    let limit = worker.limits.batch_operations;
    if call.operations.len() as u64 > limit {
        let scope = Scope::Connection.name().to_owned();
        return Err(EngineError::QuotaExceeded { quota: "batch_operations".to_owned(), limit, scope });
    }
    let mut results = Vec::with_capacity(call.operations.len());
    let (mut bytes, bytes_max) = (0, worker.limits.message_bytes);
    for operation in &call.operations {
        let result = if bytes > bytes_max {
            let scope = Scope::Connection.name().to_owned();
            let quota = "message_bytes".to_owned();
            failed(worker, &EngineError::QuotaExceeded { quota, limit: bytes_max, scope })
        } else {
            carry_out(worker, operation)
        };
        bytes += bytes_of(&result);
        let failed = matches!(result, OperationResult::Failed(_));
        results.push(result);
        if failed && call.on_error.unwrap_or_default() == OnError::Stop {
            break;
        }
    }
    Ok(SubmitReply { results })
}

/// About how many bytes of the reply a result takes, where they can be many.
fn bytes_of(result: &OperationResult) -> u64 {
    const SEGMENT: usize = r#"{"addr":"0x000000000","length":4096},"#.len();
    const COPY: usize = r#"{"direction":"from_bounce","addr":"0x000000000","bytes":4096},"#.len();
    let bytes = match result {
        OperationResult::ReadMemory(reply) | OperationResult::DeviceRead(reply) => reply.data.len(),
        OperationResult::Load(reply) => reply.segments.len() * SEGMENT,
        OperationResult::Segments(reply) => reply.segments.len() * SEGMENT,
        OperationResult::Sync(reply) => reply.copies.as_ref().map_or(0, Vec::len) * COPY,
        _ => 0,
    };
    bytes as u64
}

fn carry_out(worker: &mut Worker, operation: &Operation) -> OperationResult {
    let result = match operation {
        Operation::Load(call) => tags::load(worker, call, Claim::Anybody).map(OperationResult::Load),
        Operation::Sync(call) => tags::sync(worker, call).map(OperationResult::Sync),
        Operation::Unload(call) => tags::unload(worker, call).map(OperationResult::Unload),
        Operation::Segments(call) => tags::segments(worker, call).map(OperationResult::Segments),
        Operation::CreateTag(call) => tags::create_tag(worker, call).map(Box::new).map(OperationResult::CreateTag),
        Operation::DestroyTag(call) => tags::destroy_tag(worker, call).map(OperationResult::DestroyTag),
        Operation::CreateMap(call) => tags::create_map(worker, call).map(OperationResult::CreateMap),
        Operation::DestroyMap(call) => tags::destroy_map(worker, call).map(OperationResult::DestroyMap),
        Operation::RegisterMemory(call) => memory::register(worker, call, Vec::new(), FileWanted::No)
            .map(|(reply, _)| OperationResult::RegisterMemory(reply)),
        Operation::ReleaseMemory(call) => memory::release(worker, call).map(OperationResult::ReleaseMemory),
        Operation::ReadMemory(call) => memory::read(worker, call).map(OperationResult::ReadMemory),
        Operation::WriteMemory(call) => memory::write(worker, call).map(OperationResult::WriteMemory),
        Operation::AllocMem(call) => memory::alloc(worker, call).map(|(mut reply, _)| {
            reply.fd = None;
            OperationResult::AllocMem(Box::new(reply))
        }),
        Operation::FreeMem(call) => memory::free(worker, call).map(OperationResult::FreeMem),
        Operation::DeviceRead(call) => memory::device_read(worker, call).map(OperationResult::DeviceRead),
        Operation::DeviceWrite(call) => memory::device_write(worker, call).map(OperationResult::DeviceWrite),
    };
    result.unwrap_or_else(|error| failed(worker, &error))
}

/// An error as it stands in a reply: as it would have been one of its own.
fn failed(worker: &Worker, error: &EngineError) -> OperationResult {
    if let EngineError::QuotaExceeded { quota, scope, .. } = error {
        count(worker, quota, scope);
    }
    OperationResult::Failed(Box::new(failure(error)))
}

/// An error as a value inside of another reply.
pub(super) fn failure(error: &EngineError) -> Failure {
    let mut value = serde_json::to_value(error).unwrap_or_default();
    let name = value.get("error").and_then(Value::as_str).unwrap_or_default().to_owned();
    let parameters = match value.get_mut("parameters").map(Value::take) {
        Some(Value::Object(parameters)) => Some(Parameters(parameters)),
        _ => None,
    };
    Failure { error: name, parameters }
}
