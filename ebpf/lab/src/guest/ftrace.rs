//! The kernel's own trace of the same events, in an instance of the lab's.
//!
//! An event that has no room in a page leaves no text and is not counted either: the unmapping of a list of more than about
//! 500 entries, and its syncs. Larger sub-buffers do not help in Linux 6.12, whose longest record stays what it was.

use super::{GuestError, names_in, read, write};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

const INSTANCE: &str = "/sys/kernel/tracing/instances/busdma-lab";

/// Groups of events that are traced whole.
const GROUPS: [&str; 3] = ["dma", "swiotlb", "iommu"];

/// Events of `block` that are traced.
const BLOCK_EVENTS: [&str; 4] = ["block_bio_queue", "block_rq_issue", "block_rq_complete", "block_rq_requeue"];

/// For each processor; a scenario fills a tenth of it.
const BUFFER_KIB: &str = "8192";

/// A trace under way.
#[derive(Debug)]
pub(super) struct Trace {
    events: Vec<String>,
}

/// A finished trace.
#[derive(Debug)]
pub(super) struct FoundTrace {
    /// The trace as the kernel prints it.
    pub(super) text: String,
    /// What the ring buffers lost.
    pub(super) stats: String,
    /// `GROUP/EVENT hits=N dropped=N` a line: how often each event came, whatever became of its text.
    pub(super) hits: String,
}

impl Trace {
    /// Starts tracing all events of interest, and counting them.
    pub(super) fn start() -> Result<Self, GuestError> {
        let instance = Path::new(INSTANCE);
        fs::create_dir(instance).map_err(GuestError::file(instance))?;
        write(instance.join("tracing_on"), "0")?;
        write(instance.join("buffer_size_kb"), BUFFER_KIB)?;
        // The clock of eBPF's bpf_ktime_get_ns.
        write(instance.join("trace_clock"), "mono")?;
        let events = events(instance)?;
        for event in &events {
            let folder = instance.join("events").join(event);
            write(folder.join("trigger"), "hist:keys=common_pid")?;
            write(folder.join("enable"), "1")?;
        }
        write(instance.join("tracing_on"), "1")?;
        Ok(Self { events })
    }

    /// Puts a line of text between the events.
    pub(super) fn mark(text: &str) -> Result<(), GuestError> {
        let marker = Path::new(INSTANCE).join("trace_marker");
        let opened = OpenOptions::new().write(true).open(&marker);
        opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(GuestError::file(marker))
    }

    /// Stops tracing and reads everything.
    pub(super) fn stop(self) -> Result<FoundTrace, GuestError> {
        let instance = Path::new(INSTANCE);
        for event in &self.events {
            write(instance.join("events").join(event).join("enable"), "0")?;
        }
        write(instance.join("tracing_on"), "0")?;
        let mut stats = String::new();
        for cpu in names_in(&instance.join("per_cpu"))? {
            stats.push_str(&read(instance.join("per_cpu").join(cpu).join("stats"))?);
        }
        let mut hits = Vec::new();
        for event in &self.events {
            let folder = instance.join("events").join(event);
            // Counting goes on by itself until the trigger is gone, so it is removed as the counts are read.
            let histogram = read(folder.join("hist"))?;
            write(folder.join("trigger"), "!hist:keys=common_pid")?;
            let total = |key: &str| {
                let line = histogram.lines().find_map(|line| line.trim().strip_prefix(key));
                line.unwrap_or("unknown").trim().to_owned()
            };
            hits.push(format!("{event} hits={} dropped={}\n", total("Hits:"), total("Dropped:")));
        }
        Ok(FoundTrace { text: read(instance.join("trace"))?, stats, hits: hits.concat() })
    }
}

fn events(instance: &Path) -> Result<Vec<String>, GuestError> {
    let mut events: Vec<_> = BLOCK_EVENTS.iter().map(|event| format!("block/{event}")).collect();
    for group in GROUPS {
        let folder = instance.join("events").join(group);
        let inside = names_in(&folder)?.into_iter().filter(|name| folder.join(name).is_dir());
        events.extend(inside.map(|event| format!("{group}/{event}")));
    }
    Ok(events)
}
