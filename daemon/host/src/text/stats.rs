//! What a text held beside its events, and what could not be read.

use super::prefix::LostEvents;
use crate::event::Tracepoint;
use std::collections::BTreeMap;
use thiserror::Error;

/// Names of other tracepoints that are kept.
const OTHERS_MAX: usize = 64;

/// Bytes of such a name that are kept.
const OTHER_BYTES_MAX: usize = 64;

/// Lines that are kept of those that were not understood.
const NOT_UNDERSTOOD_MAX: usize = 8;

/// Bytes of such a line that are kept.
const EXCERPT_BYTES_MAX: usize = 160;

/// What was read. `lines` is the sum of events, comments, notices, others, not understood and blank lines.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TextStats {
    /// Lines.
    pub lines: u64,
    /// Lines that are events, by tracepoint.
    pub events: PointCounts,
    /// Headings, and the stacks that ftrace and perf print behind an event.
    pub comments: u64,
    /// Lines with nothing on them.
    pub blank: u64,
    /// Events of tracepoints that [`Tracepoint`] does not list.
    pub others: OtherTracepoints,
    /// Lines that tell of lost events.
    pub lost_notices: u64,
    /// Events that were lost, as far as the notices say.
    pub lost_events: u64,
    /// What the heading says of the kernel's buffer, the last one if there are several.
    pub buffer: Option<BufferCounts>,
    /// Lines that could not be understood.
    pub not_understood: u64,
    /// The first few of them.
    pub first_not_understood: Vec<NotUnderstood>,
}

/// `entries-in-buffer/entries-written` in ftrace's heading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BufferCounts {
    /// Events that follow.
    pub in_buffer: u64,
    /// Events that there were. The oldest were overwritten when it is more.
    pub written: u64,
}

/// A line that could not be understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotUnderstood {
    /// Its number, from 1.
    pub line: u64,
    /// Why.
    pub reason: LineError,
    /// How it begins.
    pub text: Box<str>,
}

/// Why a line is no event.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum LineError {
    /// The line does not end in time.
    #[error("the line is longer than {limit} bytes")]
    TooLong {
        /// What is read, bytes.
        limit: usize,
    },
    /// No event begins like this.
    #[error("expected a task, its id, a processor in brackets and a time in seconds")]
    NoPrefix,
    /// Nothing is named.
    #[error("expected the name of an event and a colon behind the time")]
    NoName,
    /// A field is missing, or is not what the kernel prints.
    #[error("{point}: expected {field}")]
    Field {
        /// The tracepoint.
        point: Tracepoint,
        /// What should be there.
        field: &'static str,
    },
    /// Two lists that belong together differ in length.
    #[error("{point}: {sizes} sizes for {addresses} addresses")]
    Lists {
        /// The tracepoint.
        point: Tracepoint,
        /// Addresses.
        addresses: usize,
        /// Sizes.
        sizes: usize,
    },
    /// The line goes on where the kernel's ends.
    #[error("{point}: {bytes} bytes behind the last field")]
    Trailing {
        /// The tracepoint.
        point: Tracepoint,
        /// How much.
        bytes: usize,
    },
}

/// A count for each tracepoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PointCounts([u64; Tracepoint::ALL.len()]);

/// Counts by name of tracepoints that [`Tracepoint`] does not list.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct OtherTracepoints {
    names: BTreeMap<Box<str>, u64>,
    total: u64,
}

impl TextStats {
    /// Whether the kernel's buffer overran before it was read.
    pub fn is_overwritten(&self) -> bool {
        self.buffer.is_some_and(|buffer| buffer.written > buffer.in_buffer)
    }

    pub(super) fn lose(&mut self, events: LostEvents) {
        self.lost_notices += 1;
        if let LostEvents::Counted(events) = events {
            self.lost_events = self.lost_events.saturating_add(events);
        }
    }

    pub(super) fn refuse(&mut self, line: &[u8], reason: LineError) {
        self.not_understood += 1;
        if self.first_not_understood.len() < NOT_UNDERSTOOD_MAX {
            let excerpt = line.get(..EXCERPT_BYTES_MAX).unwrap_or(line);
            let text = String::from_utf8_lossy(excerpt).into();
            self.first_not_understood.push(NotUnderstood { line: self.lines, reason, text });
        }
    }

    pub(super) fn refuse_long(&mut self, limit: usize) {
        self.lines += 1;
        self.refuse(&[], LineError::TooLong { limit });
    }

    pub(super) fn see_header(&mut self, heading: &[u8]) {
        self.buffer = buffer_counts(heading).or(self.buffer);
    }
}

/// `# entries-in-buffer/entries-written: 4916/4916   #P:2`
fn buffer_counts(heading: &[u8]) -> Option<BufferCounts> {
    let heading = str::from_utf8(heading).ok()?;
    let counts = heading.strip_prefix("# entries-in-buffer/entries-written: ")?;
    let (in_buffer, written) = counts.split_whitespace().next()?.split_once('/')?;
    Some(BufferCounts { in_buffer: in_buffer.parse().ok()?, written: written.parse().ok()? })
}

impl PointCounts {
    /// Events of that tracepoint.
    pub fn get(&self, point: Tracepoint) -> u64 {
        self.0.get(point as usize).copied().unwrap_or(0)
    }

    /// Events of all tracepoints.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Each tracepoint that has events.
    pub fn iter(&self) -> impl Iterator<Item = (Tracepoint, u64)> + '_ {
        Tracepoint::ALL.iter().map(|&point| (point, self.get(point))).filter(|&(_, count)| count > 0)
    }

    pub(super) fn add(&mut self, point: Tracepoint) {
        if let Some(count) = self.0.get_mut(point as usize) {
            *count += 1;
        }
    }
}

impl Default for PointCounts {
    fn default() -> Self {
        Self([0; Tracepoint::ALL.len()])
    }
}

impl OtherTracepoints {
    /// Events of all of them.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Those that are counted by name, in the order of their names. A text with very many different ones has more.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> + '_ {
        self.names.iter().map(|(name, &count)| (&**name, count))
    }

    pub(super) fn add(&mut self, name: &[u8]) {
        self.total += 1;
        let name = String::from_utf8_lossy(name.get(..OTHER_BYTES_MAX).unwrap_or(name));
        if let Some(count) = self.names.get_mut(&*name) {
            *count += 1;
        } else if self.names.len() < OTHERS_MAX {
            self.names.insert(name.into(), 1);
        }
    }
}
