//! Checks of what bus_dma(9) promises, independent of the engine and of the reference model.
//!
//! Each takes what could be seen from outside and says what promise was broken.

mod contract;

pub use contract::Contract;

use crate::answer::{MapNo, MapView, PieceView, SegmentView, Snapshot, ZoneView};
use busdma_engine::addr::PAGE_SIZE;
use busdma_engine::constraints::SegmentLimit;
use busdma_engine::memdesc::PhysRange;
use thiserror::Error;

/// A promise that was broken.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Broken {
    /// A zone's pages do not add up.
    #[error("zone {zone}: {free} free + {reserved} reserved + {active} active pages are not {total}")]
    ZoneSum {
        /// Index of the zone.
        zone: usize,
        /// Its counters.
        free: i64,
        /// Promised.
        reserved: i64,
        /// In use.
        active: i64,
        /// All.
        total: i64,
    },
    /// A mapping has more or fewer bytes than the request.
    #[error("the request has {wanted} bytes, the segments have {mapped}")]
    Length {
        /// Bytes of the request.
        wanted: u64,
        /// Bytes of the segments.
        mapped: u64,
    },
    /// A byte of the mapping is neither the client's own nor on a bounce page that stands for it.
    #[error("byte {position} of the request lies at {client:#x}, the device is sent to {bus:#x}")]
    WrongByte {
        /// Which byte of the request.
        position: u64,
        /// Where the client has it.
        client: u64,
        /// Where the device is sent.
        bus: u64,
    },
    /// There are more segments than allowed.
    #[error("{segments} segments where {limit} are allowed")]
    TooManySegments {
        /// Segments.
        segments: usize,
        /// The tag's limit.
        limit: SegmentLimit,
    },
    /// A segment has no bytes.
    #[error("the segment at {addr:#x} has no bytes")]
    EmptySegment {
        /// Its address.
        addr: u64,
    },
    /// A segment is too long.
    #[error("the segment at {addr:#x} has {len} bytes where {maxsegsz} are allowed")]
    LongSegment {
        /// Its address.
        addr: u64,
        /// Its length.
        len: u64,
        /// The tag's limit.
        maxsegsz: u64,
    },
    /// A segment crosses a boundary.
    #[error("the segment at {addr:#x} of {len} bytes crosses a multiple of {boundary:#x}")]
    CrossesBoundary {
        /// Its address.
        addr: u64,
        /// Its length.
        len: u64,
        /// The boundary.
        boundary: u64,
    },
    /// A segment starts at a misaligned address.
    #[error("the segment at {addr:#x} is no multiple of {alignment}")]
    Misaligned {
        /// Its address.
        addr: u64,
        /// The tag's alignment.
        alignment: u64,
    },
    /// A segment touches an excluded address.
    #[error("the segment at {addr:#x} touches {touched:#x}, which the tag or an ancestor excludes")]
    Excluded {
        /// Its address.
        addr: u64,
        /// The excluded address.
        touched: u64,
    },
    /// The mapping is larger than a mapping may be.
    #[error("{bytes} bytes mapped where maxsize is {maxsize}")]
    ExceedsMaxSize {
        /// Bytes mapped.
        bytes: u64,
        /// The tag's limit.
        maxsize: u64,
    },
    /// A bounced piece does not fit its page.
    #[error("{len} bytes at {bus:#x} do not fit a bounce page")]
    PieceOverrunsPage {
        /// Where the device sees them.
        bus: u64,
        /// Bytes.
        len: u64,
    },
    /// A failed load left something behind.
    #[error("a failed load changed the state:\n  before {before:?}\n  after  {after:?}")]
    TraceOfFailedLoad {
        /// Zones and map before.
        before: Box<(Vec<ZoneView>, MapView)>,
        /// Zones and map after.
        after: Box<(Vec<ZoneView>, MapView)>,
    },
    /// A cancelled load left something behind, or gave back other pages than it had.
    #[error("{map:?} gave back {released} of its {had} pages when it was cancelled, and is left with {left:?}")]
    NotCleanAfterCancel {
        /// The map.
        map: MapNo,
        /// Pages it says it gave back.
        released: u32,
        /// Pages that were promised to it or that it held.
        had: i64,
        /// What it has now.
        left: Box<MapView>,
    },
    /// A waiter waits although its zone has free pages.
    #[error("{map:?} waits for zone {zone}, which has {free} free pages")]
    NeedlessWait {
        /// The waiter.
        map: MapNo,
        /// Its zone.
        zone: usize,
        /// Free pages there.
        free: i64,
    },
    /// A waiter behind the head of its queue holds pages.
    #[error("{map:?} holds {reserved} promised pages while {head:?} is ahead of it in the queue of zone {zone}")]
    HoldsWhileWaiting {
        /// The waiter.
        map: MapNo,
        /// Pages promised to it.
        reserved: i64,
        /// The head of its queue.
        head: MapNo,
        /// Their zone.
        zone: usize,
    },
    /// A waiter can never be served.
    #[error("{map:?} waits for {needed} pages, zone {zone} has {total} in all")]
    HopelessWait {
        /// The waiter.
        map: MapNo,
        /// Pages it needs.
        needed: i64,
        /// Its zone.
        zone: usize,
        /// Pages of the zone.
        total: i64,
    },
}

/// Checks that the pages of every zone add up.
///
/// # Errors
/// The first zone whose pages do not.
pub fn check_zones(zones: &[ZoneView]) -> Result<(), Broken> {
    for (zone, view) in zones.iter().enumerate() {
        let ZoneView { total, free, reserved, active, .. } = *view;
        let negative = free < 0 || reserved < 0 || active < 0;
        if negative || free + reserved + active != total {
            return Err(Broken::ZoneSum { zone, free, reserved, active, total });
        }
    }
    Ok(())
}

/// Checks that the device, following the segments, meets exactly the client's bytes in order: directly, or on bounce pages
/// that stand for them.
///
/// # Errors
/// The first byte that is missing or wrong.
pub fn check_cover(client: &[PhysRange], segments: &[SegmentView], pieces: &[PieceView]) -> Result<(), Broken> {
    let wanted: u64 = client.iter().map(|range| range.len.raw()).sum();
    let mapped: u64 = segments.iter().map(|&(_, len)| len).sum();
    if wanted != mapped {
        return Err(Broken::Length { wanted, mapped });
    }
    let mut position = 0;
    for &(start, len) in segments {
        let mut bus = start;
        while bus < start + len {
            let (addr, left) = client_at(client, position);
            let run = left.min(start + len - bus);
            let run = if bus == addr {
                Some(run)
            } else {
                bounced_run(pieces, client, position, bus).map(|left| left.min(run))
            };
            let Some(run) = run else { return Err(Broken::WrongByte { position, client: addr, bus }) };
            bus += run;
            position += run;
        }
    }
    Ok(())
}

/// Where the client has the byte at `position` of the request, and how many bytes follow it there, itself included.
fn client_at(client: &[PhysRange], position: u64) -> (u64, u64) {
    let mut before = 0;
    for range in client {
        if position < before + range.len.raw() {
            let inside = position - before;
            return (range.start.raw() + inside, range.len.raw() - inside);
        }
        before += range.len.raw();
    }
    (0, 0)
}

/// How many bytes from `bus` on lie in a bounced piece whose first byte is the client's byte as far before `position`.
fn bounced_run(pieces: &[PieceView], client: &[PhysRange], position: u64, bus: u64) -> Option<u64> {
    let standing_for = |piece: &&PieceView| {
        let inside = piece.bus <= bus && bus < piece.bus + piece.len;
        let first = position.checked_sub(bus.wrapping_sub(piece.bus));
        inside && first.is_some_and(|first| client_at(client, first).0 == piece.client)
    };
    pieces.iter().find(standing_for).map(|piece| piece.bus + piece.len - bus)
}

/// Checks that no bounced piece runs past the end of its page.
///
/// # Errors
/// The first that does.
pub fn check_pieces(pieces: &[PieceView]) -> Result<(), Broken> {
    match pieces.iter().find(|piece| piece.bus % PAGE_SIZE + piece.len > PAGE_SIZE) {
        Some(piece) => Err(Broken::PieceOverrunsPage { bus: piece.bus, len: piece.len }),
        None => Ok(()),
    }
}

/// Checks that a failed load left the zones as they were and the map empty.
///
/// # Errors
/// What it left.
pub fn check_no_trace(before: &Snapshot, after: &Snapshot, map: MapNo) -> Result<(), Broken> {
    let seen = |snapshot: &Snapshot| (snapshot.zones.clone(), snapshot.maps.get(&map).cloned().unwrap_or_default());
    let (zones, _) = seen(before);
    let left = seen(after);
    if left == (zones, MapView::default()) {
        return Ok(());
    }
    Err(Broken::TraceOfFailedLoad { before: Box::new(seen(before)), after: Box::new(left) })
}

/// Checks that a cancelled load gave back all it had, and left its map as one that was never loaded.
///
/// # Errors
/// What it left, or how many pages it gave back.
pub fn check_cancelled(before: &Snapshot, after: &Snapshot, map: MapNo, released: u32) -> Result<(), Broken> {
    let seen = |snapshot: &Snapshot| snapshot.maps.get(&map).cloned().unwrap_or_default();
    let MapView { reserved, pieces, .. } = seen(before);
    let left = seen(after);
    let had = reserved + i64::try_from(pieces.len()).unwrap_or(i64::MAX);
    let waits = after.waiting.contains(&map);
    if i64::from(released) == had && left == MapView::default() && !waits {
        return Ok(());
    }
    Err(Broken::NotCleanAfterCancel { map, released, had, left: Box::new(left) })
}

/// Checks that waiters wait only for their own zone, in order, with only the first of each zone holding pages, and that
/// each can be served some day. `zone_of` says which zone a map waits for.
///
/// # Errors
/// The first waiter that waits in vain.
pub fn check_waiters(snapshot: &Snapshot, zone_of: impl Fn(MapNo) -> Option<usize>) -> Result<(), Broken> {
    let mut heads: Vec<Option<MapNo>> = vec![None; snapshot.zones.len()];
    for &map in &snapshot.waiting {
        let (Some(zone), Some(view)) = (zone_of(map), snapshot.maps.get(&map)) else { continue };
        let ZoneView { free, total, .. } = snapshot.zones[zone];
        if free > 0 {
            return Err(Broken::NeedlessWait { map, zone, free });
        }
        if view.needed > total {
            return Err(Broken::HopelessWait { map, needed: view.needed, zone, total });
        }
        match heads[zone] {
            Some(head) if view.reserved > 0 => {
                return Err(Broken::HoldsWhileWaiting { map, reserved: view.reserved, head, zone });
            }
            Some(_) => {}
            None => heads[zone] = Some(map),
        }
    }
    Ok(())
}
