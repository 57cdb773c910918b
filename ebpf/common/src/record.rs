//! What comes through the ring. Each record begins with a [`Header`], whose program tells the structure.
//!
//! Names end at their first zero byte; what follows it means nothing.

/// Bytes of a device's name.
pub const NAME_BYTES: usize = 32;

/// Pieces that one list holds at most.
pub const PIECES: usize = 256;

/// The beginning of every record.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Header {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub at: u64,
    /// The id of the thread that was running.
    pub thread: u32,
    /// The processor.
    pub cpu: u32,
    /// The name of the thread.
    pub task: [u8; 16],
    /// [`crate::program::Program::number`].
    pub program: u32,
    /// Zero.
    pub reserved: u32,
}

/// `dma:*` of one contiguous piece.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct DmaRecord {
    /// Which, when and who.
    pub header: Header,
    /// The device's name.
    pub device: [u8; NAME_BYTES],
    /// Where the device finds it.
    pub dma: u64,
    /// Where it is; 0 where the tracepoint does not say.
    pub phys: u64,
    /// Bytes.
    pub size: u64,
    /// `DMA_ATTR_*`.
    pub attributes: u64,
    /// `enum dma_data_direction`.
    pub direction: u32,
    /// Zero.
    pub reserved: u32,
}

/// `swiotlb:swiotlb_bounced`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct BouncedRecord {
    /// Which, when and who.
    pub header: Header,
    /// The device's name.
    pub device: [u8; NAME_BYTES],
    /// Where the bytes are, as the device would see them.
    pub addr: u64,
    /// The device's mask; 0 when it has none.
    pub mask: u64,
    /// Bytes.
    pub size: u64,
    /// One of [`FORCE_NO`], [`FORCE_YES`], [`FORCE_UNKNOWN`].
    pub force: u32,
    /// Zero.
    pub reserved: u32,
}

/// The device's pool does not force bouncing.
pub const FORCE_NO: u32 = 0;
/// The device's pool forces bouncing.
pub const FORCE_YES: u32 = 1;
/// The kernel keeps that elsewhere.
pub const FORCE_UNKNOWN: u32 = 2;

/// `iommu:map` and `iommu:unmap`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct IommuRecord {
    /// Which, when and who.
    pub header: Header,
    /// What the device sees.
    pub iova: u64,
    /// Where it is; 0 for `unmap`.
    pub phys: u64,
    /// Bytes.
    pub size: u64,
    /// Bytes that were unmapped; 0 for `map`.
    pub unmapped: u64,
}

/// A piece of memory, or of what a device is given.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Piece {
    /// The kernel's address of the first page's structure; for a piece that a device is given, its first address.
    pub start: u64,
    /// Bytes from the beginning of that page, which may be more than a page.
    pub offset: u32,
    /// Bytes.
    pub length: u32,
}

/// `dma:*` of scatter lists, up to the pieces: `stored` pieces follow. For `dma_map_sg`, pieces of memory and pieces as
/// the device is given them alternate, memory first; for the syncs, they are as the device was given them; for the
/// others, they are memory.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ListRecord {
    /// Which, when and who.
    pub header: Header,
    /// The device's name.
    pub device: [u8; NAME_BYTES],
    /// Where the device finds the first piece (`dma_alloc_sgt`, `dma_free_sgt`).
    pub dma: u64,
    /// Bytes (`dma_alloc_sgt`, `dma_free_sgt`).
    pub size: u64,
    /// `DMA_ATTR_*`.
    pub attributes: u64,
    /// `enum dma_data_direction`.
    pub direction: u32,
    /// The negative errno (`dma_map_sg_err`).
    pub error: i32,
    /// Entries in truth.
    pub entries: u32,
    /// Entries that the device is given, in truth (`dma_map_sg`).
    pub mapped: u32,
    /// Pieces that follow.
    pub stored: u32,
    /// Zero.
    pub reserved: u32,
}

/// `block:*`; for requests on their way to a driver, it is the beginning of a [`RequestRecord`].
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct BlockRecord {
    /// Which, when and who.
    pub header: Header,
    /// The kernel's address of the request; 0 for a bio.
    pub request: u64,
    /// The first sector, of 512 bytes.
    pub sector: u64,
    /// The disk's number: 12 bits of major above 20 bits of minor.
    pub disk: u32,
    /// Bytes.
    pub bytes: u32,
    /// See [`crate::operation`].
    pub operation: u32,
    /// `blk_status_t` (`block_rq_complete`).
    pub status: u32,
}

/// `block_rq_issue` and `block_rq_requeue`, up to the pieces: `stored` pieces of memory follow.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RequestRecord {
    /// The request.
    pub block: BlockRecord,
    /// Pieces of memory that follow.
    pub stored: u32,
    /// Not 0 when there are more.
    pub truncated: u32,
}

const _: () = assert!(size_of::<Header>() == 40);
const _: () = assert!(size_of::<DmaRecord>() == 112);
const _: () = assert!(size_of::<BouncedRecord>() == 104);
const _: () = assert!(size_of::<IommuRecord>() == 72);
const _: () = assert!(size_of::<Piece>() == 16);
const _: () = assert!(size_of::<ListRecord>() == 120);
const _: () = assert!(size_of::<BlockRecord>() == 72);
const _: () = assert!(size_of::<RequestRecord>() == 80);
