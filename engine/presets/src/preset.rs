//! One tag of one driver.

use crate::fields::{FieldError, NamedTag, TagFields};
use crate::flags::{self, UnknownFlag};
use busdma_engine::constraints::{SegmentLimit, TagFlags};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// One tag of one driver, as FreeBSD's source has it on amd64.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Preset {
    /// Name, unique.
    pub name: String,
    /// The driver.
    pub driver: String,
    /// What the tag is for.
    pub purpose: String,
    /// Bytes.
    pub alignment: u64,
    /// Bytes, 0 for none.
    pub boundary: Address,
    /// Last address below the excluded window.
    pub lowaddr: Address,
    /// Last excluded address, inclusive.
    pub highaddr: Address,
    /// Bytes.
    pub maxsize: u64,
    /// How many segments; 4294967295 is no limit.
    pub nsegments: u32,
    /// Bytes.
    pub maxsegsz: u64,
    /// `BUS_DMA_…`.
    pub flags: Vec<String>,
    /// Where it was read: file and line.
    pub source: String,
    /// In which FreeBSD.
    pub tree: String,
    /// The tag above, the bus's or the driver's own.
    #[serde(default)]
    pub parent: Option<Parent>,
    /// How the numbers came about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What is wrong with the tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lint: Option<String>,
    /// Made of the fields above when the catalog is read.
    #[serde(skip)]
    pub(crate) chain: Vec<NamedTag>,
}

/// The ancestor of a preset's tag, as far as it restricts anything.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Parent {
    /// Whose tag it is.
    pub bus: String,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Address>,
    /// Last address below the excluded window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowaddr: Option<Address>,
}

impl Parent {
    /// The bus without where it was read: `pci`.
    pub fn short_name(&self) -> &str {
        self.bus.split_once(" (").map_or(&*self.bus, |(name, _)| name)
    }
}

impl Preset {
    /// The chain of tags, root first; the preset's own is the last.
    pub fn chain(&self) -> &[NamedTag] {
        &self.chain
    }

    /// How many segments the tag allows.
    pub fn segment_limit(&self) -> SegmentLimit {
        SegmentLimit::from_nsegments(self.nsegments)
    }

    /// The flags of the tag.
    pub fn tag_flags(&self) -> TagFlags {
        self.chain.last().map_or(TagFlags::empty(), |tag| tag.template.flags)
    }

    /// The boundary that holds after the parent's is merged in, bytes; `None` when neither has one.
    pub fn effective_boundary(&self) -> Option<u64> {
        let parents = self.parent.as_ref().and_then(|parent| parent.boundary).map(|boundary| boundary.0);
        [Some(self.boundary.0), parents].into_iter().flatten().filter(|&boundary| boundary != 0).min()
    }

    /// The `lowaddr` that holds after the parent's is merged in.
    pub fn effective_lowaddr(&self) -> u64 {
        let parents = self.parent.as_ref().and_then(|parent| parent.lowaddr).map_or(u64::MAX, |lowaddr| lowaddr.0);
        self.lowaddr.0.min(parents)
    }

    pub(crate) fn parse_flags(&self) -> Result<TagFlags, UnknownFlag> {
        self.flags.iter().try_fold(TagFlags::empty(), |all, name| Ok(all | flags::parse_flag(name)?))
    }

    pub(crate) fn make_chain(&self, flags: TagFlags) -> Result<Vec<NamedTag>, FieldError> {
        let mut chain = Vec::new();
        if let Some(parent) = &self.parent {
            let fields = TagFields {
                boundary: parent.boundary.map(|boundary| boundary.0),
                lowaddr: parent.lowaddr.map(|lowaddr| lowaddr.0),
                ..TagFields::default()
            };
            chain.push(NamedTag { name: parent.short_name().to_owned(), template: fields.into_template()? });
        }
        let fields = TagFields {
            alignment: Some(self.alignment),
            boundary: Some(self.boundary.0),
            lowaddr: Some(self.lowaddr.0),
            highaddr: Some(self.highaddr.0),
            maxsize: Some(self.maxsize),
            nsegments: Some(self.segment_limit()),
            maxsegsz: Some(self.maxsegsz),
            flags,
            ..TagFields::default()
        };
        chain.push(NamedTag { name: self.name.clone(), template: fields.into_template()? });
        Ok(chain)
    }
}

/// An address or a boundary: in the file an integer or `"0x…"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address(pub u64);

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AddressVisitor).map(Self)
    }
}

struct AddressVisitor;

impl de::Visitor<'_> for AddressVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer or \"0x…\"")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        let digits = text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
        digits.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}
