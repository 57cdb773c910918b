//! The operations of a trace, carried out again by a recorder.

use busdma_engine::Profile;
use busdma_trace::format::{Header, Input, Op, Output};
use busdma_trace::{
    Decisions, ProfileChoice, Recorder, ReplayOptions, Replayer, ScenarioReport, TraceReader, TraceWriter,
};
use serde_json::value::RawValue;

/// One scenario: its header's line and those of its operations.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) header: String,
    pub(crate) lines: Vec<String>,
}

/// The scenarios of a trace.
pub(crate) fn scenarios(trace: &str) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for line in trace.lines() {
        if line.starts_with("{\"format\"") {
            scenarios.push(Scenario { header: line.to_owned(), lines: Vec::new() });
        } else if let Some(scenario) = scenarios.last_mut() {
            scenario.lines.push(line.to_owned());
        }
    }
    scenarios
}

/// The parts of a line.
#[derive(serde::Deserialize)]
pub(crate) struct Line<'a> {
    #[serde(default)]
    pub(crate) t: Option<u64>,
    pub(crate) op: Op,
    #[serde(borrow, rename = "in")]
    input: &'a RawValue,
    #[serde(borrow)]
    out: &'a RawValue,
}

impl<'a> Line<'a> {
    pub(crate) fn parse(line: &'a str) -> Self {
        serde_json::from_str(line).unwrap()
    }

    pub(crate) fn input(&self) -> Input<'a> {
        Input::from_json(self.op, self.input.get()).unwrap()
    }

    pub(crate) fn output(&self) -> Output<'a> {
        Output::from_json(self.op, self.out.get()).unwrap()
    }
}

/// A recorder that keeps its trace.
pub(crate) struct Rerun {
    pub(crate) recorder: Recorder<Vec<u8>>,
    profile: Profile,
}

impl Rerun {
    pub(crate) fn start(header: &Header<'_>, profile: Profile) -> Self {
        let writer = TraceWriter::new(Vec::new());
        Self { recorder: Recorder::start(writer, header, profile, Decisions::LeftOut).unwrap(), profile }
    }

    /// Carries an operation out; its line, or why there is none.
    pub(crate) fn record(&mut self, input: &Input<'_>, t: Option<u64>) -> Result<String, String> {
        let before = self.recorder.writer_mut().get_mut().len();
        self.recorder.record(input, t).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(self.recorder.writer_mut().get_mut()[before..].to_vec()).unwrap())
    }

    /// What was recorded, replayed: everything has to match.
    pub(crate) fn check_replay(self, what: &str) -> (ScenarioReport, String) {
        let trace = String::from_utf8(self.recorder.into_writer().into_inner()).unwrap();
        let report = replay(&trace, self.profile);
        assert!(report.matches(), "{what}: {:?}\n{trace}", report.differences);
        (report, trace)
    }
}

/// Replays a trace of one scenario.
pub(crate) fn replay(trace: &str, profile: Profile) -> ScenarioReport {
    let mut reader = TraceReader::new(trace.as_bytes(), "recorded");
    let options = ReplayOptions { profile: ProfileChoice::Fixed(profile), ..ReplayOptions::DEFAULT };
    let report = Replayer::new(options).next_scenario(&mut reader).unwrap().unwrap();
    assert_eq!(reader.warnings(), []);
    report
}
