//! The way of chunks from tapes to the recorder and back. Nothing in it waits on the tape's side.

use crate::chunk::{Chunk, TapeId};
use busdma_trace::Decisions;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What the recorder wants of one tape; both sides hold it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) tape: TapeId,
    wanted: AtomicU64,
    decisions: AtomicBool,
}

/// Numbers the starts that a recorder asks for; a later one is larger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(crate) struct Epoch(u64);

impl Epoch {
    /// Before the first start.
    pub(crate) const NONE: Self = Self(0);

    /// The one after this.
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Link {
    pub(crate) fn new(tape: TapeId) -> Self {
        Self { tape, wanted: AtomicU64::new(0), decisions: AtomicBool::new(false) }
    }

    /// The start that the recorder wants to see, `None` while it wants nothing.
    #[inline]
    pub(crate) fn wanted(&self) -> Option<Epoch> {
        match self.wanted.load(Ordering::Acquire) {
            0 => None,
            epoch => Some(Epoch(epoch)),
        }
    }

    /// Asks for a start.
    pub(crate) fn want(&self, epoch: Epoch) {
        self.wanted.store(epoch.0, Ordering::Release);
    }

    /// Asks for nothing any more.
    pub(crate) fn want_nothing(&self) {
        self.wanted.store(0, Ordering::Release);
    }

    /// Whether decisions are recorded, from the next start on.
    pub(crate) fn set_decisions(&self, decisions: Decisions) {
        self.decisions.store(decisions == Decisions::Recorded, Ordering::Relaxed);
    }

    pub(crate) fn decisions(&self) -> Decisions {
        if self.decisions.load(Ordering::Relaxed) { Decisions::Recorded } else { Decisions::LeftOut }
    }
}

/// What is sent to the recorder.
#[derive(Debug)]
pub(crate) enum Message {
    /// A chunk.
    Chunk(Box<Chunk>),
    /// Something else to look at.
    Wake,
}

/// Makes the queue between the tapes and the recorder. It holds at most `capacity` chunks.
pub(crate) fn queue(capacity: usize) -> (ChunkSender, ChunkReceiver) {
    // One place more than there may be chunks: a wake-up never takes that of a chunk.
    let (sender, receiver) = sync_channel(capacity + 1);
    let gauge = Arc::new(Gauge { queued: AtomicUsize::new(0), capacity });
    (ChunkSender { sender, gauge: Arc::clone(&gauge) }, ChunkReceiver { receiver, gauge })
}

/// How full the queue is.
#[derive(Debug)]
pub(crate) struct Gauge {
    queued: AtomicUsize,
    pub(crate) capacity: usize,
}

impl Gauge {
    pub(crate) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Whether there is so much room that a fresh start is worth its cost.
    pub(crate) fn has_room(&self) -> bool {
        self.queued() <= self.capacity / 2
    }

    fn enter(&self) -> bool {
        let entered = self.queued.fetch_add(1, Ordering::Relaxed) < self.capacity;
        if !entered {
            self.leave();
        }
        entered
    }

    fn leave(&self) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long the recorder lets chunks gather. The busiest machines fill some ten in that time.
const GATHERING: Duration = Duration::from_millis(1);

/// Chunks that the queue has to hold for that.
const GATHERING_CAPACITY: usize = 64;

/// The tapes' end of the queue.
#[derive(Clone, Debug)]
pub(crate) struct ChunkSender {
    sender: SyncSender<Message>,
    pub(crate) gauge: Arc<Gauge>,
}

impl ChunkSender {
    /// Hands a chunk over, or back when the queue is full or nobody listens.
    pub(crate) fn offer(&self, chunk: Box<Chunk>) -> Result<(), Box<Chunk>> {
        if !self.gauge.enter() {
            return Err(chunk);
        }
        match self.sender.try_send(Message::Chunk(chunk)) {
            Err(TrySendError::Full(Message::Chunk(chunk)) | TrySendError::Disconnected(Message::Chunk(chunk))) => {
                self.gauge.leave();
                Err(chunk)
            }
            _ => Ok(()),
        }
    }

    /// Makes the recorder look up, unless it has enough to do anyway.
    pub(crate) fn wake(&self) {
        // A full queue wakes the recorder as well.
        let _ = self.sender.try_send(Message::Wake);
    }
}

/// The recorder's end of the queue.
#[derive(Debug)]
pub(crate) struct ChunkReceiver {
    receiver: Receiver<Message>,
    gauge: Arc<Gauge>,
}

impl ChunkReceiver {
    /// The next message; `None` when none came in time.
    pub(crate) fn receive(&self, patience: Duration) -> Result<Option<Message>, Disconnected> {
        match self.receiver.recv_timeout(patience) {
            Ok(message) => Ok(Some(self.received(message))),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Disconnected),
        }
    }

    /// Lets chunks gather when there is none. A tape that finds the recorder waiting has to wake it, which costs the tape more
    /// than the rest of a hand-over; while machines are busy that would be for nearly every chunk.
    pub(crate) fn gather(&self) {
        if self.gauge.queued() == 0 && self.gauge.capacity >= GATHERING_CAPACITY {
            thread::sleep(GATHERING);
        }
    }

    /// The next chunk that is already there.
    pub(crate) fn next_chunk(&self) -> Option<Box<Chunk>> {
        loop {
            match self.receiver.try_recv() {
                Ok(message) => match self.received(message) {
                    Message::Chunk(chunk) => return Some(chunk),
                    Message::Wake => {}
                },
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return None,
            }
        }
    }

    fn received(&self, message: Message) -> Message {
        if matches!(message, Message::Chunk(_)) {
            self.gauge.leave();
        }
        message
    }
}

/// All tapes and the control side are gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Disconnected;

/// Chunks that were read, to be written again.
#[derive(Debug)]
pub(crate) struct ChunkPool {
    #[expect(clippy::vec_box, reason = "chunks are handed on as they are, and are large")]
    chunks: Mutex<Vec<Box<Chunk>>>,
    capacity: usize,
}

impl ChunkPool {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { chunks: Mutex::new(Vec::with_capacity(capacity)), capacity }
    }

    /// An empty chunk for a tape: a used one, unless there is none or somebody else is at the pool.
    pub(crate) fn take(&self, tape: TapeId) -> Box<Chunk> {
        match self.chunks.try_lock().ok().and_then(|mut chunks| chunks.pop()) {
            Some(mut chunk) => {
                chunk.tape = tape;
                chunk
            }
            None => Box::new(Chunk::new(tape)),
        }
    }

    /// Frees all chunks.
    pub(crate) fn clear(&self) {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Takes a chunk back.
    pub(crate) fn give_back(&self, chunk: Box<Chunk>) {
        if let Some(chunk) = chunk.recycled()
            && let Ok(mut chunks) = self.chunks.try_lock()
            && chunks.len() < self.capacity
        {
            chunks.push(chunk);
        }
    }
}
