//! Verdicts on mappings made by hand: what the facts let one expect, and what happened instead.

use busdma_engine::{BusAddr, BusSize, Nanos, PhysAddr};
use busdma_host::event::{Attributes, BounceCause, Device, Direction, DmaRange, Task};
use busdma_host::limits::{BouncePool, Facts};
use busdma_host::mapping::{
    Bounces, Completeness, Failure, Mapping, MappingId, MemoryEntry, Origin, State, Syncs, Translation,
};
use busdma_host::shadow::{Basis, EntryRange, Missing, Shadow};
use busdma_host::verdict::{Difference, Outcome, Verdict, VerdictKind, Weight};

/// What a host is said to be.
#[derive(Clone, Copy, Default)]
struct Host {
    command_line: Option<&'static str>,
    device: &'static str,
    pool: Option<&'static str>,
}

/// What happened to a mapping of one piece or several.
#[derive(Clone, Copy)]
enum Happened {
    Direct,
    Bounced(BounceCause, u64),
    Translated(Translation),
    Failed(Failure),
}

const DEVICE: &str = "0000:00:02.0";

fn facts(host: Host) -> Facts {
    let mut facts = Facts::default();
    if let Some(line) = host.command_line {
        facts.host.read_command_line(line);
    }
    if !host.device.is_empty() {
        facts.read_option(&format!("{DEVICE}:{}", host.device)).unwrap();
    }
    match host.pool {
        Some("none") => facts.host.pool = BouncePool::Absent,
        Some(slots) => facts.host.read_swiotlb_files(&format!("io_tlb_nslabs={slots}")).unwrap(),
        None => {}
    }
    facts
}

fn mapping(pieces: &[(u64, u64)], happened: Happened) -> Mapping {
    let count = u32::try_from(pieces.len()).unwrap();
    let given_at = |index: usize, start: u64| match happened {
        Happened::Direct => start,
        Happened::Bounced(..) => 0x1eb0_0000 + 4096 * index as u64,
        Happened::Translated(_) => 0xfff0_0000 + 4096 * index as u64,
        Happened::Failed(_) => u64::MAX,
    };
    let given = pieces.iter().enumerate().map(|(index, &(start, size))| DmaRange {
        start: BusAddr::new(given_at(index, start)),
        size: BusSize::new(size),
    });
    let bounces = match happened {
        Happened::Bounced(cause, mask) => Bounces {
            events: count,
            size: BusSize::new(pieces.iter().map(|piece| piece.1).sum()),
            cause: Some(cause),
            mask: Some(BusAddr::new(mask)),
        },
        _ => Bounces::default(),
    };
    Mapping {
        id: MappingId(1),
        device: Device::new(DEVICE),
        origin: if pieces.len() == 1 { Origin::Page } else { Origin::Sg },
        direction: Direction::FromDevice,
        attributes: Attributes::empty(),
        task: Task::default(),
        begun: Nanos::new(1),
        memory: pieces
            .iter()
            .map(|&(start, size)| MemoryEntry { start: PhysAddr::new(start), size: Some(BusSize::new(size)) })
            .collect(),
        given: if let Happened::Failed(_) = happened { Box::default() } else { given.collect() },
        entries: count,
        given_entries: if let Happened::Failed(_) = happened { 0 } else { count },
        size: BusSize::new(pieces.iter().map(|piece| piece.1).sum()),
        completeness: Completeness::Whole,
        bounces,
        translation: if let Happened::Translated(how) = happened { how } else { Translation::None },
        syncs: Syncs::default(),
        state: match happened {
            Happened::Failed(failure) => State::Failed { failure },
            _ => State::Live,
        },
    }
}

fn verdict(host: Host, pieces: &[(u64, u64)], happened: Happened) -> Verdict {
    verdict_on(host, &mapping(pieces, happened))
}

fn verdict_on(host: Host, mapping: &Mapping) -> Verdict {
    let prediction = Shadow::new(facts(host)).predict(mapping);
    Verdict::of(mapping, &prediction)
}

fn agree(outcome: Outcome, basis: Basis) -> Verdict {
    Verdict::Agree { outcome, basis }
}

const LOW: &[(u64, u64)] = &[(0x3ca_1000, 4096)];
const HIGH: &[(u64, u64)] = &[(0x1_03f1_78c0, 1522)];
const SCATTERED: &[(u64, u64)] = &[(0x100_0000, 4096), (0x300_0000, 4096), (0x500_0000, 4096)];
const FORCED: Happened = Happened::Bounced(BounceCause::Forced, u64::MAX);
const NATURAL: Happened = Happened::Bounced(BounceCause::Mask, 0xffff_ffff);
const TOLD: Happened = Happened::Translated(Translation::Told { events: 1 });
const GUESSED: Happened = Happened::Translated(Translation::Inferred);

const DIRECT_64: Host = Host { command_line: Some("quiet"), device: "dma_mask_bits=64,iommu_group=none", pool: None };
const DIRECT_32: Host = Host { device: "dma_mask_bits=32,iommu_group=none", ..DIRECT_64 };
const FORCE: Host = Host { command_line: Some("swiotlb=force"), ..DIRECT_64 };
const NO_POOL: Host = Host { command_line: Some("swiotlb=noforce"), ..DIRECT_32 };
const IOMMU: Host = Host { device: "dma_mask_bits=64,iommu_group=2:DMA-FQ", ..DIRECT_64 };
const STRICT: Host = Host { device: "dma_mask_bits=64,iommu_group=2:DMA", ..DIRECT_64 };
const IOMMU_FORCE: Host = Host { command_line: Some("intel_iommu=on swiotlb=force"), ..IOMMU };
const IDENTITY: Host = Host { device: "dma_mask_bits=64,iommu_group=2:identity", ..DIRECT_64 };
const IDENTITY_FORCE: Host = Host { command_line: Some("intel_iommu=on iommu=pt swiotlb=force"), ..IDENTITY };
const NOTHING: Host = Host { command_line: None, device: "", pool: None };

#[test]
fn what_is_expected_agrees() {
    let check = |what, host, pieces, happened, outcome| {
        assert_eq!(verdict(host, pieces, happened), agree(outcome, Basis::Known), "{what}");
    };
    let (forced, natural) = (Outcome::Bounced(BounceCause::Forced), Outcome::Bounced(BounceCause::Mask));
    check("64 bits, direct", DIRECT_64, HIGH, Happened::Direct, Outcome::Direct);
    check("32 bits, low memory", DIRECT_32, LOW, Happened::Direct, Outcome::Direct);
    check("32 bits, high memory", DIRECT_32, HIGH, NATURAL, natural);
    check("the last page below the mask", DIRECT_32, &[(0xffff_f000, 4096)], Happened::Direct, Outcome::Direct);
    check("one byte above the mask", DIRECT_32, &[(0xffff_f001, 4096)], NATURAL, natural);
    check("force", FORCE, LOW, FORCED, forced);
    check("force, a list", FORCE, SCATTERED, FORCED, forced);
    check("force beyond the mask", Host { device: "dma_mask_bits=32,iommu_group=none", ..FORCE }, HIGH, FORCED, forced);
    check("translated", IOMMU, LOW, TOLD, Outcome::Translated);
    check("translated, strict", STRICT, LOW, TOLD, Outcome::Translated);
    check("translated, iommu events not recorded", IOMMU, LOW, GUESSED, Outcome::Translated);
    check("translation wins over force", IOMMU_FORCE, LOW, TOLD, Outcome::Translated);
    check(
        "a small mask behind an IOMMU",
        Host { device: "dma_mask_bits=32,iommu_group=2:DMA", ..IOMMU },
        HIGH,
        TOLD,
        Outcome::Translated,
    );
    check("identity", IDENTITY, HIGH, Happened::Direct, Outcome::Direct);
    check("identity and force", IDENTITY_FORCE, LOW, FORCED, forced);
    check("no pool, and none needed", NO_POOL, LOW, Happened::Direct, Outcome::Direct);
}

#[test]
fn what_is_not_known_is_inferred() {
    let check = |what, pieces, happened, outcome| {
        assert_eq!(verdict(NOTHING, pieces, happened), agree(outcome, Basis::Inferred), "{what}");
    };
    check("direct", LOW, Happened::Direct, Outcome::Direct);
    check("force", LOW, FORCED, Outcome::Bounced(BounceCause::Forced));
    check("mask", HIGH, NATURAL, Outcome::Bounced(BounceCause::Mask));
    check("translated", LOW, TOLD, Outcome::Translated);
    let highest = PhysAddr::new(0x1_03f1_78c0 + 1521);
    let unknown = Verdict::Differ(Difference::LimitsUnknown(Missing::Mask { highest }));
    assert_eq!(verdict(NOTHING, HIGH, Happened::Direct), unknown);
}

#[test]
fn what_a_device_showed_once_holds_for_it() {
    let mut shadow = Shadow::new(Facts::default());
    let mut judge = |pieces, happened| {
        let mapping = mapping(pieces, happened);
        Verdict::of(&mapping, &shadow.predict(&mapping))
    };
    assert!(judge(HIGH, NATURAL).agrees());
    assert_eq!(
        judge(HIGH, Happened::Direct).kind(),
        VerdictKind::NotBouncedThoughUnreachable,
        "its mask was told by the bounce before"
    );
    assert!(judge(LOW, FORCED).agrees());
    assert_eq!(judge(LOW, Happened::Direct).kind(), VerdictKind::NotBouncedThoughForced);
}

#[test]
fn what_is_not_expected_differs() {
    let mask = Some(BusAddr::new(0xffff_ffff));
    let check = |what, host, pieces, happened, difference| {
        assert_eq!(verdict(host, pieces, happened), Verdict::Differ(difference), "{what}");
    };
    let above = Some(PhysAddr::new(0x1_03f1_78c0));
    check("forced", DIRECT_64, LOW, FORCED, Difference::ForcedUnexpectedly);
    check("reachable", DIRECT_32, LOW, NATURAL, Difference::BouncedThoughReachable { mask });
    check("under an IOMMU", IOMMU, LOW, FORCED, Difference::BouncedUnderIommu);
    check("translated", DIRECT_64, LOW, TOLD, Difference::Translated);
    check("moved", DIRECT_64, LOW, GUESSED, Difference::Translated);
    check("not translated", IOMMU, LOW, Happened::Direct, Difference::NotTranslated);
    check("not forced", FORCE, LOW, Happened::Direct, Difference::NotBouncedThoughForced);
    let unreachable = Difference::NotBouncedThoughUnreachable { first: None, mask };
    check("not bounced", DIRECT_32, HIGH, Happened::Direct, unreachable);
    let unreachable = Difference::NotBouncedThoughUnreachable { first: above, mask };
    check("not bounced, no pool", NO_POOL, HIGH, Happened::Direct, unreachable);
}

#[test]
fn failures_always_differ() {
    let mask = Some(BusAddr::new(0xffff_ffff));
    let check = |what, host, pieces, failure, difference| {
        let verdict = verdict(host, pieces, Happened::Failed(failure));
        assert_eq!(verdict, Verdict::Differ(difference), "{what}");
        assert_eq!(verdict.kind().weight(), Some(Weight::Failure), "{what}");
    };
    let size = BusSize::new(4096);
    check("pool full", FORCE, LOW, Failure::PoolFull, Difference::FailedPoolFull { size, before: 0 });
    check("pool full, nothing known", NOTHING, LOW, Failure::PoolFull, Difference::FailedPoolFull { size, before: 0 });
    check("a list", FORCE, SCATTERED, Failure::PoolFull, Difference::FailedPoolFull { size, before: 2 });
    let first = Some(PhysAddr::new(0x1_03f1_78c0));
    check("overflow", NO_POOL, HIGH, Failure::Overflow, Difference::FailedOverflow { first, mask });
    let iommu_off = Host { command_line: Some("iommu=off"), ..DIRECT_32 };
    check("overflow, iommu=off", iommu_off, HIGH, Failure::Overflow, Difference::FailedOverflow { first, mask });
    let nothing = Difference::FailedOverflow { first: None, mask: None };
    check("overflow, nothing known", NOTHING, HIGH, Failure::Overflow, nothing);
    check("errno", FORCE, LOW, Failure::Errno(-5), Difference::FailedErrno(-5));
    check("untold", IOMMU, LOW, Failure::Untold, Difference::FailedUntold);
}

#[test]
fn what_never_fits_is_told_from_what_does_not_fit_now() {
    const K: u64 = 1024;
    let kind = |host, start, size| verdict(host, &[(start, size)], Happened::Failed(Failure::PoolFull)).kind();
    let nvme = Host { device: "driver=nvme,dma_mask_bits=64,iommu_group=none", ..FORCE };
    let small = Host { pool: Some("64"), ..FORCE };
    assert_eq!(kind(FORCE, 0x1000, 256 * K), VerdictKind::FailedPoolFull);
    assert_eq!(kind(FORCE, 0x1000, 256 * K + 1), VerdictKind::TooLarge);
    assert_eq!(kind(NOTHING, 0x1000, 256 * K + 1), VerdictKind::TooLarge);
    assert_eq!(kind(nvme, 0x1000, 256 * K), VerdictKind::FailedPoolFull);
    assert_eq!(kind(nvme, 0x1200, 256 * K), VerdictKind::TooLarge, "the offset inside a slot is kept");
    assert_eq!(kind(small, 0x1000, 128 * K), VerdictKind::FailedPoolFull);
    assert_eq!(kind(small, 0x1000, 129 * K), VerdictKind::TooLarge, "larger than the whole pool");
}

#[test]
fn entries_are_counted() {
    let given = |host, happened, given| {
        let mapping = Mapping { given_entries: given, ..mapping(SCATTERED, happened) };
        verdict_on(host, &mapping)
    };
    assert!(given(IOMMU, TOLD, 1).agrees(), "an IOMMU merges");
    assert!(given(IOMMU, TOLD, 3).agrees());
    let predicted = EntryRange { least: 1, most: 3 };
    assert_eq!(given(IOMMU, TOLD, 4), Verdict::Differ(Difference::Segments { predicted, actual: 4 }));
    assert_eq!(given(DIRECT_64, Happened::Direct, 2), Verdict::Differ(Difference::Merged { asked: 3, given: 2 }));
    let predicted = EntryRange { least: 3, most: 3 };
    assert_eq!(given(FORCE, FORCED, 4), Verdict::Differ(Difference::Segments { predicted, actual: 4 }));
}

#[test]
fn more_segments_than_the_device_takes() {
    let limited = Host { device: "dma_mask_bits=64,iommu_group=none,max_segments=2", ..DIRECT_64 };
    let difference = Difference::TooManySegments { limit: 2, given: 3 };
    assert_eq!(verdict(limited, SCATTERED, Happened::Direct), Verdict::Differ(difference));
    let neighbours = [(0x1000, 4096), (0x2000, 4096), (0x3000, 4096)];
    assert!(verdict(limited, &neighbours, Happened::Direct).agrees(), "neighbours are one segment");
    let truncated = Mapping {
        completeness: Completeness::Truncated,
        entries: 300,
        given_entries: 300,
        ..mapping(SCATTERED, Happened::Direct)
    };
    assert!(verdict_on(limited, &truncated).agrees(), "not all of it was told");
}

#[test]
fn memory_for_both_sides_and_registers_never_bounce() {
    let of = |origin| verdict_on(FORCE, &Mapping { origin, memory: Box::default(), ..mapping(LOW, Happened::Direct) });
    assert_eq!(of(Origin::Alloc), agree(Outcome::Coherent, Basis::Known));
    assert_eq!(of(Origin::Resource), agree(Outcome::Registers, Basis::Known));
}

#[test]
fn every_kind_says_something() {
    let mut names: Vec<&str> = VerdictKind::ALL.iter().map(|kind| kind.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), VerdictKind::ALL.len(), "names are unique");
    for kind in VerdictKind::ALL {
        assert_eq!(kind.weight().is_some(), kind.advice().is_some(), "{}", kind.name());
        assert!(!kind.title().is_empty());
    }
    let sentence = verdict(NO_POOL, HIGH, Happened::Failed(Failure::Overflow)).sentence();
    assert_eq!(sentence, "0x103f178c0 lies above the device's mask 0xffffffff and cannot be bounced");
}
