//! The presets: tags of real drivers, embedded in the binary.

use crate::size;
use crate::tag_spec::{self, TagFields, TagSpecError};
use crate::tags_file::NamedTag;
use busdma_engine::constraints::{SegmentLimit, TagFlags};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use thiserror::Error;

const PRESETS_JSON: &str = include_str!("../../data/presets.json");

/// Why a preset cannot be had.
#[derive(Debug, Error)]
pub enum PresetError {
    /// The embedded file is damaged.
    #[error("the embedded presets are damaged")]
    Damaged(#[source] serde_json::Error),
    /// No preset of that name.
    #[error("no preset `{name}`{}", did_you_mean(nearest.as_ref()))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The nearest known one.
        nearest: Option<String>,
    },
    /// The preset's numbers make no tag.
    #[error("preset {name} makes no tag")]
    BadTag {
        /// Its name.
        name: String,
        /// What is wrong.
        source: TagSpecError,
    },
}

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
    /// How many segments the tag allows.
    pub fn segment_limit(&self) -> SegmentLimit {
        SegmentLimit::from_nsegments(self.nsegments)
    }

    /// The flags of the tag.
    ///
    /// # Errors
    ///
    /// A flag that `bus_dma_tag_create` does not have.
    pub fn tag_flags(&self) -> Result<TagFlags, TagSpecError> {
        self.flags.iter().try_fold(TagFlags::empty(), |flags, name| Ok(flags | tag_spec::parse_flag(name)?))
    }

    /// The boundary that holds after the parent's is merged in; `None` when neither has one.
    pub fn effective_boundary(&self) -> Option<u64> {
        let parents = self.parent.as_ref().and_then(|parent| parent.boundary).map(|boundary| boundary.0);
        [Some(self.boundary.0), parents].into_iter().flatten().filter(|&boundary| boundary != 0).min()
    }

    /// The `lowaddr` that holds after the parent's is merged in.
    pub fn effective_lowaddr(&self) -> u64 {
        let parents = self.parent.as_ref().and_then(|parent| parent.lowaddr).map_or(u64::MAX, |lowaddr| lowaddr.0);
        self.lowaddr.0.min(parents)
    }

    /// The chain of tags, root first.
    ///
    /// # Errors
    ///
    /// Numbers that make no tag, such as an alignment that is no power of two.
    pub fn chain(&self) -> Result<Vec<NamedTag>, PresetError> {
        self.try_chain().map_err(|source| PresetError::BadTag { name: self.name.clone(), source })
    }

    fn try_chain(&self) -> Result<Vec<NamedTag>, TagSpecError> {
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
            flags: self.tag_flags()?,
            ..TagFields::default()
        };
        chain.push(NamedTag { name: self.name.clone(), template: fields.into_template()? });
        Ok(chain)
    }
}

/// Every preset, in the file's order.
///
/// # Errors
///
/// [`PresetError::Damaged`] when the embedded file cannot be read.
pub fn all() -> Result<Vec<Preset>, PresetError> {
    serde_json::from_str(PRESETS_JSON).map_err(PresetError::Damaged)
}

/// The preset of that name.
///
/// # Errors
///
/// [`PresetError::Unknown`] with the nearest name.
pub fn find(name: &str) -> Result<Preset, PresetError> {
    let presets = all()?;
    if let Some(preset) = presets.iter().find(|preset| preset.name == name) {
        return Ok(preset.clone());
    }
    let nearest = tag_spec::nearest(name, presets.iter().map(|preset| preset.name.as_str()));
    Err(PresetError::Unknown { name: name.to_owned(), nearest })
}

fn did_you_mean(nearest: Option<&String>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
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
        size::parse_size(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_preset_makes_a_chain() {
        let presets = all().unwrap();
        assert_eq!(presets.len(), 94);
        for preset in &presets {
            let chain = preset.chain().unwrap();
            assert_eq!(chain.len(), 1 + usize::from(preset.parent.is_some()), "{}", preset.name);
        }
        let names: BTreeSet<_> = presets.iter().map(|preset| &preset.name).collect();
        assert_eq!(names.len(), presets.len(), "names are unique");
        assert_eq!(presets.iter().filter(|preset| preset.lint.is_some()).count(), 9);
    }

    #[test]
    fn a_parent_is_a_real_ancestor() {
        let chain = find("ahci-32bit").unwrap().chain().unwrap();
        assert_eq!(chain[0].name, "ahci ctlr tag over pci");
        assert_eq!(chain[0].template.window.lowaddr.raw(), 0xffff_ffff);
        assert_eq!(chain[0].template.boundary.unwrap().bytes(), 1 << 32);
        assert_eq!(chain[1].template.window.lowaddr.raw(), u64::MAX);
        let root = find("pci-root").unwrap().chain().unwrap();
        assert_eq!(root[0].template.nsegments, SegmentLimit::Unrestricted);
        assert_eq!(find("nvme").unwrap().parent.unwrap().short_name(), "pci");
    }

    #[test]
    fn a_misspelt_name_suggests_the_nearest() {
        let message = |name| find(name).unwrap_err().to_string();
        assert_eq!(message("nvem"), "no preset `nvem`, did you mean `nvme`?");
        assert_eq!(message("ahci32bit"), "no preset `ahci32bit`, did you mean `ahci-32bit`?");
        assert_eq!(message("?"), "no preset `?`");
    }
}
