//! Whole captures of a real kernel, one a directory of `tests/data`: what happened in each is known.
#![expect(clippy::disallowed_methods, reason = "the crate does no I/O; its tests read captures")]

use busdma_host::correlation::{Correlation, FindingKind, Report};
use busdma_host::event::{BounceCause, Device, Tracepoint};
use busdma_host::limits::{BouncePool, Facts};
use busdma_host::text::TextReader;
use busdma_host::verdict::VerdictKind;
use std::fs;
use std::io::BufReader;
use std::path::PathBuf;

/// What is known of a host beside its trace.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Everything,
    Nothing,
}

fn directory(capture: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(capture)
}

fn facts(capture: &str) -> Facts {
    let read = |file: &str| fs::read_to_string(directory(capture).join(file)).ok();
    let mut facts = Facts::default();
    facts.host.read_command_line(&read("cmdline.txt").unwrap());
    facts.read_devices(&read("pci.txt").unwrap()).unwrap();
    facts.read_queues(&read("queue.txt").unwrap()).unwrap();
    match read("swiotlb.txt") {
        Some(text) => facts.host.read_swiotlb_files(&text).unwrap(),
        None => facts.host.pool = BouncePool::Absent,
    }
    facts
}

fn correlate(capture: &str, told: Told) -> Correlation {
    let facts = if told == Told::Everything { facts(capture) } else { Facts::default() };
    let mut correlation = Correlation::new(facts);
    let file = fs::File::open(directory(capture).join("trace.txt.zst")).unwrap();
    let input = BufReader::new(zstd::Decoder::new(file).unwrap());
    let mut reader = TextReader::new();
    for event in reader.events(input) {
        correlation.event(&event.unwrap());
    }
    correlation.finish();
    correlation.add_text(capture, reader.stats());
    correlation
}

fn report(capture: &str) -> Report {
    correlate(capture, Told::Everything).report()
}

fn verdicts(report: &Report) -> Vec<(&'static str, u64)> {
    report.verdicts.iter().map(|verdict| (verdict.kind, verdict.count)).collect()
}

/// The mappings that were begun, over, failed and live.
fn lives(report: &Report) -> [u64; 4] {
    let totals = report.totals;
    assert_eq!((totals.superseded, totals.given_up), (0, 0), "{totals:?}");
    [totals.begun, totals.unmapped, totals.failed, totals.live]
}

#[test]
fn every_mapping_of_a_healthy_host_is_explained() {
    let check = |capture, expected: &[(&str, u64)]| {
        let report = report(capture);
        assert_eq!(verdicts(&report), expected, "{capture}");
        assert!(!report.has_differences(), "{capture}: {:?}", report.findings);
        assert_eq!(report.findings, [], "{capture}");
        assert_eq!((report.totals.unknown, report.totals.failures), (0, 0), "{capture}");
        assert_eq!(report.sources[0].not_understood, 0, "{capture}");
    };
    check("nvme-force", &[("bounced_forced", 68 + 184), ("coherent", 10)]);
    check("nvme-direct", &[("direct", 80 + 140), ("coherent", 11)]);
    check("nvme-iommu", &[("iommu_translated", 80 + 196), ("coherent", 8)]);
    check("nvme-iommu-swforce", &[("iommu_translated", 16 + 2), ("coherent", 8)]);
    check("nvme-vblk-iommu-pt", &[("direct", 75 + 1), ("coherent", 11)]);
    check("vblk-force", &[("bounced_forced", 3723), ("coherent", 2)]);
    check("udma-force", &[("bounced_forced", 5)]);
    check("udma-direct", &[("direct", 5)]);
    check("e1000-6G-natural", &[("bounced_mask", 1324), ("coherent", 2)]);
}

#[test]
fn without_facts_nothing_healthy_is_called_unexplained() {
    for capture in ["nvme-force", "nvme-direct", "nvme-iommu", "nvme-iommu-swforce", "vblk-force", "e1000-6G-natural"] {
        let report = correlate(capture, Told::Nothing).report();
        assert_eq!((report.totals.unexplained, report.totals.failures), (0, 0), "{capture}: {:?}", report.verdicts);
        assert!(report.totals.inferred > 0, "{capture}");
    }
}

#[test]
fn every_mapping_is_accounted_for() {
    let check =
        |capture, expected| assert_eq!(lives(&report(capture)), expected, "{capture}: begun, over, failed, live");
    check("nvme-force", [262, 252, 0, 10]);
    check("nvme-direct", [231, 220, 0, 11]);
    check("nvme-iommu", [284, 276, 0, 8]);
    check("vblk-force", [3725, 3723, 0, 2]);
    check("e1000-6G-natural", [1326, 1326, 0, 0]);
    check("ide32-6G-noforce", [2, 0, 0, 2]);
}

#[test]
fn forced_and_natural_bounces_are_told_apart() {
    let check = |capture, cause, events, mappings| {
        let correlation = correlate(capture, Told::Everything);
        let (mut right, mut wrong) = ((0, 0), (0, 0));
        for device in correlation.devices() {
            let (same, other) = match cause {
                BounceCause::Forced => (device.forced, device.masked),
                BounceCause::Mask => (device.masked, device.forced),
            };
            right = (right.0 + same.events, right.1 + same.mappings);
            wrong = (wrong.0 + other.events, wrong.1 + other.mappings);
        }
        assert_eq!((right, wrong), ((events, mappings), (0, 0)), "{capture}");
    };
    check("nvme-force", BounceCause::Forced, 3662, 252);
    check("vblk-force", BounceCause::Forced, 3723, 3723);
    check("e1000-6G-natural", BounceCause::Mask, 1324, 1324);
    check("nvme-pool1M", BounceCause::Forced, 1456, 104);
    check("nvme-iommu-swforce", BounceCause::Forced, 0, 0);
}

#[test]
fn translation_is_told_from_bouncing() {
    let check = |capture, translated, merged: bool, share: f64| {
        let report = report(capture);
        let nvme = report.devices.iter().find(|device| device.driver.as_deref() == Some("nvme")).unwrap();
        assert_eq!(nvme.translated, translated, "{capture}");
        assert_eq!(nvme.merged > 0, merged, "{capture}");
        assert!((nvme.bounce_share - share).abs() < 1e-9, "{capture}: {}", nvme.bounce_share);
    };
    check("nvme-iommu", 80 + 196 + 8, true, 0.0);
    check("nvme-iommu-swforce", 16 + 2 + 8, true, 0.0);
    check("nvme-vblk-iommu-pt", 0, false, 0.0);
    check("nvme-direct", 0, false, 0.0);
    check("nvme-force", 0, false, 1.0);
}

#[test]
fn counts_are_those_of_the_trace() {
    let correlation = correlate("nvme-pool1M", Told::Everything);
    let check = |point, count| assert_eq!(correlation.count(point), count, "{point}");
    check(Tracepoint::DmaMapPage, 207);
    check(Tracepoint::DmaMapSg, 54);
    check(Tracepoint::DmaUnmapPage, 50);
    check(Tracepoint::SwiotlbBounced, 1456);
    check(Tracepoint::BlockRqIssue, 111);
    check(Tracepoint::MarkWrite, 7);
}

#[test]
fn an_exhausted_pool_is_found_when_it_is_exhausted() {
    let report = report("nvme-pool1M");
    let failed = report.verdicts.iter().find(|verdict| verdict.kind == "failed_pool_full").unwrap();
    assert!(failed.count >= 157, "at least the failed pages: {}", failed.count);
    assert!(!failed.samples.is_empty() && failed.advice.is_some());
    assert_eq!(report.totals.unexplained, 0);
    assert_eq!((report.pool.slots, report.pool.high_water), (Some(512), 512));
    assert_eq!(report.pool.debugfs.as_ref().and_then(|read| read.high_water), Some(512));
    assert!(report.pool.full >= 157);
    let workload = 6_000_000_000;
    assert!(report.pool.episodes.iter().all(|episode| episode.first_ns > workload), "{:?}", report.pool.episodes);
    assert!(report.pool.episodes.iter().any(|episode| episode.used_most == 512));
}

#[test]
fn the_latest_of_a_kind_is_known_beyond_its_samples() {
    let correlation = correlate("nvme-pool1M", Told::Everything);
    let kind = VerdictKind::FailedPoolFull;
    let ledger = correlation.devices().find(|ledger| ledger.count(kind) > 3).unwrap();
    let sampled = correlation.samples().filter(|sample| sample.verdict.kind() == kind);
    let latest = ledger.last(kind).unwrap();
    assert!(sampled.map(|sample| sample.at).all(|at| at < latest), "{latest:?}");
    assert!(latest <= correlation.span().unwrap().last);
    assert_eq!(ledger.last(VerdictKind::Segments), None);
}

#[test]
fn a_copy_goes_on_as_the_correlation_does() {
    for capture in ["nvme-pool1M", "nvme-iommu", "e1000-6G-natural", "udma-force"] {
        let file = fs::File::open(directory(capture).join("trace.txt.zst")).unwrap();
        let input = BufReader::new(zstd::Decoder::new(file).unwrap());
        let events: Vec<_> = TextReader::new().events(input).map(Result::unwrap).collect();
        let mut correlation = Correlation::new(facts(capture));
        let mut copy = correlation.clone();
        for (nth, event) in events.iter().enumerate() {
            if nth % 100 == 0 {
                copy = copy.clone();
            }
            correlation.event(event);
            copy.event(event);
        }
        let report = |correlation: &Correlation| serde_json::to_string(&correlation.report()).unwrap();
        assert_eq!(report(&copy), report(&correlation), "{capture}");
    }
}

#[test]
fn a_list_that_does_not_fit_is_one_failure() {
    let report = report("udma-pool1M");
    assert_eq!(verdicts(&report), [("bounced_forced", 4), ("failed_pool_full", 1)]);
    assert_eq!(report.pool.episodes.len(), 1, "{:?}", report.pool.episodes);
    let episode = &report.pool.episodes[0];
    assert_eq!((episode.times, episode.fragmented, episode.used_most), (1, 0, 512));
    assert_eq!(episode.devices, ["udmabuf"]);
}

#[test]
fn the_pool_is_used_as_debugfs_says() {
    let check = |capture, high_water| {
        let pool = report(capture).pool;
        assert_eq!(
            (pool.high_water, pool.debugfs.and_then(|read| read.high_water)),
            (high_water, Some(high_water)),
            "{capture}"
        );
    };
    check("nvme-force", 256);
    check("vblk-force", 516);
    check("udma-pool1M", 512);
    check("nvme-pool1M", 512);
    check("e1000-6G-natural", 261);
}

#[test]
fn requests_that_were_never_mapped_are_found() {
    let correlation = correlate("ide32-6G-noforce", Told::Everything);
    let findings = correlation.findings();
    let never_mapped = findings.iter().find(|finding| matches!(finding.kind, FindingKind::NeverMappedOverflow { .. }));
    let finding = never_mapped.unwrap();
    let FindingKind::NeverMappedOverflow { unmapped, issues, mask, errors } = finding.kind else { unreachable!() };
    assert_eq!((unmapped, issues, errors), (96, 96, 16), "16 requests, each tried 6 times");
    assert_eq!(mask.raw(), 0xffff_ffff);
    assert_eq!(finding.device.as_ref().map(Device::name), Some("0000:00:01.1"));
    assert!(
        findings.iter().any(|finding| matches!(finding.kind, FindingKind::Retried { worst, .. } if worst.issues == 6))
    );
    assert!(correlation.report().has_differences());
}

#[test]
fn a_report_is_json() {
    let json = serde_json::to_value(report("udma-pool1M")).unwrap();
    assert_eq!(json["totals"]["failed"], 1);
    assert_eq!(json["events"]["swiotlb_bounced"], 533);
    let sample = &json["verdicts"][1]["samples"][0];
    assert!(sample["phys"].as_str().unwrap().starts_with("0x"), "{sample}");
}
