//! What can be wrong with a capture.

use crate::event::Tracepoint;
use std::io;
use thiserror::Error;

/// A line of a capture that cannot be used, and which.
#[derive(Debug, Error)]
#[error("line {line}: {kind}")]
pub struct CaptureError {
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub kind: CaptureErrorKind,
}

/// What is wrong with a line.
#[derive(Debug, Error)]
pub enum CaptureErrorKind {
    /// The input failed. Nothing more comes of it.
    #[error("the capture cannot be read: {0}")]
    Io(io::Error),
    /// The line does not end in time.
    #[error("the line is longer than {limit} bytes")]
    TooLong {
        /// What is read, bytes.
        limit: usize,
    },
    /// The file does not begin with a header.
    #[error("no header, expected {{\"format\":\"busdma-host\",\"version\":1,...}}")]
    NoHeader,
    /// The header names another format.
    #[error("the format is {found:?}, expected \"busdma-host\"")]
    OtherFormat {
        /// The format named.
        found: Box<str>,
    },
    /// The header names another version.
    #[error("version {found} of busdma-host, expected version 1")]
    OtherVersion {
        /// The version named.
        found: u64,
    },
    /// The line is not JSON, or a field is unknown, twice there, or of the wrong type.
    #[error("{problem}")]
    Syntax {
        /// What the parser met or expected, with the column.
        problem: Box<str>,
    },
    /// The line is neither an event nor anything else.
    #[error("expected \"event\", \"lost\" or \"pool\"")]
    NoEntry,
    /// No tracepoint is called so.
    #[error("unknown event {found:?}")]
    UnknownEvent {
        /// The name.
        found: Box<str>,
    },
    /// A field is missing.
    #[error("{entry} without {field}")]
    Missing {
        /// The tracepoint's name, or `lost` or `pool`.
        entry: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A field belongs to something else.
    #[error("{entry} has no {field}")]
    Unexpected {
        /// The tracepoint's name, or `lost` or `pool`.
        entry: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A field holds what the kernel never prints.
    #[error("{field} is {found:?}")]
    BadValue {
        /// The field.
        field: &'static str,
        /// What it holds.
        found: Box<str>,
    },
    /// Two lists that belong together differ in length.
    #[error("{sizes} sizes for {addresses} dma_addrs")]
    Lists {
        /// Addresses.
        addresses: usize,
        /// Sizes.
        sizes: usize,
    },
}

/// Why something could not be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The output failed.
    #[error("the capture cannot be written")]
    Io(#[from] io::Error),
    /// The event says something that its tracepoint cannot say.
    #[error("an event of {point} holds what {point} does not tell")]
    Mismatch {
        /// The tracepoint.
        point: Tracepoint,
    },
}

/// The parser's words with the column; the line it knows is always the first.
pub(super) fn syntax(error: &serde_json::Error) -> CaptureErrorKind {
    let text = error.to_string();
    let text = text.replace(" at line 1 column ", " at column ");
    CaptureErrorKind::Syntax { problem: text.into() }
}
