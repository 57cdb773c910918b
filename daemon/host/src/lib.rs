//! Linux DMA activity as data: what the kernel's tracepoints tell, and what it means.
//!
//! Events, live from eBPF or read back from a capture, become lifecycles of mappings; each one is compared with what the
//! device's own limits let one expect. The crate does no I/O: text and the contents of sysfs files come in.
//!
//! # Reading order
//! | module | holds |
//! |---|---|
//! | [`event`] | one thing that the kernel said |
//! | [`text`] | events out of ftrace's and perf's text |
//! | [`capture`] | busdma's own file of events, written and read back |
//! | [`mapping`] | the life of one mapping |
//! | [`tracker`] | **the main path**: events become lives |
//! | [`pool`] | what the swiotlb pool must hold, from the lives |
//! | [`limits`] | what a device can reach, from sysfs |
//! | [`shadow`] | the engine's prediction for a mapping, and Linux's own rules |
//! | [`verdict`] | prediction against what happened |
//! | [`correlation`] | totals by device and verdict |

pub mod capture;
pub mod correlation;
pub mod event;
pub mod limits;
pub mod mapping;
pub mod pool;
pub mod shadow;
pub mod text;
pub mod tracker;
pub mod verdict;
