//! Frames of zstd, out of memory.

use super::FRAME_BYTES_MAX;
use std::io::{self, Cursor, Read};
use zstd::bulk::Decompressor;
use zstd::zstd_safe::{find_frame_compressed_size, get_frame_content_size};

/// Decompresses frames, one after the other.
pub(super) struct Unpacker {
    decompressor: Decompressor<'static>,
}

/// What some bytes begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Frame {
    /// A whole frame of so many bytes.
    Whole(usize),
    /// A frame with more text than is decompressed at once.
    Large,
    /// More bytes are needed, or it is no frame.
    Unclear,
}

impl Frame {
    pub(super) fn at(bytes: &[u8]) -> Self {
        if matches!(get_frame_content_size(bytes), Ok(Some(text)) if text > FRAME_BYTES_MAX as u64) {
            return Self::Large;
        }
        match find_frame_compressed_size(bytes) {
            Ok(length) if length > 0 && length <= bytes.len() => Self::Whole(length),
            _ if bytes.len() > FRAME_BYTES_MAX => Self::Large,
            _ => Self::Unclear,
        }
    }
}

/// How decompressing ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unpacked {
    /// Everything was decompressed.
    Whole,
    /// A frame could only be decompressed in part.
    Torn,
    /// A frame has more text than is decompressed at once; it was left out.
    TooLarge,
}

impl Unpacker {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { decompressor: Decompressor::new()? })
    }

    /// Adds the text of all frames in `bytes`, as far as there is any.
    pub(super) fn unpack(&mut self, mut bytes: &[u8], text: &mut Vec<u8>) -> Unpacked {
        let mut all = Unpacked::Whole;
        while !bytes.is_empty() {
            let (frame, rest) = match Frame::at(bytes) {
                Frame::Whole(length) => bytes.split_at(length.min(bytes.len())),
                Frame::Large | Frame::Unclear => (bytes, &[][..]),
            };
            match self.unpack_one(frame, text) {
                Unpacked::Whole => {}
                other => all = other,
            }
            bytes = rest;
        }
        all
    }

    fn unpack_one(&mut self, frame: &[u8], text: &mut Vec<u8>) -> Unpacked {
        if let Ok(Some(length)) = get_frame_content_size(frame)
            && let Ok(length) = usize::try_from(length)
            && length <= FRAME_BYTES_MAX
        {
            let start = text.len();
            text.reserve(length);
            let mut behind = Cursor::new(std::mem::take(text));
            behind.set_position(start as u64);
            let written = self.decompressor.decompress_to_buffer(frame, &mut behind);
            *text = behind.into_inner();
            if written.is_ok_and(|written| written == length) {
                return Unpacked::Whole;
            }
            text.truncate(start);
        }
        unpack_stream(frame, text)
    }
}

/// As far as it goes: the length of the text is not told, or the frame is torn.
fn unpack_stream(frame: &[u8], text: &mut Vec<u8>) -> Unpacked {
    let start = text.len();
    let Ok(decoder) = zstd::Decoder::with_buffer(frame) else { return Unpacked::Torn };
    let read = decoder.single_frame().take(FRAME_BYTES_MAX as u64 + 1).read_to_end(text);
    if text.len() - start > FRAME_BYTES_MAX {
        text.truncate(start);
        return Unpacked::TooLarge;
    }
    if read.is_ok() { Unpacked::Whole } else { Unpacked::Torn }
}
