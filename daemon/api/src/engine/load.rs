//! Loads: every shape of memory that bus_dma(9) maps.

use crate::hex::Hex;
use crate::ids::{MapRef, MemoryRef};
use crate::interface::one_of;
use serde::{Deserialize, Serialize};
use zlink::introspect;

/// Maps memory for the device.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "LoadParameters")]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The map.
    pub map: MapRef,
    /// What to map, and by which call.
    pub request: Request,
    /// Whether the load may wait for bounce pages; it may when left out. mbuf and uio loads never wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitPolicy>,
}

one_of! {
    /// One bus_dmamap_load call.
    pub enum Request {
        /// bus_dmamap_load: a kernel buffer.
        Buffer(Buffer) = "buffer",
        /// bus_dmamap_load_bio.
        Bio(Bio) = "bio",
        /// bus_dmamap_load_ccb.
        Ccb(Box<Ccb>) = "ccb",
        /// bus_dmamap_load_mbuf.
        Mbuf(Mbuf) = "mbuf",
        /// bus_dmamap_load_mbuf_sg.
        MbufSg(Mbuf) = "mbuf_sg",
        /// bus_dmamap_load_uio.
        Uio(Uio) = "uio",
        /// bus_dmamap_load_mem.
        Mem(Box<MemDesc>) = "mem",
    }
}

/// Bytes of registered memory or dmamem.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
pub struct Buffer {
    /// The memory.
    pub memory: MemoryRef,
    /// Where in it the bytes begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// How many; may be 0.
    pub length: u64,
}

/// Physical bytes, which must lie in the session's own memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
pub struct PhysRange {
    /// The first.
    pub paddr: Hex,
    /// How many; may be 0.
    pub length: u64,
}

one_of! {
    /// A block I/O request.
    pub enum Bio {
        /// `bio_data` points at kernel memory; `bio_bcount` is the length.
        Mapped(Buffer) = "mapped",
        /// Pages without a kernel mapping (BIO_UNMAPPED).
        Unmapped(UnmappedBio) = "unmapped",
        /// A list of kernel buffers (BIO_VLIST).
        Vlist(VlistBio) = "vlist",
    }
}

/// A block I/O request on pages without a kernel mapping.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
pub struct UnmappedBio {
    /// The first address of each page; pages of the session's own memory.
    pub pages: Vec<Hex>,
    /// Offset of the first byte in the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u32>,
    /// `bio_bcount`, bytes.
    pub bcount: u64,
}

/// A block I/O request on a list of kernel buffers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
pub struct VlistBio {
    /// The buffers.
    pub list: Vec<Buffer>,
    /// Bytes of the first buffer to skip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// `bio_bcount`, bytes.
    pub bcount: u64,
}

/// A CAM control block.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
pub struct Ccb {
    /// What it asks for.
    pub function: CcbFunction,
    /// Which way the data moves.
    pub direction: CcbDirection,
    /// Where the data lies.
    pub data: CcbData,
    /// Bytes to move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dxfer_len: Option<u32>,
    /// Entries of the scatter list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sglist_cnt: Option<u16>,
}

/// The function code of a CAM control block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum CcbFunction {
    /// XPT_SCSI_IO.
    ScsiIo,
    /// XPT_CONT_TARGET_IO.
    ContTargetIo,
    /// XPT_ATA_IO.
    AtaIo,
    /// XPT_NVME_IO, since FreeBSD 12.
    NvmeIo,
    /// XPT_NVME_ADMIN, since FreeBSD 12.
    NvmeAdmin,
    /// A code that carries no data: FreeBSD panics.
    Noop,
}

/// Which way a CAM control block moves data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum CcbDirection {
    /// Device to memory.
    In,
    /// Memory to device.
    Out,
    /// Both ways.
    Both,
    /// No data: outcome `no_data`.
    None,
}

one_of! {
    /// Where a CAM control block's data lies.
    pub enum CcbData {
        /// Kernel memory; `dxfer_len` bytes from the buffer's beginning.
        Vaddr(Buffer) = "vaddr",
        /// Physical memory; `dxfer_len` bytes.
        Paddr(PhysRange) = "paddr",
        /// The first `sglist_cnt` kernel buffers, up to `dxfer_len` bytes.
        Sg(Vec<Buffer>) = "sg",
        /// The first `sglist_cnt` physical ranges, whole.
        SgPaddr(Vec<PhysRange>) = "sg_paddr",
        /// A block I/O request.
        Bio(Bio) = "bio",
        /// Flags that mean nothing: FreeBSD panics.
        Invalid(crate::interface::Nothing) = "invalid",
    }
}

/// A chain of network buffers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
pub struct Mbuf {
    /// `m_pkthdr.len`; left out, the chain has no packet header, which FreeBSD asserts. Unchecked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packet_length: Option<u64>,
    /// `m_data` and `m_len` of each mbuf; empty ones are skipped.
    pub chain: Vec<Buffer>,
}

/// A read or write request of a process or of the kernel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
pub struct Uio {
    /// `uio_resid`: bytes to map at most.
    pub resid: u64,
    /// Whose addresses.
    pub space: UioSpace,
    /// The vectors.
    pub iov: Vec<Buffer>,
}

/// Whose addresses a uio holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum UioSpace {
    /// UIO_SYSSPACE.
    Kernel,
    /// UIO_USERSPACE.
    User,
    /// UIO_USERSPACE, but `uio_td` is NULL, which FreeBSD asserts.
    UserWithoutThread,
}

one_of! {
    /// A memory descriptor.
    pub enum MemDesc {
        /// MEMDESC_VADDR.
        Vaddr(Buffer) = "vaddr",
        /// MEMDESC_PADDR.
        Paddr(PhysRange) = "paddr",
        /// MEMDESC_VLIST.
        Vlist(Vec<Buffer>) = "vlist",
        /// MEMDESC_PLIST.
        Plist(Vec<PhysRange>) = "plist",
        /// MEMDESC_BIO.
        Bio(Bio) = "bio",
        /// MEMDESC_UIO.
        Uio(Uio) = "uio",
        /// MEMDESC_MBUF.
        Mbuf(Mbuf) = "mbuf",
        /// MEMDESC_CCB.
        Ccb(Ccb) = "ccb",
    }
}

/// Whether a load may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum WaitPolicy {
    /// BUS_DMA_WAITOK.
    MayDefer,
    /// BUS_DMA_NOWAIT: NoBouncePages when pages are lacking.
    NoWait,
}

/// How a load stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct LoadReply {
    /// What came of it.
    pub outcome: Outcome,
    /// What the device may use until the map is unloaded.
    pub segments: Vec<Segment>,
    /// Bounce pages on the map.
    pub bounce_pages: u32,
    /// Bounce pages the map needs and has not taken, those promised to it among them: `pagesneeded`, unless 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages_needed: Option<u32>,
    /// Bounce pages promised to the map, `pagesreserved`, unless 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages_reserved: Option<u32>,
    /// What a callback2 is told, for mbuf and uio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapsize: Option<u64>,
}

/// What came of a load.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum Outcome {
    /// The device may use the segments.
    Loaded,
    /// EINPROGRESS: the map waits for bounce pages.
    Deferred,
    /// A control block that moves no data.
    NoData,
}

/// One piece of memory as the device sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct Segment {
    /// Bus address of its first byte.
    pub addr: Hex,
    /// Bytes.
    pub length: u64,
}

/// Waits for a deferred load.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "WaitParameters")]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// The map; left out, whichever of the session comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<MapRef>,
    /// How long to wait at most, milliseconds; as long as the daemon allows when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// The end of a deferred load; an unhappy one is an error.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct WaitReply {
    /// The map.
    pub map: MapRef,
    /// How it ended.
    pub load: LoadReply,
    /// How long it had waited for pages, nanoseconds.
    pub waited_ns: u64,
}

/// Asks for a mapping.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "SegmentsParameters")]
#[serde(deny_unknown_fields)]
pub struct Segments {
    /// The map.
    pub map: MapRef,
}

/// A mapping.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct SegmentsReply {
    /// Empty unless the map is loaded.
    pub segments: Vec<Segment>,
}
