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
//! What this crate writes beyond the format; other readers ignore it.
//!
//! | where | field | says |
//! |---|---|---|
//! | header | `"contents":"unrecorded"` | the bytes of memory were not recorded, there are no hashes |
//! | header | `"recorded":{..}` | a service recorded it: `by` whom, from when (`started_unix_ns`, and `started_ns` as operations' `t` count), and whether it `continues_after_panic` |
//! | header | `"state":{..}` | the scenario starts from this [`State`](format::State) and not from an empty machine |
//! | line | `"t":1500` | when the operation began, nanoseconds |
//! | line | `"session":"s1"` | who called, where several did |
//! | line | `"op":"cancel"` | a deferred load was given up: `in` names the map and perhaps the tag, `out` has `ret`, `released` pages, `swi` where another load can now be run, and what every `out` may have |
//! | `in` of `dmamem_alloc` | `"region":{"vaddr","paddr","pages"}` | what the allocator answered; `null`: it had nothing. Without it the machine model answers. Strict asks again where the answer misses the tag's alignment, and gets the same: a recorder's allocator meets it at once |
//! | `out` | `"decisions":[..]` | what was decided |
//! | `out` of `run_deferred` | `"panics":[{"map","panic","assert"}]` | loads at which FreeBSD's kernel stops, where the recording goes on |
//!
//! **A recording that goes on.** In a service a call at which FreeBSD's kernel stops is refused, and the machine goes on. With
//! `continues_after_panic` a line whose `out` is a `panic` does not end the scenario. It carries neither `zones` nor
//! `waiting`: what the call changed is reported by the next line. `run_deferred` is never such a line: it takes up the
//! loads from the head of the ready queue until that is empty, those included that it makes ready itself, and lists those
//! at which the kernel stops, which are then off the queue, under `panics`. [`drain::drain`] is that run, for a recorder
//! too.
//!
//! **A recording cut off.** A recorder can be killed at any time. The last line that is not whole is left out with a
//! [`Warning`], and a compressed trace is read as far as it can be decompressed. Several zstd frames one after another are
//! one trace; [`Frames`] writes them.
//!
//! # Limits
//! A line of 16 MiB ([`reader::LINE_BYTES_MAX`]), a header of 128 MiB, and no longer ones are written; 256 MiB touched by one operation ([`client::BYTES_MAX`]), 1 GiB of memory
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
//! | [`observe`], [`drain`], [`hazards`] | from the engine to the trace: what `out` and `hazard` say |
//! | [`snapshot`] | from the engine to the `state` of a header |
//! | `session`, `names` | one scenario's operations on an engine |
//! | [`replay`], [`compare`] | done again, and compared |
//! | [`record`] | done, and written down |

pub mod client;
pub mod compare;
pub mod drain;
pub mod error;
pub mod format;
pub mod hazards;
pub mod machine;
mod names;
pub mod observe;
pub mod reader;
pub mod record;
pub mod replay;
pub mod request;
mod session;
pub mod snapshot;
pub mod writer;

pub use compare::FieldDifference;
pub use error::{IdKind, OperationError, Place, TraceError, TraceErrorKind, Warning, WarningKind};
pub use hazards::HazardSet;
pub use machine::TraceMachine;
pub use reader::{Operation, TraceReader, open};
pub use record::{RecordError, Recorder};
pub use replay::{Difference, Extent, ProfileChoice, ReplayOptions, Replayer, ScenarioReport, Summary};
pub use session::Decisions;
pub use snapshot::{Snapshot, SnapshotError};
pub use writer::{AnswerLine, Frames, OperationLine, TraceFile, TraceWriter, create};
