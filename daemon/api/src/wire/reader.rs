//! Messages that come in.

use super::{DESCRIPTORS_MAX, WireError};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};
use std::collections::VecDeque;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

/// Bytes asked of the socket at a time, at least.
const READ_BYTES: usize = 64 << 10;

/// A buffer larger than this is given back once it is empty.
const KEPT_BYTES: usize = 1 << 20;

/// Reads messages from a socket.
#[derive(Debug)]
pub struct MessageReader<S> {
    socket: S,
    /// `start..scanned` holds no NUL byte; `start..end` was read and not handed out.
    buffer: Vec<u8>,
    start: usize,
    scanned: usize,
    end: usize,
    descriptors: VecDeque<Received>,
    limit: usize,
}

/// Descriptors that came with a byte of the buffer.
#[derive(Debug)]
struct Received {
    position: usize,
    descriptors: Vec<OwnedFd>,
}

/// One message.
#[derive(Debug)]
pub struct Message<'a> {
    /// The JSON text, without the NUL byte.
    pub text: &'a [u8],
    /// The descriptors that came with it.
    pub descriptors: Vec<OwnedFd>,
}

impl<S: AsFd> MessageReader<S> {
    /// Reads from `socket` messages of up to `limit` bytes.
    pub fn new(socket: S, limit: usize) -> Self {
        Self { socket, buffer: Vec::new(), start: 0, scanned: 0, end: 0, descriptors: VecDeque::new(), limit }
    }

    /// The socket.
    pub fn socket(&self) -> &S {
        &self.socket
    }

    /// Changes the limit for messages that were not read yet.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Whether a whole message is here already, so that [`Self::read`] will not block.
    pub fn has_message(&mut self) -> bool {
        self.find_end().is_some()
    }

    /// Bytes read that were not handed out.
    pub fn buffered(&self) -> usize {
        self.end - self.start
    }

    /// The next message, `None` when the peer has ended the connection between two messages. Blocks.
    ///
    /// # Errors
    /// [`WireError`]; nothing more can be read then.
    pub fn read(&mut self) -> Result<Option<Message<'_>>, WireError> {
        let end = loop {
            if let Some(end) = self.find_end() {
                break end;
            }
            if self.buffered() > self.limit {
                return Err(WireError::TooLong { limit: self.limit });
            }
            // No message is whole, so all of them came with the one that is not.
            check_count(self.descriptors.iter().map(|received| received.descriptors.len()).sum())?;
            self.make_room();
            if self.receive()? == 0 {
                return match self.buffered() {
                    0 => Ok(None),
                    bytes => Err(WireError::CutShort { bytes }),
                };
            }
        };
        let start = self.start;
        if end - start > self.limit {
            return Err(WireError::TooLong { limit: self.limit });
        }
        self.start = end + 1;
        self.scanned = self.start;
        let descriptors = self.take_descriptors(end);
        check_count(descriptors.len())?;
        Ok(Some(Message { text: &self.buffer[start..end], descriptors }))
    }

    fn find_end(&mut self) -> Option<usize> {
        let found = memchr::memchr(0, &self.buffer[self.scanned..self.end]);
        self.scanned = found.map_or(self.end, |offset| self.scanned + offset);
        found.map(|_| self.scanned)
    }

    /// Moves what is left to the front and makes room behind it.
    fn make_room(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            for received in &mut self.descriptors {
                received.position -= self.start;
            }
            self.end -= self.start;
            self.scanned -= self.start;
            self.start = 0;
            if self.end == 0 && self.buffer.len() > KEPT_BYTES {
                self.buffer.truncate(READ_BYTES);
                self.buffer.shrink_to_fit();
            }
        }
        if self.buffer.len() - self.end < READ_BYTES {
            let wanted = (self.end * 2).max(self.end + READ_BYTES).min(self.limit + 1 + READ_BYTES);
            self.buffer.resize(wanted.max(self.end + READ_BYTES), 0);
        }
    }

    fn receive(&mut self) -> Result<usize, WireError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let result = loop {
            let mut parts = [IoSliceMut::new(&mut self.buffer[self.end..])];
            match recvmsg(&self.socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                // The peer closed with bytes of ours unread: for a reader that is an end like any other.
                Err(Errno::CONNRESET) => return Ok(0),
                result => break result.map_err(|errno| WireError::Socket(errno.into()))?,
            }
        };
        let mut descriptors = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        if result.flags.contains(ReturnFlags::CTRUNC) {
            return Err(WireError::TooManyDescriptors);
        }
        self.end += result.bytes;
        // Linux ends a read with the bytes of the write that carried descriptors, so the last byte is one of theirs.
        if !descriptors.is_empty() && result.bytes > 0 {
            self.descriptors.push_back(Received { position: self.end - 1, descriptors });
        }
        Ok(result.bytes)
    }

    /// The descriptors of the message whose NUL byte is at `end`.
    fn take_descriptors(&mut self, end: usize) -> Vec<OwnedFd> {
        let mut taken = Vec::new();
        while self.descriptors.front().is_some_and(|received| received.position <= end) {
            if let Some(received) = self.descriptors.pop_front() {
                taken.extend(received.descriptors);
            }
        }
        taken
    }
}

fn check_count(descriptors: usize) -> Result<(), WireError> {
    if descriptors > DESCRIPTORS_MAX { Err(WireError::TooManyDescriptors) } else { Ok(()) }
}
