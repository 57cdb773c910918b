//! What was predicted of a mapping against what happened to it.

mod kind;
mod words;

pub use kind::{VerdictKind, Weight};

use crate::event::BounceCause;
use crate::limits::host::{SLOT_BYTES, SLOTS_PER_MAPPING};
use crate::mapping::{Failure, Mapping, State, Translation};
use crate::shadow::{Basis, EntryRange, ExpectedFailure, Fit, Missing, Prediction, Route};
use busdma_engine::{BusAddr, BusSize, PhysAddr};

/// Whether a mapping came to what its device's limits let one expect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It did.
    Agree {
        /// What it came to.
        outcome: Outcome,
        /// What the expectation rests on.
        basis: Basis,
    },
    /// It did not, or it failed.
    Differ(Difference),
}

/// What a mapping came to that was expected.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// The device sees physical addresses.
    Direct,
    /// It sees pages of the bounce pool.
    Bounced(BounceCause),
    /// It sees addresses of its own.
    Translated,
    /// The memory was made for both sides.
    Coherent,
    /// There is no memory but registers.
    Registers,
}

/// How a mapping differs from what was expected of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Difference {
    /// It failed: the bounce pool had no room in one piece.
    FailedPoolFull {
        /// Bytes of the piece for which there was none.
        size: BusSize,
        /// Pieces of the same list that had theirs.
        before: u32,
    },
    /// It failed: the device does not reach the bytes, and they were not bounced.
    FailedOverflow {
        /// The first byte out of reach, where it is known.
        first: Option<PhysAddr>,
        /// The highest address that the device reaches, where it is known.
        mask: Option<BusAddr>,
    },
    /// It failed, and always will: a piece of it is larger than what can be bounced.
    TooLarge {
        /// Bytes of the piece.
        size: BusSize,
        /// Bytes that can be bounced in one piece.
        most: BusSize,
    },
    /// It failed with this error.
    FailedErrno(
        /// The negative errno.
        i32,
    ),
    /// It failed, and nobody said why.
    FailedUntold,
    /// It was bounced by force, which nothing known about the host asks for.
    ForcedUnexpectedly,
    /// It was bounced for the device's mask, which all of it is below.
    BouncedThoughReachable {
        /// The mask, where it is known.
        mask: Option<BusAddr>,
    },
    /// It was bounced although an IOMMU translates.
    BouncedUnderIommu,
    /// An IOMMU translated it, or something moved it, where none should.
    Translated,
    /// An IOMMU should have translated it.
    NotTranslated,
    /// It was not bounced on a host that bounces everything.
    NotBouncedThoughForced,
    /// It was not bounced although the device does not reach it.
    NotBouncedThoughUnreachable {
        /// The first byte out of reach, where it is known.
        first: Option<PhysAddr>,
        /// The highest address that the device reaches, where it is known.
        mask: Option<BusAddr>,
    },
    /// Entries were merged where nothing merges them.
    Merged {
        /// Entries that were asked for.
        asked: u32,
        /// Entries that the device was given.
        given: u32,
    },
    /// The device was given another number of entries than expected.
    Segments {
        /// What was expected.
        predicted: EntryRange,
        /// What it was given.
        actual: u32,
    },
    /// It needs more segments than the device takes.
    TooManySegments {
        /// What the device takes.
        limit: u32,
        /// Entries that it was given.
        given: u32,
    },
    /// Too little is known about the device to expect anything.
    LimitsUnknown(Missing),
}

impl Verdict {
    /// The verdict on a mapping.
    pub fn of(mapping: &Mapping, prediction: &Prediction) -> Self {
        if let State::Failed { failure } = mapping.state {
            return Self::Differ(failed(mapping, prediction, failure));
        }
        match compare_routes(mapping, prediction) {
            Ok(agreed) => match compare_entries(mapping, prediction) {
                None => agreed,
                Some(difference) => Self::Differ(difference),
            },
            Err(difference) => Self::Differ(difference),
        }
    }

    /// Whether it agrees.
    pub const fn agrees(&self) -> bool {
        matches!(self, Self::Agree { .. })
    }

    /// Itself without its numbers.
    pub const fn kind(&self) -> VerdictKind {
        match self {
            Self::Agree { outcome, .. } => outcome.kind(),
            Self::Differ(difference) => difference.kind(),
        }
    }

    /// One sentence for a person.
    pub fn sentence(&self) -> String {
        match self {
            Self::Agree { outcome, basis } => words::agreement(*outcome, *basis),
            Self::Differ(difference) => words::difference(difference),
        }
    }

    /// What to do about a difference.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Agree { .. } => None,
            Self::Differ(difference) => Some(words::advice(difference.kind())),
        }
    }
}

impl Outcome {
    const fn kind(self) -> VerdictKind {
        match self {
            Self::Direct => VerdictKind::Direct,
            Self::Bounced(BounceCause::Forced) => VerdictKind::BouncedForced,
            Self::Bounced(BounceCause::Mask) => VerdictKind::BouncedMask,
            Self::Translated => VerdictKind::IommuTranslated,
            Self::Coherent => VerdictKind::Coherent,
            Self::Registers => VerdictKind::Registers,
        }
    }
}

impl Difference {
    /// Itself without its numbers.
    pub const fn kind(&self) -> VerdictKind {
        match self {
            Self::FailedPoolFull { .. } => VerdictKind::FailedPoolFull,
            Self::FailedOverflow { .. } => VerdictKind::FailedOverflow,
            Self::TooLarge { .. } => VerdictKind::TooLarge,
            Self::FailedErrno(_) => VerdictKind::FailedErrno,
            Self::FailedUntold => VerdictKind::FailedUntold,
            Self::ForcedUnexpectedly => VerdictKind::ForcedUnexpectedly,
            Self::BouncedThoughReachable { .. } => VerdictKind::BouncedThoughReachable,
            Self::BouncedUnderIommu => VerdictKind::BouncedUnderIommu,
            Self::Translated => VerdictKind::Translated,
            Self::NotTranslated => VerdictKind::NotTranslated,
            Self::NotBouncedThoughForced => VerdictKind::NotBouncedThoughForced,
            Self::NotBouncedThoughUnreachable { .. } => VerdictKind::NotBouncedThoughUnreachable,
            Self::Merged { .. } => VerdictKind::Merged,
            Self::Segments { .. } => VerdictKind::Segments,
            Self::TooManySegments { .. } => VerdictKind::TooManySegments,
            Self::LimitsUnknown(_) => VerdictKind::LimitsUnknown,
        }
    }
}

fn failed(mapping: &Mapping, prediction: &Prediction, failure: Failure) -> Difference {
    match (failure, prediction.route) {
        (Failure::PoolFull, Route::Fails(ExpectedFailure::TooLarge { size, most })) => {
            Difference::TooLarge { size, most }
        }
        (Failure::PoolFull, _) => match larger_than_any(mapping) {
            Some(size) => Difference::TooLarge { size, most: LARGEST_BOUNCE },
            None => pool_full(mapping),
        },
        (Failure::Overflow, Route::Fails(ExpectedFailure::Unreachable { first })) => {
            Difference::FailedOverflow { first: Some(first), mask: prediction.mask }
        }
        (Failure::Overflow, _) => Difference::FailedOverflow { first: None, mask: prediction.mask },
        (Failure::Errno(errno), _) => Difference::FailedErrno(errno),
        (Failure::Untold, _) => Difference::FailedUntold,
    }
}

/// The last piece that is told of is the one that found no room.
fn pool_full(mapping: &Mapping) -> Difference {
    let size = mapping.memory.last().and_then(|entry| entry.size).unwrap_or(mapping.size);
    let before = u32::try_from(mapping.memory.len().saturating_sub(1)).unwrap_or(u32::MAX);
    Difference::FailedPoolFull { size, before }
}

/// The most that one mapping can bounce.
const LARGEST_BOUNCE: BusSize = BusSize::new(SLOT_BYTES * SLOTS_PER_MAPPING);

fn larger_than_any(mapping: &Mapping) -> Option<BusSize> {
    mapping.ranges().map(|range| range.len).find(|&size| size > LARGEST_BOUNCE)
}

fn compare_routes(mapping: &Mapping, prediction: &Prediction) -> Result<Verdict, Difference> {
    let agree = |outcome| Ok(Verdict::Agree { outcome, basis: prediction.basis });
    let mask = prediction.mask;
    match (prediction.route, actual(mapping)) {
        (Route::Registers, _) => agree(Outcome::Registers),
        (Route::Coherent, _) => agree(Outcome::Coherent),
        (Route::Unknown(missing), Actual::Direct) => Err(Difference::LimitsUnknown(missing)),
        (Route::Translated, Actual::Translated) => agree(Outcome::Translated),
        (Route::Translated, Actual::Bounced(_)) => Err(Difference::BouncedUnderIommu),
        (Route::Translated, Actual::Direct) => Err(Difference::NotTranslated),
        (Route::Direct, Actual::Direct) => agree(Outcome::Direct),
        (Route::Bounced { cause, .. }, Actual::Bounced(actual)) if cause == actual => agree(Outcome::Bounced(cause)),
        // Elsewhere in memory, and no IOMMU to have done it: the bounce is there, its event is not.
        (Route::Bounced { cause, .. }, Actual::Translated) if mapping.translation == Translation::Inferred => {
            Ok(Verdict::Agree { outcome: Outcome::Bounced(cause), basis: Basis::Inferred })
        }
        (
            Route::Bounced { cause: BounceCause::Forced, .. } | Route::Fails(ExpectedFailure::TooLarge { .. }),
            Actual::Direct,
        ) => Err(Difference::NotBouncedThoughForced),
        (Route::Bounced { cause: BounceCause::Mask, .. }, Actual::Direct) => {
            Err(Difference::NotBouncedThoughUnreachable { first: None, mask })
        }
        (Route::Fails(ExpectedFailure::Unreachable { first }), Actual::Direct) => {
            Err(Difference::NotBouncedThoughUnreachable { first: Some(first), mask })
        }
        // A pool of another kernel may take larger pieces than this one's.
        (Route::Fails(ExpectedFailure::TooLarge { .. }), Actual::Bounced(cause)) => agree(Outcome::Bounced(cause)),
        (_, Actual::Bounced(BounceCause::Forced)) => Err(Difference::ForcedUnexpectedly),
        (_, Actual::Bounced(BounceCause::Mask)) => Err(Difference::BouncedThoughReachable { mask }),
        (_, Actual::Translated) => Err(Difference::Translated),
    }
}

/// How the device gets at a mapping's bytes in truth.
#[derive(Clone, Copy, Debug)]
enum Actual {
    Direct,
    Bounced(BounceCause),
    Translated,
}

fn actual(mapping: &Mapping) -> Actual {
    match mapping.bounces.cause {
        Some(cause) => Actual::Bounced(cause),
        None if mapping.translation != Translation::None => Actual::Translated,
        None => Actual::Direct,
    }
}

fn compare_entries(mapping: &Mapping, prediction: &Prediction) -> Option<Difference> {
    let (asked, given) = (mapping.entries, mapping.given_entries);
    if let Some(predicted) = prediction.given
        && !predicted.contains(given)
    {
        let merged = given > 0 && given < asked;
        return Some(if merged {
            Difference::Merged { asked, given }
        } else {
            Difference::Segments { predicted, actual: given }
        });
    }
    match prediction.fit {
        Fit::TooMany { limit } => Some(Difference::TooManySegments { limit, given }),
        Fit::Segments(_) | Fit::Unknown => None,
    }
}
