//! The Varlink interfaces of busdmad: types, errors and a client. Nothing else knows the wire.
//!
//! | module | holds |
//! |---|---|
//! | [`engine`] | `org.busdma.Engine`: sessions, machines and the verbs of bus_dma(9) |
//! | [`monitor`] | `org.busdma.Monitor`: snapshots, decisions and findings |
//! | [`recorder`] | `org.busdma.Recorder`: recordings of what machines decide |
//! | [`host`] | `org.busdma.Host`: the real DMA of the host |
//! | [`service`] | `org.varlink.service`: what every Varlink service answers |
//! | [`ids`], [`hex`] | how objects and 64-bit values are written |
//! | [`mod@interface`] | methods as types, and the interfaces in Varlink's own language |
//! | [`wire`] | messages on a socket, for either side |
//! | [`client`] | a blocking and an asynchronous client |
//!
//! A new method is a parameter type, a reply type and a line in its interface's list; the description follows from them,
//! and `interfaces/*.varlink` is checked against it.

pub mod client;
pub mod engine;
pub mod hex;
pub mod host;
pub mod ids;
pub mod interface;
pub mod monitor;
pub mod recorder;
pub mod service;
pub mod wire;

pub use hex::Hex;
pub use ids::{MachineId, MapRef, MemoryOrigin, MemoryRef, NoId, SessionId, TagRef};
pub use interface::{Method, Nothing};
