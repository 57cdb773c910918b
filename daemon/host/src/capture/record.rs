//! One line, as fields that may be there.

use super::PoolCounts;
use super::error::CaptureErrorKind;
use super::value::{Hex, HexRange, Letters};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A thread's name, letters.
pub(super) const TASK_LETTERS: usize = 15;

/// What a request asks for, letters.
pub(super) const OPERATION_LETTERS: usize = 10;

macro_rules! record {
    ($($(#[$attribute:meta])* $field:ident: $type:ty,)*) => {
        /// The fields of any line. Reading takes out those that belong to the entry; one that is left does not.
        #[derive(Default, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct Record<'a> {
            $(
                $(#[$attribute])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub(super) $field: Option<$type>,
            )*
        }

        impl Record<'_> {
            /// The first field that nobody took.
            fn left(&self) -> Option<&'static str> {
                $(if self.$field.is_some() { return Some(stringify!($field)); })*
                None
            }
        }
    };
}

record! {
    at: u64,
    cpu: u32,
    task: Letters<TASK_LETTERS>,
    pid: u32,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    device: Cow<'a, str>,
    #[serde(borrow)]
    dir: Cow<'a, str>,
    dma_addr: Hex,
    phys_addr: Hex,
    size: u64,
    nents: u32,
    ents: u32,
    phys_addrs: Vec<Hex>,
    dma_addrs: Vec<Hex>,
    sizes: Vec<u64>,
    err: i32,
    #[serde(borrow)]
    attrs: Cow<'a, str>,
    dma_mask: Hex,
    dev_addr: Hex,
    force: bool,
    iova: Hex,
    paddr: Hex,
    unmapped_size: u64,
    #[serde(borrow)]
    dev: Cow<'a, str>,
    request: Hex,
    rwbs: Letters<OPERATION_LETTERS>,
    sector: u64,
    nr_sector: u32,
    bytes: u64,
    error: i32,
    memory: Vec<HexRange>,
    pieces: u32,
    #[serde(borrow)]
    text: Cow<'a, str>,
    lost: u64,
    pool: PoolCounts,
}

impl Record<'_> {
    /// Nothing may be left of `entry`.
    pub(super) fn end(&self, entry: &'static str) -> Result<(), CaptureErrorKind> {
        self.left().map_or(Ok(()), |field| Err(CaptureErrorKind::Unexpected { entry, field }))
    }
}
