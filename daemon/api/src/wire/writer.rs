//! Messages that go out.

use super::{DESCRIPTORS_MAX, WireError};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, socket_timeout};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::Serialize;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

/// What is held back at most before it is sent without being asked to.
const HELD_BYTES: usize = 64 << 10;

/// A buffer larger than this is given back once it is empty.
const KEPT_BYTES: usize = 1 << 20;

/// Writes messages to a socket. They are held back until [`Self::flush`], so that one system call sends many.
#[derive(Debug)]
pub struct MessageWriter<S> {
    socket: S,
    buffer: Vec<u8>,
}

impl<S: AsFd> MessageWriter<S> {
    /// Writes to `socket`.
    pub fn new(socket: S) -> Self {
        Self { socket, buffer: Vec::new() }
    }

    /// The socket.
    pub fn socket(&self) -> &S {
        &self.socket
    }

    /// Writes a message.
    ///
    /// # Errors
    /// [`WireError`]; after [`WireError::Unserialisable`] the connection is as before, otherwise it is of no more use.
    pub fn write(&mut self, message: &impl Serialize) -> Result<(), WireError> {
        self.append(message)?;
        if self.buffer.len() >= HELD_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes a message along with descriptors, and sends it.
    ///
    /// # Errors
    /// As [`Self::write`]; after [`WireError::TooManyDescriptors`] the connection is as before.
    pub fn write_with(&mut self, message: &impl Serialize, descriptors: &[BorrowedFd<'_>]) -> Result<(), WireError> {
        if descriptors.len() > DESCRIPTORS_MAX {
            return Err(WireError::TooManyDescriptors);
        }
        self.flush()?;
        self.append(message)?;
        self.send_all(descriptors)
    }

    /// Sends what is held back. Blocks until it is on its way.
    ///
    /// # Errors
    /// [`WireError::PeerStalled`] when the socket has a send timeout and it passed, [`WireError::Socket`].
    pub fn flush(&mut self) -> Result<(), WireError> {
        if self.buffer.is_empty() { Ok(()) } else { self.send_all(&[]) }
    }

    fn append(&mut self, message: &impl Serialize) -> Result<(), WireError> {
        let before = self.buffer.len();
        if let Err(error) = serde_json::to_writer(&mut self.buffer, message) {
            self.buffer.truncate(before);
            return Err(WireError::Unserialisable(error));
        }
        self.buffer.push(0);
        Ok(())
    }

    fn send_all(&mut self, descriptors: &[BorrowedFd<'_>]) -> Result<(), WireError> {
        let mut begun = Instant::now();
        let mut sent = self.send(&self.buffer, descriptors, SendFlags::empty())?;
        while sent < self.buffer.len() {
            // A socket that blocks takes less than everything only after a signal or when its time was up. In that case
            // there is room by now if the peer reads at all.
            let flags = if self.has_timed_out(begun) { SendFlags::DONTWAIT } else { SendFlags::empty() };
            begun = Instant::now();
            sent += self.send(&self.buffer[sent..], &[], flags)?;
        }
        self.buffer.clear();
        if self.buffer.capacity() > KEPT_BYTES {
            self.buffer.shrink_to(HELD_BYTES);
        }
        Ok(())
    }

    fn has_timed_out(&self, begun: Instant) -> bool {
        let timeout = socket_timeout(&self.socket, Timeout::Send).ok().flatten();
        timeout.is_some_and(|timeout| begun.elapsed() >= timeout)
    }

    fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>], flags: SendFlags) -> Result<usize, WireError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(WireError::TooManyDescriptors);
        }
        loop {
            match sendmsg(&self.socket, &[IoSlice::new(bytes)], &mut control, flags | SendFlags::NOSIGNAL) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Err(WireError::PeerStalled),
                result => return result.map_err(|errno| WireError::Socket(errno.into())),
            }
        }
    }
}
