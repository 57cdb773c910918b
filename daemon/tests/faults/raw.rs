//! A connection on which anything can be said.

use crate::daemon::PATIENCE;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The most descriptors that the kernel lets one message carry.
pub(crate) const KERNEL_DESCRIPTORS: usize = 253;

/// A connection.
pub(crate) struct Raw {
    pub(crate) stream: UnixStream,
    received: Vec<u8>,
}

/// What comes next on a connection.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Heard {
    Message(serde_json::Value),
    /// The daemon has closed it.
    End,
}

impl Raw {
    pub(crate) fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, received: Vec::new() }
    }

    /// Sends bytes, which the daemon takes.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends as many of these bytes as the daemon takes before it hangs up.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.stream.write_all(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the daemon neither reads nor hangs up"),
            outcome => outcome,
        }
    }

    /// Sends bytes along with descriptors, which the kernel takes.
    pub(crate) fn send_with(&mut self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(KERNEL_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
        Ok(sendmsg(&self.stream, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?)
    }

    /// The next message, or the end.
    pub(crate) fn heard(&mut self) -> Heard {
        loop {
            if let Some(end) = memchr::memchr(0, &self.received) {
                let message = serde_json::from_slice(&self.received[..end]).unwrap();
                self.received.drain(..=end);
                return Heard::Message(message);
            }
            let mut chunk = [0; 16 << 10];
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    assert!(self.received.is_empty(), "half a message: {:?}", String::from_utf8_lossy(&self.received));
                    return Heard::End;
                }
                Ok(length) => self.received.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Heard::End,
                Err(error) => panic!("neither a reply nor an end: {error}"),
            }
        }
    }

    /// The next message.
    pub(crate) fn reply(&mut self) -> serde_json::Value {
        match self.heard() {
            Heard::Message(message) => message,
            Heard::End => panic!("the daemon hung up"),
        }
    }
}
