//! What is known of a whole recording: where blocks begin, the machine at some of these places, and its course.

use super::clock::Clock;
use super::lines::LinePlace;
use super::model::Model;
use crate::source::moments::Whole;
use crate::source::trends::Trends;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Memory for machines, bytes; when there are more, every second is dropped.
const CHECKPOINT_BYTES_MAX: usize = 64 << 20;

/// Blocks between machines at first.
const BLOCKS_BETWEEN: usize = 4;

/// Times of day that are kept.
const WALLS_MAX: usize = 4096;

/// The index of a recording, which one thread writes and others read.
#[derive(Debug, Default)]
pub(super) struct Shared {
    index: Mutex<Index>,
    changed: Condvar,
}

/// What is known so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    marks: Vec<Mark>,
    between: usize,
    /// Marks since the last with a machine.
    since: usize,
    checkpoint_bytes: usize,
    /// Time before the first operation; none before it.
    pub(super) start: Option<u64>,
    /// After the last operation.
    pub(super) end: Clock,
    /// Loads that were deferred.
    pub(super) deferrals: u64,
    /// Whether there was a header.
    pub(super) header: Header,
    /// Lines that could not be read.
    pub(super) lost: u64,
    /// How much of the file has been read.
    pub(super) percent: u8,
    /// How it goes.
    pub(super) stage: Stage,
    /// The course of it, now and then.
    pub(super) trends: Option<Arc<Trends>>,
    /// Moments of which the time of day is known.
    pub(super) walls: Vec<WallMark>,
    /// Grows with every change.
    pub(super) revision: u64,
}

/// Whether a header was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Header {
    #[default]
    Missing,
    Read,
}

/// How indexing goes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum Stage {
    /// It goes on.
    #[default]
    Reading,
    /// Everything is known.
    Whole,
    /// The file could not be read any further.
    Failed(String),
}

/// The time of day at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct WallMark {
    pub(super) clock: u64,
    pub(super) unix: i64,
}

/// The first line that begins in a block.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) place: LinePlace,
    /// After the operations before it.
    pub(super) clock: Clock,
    /// Loads that were deferred before it.
    pub(super) deferrals: u64,
    pub(super) checkpoint: Checkpoint,
}

/// The machine at a mark.
#[derive(Clone, Debug)]
pub(super) enum Checkpoint {
    /// It is not kept.
    Left,
    /// There is none yet.
    NoMachine,
    /// A packed copy, of about so many bytes.
    Machine(Arc<Model>, usize),
}

impl Index {
    /// Adds a mark, with the machine where it is time for one.
    pub(super) fn mark(&mut self, place: LinePlace, clock: Clock, model: Option<&Model>) {
        let due = self.marks.is_empty() || self.since >= self.between.max(BLOCKS_BETWEEN);
        let checkpoint = match model {
            None => Checkpoint::NoMachine,
            Some(_) if !due => Checkpoint::Left,
            Some(model) => Checkpoint::Machine(Arc::new(model.packed()), model.bytes()),
        };
        self.since = if due { 1 } else { self.since + 1 };
        if let Checkpoint::Machine(_, bytes) = &checkpoint {
            self.checkpoint_bytes += bytes;
        }
        self.marks.push(Mark { place, clock, deferrals: model.map_or(0, |model| model.deferrals), checkpoint });
        if self.checkpoint_bytes > CHECKPOINT_BYTES_MAX {
            self.thin_out();
        }
    }

    /// Drops every second machine.
    fn thin_out(&mut self) {
        self.between = 2 * self.between.max(BLOCKS_BETWEEN);
        let mut number = 0;
        for mark in &mut self.marks {
            if let Checkpoint::Machine(_, bytes) = mark.checkpoint {
                if number % 2 == 1 {
                    self.checkpoint_bytes -= bytes;
                    mark.checkpoint = Checkpoint::Left;
                }
                number += 1;
            }
        }
    }

    /// Whether the file has no lines.
    pub(super) const fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// From the first operation to the last.
    pub(super) fn length(&self) -> u64 {
        self.end.now.saturating_sub(self.start.unwrap_or(0))
    }

    /// The whole of it, so far.
    pub(super) fn whole(&self) -> Whole {
        Whole {
            axis: self.end.axis(),
            start: self.start.unwrap_or(0),
            end: self.end.now,
            reading: (self.stage == Stage::Reading).then_some(self.percent),
        }
    }

    /// The first line.
    pub(super) fn first_mark(&self) -> Option<&Mark> {
        self.marks.first()
    }

    /// The last mark of which `holds`, which must hold of all before one of which it does.
    pub(super) fn mark_where(&self, holds: impl Fn(&Mark) -> bool) -> Option<&Mark> {
        self.marks.get(self.marks.partition_point(holds).checked_sub(1)?)
    }

    /// The last mark with a machine, of those of which `holds`.
    pub(super) fn checkpoint_where(&self, holds: impl Fn(&Mark) -> bool) -> Option<&Mark> {
        let marks = self.marks.get(..self.marks.partition_point(holds))?;
        marks.iter().rev().find(|mark| !matches!(mark.checkpoint, Checkpoint::Left))
    }

    /// The time of day became known.
    pub(super) fn wall(&mut self, mark: WallMark) {
        let before = |wall: &WallMark| i128::from(wall.unix) - i128::from(wall.clock);
        if self.walls.len() < WALLS_MAX && self.walls.last().map(before) != Some(before(&mark)) {
            self.walls.push(mark);
        }
    }

    /// The moment of that time of day.
    pub(super) fn of_unix(&self, unix: i64) -> Option<u64> {
        let wall = self.walls.iter().rev().find(|wall| wall.unix <= unix).or_else(|| self.walls.first())?;
        let moment = i128::from(wall.clock) + i128::from(unix) - i128::from(wall.unix);
        Some(u64::try_from(moment.max(0)).unwrap_or(u64::MAX))
    }
}

impl Shared {
    /// The index, for a short while.
    pub(super) fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the index and tells those who wait.
    pub(super) fn change(&self, change: impl FnOnce(&mut Index)) {
        let mut index = self.lock();
        change(&mut index);
        index.revision += 1;
        drop(index);
        self.changed.notify_all();
    }

    /// Waits until `done`.
    pub(super) fn wait(&self, done: impl Fn(&Index) -> bool) {
        let mut index = self.lock();
        while !done(&index) {
            index = self.changed.wait(index).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
