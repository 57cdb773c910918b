//! Reads and writes of a disk past the page cache, with buffers where the driver has to map them as they lie.

use super::scenario::Outcome;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fmt::{self, Display, Formatter};
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::fs::OpenOptionsExt;
use std::thread;

const PAGE: usize = 4096;

/// What is done with the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Reads.
    Read,
    /// Writes a pattern, reads it back into a cleared buffer and compares.
    WriteAndCompare,
}

/// A number of equal transfers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transfers {
    /// The disk's name in `/dev`.
    pub disk: &'static str,
    /// What is done.
    pub action: Action,
    /// Bytes of one transfer.
    pub bytes: usize,
    /// Transfers of each thread, one after another.
    pub count: usize,
    /// Where in its page the buffer starts, in bytes.
    pub buffer_offset: usize,
    /// Threads that run at once, each on a part of the disk of its own.
    pub threads: usize,
    /// Equal pieces of each transfer's buffer, a page apart.
    pub pieces: usize,
}

impl Transfers {
    /// Carries them out; the first thing that goes wrong counts.
    pub(super) fn run(&self) -> Outcome {
        let outcomes: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads).map(|part| scope.spawn(move || self.run_part(part))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or(Outcome::Refused(Errno::FAULT))).collect()
        });
        outcomes.into_iter().find(|outcome| *outcome != Outcome::Done).unwrap_or(Outcome::Done)
    }

    fn run_part(&self, part: usize) -> Outcome {
        let transfer = || -> io::Result<Outcome> {
            let flags = OFlags::DIRECT.bits().cast_signed();
            let disk =
                OpenOptions::new().read(true).write(true).custom_flags(flags).open(format!("/dev/{}", self.disk))?;
            let mut buffer = Buffer::new(self);
            for index in part * self.count..(part + 1) * self.count {
                let at = (index * self.bytes.next_multiple_of(PAGE)) as u64;
                if let Some(differs) = self.transfer(&disk, &mut buffer, at)? {
                    return Ok(Outcome::Differs(differs));
                }
            }
            Ok(Outcome::Done)
        };
        transfer().unwrap_or_else(|error| Outcome::Refused(Errno::from_io_error(&error).unwrap_or(Errno::FAULT)))
    }

    /// One transfer at byte `at` of the disk; where bytes differ, the first one's place.
    fn transfer(&self, disk: &File, buffer: &mut Buffer, at: u64) -> io::Result<Option<u64>> {
        if self.action == Action::Read {
            whole(rustix::io::preadv(disk, &mut buffer.pieces_mut(), at)?, self.bytes)?;
            return Ok(None);
        }
        buffer.fill(at);
        whole(rustix::io::pwritev(disk, &buffer.pieces(), at)?, self.bytes)?;
        buffer.clear();
        whole(rustix::io::preadv(disk, &mut buffer.pieces_mut(), at)?, self.bytes)?;
        Ok(buffer.first_difference(at).map(|offset| at + offset as u64))
    }
}

fn whole(done: usize, wanted: usize) -> io::Result<()> {
    if done == wanted { Ok(()) } else { Err(Errno::IO.into()) }
}

impl Display for Transfers {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { disk, action, bytes, count, buffer_offset, threads, pieces } = self;
        let action = match action {
            Action::Read => "read",
            Action::WriteAndCompare => "write and compare",
        };
        write!(
            f,
            "{action} {disk} bytes={bytes} count={count} buffer_offset={buffer_offset} threads={threads} pieces={pieces}"
        )
    }
}

/// Memory with a known place in its page.
struct Buffer {
    memory: Vec<u8>,
    start: usize,
    piece: usize,
    pieces: usize,
}

impl Buffer {
    fn new(transfers: &Transfers) -> Self {
        let piece = transfers.bytes / transfers.pieces;
        let memory = vec![0; 2 * PAGE + transfers.pieces * (piece + PAGE)];
        let start = memory.as_ptr().align_offset(PAGE) + transfers.buffer_offset;
        Self { memory, start, piece, pieces: transfers.pieces }
    }

    fn pieces(&self) -> Vec<IoSlice<'_>> {
        let used = self.memory.get(self.start..).unwrap_or_default();
        used.chunks(self.piece + PAGE).take(self.pieces).map(|chunk| IoSlice::new(first(chunk, self.piece))).collect()
    }

    fn pieces_mut(&mut self) -> Vec<IoSliceMut<'_>> {
        let (piece, pieces) = (self.piece, self.pieces);
        let used = self.memory.get_mut(self.start..).unwrap_or_default();
        used.chunks_mut(piece + PAGE)
            .take(pieces)
            .map(|chunk| {
                let len = piece.min(chunk.len());
                IoSliceMut::new(&mut chunk[..len])
            })
            .collect()
    }

    fn fill(&mut self, at: u64) {
        let mut index = 0;
        for mut slice in self.pieces_mut() {
            for byte in slice.iter_mut() {
                *byte = pattern(at, index);
                index += 1;
            }
        }
    }

    fn clear(&mut self) {
        self.memory.fill(0);
    }

    fn first_difference(&self, at: u64) -> Option<usize> {
        let pieces = self.pieces();
        let bytes = pieces.iter().flat_map(|slice| slice.iter());
        bytes.enumerate().find_map(|(index, &byte)| (byte != pattern(at, index)).then_some(index))
    }
}

fn first(chunk: &[u8], len: usize) -> &[u8] {
    chunk.get(..len).unwrap_or(chunk)
}

/// A byte that tells its own place and its transfer's; never zero.
fn pattern(at: u64, index: usize) -> u8 {
    let mixed = (at + index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.to_be_bytes()[1] | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_lie_where_they_should() {
        let transfers = Transfers {
            disk: "none",
            action: Action::Read,
            bytes: 65536,
            count: 1,
            buffer_offset: 512,
            threads: 1,
            pieces: 16,
        };
        let mut buffer = Buffer::new(&transfers);
        buffer.fill(7);
        assert_eq!(buffer.first_difference(7), None);
        assert!(buffer.first_difference(8).is_some());
        let pieces = buffer.pieces();
        assert_eq!(pieces.len(), 16);
        for (index, piece) in pieces.iter().enumerate() {
            assert_eq!(piece.len(), 4096);
            assert_eq!(piece.as_ptr().addr() % PAGE, 512, "piece {index}");
        }
        assert_eq!(pieces[1].as_ptr().addr() - pieces[0].as_ptr().addr(), 2 * PAGE);
    }
}
