//! What the daemon told of its probes, held against what the kernel counted by itself.

use super::{Checked, Scope, text};
use crate::parcel::ParcelFile;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// The daemon's answers, and the kernel's counts of the same.
#[derive(Default, Debug)]
pub(super) struct Answers {
    probes: ProbesReply,
    correlation: CorrelationReply,
    devices: DevicesReply,
    mappings: MappingsReply,
    /// What the kernel says of the programs, by tracepoint.
    runs: BTreeMap<String, Runs>,
    /// How often ftrace counted each event, by group and name as in `dma:dma_map_page`.
    hits: BTreeMap<String, u64>,
}

/// How often a program ran, by the kernel's own count.
#[derive(Clone, Copy, Default, Debug)]
struct Runs {
    count: u64,
    /// Times that it was running already.
    missed: u64,
}

#[derive(Default, Debug, Deserialize)]
struct ProbesReply {
    probes: Vec<Probe>,
    dropped: u64,
}

#[derive(Debug, Deserialize)]
struct Probe {
    tracepoint: String,
    state: String,
    #[serde(default)]
    reason: String,
    delivered: u64,
    dropped: u64,
    filtered: u64,
}

#[derive(Default, Debug, Deserialize)]
struct CorrelationReply {
    events: Vec<EventCount>,
    devices: Vec<DeviceVerdicts>,
    pool: BTreeMap<String, serde_json::Value>,
    unmatched: u64,
}

#[derive(Debug, Deserialize)]
struct EventCount {
    event: String,
    count: u64,
}

#[derive(Debug, Deserialize)]
struct DeviceVerdicts {
    device: String,
    verdicts: Vec<VerdictCount>,
}

#[derive(Debug, Deserialize)]
struct VerdictCount {
    verdict: String,
    count: u64,
}

#[derive(Default, Debug, Deserialize)]
struct DevicesReply {
    devices: Vec<DeviceTotals>,
}

#[derive(Debug, Deserialize)]
struct DeviceTotals {
    device: String,
    totals: BTreeMap<String, u64>,
}

#[derive(Default, Debug, Deserialize)]
struct MappingsReply {
    total: u64,
}

impl Answers {
    /// Reads all of them.
    ///
    /// # Errors
    ///
    /// The first that is missing or is not understood, in words.
    pub(super) fn read(files: &[ParcelFile]) -> Result<Self, String> {
        Ok(Self {
            probes: answer(files, "probes.json")?,
            correlation: answer(files, "correlation.json")?,
            devices: answer(files, "devices.json")?,
            mappings: answer(files, "mappings.json")?,
            runs: runs(&text(files, "bpf.txt")),
            hits: hits(&text(files, "hits.txt")),
        })
    }

    /// Checks every probe; `unseen` tells how many events of a tracepoint ftrace cannot tell of.
    pub(super) fn check_probes(&self, unseen: impl Fn(&str) -> u64) -> Vec<Checked> {
        let mut checked: Vec<_> =
            self.probes.probes.iter().map(|probe| self.check_probe(probe, unseen(&probe.tracepoint))).collect();
        let probed = |event: &str| self.probes.probes.iter().any(|probe| probe.tracepoint == *event);
        let unprobed: Vec<_> =
            self.hits.iter().filter(|&(event, &hits)| hits > 0 && !probed(event)).map(|(event, _)| event).collect();
        checked.push(Checked {
            says: "there is a probe for every event that came".to_owned(),
            but: (!unprobed.is_empty()).then(|| format!("there is none for {unprobed:?}")),
        });
        checked
    }

    fn check_probe(&self, probe: &Probe, unseen: u64) -> Checked {
        let Probe { tracepoint, state, reason, delivered, dropped, filtered } = probe;
        let Some(&hits) = self.hits.get(tracepoint) else {
            let says = format!("{tracepoint}: missing, as in this kernel");
            return Checked { says, but: (state != "missing").then(|| format!("{state}: {reason}")) };
        };
        let name = tracepoint.split(':').nth(1).unwrap_or_default();
        let taken_in = self.correlation.events.iter().find(|event| event.event == name).map_or(0, |event| event.count);
        let runs = self.runs.get(name).copied().unwrap_or_default();
        let came = hits + unseen;
        let whole = state == "attached"
            && delivered + dropped == came
            && delivered + dropped + filtered == runs.count
            && runs.missed == 0
            && *delivered == taken_in;
        let found = || {
            format!(
                "{state} {reason}, delivered={delivered} dropped={dropped} filtered={filtered} taken_in={taken_in}, \
                 where ftrace has {hits} + {unseen} and the kernel ran it {} times and missed {}",
                runs.count, runs.missed
            )
        };
        Checked { says: format!("{tracepoint}: every event is told"), but: (!whole).then(found) }
    }

    /// Events that did not fit into the ring.
    pub(super) fn dropped(&self) -> u64 {
        self.probes.dropped + self.probes.probes.iter().map(|probe| probe.dropped).sum::<u64>()
    }

    /// Verdicts of that kind, or all.
    pub(super) fn verdicts(&self, of: Scope, kind: Option<&str>) -> u64 {
        let devices = self.correlation.devices.iter().filter(|device| of.holds(&device.device));
        let verdicts = devices.flat_map(|device| &device.verdicts);
        verdicts.filter(|verdict| kind.is_none_or(|kind| verdict.verdict == kind)).map(|verdict| verdict.count).sum()
    }

    /// Every device's verdicts.
    pub(super) fn verdicts_by_device(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        let of = |device: &DeviceVerdicts| {
            let verdicts = device.verdicts.iter().map(|verdict| (verdict.verdict.clone(), verdict.count));
            (device.device.clone(), verdicts.collect())
        };
        self.correlation.devices.iter().map(of).collect()
    }

    /// A total of the devices.
    pub(super) fn total(&self, of: Scope, key: &str) -> u64 {
        let devices = self.devices.devices.iter().filter(|device| of.holds(&device.device));
        devices.filter_map(|device| device.totals.get(key)).sum()
    }

    /// What the daemon says of the pool under `key`, if anything.
    pub(super) fn pool(&self, key: &str) -> Option<u64> {
        self.correlation.pool.get(key).and_then(serde_json::Value::as_u64)
    }

    /// Mappings that live.
    pub(super) fn live(&self) -> u64 {
        self.mappings.total
    }

    /// Events that ended or synchronised what was not known.
    pub(super) fn unmatched(&self) -> u64 {
        self.correlation.unmatched
    }
}

fn answer<T: DeserializeOwned>(files: &[ParcelFile], name: &str) -> Result<T, String> {
    let file = files.iter().find(|file| file.name == name).ok_or_else(|| format!("there is no {name}"))?;
    serde_json::from_slice(&file.contents).map_err(|error| format!("{name}: {error}"))
}

/// `GROUP/EVENT hits=N dropped=N` a line.
fn hits(text: &str) -> BTreeMap<String, u64> {
    let read = |line: &str| {
        let (event, rest) = line.split_once(" hits=")?;
        let hits = rest.split(' ').next()?.parse().ok()?;
        Some((event.replace('/', ":"), hits))
    };
    text.lines().filter_map(read).collect()
}

/// What the descriptors of programs and of their links tell, a descriptor a line: links name the tracepoint and the program.
fn runs(text: &str) -> BTreeMap<String, Runs> {
    let field = |line: &str, key: &str| {
        line.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('=').map(str::to_owned))
    };
    let number = |line: &str, key: &str| field(line, key)?.parse().ok();
    let program = |line: &str| {
        let runs = Runs { count: number(line, "run_cnt")?, missed: number(line, "recursion_misses")? };
        Some((field(line, "prog_id")?, runs))
    };
    let programs: BTreeMap<String, Runs> = text.lines().filter_map(program).collect();
    let link = |line: &str| Some((field(line, "tp_name")?, *programs.get(&field(line, "prog_id")?)?));
    text.lines().filter_map(link).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_found_by_the_links_of_programs() {
        let told = "fd=15 prog_id=5 run_cnt=791 recursion_misses=2 verified_insns=856\n\
                    fd=16 prog_id=6 run_cnt=3 recursion_misses=0 verified_insns=1\n\
                    fd=34 link_type=raw_tracepoint link_id=2 prog_id=5 tp_name=dma_map_page\n";
        let found = runs(told);
        let page = found["dma_map_page"];
        assert_eq!((found.len(), page.count, page.missed), (1, 791, 2));
    }

    #[test]
    fn a_probe_must_tell_as_much_as_ftrace_and_the_kernel_count() {
        let check = |hits: &str, delivered: u64, unseen: u64, holds: bool| {
            let probe = Probe {
                tracepoint: "dma:dma_map_sg".into(),
                state: "attached".into(),
                reason: String::new(),
                delivered,
                dropped: 0,
                filtered: 0,
            };
            let answers = Answers {
                hits: super::hits(hits),
                runs: runs("prog_id=1 run_cnt=5 recursion_misses=0\nprog_id=1 tp_name=dma_map_sg\n"),
                correlation: CorrelationReply {
                    events: vec![EventCount { event: "dma_map_sg".into(), count: delivered }],
                    ..CorrelationReply::default()
                },
                ..Answers::default()
            };
            let checked = answers.check_probe(&probe, unseen);
            assert_eq!(checked.but.is_none(), holds, "{checked:?}");
        };
        check("dma/dma_map_sg hits=5 dropped=0\n", 5, 0, true);
        check("dma/dma_map_sg hits=4 dropped=0\n", 5, 1, true);
        check("dma/dma_map_sg hits=4 dropped=0\n", 5, 0, false);
        check("dma/dma_map_sg hits=4 dropped=0\n", 4, 0, false);
        check("", 5, 0, false);
    }
}
