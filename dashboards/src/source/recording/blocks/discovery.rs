//! From the first block of a trace to its last: where they lie, and their text.

use super::frames::{Frame, Unpacked, Unpacker};
use super::{BLOCK_BYTES, Blocks, Extent, FRAME_BYTES_MAX, Place};
use crate::source::open::ZSTD_MAGIC;
use crate::source::recording::lines::Feed;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Compressed bytes that are read at once.
const READ_BYTES: usize = 256 << 10;

/// Goes through a file once.
pub(in crate::source::recording) struct Discovery {
    blocks: Arc<Blocks>,
    /// Where in the file `pending` begins.
    at: u64,
    /// Bytes of the file.
    length: u64,
    /// Bytes that were read and belong to no block yet.
    pending: Vec<u8>,
    unpacker: Unpacker,
    way: Way,
    torn: Torn,
}

enum Way {
    Plain,
    Packed,
    /// In a large frame, with so much of the temporary file written.
    Spooling {
        decoder: Box<zstd::Decoder<'static, BufReader<File>>>,
        spool: Arc<File>,
        written: u64,
    },
    Over,
}

/// Whether compressed text could not be decompressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::source::recording) enum Torn {
    #[default]
    No,
    Yes,
}

impl Discovery {
    /// At the beginning of the file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(in crate::source::recording) fn start(blocks: Arc<Blocks>) -> io::Result<Self> {
        let length = blocks.file.metadata()?.len();
        let mut magic = [0; 4];
        let packed = read_at(&blocks.file, &mut magic, 0)? == magic.len() && magic == ZSTD_MAGIC;
        let way = if packed { Way::Packed } else { Way::Plain };
        Ok(Self { blocks, at: 0, length, pending: Vec::new(), unpacker: Unpacker::new()?, way, torn: Torn::No })
    }

    /// How much of the file has been gone through, percent.
    pub(in crate::source::recording) fn percent(&self) -> u8 {
        let share = (u128::from(self.at) * 100).checked_div(u128::from(self.length)).unwrap_or(100);
        u8::try_from(share.min(100)).unwrap_or(100)
    }

    /// Whether compressed text could not be decompressed.
    pub(in crate::source::recording) const fn torn(&self) -> Torn {
        self.torn
    }

    fn plain(&mut self, text: &mut Vec<u8>) -> io::Result<Extent> {
        text.resize(BLOCK_BYTES, 0);
        let bytes = read_at(&self.blocks.file, text, self.at)?;
        text.truncate(bytes);
        let extent = Extent { place: Place::Plain, at: self.at, bytes };
        self.at += bytes as u64;
        if bytes == 0 {
            self.way = Way::Over;
        }
        Ok(extent)
    }

    /// Whole frames, until there is enough text.
    fn packed(&mut self, text: &mut Vec<u8>) -> io::Result<Extent> {
        let (start, mut bytes) = (self.at, 0);
        while text.len() < BLOCK_BYTES {
            let found = Frame::at(self.pending.get(bytes..).unwrap_or_default());
            if found == Frame::Unclear && self.read_more()? {
                continue;
            }
            let rest = self.pending.get(bytes..).unwrap_or_default();
            let unpacked = match found {
                Frame::Whole(length) => self.unpacker.unpack(rest.get(..length).unwrap_or_default(), text),
                Frame::Large => Unpacked::TooLarge,
                // The file ends here, in the middle of a frame or behind the last.
                Frame::Unclear => self.unpacker.unpack(rest, text),
            };
            let length = if let Frame::Whole(length) = found { length } else { rest.len() };
            if unpacked == Unpacked::TooLarge {
                if bytes == 0 {
                    self.spool(start)?;
                }
                break;
            }
            bytes += length;
            if unpacked == Unpacked::Torn {
                self.torn = Torn::Yes;
            }
            if found == Frame::Unclear {
                self.way = Way::Over;
                break;
            }
        }
        self.pending.drain(..bytes.min(self.pending.len()));
        self.at += bytes as u64;
        Ok(Extent { place: Place::Packed, at: start, bytes })
    }

    /// Reads on behind `pending`; `false` at the end of the file.
    fn read_more(&mut self) -> io::Result<bool> {
        let held = self.pending.len();
        self.pending.resize(held + READ_BYTES.max(held.min(FRAME_BYTES_MAX)), 0);
        let room = self.pending.get_mut(held..).unwrap_or_default();
        let read = read_at(&self.blocks.file, room, self.at + held as u64)?;
        self.pending.truncate(held + read);
        Ok(read > 0)
    }

    /// Begins with a large frame.
    fn spool(&mut self, at: u64) -> io::Result<()> {
        let known = self.blocks.found().spool.clone();
        let spool = match known {
            Some(spool) => spool,
            None => Arc::new(tempfile::tempfile()?),
        };
        self.blocks.found().spool = Some(Arc::clone(&spool));
        let written = spool.metadata()?.len();
        // The descriptor shares its offset with the original, which is only ever read at given places.
        let mut file = self.blocks.file.try_clone()?;
        file.seek(SeekFrom::Start(at))?;
        let decoder = zstd::Decoder::with_buffer(BufReader::with_capacity(READ_BYTES, file))?.single_frame();
        self.pending.clear();
        self.way = Way::Spooling { decoder: Box::new(decoder), spool, written };
        Ok(())
    }

    fn spooled(&mut self, text: &mut Vec<u8>) -> io::Result<Extent> {
        let Way::Spooling { decoder, spool, written } = &mut self.way else {
            return Ok(Extent { place: Place::Spooled, at: 0, bytes: 0 });
        };
        let read = decoder.by_ref().take(BLOCK_BYTES as u64).read_to_end(text);
        spool.write_all_at(text, *written)?;
        let extent = Extent { place: Place::Spooled, at: *written, bytes: text.len() };
        *written += text.len() as u64;
        let input = decoder.get_mut();
        self.at = input.stream_position()?;
        if read.is_err() {
            self.torn = Torn::Yes;
            self.way = Way::Over;
        } else if text.len() < BLOCK_BYTES {
            let over = input.fill_buf()?.is_empty();
            self.way = if over { Way::Over } else { Way::Packed };
        }
        Ok(extent)
    }
}

impl Feed for Discovery {
    fn next_block(&mut self, text: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            text.clear();
            let extent = match self.way {
                Way::Plain => self.plain(text)?,
                Way::Packed => self.packed(text)?,
                Way::Spooling { .. } => self.spooled(text)?,
                Way::Over => return Ok(false),
            };
            if !text.is_empty() {
                self.blocks.add(extent);
                return Ok(true);
            }
        }
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery").field("at", &self.at).field("torn", &self.torn).finish_non_exhaustive()
    }
}

/// Reads as much as there is room for, less only at the end of the file.
fn read_at(file: &File, room: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = room.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + filled as u64) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
