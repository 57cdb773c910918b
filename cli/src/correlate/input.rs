//! One input: found, opened, and read into a correlation.

use anyhow::{Context, bail};
use busdma_host::capture::{self, CaptureErrorKind, CaptureReader, Entry, PoolCounts};
use busdma_host::correlation::{Correlation, SourceReport};
use busdma_host::limits::{BouncePool, Facts, PoolReading};
use busdma_host::text::TextReader;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes read at once.
const BUFFER_BYTES: usize = 1 << 18;

/// What a directory's trace may be called.
const TRACE_NAMES: [&str; 2] = ["trace.txt", "trace.txt.zst"];

/// Something opened to read events from.
pub(super) struct Input {
    name: String,
    events: Events,
}

enum Events {
    Text(Box<dyn BufRead>),
    Capture(Box<CaptureReader<Box<dyn BufRead>>>),
}

impl Input {
    /// Opens what an argument names: standard input, a file, or the trace of a directory.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let (name, mut input) = if path.as_os_str() == "-" {
            ("<stdin>".to_owned(), buffered(io::stdin()))
        } else {
            let path = trace_of(path)?;
            let name = path.display().to_string();
            let input = open_file(&path).with_context(|| format!("cannot read {name}"))?;
            (name, input)
        };
        let start = input.fill_buf().with_context(|| format!("cannot read {name}"))?;
        let events = if capture::is_capture(start) {
            Events::Capture(Box::new(CaptureReader::new(input).with_context(|| name.clone())?))
        } else {
            Events::Text(input)
        };
        Ok(Self { name, events })
    }

    /// Takes in what the input itself says of the host it was recorded on.
    pub(super) fn facts_into(&self, facts: &mut Facts) -> anyhow::Result<()> {
        let Events::Capture(reader) = &self.events else { return Ok(()) };
        let header = reader.header();
        if let Some(text) = &header.command_line {
            facts.host.read_command_line(text);
        }
        if let Some(devices) = &header.devices {
            facts.read_devices_json(devices).with_context(|| self.name.clone())?;
        }
        if let Some(counts) = header.swiotlb {
            facts.host.pool = if counts.total == 0 { BouncePool::Absent } else { BouncePool::Slots(counts.total) };
            facts.host.readings.push(reading("header", counts));
        }
        Ok(())
    }

    /// Feeds all of it, and what it held beside its events.
    pub(super) fn read_into(self, correlation: &mut Correlation) -> anyhow::Result<()> {
        let name = self.name;
        let read = match self.events {
            Events::Text(input) => read_text(&name, input, correlation),
            Events::Capture(reader) => read_capture(&name, *reader, correlation),
        };
        let source = read.with_context(|| format!("cannot read {name}"))?;
        if source.events == 0 {
            bail!("{name}: {}", nothing_in(&source));
        }
        correlation.add_source(source);
        Ok(())
    }
}

fn trace_of(path: &Path) -> anyhow::Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    match TRACE_NAMES.iter().map(|name| path.join(name)).find(|trace| trace.exists()) {
        Some(trace) => Ok(trace),
        None => bail!("{}: no {} in this directory", path.display(), TRACE_NAMES.join(" or ")),
    }
}

fn open_file(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let file = File::open(path)?;
    if path.extension().is_some_and(|extension| extension == "zst") {
        return Ok(buffered(zstd::Decoder::new(file)?));
    }
    Ok(buffered(file))
}

fn buffered<R: Read + 'static>(input: R) -> Box<dyn BufRead> {
    Box::new(BufReader::with_capacity(BUFFER_BYTES, input))
}

fn read_text(name: &str, input: Box<dyn BufRead>, correlation: &mut Correlation) -> io::Result<SourceReport> {
    let mut reader = TextReader::new();
    for event in reader.events(input) {
        correlation.event(&event?);
    }
    Ok(SourceReport::of_text(name, reader.stats()).with_format(reader.format()))
}

fn read_capture(
    name: &str,
    reader: CaptureReader<Box<dyn BufRead>>,
    correlation: &mut Correlation,
) -> io::Result<SourceReport> {
    let mut source = SourceReport::of_capture(name);
    for entry in reader {
        source.count(&entry);
        match entry {
            Ok(Entry::Event(event)) => correlation.event(&event),
            Ok(Entry::Pool(sample)) => correlation.pool_reading(reading("capture", sample.counts)),
            Ok(Entry::Lost(_)) => {}
            Err(error) => {
                if let CaptureErrorKind::Io(error) = error.kind {
                    return Err(error);
                }
            }
        }
    }
    Ok(source)
}

fn reading(label: &str, counts: PoolCounts) -> PoolReading {
    PoolReading { label: label.into(), slots: Some(counts.total), used: Some(counts.used), high_water: counts.hiwater }
}

fn nothing_in(source: &SourceReport) -> String {
    let expected = "expected ftrace text, perf script text, or a capture of busdma";
    match (source.first_not_understood.first(), source.others) {
        (Some(first), _) => format!("no event in it; {expected}; {first}"),
        (None, 0) => format!("no event in it; {expected}"),
        (None, others) => format!("none of its {others} events is of dma, swiotlb, iommu or block"),
    }
}
