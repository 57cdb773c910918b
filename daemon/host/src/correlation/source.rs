//! One input: how much of it was events, and how much was lost.

use crate::capture::{CaptureError, Entry};
use crate::text::{TextFormat, TextStats};
use serde::Serialize;

/// Reasons that are kept of what could not be understood.
const REASONS_MAX: usize = 8;

/// One input.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// What it is: `ftrace`, `perf` or `capture`.
    pub format: &'static str,
    /// Events that were understood.
    pub events: u64,
    /// Events of tracepoints that are about something else.
    pub others: u64,
    /// Lines or records that could not be understood.
    pub not_understood: u64,
    /// Events that were lost, as far as the input says.
    pub lost: u64,
    /// Places at which the input says that events were lost.
    pub lost_notices: u64,
    /// Whether the oldest events were overwritten before they were read.
    pub overwritten: bool,
    /// The first few of what could not be understood.
    pub first_not_understood: Vec<String>,
}

impl SourceReport {
    /// A text.
    pub fn of_text(name: &str, stats: &TextStats) -> Self {
        let first = stats.first_not_understood.iter();
        Self {
            name: name.to_owned(),
            format: "text",
            events: stats.events.total(),
            others: stats.others.total(),
            not_understood: stats.not_understood,
            lost: stats.lost_events,
            lost_notices: stats.lost_notices,
            overwritten: stats.is_overwritten(),
            first_not_understood: first.map(|line| format!("line {}: {}", line.line, line.reason)).collect(),
        }
    }

    /// A capture of which nothing was read yet.
    pub fn of_capture(name: &str) -> Self {
        Self { name: name.to_owned(), format: "capture", ..Self::default() }
    }

    /// Counts one entry of a capture.
    pub fn count(&mut self, entry: &Result<Entry, CaptureError>) {
        match entry {
            Ok(Entry::Event(_)) => self.events += 1,
            Ok(Entry::Lost(lost)) => {
                self.lost_notices += 1;
                self.lost = self.lost.saturating_add(lost.events);
            }
            Ok(Entry::Pool(_)) => {}
            Err(error) => {
                self.not_understood += 1;
                if self.first_not_understood.len() < REASONS_MAX {
                    self.first_not_understood.push(error.to_string());
                }
            }
        }
    }

    /// The same, of that format.
    #[must_use]
    pub fn with_format(mut self, format: Option<TextFormat>) -> Self {
        self.format = match format {
            Some(TextFormat::Ftrace) => "ftrace",
            Some(TextFormat::Perf) => "perf",
            None => self.format,
        };
        self
    }

    /// Whether anything is missing from it.
    pub fn is_incomplete(&self) -> bool {
        self.lost_notices > 0 || self.lost > 0 || self.overwritten
    }
}
