//! What is sent: messages made in advance, so that a client costs as little as it can.

use crate::peers::{Echo, Service, connect_echo};
use busdma_api::client::Client;
use busdma_api::engine::{
    Buffer, CreateMachine, CreateMap, CreateTag, Load, OnError, Operation, RegisterMemory, Request, Submit, Template,
    Unload,
};
use busdma_api::monitor::Watch;
use busdma_api::wire::{OutgoingCall, Replies};
use busdma_api::{Hex, MachineId, MapRef, MemoryRef, Method, TagRef};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Operations of one batch.
pub(crate) const BATCH: u32 = 2000;

/// Batches that are on their way at a time.
pub(crate) const AHEAD: u32 = 8;

/// Bytes a load maps.
const LENGTH: u64 = 4096;

/// Maps of a ring, and pages its buffers rotate through: no map is loaded twice in a row with the same.
const RING: usize = 64;
const PAGES: usize = 251;

/// What is loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Buffers {
    /// One buffer by one map.
    One,
    /// Other buffers each time, by the maps of a ring.
    Rotating,
}

/// A connection that bytes are sent over.
pub(crate) struct Link {
    stream: UnixStream,
    buffer: Vec<u8>,
    held: usize,
    /// Whoever sets the stage shares the session.
    client: Option<Client>,
}

/// Messages made in advance, and where each ends.
#[derive(Default)]
pub(crate) struct Messages {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// Sizes of messages and of their replies.
pub(crate) struct Sizes {
    asked: usize,
    answered: usize,
}

/// A machine with a tag and memory.
pub(crate) struct Stage {
    client: Client,
    tag: TagRef,
    memory: MemoryRef,
}

impl Link {
    pub(crate) fn to(service: &Service) -> Self {
        let mut client = Client::connect(&service.socket()).expect("the daemon");
        let stream = UnixStream::connect(service.socket()).expect("the daemon");
        let token = client.call(&busdma_api::engine::Session {}).expect("a session").token;
        let mut link = Self { stream, buffer: vec![0; 1 << 20], held: 0, client: Some(client) };
        let mut join = Messages::default();
        join.add(&busdma_api::engine::Join { token });
        link.pour(&join);
        link
    }

    /// Sends one message after the other, each when the one before is answered.
    pub(crate) fn exchange(&mut self, messages: &Messages) {
        let mut start = 0;
        for &end in &messages.ends {
            self.stream.write_all(&messages.bytes[start..end]).expect("the daemon reads");
            self.receive(1);
            start = end;
        }
    }

    /// Sends all messages, from a thread of its own where they are many, and takes all replies.
    pub(crate) fn pour(&mut self, messages: &Messages) {
        let mut writer = self.stream.try_clone().expect("a descriptor");
        if messages.bytes.len() < 64 << 10 {
            writer.write_all(&messages.bytes).expect("the daemon reads");
            return self.receive(messages.ends.len());
        }
        std::thread::scope(|scope| {
            scope.spawn(move || writer.write_all(&messages.bytes).expect("the daemon reads"));
            self.receive(messages.ends.len());
        });
    }

    pub(crate) fn receive_one(&mut self) {
        self.receive(1);
    }

    pub(crate) fn start_watching(&mut self, interval_ms: u64) {
        let watch = Watch { interval_ms: Some(interval_ms), ..Watch::default() };
        let mut bytes = Vec::new();
        let call = OutgoingCall { method: Watch::NAME, parameters: &watch, more: Replies::Many };
        serde_json::to_writer(&mut bytes, &call).expect("JSON");
        bytes.push(0);
        self.stream.write_all(&bytes).expect("the daemon reads");
    }

    pub(crate) fn recorder_status(&mut self) -> String {
        std::thread::sleep(Duration::from_millis(500));
        let client = self.client.as_mut().expect("a client");
        let status = client.call(&busdma_api::recorder::Status {}).expect("a status");
        format!("{} operations written, {} dropped", status.operations_written, status.operations_dropped)
    }

    /// Takes so many replies; each has to be one and no error.
    fn receive(&mut self, replies: usize) {
        let mut left = replies;
        while left > 0 {
            if self.held == self.buffer.len() {
                self.buffer.resize(2 * self.held, 0);
            }
            let read = self.stream.read(&mut self.buffer[self.held..]).expect("the daemon answers");
            assert!(read > 0, "the daemon hung up");
            let end = self.held + read;
            let ends =
                memchr::memchr_iter(0, &self.buffer[self.held..end]).map(|at| self.held + at).collect::<Vec<_>>();
            left -= ends.len().min(left);
            let Some(&last) = ends.last() else {
                self.held = end;
                continue;
            };
            assert!(
                !self.buffer[..last].starts_with(b"{\"error"),
                "{}",
                String::from_utf8_lossy(&self.buffer[..ends[0]])
            );
            self.buffer.copy_within(last + 1..end, 0);
            self.held = end - last - 1;
        }
    }
}

impl Messages {
    fn add<M: Method>(&mut self, call: &M) {
        let call = OutgoingCall { method: M::NAME, parameters: call, more: Replies::One };
        serde_json::to_writer(&mut self.bytes, &call).expect("JSON");
        self.bytes.push(0);
        self.ends.push(self.bytes.len());
    }

    /// How long these messages and their replies are, on the average.
    pub(crate) fn sizes(&self, link: &mut Link) -> Sizes {
        let mut answered = 0;
        let mut start = 0;
        for &end in &self.ends {
            link.stream.write_all(&self.bytes[start..end]).expect("the daemon reads");
            answered += link.stream.read(&mut link.buffer).expect("the daemon answers");
            start = end;
        }
        Sizes { asked: self.bytes.len() / self.ends.len(), answered: answered / self.ends.len() }
    }
}

impl Stage {
    pub(crate) fn on_new_machine(link: &mut Link) -> Self {
        let mut client = link.client.take().expect("a client");
        let machine: MachineId = client.call(&CreateMachine::default()).expect("a machine").machine;
        let template = Template {
            maxsize: Some(1 << 20),
            nsegments: Some(32),
            maxsegsz: Some(1 << 20),
            lowaddr: Some(Hex(u64::MAX)),
            ..Template::default()
        };
        let tag = CreateTag { machine: Some(machine), template: Some(template), ..CreateTag::default() };
        let tag = client.call(&tag).expect("a tag").tag;
        let memory = RegisterMemory { machine: Some(machine), length: 1 << 20, ..RegisterMemory::default() };
        let memory = client.call(&memory).expect("memory").memory;
        Self { client, tag, memory }
    }

    fn map(&mut self) -> MapRef {
        self.client.call(&CreateMap { tag: self.tag }).expect("a map").map
    }

    fn load(&self, map: MapRef) -> Load {
        self.load_at(map, None)
    }

    fn load_at(&self, map: MapRef, offset: Option<u64>) -> Load {
        Load { map, request: Request::Buffer(Buffer { memory: self.memory, offset, length: LENGTH }), wait: None }
    }

    pub(crate) fn load_and_unload(&mut self) -> Messages {
        let map = self.map();
        let mut messages = Messages::default();
        messages.add(&self.load(map));
        messages.add(&Unload { map });
        messages
    }

    /// Loads of so many maps, and their unloads.
    pub(crate) fn many_loads(&mut self, count: usize) -> (Messages, Messages) {
        let (mut loads, mut unloads) = (Messages::default(), Messages::default());
        for _ in 0..count {
            let map = self.map();
            loads.add(&self.load(map));
            unloads.add(&Unload { map });
        }
        (loads, unloads)
    }

    /// Submits of [`BATCH`] operations each, [`AHEAD`] of them: who has many sends the next while one is worked on.
    pub(crate) fn batches(&mut self, buffers: Buffers) -> Messages {
        let mut messages = Messages::default();
        let mut loads = self.loads(buffers).into_iter().cycle();
        for _ in 0..AHEAD {
            let pairs = loads.by_ref().take(BATCH as usize / 2);
            let operations = pairs.flat_map(|load| {
                let map = load.map;
                [Operation::Load(load), Operation::Unload(Unload { map })]
            });
            messages.add(&Submit { operations: operations.collect(), on_error: Some(OnError::Stop) });
        }
        messages
    }

    fn loads(&mut self, buffers: Buffers) -> Vec<Load> {
        match buffers {
            Buffers::One => {
                let map = self.map();
                vec![self.load(map)]
            }
            Buffers::Rotating => {
                let maps: Vec<MapRef> = (0..RING).map(|_| self.map()).collect();
                let load = |turn| self.load_at(maps[turn % RING], Some(LENGTH * (turn % PAGES) as u64));
                (0..RING * PAGES).map(load).collect()
            }
        }
    }
}

/// A connection to an echo.
pub(crate) struct EchoLink {
    stream: UnixStream,
    asked: Vec<u8>,
    answer: Vec<u8>,
}

impl EchoLink {
    pub(crate) fn to(echo: &Echo, sizes: &Sizes) -> Self {
        let stream = connect_echo(echo, sizes.asked, sizes.answered);
        Self { stream, asked: vec![0; sizes.asked], answer: vec![0; sizes.answered] }
    }

    /// One exchange.
    pub(crate) fn exchange(&mut self) {
        self.stream.write_all(&self.asked).expect("the echo reads");
        self.stream.read_exact(&mut self.answer).expect("the echo answers");
    }
}
