//! Events into a capture.

use super::{call, events, header, probes_with_events, warn_of_unknown};
use crate::args::HostRecordArgs;
use crate::console;
use crate::daemon::{Daemon, DaemonError};
use crate::duration;
use crate::failure::{self, Answer};
use crate::interrupt::Interruption;
use crate::text::counted;
use anyhow::Context;
use busdma_api::host::{Correlation, Devices, Events, EventsReply, Mappings};
use busdma_engine::Nanos;
use busdma_host::capture::{CaptureWriter, Entry, Header, Lost, PoolSample};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::Shutdown;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// zstd's own default: a recording must keep up.
const COMPRESSION_LEVEL: i32 = 3;

/// Records until Ctrl-C or for as long as was said, and says what was written.
pub(super) fn run(args: &HostRecordArgs) -> anyhow::Result<Answer> {
    let mut daemon = Daemon::connect(&args.daemon)?;
    let header = ask_header(&mut daemon)?;
    warn_of_unknown(&mut daemon, &args.device)?;
    let cannot = || format!("cannot write {}", args.file.display());
    let mut recording = Recording::begin(&args.file, &header).with_context(cannot)?;
    let begun = Instant::now();
    let interruption = Interruption::watch(Some(daemon.socket()?))?;
    let end = args.seconds.map(|seconds| begun + Duration::from_secs(seconds));
    if let Some(seconds) = args.seconds {
        hang_up_after(Duration::from_secs(seconds), &interruption, &daemon)?;
    }
    let followed = follow(&mut daemon, &args.device, &mut recording);
    let expected = interruption.has_come() || end.is_some_and(|end| Instant::now() >= end);
    let sampled = if expected { recording.sample_pool(&daemon) } else { followed };
    let text = recording.summary(&args.file, begun.elapsed());
    recording.finish().with_context(cannot)?;
    console::print(&text)?;
    sampled?;
    Ok(Answer::Yes)
}

/// What is known of the host. Asking for it also tells whether events may be read at all.
fn ask_header(daemon: &mut Daemon) -> Result<Header, DaemonError> {
    let probes = probes_with_events(daemon)?;
    call(daemon, &Mappings { limit: Some(0), ..Mappings::default() })?;
    let devices = call(daemon, &Devices::default())?.devices;
    let correlation = call(daemon, &Correlation::default())?;
    Ok(header::header(&probes, &devices, &correlation))
}

/// Ends the wait for replies when the time has come.
fn hang_up_after(time: Duration, interruption: &Interruption, daemon: &Daemon) -> io::Result<()> {
    let (interruption, socket) = (interruption.clone(), daemon.socket()?);
    thread::Builder::new().name("timer".to_owned()).spawn(move || {
        interruption.sleep(time);
        // It may have been hung up already.
        let _ = socket.shutdown(Shutdown::Both);
    })?;
    Ok(())
}

fn follow(daemon: &mut Daemon, devices: &[String], recording: &mut Recording) -> anyhow::Result<()> {
    for reply in daemon.follow(&Events::default())? {
        recording.take(&reply?, devices)?;
    }
    Ok(())
}

/// A capture that is being written.
struct Recording {
    writer: CaptureWriter<Output>,
    events: u64,
    lost: u64,
    dropped: u64,
    not_understood: u64,
    last: Option<Nanos>,
}

/// Where a capture goes.
enum Output {
    Plain(BufWriter<File>),
    Compressed(zstd::Encoder<'static, BufWriter<File>>),
}

impl Recording {
    fn begin(path: &Path, header: &Header) -> anyhow::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        let output = if path.extension().is_some_and(|extension| extension == "zst") {
            Output::Compressed(zstd::Encoder::new(file, COMPRESSION_LEVEL)?)
        } else {
            Output::Plain(file)
        };
        let writer = CaptureWriter::new(output, header)?;
        Ok(Self { writer, events: 0, lost: 0, dropped: 0, not_understood: 0, last: None })
    }

    /// Writes the events of a reply that are about `devices` or about none, behind what is missing before them.
    fn take(&mut self, reply: &EventsReply, devices: &[String]) -> anyhow::Result<()> {
        let (lost, at) = (reply.lost + reply.dropped, reply.events.first().map(|event| Nanos::new(event.t_ns)));
        if lost > 0 {
            self.writer.write(&Entry::Lost(Lost { at: at.or(self.last), events: lost }))?;
            self.lost += reply.lost;
            self.dropped += reply.dropped;
        }
        let wanted = |device: &Option<String>| {
            devices.is_empty() || device.as_ref().is_none_or(|device| devices.contains(device))
        };
        for record in reply.events.iter().filter(|record| wanted(&record.device)) {
            match events::event(record) {
                Ok(event) => {
                    self.writer.write_event(&event)?;
                    self.events += 1;
                    self.last = Some(event.at);
                }
                Err(error) => {
                    if self.not_understood == 0 {
                        failure::warn(&format!("an event is left out: {error}"));
                    }
                    self.not_understood += 1;
                }
            }
        }
        Ok(())
    }

    /// Adds what the pool holds at the end.
    fn sample_pool(&mut self, daemon: &Daemon) -> anyhow::Result<()> {
        let correlation = call(&mut daemon.connect_again()?, &Correlation::default())?;
        if let Some(counts) = header::pool_counts(&correlation.pool) {
            let at = Some(Nanos::new(correlation.t_ns));
            self.writer.write(&Entry::Pool(PoolSample { at, counts }))?;
        }
        Ok(())
    }

    fn summary(&self, path: &Path, time: Duration) -> String {
        let mut missing = Vec::new();
        for (count, why) in [
            (self.lost, "lost, as they came too fast"),
            (self.dropped, "dropped by the kernel's ring"),
            (self.not_understood, "left out, as this busdma does not know them"),
        ] {
            if count > 0 {
                missing.push(format!("{count} {why}"));
            }
        }
        let missing = if missing.is_empty() { "none lost".to_owned() } else { missing.join(", ") };
        let time = duration::short(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        let (path, count) = (path.display(), counted(self.events, "event"));
        format!("{path}: {count} in {time}, {missing}; `busdma correlate {path}` reads it\n")
    }

    fn finish(self) -> anyhow::Result<()> {
        match self.writer.finish()? {
            Output::Plain(file) => file.into_inner().map_err(io::IntoInnerError::into_error)?,
            Output::Compressed(encoder) => encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?,
        };
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Compressed(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Compressed(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use busdma_host::capture::CaptureReader;
    use serde_json::json;
    use std::fs;
    use std::io::BufReader;

    #[test]
    fn what_is_missing_stands_where_it_is_missing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dma.busdma-host");
        let mut recording = Recording::begin(&path, &Header::default()).unwrap();
        let unmap = |t_ns: u64, device: &str| {
            json!({ "t_ns": t_ns, "cpu": 0, "pid": 1, "task": "init", "event": "dma_unmap_phys", "device": device,
                "direction": "TO_DEVICE", "pieces": [{ "dma": "0x9000", "size": 512 }], "size": 512 })
        };
        let bio = json!({ "t_ns": 12, "cpu": 0, "pid": 1, "task": "init", "event": "block_bio_queue", "disk": "8,0",
            "operation": "W", "sector": "0x0", "sectors": 8 });
        let invented = json!({ "t_ns": 13, "cpu": 0, "pid": 1, "task": "init", "event": "dma_invented" });
        let replies = [
            json!({ "events": [unmap(10, "a"), unmap(11, "b"), bio], "lost": 0, "dropped": 0 }),
            json!({ "events": [], "lost": 0, "dropped": 5 }),
            json!({ "events": [invented, unmap(14, "a")], "lost": 2, "dropped": 1 }),
        ];
        for reply in replies {
            recording.take(&serde_json::from_value(reply).unwrap(), &["a".to_owned()]).unwrap();
        }
        let summary = recording.summary(Path::new("f"), Duration::from_secs(2));
        let missing = "2 lost, as they came too fast, 6 dropped by the kernel's ring, 1 left out, as this busdma does not \
                       know them";
        assert_eq!(summary, format!("f: 3 events in 2.00 s, {missing}; `busdma correlate f` reads it\n"));
        recording.finish().unwrap();
        let read = CaptureReader::new(BufReader::new(fs::File::open(&path).unwrap())).unwrap();
        let read: Vec<_> = read
            .map(|entry| match entry.unwrap() {
                Entry::Event(event) => (event.point.name(), event.at.raw(), 0),
                Entry::Lost(lost) => ("lost", lost.at.unwrap().raw(), lost.events),
                Entry::Pool(_) => panic!("no pool was sampled"),
            })
            .collect();
        let expected = [
            ("dma_unmap_phys", 10, 0),
            ("block_bio_queue", 12, 0),
            ("lost", 12, 5),
            ("lost", 13, 3),
            ("dma_unmap_phys", 14, 0),
        ];
        assert_eq!(read, expected);
    }
}
