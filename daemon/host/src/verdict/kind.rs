//! Verdicts without their numbers, for counting.

use super::words;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal $title:literal),* $(,)?) => {
        /// A verdict without its numbers, for counting.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum VerdictKind {
            $($(#[$doc])* $kind,)*
        }

        impl VerdictKind {
            /// All of them: agreements, failures, differences.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// Its name for programs, in `snake_case`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// Its name for people.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)* }
            }
        }
    };
}

kinds! {
    /// [`Outcome::Direct`](super::Outcome::Direct).
    Direct = "direct" "direct",
    /// [`Outcome::Bounced`](super::Outcome::Bounced) by force.
    BouncedForced = "bounced_forced" "bounced, forced",
    /// [`Outcome::Bounced`](super::Outcome::Bounced) for the mask.
    BouncedMask = "bounced_mask" "bounced, above the mask",
    /// [`Outcome::Translated`](super::Outcome::Translated).
    IommuTranslated = "iommu_translated" "translated by the IOMMU",
    /// [`Outcome::Coherent`](super::Outcome::Coherent).
    Coherent = "coherent" "coherent memory",
    /// [`Outcome::Registers`](super::Outcome::Registers).
    Registers = "registers" "registers",
    /// [`Difference::FailedPoolFull`](super::Difference::FailedPoolFull).
    FailedPoolFull = "failed_pool_full" "failed: bounce pool full",
    /// [`Difference::FailedOverflow`](super::Difference::FailedOverflow).
    FailedOverflow = "failed_overflow" "failed: out of the device's reach",
    /// [`Difference::TooLarge`](super::Difference::TooLarge).
    TooLarge = "failed_too_large" "failed: too large to bounce",
    /// [`Difference::FailedErrno`](super::Difference::FailedErrno).
    FailedErrno = "failed_errno" "failed: error",
    /// [`Difference::FailedUntold`](super::Difference::FailedUntold).
    FailedUntold = "failed_untold" "failed: reason not told",
    /// [`Difference::ForcedUnexpectedly`](super::Difference::ForcedUnexpectedly).
    ForcedUnexpectedly = "forced_unexpectedly" "bounced by force, unexpectedly",
    /// [`Difference::BouncedThoughReachable`](super::Difference::BouncedThoughReachable).
    BouncedThoughReachable = "bounced_though_reachable" "bounced though reachable",
    /// [`Difference::BouncedUnderIommu`](super::Difference::BouncedUnderIommu).
    BouncedUnderIommu = "bounced_under_iommu" "bounced though translated",
    /// [`Difference::Translated`](super::Difference::Translated).
    Translated = "translated_unexpectedly" "translated, unexpectedly",
    /// [`Difference::NotTranslated`](super::Difference::NotTranslated).
    NotTranslated = "not_translated" "not translated",
    /// [`Difference::NotBouncedThoughForced`](super::Difference::NotBouncedThoughForced).
    NotBouncedThoughForced = "not_bounced_though_forced" "not bounced though forced",
    /// [`Difference::NotBouncedThoughUnreachable`](super::Difference::NotBouncedThoughUnreachable).
    NotBouncedThoughUnreachable = "not_bounced_though_unreachable" "not bounced though out of reach",
    /// [`Difference::Merged`](super::Difference::Merged).
    Merged = "merged" "entries merged",
    /// [`Difference::Segments`](super::Difference::Segments).
    Segments = "segments" "another number of entries",
    /// [`Difference::TooManySegments`](super::Difference::TooManySegments).
    TooManySegments = "too_many_segments" "more segments than the device takes",
    /// [`Difference::LimitsUnknown`](super::Difference::LimitsUnknown).
    LimitsUnknown = "limits_unknown" "limits unknown",
}

/// What a difference means to a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Weight {
    /// Nothing was mapped: I/O fails, or is tried again.
    Failure,
    /// It was mapped, otherwise than the facts explain.
    Unexplained,
    /// It cannot be said whether all is well.
    Unknown,
}

impl VerdictKind {
    /// What it means to a person; `None` for agreements.
    pub const fn weight(self) -> Option<Weight> {
        match self {
            Self::Direct
            | Self::BouncedForced
            | Self::BouncedMask
            | Self::IommuTranslated
            | Self::Coherent
            | Self::Registers => None,
            Self::FailedPoolFull | Self::FailedOverflow | Self::TooLarge | Self::FailedErrno | Self::FailedUntold => {
                Some(Weight::Failure)
            }
            Self::LimitsUnknown => Some(Weight::Unknown),
            Self::ForcedUnexpectedly
            | Self::BouncedThoughReachable
            | Self::BouncedUnderIommu
            | Self::Translated
            | Self::NotTranslated
            | Self::NotBouncedThoughForced
            | Self::NotBouncedThoughUnreachable
            | Self::Merged
            | Self::Segments
            | Self::TooManySegments => Some(Weight::Unexplained),
        }
    }

    /// What to do about it; `None` for agreements.
    pub fn advice(self) -> Option<&'static str> {
        self.weight().map(|_| words::advice(self))
    }
}
