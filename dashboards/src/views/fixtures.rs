//! Small frames for the tests of views.

use super::Scene;
use crate::frame::{
    Bin, Decision, DeviceRow, Distribution, FindingRow, Frame, HostFrame, Latency, Machine, MapRow, MapState,
    MapTotals, Origin, OriginKind, OriginState, PoolRow, Probes, Severity, TagRow, TimeAxis, Timeline, Trend,
    TrendSample, WaiterRow, What, ZoneRates, ZoneRow,
};
use crate::list::{Detail, Filter, ListState};
use crate::theme::{Theme, ThemeName};
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Sizes that every view has to fill or survive.
pub(super) const SIZES: [(u16, u16); 9] =
    [(120, 37), (80, 21), (40, 9), (40, 7), (200, 60), (10, 3), (3, 1), (1, 1), (0, 0)];

/// A demonstration without machines.
pub(crate) fn empty() -> Frame {
    let (kind, state) = (OriginKind::Demo, OriginState::Running);
    let mut frame = Frame::empty(Origin { kind, name: "demo".to_owned(), state, recording: None });
    frame.t_ns = 100_000_000_000;
    frame
}

/// A recording without times, at its fifth operation.
pub(super) fn without_time() -> Frame {
    let timeline =
        Timeline { axis: TimeAxis::Operations, start: 0, end: 9, at: 5, step: 1, buckets: Vec::new().into() };
    let mut frame = Frame { t_ns: 5, timeline: Some(timeline), ..empty() };
    frame.origin.kind = OriginKind::Recording;
    frame
}

/// A machine with so many zones.
pub(crate) fn machine(name: &str, zones: u32) -> Machine {
    Machine {
        machine: name.into(),
        session: None,
        profile: "freebsd-15".into(),
        zones: (0..zones).map(|number| zone(name, number)).collect(),
        waiters: Vec::new(),
        waiters_total: 0,
        tags: Vec::new(),
        maps: Vec::new(),
        maps_total: MapTotals::default(),
        memory_bytes: None,
        dmamem_bytes: None,
        loads: 0,
        loads_failed: 0,
        latency: Latency { load: Some(distribution()), sync: None, deferral: Some(Distribution::default()) },
    }
}

/// A zone with 64 pages: 12 active, 3 reserved.
pub(crate) fn zone(machine: &str, zone: u32) -> ZoneRow {
    let samples = (0..60).map(|nth| TrendSample { active: nth % 13, bounced: nth * 7 % 11, deferred: nth / 50 });
    ZoneRow {
        machine: machine.into(),
        zone,
        lowaddr: 0xff_ffff,
        alignment: 4096,
        total_bpages: 64,
        free_bpages: 49,
        reserved_bpages: 3,
        active_bpages: 12,
        active_bpages_max: 40,
        total_bounced: 4711,
        total_deferred: 5,
        total_deferred_time: 1234,
        map_count: 9,
        waiters: 2,
        rates: ZoneRates { bounced: Some(1234.0), deferred: Some(0.5) },
        trend: Trend { interval_ns: 1_000_000_000, samples: samples.collect() },
    }
}

/// A map of the machine's tag t1, loaded for 1.5 ms.
pub(crate) fn map(machine: &str, number: u32) -> MapRow {
    MapRow {
        machine: machine.into(),
        map: format!("{machine}/m{number}").into(),
        tag: format!("{machine}/t1").into(),
        session: None,
        uid: None,
        state: MapState::Loaded,
        bytes: 4096,
        segments: 1,
        bounce_pages: 0,
        age_ns: 1_500_000,
    }
}

/// The head of the queue: a map of tag t1 that has waited for zone 0 for 1.5 ms.
pub(crate) fn waiter(machine: &str) -> WaiterRow {
    WaiterRow {
        machine: machine.into(),
        position: 1,
        map: format!("{machine}/m900").into(),
        tag: format!("{machine}/t1").into(),
        session: None,
        zone: 0,
        needed: 9,
        reserved: 4,
        age_ns: 1_500_000,
    }
}

/// A tag that bounces through zone 0, and has so many maps.
pub(crate) fn tag(machine: &str, name: &str, maps: u32) -> TagRow {
    TagRow {
        machine: machine.into(),
        tag: name.into(),
        session: None,
        preset: None,
        alignment: 1,
        boundary: 0,
        lowaddr: 0xff_ffff,
        highaddr: u64::MAX,
        maxsize: 131_072,
        nsegments: Some(32),
        maxsegsz: 65_536,
        zone: Some(0),
        maps,
    }
}

/// A device, some of whose mappings bounce.
pub(super) fn device(name: &str) -> DeviceRow {
    DeviceRow {
        device: name.into(),
        driver: Some("nvme".into()),
        dma_mask: Some(0xffff_ffff),
        iommu_domain: Some("DMA-FQ".into()),
        mappings_per_s: 1234.0,
        bytes_per_s: 1e6,
        bounced_per_s: 3.0,
        failed_per_s: 0.0,
        mapped: 1000,
        mapped_bytes: 1 << 20,
        live: 7,
        live_bytes: 28_672,
        bounced: 12,
        failed: 0,
        agree: 999,
        differ: 1,
        unknown: 0,
    }
}

/// A finding, last seen two seconds before [`empty`]'s moment.
pub(crate) fn finding(severity: Severity, message: &str) -> FindingRow {
    FindingRow {
        severity,
        kind: "never_satisfiable".into(),
        machine: Some("vm1".into()),
        object: Some("vm1/m3".into()),
        session: Some("s1".into()),
        message: message.to_owned(),
        advice: "give the tag's zone more pages, or load less at once".to_owned(),
        first_ns: 50_000_000_000,
        last_ns: 98_000_000_000,
        count: 12,
    }
}

/// What there is to know of a host with no devices.
pub(super) fn host(probes: Probes) -> HostFrame {
    let pool = PoolRow { total_slots: Some(32_768), used_slots: 120, high_water_slots: 900, full: 1 };
    HostFrame { probes, devices: Vec::new(), pool: Some(pool), delivered: 10, dropped: 0 }
}

/// 100 spans between 1 µs and 16 µs.
pub(super) fn distribution() -> Distribution {
    let bins = [(1023, 50), (2047, 41), (16_383, 9)];
    Distribution {
        count: 100,
        mean_ns: 1500,
        p50_ns: 1000,
        p90_ns: 2000,
        p99_ns: 12_000,
        p999_ns: 16_000,
        max_ns: 16_000,
        bins: bins.into_iter().map(|(upto_ns, count)| Bin { upto_ns, count }).collect(),
    }
}

/// A decision about map `m`.
pub(super) fn decision(t_ns: u64, map: &str, what: What) -> Decision {
    let session = Some("s1".into());
    Decision { t_ns, machine: "vm1".into(), session, map: Some(map.into()), tag: None, what }
}

/// A list with the cursor there, for a screen of ten lines.
pub(super) fn list(cursor: usize, detail: Detail, filter: &str) -> ListState {
    let mut list = ListState::default();
    (list.cursor, list.detail, list.filter, list.page) = (cursor, detail, Filter::new(filter), 10);
    list
}

/// What `draw` draws at that size, as lines without blanks at their ends.
pub(super) fn lines(
    frame: &Frame,
    (width, height): (u16, u16),
    draw: impl FnOnce(Scene<'_>, Rect, &mut Buffer),
) -> Vec<String> {
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    let theme = Theme::named(ThemeName::Mono);
    draw(Scene { frame, machine: None, theme: &theme, time_zone: &TimeZone::UTC }, area, &mut buf);
    let line = |y| {
        let line: String = (0..width).filter_map(|x| buf.cell((x, y))).map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned()
    };
    (0..height).map(line).collect()
}
