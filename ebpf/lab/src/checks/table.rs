//! The expectations.

use super::Quantity::{
    AllVerdicts, BouncedForced, BouncedNatural, Dropped, Events, InGroups, ListEntries, ListsElsewhere, ListsIdentical,
    Live, LiveByProbes, Lost, Messages, Miscounted, PagesElsewhere, PagesFailed, PagesIdentical, PciDevices, Pool,
    PoolByProbes, PoolLines, PoolMost, PoolMostByProbes, Strays, Total, TranslatedBytes, Unmatched, Unreadable,
    Verdicts,
};
use super::Relation::{Equals, Exceeds, Is, MoreThan};
use super::Scope::{All, Device};
use super::{Expectation, Quantity, Relation, Scope};
use crate::configuration::Configuration;

/// What must hold in `configuration`, what holds everywhere first.
pub(super) fn expectations(configuration: Configuration) -> impl Iterator<Item = &'static Expectation> {
    let own = match configuration {
        Configuration::Direct => DIRECT,
        Configuration::SwiotlbForce => SWIOTLB_FORCE,
        Configuration::SwiotlbPool1m => SWIOTLB_POOL_1M,
        Configuration::IntelIommu => INTEL_IOMMU,
        Configuration::IommuPt => IOMMU_PT,
    };
    EVERYWHERE.iter().chain(own)
}

/// What must hold of the daemon's answers in `configuration`, what holds everywhere first.
pub(super) fn probed(configuration: Configuration) -> impl Iterator<Item = &'static Expectation> {
    let own: &[&[Expectation]] = match configuration {
        Configuration::Direct | Configuration::IommuPt => &[PROBED_DIRECT],
        Configuration::SwiotlbForce => &[PROBED_POOL, PROBED_SWIOTLB_FORCE],
        Configuration::SwiotlbPool1m => &[PROBED_POOL, PROBED_SWIOTLB_POOL_1M],
        Configuration::IntelIommu => &[PROBED_INTEL_IOMMU],
    };
    PROBED.iter().chain(own.iter().copied().flatten())
}

/// How many events of a tracepoint came that ftrace does not count, because they have no room in a page: the sync and the
/// unmapping of the list of 1024 entries. A pool of 1 MiB never has that list mapped, and only with a pool is there
/// something to sync.
pub(super) fn unseen_by_ftrace(configuration: Configuration, tracepoint: &str) -> u64 {
    match (configuration, tracepoint) {
        (Configuration::SwiotlbPool1m, _) => 0,
        (_, "dma:dma_unmap_sg") | (Configuration::SwiotlbForce, "dma:dma_sync_sg_for_device") => 1,
        _ => 0,
    }
}

const fn expect(says: &'static str, of: Scope, sum: &'static [Quantity], is: Relation) -> Expectation {
    Expectation { says, of, sum, is }
}

const UDMABUF: Scope = Device("udmabuf");

/// The first NVMe disk, by major and minor number. Its driver maps a request and then issues it.
const NVME: Scope = Device("259,0");

/// The virtio disk. Its driver issues a request and then maps it.
const VIRTIO: Scope = Device("254,0");

const EVERYWHERE: &[Expectation] = &[
    expect("every line of the trace is readable", All, &[Unreadable], Is(0)),
    expect("the trace lost nothing", All, &[Lost], Is(0)),
    expect("text and counters agree for every event", All, &[Miscounted], Is(0)),
    expect("pages were mapped", All, &[PagesIdentical, PagesElsewhere], MoreThan(0)),
    expect("lists were mapped", All, &[ListsIdentical, ListsElsewhere], MoreThan(0)),
    expect("only what was mapped was unmapped", All, &[Strays], Is(0)),
    expect("no mask is too small", All, &[BouncedNatural], Is(0)),
    expect("NVMe requests are issued once", NVME, &[Events("block_rq_issue")], Equals(&[Events("block_rq_complete")])),
    expect("NVMe requests were seen", NVME, &[Events("block_rq_complete")], MoreThan(0)),
    expect("virtio requests were seen", VIRTIO, &[Events("block_rq_complete")], MoreThan(0)),
    expect(
        "virtio requests that find no room are issued again",
        VIRTIO,
        &[Events("block_rq_issue")],
        Equals(&[Events("block_rq_complete"), Events("block_rq_requeue")]),
    ),
];

const DIRECT: &[Expectation] = &[
    expect("all is unmapped but the list whose end has no room in the trace", All, &[Live], Is(1)),
    expect("which is udmabuf's", UDMABUF, &[Live], Is(1)),
    expect("there is no pool", All, &[PoolLines], Is(0)),
    expect("nothing bounces", All, &[BouncedForced], Is(0)),
    expect("no request waits for room", All, &[Events("block_rq_requeue")], Is(0)),
    expect("nothing fails", All, &[PagesFailed], Is(0)),
    expect("everything is mapped where it lies", All, &[PagesElsewhere, ListsElsewhere], Is(0)),
    expect("nothing is translated", All, &[Events("map"), Events("unmap")], Is(0)),
    expect("no device has an IOMMU group", All, &[InGroups("none")], Equals(&[PciDevices])),
    expect("udmabuf maps one list for each buffer", UDMABUF, &[ListsIdentical], Is(4)),
];

const SWIOTLB_FORCE: &[Expectation] = &[
    expect("all is unmapped but the list whose end has no room in the trace", All, &[Live], Is(1)),
    expect("which is udmabuf's", UDMABUF, &[Live], Is(1)),
    expect("the pool has 64 MiB", All, &[Pool("boot io_tlb_nslabs")], Is(32768)),
    expect(
        "every page and every entry of a list bounces once",
        All,
        &[BouncedForced],
        Equals(&[PagesElsewhere, ListEntries]),
    ),
    expect("no request waits for room", All, &[Events("block_rq_requeue")], Is(0)),
    expect("nothing fails", All, &[PagesFailed], Is(0)),
    expect("nothing is mapped where it lies", All, &[PagesIdentical, ListsIdentical], Is(0)),
    expect("nothing is translated", All, &[Events("map"), Events("unmap")], Is(0)),
    expect("udmabuf's entries bounce", UDMABUF, &[BouncedForced], Is(16 + 64 + 200 + 1024)),
    expect("the largest buffer takes two slots a page", All, &[PoolMost("end io_tlb_used_hiwater")], Is(2048)),
    expect("the pool is empty in the end", All, &[Pool("end io_tlb_used")], Is(0)),
    expect("the pool is never full", All, &[Messages("swiotlb buffer is full")], Is(0)),
];

const SWIOTLB_POOL_1M: &[Expectation] = &[
    expect("everything mapped was unmapped", All, &[Live], Is(0)),
    expect("the pool has 1 MiB", All, &[Pool("boot io_tlb_nslabs")], Is(512)),
    expect(
        "attempts that fail bounce too, so more bounces than is mapped",
        All,
        &[BouncedForced],
        Exceeds(&[PagesElsewhere, ListEntries]),
    ),
    expect("nothing is mapped where it lies", All, &[PagesIdentical, ListsIdentical], Is(0)),
    expect("udmabuf's largest buffer is never mapped", UDMABUF, &[ListEntries], Is(16 + 64 + 200 + 256)),
    expect("it fails at the page after the pool's last", UDMABUF, &[BouncedForced], Is(16 + 64 + 200 + 256 + 257)),
    expect("the pool was full", All, &[PoolMost("end io_tlb_used_hiwater")], Is(512)),
    expect("the kernel said so", All, &[Messages("swiotlb buffer is full")], MoreThan(0)),
    expect("pages found no room while udmabuf held the whole pool", All, &[PagesFailed], MoreThan(1)),
    expect("requests waited for room", All, &[Events("block_rq_requeue")], MoreThan(0)),
    expect("the pool is empty in the end", All, &[Pool("end io_tlb_used")], Is(0)),
];

const INTEL_IOMMU: &[Expectation] = &[
    expect("all is unmapped but the list whose end has no room in the trace", All, &[Live], Is(1)),
    expect("which is udmabuf's", UDMABUF, &[Live], Is(1)),
    expect("nothing bounces", All, &[BouncedForced], Is(0)),
    expect("no request waits for room", All, &[Events("block_rq_requeue")], Is(0)),
    expect("nothing fails", All, &[PagesFailed], Is(0)),
    expect("every device is in a translated group", All, &[InGroups("DMA-FQ")], Equals(&[PciDevices])),
    expect("the IOMMU translates", All, &[TranslatedBytes], MoreThan(0)),
    expect("translations end", All, &[Events("unmap")], MoreThan(0)),
    expect("no page of a disk is mapped where it lies", All, &[PagesIdentical], Is(0)),
    expect("udmabuf has no hardware and no IOMMU", UDMABUF, &[ListsIdentical], Is(4)),
];

const IOMMU_PT: &[Expectation] = &[
    expect("all is unmapped but the list whose end has no room in the trace", All, &[Live], Is(1)),
    expect("which is udmabuf's", UDMABUF, &[Live], Is(1)),
    expect("nothing bounces", All, &[BouncedForced], Is(0)),
    expect("no request waits for room", All, &[Events("block_rq_requeue")], Is(0)),
    expect("nothing fails", All, &[PagesFailed], Is(0)),
    expect("every device is in a group that passes through", All, &[InGroups("identity")], Equals(&[PciDevices])),
    expect("everything is mapped where it lies", All, &[PagesElsewhere, ListsElsewhere], Is(0)),
    expect("nothing is translated", All, &[Events("map"), Events("unmap")], Is(0)),
];

const PROBED: &[Expectation] = &[
    expect("the probes' ring has room for all", All, &[Dropped], Is(0)),
    expect("the daemon knows what ends", All, &[Unmatched], Is(0)),
    expect(
        "the daemon sees every mapping made",
        All,
        &[Total("mapped")],
        Equals(&[PagesIdentical, PagesElsewhere, ListsIdentical, ListsElsewhere]),
    ),
    expect("the daemon sees each of them end", All, &[Total("unmapped")], Equals(&[Total("mapped")])),
    expect(
        "what lives in the end are allocations",
        All,
        &[LiveByProbes, Events("dma_free")],
        Equals(&[Events("dma_alloc")]),
    ),
    expect("allocations are coherent memory", All, &[Verdicts("coherent")], Equals(&[Events("dma_alloc")])),
    expect("totals and verdicts agree in number", All, &[AllVerdicts], Equals(&[Total("agree"), Total("differ")])),
];

const PROBED_DIRECT: &[Expectation] = &[
    expect("what lies where it was is direct", All, &[Verdicts("direct")], Equals(&[PagesIdentical, ListsIdentical])),
    expect("there is no other verdict", All, &[AllVerdicts], Equals(&[Verdicts("direct"), Verdicts("coherent")])),
    expect("nothing differs", All, &[Total("differ"), Total("unknown")], Is(0)),
];

const PROBED_POOL: &[Expectation] = &[
    expect(
        "what lies elsewhere was bounced by force",
        All,
        &[Verdicts("bounced_forced")],
        Equals(&[PagesElsewhere, ListsElsewhere]),
    ),
    expect(
        "there is no unexplained verdict",
        All,
        &[AllVerdicts],
        Equals(&[Verdicts("bounced_forced"), Verdicts("failed_pool_full"), Verdicts("coherent")]),
    ),
    expect(
        "the daemon's estimate of the pool is the kernel's",
        All,
        &[PoolByProbes("used_slots")],
        Equals(&[PoolByProbes("kernel_used_slots")]),
    ),
    expect(
        "and is what the pool held before the daemon was asked",
        All,
        &[PoolByProbes("used_slots")],
        Equals(&[Pool("end io_tlb_used")]),
    ),
    expect(
        "so is the most that it held",
        All,
        &[PoolByProbes("high_water_slots")],
        Equals(&[PoolMostByProbes("kernel_high_water_slots")]),
    ),
    expect(
        "which is what the lab reads",
        All,
        &[PoolByProbes("high_water_slots")],
        Equals(&[PoolMost("end io_tlb_used_hiwater")]),
    ),
    expect("and the size", All, &[PoolByProbes("total_slots")], Equals(&[Pool("end io_tlb_nslabs")])),
    expect("every failure found the pool full", All, &[PoolByProbes("full")], Equals(&[Verdicts("failed_pool_full")])),
];

const PROBED_SWIOTLB_FORCE: &[Expectation] = &[
    expect("nothing differs", All, &[Total("differ"), Total("unknown"), Total("failed")], Is(0)),
    expect("udmabuf bounces", UDMABUF, &[Verdicts("bounced_forced")], Is(4)),
];

const PROBED_SWIOTLB_POOL_1M: &[Expectation] = &[
    expect("udmabuf bounces where there is room", UDMABUF, &[Verdicts("bounced_forced")], Is(4)),
    expect("udmabuf fails once", UDMABUF, &[Verdicts("failed_pool_full")], Is(1)),
    expect("pages fail, and lists", All, &[Verdicts("failed_pool_full")], Exceeds(&[PagesFailed])),
    expect("only failures differ", All, &[Total("differ")], Equals(&[Verdicts("failed_pool_full")])),
    expect("all of them are totalled", All, &[Total("failed")], Equals(&[Verdicts("failed_pool_full")])),
    expect("nothing is unknown", All, &[Total("unknown")], Is(0)),
];

const PROBED_INTEL_IOMMU: &[Expectation] = &[
    expect(
        "what lies elsewhere is translated",
        All,
        &[Verdicts("iommu_translated")],
        Equals(&[PagesElsewhere, ListsElsewhere]),
    ),
    expect("only udmabuf is direct", UDMABUF, &[Verdicts("direct")], Is(4)),
    expect(
        "there is no other verdict",
        All,
        &[AllVerdicts],
        Equals(&[Verdicts("iommu_translated"), Verdicts("coherent"), ListsIdentical]),
    ),
    expect("nothing differs", All, &[Total("differ"), Total("unknown")], Is(0)),
];
