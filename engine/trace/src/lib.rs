//! busdma-trace v1: recordings of bus_dma(9) calls, read, written, replayed and compared.
//!
//! A trace is JSON Lines: a header starts a scenario on a described machine, and each line after it is one call with what
//! it was given (`in`) and what it came to (`out`). Since the machine is deterministic, a trace can be replayed: every
//! segment, callback, counter and byte must come out again.
//!
//! ```
//! use busdma_trace::{ReplayOptions, Replayer, TraceReader};
//!
//! let trace = concat!(
//!     r#"{"format":"busdma-trace","version":1,"scenario":"one tag","family":"doc","machine":{"arch":"amd64","#,
//!     r#""page_size":4096,"maxmem":"0x40000000","max_bpages":8192,"bounce":{"base":"0x100000","stride":4096,"#,
//!     r#""frames":64},"dmamem":{"base":"0x2000000","page_stride":4096,"malloc_align":0}},"#,
//!     r#""source":"freebsd-11.0","hazards":[]}"#,
//!     "\n",
//!     r#"{"seq":1,"op":"tag_destroy","in":{"tag":"t0"},"out":{"ret":"OK","freed":["t0"]}}"#,
//! );
//! let mut reader = TraceReader::new(trace.as_bytes(), "example");
//! let error = Replayer::new(ReplayOptions::default()).next_scenario(&mut reader).unwrap_err();
//! assert_eq!(error.to_string(), "example:2: no tag \"t0\", expected the id of one that was created and not destroyed");
//! ```
//!
//! # Additions to busdma-trace v1
//! A header may say `"contents":"unrecorded"`: the bytes of memory were not recorded, there are no hashes. An operation may
//! say when it began (`t`, nanoseconds) and what was decided (`decisions` in `out`). Other readers ignore all three.
//!
//! # Limits
//! A line of 16 MiB ([`reader::LINE_BYTES_MAX`]), 256 MiB touched by one operation ([`client::BYTES_MAX`]), 1 GiB of memory
//! written and 4 GiB of bounce pages ([`machine::FRAMES_MAX`]) in one scenario: what goes beyond is an error, never a
//! quietly different answer.
//!
//! # Reading order
//!
//! | module | holds |
//! |---|---|
//! | [`mod@format`] | the lines as types |
//! | [`reader`] | bytes to lines, with the place of everything that is wrong ([`error`]) |
//! | [`writer`] | lines to bytes |
//! | [`machine`] | memory, page tables and allocators that behave the same on every run |
//! | [`request`], [`client`] | what a load names, and the bytes it means |
//! | [`observe`] | from the engine to the trace: what `out` says |
//! | `session`, `names` | one scenario's operations on an engine |
//! | [`replay`], [`compare`] | done again, and compared |
//! | [`record`] | done, and written down |

pub mod client;
pub mod compare;
pub mod error;
pub mod format;
mod hazards;
pub mod machine;
mod names;
pub mod observe;
pub mod reader;
pub mod record;
pub mod replay;
pub mod request;
mod session;
pub mod writer;

pub use compare::FieldDifference;
pub use error::{IdKind, OperationError, Place, TraceError, TraceErrorKind, Warning, WarningKind};
pub use machine::TraceMachine;
pub use reader::{Operation, TraceReader, open};
pub use record::{RecordError, Recorder};
pub use replay::{Difference, Extent, ProfileChoice, ReplayOptions, Replayer, ScenarioReport, Summary};
pub use session::Decisions;
pub use writer::{OperationLine, TraceFile, TraceWriter, create};
