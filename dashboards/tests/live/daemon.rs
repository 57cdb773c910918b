//! A real busdmad, a driver on it, and a watcher of it.

#[path = "../../../daemon/tests/support/programs.rs"]
pub(crate) mod programs;

use busdma_api::client::Client;
use busdma_api::engine::{
    BounceModel, Buffer, CreateMachine, CreateMap, CreateTag, Layout, Load, Outcome, RegisterMemory, Request, Sync,
    SyncOp, Template, Unload,
};
use busdma_api::{Hex, MachineId, MapRef, MemoryRef};
use busdma_dashboards::frame::Frame;
use busdma_dashboards::source::live::{Live, LiveOptions};
use busdma_dashboards::source::{Done, Refused, Source, Wish};
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

const PAGE: u64 = 4096;

/// Bounce pages of a driver's machine.
pub(crate) const POOL: u32 = 16;

/// A daemon of the test's own, ended when dropped.
pub(crate) struct Busdmad {
    child: Child,
    directory: TempDir,
}

impl Busdmad {
    /// Starts a daemon on a socket in a directory of its own, into which it may record.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let child = spawn(directory.path());
        Self { child, directory }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        socket(self.directory.path())
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.socket()).unwrap()
    }

    /// Ends it without any warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts another one in its place.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.directory.path());
    }

    /// Watches it.
    pub(crate) fn watch(&self, options: LiveOptions) -> Watcher {
        Watcher { live: Live::connect(&self.socket(), options).unwrap(), started: Instant::now() }
    }
}

impl Drop for Busdmad {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("busdma.varlink")
}

fn spawn(directory: &Path) -> Child {
    let child = Command::new(programs::built("busdmad"))
        .current_dir(directory)
        .arg("--socket")
        .arg(socket(directory))
        .arg("--record")
        .arg(directory.join("recordings"))
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(directory.join("log")).unwrap())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while UnixStream::connect(socket(directory)).is_err() {
        let log = fs::read_to_string(directory.join("log")).unwrap();
        assert!(started.elapsed() < PATIENCE, "busdmad does not listen: {log}");
        thread::sleep(Duration::from_millis(10));
    }
    child
}

/// A source and the program's clock.
pub(crate) struct Watcher {
    pub(crate) live: Live,
    started: Instant,
}

impl Watcher {
    pub(crate) fn frame(&mut self) -> Arc<Frame> {
        self.live.frame(self.started.elapsed())
    }

    /// Has the daemon begin to record, or stop, and waits for what comes of it.
    pub(crate) fn toggle_recording(&mut self) -> Result<Done, Refused> {
        self.live.ask(Wish::ToggleRecording)?;
        let started = Instant::now();
        loop {
            if let Some(outcome) = self.live.outcome() {
                return outcome;
            }
            assert!(started.elapsed() < PATIENCE, "the daemon's recorder does not answer");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The first frame of which something is true.
    pub(crate) fn until(&mut self, what: &str, is_so: impl Fn(&Frame) -> bool) -> Arc<Frame> {
        let started = Instant::now();
        loop {
            let frame = self.frame();
            if is_so(&frame) {
                return frame;
            }
            assert!(started.elapsed() < PATIENCE, "no frame with {what}: {frame:#?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A client with a machine of [`POOL`] bounce pages, a tag of 32 bits and memory above that.
pub(crate) struct Driver {
    pub(crate) client: Client,
    pub(crate) machine: MachineId,
    pub(crate) maps: [MapRef; 2],
    memory: MemoryRef,
}

impl Driver {
    pub(crate) fn new(daemon: &Busdmad) -> Self {
        let mut client = daemon.client();
        let bounce = BounceModel { base: Hex(0x10_0000), stride: PAGE, frames: POOL.into() };
        let machine = CreateMachine { bounce: Some(bounce), max_bpages: Some(POOL), ..CreateMachine::default() };
        let machine = client.call(&machine).unwrap().machine;
        let maxsize = Some(u64::from(POOL) * PAGE);
        let template = Template { lowaddr: Some(Hex(0xffff_ffff)), maxsize, ..Template::default() };
        let tag = CreateTag { machine: Some(machine), parent: None, preset: None, template: Some(template) };
        let tag = client.call(&tag).unwrap().tag;
        let maps = [(); 2].map(|()| client.call(&CreateMap { tag }).unwrap().map);
        let pages = (0..u64::from(POOL)).map(|page| Hex(0x1_0000_0000 + 2 * page * PAGE)).collect();
        let register = RegisterMemory {
            machine: Some(machine),
            length: u64::from(POOL) * PAGE,
            layout: Some(Layout::Pages(pages)),
            ..RegisterMemory::default()
        };
        let memory = client.call(&register).unwrap().memory;
        Self { client, machine, maps, memory }
    }

    pub(crate) fn load(&mut self, nth: usize, pages: u64) -> Outcome {
        let buffer = Buffer { memory: self.memory, offset: None, length: pages * PAGE };
        let load = Load { map: self.maps[nth], request: Request::Buffer(buffer), wait: None };
        self.client.call(&load).unwrap().outcome
    }

    pub(crate) fn sync(&mut self, nth: usize) {
        let sync = Sync { map: self.maps[nth], ops: vec![SyncOp::PreWrite], detail: None };
        self.client.call(&sync).unwrap();
    }

    pub(crate) fn unload(&mut self, nth: usize) {
        self.client.call(&Unload { map: self.maps[nth] }).unwrap();
    }
}
