//! The daemon under trial: started with what watches attached, asked, stopped.

use super::{GuestError, await_that, names_in, read, write};
use crate::parcel::ParcelFile;
use rustix::process::{Pid, Signal};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Where the image has the daemon.
pub(super) const PROGRAM: &str = "/bin/busdmad";

/// Where the image has the command that asks it.
const CLIENT: &str = "/bin/busdma";

const SOCKET: &str = "/run/busdma.varlink";
const RECORDINGS: &str = "/run/record";
const LOG: &str = "/run/busdmad.log";

/// Whether the kernel counts the runs of eBPF programs, whoever they are of.
const COUNT_RUNS: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// How long it may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the daemon is started with.
const ARGUMENTS: [&str; 5] = ["--socket", SOCKET, "--record", RECORDINGS, "--probes"];

/// What is asked before it is stopped, and the files that the answers go to.
const QUESTIONS: [(&str, &[&str]); 5] = [
    ("probes.json", &["call", "org.busdma.Host.Probes"]),
    ("correlation.json", &["call", "org.busdma.Host.Correlation"]),
    ("devices.json", &["call", "org.busdma.Host.Devices"]),
    ("mappings.json", &["call", "org.busdma.Host.Mappings", "{\"limit\": 1000}"]),
    ("status.json", &["status", "--json"]),
];

/// Something to record. It touches no disk.
const TRAFFIC: [&str; 5] = ["demo", "--seconds", "1", "--rate", "1000"];

/// The probes are read every 5 ms, and a failed list that nothing ends is known as one 200 ms later.
const TAKING_IN: Duration = Duration::from_millis(300);

/// A daemon that listens.
#[derive(Debug)]
pub(super) struct RunningDaemon {
    child: Child,
}

impl RunningDaemon {
    /// Starts it and waits until it answers: its socket is there before its probes are.
    pub(super) fn start() -> Result<Self, GuestError> {
        fs::create_dir_all(RECORDINGS).map_err(GuestError::file(RECORDINGS))?;
        write(COUNT_RUNS, "1")?;
        let log = File::create(LOG).map_err(GuestError::file(LOG))?;
        let errors = log.try_clone().map_err(GuestError::file(LOG))?;
        let started = Command::new(PROGRAM).args(ARGUMENTS).stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        let mut child = started.map_err(|source| GuestError::Program { program: PROGRAM.to_owned(), source })?;
        await_that(PROGRAM, PATIENCE, || Path::new(SOCKET).exists() || ended(&mut child))?;
        if ended(&mut child) {
            return Err(failed(PROGRAM, &format!("ended at once: {}", log_text())));
        }
        if Path::new(CLIENT).exists() {
            ask(&["status", "--json"])?;
        }
        Ok(Self { child })
    }

    /// Asks what is to be kept, ends it as a service manager would, and gives answers, recordings and log.
    pub(super) fn stop(mut self) -> Result<Vec<ParcelFile>, GuestError> {
        let mut files = Vec::new();
        if Path::new(CLIENT).exists() {
            ask(&TRAFFIC)?;
            thread::sleep(TAKING_IN);
            for (name, question) in QUESTIONS {
                files.push(ParcelFile { name: name.to_owned(), contents: ask(question)? });
            }
        }
        files.push(ParcelFile { name: "bpf.txt".to_owned(), contents: self.programs()?.into_bytes() });
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let sent = rustix::process::kill_process(pid, Signal::TERM);
            sent.map_err(|errno| GuestError::Program { program: PROGRAM.to_owned(), source: errno.into() })?;
        }
        await_that("the daemon's end", PATIENCE, || ended(&mut self.child))?;
        match self.child.wait() {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(failed(PROGRAM, &format!("ended with {status}: {}", log_text()))),
            Err(source) => return Err(GuestError::Program { program: PROGRAM.to_owned(), source }),
        }
        for name in names_in(Path::new(RECORDINGS))? {
            let path = Path::new(RECORDINGS).join(&name);
            let contents = fs::read(&path).map_err(GuestError::file(&path))?;
            files.push(ParcelFile { name: format!("record-{name}"), contents });
        }
        files.push(ParcelFile { name: "busdmad.log".to_owned(), contents: log_text().into_bytes() });
        Ok(files)
    }
}

impl RunningDaemon {
    /// What the kernel itself says of the daemon's eBPF programs: a program a line, with all that its descriptor tells.
    fn programs(&self) -> Result<String, GuestError> {
        let process = Path::new("/proc").join(self.child.id().to_string());
        let mut lines = Vec::new();
        for descriptor in names_in(&process.join("fdinfo"))? {
            let told = read(process.join("fdinfo").join(&descriptor))?;
            if told.lines().any(|line| line.starts_with("prog_id:")) {
                let words: Vec<_> = told.lines().map(|line| line.replace(":\t", "=")).collect();
                lines.push(format!("fd={descriptor} {}\n", words.join(" ")));
            }
        }
        Ok(lines.concat())
    }
}

fn ask(question: &[&str]) -> Result<Vec<u8>, GuestError> {
    let asked = Command::new(CLIENT).args(question).env("BUSDMA_SOCKET", SOCKET).stdin(Stdio::null()).output();
    let answer = asked.map_err(|source| GuestError::Program { program: CLIENT.to_owned(), source })?;
    if !answer.status.success() {
        let said = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
        return Err(failed(
            &format!("{CLIENT} {}", question.join(" ")),
            &format!("ended with {}: {said}", answer.status),
        ));
    }
    Ok(answer.stdout)
}

fn ended(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

fn failed(program: &str, status: &str) -> GuestError {
    GuestError::ProgramFailed { program: program.to_owned(), status: status.to_owned() }
}

fn log_text() -> String {
    fs::read(LOG).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
