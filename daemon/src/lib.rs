//! busdmad: hosts machines of the engine behind a Varlink socket.
//!
//! A call's way through the daemon:
//!
//! | module | holds |
//! |---|---|
//! | [`args`], [`config`], [`logging`], [`exit`] | what the daemon was told, and what it says |
//! | [`socket`], [`systemd`], [`server`] | the main loop: it accepts connections and obeys signals |
//! | [`service`] | everything that connections share |
//! | `connection`, `bell` | one connection, one worker thread: reads calls, writes replies, waits |
//! | `parameters`, `calls` | from a method's name to what carries it out; a new method goes here |
//! | `session`, `quota` | who owns what, how much of it, and where ends of deferred loads are collected |
//! | `machine`, `registry` | machines: one owner each, who decides; bytes are copied outside it |
//! | `monitor`, `listeners`, `words` | snapshots, findings and decisions for those who look |
//! | [`probes`], `host` | the host's real DMA: eBPF probes, and what they tell |
//! | `recording` | recordings; the recorder itself is `busdma-recorder` |
//! | [`metrics`] | OpenMetrics over HTTP |
//!
//! The main loop is asynchronous, workers block: a worker has nothing else to do while its client thinks, copies its own
//! client's bytes, and is stalled by nobody else's.

pub mod args;
mod bell;
mod calls;
mod clock;
pub mod config;
mod connection;
pub mod exit;
mod host;
mod listeners;
pub mod logging;
mod machine;
pub mod metrics;
mod monitor;
mod parameters;
pub mod probes;
mod quota;
mod recording;
mod registry;
pub mod server;
pub mod service;
mod session;
pub mod socket;
pub mod systemd;
mod words;
