//! A capture, read into memory with what is known of its host.

use super::{Item, What};
use crate::frame::Lost;
use crate::source::open::{OpenError, ZSTD_MAGIC};
use busdma_engine::Nanos;
use busdma_host::capture::{self, CaptureEnd, CaptureErrorKind, CaptureReader, Entry};
use busdma_host::event::HostEvent;
use busdma_host::limits::{BouncePool, FactError, Facts, PoolReading};
use busdma_host::text::TextReader;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Events and samples of the pool that are held; those behind them count as lost.
const ITEMS_MAX: usize = 1 << 20;

/// What a directory's trace may be called.
const TRACE_NAMES: [&str; 2] = ["trace.txt", "trace.txt.zst"];

/// All of a capture.
pub(super) struct Input {
    pub(super) name: String,
    pub(super) facts: Facts,
    pub(super) items: Vec<Item>,
    pub(super) lost: Lost,
}

/// Reads a capture, or the trace of a directory with the facts beside it.
pub(super) fn read(path: &Path) -> Result<Input, OpenError> {
    let name = path.display().to_string();
    let trace = trace_of(path)?;
    let mut facts = Facts::default();
    if path.is_dir() {
        read_directory(&mut facts, path)?;
    }
    let unreadable = |error: io::Error| OpenError::of_io(&trace.display().to_string(), &error);
    let mut text = open_text(&trace).map_err(unreadable)?;
    let start = text.fill_buf().map_err(unreadable)?;
    if start.is_empty() {
        return Err(OpenError::Empty { path: name });
    }
    let mut input = Input { name, facts, items: Vec::new(), lost: Lost::default() };
    let why = if capture::is_capture(start) { input.capture(text)? } else { input.text(text).map_err(unreadable)? };
    if input.items.iter().any(|item| matches!(item.what, What::Event(_))) {
        Ok(input)
    } else {
        Err(OpenError::NotACapture { path: input.name, why })
    }
}

fn trace_of(path: &Path) -> Result<PathBuf, OpenError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    TRACE_NAMES.iter().map(|name| path.join(name)).find(|trace| trace.exists()).ok_or_else(|| OpenError::NotACapture {
        path: path.display().to_string(),
        why: format!("no {} in this directory", TRACE_NAMES.join(" or ")),
    })
}

fn open_text(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut input = BufReader::new(File::open(path)?);
    if input.fill_buf()?.starts_with(&ZSTD_MAGIC) {
        return Ok(Box::new(BufReader::new(zstd::Decoder::with_buffer(input)?)));
    }
    Ok(Box::new(input))
}

impl Input {
    fn add(&mut self, at: Nanos, what: What) {
        if self.items.len() >= ITEMS_MAX {
            self.lost.events += 1;
            return;
        }
        let at = self.items.last().map_or(0, |item| item.at).max(at.raw());
        self.items.push(Item { at, what });
    }

    fn event(&mut self, event: HostEvent) {
        self.add(event.at, What::Event(Box::new(event)));
    }

    /// Text of ftrace or perf. What it says is why there is no event, where there is none.
    fn text(&mut self, input: Box<dyn BufRead>) -> io::Result<String> {
        let mut reader = TextReader::new();
        for event in reader.events(input) {
            match event {
                Ok(event) => self.event(event),
                // A compressed file can be cut off: what there is of it is read.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.lost.lines += 1,
                Err(error) => return Err(error),
            }
        }
        let stats = reader.stats();
        self.lost.events += stats.lost_events;
        self.lost.lines += stats.not_understood;
        Ok(match stats.first_not_understood.first() {
            Some(first) => format!("line {}: {}", first.line, first.reason),
            None => "no event of dma, swiotlb, iommu or block in it".to_owned(),
        })
    }

    fn capture(&mut self, input: Box<dyn BufRead>) -> Result<String, OpenError> {
        let mut reader = CaptureReader::new(input)
            .map_err(|error| OpenError::NotACapture { path: self.name.clone(), why: error.to_string() })?;
        self.header(&reader)?;
        for entry in &mut reader {
            match entry {
                Ok(Entry::Event(event)) => self.event(event),
                Ok(Entry::Pool(sample)) => self.add(sample.at.unwrap_or_default(), What::Pool(sample.counts)),
                Ok(Entry::Lost(lost)) => self.lost.events = self.lost.events.saturating_add(lost.events),
                Err(error) => {
                    self.lost.lines += 1;
                    if matches!(error.kind, CaptureErrorKind::Io(_)) {
                        break;
                    }
                }
            }
        }
        self.lost.lines += u64::from(reader.end() != CaptureEnd::Whole);
        Ok("no event in it".to_owned())
    }

    /// What the capture itself says of its host.
    fn header(&mut self, reader: &CaptureReader<Box<dyn BufRead>>) -> Result<(), OpenError> {
        let header = reader.header();
        if let Some(text) = &header.command_line {
            self.facts.host.read_command_line(text);
        }
        if let Some(devices) = &header.devices {
            let read = self.facts.read_devices_json(devices);
            read.map_err(|error| OpenError::NotACapture { path: self.name.clone(), why: error.to_string() })?;
        }
        if let Some(counts) = header.swiotlb {
            let pool = if counts.total == 0 { BouncePool::Absent } else { BouncePool::Slots(counts.total) };
            self.facts.host.pool = pool;
            self.facts.host.readings.push(PoolReading {
                label: "header".into(),
                slots: Some(counts.total),
                used: Some(counts.used),
                high_water: counts.hiwater,
            });
        }
        Ok(())
    }
}

/// What files beside a trace say of its host.
fn read_directory(facts: &mut Facts, directory: &Path) -> Result<(), OpenError> {
    if let Some(text) = read_if_there(&directory.join("cmdline.txt"))? {
        facts.host.read_command_line(&text);
    }
    let (pci, queue, swiotlb) = (directory.join("pci.txt"), directory.join("queue.txt"), directory.join("swiotlb.txt"));
    if let Some(text) = read_if_there(&pci)? {
        understood(&pci, facts.read_devices(&text))?;
    }
    if let Some(text) = read_if_there(&queue)? {
        understood(&queue, facts.read_queues(&text))?;
    }
    if let Some(text) = read_if_there(&swiotlb)? {
        understood(&swiotlb, facts.host.read_swiotlb_files(&text))?;
    } else {
        facts.host.pool = BouncePool::Absent;
    }
    Ok(())
}

fn read_if_there(path: &Path) -> Result<Option<String>, OpenError> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(OpenError::of_io(&path.display().to_string(), &error)),
    }
}

fn understood(path: &Path, read: Result<(), FactError>) -> Result<(), OpenError> {
    read.map_err(|error| OpenError::NotACapture { path: path.display().to_string(), why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use busdma_host::capture::PoolCounts;

    #[test]
    fn samples_of_the_pool_are_bounded_too() {
        let (facts, items, lost) = (Facts::default(), Vec::new(), Lost::default());
        let mut input = Input { name: String::new(), facts, items, lost };
        for at in 0..ITEMS_MAX as u64 + 5 {
            let counts = PoolCounts { total: 1, used: 0, hiwater: None };
            input.add(Nanos::new(at), What::Pool(counts));
        }
        assert_eq!((input.items.len(), input.lost.events), (ITEMS_MAX, 5));
    }
}
