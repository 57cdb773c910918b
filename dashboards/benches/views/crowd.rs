//! A machine with very many maps and waiters, and a log of very many decisions.

use busdma_dashboards::frame::{
    BounceWhy, Decision, DecisionLog, DeviceRow, Distribution, FindingRow, Frame, HostFrame, Latency, Machine, MapRow,
    MapState, MapTotals, Name, Origin, OriginKind, OriginState, PoolRow, Probes, Severity, SplitWhy, TagRow, Trend,
    TrendSample, WaiterRow, What, ZoneRates, ZoneRow,
};

const MAPS: u32 = 100_000;
const WAITERS: u32 = 10_000;
const DECISIONS: u64 = 1 << 20;
const TAGS: u32 = 64;
const ZONES: u32 = 4;
const MACHINE: &str = "vm1";
const SECOND: u64 = 1_000_000_000;

/// The log, full.
pub(crate) fn log() -> DecisionLog {
    let mut log = DecisionLog::keeping(1 << 20);
    for number in 0..DECISIONS {
        log.push(decision(number));
    }
    log
}

/// The frame after so many seconds: all is that much older, as many of the oldest maps are gone and new ones are there, and
/// there are a thousand new decisions for each second.
pub(crate) fn frame(seconds: u32, log: &DecisionLog) -> Frame {
    let mut decisions = log.clone();
    for number in 0..1000 * u64::from(seconds) {
        decisions.push(decision(log.end() + number));
    }
    let origin = Origin {
        kind: OriginKind::Live,
        name: "/run/busdma.sock".to_owned(),
        state: OriginState::Running,
        recording: None,
    };
    Frame {
        t_ns: (1000 + u64::from(seconds)) * SECOND,
        machines: vec![machine(seconds)],
        findings: (0..1000).map(finding).collect(),
        decisions,
        host: Some(host()),
        ..Frame::empty(origin)
    }
}

fn machine(seconds: u32) -> Machine {
    Machine {
        machine: MACHINE.into(),
        session: None,
        profile: "freebsd-15".into(),
        zones: (0..ZONES).map(zone).collect(),
        waiters: (1..=WAITERS).map(|position| waiter(position, seconds)).collect(),
        waiters_total: WAITERS,
        tags: (0..TAGS).map(tag).collect(),
        maps: (seconds..MAPS + seconds).map(|number| map(number, seconds)).collect(),
        maps_total: MapTotals { idle: 0, deferred: WAITERS, loaded: MAPS },
        memory_bytes: Some(1 << 30),
        dmamem_bytes: Some(1 << 20),
        loads: 5_000_000,
        loads_failed: 3,
        latency: Latency { load: Some(distribution()), sync: Some(distribution()), deferral: Some(distribution()) },
    }
}

/// A number without order, of 16 bits.
const fn scattered(number: u32) -> u32 {
    number.wrapping_mul(2_654_435_761) >> 16
}

fn named(letter: char, number: u32) -> Name {
    format!("{MACHINE}/{letter}{number}").into()
}

fn map(number: u32, seconds: u32) -> MapRow {
    let scattered = scattered(number);
    MapRow {
        machine: MACHINE.into(),
        map: named('m', number),
        tag: named('t', scattered % TAGS),
        session: Some(format!("s{}", scattered % 8).into()),
        uid: Some(1000 + scattered % 4),
        state: MapState::Loaded,
        bytes: u64::from(scattered) * 512,
        segments: scattered % 32,
        bounce_pages: scattered % 5,
        age_ns: u64::from(MAPS + seconds - number) * 1_234_567 + u64::from(seconds) * SECOND,
    }
}

fn waiter(position: u32, seconds: u32) -> WaiterRow {
    let scattered = scattered(position);
    WaiterRow {
        machine: MACHINE.into(),
        position,
        map: named('m', MAPS + position),
        tag: named('t', scattered % TAGS),
        session: Some(format!("s{}", scattered % 8).into()),
        zone: scattered % ZONES,
        needed: 1 + scattered % 64,
        reserved: scattered % 2,
        age_ns: u64::from(WAITERS - position) * 1_234_567 + u64::from(seconds) * SECOND,
    }
}

fn tag(number: u32) -> TagRow {
    TagRow {
        machine: MACHINE.into(),
        tag: named('t', number),
        session: Some(format!("s{}", number % 8).into()),
        preset: None,
        alignment: 1,
        boundary: 0,
        lowaddr: 0xffff_ffff,
        highaddr: u64::MAX,
        maxsize: 131_072,
        nsegments: Some(32),
        maxsegsz: 65_536,
        zone: Some(number % ZONES),
        maps: MAPS / TAGS,
    }
}

fn zone(number: u32) -> ZoneRow {
    let samples = (0..120).map(|nth| TrendSample { active: nth * 7 % 64, bounced: nth, deferred: nth / 50 });
    ZoneRow {
        machine: MACHINE.into(),
        zone: number,
        lowaddr: 0xffff_ffff >> number,
        alignment: 4096,
        total_bpages: 65_536,
        free_bpages: 0,
        reserved_bpages: 5000,
        active_bpages: 60_536,
        active_bpages_max: 65_536,
        total_bounced: 1_234_567,
        total_deferred: 12_345,
        total_deferred_time: 99_999,
        map_count: 25_000,
        waiters: WAITERS / ZONES,
        rates: ZoneRates { bounced: Some(1234.0), deferred: Some(5.0) },
        trend: Trend { interval_ns: SECOND, samples: samples.collect() },
    }
}

fn finding(number: u32) -> FindingRow {
    FindingRow {
        severity: Severity::Warning,
        kind: "never_satisfiable".into(),
        machine: Some(MACHINE.into()),
        object: Some(named('m', number)),
        session: None,
        message: "a load needs more bounce pages than its zone has".to_owned(),
        advice: "give the tag's zone more pages, or load less at once".to_owned(),
        first_ns: SECOND,
        last_ns: 900 * SECOND,
        count: 7,
    }
}

fn host() -> HostFrame {
    let device = |number: u32| DeviceRow {
        device: format!("0000:{number:02x}:00.0").into(),
        driver: Some("nvme".into()),
        dma_mask: Some(u64::MAX),
        iommu_domain: Some("DMA-FQ".into()),
        mappings_per_s: f64::from(scattered(number)),
        bytes_per_s: 1e9,
        bounced_per_s: 3.0,
        failed_per_s: 0.0,
        mapped: 1_000_000,
        mapped_bytes: 1 << 40,
        live: 200,
        live_bytes: 1 << 20,
        bounced: 12,
        failed: 0,
        agree: 999_999,
        differ: 1,
        unknown: 0,
    };
    let pool = PoolRow { total_slots: Some(32_768), used_slots: 120, high_water_slots: 900, full: 1 };
    HostFrame {
        probes: Probes::Attached,
        devices: (0..64).map(device).collect(),
        pool: Some(pool),
        delivered: 10_000_000,
        dropped: 0,
    }
}

fn distribution() -> Distribution {
    let bins =
        (8..30).map(|shift| busdma_dashboards::frame::Bin { upto_ns: (1 << shift) - 1, count: 1 << (29 - shift) });
    Distribution {
        count: 1 << 22,
        mean_ns: 1500,
        p50_ns: 1000,
        p90_ns: 2000,
        p99_ns: 12_000,
        p999_ns: 16_000,
        max_ns: SECOND,
        bins: bins.collect(),
    }
}

/// Loads, one after the other: each needs pages, waits, goes on, bounces and is loaded.
fn decision(number: u64) -> Decision {
    let client = number << 12;
    let what = match number % 8 {
        0 => What::Counted { pages: 2 },
        1 => What::Deferred { zone: 0, needed: 2, reserved: 1, ahead: 7 },
        2 => What::Reserved { zone: 0, pages: 2 },
        3 => What::Woken { zone: 0 },
        4 => What::Resumed { waited_ns: number * 17 },
        5 => What::Bounced {
            client,
            bounce: 0x1000,
            len: 4096,
            why: BounceWhy::Window { lowaddr: 0xffff_ffff, highaddr: u64::MAX },
        },
        6 => What::Split { segment: 0, addr: 0x1000, len: 4096, why: SplitWhy::First },
        _ => What::Loaded { segments: 1, bpages: Some(2) },
    };
    Decision {
        t_ns: number * 1000,
        machine: MACHINE.into(),
        session: Some("s1".into()),
        map: Some(format!("{MACHINE}/m{}", number / 8 % u64::from(MAPS)).into()),
        tag: Some(format!("{MACHINE}/t{}", number / 8 % u64::from(TAGS)).into()),
        what,
    }
}
