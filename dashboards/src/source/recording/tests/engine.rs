//! Operations are carried out by an engine, and a model is fed with what that engine says: after each operation both
//! know the same.

use super::traces;
use crate::frame::{Machine, MapState, TimeAxis};
use crate::source::recording::clock::Clock;
use crate::source::recording::cursor::header;
use crate::source::recording::line::{self, Scanner, is_header};
use crate::source::recording::model::{Limits, Model, Opened};
use crate::source::trends::Recent;
use busdma_engine::Profile;
use busdma_trace::format::{AfterPanic, Input, MapStateWord, Name, Op, State};
use busdma_trace::{Decisions, Recorder, TraceWriter};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Asked<'a> {
    op: Op,
    #[serde(borrow, rename = "in")]
    input: &'a RawValue,
    #[serde(default)]
    t: Option<u64>,
}

/// Carries out what the lines of one scenario ask for, and compares after each.
struct Rerun {
    recorder: Recorder<Vec<u8>>,
    model: Model,
    clock: Clock,
    /// Operations after which the two were held against each other.
    compared: u32,
}

impl Rerun {
    fn start(line: &str, profile: Profile, decisions: Decisions) -> Self {
        let header = header(line.as_bytes()).unwrap();
        let writer = TraceWriter::new(Vec::new());
        let recorder = Recorder::start(writer, &header, profile, decisions).unwrap();
        let clock = Clock::default();
        let model = Model::open(&header, Opened::default(), &clock);
        Self { recorder, model, clock, compared: 0 }
    }

    /// `false` where the scenario ends.
    fn step(&mut self, line: &str, ends_at_panic: bool) -> Result<bool, String> {
        let asked: Asked<'_> = serde_json::from_str(line).unwrap();
        let input = Input::from_json(asked.op, asked.input.get()).unwrap();
        let before = self.recorder.writer_mut().get_mut().len();
        if self.recorder.record(&input, asked.t).is_err() {
            return Ok(false);
        }
        let made = self.recorder.writer_mut().get_mut()[before..].to_vec();
        let mut zones = Vec::new();
        let read = line::read(&Scanner::default(), made.trim_ascii_end(), &mut zones).unwrap();
        self.clock = self.clock.after(read.t);
        self.model.apply(&read, &zones, &self.clock, |_, _| {});
        let panicked = memchr::memmem::find(&made, b"\"out\":{\"panic\"").is_some();
        if panicked && ends_at_panic {
            return Ok(false);
        }
        // What a call changed at which a kernel stops is told by the next line.
        if !panicked {
            let what = String::from_utf8(made).unwrap();
            let (machine, _) =
                self.model.machine(0, TimeAxis::Operations, Limits { rows: usize::MAX }, |_| Recent::default());
            if let Ok(state) = self.recorder.state() {
                self.compared += 1;
                let found = differences(&machine, &state);
                if !found.is_empty() {
                    return Err(format!("{found:#?} after {what}"));
                }
            }
        }
        Ok(true)
    }
}

/// What the two do not agree on.
fn differences(machine: &Machine, state: &State<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut same = |what: &str, shown: String, known: String| {
        if shown != known {
            found.push(format!("{what}: {shown}, the engine knows {known}"));
        }
    };
    let waiting: Vec<_> = machine.waiters.iter().map(|waiter| waiter.map.as_str()).collect();
    same(
        "waiting",
        format!("{waiting:?}"),
        format!("{:?}", state.waiting.iter().map(Name::as_str).collect::<Vec<_>>()),
    );
    for (number, zone) in (0..).zip(&state.zones) {
        let row = machine.zones.iter().find(|row| row.zone == number);
        let shown = row.map(|row| {
            (row.total_bounced, row.total_deferred, row.map_count, row.reserved_bpages, row.total_deferred_time)
        });
        let known = Some((zone.bounced, zone.deferred, zone.map_count, zone.reserved, zone.deferred_ns / 1000));
        same("zone", format!("{shown:?}"), format!("{known:?}"));
    }
    for tag in &state.tags {
        let row = machine.tags.iter().find(|row| row.tag == tag.tag.as_str());
        let maps = state.maps.iter().filter(|map| map.tag == tag.tag).count();
        let shown = row.map(|row| (row.zone, row.maps as usize));
        same("tag", format!("{shown:?}"), format!("{:?}", Some((tag.zone, maps))));
    }
    for map in &state.maps {
        let row = machine.maps.iter().find(|row| row.map == map.map.as_str());
        let shown = row.map_or(MapState::Idle, |row| row.state);
        let known = match map.state {
            MapStateWord::Idle => MapState::Idle,
            MapStateWord::Deferred => MapState::Deferred,
            MapStateWord::Loaded => MapState::Loaded,
        };
        same(map.map.as_str(), shown.name().to_owned(), known.name().to_owned());
        if let (Some(row), MapState::Loaded) = (row, known) {
            let known = (map.segs.iter().map(|seg| seg.1).sum::<u64>(), map.segs.len(), map.pages.len());
            let shown = (row.bytes, row.segments as usize, row.bounce_pages as usize);
            same(map.map.as_str(), format!("{shown:?}"), format!("{known:?}"));
        }
        if let Some(waiter) = machine.waiters.iter().find(|waiter| waiter.map == map.map.as_str()) {
            let (shown, known) = ((waiter.needed, waiter.reserved), (map.pagesneeded, map.pagesreserved));
            same(map.map.as_str(), format!("{shown:?}"), format!("{known:?}"));
        }
    }
    same(
        "maps",
        (machine.maps_total.idle + machine.maps_total.loaded + machine.maps_total.deferred).to_string(),
        state.maps.len().to_string(),
    );
    found
}

fn profile(name: &str) -> Profile {
    match name.split('/').next() {
        Some("freebsd-11.0") => Profile::Freebsd11,
        Some("freebsd-12.1") => Profile::Freebsd12,
        _ => Profile::Arm64Freebsd12,
    }
}

#[test]
fn models_know_what_the_engine_knows() {
    let (mut operations, mut compared, mut failures) = (0_u32, 0, Vec::new());
    for (name, text) in traces() {
        let decisions = if name.ends_with("recorded") { Decisions::Recorded } else { Decisions::LeftOut };
        let mut rerun: Option<Rerun> = None;
        let mut ends = true;
        for line in text.lines() {
            if is_header(line.as_bytes()) {
                ends = header(line.as_bytes()).unwrap().after_panic() == AfterPanic::Ends;
                rerun = Some(Rerun::start(line, profile(&name), decisions));
            } else if let Some(running) = &mut rerun {
                operations += 1;
                let before = running.compared;
                let step = running.step(line, ends);
                compared += running.compared - before;
                match step {
                    Ok(true) => {}
                    Ok(false) => rerun = None,
                    Err(difference) => {
                        failures.push(format!("{name}: {difference}"));
                        rerun = None;
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}: {}", failures.len(), failures.iter().take(8).cloned().collect::<String>());
    assert!(operations > 10_000 && compared * 100 > operations * 95, "{compared} of {operations}");
}
