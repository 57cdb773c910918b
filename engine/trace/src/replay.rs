//! Replay: what a trace says was done is done again, and what came of it is compared.

use crate::compare::{FieldDifference, differences};
use crate::error::{IdKind, OperationError, TraceError, TraceErrorKind};
use crate::format::{AfterPanic, DecisionRecord, Op, Output};
use crate::hazards::HazardSet;
use crate::names::NoObject;
use crate::reader::{Operation, TraceReader};
use crate::session::{Decisions, Session};
use busdma_engine::Profile;
use std::io::BufRead;
use std::sync::Arc;

/// How to replay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplayOptions {
    /// Which bus_dma(9) answers.
    pub profile: ProfileChoice,
    /// How far a scenario is compared.
    pub extent: Extent,
    /// Most differences kept for one scenario; the others are counted.
    pub differences_max: usize,
}

impl ReplayOptions {
    /// The profile that the trace names, FreeBSD 11 where it names none; the whole trace; some differences.
    pub const DEFAULT: Self = Self {
        profile: ProfileChoice::FromSource { otherwise: Profile::Freebsd11 },
        extent: Extent::Whole,
        differences_max: 20,
    };
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Which bus_dma(9) answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProfileChoice {
    /// The one that the header's `source` names, or another where it names none.
    FromSource {
        /// The other.
        otherwise: Profile,
    },
    /// Always this one.
    Fixed(Profile),
}

impl ProfileChoice {
    /// The profile for a scenario of that source.
    pub fn profile(self, source: &str) -> Profile {
        match self {
            Self::Fixed(profile) => profile,
            Self::FromSource { otherwise } => profile_of_source(source).unwrap_or(otherwise),
        }
    }
}

/// The profile that a header's `source` names, as in `freebsd-12.1 sys/arm64/arm64/busdma_bounce.c`.
pub fn profile_of_source(source: &str) -> Option<Profile> {
    let named = Profile::ALL.into_iter().find(|profile| source.starts_with(profile.name()))?;
    Some(if named == Profile::Freebsd12 && source.contains("arm64") { Profile::Arm64Freebsd12 } else { named })
}

/// How far a scenario is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Extent {
    /// To its end.
    Whole,
    /// Up to its first line with `hazard`, that line left out: what comes after is FreeBSD's inner state showing.
    UntilHazard,
}

/// What came of replaying one scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScenarioReport {
    /// Its name.
    pub name: String,
    /// Its family.
    pub family: String,
    /// Line number of its header.
    pub line: u64,
    /// The profile it was replayed under.
    pub profile: Profile,
    /// Operations carried out.
    pub operations: u64,
    /// The first differences.
    pub differences: Vec<Difference>,
    /// How many differences there are in all.
    pub difference_count: u64,
}

impl ScenarioReport {
    /// Whether everything was as the trace says.
    pub fn matches(&self) -> bool {
        self.difference_count == 0
    }
}

/// One field in which the engine's answer differs from the trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The operation's number in the scenario.
    pub seq: u64,
    /// The line it stands on.
    pub line: u64,
    /// What it does.
    pub op: Op,
    /// Where in `out`, as in `callback.segs[2][1]`; or `hazard`.
    pub field: String,
    /// What the trace says.
    pub expected: String,
    /// What the engine did.
    pub got: String,
    /// The operation's line, shared by all its differences.
    pub raw_line: Arc<str>,
    /// What the engine decided in this operation, shared likewise.
    pub decisions: Arc<[DecisionRecord<'static>]>,
}

/// What came of replaying many scenarios.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Scenarios replayed.
    pub scenarios: u64,
    /// Operations carried out.
    pub operations: u64,
    /// Scenarios that match.
    pub matching: u64,
    /// Scenarios that differ.
    pub differing: u64,
}

impl Summary {
    /// Counts one scenario more.
    pub fn add(&mut self, report: &ScenarioReport) {
        self.scenarios += 1;
        self.operations += report.operations;
        if report.matches() {
            self.matching += 1;
        } else {
            self.differing += 1;
        }
    }

    /// Counts the scenarios of another summary too.
    pub fn merge(&mut self, other: &Self) {
        self.scenarios += other.scenarios;
        self.operations += other.operations;
        self.matching += other.matching;
        self.differing += other.differing;
    }
}

/// Replays the scenarios of a trace, each on an engine of its own.
#[derive(Debug)]
pub struct Replayer {
    options: ReplayOptions,
    /// The engine's answer as text, to be compared with the line's.
    answer: Vec<u8>,
}

impl Replayer {
    /// A replayer with these options.
    pub fn new(options: ReplayOptions) -> Self {
        Self { options, answer: Vec::new() }
    }

    /// Replays the next scenario; `None` at the end of the trace.
    ///
    /// # Errors
    /// Whatever is wrong with the trace. The rest of that scenario is lost; the next call goes on with the one after it.
    pub fn next_scenario<R: BufRead>(
        &mut self,
        reader: &mut TraceReader<R>,
    ) -> Result<Option<ScenarioReport>, TraceError> {
        let Some(header) = reader.next_scenario()? else { return Ok(None) };
        let profile = self.options.profile.profile(header.source.as_str());
        let session = Session::new(&header, profile, Decisions::LeftOut);
        let after_panic = header.after_panic();
        let report = ScenarioReport {
            name: header.scenario.0.into_owned(),
            family: header.family.0.into_owned(),
            line: reader.line_number(),
            profile,
            operations: 0,
            differences: Vec::new(),
            difference_count: 0,
        };
        let session = session.map_err(|error| reader.error_here(error))?;
        let mut scenario = Scenario {
            session,
            report,
            after_panic,
            destroys_differ: false,
            seen: HazardSet::default(),
            replayer: self,
        };
        while let Some(operation) = reader.next_operation()? {
            if scenario.step(&operation)? == Flow::Stop {
                break;
            }
        }
        Ok(Some(scenario.report))
    }

    /// Replays a whole trace and gives each scenario's report to `visit`.
    ///
    /// # Errors
    /// The first thing that is wrong with the trace.
    pub fn run<R: BufRead>(
        &mut self,
        reader: &mut TraceReader<R>,
        mut visit: impl FnMut(ScenarioReport),
    ) -> Result<Summary, TraceError> {
        let mut summary = Summary::default();
        while let Some(report) = self.next_scenario(reader)? {
            summary.add(&report);
            visit(report);
        }
        Ok(summary)
    }
}

/// A scenario being replayed.
struct Scenario<'r> {
    session: Session,
    report: ScenarioReport,
    /// Whether a panic ends it.
    after_panic: AfterPanic,
    /// Whether the engine destroyed something that the trace did not, or the other way round.
    destroys_differ: bool,
    /// Hazards seen so far: a line lists only those seen there first.
    seen: HazardSet,
    replayer: &'r mut Replayer,
}

/// Whether to go on with the scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flow {
    Continue,
    Stop,
}

impl Scenario<'_> {
    fn step(&mut self, operation: &Operation<'_>) -> Result<Flow, TraceError> {
        if self.replayer.options.extent == Extent::UntilHazard && !operation.hazard.is_empty() {
            return Ok(Flow::Stop);
        }
        self.report.operations += 1;
        let flow = match self.session.execute(&operation.input, operation.t) {
            Ok(output) => {
                let panicked = matches!(output, Output::Panic(_));
                let answer = &mut self.replayer.answer;
                answer.clear();
                serde_json::to_writer(&mut *answer, &output).map_err(|error| unreadable_answer(operation, &error))?;
                self.compare(operation, panicked)?
            }
            Err(NoObject::Trace(error)) => return Err(operation.error(error)),
            Err(NoObject::NotCreated { kind, id }) => {
                self.not_here(operation, kind, &id, "created");
                Flow::Continue
            }
            // Where engine and trace have always destroyed the same, the trace destroyed it too.
            Err(NoObject::Destroyed { kind, id }) if !self.destroys_differ => {
                return Err(operation.error(OperationError::UnknownId { kind, id }));
            }
            Err(NoObject::Destroyed { kind, id }) => {
                self.not_here(operation, kind, &id, "kept");
                Flow::Continue
            }
        };
        self.session.check_limits().map_err(|error| operation.error(error))?;
        Ok(flow)
    }

    /// Compares as text, which is quick and right for traces in canonical form, and by field only where that fails.
    fn compare(&mut self, operation: &Operation<'_>, panicked: bool) -> Result<Flow, TraceError> {
        let mut found = Vec::new();
        let mut ends = panicked;
        let answer = &self.replayer.answer;
        if answer != operation.raw_output().as_bytes() {
            let expected = operation.output()?;
            let answer = std::str::from_utf8(answer).unwrap_or_default();
            let got = Output::from_json(operation.op, answer).map_err(|error| unreadable_answer(operation, &error))?;
            found = differences(&expected, &got);
            ends |= matches!(expected, Output::Panic(_));
        }
        self.destroys_differ |= destroys(operation.op)
            && found
                .iter()
                .any(|difference| ["ret", "freed", "panic"].iter().any(|it| difference.field.starts_with(it)));
        self.compare_hazards(operation, &mut found);
        if !found.is_empty() {
            self.differ(operation, found);
        }
        // Behind a panic there is no state to compare, unless the machine was one that goes on.
        Ok(if ends && self.after_panic == AfterPanic::Ends { Flow::Stop } else { Flow::Continue })
    }

    fn compare_hazards(&mut self, operation: &Operation<'_>, found: &mut Vec<FieldDifference>) {
        let hazards = self.session.hazards();
        if hazards.is_empty() && operation.hazard.is_empty() {
            return;
        }
        let got = self.seen.add(hazards);
        let expected = HazardSet::of_names(&operation.hazard);
        if expected != got {
            found.push(FieldDifference { field: "hazard".to_owned(), expected: expected.text(), got: got.text() });
        }
    }

    #[cold]
    fn not_here(&mut self, operation: &Operation<'_>, kind: IdKind, id: &str, done: &str) {
        let found = FieldDifference {
            field: "in".to_owned(),
            expected: format!("{} with {kind} {id}", operation.op),
            got: format!("not done: {kind} {id} was not {done} under this profile"),
        };
        self.differ(operation, vec![found]);
    }

    #[cold]
    fn differ(&mut self, operation: &Operation<'_>, found: Vec<FieldDifference>) {
        self.report.difference_count += found.len() as u64;
        let room = self.replayer.options.differences_max.saturating_sub(self.report.differences.len());
        if room == 0 {
            return;
        }
        let raw_line: Arc<str> = operation.raw_line().into();
        let decisions: Arc<[_]> = self.session.decisions().into();
        self.report.differences.extend(found.into_iter().take(room).map(|difference| Difference {
            seq: operation.seq,
            line: operation.line_number(),
            op: operation.op,
            field: difference.field,
            expected: difference.expected,
            got: difference.got,
            raw_line: raw_line.clone(),
            decisions: decisions.clone(),
        }));
    }
}

const fn destroys(op: Op) -> bool {
    matches!(op, Op::TagDestroy | Op::MapDestroy | Op::DmamemFree)
}

/// The engine's answer could not be put into the trace's form: a defect of this crate, told rather than hidden.
#[cold]
fn unreadable_answer(operation: &Operation<'_>, error: &serde_json::Error) -> TraceError {
    operation.error(TraceErrorKind::Field { problem: format!("the answer to this operation has no form: {error}") })
}
