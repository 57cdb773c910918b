//! Map values as bytes.

#![expect(unsafe_code, reason = "aya asks for a promise about each type that it copies to and from the kernel")]

use aya::Pod;
use busdma_ebpf::common::map::{Calibration, Config, Counters, Total, TotalKey};

/// A value of a map: the type itself, with the promise that aya wants.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct Value<T>(pub(crate) T);

// SAFETY: integers only, without padding: their sizes are asserted where they are defined.
unsafe impl Pod for Value<Config> {}
// SAFETY: as above.
unsafe impl Pod for Value<Counters> {}
// SAFETY: as above.
unsafe impl Pod for Value<TotalKey> {}
// SAFETY: as above.
unsafe impl Pod for Value<Total> {}
// SAFETY: as above.
unsafe impl Pod for Value<Calibration> {}
