//! The golden vectors: what FreeBSD's own code was given and what it answered.

use busdma_engine::Profile;
use busdma_trace::format::{BounceModel, DmamemModel, Header, Input, MachineModel, Name, Op, Output};
use busdma_trace::replay::profile_of_source;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::path::{Path, PathBuf};

/// One scenario.
pub(crate) struct Scenario {
    /// The file it is in, by its last two names.
    pub(crate) file: String,
    pub(crate) name: String,
    pub(crate) profile: Profile,
    pub(crate) model: MachineModel<'static>,
    lines: Vec<String>,
}

/// One operation and what came of it.
pub(crate) struct Step<'s> {
    pub(crate) seq: u64,
    pub(crate) input: Input<'s>,
    pub(crate) output: Output<'s>,
}

/// All scenarios, file by file.
pub(crate) fn golden_scenarios() -> Vec<Scenario> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/trace/tests/vectors");
    let mut scenarios = Vec::new();
    for folder in entries(&root) {
        for file in entries(&folder) {
            read(&file, &mut scenarios);
        }
    }
    scenarios
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort_unstable();
    entries
}

fn read(path: &Path, scenarios: &mut Vec<Scenario>) {
    let mut reader = busdma_trace::open(path).unwrap();
    let names: Vec<_> = path.iter().rev().take(2).map(|name| name.to_string_lossy()).collect();
    while let Some(header) = reader.next_scenario().unwrap() {
        let mut scenario = Scenario::new(format!("{}/{}", names[1], names[0]), &header);
        while let Some(operation) = reader.next_operation().unwrap() {
            scenario.lines.push(operation.raw_line().to_owned());
        }
        scenarios.push(scenario);
    }
    assert_eq!(reader.warnings(), [], "{}", path.display());
}

impl Scenario {
    fn new(file: String, header: &Header<'_>) -> Self {
        let MachineModel { page_size, maxmem, max_bpages, bounce, dmamem, .. } = header.machine;
        let BounceModel { base, stride, frames } = bounce;
        let model = MachineModel {
            arch: Name::from(header.machine.arch.as_str().to_owned()),
            page_size,
            maxmem,
            max_bpages,
            bounce: BounceModel { base, stride, frames },
            dmamem: DmamemModel { ..dmamem },
        };
        let profile = profile_of_source(header.source.as_str()).unwrap();
        Self { file, name: header.scenario.as_str().to_owned(), profile, model, lines: Vec::new() }
    }

    /// Its operations.
    pub(crate) fn steps(&self) -> Vec<Step<'_>> {
        self.lines.iter().map(|line| Step::parse(line)).collect()
    }
}

impl<'s> Step<'s> {
    fn parse(line: &'s str) -> Self {
        #[derive(Deserialize)]
        struct Line<'a> {
            seq: u64,
            op: Op,
            #[serde(borrow, rename = "in")]
            input: &'a RawValue,
            #[serde(borrow)]
            out: &'a RawValue,
        }
        let Line { seq, op, input, out } = serde_json::from_str(line).unwrap();
        let (input, out) = (input.get(), out.get());
        Self { seq, input: Input::from_json(op, input).unwrap(), output: Output::from_json(op, out).unwrap() }
    }

    /// The queue of waiters, where the operation changed it.
    pub(crate) fn waiting(&self) -> Option<Vec<&str>> {
        let waiting = match &self.output {
            Output::TagCreate(output) => &output.waiting,
            Output::TagDestroy(output) => &output.waiting,
            Output::MapCreate(output) => &output.waiting,
            Output::MapDestroy(output) => &output.waiting,
            Output::Load(output) => &output.waiting,
            Output::RunDeferred(output) => &output.waiting,
            Output::Sync(output) => &output.waiting,
            Output::Unload(output) => &output.waiting,
            Output::DmamemAlloc(output) => &output.waiting,
            Output::DmamemFree(output) => &output.waiting,
            _ => &None,
        };
        waiting.as_ref().map(|names| names.iter().map(Name::as_str).collect())
    }

    /// The zones, where the operation changed them.
    pub(crate) fn zones(&self) -> Option<&[busdma_trace::format::Zone]> {
        match &self.output {
            Output::TagCreate(output) => output.zones.as_deref(),
            Output::TagDestroy(output) => output.zones.as_deref(),
            Output::MapCreate(output) => output.zones.as_deref(),
            Output::MapDestroy(output) => output.zones.as_deref(),
            Output::Load(output) => output.zones.as_deref(),
            Output::RunDeferred(output) => output.zones.as_deref(),
            Output::Sync(output) => output.zones.as_deref(),
            Output::Unload(output) => output.zones.as_deref(),
            Output::DmamemAlloc(output) => output.zones.as_deref(),
            Output::DmamemFree(output) => output.zones.as_deref(),
            _ => None,
        }
    }
}
