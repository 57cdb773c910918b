//! Any bytes at all on a connection: cut into messages, and carried out by a whole service. Nothing may panic or hang, and when
//! the connection ends the machine is empty.
//!
//! A byte of value 1, which JSON has no use for, is not sent: what follows it comes along with a file descriptor.
//! `daemon/fuzz/seeds/wire` holds real calls to start from, `daemon/fuzz/wire.dict` the words they are made of.

#![no_main]

use busdma_api::wire::{MESSAGE_BYTES_DEFAULT, MessageReader};
use busdmad::config::{Config, Limits};
use busdmad::server::Host;
use busdmad::service::{Service, ServiceHost};
use busdmad::socket::Peer;
use libfuzzer_sys::{Corpus, fuzz_target};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::io::{ErrorKind, IoSlice, Read};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

/// More would not fit into a socket that nobody reads yet.
const BYTES_MAX: usize = 32 << 10;

/// What separates two pieces, of which the second comes with a descriptor.
const WITH_DESCRIPTOR: u8 = 1;

/// How long a connection may be silent before it is closed: its last call waits for something.
const SILENCE: Duration = Duration::from_millis(20);

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if bytes.len() > BYTES_MAX || bytes.iter().filter(|&&byte| byte == WITH_DESCRIPTOR).count() > 64 {
        return Corpus::Reject;
    }
    cut_into_messages(bytes);
    carried_out(bytes);
    Corpus::Keep
});

/// What is read is what was sent, message by message, up to the first that is refused.
fn cut_into_messages(bytes: &[u8]) {
    let sent: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != WITH_DESCRIPTOR).collect();
    let (ours, theirs) = UnixStream::pair().unwrap();
    send(&ours, bytes);
    drop(ours);
    let mut reader = MessageReader::new(theirs, MESSAGE_BYTES_DEFAULT);
    let mut messages = sent.split(|&byte| byte == 0);
    while let Ok(Some(message)) = reader.read() {
        assert_eq!(Some(message.text), messages.next());
    }
}

/// A service of its own for each input, so that the same bytes name the same objects.
fn carried_out(bytes: &[u8]) {
    let host = ServiceHost(Service::new(&config(), None).unwrap());
    let (ours, theirs) = UnixStream::pair().unwrap();
    let uid = rustix::process::geteuid().as_raw();
    let peer = Peer { uid, gid: rustix::process::getegid().as_raw(), pid: None };
    host.serve(theirs, peer);
    send(&ours, bytes);
    // The worker may have hung up already.
    let _ = ours.shutdown(Shutdown::Write);
    drain(&ours);
    drop(ours);
    is_empty(&host);
    host.drain(PATIENCE);
}

/// Small limits, so that no input takes much memory or time.
fn config() -> Config {
    let mut limits =
        Limits { message_bytes: 64 << 10, wait_timeout_max: Duration::from_millis(5), ..Limits::default() };
    for quotas in [&mut limits.per_connection, &mut limits.per_uid] {
        quotas.memory_bytes = 1 << 20;
        quotas.dmamem_bytes = 1 << 20;
        quotas.machines = 2;
    }
    let mut config = Config { limits, ..Config::default() };
    config.host0.bounce_frames = 64;
    config.host0.max_bpages = 32;
    config
}

fn send(socket: &UnixStream, bytes: &[u8]) {
    for (number, piece) in bytes.split(|&byte| byte == WITH_DESCRIPTOR).enumerate() {
        let descriptor = (number > 0).then(memory);
        // A descriptor needs a byte to go with; the socket may be closed already.
        if !piece.is_empty() && send_piece(socket, piece, descriptor.as_ref()).is_err() {
            return;
        }
    }
}

fn send_piece(socket: &UnixStream, piece: &[u8], descriptor: Option<&OwnedFd>) -> rustix::io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors: Vec<_> = descriptor.into_iter().map(AsFd::as_fd).collect();
    if !descriptors.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    sendmsg(socket, &[IoSlice::new(piece)], &mut control, SendFlags::NOSIGNAL)
}

/// Memory that a client may register.
fn memory() -> OwnedFd {
    let file = memfd_create("fuzz", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    ftruncate(&file, 64 << 10).unwrap();
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW).unwrap();
    file
}

/// Reads replies until the end, or until the worker waits.
fn drain(socket: &UnixStream) {
    let (begun, mut chunk, mut socket) = (Instant::now(), [0; 16 << 10], socket);
    socket.set_read_timeout(Some(SILENCE)).unwrap();
    // Some streams never end.
    while begun.elapsed() < 5 * SILENCE {
        match socket.read(&mut chunk) {
            Ok(0) => return,
            Err(error) if error.kind() != ErrorKind::Interrupted => return,
            _ => {}
        }
    }
}

/// Waits for the end of the connection, and asserts that it left nothing behind.
fn is_empty(host: &ServiceHost) {
    let begun = Instant::now();
    while host.sample().connections.open > 0 {
        assert!(begun.elapsed() < PATIENCE, "the worker does not notice the end");
        thread::sleep(Duration::from_micros(50));
    }
    // A sample looks at the machines before it looks at the connections.
    let sample = host.sample();
    let [host0] = &sample.machines[..] else { panic!("{} machines are left", sample.machines.len()) };
    let maps = host0.maps;
    assert_eq!((host0.tags, maps.idle, maps.deferred, maps.loaded), (0, 0, 0, 0));
    for zone in &host0.zones {
        assert_eq!((zone.free, zone.reserved, zone.active, zone.waiters), (zone.total, 0, 0, 0), "{zone:?}");
    }
}
