//! Whatever a frame holds and however large the screen is, drawing it ends well.

use super::{LogView, Scene, View, decisions, fixtures, help, host, latency, maps, overview, waiters, zones};
use crate::frame::{
    Bin, BounceWhy, Bucket, DeviceRow, Distribution, Frame, HostFrame, Lost, Machine, MapRow, MapState, MapTotals,
    OriginState, Probes, Severity, SplitWhy, TagRow, TimeAxis, Timeline, WaiterRow, What,
};
use crate::keys::Keymap;
use crate::list::{Detail, ListState, Sort, SortWay};
use crate::screen::footer::{self, Footer};
use crate::screen::header::{self, Frozen, HeaderState};
use crate::screen::{self, WithTimeline, timeline};
use crate::theme::{Role, Theme};
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::time::Duration;

/// Numbers without a pattern, the same in every run. Many of them are at an end of their range.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = self.0 ^ (self.0 >> 29);
        match number % 7 {
            0 => 0,
            1 => u64::MAX,
            2 => number % 100,
            3 => number % 100_000,
            _ => number,
        }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn small(&mut self) -> u32 {
        u32::try_from(self.next() & u64::from(u32::MAX)).unwrap_or(0)
    }

    fn name(&mut self) -> String {
        let names = [
            "vm1/m1",
            "vm1/m2",
            "",
            "日本語の名前",
            "a\tb\n\u{7}",
            "a very long name of an object that is nowhere short",
        ];
        let nth = usize::try_from(self.below(6)).unwrap_or(0);
        names.get(nth).copied().unwrap_or_default().to_owned()
    }

    fn what(&mut self) -> What {
        let (segment, addr, len) = (self.below(4), self.next(), self.next());
        match self.below(9) {
            0 => What::Counted { pages: self.small() },
            1 => What::Deferred { zone: 0, needed: self.small(), reserved: self.small(), ahead: self.next() },
            2 => What::Resumed { waited_ns: self.next() },
            3 => What::Bounced { client: self.next(), bounce: addr, len, why: BounceWhy::NotTold },
            4 => What::Split { segment, addr, len, why: SplitWhy::Discontiguous },
            5 => What::Coalesced { segment, addr, len },
            6 => What::Loaded { segments: segment, bpages: Some(self.small()) },
            7 => What::Unloaded { pages: Some(self.small()) },
            _ => What::Rejected { error: self.name().into() },
        }
    }

    fn distribution(&mut self) -> Distribution {
        let bins = (0..self.below(70)).map(|_| Bin { upto_ns: self.next(), count: self.next() }).collect();
        Distribution {
            count: self.next(),
            p50_ns: self.next(),
            p99_ns: self.next(),
            max_ns: self.next(),
            bins,
            ..Distribution::default()
        }
    }

    fn few(&mut self) -> usize {
        usize::try_from(self.below(40)).unwrap_or(0)
    }

    fn real(&mut self) -> f64 {
        f64::from_bits(self.next())
    }

    /// Fills a machine with maps, waiters and tags, some of which belong together.
    fn fill(&mut self, machine: &mut Machine) {
        let name = machine.machine.clone();
        for _ in 0..self.few() {
            let state = [MapState::Idle, MapState::Deferred, MapState::Loaded, MapState::Loaded];
            let state = state.get(usize::try_from(self.below(4)).unwrap_or(0)).copied().unwrap_or(MapState::Idle);
            let (map, tag) = (self.name().into(), self.name().into());
            let (bytes, age_ns, bounce_pages) = (self.next(), self.next(), self.small());
            machine.maps.push(MapRow { map, tag, state, bytes, bounce_pages, age_ns, ..fixtures::map(&name, 0) });
        }
        for _ in 0..self.few() {
            let (map, zone, position) = (self.name().into(), self.small() % 5, self.small());
            let (needed, reserved, age_ns) = (self.small(), self.small(), self.next());
            let row = WaiterRow { position, map, zone, needed, reserved, age_ns, ..fixtures::waiter(&name) };
            machine.waiters.push(row);
        }
        for _ in 0..self.few() {
            let zone = (self.below(2) == 0).then(|| self.small() % 5);
            let (boundary, lowaddr, maxsegsz) = (self.next(), self.next(), self.next());
            let tag = fixtures::tag(&name, &self.name(), self.small());
            machine.tags.push(TagRow { boundary, lowaddr, maxsegsz, zone, ..tag });
        }
        machine.waiters_total = self.small();
        machine.maps_total = MapTotals { idle: self.small(), deferred: self.small(), loaded: self.small() };
    }

    fn device(&mut self) -> DeviceRow {
        DeviceRow {
            mappings_per_s: self.real(),
            bytes_per_s: self.real(),
            bounced_per_s: self.real(),
            failed_per_s: self.real(),
            mapped: self.next(),
            live_bytes: self.next(),
            bounced: self.next(),
            failed: self.next(),
            dma_mask: (self.below(2) == 0).then(|| self.next()),
            agree: self.next(),
            differ: self.next(),
            ..fixtures::device(&self.name())
        }
    }

    fn list(&mut self) -> ListState {
        let cursor = usize::try_from(self.below(80)).unwrap_or(0);
        let filter = if self.below(3) == 0 { "m1" } else { "" };
        let detail = if self.below(2) == 0 { Detail::Open } else { Detail::Closed };
        let mut list = fixtures::list(cursor, detail, filter);
        list.sort = (self.below(2) == 0).then(|| Sort { field: self.few(), way: SortWay::Descending });
        list
    }

    fn frame(&mut self) -> Frame {
        let mut frame = fixtures::empty();
        (frame.t_ns, frame.unix_ns) = (self.next(), i64::try_from(self.next()).ok());
        frame.lost = Lost { decisions: self.next(), events: self.next(), ..Lost::default() };
        frame.origin.state = OriginState::Disconnected { since_ns: self.next(), why: self.name() };
        for _ in 0..self.below(4) {
            let mut machine = fixtures::machine(&self.name(), u32::try_from(self.below(5)).unwrap_or(0));
            for zone in &mut machine.zones {
                (zone.active_bpages, zone.reserved_bpages) = (self.small(), self.small());
                (zone.total_bpages, zone.active_bpages_max, zone.waiters) = (self.small(), self.small(), self.small());
                zone.rates.bounced = Some(f64::from_bits(self.next()));
                zone.trend.samples.truncate(usize::try_from(self.below(60)).unwrap_or(0));
            }
            machine.latency.load = Some(self.distribution());
            self.fill(&mut machine);
            frame.machines.push(machine);
        }
        for _ in 0..self.below(5) {
            let mut finding = fixtures::finding(Severity::Error, &self.name());
            (finding.last_ns, finding.count) = (self.next(), self.next());
            frame.findings.push(finding);
        }
        for _ in 0..self.below(60) {
            let (t_ns, map, what) = (self.next(), self.name(), self.what());
            frame.decisions.push(fixtures::decision(t_ns, &map, what));
        }
        let devices = (0..self.few()).map(|_| self.device()).collect();
        frame.host = (self.below(8) > 0).then(|| HostFrame { devices, ..fixtures::host(Probes::Attached) });
        let bucket =
            |numbers: &mut Self| Bucket { pressure: f32::from_bits(numbers.small()), deferred: numbers.small() };
        let buckets = (0..self.below(300)).map(|_| bucket(self)).collect();
        let axis = if self.below(2) == 0 { TimeAxis::Nanoseconds } else { TimeAxis::Operations };
        let (start, end, at, step) = (self.next(), self.next(), self.next(), self.next());
        frame.timeline = Some(Timeline { axis, start, end, at, step, buckets });
        frame
    }
}

/// Draws everything into parts of a larger screen, and looks that nothing is drawn beside them.
fn draw_all(frame: &Frame, area: Rect, numbers: &mut Numbers) {
    let theme = Theme::default();
    let scene = Scene { frame, machine: None, theme: &theme, time_zone: &TimeZone::UTC };
    let whole = Rect::new(0, 0, area.width + 4, area.height + 4);
    let mut buf = Buffer::filled(whole, ratatui::buffer::Cell::new("#"));
    let interval = Duration::from_millis(numbers.below(10_000));
    let state =
        HeaderState { view: View::Maps, frozen: Frozen::Yes, interval, unseen_frames: numbers.next(), newest: None };
    let text = numbers.name();
    for draw in [overview::draw, zones::draw, waiters::draw, maps::draw, latency::draw, host::draw] {
        draw(scene, &mut numbers.list(), area, &mut buf);
    }
    decisions::draw(scene, &mut numbers.list(), &mut LogView::default(), area, &mut buf);
    help::draw(scene, &Keymap::default(), &mut numbers.list(), area, &mut buf);
    header::draw(scene, &state, area, &mut buf);
    timeline::draw(scene, area, &mut buf);
    footer::draw(&theme, &Footer::Prompt { label: "filter", text: &text, note: &text }, area, &mut buf);
    footer::draw(&theme, &Footer::Message { role: Role::Bad, text: &text }, area, &mut buf);
    screen::too_small(area, &mut buf);
    for position in whole.positions().filter(|&position| !area.contains(position)) {
        assert_eq!(buf.cell(position).map(ratatui::buffer::Cell::symbol), Some("#"), "{position} is beside {area}");
    }
    if let Ok(layout) = screen::layout(area, WithTimeline::Yes) {
        assert_eq!(layout.header.union(layout.footer), area);
    }
}

#[test]
fn drawing_ends_well_and_stays_where_it_belongs() {
    let mut numbers = Numbers(4711);
    for round in 0..600 {
        let frame = numbers.frame();
        let width = u16::try_from(numbers.below(201)).unwrap_or(0);
        let height = u16::try_from(numbers.below(61)).unwrap_or(0);
        let area =
            if round % 3 == 0 { Rect::new(1, 2, width % 20, height % 8) } else { Rect::new(1, 2, width, height) };
        draw_all(&frame, area, &mut numbers);
    }
}
