//! Memory: buffers of clients, dmamem, and the device's view of both.

use super::machine::PoolRun;
use crate::hex::Hex;
use crate::ids::{MachineId, MapRef, MemoryRef, TagRef};
use crate::interface::{Nothing, one_of};
use serde::{Deserialize, Serialize};
use zlink::introspect;

/// Registers memory.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "RegisterMemoryParameters")]
#[serde(deny_unknown_fields)]
pub struct RegisterMemory {
    /// Where; `host0` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineId>,
    /// Bytes; rounded up to whole pages inside.
    pub length: u64,
    /// Index of the memfd among the descriptors passed with the call; left out, the daemon makes the memory. A memfd must
    /// be sealed with F_SEAL_SHRINK and F_SEAL_GROW.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fd: Option<u32>,
    /// Where in the memfd the memory begins, bytes, a multiple of the page size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Which physical pages it seems to lie in; contiguous when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Whose addresses; the kernel's when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<Space>,
    /// Its virtual address, a multiple of the page size; chosen by the machine when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vaddr: Option<Hex>,
}

one_of! {
    /// Which physical pages memory lies in.
    pub enum Layout {
        /// One after another.
        Contiguous(Contiguous) = "contiguous",
        /// All over the machine's memory.
        Scattered(Scattered) = "scattered",
        /// These: the first address of each page.
        Pages(Vec<Hex>) = "pages",
        /// The real ones, from /proc/self/pagemap; NotPrivileged unless the daemon may see them.
        Pagemap(Nothing) = "pagemap",
    }
}

/// Contiguous pages.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
pub struct Contiguous {
    /// The first page; left out, the highest free ones are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Hex>,
}

/// Scattered pages.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
pub struct Scattered {
    /// The same seed on the same free memory gives the same pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// An address space.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum Space {
    /// The kernel's.
    Kernel,
    /// A process's, for uio.
    User,
}

/// Memory that was registered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct RegisterMemoryReply {
    /// Its id.
    pub memory: MemoryRef,
    /// Its virtual address.
    pub vaddr: Hex,
    /// Index among the reply's descriptors of the memory's file, when the daemon made it and its bytes lie there in order
    /// from offset 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fd: Option<u32>,
}

/// Asks where memory lies.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "DescribeMemoryParameters")]
#[serde(deny_unknown_fields)]
pub struct DescribeMemory {
    /// Registered memory or dmamem.
    pub memory: MemoryRef,
}

/// Where memory lies.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct DescribeMemoryReply {
    /// Its virtual address.
    pub vaddr: Hex,
    /// Bytes.
    pub length: u64,
    /// Whose addresses.
    pub space: Space,
    /// Its physical pages, neighbours joined.
    pub runs: Vec<PhysRun>,
}

/// Neighbouring physical bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct PhysRun {
    /// The first.
    pub paddr: Hex,
    /// How many.
    pub length: u64,
}

/// Releases memory.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "ReleaseMemoryParameters")]
#[serde(deny_unknown_fields)]
pub struct ReleaseMemory {
    /// The memory.
    pub memory: MemoryRef,
}

/// Reads memory.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "ReadMemoryParameters")]
#[serde(deny_unknown_fields)]
pub struct ReadMemory {
    /// Registered memory or dmamem.
    pub memory: MemoryRef,
    /// Where to begin, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// How many bytes.
    pub length: u64,
}

/// Bytes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct ReadReply {
    /// Base64 with padding.
    pub data: String,
}

/// Writes memory.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "WriteMemoryParameters")]
#[serde(deny_unknown_fields)]
pub struct WriteMemory {
    /// Registered memory or dmamem.
    pub memory: MemoryRef,
    /// Where to begin, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Base64 with padding.
    pub data: String,
}

/// Reads as the device.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "DeviceReadParameters")]
#[serde(deny_unknown_fields)]
pub struct DeviceRead {
    /// A loaded map of the session.
    pub map: MapRef,
    /// Index of the segment.
    pub segment: u32,
    /// Where in the segment to begin, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// How many bytes; to the segment's end when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
}

/// Writes as the device.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "DeviceWriteParameters")]
#[serde(deny_unknown_fields)]
pub struct DeviceWrite {
    /// A loaded map of the session.
    pub map: MapRef,
    /// Index of the segment.
    pub segment: u32,
    /// Where in the segment to begin, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Base64 with padding.
    pub data: String,
}

/// Allocates dmamem.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "AllocMemParameters")]
#[serde(deny_unknown_fields)]
pub struct AllocMem {
    /// The tag whose maxsize and restrictions hold.
    pub tag: TagRef,
    /// Flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<MemFlag>>,
}

/// A flag of bus_dmamem_alloc.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum MemFlag {
    /// BUS_DMA_NOWAIT.
    NoWait,
    /// BUS_DMA_COHERENT.
    Coherent,
    /// BUS_DMA_ZERO.
    Zero,
    /// BUS_DMA_NOCACHE.
    NoCache,
}

/// dmamem that was allocated.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct AllocMemReply {
    /// Its id.
    pub memory: MemoryRef,
    /// The map that came with it; load it to learn the bus addresses.
    pub map: MapRef,
    /// Its kernel address.
    pub vaddr: Hex,
    /// Bytes.
    pub length: u64,
    /// Where its bytes lie in its file and on the bus, neighbours joined.
    pub runs: Vec<PoolRun>,
    /// Whether the tag's alignment was met; FreeBSD only prints a warning when it was not.
    pub aligned: bool,
    /// Index of its file among the reply's descriptors; left out in Submit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fd: Option<u32>,
}

/// Frees dmamem.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "FreeMemParameters")]
#[serde(deny_unknown_fields)]
pub struct FreeMem {
    /// dmamem of the session.
    pub memory: MemoryRef,
}

/// dmamem that was freed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct FreeMemReply {
    /// By which of the kernel's allocators.
    pub freed: Freed,
}

/// A kernel allocator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum Freed {
    /// malloc(9).
    Malloc,
    /// The page allocator.
    Pages,
}
