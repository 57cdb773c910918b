//! Records out of the ring, and what they say.

mod block;
mod decode;

pub(crate) use decode::Decoder;

use crate::config::RingSize;
use aya::maps::{MapData, RingBuf};
use std::fmt;

/// Bytes that the kernel puts before each record.
const RECORD_HEADER: usize = 8;

/// The ring, read from.
pub(crate) struct Ring {
    ring: RingBuf<MapData>,
    bytes: usize,
}

impl Ring {
    pub(crate) fn new(ring: RingBuf<MapData>, size: RingSize) -> Self {
        Self { ring, bytes: usize::try_from(size.bytes()).unwrap_or(usize::MAX) }
    }

    /// Hands over every record, until there are none or as many bytes as the ring holds: a kernel that writes faster
    /// than they are read does not hold the reader for ever.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(&[u8])) {
        let mut read = 0;
        while read < self.bytes
            && let Some(record) = self.ring.next()
        {
            each(&record);
            read += RECORD_HEADER + record.len();
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
