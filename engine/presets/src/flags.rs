//! The flags of `bus_dma_tag_create` by name.

use crate::nearest::{self, nearest};
use busdma_engine::constraints::TagFlags;
use thiserror::Error;

/// The flags of a tag by their names here; `BUS_DMA_ALLOCNOW` and so on are read too.
pub const FLAGS: [(&str, TagFlags); 3] = [
    ("allocnow", TagFlags::ALLOC_NOW),
    ("coherent", TagFlags::COHERENT),
    ("keep_pg_offset", TagFlags::KEEP_PAGE_OFFSET),
];

/// A flag that `bus_dma_tag_create` does not have.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("unknown flag `{flag}`{}; the flags are {}", nearest::parenthesised(nearest.as_ref()),
    FLAGS.map(|(name, _)| name).join(", "))]
pub struct UnknownFlag {
    /// The text.
    pub flag: String,
    /// The nearest known one.
    pub nearest: Option<String>,
}

/// Reads one flag, with or without `BUS_DMA_`, in either case.
///
/// # Errors
///
/// [`UnknownFlag`] with the nearest known one.
pub fn parse_flag(text: &str) -> Result<TagFlags, UnknownFlag> {
    let lower = text.to_ascii_lowercase();
    let name = lower.strip_prefix("bus_dma_").unwrap_or(&lower);
    FLAGS
        .into_iter()
        .find(|&(known, _)| known == name)
        .map(|(_, flag)| flag)
        .ok_or_else(|| UnknownFlag { flag: text.to_owned(), nearest: nearest(name, FLAGS.map(|(known, _)| known)) })
}

/// The names of the flags, joined with `+`; empty for none.
pub fn flag_names(flags: TagFlags) -> String {
    let names: Vec<_> = FLAGS.into_iter().filter(|&(_, flag)| flags.contains(flag)).map(|(name, _)| name).collect();
    names.join("+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling() {
        for (name, flag) in FLAGS {
            assert_eq!(parse_flag(name), Ok(flag));
            assert_eq!(parse_flag(&format!("BUS_DMA_{}", name.to_uppercase())), Ok(flag));
        }
        assert_eq!(flag_names(TagFlags::all()), "allocnow+coherent+keep_pg_offset");
        assert_eq!(flag_names(TagFlags::empty()), "");
    }

    #[test]
    fn a_misspelt_flag_suggests_the_nearest() {
        let message = |text| parse_flag(text).unwrap_err().to_string();
        let all = "the flags are allocnow, coherent, keep_pg_offset";
        assert_eq!(message("alocnow"), format!("unknown flag `alocnow` (did you mean `allocnow`?); {all}"));
        assert_eq!(message(""), format!("unknown flag ``; {all}"));
    }
}
