//! How the outcome of a load looks to a C driver: what the call returns, and what its callback is given.

use crate::addr::BusSize;
use crate::engine::LoadOutcome;
use crate::error::{Errno, KernelPanic, LoadError};
use crate::memdesc::{CallbackShape, MemDesc};
use crate::segment::Segment;

/// One `bus_dmamap_load*` call as C sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallView<'e> {
    /// What the call returns; `None` is 0.
    pub returned: Option<Errno>,
    /// What the callback was given; `None` when it did not run inside the call.
    pub callback: Option<CallbackView<'e>>,
}

/// The arguments of a callback (`bus_dmamap_callback_t`, `bus_dmamap_callback2_t`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallbackView<'e> {
    /// `error`; `None` is 0.
    pub error: Option<Errno>,
    /// `segs` and `nseg`; `None` is a `NULL` pointer with `nseg` 0.
    pub segments: Option<&'e [Segment]>,
    /// `mapsize` of a callback2; 0 with an error.
    pub mapsize: Option<BusSize>,
}

impl<'e> CallView<'e> {
    /// Casts an outcome into the shape its request has in C.
    ///
    /// # Errors
    /// The [`KernelPanic`] where FreeBSD's kernel stops.
    pub fn new(desc: &MemDesc<'_>, outcome: &Result<LoadOutcome<'e>, LoadError>) -> Result<Self, KernelPanic> {
        let shape = desc.callback_shape();
        let error = match outcome {
            Ok(LoadOutcome::Deferred) => return Ok(Self { returned: Some(Errno::Einprogress), callback: None }),
            Ok(_) => None,
            Err(LoadError::Panic(panic)) => return Err(*panic),
            Err(error) => error.errno(),
        };
        let callback = (shape != CallbackShape::Direct).then(|| CallbackView {
            error,
            segments: match outcome {
                Ok(LoadOutcome::Loaded(segments)) => Some(*segments),
                Ok(LoadOutcome::NoData) => None,
                Ok(LoadOutcome::Deferred) | Err(_) => Some(&[]),
            },
            mapsize: desc.mapsize().map(|size| if error.is_some() { BusSize::ZERO } else { size }),
        });
        Ok(Self { returned: shape.returned(error), callback })
    }
}

impl CallbackShape {
    /// Which errors the call itself returns: with a plain callback only `ENOMEM`, so `EFBIG` reaches only the callback.
    const fn returned(self, error: Option<Errno>) -> Option<Errno> {
        match (self, error) {
            (Self::Callback, Some(Errno::Efbig)) => None,
            (_, error) => error,
        }
    }
}
