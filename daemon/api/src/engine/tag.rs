//! Tags and maps.

use crate::hex::Hex;
use crate::ids::{MachineId, MapRef, TagRef};
use serde::{Deserialize, Serialize};
use zlink::introspect;

/// Creates a tag, from a template or from the tag of a real driver.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "CreateTagParameters")]
#[serde(deny_unknown_fields)]
pub struct CreateTag {
    /// Where; `host0` when left out. A parent's machine is taken from the parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineId>,
    /// The tag whose restrictions are inherited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TagRef>,
    /// A driver's tag by name, as `busdma presets` lists them, with its own parents. Without `template`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// The arguments of bus_dma_tag_create. Without `preset`; no restrictions at all when both are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
}

/// The arguments of bus_dma_tag_create. What is left out does not restrict.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Bytes, a power of two; 1 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alignment: Option<u64>,
    /// Multiples of this no segment may cross, a power of two; 0 is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Hex>,
    /// The last address below the excluded window, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowaddr: Option<Hex>,
    /// The last excluded address, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highaddr: Option<Hex>,
    /// A filter function: inside the window only these ranges are excluded. Left out, all of it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deny: Option<Vec<AddressRange>>,
    /// Largest sum of all segment lengths, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maxsize: Option<u64>,
    /// Largest number of segments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsegments: Option<u32>,
    /// Largest length of one segment, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maxsegsz: Option<u64>,
    /// Flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<TagFlag>>,
    /// Which lock function deferred callbacks run under; `mutex` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
}

/// Addresses, both ends inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
pub struct AddressRange {
    /// The first.
    pub first: Hex,
    /// The last.
    pub last: Hex,
}

/// A flag of bus_dma_tag_create.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum TagFlag {
    /// BUS_DMA_ALLOCNOW: fill the bounce pool at once.
    AllocNow,
    /// BUS_DMA_COHERENT.
    Coherent,
    /// BUS_DMA_KEEP_PG_OFFSET: a bounced page keeps its offset inside the page.
    KeepPageOffset,
}

/// A lock function.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum Lock {
    /// busdma_lock_mutex.
    Mutex,
    /// None: the default panics when a deferred load comes to its callback.
    Panics,
}

/// A tag that was created.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct CreateTagReply {
    /// Its id.
    pub tag: TagRef,
    /// What holds after inheritance: bytes.
    pub alignment: u64,
    /// 0 is none.
    pub boundary: Hex,
    /// The last address below the excluded window.
    pub lowaddr: Hex,
    /// The last excluded address.
    pub highaddr: Hex,
    /// Bytes.
    pub maxsize: u64,
    /// Left out when there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsegments: Option<u32>,
    /// Bytes.
    pub maxsegsz: u64,
    /// Whether its maps may need bounce pages.
    pub could_bounce: bool,
    /// The tag its filter chain goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_parent: Option<TagRef>,
    /// Its bounce zone, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<u32>,
    /// The preset's own parents, root first, created along with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parents: Option<Vec<TagRef>>,
}

/// Destroys a tag.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "DestroyTagParameters")]
#[serde(deny_unknown_fields)]
pub struct DestroyTag {
    /// The tag.
    pub tag: TagRef,
}

/// A tag that was destroyed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct DestroyTagReply {
    /// The tags whose memory went with it, in order; empty while others refer to the tag.
    pub freed: Vec<TagRef>,
}

/// Creates a map.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "CreateMapParameters")]
#[serde(deny_unknown_fields)]
pub struct CreateMap {
    /// Its tag.
    pub tag: TagRef,
}

/// A map that was created.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct CreateMapReply {
    /// Its id.
    pub map: MapRef,
    /// What FreeBSD hands out.
    pub form: MapForm,
}

/// What FreeBSD hands out as a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum MapForm {
    /// A NULL pointer: it never bounces.
    Null,
    /// A map of its own.
    Real,
}

/// Destroys a map.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "DestroyMapParameters")]
#[serde(deny_unknown_fields)]
pub struct DestroyMap {
    /// The map.
    pub map: MapRef,
}
