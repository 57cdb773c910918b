//! What an operation is given: the `in` object.

use super::{Flag, Hex, Load, Name, Nullable, Op, SyncOp, WordList};
use serde::de::{DeserializeSeed, Deserializer};
use serde::{Deserialize, Serialize};

/// The `in` object of an operation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Input<'a> {
    /// `tag_create`.
    TagCreate(CreateTag<'a>),
    /// `tag_destroy`.
    TagDestroy(DestroyTag<'a>),
    /// `map_create`.
    MapCreate(CreateMap<'a>),
    /// `map_destroy`.
    MapDestroy(MapOnly<'a>),
    /// `load`.
    Load(Load<'a>),
    /// `run_deferred`.
    RunDeferred(RunDeferred),
    /// `sync`.
    Sync(Sync<'a>),
    /// `unload`.
    Unload(MapOnly<'a>),
    /// `dmamem_alloc`.
    DmamemAlloc(AllocMem<'a>),
    /// `dmamem_free`.
    DmamemFree(FreeMem<'a>),
    /// `fill`.
    Fill(Seeded<'a>),
    /// `device_write`.
    DeviceWrite(Seeded<'a>),
    /// `device_read`.
    DeviceRead(DeviceRead<'a>),
    /// `cancel`.
    Cancel(Cancel<'a>),
}

impl<'a> Input<'a> {
    /// Reads the `in` object of an operation.
    ///
    /// # Errors
    /// The text is not JSON, or lacks a field, or a field has another type or range.
    pub fn from_json(op: Op, text: &'a str) -> Result<Self, serde_json::Error> {
        let mut json = serde_json::Deserializer::from_str(text);
        let input = InputOf(op).deserialize(&mut json)?;
        json.end()?;
        Ok(input)
    }

    /// The operation it belongs to.
    pub const fn op(&self) -> Op {
        match self {
            Self::TagCreate(_) => Op::TagCreate,
            Self::TagDestroy(_) => Op::TagDestroy,
            Self::MapCreate(_) => Op::MapCreate,
            Self::MapDestroy(_) => Op::MapDestroy,
            Self::Load(_) => Op::Load,
            Self::RunDeferred(_) => Op::RunDeferred,
            Self::Sync(_) => Op::Sync,
            Self::Unload(_) => Op::Unload,
            Self::DmamemAlloc(_) => Op::DmamemAlloc,
            Self::DmamemFree(_) => Op::DmamemFree,
            Self::Fill(_) => Op::Fill,
            Self::DeviceWrite(_) => Op::DeviceWrite,
            Self::DeviceRead(_) => Op::DeviceRead,
            Self::Cancel(_) => Op::Cancel,
        }
    }
}

/// Reads the `in` object of this operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InputOf(pub(crate) Op);

impl<'de> DeserializeSeed<'de> for InputOf {
    type Value = Input<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Input<'de>, D::Error> {
        Ok(match self.0 {
            Op::TagCreate => Input::TagCreate(Deserialize::deserialize(json)?),
            Op::TagDestroy => Input::TagDestroy(Deserialize::deserialize(json)?),
            Op::MapCreate => Input::MapCreate(Deserialize::deserialize(json)?),
            Op::MapDestroy => Input::MapDestroy(Deserialize::deserialize(json)?),
            Op::Load => Input::Load(Deserialize::deserialize(json)?),
            Op::RunDeferred => Input::RunDeferred(Deserialize::deserialize(json)?),
            Op::Sync => Input::Sync(Deserialize::deserialize(json)?),
            Op::Unload => Input::Unload(Deserialize::deserialize(json)?),
            Op::DmamemAlloc => Input::DmamemAlloc(Deserialize::deserialize(json)?),
            Op::DmamemFree => Input::DmamemFree(Deserialize::deserialize(json)?),
            Op::Fill => Input::Fill(Deserialize::deserialize(json)?),
            Op::DeviceWrite => Input::DeviceWrite(Deserialize::deserialize(json)?),
            Op::DeviceRead => Input::DeviceRead(Deserialize::deserialize(json)?),
            Op::Cancel => Input::Cancel(Deserialize::deserialize(json)?),
        })
    }
}

/// `bus_dma_tag_create`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct CreateTag<'a> {
    /// The new tag's id.
    #[serde(borrow)]
    pub tag: Name<'a>,
    /// The parent's id.
    #[serde(borrow)]
    pub parent: Option<Name<'a>>,
    /// Bytes; a power of two.
    pub alignment: u64,
    /// Bytes; a power of two, or 0 for none.
    pub boundary: Hex,
    /// Last reachable address below the excluded window.
    pub lowaddr: Hex,
    /// Last excluded address.
    pub highaddr: Hex,
    /// The address filter.
    pub filter: Option<Filter>,
    /// Bytes of the largest mapping.
    pub maxsize: u64,
    /// Most segments; 0xffffffff is unrestricted.
    pub nsegments: u32,
    /// Bytes of the largest segment.
    pub maxsegsz: u64,
    /// Flags of the call.
    pub flags: WordList<Flag>,
    /// Whether a lock function is given.
    pub lock: bool,
}

/// An address filter that excludes the listed ranges, both ends inclusive.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Filter {
    /// First and last excluded address of each range.
    pub deny: Vec<(Hex, Hex)>,
}

/// `bus_dma_tag_destroy`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct DestroyTag<'a> {
    /// The tag.
    #[serde(borrow)]
    pub tag: Name<'a>,
}

/// `bus_dmamap_create`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct CreateMap<'a> {
    /// The tag.
    #[serde(borrow)]
    pub tag: Name<'a>,
    /// The new map's id.
    #[serde(borrow)]
    pub map: Name<'a>,
    /// Flags of the call.
    pub flags: WordList<Flag>,
}

/// `bus_dmamap_destroy`, `bus_dmamap_unload`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct MapOnly<'a> {
    /// The tag.
    #[serde(borrow)]
    pub tag: Name<'a>,
    /// The map.
    #[serde(borrow)]
    pub map: Name<'a>,
}

/// Runs deferred loads; takes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct RunDeferred {}

/// `bus_dmamap_sync`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Sync<'a> {
    /// The tag.
    #[serde(borrow)]
    pub tag: Name<'a>,
    /// The map.
    #[serde(borrow)]
    pub map: Name<'a>,
    /// The operations, all in one call.
    pub ops: WordList<SyncOp>,
}

/// `bus_dmamem_alloc`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct AllocMem<'a> {
    /// The tag.
    #[serde(borrow)]
    pub tag: Name<'a>,
    /// The id of the memory.
    #[serde(borrow)]
    pub dmamem: Name<'a>,
    /// The id of the map that comes with it.
    #[serde(borrow)]
    pub map: Name<'a>,
    /// Flags of the call.
    pub flags: WordList<Flag>,
    /// What the allocator answered, `null` when it had nothing; where it is absent, the machine model says. An addition to
    /// busdma-trace v1.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub region: Nullable<Region>,
}

/// Memory as an allocator handed it out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Region {
    /// Kernel address of the first byte.
    pub vaddr: Hex,
    /// Physical address of the first byte.
    pub paddr: Hex,
    /// First byte of each page, in order.
    pub pages: Vec<Hex>,
}

/// `bus_dmamem_free`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct FreeMem<'a> {
    /// The tag.
    #[serde(borrow)]
    pub tag: Name<'a>,
    /// The memory.
    #[serde(borrow)]
    pub dmamem: Name<'a>,
    /// The map the driver passes.
    #[serde(borrow)]
    pub map: Name<'a>,
}

/// Writes a pattern: `fill`, `device_write`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Seeded<'a> {
    /// The map.
    #[serde(borrow)]
    pub map: Name<'a>,
    /// Seed of the pattern.
    pub seed: u64,
}

/// Reads through the segments: `device_read`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct DeviceRead<'a> {
    /// The map.
    #[serde(borrow)]
    pub map: Name<'a>,
}

/// Gives up a deferred load, as a service does when the load's driver is gone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Cancel<'a> {
    /// The tag.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Name<'a>>,
    /// The map.
    #[serde(borrow)]
    pub map: Name<'a>,
}
