//! Why a state is refused.

use crate::addr::{PageCount, PhysAddr};
use crate::check::InvariantViolation;
use crate::ids::{MapId, TagId, ZoneId};
use thiserror::Error;

/// Something in an [`EngineState`](super::EngineState) that no engine could have come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum StateError {
    /// The slots of the tags are not all there, once each, vacant only in even generations.
    #[error(
        "tag slot {index} in generation {generation} is out of place: slots count from 0, each once, vacant in even ones"
    )]
    TagSlot {
        /// The first slot that breaks it.
        index: u32,
        /// Its generation.
        generation: u32,
    },
    /// The same of the maps.
    #[error(
        "map slot {index} in generation {generation} is out of place: slots count from 0, each once, vacant in even ones"
    )]
    MapSlot {
        /// The first slot that breaks it.
        index: u32,
        /// Its generation.
        generation: u32,
    },
    /// A tag refers to one that neither lives nor has lived.
    #[error("{tag} refers to {other}, which neither lives nor has lived")]
    TagLink {
        /// The tag.
        tag: TagId,
        /// What it refers to.
        other: TagId,
    },
    /// A tag allows no byte in a segment.
    #[error("maxsegsz of {tag} is 0: no segment could hold a byte")]
    ZeroMaxSegSize {
        /// The tag.
        tag: TagId,
    },
    /// A tag counts more maps than it has, or nothing keeps it, or a count is beyond all reason.
    #[error("{tag} counts {map_count} maps of {maps} and {references} references, which cannot be")]
    TagCounts {
        /// The tag.
        tag: TagId,
        /// Maps it counts.
        map_count: i32,
        /// Maps it has, without those of dmamem where these are not counted.
        maps: u32,
        /// References it counts.
        references: i32,
    },
    /// A tag's zone does not exist or does not suit it.
    #[error(
        "{tag} cannot have its pages from {zone}: there is no such zone, or it lies too high or is aligned too little"
    )]
    TagZone {
        /// The tag.
        tag: TagId,
        /// The zone it names.
        zone: ZoneId,
    },
    /// A zone whose pages would be less than aligned to pages, or whose count of maps is beyond all reason.
    #[error("{zone} is aligned to {alignment} bytes and counts {map_count} maps, which cannot be")]
    Zone {
        /// The zone.
        zone: ZoneId,
        /// Its alignment, bytes.
        alignment: u64,
        /// Maps it counts.
        map_count: i32,
    },
    /// A zone promised more pages than its free list has.
    #[error("{zone} has {listed} pages on its free list and {reserved} of them promised")]
    ZonePromises {
        /// The zone.
        zone: ZoneId,
        /// Pages promised.
        reserved: PageCount,
        /// Pages on the list.
        listed: usize,
    },
    /// A zone's high-water mark lies below the water.
    #[error("{zone} has {active} pages on maps, and never had more than {active_max}")]
    ZoneHighWater {
        /// The zone.
        zone: ZoneId,
        /// Pages on maps.
        active: PageCount,
        /// The most there are said to have been.
        active_max: PageCount,
    },
    /// A frame is no page, or lies where its zone's pages cannot.
    #[error("{frame} is no frame of {zone}: it is no multiple of a page or lies too high")]
    Frame {
        /// The zone.
        zone: ZoneId,
        /// The frame.
        frame: PhysAddr,
    },
    /// A frame is in two places.
    #[error("the frame at {frame} is in two places")]
    FrameTwice {
        /// The frame.
        frame: PhysAddr,
    },
    /// There are more bounce pages than can be counted.
    #[error("there are more bounce pages than can be counted")]
    TooManyPages,
    /// A map's tag neither lives nor has lived.
    #[error("{map} belongs to {tag}, which neither lives nor has lived")]
    MapTag {
        /// The map.
        map: MapId,
        /// The tag it names.
        tag: TagId,
    },
    /// A map that never bounces has pages, promises or counts, or waits; or its zone is not its tag's.
    #[error("{map} cannot have what it has from {}", zone.map_or("no zone at all".to_owned(), |zone| zone.to_string()))]
    MapZone {
        /// The map.
        map: MapId,
        /// The zone it names.
        zone: Option<ZoneId>,
    },
    /// A bounce page on a map that stands for no bytes, or begins behind its own end.
    #[error("the bounce page at {frame} on {map} stands for {len} bytes from offset {offset} on, which cannot be")]
    MapPage {
        /// The map.
        map: MapId,
        /// The page's frame.
        frame: PhysAddr,
        /// Offset in the page.
        offset: u64,
        /// Bytes.
        len: u64,
    },
    /// A segment without a byte.
    #[error("a segment of {map} has no bytes")]
    EmptySegment {
        /// The map.
        map: MapId,
    },
    /// A map keeps more ranges coherent than it counts, or more bytes than any mapping has.
    #[error("{map} keeps {ranges} ranges of {bytes} bytes coherent and counts {count}")]
    SyncList {
        /// The map.
        map: MapId,
        /// Ranges there are.
        ranges: usize,
        /// Bytes in them.
        bytes: u64,
        /// Ranges it counts.
        count: u32,
    },
    /// A deferred map without anything to load.
    #[error("{map} is deferred, and there is nothing it could load")]
    NothingDeferred {
        /// The map.
        map: MapId,
    },
    /// A map in a queue that its state or its counts do not put it in.
    #[error("{map} is in the wrong queue or in none of its own")]
    Queue {
        /// The map.
        map: MapId,
    },
    /// What only a failed load leaves on a map, under a profile whose failed loads leave nothing.
    #[error("{map} has traces of a failed load, and failed loads leave none here")]
    Traces {
        /// The map.
        map: MapId,
    },
    /// The parts are right, and do not fit each other.
    #[error(transparent)]
    Invariant(#[from] InvariantViolation),
}
