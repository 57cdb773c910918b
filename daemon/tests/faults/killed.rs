//! Clients that are killed, each at another moment.

use crate::daemon::PATIENCE;
use crate::driver::{Driver, PAGE, Pool, load, sync};
use crate::fault::{Conditions, fault};
use crate::raw::Raw;
use crate::victim::{Role, dies};
use busdma_api::client::Client;
use busdma_api::engine::{
    AllocMem, CreateMachine, CreateTag, Join, OnError, Operation, Outcome, RegisterMemory, Segments, Session, Submit,
    SyncOp, Template, Unload, Wait,
};
use busdma_api::{MachineId, Method};
use rustix::fs::{MemfdFlags, memfd_create};
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// What clients do until they are killed.
pub(crate) const ROLES: &[Role] = &[LOADED, DEFERRED, WAITING, SENDING, SUBMITTING, COPYING, CROWD];

const LOADED: Role = Role("loaded", loaded);
const DEFERRED: Role = Role("deferred", deferred);
const WAITING: Role = Role("waiting", waiting);
const SENDING: Role = Role("sending", sending);
const SUBMITTING: Role = Role("submitting", submitting);
const COPYING: Role = Role("copying", copying);
const CROWD: Role = Role("crowd", crowd);

/// Kills a client in a role, while a neighbour wants the same pages: it gets them.
fn kill(role: Role, conditions: Conditions) {
    fault(conditions, |rig| {
        let victim = rig.victim(role);
        let mut neighbour = Driver::new(&rig.socket, Pool::Contended, rig.pages);
        let map = neighbour.map;
        let outcome = neighbour.load(map).unwrap().outcome;
        victim.kill();
        if outcome == Outcome::Deferred {
            let timeout_ms = Some(u64::try_from(PATIENCE.as_millis()).unwrap());
            let end = neighbour.client.call(&Wait { map: Some(map), timeout_ms }).unwrap();
            assert_eq!(end.load.outcome, Outcome::Loaded);
            assert_eq!(u64::from(end.load.bounce_pages), rig.pages);
        }
        assert_eq!(u64::from(neighbour.client.call(&Unload { map }).unwrap().released), rig.pages);
        rig.serves();
    });
}

#[test]
fn while_it_has_mappings() {
    kill(LOADED, Conditions::USUAL);
}

fn loaded(socket: &Path, pages: u64) -> ! {
    let mut driver = Driver::new(socket, Pool::Contended, pages);
    driver.loaded();
    // One of each kind of thing that a session can have.
    let template = Template { maxsize: Some(8 * PAGE), ..Template::default() };
    let small = CreateTag { template: Some(template), ..CreateTag::default() };
    let small = driver.client.call(&small).unwrap().tag;
    driver.client.call(&AllocMem { tag: small, flags: None }).unwrap();
    let machine = driver.client.call(&CreateMachine::default()).unwrap().machine;
    let mut private = Driver::on(joined(socket, &mut driver.client), machine, Pool::Contended, 8);
    private.loaded();
    dies()
}

#[test]
fn while_a_load_is_deferred() {
    kill(DEFERRED, Conditions::USUAL);
}

fn deferred(socket: &Path, pages: u64) -> ! {
    let mut driver = Driver::new(socket, Pool::Contended, pages);
    driver.loaded();
    let map = driver.another_map();
    let call = driver.load_call(map);
    let mut replies = driver.client.call_more(&call).unwrap();
    assert_eq!(replies.next().unwrap().unwrap().outcome, Outcome::Deferred);
    dies()
}

#[test]
fn while_it_waits() {
    kill(WAITING, Conditions::USUAL);
}

fn waiting(socket: &Path, pages: u64) -> ! {
    let mut driver = Driver::new(socket, Pool::Contended, pages);
    driver.loaded();
    let map = driver.deferred();
    thread::spawn(|| {
        // The call has to be on its way.
        thread::sleep(Duration::from_millis(50));
        dies()
    });
    panic!("the wait ended: {:?}", driver.client.call(&Wait { map: Some(map), timeout_ms: None }));
}

#[test]
fn in_the_middle_of_a_call() {
    kill(SENDING, Conditions::USUAL);
}

fn sending(socket: &Path, pages: u64) -> ! {
    let mut driver = Driver::new(socket, Pool::Contended, pages);
    driver.loaded();
    let mut raw = Raw::connect(socket);
    let token = driver.client.call(&Session {}).unwrap().token;
    let join = serde_json::json!({ "method": Join::NAME, "parameters": { "token": token } });
    raw.send(format!("{join}\0").as_bytes());
    assert!(raw.reply().get("error").is_none());
    let file = memfd_create("half", MemfdFlags::CLOEXEC).unwrap();
    raw.send_with(b"{\"method\":\"org.busdma.Engine.RegisterMemory\",\"para", &[file.as_fd()]).unwrap();
    dies()
}

#[test]
fn in_the_middle_of_a_batch() {
    kill(SUBMITTING, Conditions::USUAL);
}

fn submitting(socket: &Path, pages: u64) -> ! {
    let mut driver = Driver::new(socket, Pool::Contended, pages);
    let map = driver.map;
    let turn = [Operation::Load(driver.load_call(map)), Operation::Unload(Unload { map })];
    let operations = turn.iter().cycle().take(60_001).cloned().collect();
    let mut onlooker = joined(socket, &mut driver.client);
    thread::spawn(move || {
        while onlooker.call(&Segments { map }).unwrap().segments.is_empty() {}
        dies()
    });
    let reply = driver.client.call(&Submit { operations, on_error: Some(OnError::GoOn) });
    panic!("the batch ended: {:?}", reply.map(|reply| reply.results.len()));
}

/// A pool that takes milliseconds to copy.
#[test]
fn while_its_bytes_are_copied() {
    kill(COPYING, Conditions { pages: 8192, ..Conditions::USUAL });
}

fn copying(socket: &Path, pages: u64) -> ! {
    let mut driver = Driver::new(socket, Pool::Contended, pages);
    driver.loaded();
    let call = sync(driver.map, &[SyncOp::PreWrite]);
    assert_eq!(u64::from(driver.client.call(&call).unwrap().pages), pages);
    thread::spawn(|| {
        thread::sleep(Duration::from_millis(20));
        dies()
    });
    loop {
        for _ in 0..32 {
            driver.client.send_ahead(&call).unwrap();
        }
        for _ in 0..32 {
            assert_eq!(u64::from(driver.client.receive_ahead::<busdma_api::engine::Sync>().unwrap().pages), pages);
        }
    }
}

/// As many at once as a user may have, almost; a third of them never say a word.
#[test]
fn five_hundred_at_once() {
    kill(CROWD, Conditions { pages: 512, tags: 512, ..Conditions::USUAL });
}

fn crowd(socket: &Path, _: u64) -> ! {
    let mut clients = Vec::new();
    let mut drivers = Vec::new();
    for number in 0..500 {
        let mut client = Client::connect(socket).unwrap();
        match number % 3 {
            0 => clients.push(client),
            1 => {
                let length = PAGE;
                client.call(&RegisterMemory { length, ..RegisterMemory::default() }).unwrap();
                clients.push(client);
            }
            _ => {
                let mut driver = Driver::on(client, MachineId::HOST0, Pool::Contended, 1);
                driver.client.call(&load(driver.map, driver.memory, PAGE)).unwrap();
                drivers.push(driver);
            }
        }
    }
    dies()
}

/// Another connection in the same session.
fn joined(socket: &Path, client: &mut Client) -> Client {
    let token = client.call(&Session {}).unwrap().token;
    let mut other = Client::connect(socket).unwrap();
    other.call(&Join { token }).unwrap();
    other
}
