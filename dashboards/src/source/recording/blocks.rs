//! A trace as blocks of text that can be read in any order.
//!
//! Plain text is cut anywhere. A compressed trace is cut between its frames; a frame that is too large for that is
//! decompressed once, into a temporary file without a name.

mod discovery;
mod frames;

pub(super) use discovery::{Discovery, Torn};

use frames::Unpacker;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// About how much text a block has, bytes.
const BLOCK_BYTES: usize = 1 << 20;

/// Text of a frame that is decompressed as a whole, bytes.
const FRAME_BYTES_MAX: usize = 16 << 20;

/// Where a block lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Extent {
    place: Place,
    at: u64,
    bytes: usize,
}

/// What an extent is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// Text of the trace's file.
    Plain,
    /// Whole frames of the trace's file.
    Packed,
    /// Text of the temporary file.
    Spooled,
}

/// The blocks found so far, and the files they lie in.
#[derive(Debug)]
pub(super) struct Blocks {
    file: File,
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    extents: Vec<Extent>,
    spool: Option<std::sync::Arc<File>>,
}

impl Blocks {
    /// No blocks yet of that file.
    pub(super) fn new(file: File) -> Self {
        Self { file, found: Mutex::default() }
    }

    /// Puts the text of a block into `text`; `false` when there is no such block.
    ///
    /// # Errors
    /// The file cannot be read, or is shorter than it was.
    pub(super) fn read(&self, block: usize, text: &mut Vec<u8>) -> io::Result<bool> {
        let (extent, spool) = {
            let found = self.found();
            let Some(extent) = found.extents.get(block).copied() else { return Ok(false) };
            (extent, found.spool.clone())
        };
        let mut bytes = vec![0; extent.bytes];
        match (extent.place, spool) {
            (Place::Spooled, Some(spool)) => spool.read_exact_at(&mut bytes, extent.at)?,
            _ => self.file.read_exact_at(&mut bytes, extent.at)?,
        }
        text.clear();
        if extent.place == Place::Packed {
            Unpacker::new()?.unpack(&bytes, text);
        } else {
            *text = bytes;
        }
        Ok(true)
    }

    fn add(&self, extent: Extent) {
        self.found().extents.push(extent);
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
