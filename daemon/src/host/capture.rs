//! The host's events beside a recording: a capture that `busdma correlate` reads, written by a thread of its own.
//!
//! Its times are on the clock of the recording. Whoever reads the probes never waits: batches that find the queue full are
//! dropped and counted, also in the file.

use super::facts;
use crate::config::Compression;
use busdma_engine::Nanos;
use busdma_host::capture::{CaptureWriter, Entry, Header, Lost, PoolCounts};
use busdma_host::event::{HostEvent, Tracepoint};
use busdma_trace::Frames;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Batches that wait to be written; one holds up to a thousand events.
const QUEUE: usize = 256;

/// Longest time of events that a crash may lose.
const FRAME_INTERVAL: Duration = Duration::from_secs(1);

/// A capture that is being written.
#[derive(Debug)]
pub(crate) struct HostCapture {
    path: PathBuf,
    queue: Option<SyncSender<Batch>>,
    thread: Option<JoinHandle<()>>,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Batch {
    events: Vec<HostEvent>,
    /// Events that were lost before them.
    lost: u64,
    at: Nanos,
}

/// What became of events.
#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicBool,
}

impl HostCapture {
    /// Begins a capture in the directory.
    ///
    /// # Errors
    /// The file cannot be made, or there is no thread.
    pub(crate) fn begin(directory: &Path, compression: Compression) -> io::Result<Self> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let extension = match compression {
            Compression::Zstd => ".zst",
            Compression::None => "",
        };
        let path = directory.join(format!("host-{}.busdma-host{extension}", since_epoch.as_millis()));
        let file = BufWriter::new(File::create_new(&path)?);
        let output = match compression {
            Compression::Zstd => Output::Compressed(Frames::new(file, busdma_trace::writer::ZSTD_LEVEL)),
            Compression::None => Output::Plain(file),
        };
        let writer = CaptureWriter::new(output, &header()).map_err(io::Error::other)?;
        let (queue, batches) = sync_channel(QUEUE);
        let counts = Arc::new(Counts::default());
        let writing = Writing { writer, counts: Arc::clone(&counts) };
        let thread = thread::Builder::new().name("host capture".to_owned()).spawn(move || writing.run(&batches))?;
        Ok(Self { path, queue: Some(queue), thread: Some(thread), counts })
    }

    /// Takes events, and how many were lost before them. Never waits.
    pub(crate) fn take(&self, events: &[HostEvent], lost: u64, at: Nanos) {
        let Some(queue) = &self.queue else { return };
        let lost = lost + self.counts.dropped.swap(0, Ordering::Relaxed);
        if queue.try_send(Batch { events: events.to_vec(), lost, at }).is_err() {
            self.counts.dropped.fetch_add(lost + events.len() as u64, Ordering::Relaxed);
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Events written.
    pub(crate) fn written(&self) -> u64 {
        self.counts.written.load(Ordering::Relaxed)
    }

    /// Whether the disk refused, which ended it.
    pub(crate) fn has_failed(&self) -> bool {
        self.counts.failed.load(Ordering::Relaxed)
    }
}

impl Drop for HostCapture {
    /// Completes the file.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It has told of what went wrong.
            let _ = thread.join();
        }
    }
}

fn header() -> Header {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    let command_line = std::fs::read_to_string("/proc/cmdline").ok();
    let pool = facts::pool_reading();
    let pool =
        pool.and_then(|pool| Some(PoolCounts { total: pool.slots?, used: pool.used?, hiwater: pool.high_water }));
    Header {
        clock: "busdmad".into(),
        kernel: kernel.map(|text| text.trim().into()),
        command_line: command_line.map(|text| text.trim().into()),
        recorded: Tracepoint::ALL.iter().copied().filter(|point| point.group() != "ftrace").collect(),
        devices: Some(facts::read().devices_to_json()),
        swiotlb: pool,
        iomem: Vec::new(),
    }
}

/// The thread that writes.
struct Writing {
    writer: CaptureWriter<Output>,
    counts: Arc<Counts>,
}

enum Output {
    Plain(BufWriter<File>),
    Compressed(Frames<BufWriter<File>>),
}

impl Writing {
    fn run(mut self, batches: &Receiver<Batch>) {
        let mut next_frame = Instant::now() + FRAME_INTERVAL;
        loop {
            let done = match batches.recv_timeout(next_frame.saturating_duration_since(Instant::now())) {
                Ok(batch) => self.write(&batch),
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let done = done.and_then(|()| {
                if Instant::now() < next_frame {
                    return Ok(());
                }
                next_frame = Instant::now() + FRAME_INTERVAL;
                self.writer.get_mut().settle()
            });
            if let Err(error) = done {
                return self.fail(&error);
            }
        }
        let finished = self.writer.finish().map_err(io::Error::other).and_then(Output::finish);
        if let Err(error) = finished {
            tracing::error!(%error, "the host's events cannot be written");
        }
    }

    fn write(&mut self, batch: &Batch) -> io::Result<()> {
        if batch.lost > 0 {
            let lost = Entry::Lost(Lost { at: Some(batch.at), events: batch.lost });
            self.writer.write(&lost).map_err(io::Error::other)?;
        }
        for event in &batch.events {
            self.writer.write_event(event).map_err(io::Error::other)?;
        }
        self.counts.written.fetch_add(batch.events.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn fail(&self, error: &io::Error) {
        tracing::error!(%error, "the host's events cannot be written");
        self.counts.failed.store(true, Ordering::Relaxed);
    }
}

impl Output {
    /// Whatever becomes of the rest, a reader gets what was written so far.
    fn settle(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Compressed(frames) => {
                frames.end_frame()?;
                frames.get_mut().map_or(Ok(()), BufWriter::flush)
            }
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut file) => file.flush(),
            Self::Compressed(frames) => frames.finish()?.flush(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Compressed(frames) => frames.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
