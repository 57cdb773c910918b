//! Messages on a Unix socket, for either side: JSON objects, each ended by a NUL byte, some with file descriptors.
//!
//! Both halves block; they are made for threads of their own. zlink's connections read 256 bytes at a time and serialise
//! a message anew for every 256 bytes it outgrows their buffer, which makes large batches slow, so bytes are moved here.

mod reader;
mod writer;

pub use reader::{Message, MessageReader};
pub use writer::MessageWriter;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io;
use thiserror::Error;

/// A message no longer than this is taken unless another limit is set: 16 MiB.
pub const MESSAGE_BYTES_DEFAULT: usize = 16 << 20;

/// Descriptors one message may carry.
pub const DESCRIPTORS_MAX: usize = 16;

/// Why no more messages come or go.
#[derive(Debug, Error)]
pub enum WireError {
    /// The peer left in the middle of a message.
    #[error("the connection ended after {bytes} bytes of a message")]
    CutShort {
        /// Bytes of it that came.
        bytes: usize,
    },
    /// A message outgrew the limit.
    #[error("a message is longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// A message came with too many descriptors.
    #[error("a message came with more than {DESCRIPTORS_MAX} file descriptors")]
    TooManyDescriptors,
    /// The peer does not read.
    #[error("the peer did not read for too long")]
    PeerStalled,
    /// The socket failed.
    #[error("the socket failed")]
    Socket(#[source] io::Error),
    /// A value that JSON cannot hold.
    #[error("the message cannot be written as JSON")]
    Unserialisable(#[source] serde_json::Error),
}

/// A call, its parameters still text.
#[derive(Debug, Deserialize)]
pub struct Call<'a> {
    /// Full name of the method.
    #[serde(borrow)]
    pub method: Cow<'a, str>,
    /// An object; absent stands for an empty one.
    #[serde(borrow, default)]
    pub parameters: Option<&'a RawValue>,
    /// Nobody waits for a reply.
    #[serde(default)]
    pub oneway: bool,
    /// The caller takes several replies.
    #[serde(default)]
    pub more: bool,
    /// The caller wants to speak another protocol afterwards.
    #[serde(default)]
    pub upgrade: bool,
}

/// A call to write.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OutgoingCall<'a, P> {
    /// Full name of the method.
    pub method: &'a str,
    /// Its parameters.
    pub parameters: &'a P,
    /// Whether several replies are taken.
    #[serde(skip_serializing_if = "Replies::is_one")]
    pub more: Replies,
}

/// How many replies a call takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replies {
    /// One.
    One,
    /// Any number (`more`).
    Many,
}

impl Replies {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_one(&self) -> bool {
        *self == Self::One
    }
}

impl Serialize for Replies {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self == Self::Many)
    }
}

/// A reply, its parameters still text.
#[derive(Debug, Deserialize)]
pub struct Reply<'a> {
    /// An object; absent stands for an empty one.
    #[serde(borrow, default)]
    pub parameters: Option<&'a RawValue>,
    /// More replies to the same call follow.
    #[serde(default)]
    pub continues: bool,
    /// Full name of an error.
    #[serde(borrow, default)]
    pub error: Option<Cow<'a, str>>,
}

/// A reply to write.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OutgoingReply<'a, P> {
    /// What is replied.
    pub parameters: &'a P,
    /// Whether it is the last.
    #[serde(skip_serializing_if = "Continues::is_last")]
    pub continues: Continues,
}

/// Whether more replies follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Continues {
    /// This is the last one.
    Last,
    /// At least one follows.
    More,
}

impl Continues {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_last(&self) -> bool {
        *self == Self::Last
    }
}

impl Serialize for Continues {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self == Self::More)
    }
}
