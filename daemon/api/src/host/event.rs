//! Events as they come.

use crate::hex::Hex;
use serde::{Deserialize, Serialize};
use zlink::introspect;

/// Asks for events as they come.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
#[zlink(rename = "EventsParameters")]
pub struct Events {
    /// Of one device; of all, and those that name none, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Of these tracepoints; of all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracepoints: Option<Vec<String>>,
    /// Events that are held at most while the reader lags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog: Option<u32>,
}

/// Some events.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct EventsReply {
    /// In order.
    pub events: Vec<EventRecord>,
    /// Events before them that the reader was too slow for.
    pub lost: u64,
    /// Events that did not fit into the kernel's ring since the reply before.
    pub dropped: u64,
}

/// One event. What its tracepoint does not say is absent.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
pub struct EventRecord {
    /// When.
    pub t_ns: u64,
    /// On which processor.
    pub cpu: u32,
    /// The thread that ran.
    pub pid: u32,
    /// Its name.
    pub task: String,
    /// The tracepoint's name.
    pub event: String,
    /// The device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Which way bytes go, as the kernel prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// Where the bytes are and where the device finds them, as far as they are told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pieces: Vec<DmaPiece>,
    /// Entries that were asked for, or pieces of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<u32>,
    /// Entries that the device was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<u32>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// `DMA_ATTR_*` as bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<u32>,
    /// A negative errno.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<i64>,
    /// The highest address that the device reaches, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<Hex>,
    /// Why it bounces: `FORCE` or `NORMAL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The disk, `major,minor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<String>,
    /// The kernel's address of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Hex>,
    /// What a request asks for, as the kernel prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The first sector, of 512 bytes; all ones where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector: Option<Hex>,
    /// Sectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sectors: Option<u32>,
    /// What somebody wrote into `trace_marker`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A piece of memory: where it is, and where the device finds it. What is not told is absent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
pub struct DmaPiece {
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phys: Option<Hex>,
    /// Where the device finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dma: Option<Hex>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}
