//! Times of day and ages, where a recording begins long before its first operation or several follow each other.

use super::traffic::{STARTED_NS, STARTED_UNIX_NS, hour};
use super::{HEADER, at, opened};
use crate::frame::TimeAxis;
use crate::source::recording::clock::Clock;
use crate::source::recording::cursor::{began, header};
use crate::source::recording::model::{Limits, Model, Opened};
use crate::source::trends::Recent;
use crate::source::{Moment, Source, Wish};
use busdma_engine::Profile;
use busdma_trace::format::{Header, Input, Op};
use busdma_trace::{Decisions, Recorder, TraceWriter};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::Duration;

const MINUTE: u64 = 60 * 1_000_000_000;
const HOUR: u64 = 60 * MINUTE;

const STARTED: &str = r#""started_unix_ns":1795306530000000000"#;

/// A recording whose header says it was started at `unix`, when the clock stood at `t`.
fn started(text: &[u8], unix: u64, t: u64) -> Vec<u8> {
    let text = str::from_utf8(text).unwrap();
    assert!(text.contains(STARTED), "{STARTED_UNIX_NS}");
    text.replacen(STARTED, &format!(r#""started_unix_ns":{unix},"started_ns":{t}"#), 1).into_bytes()
}

fn unix(unix: u64) -> i64 {
    i64::try_from(unix).unwrap()
}

#[test]
fn the_time_of_day_counts_from_the_start_and_not_from_the_first_operation() {
    let text = started(&hour(Vec::new(), 500), STARTED_UNIX_NS, STARTED_NS - HOUR);
    let (_folder, mut recording) = opened(&text);
    let start = at(&mut recording, Moment::FromStart(0));
    assert_eq!((start.t_ns, start.unix_ns), (STARTED_NS, Some(unix(STARTED_UNIX_NS + HOUR))));
    let frame = at(&mut recording, Moment::Unix(unix(STARTED_UNIX_NS + HOUR + MINUTE)));
    assert_eq!(frame.t_ns, STARTED_NS + MINUTE);
}

#[test]
fn times_of_day_are_found_in_every_scenario() {
    let text = hour(Vec::new(), 500);
    let first = started(&text, STARTED_UNIX_NS, STARTED_NS);
    let second = started(&text, STARTED_UNIX_NS + 10 * HOUR, STARTED_NS);
    let (_folder, mut recording) = opened(&[first, second].concat());
    let wanted = unix(STARTED_UNIX_NS + 10 * HOUR + MINUTE);
    assert_eq!(at(&mut recording, Moment::Unix(wanted)).unix_ns, Some(wanted));
    let between = at(&mut recording, Moment::Unix(unix(STARTED_UNIX_NS + 5 * HOUR)));
    assert_eq!(between.unix_ns, Some(unix(STARTED_UNIX_NS + 10 * HOUR)));
    recording.ask(Wish::Step(-1)).unwrap();
    assert!(recording.frame(Duration::ZERO).unix_ns < Some(unix(STARTED_UNIX_NS + HOUR)));
}

/// The header of a scenario that goes on behind the operations of `text`.
fn going_on(text: &[u8]) -> Header<'static> {
    #[derive(Deserialize)]
    struct Asked<'a> {
        op: Op,
        #[serde(borrow, rename = "in")]
        input: &'a RawValue,
        t: Option<u64>,
    }
    let mut lines = str::from_utf8(text).unwrap().lines();
    let before = header(lines.next().unwrap().as_bytes()).unwrap();
    let writer = TraceWriter::new(Vec::new());
    let mut recorder = Recorder::start(writer, &before, Profile::Freebsd11, Decisions::LeftOut).unwrap();
    for line in lines {
        let asked: Asked<'_> = serde_json::from_str(line).unwrap();
        recorder.record(&Input::from_json(asked.op, asked.input.get()).unwrap(), asked.t).unwrap();
    }
    let plain: Header<'static> = serde_json::from_str(HEADER).unwrap();
    Header { state: Some(Box::new(recorder.state().unwrap())), ..plain }
}

#[test]
fn ages_in_a_later_scenario_are_of_its_own_time() {
    let header = going_on(&hour(Vec::new(), 500));
    // Another daemon's clock stood much higher.
    let mut clock = Clock::default().after(Some(100 * HOUR));
    clock.scenario(began(&header));
    let model = Model::open(&header, Opened::default(), &clock);
    let limits = Limits { rows: usize::MAX };
    let (machine, _) = model.machine(clock.now, TimeAxis::Nanoseconds, limits, |_| Recent::default());
    assert!(machine.maps.len() > 5, "{machine:?}");
    assert!(machine.maps.iter().all(|map| map.age_ns <= 2 * HOUR), "{:?}", machine.maps);
}
