//! `org.busdma.Engine`: sessions, machines, and every verb of bus_dma(9).

mod error;
mod load;
mod machine;
mod memory;
mod session;
mod submit;
mod sync;
mod tag;

pub use error::EngineError;
pub use load::{
    Bio, Buffer, Ccb, CcbData, CcbDirection, CcbFunction, Load, LoadReply, Mbuf, MemDesc, Outcome, PhysRange, Request,
    Segment, Segments, SegmentsReply, Uio, UioSpace, UnmappedBio, VlistBio, Wait, WaitPolicy, WaitReply,
};
pub use machine::{
    BounceModel, CreateMachine, CreateMachineReply, DescribeMachine, DestroyMachine, ListMachines, ListMachinesReply,
    MachineInfo, PoolRun, ZoneMemory, ZoneMemoryReply, ZonePool,
};
pub use memory::{
    AllocMem, AllocMemReply, Contiguous, DescribeMemory, DescribeMemoryReply, DeviceRead, DeviceWrite, FreeMem,
    FreeMemReply, Freed, Layout, MemFlag, PhysRun, ReadMemory, ReadReply, RegisterMemory, RegisterMemoryReply,
    ReleaseMemory, Scattered, Space, WriteMemory,
};
pub use session::{Join, JoinReply, QuotaUse, Session, SessionReply};
pub use submit::{Failure, OnError, Operation, OperationResult, Parameters, Submit, SubmitReply};
pub use sync::{Copied, CopyDirection, Sync, SyncDetail, SyncOp, SyncReply, Unload, UnloadReply};
pub use tag::{
    AddressRange, CreateMap, CreateMapReply, CreateTag, CreateTagReply, DestroyMap, DestroyTag, DestroyTagReply, Lock,
    MapForm, TagFlag, Template,
};

use crate::interface::{Nothing, interface};

interface! {
    /// bus_dma(9) as a service: tags, maps, loads, syncs and dmamem on machines with real bounce pools.
    ///
    /// A connection begins in a session of its own; what it creates belongs to the session and is released when the
    /// session's last connection ends. Varlink answers a connection strictly in order, so a connection that waits for a
    /// deferred load can do nothing else: join the session from another connection, or call Load without `more`.
    ///
    /// Ids are opaque. Addresses and 64-bit values are strings such as "0x1000"; sizes, lengths and counts are ints of
    /// bytes or pieces. Bytes are base64.
    interface EngineMethod = "org.busdma.Engine";
    errors EngineError;
    types [
        MachineInfo, BounceModel, ZonePool, PoolRun, QuotaUse, Template, AddressRange, TagFlag, Lock, MapForm, Layout,
        Contiguous, Scattered, Nothing, Space, PhysRun, Request, Buffer, Bio, UnmappedBio, VlistBio, Ccb, CcbFunction,
        CcbDirection, CcbData, Mbuf, Uio, UioSpace, MemDesc, PhysRange, WaitPolicy, Outcome, Segment, SyncOp, SyncDetail,
        Copied, CopyDirection, MemFlag, Freed, Operation, OperationResult, OnError, Failure,
        // The calls that Submit takes, under their own names.
        CreateTag, CreateTagReply, DestroyTag, DestroyTagReply, CreateMap, CreateMapReply, DestroyMap, RegisterMemory,
        RegisterMemoryReply, ReleaseMemory, ReadMemory, ReadReply, WriteMemory, Load, LoadReply, Segments, SegmentsReply,
        Sync, SyncReply, Unload, UnloadReply, AllocMem, AllocMemReply, FreeMem, FreeMemReply, DeviceRead, DeviceWrite,
    ];
    /// Says which session this connection is in, and the token with which another connection of the same uid can join.
    method Session -> SessionReply;
    /// Leaves this connection's session, which ends if nobody else is in it, and enters the one of the token.
    method Join -> JoinReply;
    /// Makes a private machine: an empty simulated host whose pools only its session sees.
    method CreateMachine -> CreateMachineReply;
    /// Lists `host0` and the session's own machines.
    method ListMachines -> ListMachinesReply;
    /// Describes one machine.
    method DescribeMachine -> MachineInfo;
    /// Destroys a private machine with everything on it; loads that wait there end with DeferredCancelled.
    method DestroyMachine -> Nothing;
    /// Hands out the bounce pools of a private machine as file descriptors, with the bus address of each part, so that
    /// the caller can map them and be the device. The pools of `host0` hold other clients' bytes: NotOwner.
    method ZoneMemory -> ZoneMemoryReply;
    /// bus_dma_tag_create.
    method CreateTag -> CreateTagReply;
    /// bus_dma_tag_destroy. The tag lives on while others refer to it.
    method DestroyTag -> DestroyTagReply;
    /// bus_dmamap_create.
    method CreateMap -> CreateMapReply;
    /// bus_dmamap_destroy.
    method DestroyMap -> Nothing;
    /// Gives a machine memory that can be loaded: a memfd passed along with the call, or one made by the daemon.
    method RegisterMemory -> RegisterMemoryReply;
    /// Says where memory lies.
    method DescribeMemory -> DescribeMemoryReply;
    /// Takes memory away again. Busy while a map of the session is loaded with it or waits to be.
    method ReleaseMemory -> Nothing;
    /// Reads bytes as the CPU sees them.
    method ReadMemory -> ReadReply;
    /// Writes bytes as the CPU does.
    method WriteMemory -> Nothing;
    /// bus_dmamap_load and its kin. A load that must wait for bounce pages is answered at once with outcome `deferred`;
    /// called with `more` it gets a second reply, or an error, when it has come to its end. Without `more`, Wait
    /// collects the end.
    method Load -> LoadReply;
    /// Waits for the end of a deferred load: of one map, or of whichever of the session ends first. Each end is
    /// collected once.
    method Wait -> WaitReply;
    /// The current mapping of a map; empty unless it is loaded.
    method Segments -> SegmentsReply;
    /// bus_dmamap_sync. The copies are done when the reply comes.
    method Sync -> SyncReply;
    /// bus_dmamap_unload. It copies nothing.
    method Unload -> UnloadReply;
    /// bus_dmamem_alloc, with the memory's file descriptor.
    method AllocMem -> AllocMemReply;
    /// bus_dmamem_free.
    method FreeMem -> FreeMemReply;
    /// Reads what the device sees, inside one segment of a loaded map.
    method DeviceRead -> ReadReply;
    /// Writes as the device does, inside one segment of a loaded map.
    method DeviceWrite -> Nothing;
    /// Carries out operations in order, with one result each. No file descriptors travel with it: memory it registers is
    /// made by the daemon, and AllocMem's descriptor stays there.
    method Submit -> SubmitReply;
}
