//! The kernel's DMA and block tracepoints as a stream of [`HostEvent`]s, through eBPF.
//!
//! Nothing here fails as a whole: each program is optional, and what became of it is a value that says in one sentence
//! what is wrong and how it is cured. No threads are started; the owner polls.
//!
//! ```no_run
//! use busdma_probes::{Config, Probes};
//!
//! let mut probes = Probes::attach(&Config::default());
//! for (program, status) in probes.statuses().iter() {
//!     eprintln!("{}: {status}", program.tracepoint());
//! }
//! busdma_probes::privileges::drop_process_to(&[])?;
//! loop {
//!     let report = probes.poll(|event| eprintln!("{event:?}"));
//!     assert_eq!(report.undecodable, 0);
//!     std::thread::sleep(busdma_probes::POLL_INTERVAL);
//! }
//! # #[expect(unreachable_code, reason = "the loop is the example")]
//! # Ok::<(), busdma_probes::privileges::DropError>(())
//! ```
//!
//! # Reading order
//! | module | holds |
//! |---|---|
//! | [`probes`] | **the main path**: attach, poll, switch, read counts |
//! | [`config`] | what to attach, filter and count |
//! | [`status`] | what became of a program, and why |
//! | [`per_program`] | a value for each program; a set of programs |
//! | `kernel` | the object and its maps, loaded |
//! | `diagnosis` | what an error of the kernel means |
//! | `ring` | records out of the ring, and what they say |
//! | [`frames`] | where a page structure's page is |
//! | [`totals`] | what the kernel counted by itself |
//! | [`statistics`] | runs, drops and time per program |
//! | [`privileges`] | giving capabilities up |
//! | `value` | map values as bytes |
//!
//! [`HostEvent`]: busdma_host::event::HostEvent

pub mod config;
mod diagnosis;
pub mod frames;
mod kernel;
pub mod per_program;
pub mod privileges;
pub mod probes;
mod ring;
pub mod statistics;
pub mod status;
pub mod totals;
mod value;

pub use busdma_ebpf::Program;
pub use config::{Config, Filter, Mode, RingSize, RunTime};
pub use per_program::{PerProgram, ProgramSet};
pub use probes::{POLL_INTERVAL, PollReport, Probes};
pub use status::{Capability, Failure, ProbeStatus};
