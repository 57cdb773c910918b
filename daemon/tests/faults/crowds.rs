//! Many clients, many calls, and clients that do not read.

use crate::bystander::Metronome;
use crate::daemon::PATIENCE;
use crate::driver::{Driver, PAGE, Pool, sync};
use crate::fault::{Conditions, Rig, fault};
use crate::holdings::Holdings;
use crate::raw::{Heard, Raw};
use busdma_api::Method;
use busdma_api::client::CallError;
use busdma_api::engine::{EngineError, RegisterMemory, Sync, SyncOp, WriteMemory};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn five_hundred_come_and_go() {
    fault(Conditions { tags: 512, ..Conditions::USUAL }, |rig| {
        let socket = &rig.socket;
        thread::scope(|scope| {
            for worker in 0..10 {
                scope.spawn(move || (0..50).for_each(|turn| comes_and_goes(socket, worker + turn)));
            }
        });
        rig.serves();
    });
}

fn comes_and_goes(socket: &std::path::Path, turn: usize) {
    match turn % 4 {
        0 => drop(Raw::connect(socket)),
        1 => Raw::connect(socket).send(b"{\"method\":\"org.busdma.Engine.Session\"}\0"),
        2 => Raw::connect(socket).send(b"{\"method\":"),
        // Some are loaded, some wait in the queue when they go.
        _ => {
            let mut driver = Driver::new(socket, Pool::Contended, 32);
            let map = driver.map;
            driver.load(map).unwrap();
        }
    }
}

#[test]
fn ten_thousand_calls_in_one_write_are_answered_in_order() {
    const CALLS: u16 = 10_000;
    fault(Conditions::USUAL, |rig| {
        let mut driver = Driver::new(&rig.socket, Pool::Contended, 1);
        let numbers: Vec<u8> = (0..2048_u16).flat_map(u16::to_le_bytes).collect();
        let write = WriteMemory { memory: driver.memory, offset: None, data: base64(&numbers) };
        driver.client.call(&write).unwrap();
        let mut raw = rig.raw();
        join(&mut raw, &mut driver);
        let offset = |call: u16| u64::from(call) * 2 % PAGE;
        let calls: String = (0..CALLS).map(|call| read_call(&driver, offset(call), 2) + "\0").collect();
        let mut sender = Raw::connect(&rig.socket);
        std::mem::swap(&mut sender.stream, &mut raw.stream);
        raw.stream = sender.stream.try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| sender.send(calls.as_bytes()));
            for call in 0..CALLS {
                let at = usize::try_from(offset(call)).unwrap();
                assert_eq!(raw.reply()["parameters"]["data"], base64(&numbers[at..at + 2]), "{call}");
            }
        });
    });
}

/// How long a client may leave replies unread in these tests.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

const SHORT_TIMEOUT: Conditions = Conditions { limits: "write_timeout = '2s'", ..Conditions::USUAL };

#[test]
fn who_never_reads_is_cut_off() {
    fault(SHORT_TIMEOUT, |rig| {
        let mut driver = Driver::new(&rig.socket, Pool::Contended, 64);
        let mut raw = rig.raw();
        join(&mut raw, &mut driver);
        let begun = Instant::now();
        for _ in 0..64 {
            raw.send(format!("{}\0", read_call(&driver, 0, 64 * PAGE)).as_bytes());
        }
        is_cut_off(&raw, begun);
        rig.daemon.logged("did not read");
    });
}

#[test]
fn who_watches_without_reading_is_cut_off() {
    fault(SHORT_TIMEOUT, |rig| {
        for call in [
            r#"{"method":"org.busdma.Monitor.Decisions","more":true}"#,
            r#"{"method":"org.busdma.Monitor.Watch","more":true,"parameters":{"interval_ms":20}}"#,
        ] {
            // Without room for many replies the time until the first is left unread is short.
            let mut raw = rig.raw();
            rustix::net::sockopt::set_socket_recv_buffer_size(&raw.stream, 1).unwrap();
            raw.send(format!("{call}\0").as_bytes());
            assert!(has_hung_up(&raw, PATIENCE), "{call}");
            rig.daemon.logged("did not read");
        }
    });
}

/// Asserts that a connection is cut when its time is up, and not at twice the time.
fn is_cut_off(raw: &Raw, begun: Instant) {
    let metronome = Metronome::start();
    assert!(has_hung_up(raw, PATIENCE));
    let took = begun.elapsed();
    assert!(took >= WRITE_TIMEOUT && took < WRITE_TIMEOUT * 2 + metronome.allowance(), "{took:?}");
}

/// Whether the daemon closes a connection in time. What it has written stays unread.
fn has_hung_up(raw: &Raw, timeout: Duration) -> bool {
    let timeout = Timespec { tv_sec: timeout.as_secs().cast_signed(), tv_nsec: 0 };
    let mut sources = [PollFd::new(&raw.stream, PollFlags::empty())];
    poll(&mut sources, Some(&timeout)).unwrap() > 0
}

#[test]
fn half_a_message_and_silence_holds_nobody_up() {
    fault(Conditions::USUAL, |rig| {
        let mut silent: Vec<_> = (0..20).map(|_| rig.raw()).collect();
        for raw in &mut silent {
            raw.send(b"{\"method\":\"org.busdma.Engine.Ses");
        }
        for _ in 0..20 {
            rig.serves();
        }
        // They were only slow.
        for raw in &mut silent {
            raw.send(b"sion\"}\0");
            assert!(raw.reply()["parameters"]["token"].is_string());
        }
    });
}

#[test]
fn who_shuts_its_sending_side_gets_its_replies() {
    fault(Conditions::USUAL, |rig| {
        let mut raw = rig.raw();
        raw.send(&b"{\"method\":\"org.varlink.service.GetInfo\"}\0".repeat(3));
        raw.stream.shutdown(std::net::Shutdown::Write).unwrap();
        for _ in 0..3 {
            assert_eq!(raw.reply()["parameters"]["product"], "busdmad");
        }
        assert_eq!(raw.heard(), Heard::End);
    });
}

/// Each memory is a file, however small; one user cannot take them all.
#[test]
fn one_client_cannot_take_all_descriptors() {
    fault(Conditions::USUAL, |rig| {
        let mut greedy = rig.client();
        let register = RegisterMemory { length: PAGE, ..RegisterMemory::default() };
        let refused = (0..100_000).find_map(|_| greedy.call(&register).err());
        let refused = refused.expect("an end of the descriptors");
        let CallError::Refused(EngineError::QuotaExceeded { quota, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(quota, "memory_files");
        rig.serves();
        rig.client().call(&register).unwrap();
    });
}

/// Everybody else copies all the time, and yet what a client had is released when it goes.
#[test]
fn who_leaves_does_not_wait_for_the_copies_of_others() {
    const COPIERS: u64 = 6;
    fault(Conditions { pages: 1024 * COPIERS, ..Conditions::USUAL }, |rig| {
        let stop = &AtomicBool::new(false);
        let socket = &rig.socket.clone();
        thread::scope(|scope| {
            for _ in 0..COPIERS {
                let mut driver = Driver::new(socket, Pool::Contended, 1024);
                scope.spawn(move || {
                    driver.loaded();
                    let call = sync(driver.map, &[SyncOp::PreWrite]);
                    while !stop.load(Ordering::Relaxed) {
                        driver.client.call(&call).unwrap();
                    }
                });
            }
            let staying = rig.holdings();
            drop(Driver::new(socket, Pool::Contended, 1));
            is_released(rig, &staying);
            stop.store(true, Ordering::Relaxed);
        });
    });
}

/// Work that was sent ahead is not done for a client that is gone.
#[test]
fn who_leaves_is_missed_in_the_middle_of_its_calls() {
    fault(Conditions { pages: 8192, ..Conditions::USUAL }, |rig| {
        let staying = rig.holdings();
        let mut driver = Driver::new(&rig.socket, Pool::Contended, 8192);
        driver.loaded();
        let mut raw = rig.raw();
        join(&mut raw, &mut driver);
        let call = serde_json::json!({ "map": driver.map, "ops": ["prewrite"] });
        let call = serde_json::json!({ "method": Sync::NAME, "parameters": call });
        // Ten seconds' work.
        raw.send(format!("{call}\0").repeat(1500).as_bytes());
        assert_eq!(raw.reply()["parameters"]["pages"], 8192);
        drop((raw, driver));
        is_released(rig, &staying);
    });
}

/// Asserts that what a client had is released soon after it left.
fn is_released(rig: &mut Rig, staying: &Holdings) {
    const SOON: Duration = Duration::from_secs(2);
    let (left, metronome) = (Instant::now(), Metronome::start());
    while !rig.holdings().has_as_little_memory_as(staying) {
        let most = SOON + metronome.allowance();
        assert!(left.elapsed() < most, "still there after {most:?}");
    }
}

fn join(raw: &mut Raw, driver: &mut Driver) {
    let token = driver.client.call(&busdma_api::engine::Session {}).unwrap().token;
    raw.send(
        format!("{{\"method\":\"org.busdma.Engine.Join\",\"parameters\":{{\"token\":\"{token}\"}}}}\0").as_bytes(),
    );
    assert!(raw.reply().get("error").is_none());
}

fn read_call(driver: &Driver, offset: u64, length: u64) -> String {
    let parameters = serde_json::json!({ "memory": driver.memory, "offset": offset, "length": length });
    serde_json::json!({ "method": "org.busdma.Engine.ReadMemory", "parameters": parameters }).to_string()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
