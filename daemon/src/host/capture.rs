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
    /// Begins a capture in the directory, which ends by itself once it has more bytes than it may.
    ///
    /// # Errors
    /// The file cannot be made, or there is no thread.
    pub(crate) fn begin(directory: &Path, compression: Compression, bytes_max: u64) -> io::Result<Self> {
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
        let writing = Writing { writer, bytes_max, counts: Arc::clone(&counts) };
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

    /// Whether it ended by itself: the disk refused, or it had more bytes than it may.
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
    bytes_max: u64,
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
                self.settle()
            });
            if let Err(error) = done {
                return self.fail(&error);
            }
        }
        if let Err(error) = self.tell_of_the_last_drops() {
            return self.fail(&error);
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

    /// Events that were dropped with no batch behind them to tell of it.
    fn tell_of_the_last_drops(&mut self) -> io::Result<()> {
        match self.counts.dropped.swap(0, Ordering::Relaxed) {
            0 => Ok(()),
            events => self.writer.write(&Entry::Lost(Lost { at: None, events })).map_err(io::Error::other),
        }
    }

    /// Brings what was written so far to the file, and looks at how long that is.
    fn settle(&mut self) -> io::Result<()> {
        let bytes = self.writer.get_mut().settle()?;
        if bytes > self.bytes_max {
            let limit = self.bytes_max;
            return Err(io::Error::other(format!("{bytes} bytes are more than recorder.disk_bytes_max, {limit}")));
        }
        Ok(())
    }

    fn fail(&self, error: &io::Error) {
        tracing::error!(%error, "the host's events cannot be written");
        self.counts.failed.store(true, Ordering::Relaxed);
    }
}

impl Output {
    /// Whatever becomes of the rest, a reader gets what was written so far. Says how many bytes that is in the file.
    fn settle(&mut self) -> io::Result<u64> {
        let file = match self {
            Self::Plain(file) => Some(file),
            Self::Compressed(frames) => {
                frames.end_frame()?;
                frames.get_mut()
            }
        };
        let Some(file) = file else { return Ok(0) };
        file.flush()?;
        Ok(file.get_ref().metadata()?.len())
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

#[cfg(test)]
mod tests {
    use super::*;
    use busdma_host::capture::CaptureReader;
    use busdma_host::event::{EventKind, Task};
    use std::io::BufReader;

    fn marks(count: usize) -> Vec<HostEvent> {
        let mark = HostEvent {
            at: Nanos::new(1),
            cpu: 0,
            task: Task::default(),
            point: Tracepoint::MarkWrite,
            kind: EventKind::Mark("a mark".into()),
        };
        vec![mark; count]
    }

    #[test]
    fn what_was_written_and_what_was_dropped_at_the_end_are_in_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let capture = HostCapture::begin(directory.path(), Compression::None, u64::MAX).unwrap();
        capture.take(&marks(3), 2, Nanos::new(9));
        capture.counts.dropped.store(5, Ordering::Relaxed);
        let path = capture.path().to_owned();
        drop(capture);
        let entries = CaptureReader::new(BufReader::new(File::open(path).unwrap())).unwrap().map(Result::unwrap);
        let lost = |at, events| Entry::Lost(Lost { at, events });
        let events = marks(3).into_iter().map(Entry::Event);
        let expected = std::iter::once(lost(Some(Nanos::new(9)), 2)).chain(events).chain([lost(None, 5)]);
        assert_eq!(entries.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_file_that_grows_too_long_ends() {
        let directory = tempfile::tempdir().unwrap();
        for compression in [Compression::None, Compression::Zstd] {
            let capture = HostCapture::begin(directory.path(), compression, 100).unwrap();
            let deadline = Instant::now() + Duration::from_secs(20);
            while !capture.has_failed() {
                assert!(Instant::now() < deadline, "{compression:?}");
                capture.take(&marks(10), 0, Nanos::new(9));
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
