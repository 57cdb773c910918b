//! What probes say of themselves in processes that may do less: the test runs itself again under `setpriv`.
//!
//! It needs root. Where it cannot run it fails and says why, unless `BUSDMA_SKIP_EBPF=1` says that it is known.

#![expect(clippy::print_stdout, reason = "the parent test reads it, and a skip must be seen")]

use busdma_probes::frames::{FrameFailure, FrameSource, FrameStatus};
use busdma_probes::{Capability, Config, ProbeStatus, Probes, Program};
use std::process::Command;

/// Set for the process under `setpriv`, to what it was given.
const CHILD: &str = "BUSDMA_TEST_RIGHTS";

const NONE: &str = "";
const BPF: &str = "bpf";
const BPF_AND_PERFMON: &str = "bpf perfmon";

#[test]
fn a_status_names_the_missing_capability() {
    if let Ok(given) = std::env::var(CHILD) {
        return report(&given);
    }
    let probes = Probes::attach(&Config::default());
    let status = probes.statuses().get(Program::BlockRqIssue);
    if !status.is_attached() {
        let known = std::env::var("BUSDMA_SKIP_EBPF").is_ok_and(|value| value == "1");
        assert!(known, "block_rq_issue is {status}; set BUSDMA_SKIP_EBPF=1 if that is known");
        println!("SKIPPED: block_rq_issue is {status}");
        return;
    }
    for given in [NONE, BPF, BPF_AND_PERFMON] {
        let told = run_with(given);
        let frames = probes.frames().frames().map(|frames| format!("{frames:?}"));
        if given == BPF_AND_PERFMON && told.contains("Alignment") {
            assert!(
                told.contains(&frames.unwrap()),
                "alignment misleads: {told}\nthe frames are {:?}",
                probes.frames()
            );
        }
    }
}

/// In the process with fewer rights.
fn report(given: &str) {
    let probes = Probes::attach(&Config::default());
    println!("{:?}", probes.frames());
    for (program, status) in probes.statuses().iter() {
        println!("{} {status}", program.tracepoint());
        match given {
            NONE => assert_eq!(*status, ProbeStatus::Denied { capability: Capability::Bpf }),
            BPF => assert!(matches!(
                status,
                ProbeStatus::Denied { capability: Capability::Perfmon } | ProbeStatus::Missing
            )),
            _ => assert!(matches!(status, ProbeStatus::Attached | ProbeStatus::Missing)),
        }
    }
    match probes.frames() {
        FrameStatus::Known { source, .. } => assert_eq!((given, *source), (BPF_AND_PERFMON, FrameSource::Alignment)),
        FrameStatus::Unknown { why: FrameFailure::Denied { capability } } => {
            assert_eq!((given, *capability), (BPF_AND_PERFMON, Capability::SysAdmin));
        }
        FrameStatus::Unknown { why } => assert_ne!(given, BPF_AND_PERFMON, "{why}"),
    }
}

/// This test as nobody, with those capabilities only; what it printed.
fn run_with(given: &str) -> String {
    let capabilities = given.split_whitespace().fold(String::new(), |all, name| all + ",+" + name);
    let executable = std::env::current_exe().unwrap();
    let mut setpriv = Command::new("setpriv");
    setpriv.args(["--reuid", "nobody", "--clear-groups"]);
    setpriv.arg(format!("--inh-caps=-all{capabilities}"));
    setpriv.arg(format!("--ambient-caps=-all{capabilities}"));
    setpriv.arg(format!("--bounding-set=-all{capabilities}"));
    setpriv.arg(executable).args(["--exact", "a_status_names_the_missing_capability", "--nocapture"]);
    let output = setpriv.env(CHILD, given).output().unwrap_or_else(|error| panic!("setpriv (util-linux): {error}"));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "with [{given}]: {told}{}", String::from_utf8_lossy(&output.stderr));
    println!("with [{given}]:\n{}", told.lines().take(6).collect::<Vec<_>>().join("\n"));
    told
}
