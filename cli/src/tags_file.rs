//! A chain of tags as a TOML file: an array of tables `[[tag]]`, root first.

use crate::size;
use crate::tag_spec::{self, TagSpecError};
use busdma_engine::constraints::{LockFunction, SegmentLimit, TagFlags};
use busdma_presets::{FieldError, NamedTag, TagFields};
use serde::Deserialize;
use serde::de::{self, Deserializer};
use std::fmt;
use thiserror::Error;

/// Why a text is no tags file.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum TagsFileError {
    /// Not TOML, or not of the expected shape; the message shows the place.
    #[error("{}", .0.to_string().trim_end())]
    Syntax(toml::de::Error),
    /// There is no `[[tag]]`.
    #[error("no [[tag]] table; expected one for each tag, root first")]
    NoTags,
    /// One tag makes no sense.
    #[error("{name}: {problem}")]
    BadTag {
        /// Its name, or its position.
        name: String,
        /// What is wrong with it.
        problem: FieldError,
    },
    /// A range of a filter ends before it begins.
    #[error("{name}: the filter's range {first:#x} to {last:#x} ends before it begins")]
    BackwardRange {
        /// The tag's name, or its position.
        name: String,
        /// First address.
        first: u64,
        /// Last address, inclusive.
        last: u64,
    },
}

/// Reads a tags file, root first.
///
/// # Errors
///
/// [`TagsFileError`] with the line, or the tag and key, at fault.
pub fn parse_tags(text: &str) -> Result<Vec<NamedTag>, TagsFileError> {
    let file: TagsFile = toml::from_str(text).map_err(TagsFileError::Syntax)?;
    if file.tag.is_empty() {
        return Err(TagsFileError::NoTags);
    }
    file.tag.into_iter().enumerate().map(|(index, table)| table.into_tag(index)).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TagsFile {
    #[serde(default)]
    tag: Vec<TagTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TagTable {
    name: Option<String>,
    alignment: Option<Number>,
    boundary: Option<Number>,
    lowaddr: Option<Number>,
    highaddr: Option<Number>,
    maxsize: Option<Number>,
    nsegments: Option<SegmentCount>,
    maxsegsz: Option<Number>,
    #[serde(default)]
    flags: FlagSet,
    filter: Option<FilterTable>,
    lock: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FilterTable {
    deny: Vec<(Number, Number)>,
}

impl TagTable {
    fn into_tag(self, index: usize) -> Result<NamedTag, TagsFileError> {
        let name = self.name.unwrap_or_else(|| format!("tag {}", index + 1));
        let deny = match self.filter {
            None => None,
            Some(filter) => {
                let ranges: Vec<_> = filter.deny.into_iter().map(|(first, last)| (first.0, last.0)).collect();
                if let Some(&(first, last)) = ranges.iter().find(|(first, last)| first > last) {
                    return Err(TagsFileError::BackwardRange { name, first, last });
                }
                Some(ranges)
            }
        };
        let fields = TagFields {
            alignment: self.alignment.map(|n| n.0),
            boundary: self.boundary.map(|n| n.0),
            lowaddr: self.lowaddr.map(|n| n.0),
            highaddr: self.highaddr.map(|n| n.0),
            maxsize: self.maxsize.map(|n| n.0),
            nsegments: self.nsegments.map(|n| n.0),
            maxsegsz: self.maxsegsz.map(|n| n.0),
            flags: self.flags.0,
            deny,
            lock: if self.lock == Some(false) { LockFunction::PanicsWhenCalled } else { LockFunction::Provided },
        };
        match fields.into_template() {
            Ok(template) => Ok(NamedTag { name, template }),
            Err(problem) => Err(TagsFileError::BadTag { name, problem }),
        }
    }
}

/// An integer, or a text as `--length` or `--tag` take it.
struct Number(u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerOrText { what: size::SIZE_FORMS, read: size::parse_address }).map(Self)
    }
}

/// An integer, or `"unrestricted"`.
struct SegmentCount(SegmentLimit);

impl<'de> Deserialize<'de> for SegmentCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| match tag_spec::parse_nsegments(text) {
            Ok(SegmentLimit::Unrestricted) => Ok(u64::from(u32::MAX)),
            Ok(SegmentLimit::Max(limit)) => Ok(u64::from(limit)),
            Err(error) => Err(error),
        };
        let number = deserializer.deserialize_any(IntegerOrText { what: "a number or \"unrestricted\"", read })?;
        let limit =
            u32::try_from(number).map_err(|_| de::Error::custom(TagSpecError::TooManySegments { value: number }))?;
        Ok(Self(SegmentLimit::from_nsegments(limit)))
    }
}

struct IntegerOrText<F> {
    what: &'static str,
    read: F,
}

impl<E: fmt::Display, F: Fn(&str) -> Result<u64, E>> de::Visitor<'_> for IntegerOrText<F> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_i64<D: de::Error>(self, number: i64) -> Result<u64, D> {
        u64::try_from(number).map_err(|_| D::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_u64<D: de::Error>(self, number: u64) -> Result<u64, D> {
        Ok(number)
    }

    fn visit_str<D: de::Error>(self, text: &str) -> Result<u64, D> {
        (self.read)(text).map_err(D::custom)
    }
}

/// A text as `--tag` takes it, or a list of flags.
#[derive(Default)]
struct FlagSet(TagFlags);

impl<'de> Deserialize<'de> for FlagSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrList).map(Self)
    }
}

struct TextOrList;

impl<'de> de::Visitor<'de> for TextOrList {
    type Value = TagFlags;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("flags as \"allocnow+coherent\" or [\"allocnow\", \"coherent\"]")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TagFlags, E> {
        tag_spec::parse_flags(text).map_err(E::custom)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<TagFlags, A::Error> {
        let mut flags = TagFlags::empty();
        while let Some(flag) = list.next_element::<String>()? {
            flags |= tag_spec::parse_flag(&flag).map_err(de::Error::custom)?;
        }
        Ok(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use busdma_engine::addr::PhysAddr;
    use busdma_engine::constraints::FilterVerdict;

    #[test]
    fn a_chain_root_first() {
        let tags = parse_tags(
            r#"
            [[tag]]
            name = "bridge"
            boundary = "4G"
            lowaddr = "32-bit"
            filter = { deny = [["0xa0000000", 0xafffffff]] }

            [[tag]]
            alignment = 4
            maxsize = "128K"
            nsegments = 17
            maxsegsz = 0x1000
            flags = ["allocnow", "BUS_DMA_COHERENT"]
            lock = false

            [[tag]]
            nsegments = "unrestricted"
            flags = "keep_pg_offset"
            "#,
        )
        .unwrap();
        assert_eq!(tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["bridge", "tag 2", "tag 3"]);
        let filter = tags[0].template.filter.as_ref().unwrap();
        assert_eq!(filter.verdict(PhysAddr::new(0xa000_0000)), FilterVerdict::Excluded);
        assert_eq!(filter.verdict(PhysAddr::new(0xb000_0000)), FilterVerdict::Reachable);
        assert_eq!(tags[1].template.nsegments, SegmentLimit::Max(17));
        assert_eq!(tags[1].template.flags, TagFlags::ALLOC_NOW | TagFlags::COHERENT);
        assert_eq!(tags[1].template.lock, LockFunction::PanicsWhenCalled);
        assert_eq!(tags[2].template.nsegments, SegmentLimit::Unrestricted);
        assert_eq!(tags[2].template.lock, LockFunction::Provided);
    }

    #[test]
    fn errors_show_the_place() {
        let check = |text, parts: &[&str]| {
            let error = parse_tags(text).unwrap_err().to_string();
            for part in parts {
                assert!(error.contains(part), "{text}: {error}");
            }
        };
        check("", &["no [[tag]] table"]);
        check("[[tag]]\nalignment = 3", &["tag 1: alignment: 3 is no power of two"]);
        check("[[tag]]\nname = \"hba\"\nboundary = 3", &["hba: boundary: 3 is no power of two"]);
        check("[[tag]]\nalgnment = 4", &["line 2", "unknown field `algnment`"]);
        check("[[tag]]\nmaxsize = \"12Q\"", &["line 2", "unknown unit `Q`"]);
        check("[[tag]]\nmaxsize = -1", &["line 2", "invalid value: integer `-1`"]);
        check("[[tag]]\nmaxsize = true", &["line 2", "invalid type: boolean `true`"]);
        check("[[tag]]\nnsegments = 4294967296", &["line 2", "does not fit 32 bits"]);
        check("[[tag]]\nflags = [\"alocnow\"]", &["line 2", "did you mean `allocnow`?"]);
        check("[[tag]]\nfilter = { deny = [[2, 1]] }", &["tag 1: the filter's range 0x2 to 0x1"]);
        check("[[tag", &["line 1"]);
    }
}
