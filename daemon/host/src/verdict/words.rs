//! What verdicts say to a person.

use super::{Difference, Outcome, VerdictKind};
use crate::event::BounceCause;
use crate::shadow::{Basis, Missing};
use busdma_engine::{BusAddr, PhysAddr};

pub(super) fn agreement(outcome: Outcome, basis: Basis) -> String {
    let text = match outcome {
        Outcome::Direct => "the device reaches the memory and sees it where it is",
        Outcome::Bounced(BounceCause::Forced) => "the host bounces everything, and bounced this",
        Outcome::Bounced(BounceCause::Mask) => "the memory lies above the device's mask and was bounced",
        Outcome::Translated => "the IOMMU translates for this device",
        Outcome::Coherent => "the memory was made for the device, within its reach",
        Outcome::Registers => "registers are never bounced",
    };
    match basis {
        Basis::Known => text.to_owned(),
        Basis::Inferred => format!("{text}, as far as its events tell"),
    }
}

pub(super) fn difference(difference: &Difference) -> String {
    match difference {
        Difference::FailedPoolFull { size, before: 0 } => {
            format!("the bounce pool had no room for {size} bytes in one piece")
        }
        Difference::FailedPoolFull { size, before } => {
            format!("the bounce pool had no room for {size} bytes in one piece, after {before} others of the same list")
        }
        Difference::FailedOverflow { first, mask } => {
            format!("{} and cannot be bounced", out_of_reach(*first, *mask))
        }
        Difference::TooLarge { size, most } => {
            format!("a piece of {size} bytes has to be bounced, and {most} bytes are the most that can be")
        }
        Difference::FailedErrno(errno) => format!("mapping failed with errno {}", errno.unsigned_abs()),
        Difference::FailedUntold => "mapping failed, and the kernel does not say why".to_owned(),
        Difference::ForcedUnexpectedly => {
            "it was bounced by force, and the kernel command line does not ask for that".to_owned()
        }
        Difference::BouncedThoughReachable { mask } => match mask {
            Some(mask) => format!("it was bounced for the device's mask, and all of it lies at or below {mask}"),
            None => "it was bounced for the device's mask, which is not known".to_owned(),
        },
        Difference::BouncedUnderIommu => {
            "it was bounced although the device is behind an IOMMU that translates".to_owned()
        }
        Difference::Translated => {
            "the device sees other addresses than the memory has, and no IOMMU is known to translate for it".to_owned()
        }
        Difference::NotTranslated => {
            "the device sees physical addresses although its IOMMU group is said to be translated".to_owned()
        }
        Difference::NotBouncedThoughForced => "it was not bounced although the host bounces everything".to_owned(),
        Difference::NotBouncedThoughUnreachable { first, mask } => {
            format!("{} and was not bounced", out_of_reach(*first, *mask))
        }
        Difference::Merged { asked, given } => {
            format!("{asked} entries were merged into {given} without an IOMMU")
        }
        Difference::Segments { predicted, actual } if predicted.least == predicted.most => {
            format!("the device was given {actual} entries, expected {}", predicted.most)
        }
        Difference::Segments { predicted, actual } => {
            format!("the device was given {actual} entries, expected {} to {}", predicted.least, predicted.most)
        }
        Difference::TooManySegments { limit, given } => {
            format!("{given} entries need more segments than the {limit} that the device takes")
        }
        Difference::LimitsUnknown(Missing::Mask { highest }) => {
            format!("it reaches up to {highest}, and how far the device reaches is not known")
        }
        Difference::LimitsUnknown(Missing::Addresses) => "where the memory is was not told".to_owned(),
    }
}

fn out_of_reach(first: Option<PhysAddr>, mask: Option<BusAddr>) -> String {
    match (first, mask) {
        (Some(first), Some(mask)) => format!("{first} lies above the device's mask {mask}"),
        (None, Some(mask)) => format!("part of it lies above the device's mask {mask}"),
        (_, None) => "part of it lies out of the device's reach".to_owned(),
    }
}

pub(super) const fn advice(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::FailedPoolFull => {
            "give the kernel a larger pool (swiotlb=SLOTS, slots of 2 KiB), or keep fewer and smaller requests in flight"
        }
        VerdictKind::FailedOverflow => {
            "let the kernel have a bounce pool (no swiotlb=noforce or iommu=off; swiotlb=SLOTS where it made none), turn an \
             IOMMU on, or use a device with a wider mask"
        }
        VerdictKind::TooLarge => {
            "no pool is large enough: limit the requests (max_sectors_kb), so that no piece is larger than what can be bounced"
        }
        VerdictKind::FailedErrno | VerdictKind::FailedUntold => "look in the kernel log for what the driver says of it",
        VerdictKind::ForcedUnexpectedly => {
            "a confidential guest (SEV, TDX, pKVM) or a restricted DMA pool bounces everything; else give the command line \
             that the host was booted with"
        }
        VerdictKind::BouncedThoughReachable => {
            "look for a bus limit below the mask, or small unaligned buffers of a device that is not cache coherent"
        }
        VerdictKind::BouncedUnderIommu => {
            "an untrusted (external) device has its unaligned buffers bounced so that it sees nothing beside them"
        }
        VerdictKind::Translated => {
            "record iommu and swiotlb events too, and give the device's iommu_group; lost events look the same"
        }
        VerdictKind::NotTranslated => "give the iommu_group as it was when this was recorded; its type can be changed",
        VerdictKind::NotBouncedThoughForced => {
            "give the command line that the host was booted with; some devices have a pool of their own"
        }
        VerdictKind::NotBouncedThoughUnreachable => {
            "the device will read or write somewhere else: check the mask that its driver sets"
        }
        VerdictKind::Merged | VerdictKind::Segments => "check whether an IOMMU or a virtual bus maps for this device",
        VerdictKind::TooManySegments => {
            "check the limits of the queue that were given; they change with the configuration"
        }
        VerdictKind::LimitsUnknown => "give the device's dma_mask_bits",
        VerdictKind::Direct
        | VerdictKind::BouncedForced
        | VerdictKind::BouncedMask
        | VerdictKind::IommuTranslated
        | VerdictKind::Coherent
        | VerdictKind::Registers => "nothing",
    }
}
