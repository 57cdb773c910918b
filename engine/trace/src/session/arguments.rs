//! Arguments that lines and states have in common, as the engine takes them.

use crate::error::OperationError;
use crate::format::{Filter, Flag, Hex, WordList};
use busdma_engine::{AddressFilter, Alignment, Boundary, LockFunction, PhysAddr, TagFlags};

/// An alignment, which has to be a power of two.
pub(super) fn alignment(found: u64) -> Result<Alignment, OperationError> {
    Alignment::new(found).ok_or(OperationError::NotPowerOfTwo { field: "alignment", found })
}

/// A boundary, which has to be a power of two, or 0 for none.
pub(super) fn boundary(found: Hex) -> Result<Option<Boundary>, OperationError> {
    match found {
        Hex(0) => Ok(None),
        Hex(found) => Boundary::new(found).map(Some).ok_or(OperationError::NotPowerOfTwo { field: "boundary", found }),
    }
}

/// A filter that excludes the listed ranges.
pub(super) fn address_filter(filter: &Filter) -> AddressFilter {
    AddressFilter::deny(filter.deny.iter().map(|&(first, last)| (PhysAddr::new(first.0), PhysAddr::new(last.0))))
}

/// Those of the flags that a tag has.
pub(super) fn tag_flags(words: WordList<Flag>) -> TagFlags {
    let flag = |word| match word {
        Flag::AllocNow => TagFlags::ALLOC_NOW,
        Flag::Coherent => TagFlags::COHERENT,
        Flag::KeepPageOffset => TagFlags::KEEP_PAGE_OFFSET,
        Flag::WaitOk | Flag::NoWait | Flag::Zero | Flag::NoCache => TagFlags::empty(),
    };
    words.iter().map(flag).collect()
}

/// The driver's own lock function, or the one that panics.
pub(super) const fn lock_function(given: bool) -> LockFunction {
    if given { LockFunction::Provided } else { LockFunction::PanicsWhenCalled }
}
