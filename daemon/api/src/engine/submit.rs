//! Many operations in one call.

use super::{
    AllocMem, AllocMemReply, CreateMap, CreateMapReply, CreateTag, CreateTagReply, DestroyMap, DestroyTag,
    DestroyTagReply, DeviceRead, DeviceWrite, FreeMem, FreeMemReply, Load, LoadReply, ReadMemory, ReadReply,
    RegisterMemory, RegisterMemoryReply, ReleaseMemory, Segments, SegmentsReply, Sync, SyncReply, Unload, UnloadReply,
    WriteMemory,
};
use crate::interface::{Nothing, one_of};
use serde::{Deserialize, Serialize};
use zlink::introspect;

/// Carries out operations in order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "SubmitParameters")]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// The operations.
    pub operations: Vec<Operation>,
    /// What to do when one fails; `stop` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_error: Option<OnError>,
}

/// What to do when an operation fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum OnError {
    /// The ones after it are not carried out.
    #[default]
    Stop,
    /// The ones after it are carried out.
    GoOn,
}

one_of! {
    /// One operation, by the method it is.
    pub enum Operation {
        /// Load. A deferred one is collected with Wait.
        Load(Load) = "load",
        /// Sync.
        Sync(Sync) = "sync",
        /// Unload.
        Unload(Unload) = "unload",
        /// Segments.
        Segments(Segments) = "segments",
        /// CreateTag.
        CreateTag(Box<CreateTag>) = "create_tag",
        /// DestroyTag.
        DestroyTag(DestroyTag) = "destroy_tag",
        /// CreateMap.
        CreateMap(CreateMap) = "create_map",
        /// DestroyMap.
        DestroyMap(DestroyMap) = "destroy_map",
        /// RegisterMemory, made by the daemon.
        RegisterMemory(Box<RegisterMemory>) = "register_memory",
        /// ReleaseMemory.
        ReleaseMemory(ReleaseMemory) = "release_memory",
        /// ReadMemory.
        ReadMemory(ReadMemory) = "read_memory",
        /// WriteMemory.
        WriteMemory(WriteMemory) = "write_memory",
        /// AllocMem.
        AllocMem(AllocMem) = "alloc_mem",
        /// FreeMem.
        FreeMem(FreeMem) = "free_mem",
        /// DeviceRead.
        DeviceRead(DeviceRead) = "device_read",
        /// DeviceWrite.
        DeviceWrite(DeviceWrite) = "device_write",
    }
}

/// What came of them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct SubmitReply {
    /// One for each operation that was carried out; a failed one is the last unless the call was to go on.
    pub results: Vec<OperationResult>,
}

one_of! {
    /// What came of one operation: the reply of its method, or its error.
    pub enum OperationResult {
        /// Load.
        Load(LoadReply) = "load",
        /// Sync.
        Sync(SyncReply) = "sync",
        /// Unload.
        Unload(UnloadReply) = "unload",
        /// Segments.
        Segments(SegmentsReply) = "segments",
        /// CreateTag.
        CreateTag(Box<CreateTagReply>) = "create_tag",
        /// DestroyTag.
        DestroyTag(DestroyTagReply) = "destroy_tag",
        /// CreateMap.
        CreateMap(CreateMapReply) = "create_map",
        /// DestroyMap.
        DestroyMap(Nothing) = "destroy_map",
        /// RegisterMemory.
        RegisterMemory(RegisterMemoryReply) = "register_memory",
        /// ReleaseMemory.
        ReleaseMemory(Nothing) = "release_memory",
        /// ReadMemory.
        ReadMemory(ReadReply) = "read_memory",
        /// WriteMemory.
        WriteMemory(Nothing) = "write_memory",
        /// AllocMem.
        AllocMem(Box<AllocMemReply>) = "alloc_mem",
        /// FreeMem.
        FreeMem(FreeMemReply) = "free_mem",
        /// DeviceRead.
        DeviceRead(ReadReply) = "device_read",
        /// DeviceWrite.
        DeviceWrite(Nothing) = "device_write",
        /// It failed.
        Failed(Box<Failure>) = "failed",
    }
}

/// An error inside a reply.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct Failure {
    /// Its full name.
    pub error: String,
    /// Its numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Parameters>,
}

/// The parameters of any error.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parameters(pub serde_json::Map<String, serde_json::Value>);

impl introspect::Type for Parameters {
    const TYPE: &'static zlink::idl::Type<'static> = &zlink::idl::Type::ForeignObject;
}
