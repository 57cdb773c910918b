//! Live mappings.

use super::event::DmaPiece;
use serde::{Deserialize, Serialize};
use zlink::introspect;

/// Asks for live mappings.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
#[zlink(rename = "MappingsParameters")]
pub struct Mappings {
    /// Of one device; of all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Milliseconds they are old at least; any when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than_ms: Option<u64>,
    /// Those through the bounce pool only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounced: Option<bool>,
    /// How many at most; 100 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Live mappings.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct MappingsReply {
    /// Oldest first.
    pub mappings: Vec<MappingInfo>,
    /// How many there are of what was asked for.
    pub total: u64,
}

/// One mapping.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct MappingInfo {
    /// Its number, from 1.
    pub mapping: u64,
    /// Whose it is.
    pub device: String,
    /// What made it: `page`, `resource`, `sg`, `alloc`.
    pub origin: String,
    /// As the kernel prints it.
    pub direction: String,
    /// What has become of it.
    pub state: MappingState,
    /// When it was made.
    pub begun_ns: u64,
    /// How old it is.
    pub age_ns: u64,
    /// The thread that asked, or that was interrupted.
    pub pid: u32,
    /// Its name.
    pub task: String,
    /// Bytes, as far as they are told.
    pub size: u64,
    /// Entries that were asked for.
    pub entries: u32,
    /// Entries that the device was given.
    pub given: u32,
    /// The first pieces of it: where they are and where the device finds them.
    pub pieces: Vec<DmaPiece>,
    /// Pieces that went through the bounce pool.
    pub bounces: u32,
    /// How it compares with what the device can do.
    pub verdict: String,
    /// That in one sentence.
    pub sentence: String,
}

/// What has become of a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum MappingState {
    /// The device may use it.
    Live,
    /// It is over.
    Unmapped,
    /// It was not made.
    Failed,
    /// Its addresses were given out again: the event that ended it was lost.
    Superseded,
}
