//! One tag as a person writes it: `alignment=4,boundary=4K,nsegments=33`, keys as in bus_dma(9).

use crate::size::{self, SizeError};
use busdma_engine::constraints::{SegmentLimit, TagFlags, TagTemplate};
use busdma_presets::{FieldError, TagFields, UnknownFlag, flags, nearest};
use thiserror::Error;

/// The keys of a tag, in the order of `bus_dma_tag_create`'s arguments.
pub const KEYS: [&str; 8] =
    ["alignment", "boundary", "lowaddr", "highaddr", "maxsize", "nsegments", "maxsegsz", "flags"];

/// What `nsegments` says for no limit (`BUS_SPACE_UNRESTRICTED`).
pub const UNRESTRICTED: &str = "unrestricted";

/// Why a text is no tag.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum TagSpecError {
    /// Nothing between two commas, or nothing at all.
    #[error("empty item; expected key=value,… with the keys {}", KEYS.join(", "))]
    EmptyItem,
    /// An item without `=`.
    #[error("`{item}` has no `=`; expected key=value,… with the keys {}", KEYS.join(", "))]
    NoValue {
        /// The item.
        item: String,
    },
    /// A key that bus_dma(9) does not have.
    #[error("unknown key `{key}`{}; the keys are {}", nearest::parenthesised(nearest.as_ref()), KEYS.join(", "))]
    UnknownKey {
        /// The key.
        key: String,
        /// The nearest known one.
        nearest: Option<String>,
    },
    /// The same key twice.
    #[error("`{key}` is given twice")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A value that is no number.
    #[error("{key}: {problem}")]
    BadNumber {
        /// The key.
        key: &'static str,
        /// What is wrong with the value.
        problem: SizeError,
    },
    /// Values that make no tag.
    #[error(transparent)]
    BadField(#[from] FieldError),
    /// More segments than 32 bits count.
    #[error("nsegments: {value} does not fit 32 bits; write `{UNRESTRICTED}` for no limit")]
    TooManySegments {
        /// The value.
        value: u64,
    },
    /// A flag that `bus_dma_tag_create` does not have.
    #[error("flags: {0}, joined with + or |")]
    UnknownFlag(UnknownFlag),
}

/// Reads `key=value,…`.
///
/// # Errors
///
/// [`TagSpecError`] with the key and value at fault.
pub fn parse_tag(text: &str) -> Result<TagTemplate, TagSpecError> {
    let mut fields = TagFields::default();
    let mut seen: Vec<&str> = Vec::new();
    for item in text.split(',').map(str::trim) {
        if item.is_empty() {
            return Err(TagSpecError::EmptyItem);
        }
        let (key, value) = item.split_once('=').ok_or_else(|| TagSpecError::NoValue { item: item.to_owned() })?;
        let (key, value) = (key.trim(), value.trim());
        if seen.contains(&key) {
            return Err(TagSpecError::DuplicateKey { key: key.to_owned() });
        }
        seen.push(key);
        set(&mut fields, key, value)?;
    }
    Ok(fields.into_template()?)
}

/// Sets the field named `key` from its text.
fn set(fields: &mut TagFields, key: &str, value: &str) -> Result<(), TagSpecError> {
    match key {
        "alignment" => fields.alignment = Some(number("alignment", size::parse_size(value))?),
        "boundary" => fields.boundary = Some(number("boundary", size::parse_size(value))?),
        "lowaddr" => fields.lowaddr = Some(number("lowaddr", size::parse_address(value))?),
        "highaddr" => fields.highaddr = Some(number("highaddr", size::parse_address(value))?),
        "maxsize" => fields.maxsize = Some(number("maxsize", size::parse_size(value))?),
        "nsegments" => fields.nsegments = Some(parse_nsegments(value)?),
        "maxsegsz" => fields.maxsegsz = Some(number("maxsegsz", size::parse_size(value))?),
        "flags" => fields.flags = parse_flags(value)?,
        _ => return Err(TagSpecError::UnknownKey { key: key.to_owned(), nearest: nearest(key, KEYS) }),
    }
    Ok(())
}

/// Reads a number of segments: a number of at most 32 bits, or `unrestricted`.
///
/// # Errors
///
/// [`TagSpecError::BadNumber`] and [`TagSpecError::TooManySegments`].
pub fn parse_nsegments(text: &str) -> Result<SegmentLimit, TagSpecError> {
    if text.eq_ignore_ascii_case(UNRESTRICTED) {
        return Ok(SegmentLimit::Unrestricted);
    }
    let value = number("nsegments", size::parse_size(text))?;
    let limit = u32::try_from(value).map_err(|_| TagSpecError::TooManySegments { value })?;
    Ok(SegmentLimit::from_nsegments(limit))
}

/// Reads flags joined with `+` or `|`; `0` is none of them.
///
/// # Errors
///
/// [`TagSpecError::UnknownFlag`].
pub fn parse_flags(text: &str) -> Result<TagFlags, TagSpecError> {
    if text == "0" {
        return Ok(TagFlags::empty());
    }
    text.split(['+', '|']).try_fold(TagFlags::empty(), |flags, flag| Ok(flags | parse_flag(flag.trim())?))
}

/// Reads one flag, with or without `BUS_DMA_`, in either case.
///
/// # Errors
///
/// [`TagSpecError::UnknownFlag`].
pub fn parse_flag(text: &str) -> Result<TagFlags, TagSpecError> {
    flags::parse_flag(text).map_err(TagSpecError::UnknownFlag)
}

fn number(key: &'static str, parsed: Result<u64, SizeError>) -> Result<u64, TagSpecError> {
    parsed.map_err(|problem| TagSpecError::BadNumber { key, problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use busdma_engine::constraints::{Alignment, ExclusionWindow};

    #[test]
    fn every_key() {
        let tag = parse_tag(
            "alignment=4, boundary=4K,lowaddr=32-bit,highaddr=0xfffffffff,maxsize=128KiB,nsegments=33,maxsegsz=4096,\
             flags=allocnow+BUS_DMA_COHERENT|keep_pg_offset",
        )
        .unwrap();
        assert_eq!(tag.alignment.bytes(), 4);
        assert_eq!(tag.boundary.unwrap().bytes(), 4096);
        assert_eq!(tag.window.lowaddr.raw(), 0xffff_ffff);
        assert_eq!(tag.window.highaddr.raw(), 0xf_ffff_ffff);
        assert_eq!(tag.maxsize.raw(), 131_072);
        assert_eq!(tag.nsegments, SegmentLimit::Max(33));
        assert_eq!(tag.maxsegsz.raw(), 4096);
        assert_eq!(tag.flags, TagFlags::all());
        assert_eq!(flags::flag_names(tag.flags), "allocnow+coherent+keep_pg_offset");
    }

    #[test]
    fn what_is_not_given_does_not_constrain() {
        let tag = parse_tag("boundary=0,alignment=0,flags=0,nsegments=unrestricted").unwrap();
        assert_eq!((tag.alignment, tag.boundary), (Alignment::BYTE, None));
        assert_eq!((tag.nsegments, tag.flags), (SegmentLimit::Unrestricted, TagFlags::empty()));
        assert_eq!(tag.window, ExclusionWindow::NOTHING);
        assert_eq!(parse_tag("nsegments=0xffffffff").unwrap().nsegments, SegmentLimit::Unrestricted);
    }

    #[test]
    fn errors_name_the_key_and_the_value() {
        let check = |text, message: &str| {
            let error = parse_tag(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        };
        check("", "empty item");
        check("alignment=4,,boundary=4K", "empty item");
        check("alignment", "`alignment` has no `=`");
        check("algnment=4", "unknown key `algnment` (did you mean `alignment`?); the keys are");
        check("zzz=4", "unknown key `zzz`; the keys are");
        check("alignment=4,alignment=8", "`alignment` is given twice");
        check("alignment=3", "alignment: 3 is no power of two");
        check("boundary=48K", "boundary: 49152 is no power of two");
        check("maxsize=12Q", "maxsize: unknown unit `Q` in `12Q`");
        check("nsegments=4G", "nsegments: 4294967296 does not fit 32 bits");
        check("flags=alocnow", "flags: unknown flag `alocnow` (did you mean `allocnow`?); the flags are");
        check("flags=", "flags: unknown flag ``;");
    }
}
