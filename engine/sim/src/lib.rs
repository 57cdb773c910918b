//! bus_dma(9) under test: operations, traffic, a naive model of FreeBSD, and checks of what is promised.
//!
//! The engine is judged from three independent sides. FreeBSD's profiles are compared, answer by answer and byte by byte,
//! with a [`reference`](mod@reference) model that shares no code with the engine; the strict profile is held to the manual page by
//! [`checkers`]; and the engine's own invariants are checked after every operation. The same sequences drive property
//! tests, fuzz targets and demonstrations.
//!
//! ```
//! use busdma_engine::Profile;
//! use busdma_sim::harness::{Rig, run};
//! use busdma_sim::workload::{Traffic, Workload};
//!
//! let rig = Rig { spec: Traffic::BouncePressure.machine(), ..Rig::usual(Profile::Freebsd11) };
//! let ops: Vec<_> = Workload::new(Traffic::BouncePressure, 7).take(200).collect();
//! let tally = run(&rig, &ops).unwrap();
//! assert!(tally.deferred > 0);
//! ```
//!
//! # Reading order
//! | module | holds |
//! |---|---|
//! | [`request`] | load requests that own their lists |
//! | [`ops`] | one operation for every verb, aimed at "the n-th that exists" |
//! | [`decode`], [`workload`] | where operations come from: bytes, or a seed |
//! | [`machine`] | memory and frames, one for each side |
//! | [`answer`], [`subject`] | what both sides say, and the verbs they share |
//! | [`engine_side`], [`reference`](mod@reference) | the two sides |
//! | [`checkers`] | promises, checked from outside |
//! | [`harness`] | all of it, operation after operation |
//! | [`driver`] | a driver that carries traffic out on any host, for demonstrations |

pub mod answer;
pub mod checkers;
pub mod decode;
pub mod driver;
pub mod engine_side;
pub mod harness;
pub mod machine;
pub mod ops;
pub mod reference;
pub mod request;
pub mod subject;
pub mod workload;
