//! Two threads make the index: one decompresses, the other reads lines.

use super::blocks::{Blocks, Discovery, Torn};
use super::clock::Clock;
use super::cursor::{Cursor, Step};
use super::index::{Header, Shared, Stage, WallMark};
use super::lines::{Feed, LinePlace};
use crate::source::trends::Trends;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Blocks that are decompressed ahead.
const AHEAD: usize = 4;

/// How often the course of the recording is told.
const TELL: Duration = Duration::from_millis(100);

/// Stops the threads when it is dropped.
#[derive(Debug)]
pub(super) struct Indexing {
    stop: Arc<AtomicBool>,
}

impl Drop for Indexing {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A block on its way from one thread to the other.
#[derive(Debug)]
struct Parcel {
    text: Vec<u8>,
    percent: u8,
}

/// Begins to make the index.
///
/// # Errors
/// A thread cannot be started, or the file cannot be read.
pub(super) fn begin(blocks: Arc<Blocks>, shared: Arc<Shared>) -> io::Result<Indexing> {
    let stop = Arc::new(AtomicBool::new(false));
    let discovery = Discovery::start(blocks)?;
    let (parcels, received) = sync_channel(AHEAD);
    let (returned, empties) = channel();
    let (failure, failed) = sync_channel(1);
    let thread = thread::Builder::new().name("recording-read".to_owned());
    thread.spawn(move || {
        let end = unpack(discovery, &parcels, &empties);
        // Nobody may be left to hear it.
        let _ = failure.send(end);
    })?;
    let stopped = Arc::clone(&stop);
    let thread = thread::Builder::new().name("recording-index".to_owned());
    thread.spawn(move || {
        let feed = Received { parcels: received, returned, percent: 0 };
        let mut indexer = Indexer { shared, stop: stopped, told: Instant::now(), trends: None };
        let read = indexer.run(feed);
        let end = failed.recv().unwrap_or(Ok(Torn::No));
        indexer.finish(read.and(end));
    })?;
    Ok(Indexing { stop })
}

fn unpack(mut discovery: Discovery, parcels: &SyncSender<Parcel>, empties: &Receiver<Vec<u8>>) -> io::Result<Torn> {
    loop {
        let mut text = empties.try_recv().unwrap_or_default();
        if !discovery.next_block(&mut text)? {
            return Ok(discovery.torn());
        }
        let percent = discovery.percent();
        if parcels.send(Parcel { text, percent }).is_err() {
            return Ok(Torn::No);
        }
    }
}

/// Blocks from the other thread.
#[derive(Debug)]
struct Received {
    parcels: Receiver<Parcel>,
    returned: Sender<Vec<u8>>,
    percent: u8,
}

impl Feed for Received {
    fn next_block(&mut self, text: &mut Vec<u8>) -> io::Result<bool> {
        let Ok(parcel) = self.parcels.recv() else { return Ok(false) };
        self.percent = parcel.percent;
        let empty = std::mem::replace(text, parcel.text);
        // The other thread may be done.
        let _ = self.returned.send(empty);
        Ok(true)
    }
}

struct Indexer {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    told: Instant,
    trends: Option<Trends>,
}

impl Indexer {
    fn run(&mut self, feed: Received) -> io::Result<()> {
        let mut cursor = Cursor::at(feed, LinePlace::default(), Clock::default(), None)?;
        let mut marked = None;
        while let Some(place) = cursor.place()? {
            if marked != Some(place.block) {
                if self.stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                marked = Some(place.block);
                self.mark(&cursor, place);
            }
            let had_begun = cursor.clock.has_begun();
            if cursor.step(|_| false, Some(&mut self.trends))? == Step::End {
                break;
            }
            if !had_begun && cursor.clock.has_begun() {
                self.scenario_began(&cursor);
            }
            if cursor.model.is_none() && cursor.lost > 0 {
                // A trace begins with a header: this is none.
                return Ok(());
            }
        }
        self.tell(&cursor);
        Ok(())
    }

    /// The first operation of a scenario was read.
    fn scenario_began(&mut self, cursor: &Cursor<Received>) {
        if cursor.clock.operations == 1 {
            self.tell(cursor);
            self.shared.change(|index| index.start = Some(cursor.clock.now));
        } else if let Some(wall) = wall(cursor) {
            self.shared.change(|index| index.wall(wall));
        }
    }

    fn mark(&mut self, cursor: &Cursor<Received>, place: LinePlace) {
        self.shared.change(|index| index.mark(place, cursor.clock, cursor.model.as_ref()));
        if self.told.elapsed() >= TELL {
            self.tell(cursor);
        }
        self.progress(cursor);
    }

    fn progress(&self, cursor: &Cursor<Received>) {
        let model = cursor.model.as_ref();
        self.shared.change(|index| {
            index.end = cursor.clock;
            index.deferrals = model.map_or(0, |model| model.deferrals);
            index.lost = cursor.lost;
            index.header = if model.is_some() { Header::Read } else { Header::Missing };
            index.percent = cursor.feed().percent;
            if let Some(wall) = wall(cursor) {
                index.wall(wall);
            }
        });
    }

    fn tell(&mut self, cursor: &Cursor<Received>) {
        self.told = Instant::now();
        self.progress(cursor);
        if let Some(trends) = &mut self.trends {
            trends.reach(cursor.clock.now);
        }
        let trends = self.trends.clone().map(Arc::new);
        self.shared.change(|index| index.trends = trends);
    }

    fn finish(&self, end: io::Result<Torn>) {
        self.shared.change(|index| match end {
            Ok(torn) => {
                index.lost += u64::from(torn == Torn::Yes);
                index.percent = 100;
                index.stage = Stage::Whole;
            }
            Err(error) => index.stage = Stage::Failed(error),
        });
    }
}

/// The time of day where the cursor is, if it is known.
fn wall(cursor: &Cursor<Received>) -> Option<WallMark> {
    let unix = cursor.model.as_ref()?.unix_ns(cursor.clock.now)?;
    Some(WallMark { clock: cursor.clock.now, unix })
}
