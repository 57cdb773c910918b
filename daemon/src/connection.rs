//! One connection: a worker thread that reads calls, carries them out in order, and writes the replies.

use crate::bell::{Bell, Heard};
use crate::calls;
use crate::config::{Limits, Quota};
use crate::machine::{Machine, SyncScratch};
use crate::monitor::Viewer;
use crate::service::Service;
use crate::session::{Left, Session};
use crate::socket::Peer;
use busdma_api::MachineId;
use busdma_api::service::ServiceError;
use busdma_api::wire::{Call, Continues, MessageReader, MessageWriter, OutgoingReply, WireError};
use serde::Serialize;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a call is carried out with.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) service: Arc<Service>,
    pub(crate) session: Arc<Session>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) scratch: SyncScratch,
    pub(crate) bell: Arc<Bell>,
    peer: Peer,
    stream: Arc<UnixStream>,
    /// When the replies were last sent.
    flushed: Instant,
    /// The machine of the call before: most calls are for the same one.
    machine: Option<Arc<Machine>>,
}

/// How long replies are held back while more calls are here already: who has sent calls that take long is not kept waiting
/// for the first reply, and is missed soon when it is gone.
const HELD_AT_MOST: Duration = Duration::from_millis(10);

/// Where the replies to one call go.
#[derive(Debug)]
pub(crate) struct Replies<'w> {
    writer: &'w mut MessageWriter<Arc<UnixStream>>,
    wanted: Wanted,
}

/// Which replies a caller takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    /// None.
    None,
    /// One.
    One,
    /// Any number.
    Many,
}

/// Why a worker stopped before the last reply of a call.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The connection is of no more use.
    Wire(WireError),
    /// The client is gone.
    HungUp,
}

impl From<WireError> for Stopped {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl Worker {
    /// A worker in a session of its own.
    ///
    /// # Errors
    /// No session can be opened.
    pub(crate) fn new(service: Arc<Service>, stream: Arc<UnixStream>, bell: Arc<Bell>, peer: Peer) -> io::Result<Self> {
        let session = service.sessions.open(peer.uid)?;
        let limits = service.limits();
        let (scratch, flushed) = (SyncScratch::default(), Instant::now());
        Ok(Self { service, session, limits, scratch, bell, peer, stream, flushed, machine: None })
    }

    /// Serves the connection until it ends.
    pub(crate) fn run(mut self) {
        let mut reader = MessageReader::new(Arc::clone(&self.stream), limit(&self.limits));
        let mut writer = MessageWriter::new(Arc::clone(&self.stream));
        tracing::debug!(peer = %self.peer, session = %self.session.id, "connected");
        let end = loop {
            match self.turn(&mut reader, &mut writer) {
                Ok(Turn::Served) => {}
                Ok(Turn::Ended) => break Ok(()),
                Err(stopped) => break Err(stopped),
            }
        };
        match end.and_then(|()| Ok(writer.flush()?)) {
            Ok(()) | Err(Stopped::HungUp) => tracing::debug!(session = %self.session.id, "disconnected"),
            Err(Stopped::Wire(error)) => {
                tracing::info!(peer = %self.peer, session = %self.session.id, %error, "connection dropped");
            }
        }
        self.leave();
    }

    fn turn(
        &mut self,
        reader: &mut MessageReader<Arc<UnixStream>>,
        writer: &mut MessageWriter<Arc<UnixStream>>,
    ) -> Result<Turn, Stopped> {
        let is_last = !reader.has_message();
        if is_last || self.flushed.elapsed() >= HELD_AT_MOST {
            writer.flush()?;
            self.flushed = Instant::now();
        }
        if is_last {
            reader.set_limit(limit(&self.service.limits()));
        }
        let read = reader.read();
        if is_last {
            // They may have changed while it was waited for.
            self.limits = self.service.limits();
        }
        let message = match read {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(Turn::Ended),
            Err(error) => return self.refuse_message(writer, error),
        };
        let call: Call<'_> = match serde_json::from_slice(message.text) {
            Ok(call) => call,
            Err(error) => {
                tracing::info!(peer = %self.peer, %error, "no call: the connection is closed");
                writer.write(&ServiceError::InvalidParameter { parameter: "method".to_owned() })?;
                return Ok(Turn::Ended);
            }
        };
        let wanted = match (call.oneway, call.more) {
            (true, _) => Wanted::None,
            (false, false) => Wanted::One,
            (false, true) => Wanted::Many,
        };
        let replies = Replies { writer, wanted };
        let account = Arc::clone(&self.session);
        if let Err(refused) = account.account.take(&self.limits, Quota::CallsInFlight, 1) {
            self.service.count_refusal(refused.quota.name(), refused.scope);
            calls::refuse(replies, refused)?;
            return Ok(Turn::Served);
        }
        let outcome = calls::carry_out(self, &call, message.descriptors, replies);
        account.account.give_back(Quota::CallsInFlight, 1);
        outcome.map(|()| Turn::Served)
    }

    /// Says which limit a message broke; nothing can be read after it.
    fn refuse_message(&self, writer: &mut MessageWriter<Arc<UnixStream>>, error: WireError) -> Result<Turn, Stopped> {
        if let WireError::TooLong { limit } = error {
            self.service.count_refusal("message_bytes", crate::config::Scope::Connection);
            let refusal = busdma_api::engine::EngineError::QuotaExceeded {
                quota: "message_bytes".to_owned(),
                limit: limit as u64,
                scope: crate::config::Scope::Connection.name().to_owned(),
            };
            writer.write(&refusal)?;
            writer.flush()?;
        }
        Err(error.into())
    }

    /// The machine of that id, when the session may use it.
    pub(crate) fn machine(&mut self, id: MachineId) -> Option<&Arc<Machine>> {
        if self.machine.as_ref().is_none_or(|machine| machine.id != id || machine.is_gone()) {
            self.machine = Some(self.service.machines.get(id)?);
        }
        self.machine.as_ref()
    }

    /// Forgets the machine of the call before.
    pub(crate) fn forget_machine(&mut self) {
        self.machine = None;
    }

    /// Who looks, when it is this client.
    pub(crate) fn viewer(&self) -> Viewer {
        Viewer { uid: self.peer.uid, daemon_uid: self.service.daemon_uid }
    }

    /// Waits for the bell until the deadline.
    pub(crate) fn listen(&self, deadline: Option<Instant>) -> Result<Heard, Stopped> {
        match self.bell.wait(self.stream.as_fd(), deadline) {
            Ok(Heard::HungUp) => Err(Stopped::HungUp),
            Ok(heard) => Ok(heard),
            Err(error) => Err(Stopped::Wire(WireError::Socket(error))),
        }
    }

    /// Leaves the session for another one.
    pub(crate) fn enter(&mut self, session: Arc<Session>) {
        self.leave();
        self.session = session;
    }

    /// Leaves the session; what it held is released when nobody else is in it.
    fn leave(&mut self) {
        self.machine = None;
        if self.service.sessions.leave(&self.session) == Left::GoesOn {
            return;
        }
        for machine in self.service.machines.all() {
            match machine.session_id() {
                None => machine.release(&self.session),
                Some(owner) if owner == self.session.id => calls::destroy_machine(&self.service, &machine),
                Some(_) => {}
            }
        }
        self.service.sessions.forget_idle_uids();
    }
}

/// Whether a connection goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    Served,
    Ended,
}

impl Replies<'_> {
    /// Which replies the caller takes.
    pub(crate) fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// Replies for the last time.
    pub(crate) fn last(&mut self, reply: &impl Serialize) -> Result<(), Stopped> {
        if self.wanted != Wanted::None {
            self.writer.write(&OutgoingReply { parameters: reply, continues: Continues::Last })?;
        }
        Ok(())
    }

    /// Replies for the last time, with descriptors.
    pub(crate) fn last_with(&mut self, reply: &impl Serialize, files: &[OwnedFd]) -> Result<(), Stopped> {
        if files.is_empty() || self.wanted == Wanted::None {
            return self.last(reply);
        }
        let files = files.iter().map(AsFd::as_fd).collect::<Vec<_>>();
        Ok(self.writer.write_with(&OutgoingReply { parameters: reply, continues: Continues::Last }, &files)?)
    }

    /// Replies at once, with more to follow.
    pub(crate) fn next(&mut self, reply: &impl Serialize) -> Result<(), Stopped> {
        self.writer.write(&OutgoingReply { parameters: reply, continues: Continues::More })?;
        Ok(self.writer.flush()?)
    }

    /// Replies with an error.
    pub(crate) fn error(&mut self, error: &impl Serialize) -> Result<(), Stopped> {
        if self.wanted != Wanted::None {
            self.writer.write(error)?;
        }
        Ok(())
    }
}

fn limit(limits: &Limits) -> usize {
    usize::try_from(limits.message_bytes).unwrap_or(usize::MAX)
}
