//! Our own clients, the blocking and the asynchronous one, do the same against a real daemon.

use busdma_api::client::{AsyncClient, CallError, Client};
use busdma_api::engine::{
    Buffer, CreateMachine, CreateMap, CreateTag, EngineError, Load, Outcome, RegisterMemory, Request, Sync, SyncOp,
    Template, Unload, ZoneMemory,
};
use busdma_api::service::ServiceError;
use busdma_api::{Hex, MapRef};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A daemon that ends with the test.
struct Daemon(Child);

impl Daemon {
    fn serving(socket: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_busdmad"));
        let mut child = command.arg("--socket").arg(socket).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.take(20).any(|line| line.contains("serving")), "the daemon does not serve");
        Self(child)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn template() -> Template {
    Template {
        lowaddr: Some(Hex(0xffff_ffff)),
        maxsize: Some(65536),
        nsegments: Some(16),
        maxsegsz: Some(65536),
        ..Template::default()
    }
}

/// What both clients find: the outcome of a load, the bytes a sync copied, the pages an unload gave back, and what is
/// wrong with a map that does not exist.
type Findings = (Outcome, u64, u32, EngineError);

const EXPECTED_BYTES: u64 = 6000;

fn check((outcome, bytes, released, error): &Findings) {
    assert_eq!((*outcome, *bytes, *released), (Outcome::Loaded, EXPECTED_BYTES, 2));
    assert!(matches!(error, EngineError::NoSuchObject { object } if object.ends_with("/m99")), "{error:?}");
}

fn missing(map: MapRef) -> MapRef {
    MapRef { number: 99, ..map }
}

fn request(memory: busdma_api::MemoryRef) -> Request {
    Request::Buffer(Buffer { memory, offset: None, length: EXPECTED_BYTES })
}

fn blocking(socket: &Path) -> Findings {
    let mut client = Client::connect(socket).unwrap();
    let machine = client.call(&CreateMachine::default()).unwrap().machine;
    let create = CreateTag { machine: Some(machine), template: Some(template()), ..CreateTag::default() };
    let tag = client.call(&create).unwrap().tag;
    let map = client.call(&CreateMap { tag }).unwrap().map;
    let register = RegisterMemory { machine: Some(machine), length: 65536, ..RegisterMemory::default() };
    let (registered, files) = client.call_with(&register, &[]).unwrap();
    let memory = File::from(files.into_iter().nth(registered.fd.unwrap() as usize).unwrap());
    memory.write_all_at(b"seen by the device", 0).unwrap();
    let load = Load { map, request: request(registered.memory), wait: None };
    let outcome = client.call(&load).unwrap().outcome;
    let bytes = client.call(&Sync { map, ops: vec![SyncOp::PreWrite], detail: None }).unwrap().bytes;
    let (pools, files) = client.call_with(&ZoneMemory { machine }, &[]).unwrap();
    let (pool, run) = (&pools.pools[0], pools.pools[0].runs[0]);
    let mut seen = [0; 18];
    let file = File::from(files.into_iter().nth(pool.fd as usize).unwrap());
    file.read_exact_at(&mut seen, run.offset).unwrap();
    assert_eq!(&seen, b"seen by the device");
    let released = client.call(&Unload { map }).unwrap().released;
    match client.call(&Unload { map: missing(map) }) {
        Err(CallError::Refused(error)) => (outcome, bytes, released, error),
        other => panic!("{other:?}"),
    }
}

async fn asynchronous(socket: &Path) -> Findings {
    let mut client = AsyncClient::connect(socket).await.unwrap();
    let machine = client.call(&CreateMachine::default()).await.unwrap().machine;
    let create = CreateTag { machine: Some(machine), template: Some(template()), ..CreateTag::default() };
    let tag = client.call(&create).await.unwrap().tag;
    let map = client.call(&CreateMap { tag }).await.unwrap().map;
    let register = RegisterMemory { machine: Some(machine), length: 65536, ..RegisterMemory::default() };
    let (registered, files) = client.call_with(&register, Vec::new()).await.unwrap();
    assert_eq!((registered.fd, files.len()), (Some(0), 1));
    let load = Load { map, request: request(registered.memory), wait: None };
    let outcome = client.call(&load).await.unwrap().outcome;
    let bytes = client.call(&Sync { map, ops: vec![SyncOp::PreWrite], detail: None }).await.unwrap().bytes;
    let released = client.call(&Unload { map }).await.unwrap().released;
    match client.call(&Unload { map: missing(map) }).await {
        Err(CallError::Refused(error)) => (outcome, bytes, released, error),
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_clients_go_through_a_cycle() {
    let folder = tempfile::Builder::new().prefix("clients").tempdir_in("/tmp").unwrap();
    let socket = folder.path().join("s");
    let _daemon = Daemon::serving(&socket);
    check(&blocking(&socket));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    check(&runtime.block_on(asynchronous(&socket)));
}

#[test]
fn a_client_learns_why_it_was_refused() {
    let folder = tempfile::Builder::new().prefix("clients").tempdir_in("/tmp").unwrap();
    let socket = folder.path().join("s");
    let error = Client::connect(&socket).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot connect to {}", socket.display()));
    let _daemon = Daemon::serving(&socket);
    let mut client = Client::connect(&socket).unwrap();
    let watch = busdma_api::monitor::Watch::default();
    assert!(matches!(client.call(&watch), Err(CallError::Service(ServiceError::ExpectedMore))));
}
