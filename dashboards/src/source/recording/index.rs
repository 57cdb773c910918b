//! What is known of a whole recording: where blocks begin, the machine at some of these places, and its course.

use super::clock::Clock;
use super::lines::LinePlace;
use super::model::Model;
use crate::source::moments::Whole;
use crate::source::trends::Trends;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Memory for machines, bytes; when there are more, every second is dropped. Two are always kept, however large.
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
#[derive(Debug, Default)]
pub(super) struct Index {
    marks: Vec<Mark>,
    between: usize,
    /// Marks since the last machine that is kept.
    since: usize,
    checkpoint_bytes: usize,
    /// Time of the first operation; none before it was read.
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
#[derive(Debug, Default)]
pub(super) enum Stage {
    /// It goes on.
    #[default]
    Reading,
    /// Everything is known.
    Whole,
    /// The file could not be read any further.
    Failed(io::Error),
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
        let checkpoint = match model {
            None => Checkpoint::NoMachine,
            Some(model) if self.is_due() => Checkpoint::Machine(Arc::new(model.packed()), model.bytes()),
            Some(_) => Checkpoint::Left,
        };
        self.add(Mark { place, clock, deferrals: model.map_or(0, |model| model.deferrals), checkpoint });
    }

    /// Whether the next mark gets a machine.
    fn is_due(&self) -> bool {
        self.since + 1 >= self.between.max(BLOCKS_BETWEEN)
    }

    fn add(&mut self, mark: Mark) {
        let added = if let Checkpoint::Machine(_, bytes) = mark.checkpoint { Some(bytes) } else { None };
        self.marks.push(mark);
        self.since += 1;
        let Some(bytes) = added else { return };
        self.since = 0;
        self.checkpoint_bytes += bytes;
        if self.checkpoint_bytes > CHECKPOINT_BYTES_MAX.max(bytes.saturating_mul(2)) {
            self.thin_out();
        }
    }

    /// Drops every second machine from the first on: before that one a reader begins at the first line.
    fn thin_out(&mut self) {
        let between = self.between.max(BLOCKS_BETWEEN);
        self.between = between.saturating_mul(2);
        let mut machines = 0_usize;
        for mark in &mut self.marks {
            if let Checkpoint::Machine(_, bytes) = mark.checkpoint {
                if machines.is_multiple_of(2) {
                    self.checkpoint_bytes -= bytes;
                    mark.checkpoint = Checkpoint::Left;
                }
                machines += 1;
            }
        }
        if !machines.is_multiple_of(2) {
            // The newest was dropped.
            self.since = between;
        }
    }

    /// Whether more of the file is still to be read.
    pub(super) const fn is_reading(&self) -> bool {
        matches!(self.stage, Stage::Reading)
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
            reading: self.is_reading().then_some(self.percent),
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
        let number = self.walls.iter().rposition(|wall| wall.unix <= unix).unwrap_or(0);
        let wall = self.walls.get(number)?;
        let moment = i128::from(wall.clock) + i128::from(unix) - i128::from(wall.unix);
        let moment = u64::try_from(moment.max(0)).unwrap_or(u64::MAX);
        // Between two scenarios nothing was recorded.
        Some(self.walls.get(number + 1).map_or(moment, |next| moment.min(next.clock)))
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

#[cfg(test)]
mod tests {
    use super::{CHECKPOINT_BYTES_MAX, Checkpoint, Index, Mark, WallMark};
    use crate::source::recording::clock::Clock;
    use crate::source::recording::lines::LinePlace;
    use crate::source::recording::tests::empty_machine;
    use std::sync::Arc;

    /// Blocks at whose beginning the machine is kept, if a copy of it always takes so many bytes.
    fn kept(blocks: usize, bytes: usize) -> Vec<usize> {
        let model = Arc::new(empty_machine());
        let mut index = Index::default();
        for block in 0..blocks {
            let checkpoint = match block {
                0 => Checkpoint::NoMachine,
                _ if index.is_due() => Checkpoint::Machine(Arc::clone(&model), bytes),
                _ => Checkpoint::Left,
            };
            let place = LinePlace { block, offset: 0 };
            index.add(Mark { place, clock: Clock::default(), deferrals: 0, checkpoint });
        }
        let kept = index.marks.iter().filter(|mark| matches!(mark.checkpoint, Checkpoint::Machine(..)));
        kept.map(|mark| mark.place.block).collect()
    }

    #[test]
    fn machines_of_any_size_are_kept_evenly() {
        for bytes in [1 << 10, 1 << 20, 20 << 20, 40 << 20, 100 << 20] {
            for blocks in [16, 100, 1000, 5000] {
                let kept = kept(blocks, bytes);
                assert!(kept.len() * bytes <= CHECKPOINT_BYTES_MAX.max(2 * bytes), "{bytes}: {kept:?}");
                let places: Vec<_> = [0].into_iter().chain(kept.iter().copied()).chain([blocks]).collect();
                let farthest = places.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
                assert!(farthest <= 2 * blocks / (kept.len() + 1) + 2, "{bytes}, {blocks} blocks: {kept:?}");
            }
        }
    }

    #[test]
    fn a_time_of_day_between_two_scenarios_is_where_the_second_begins() {
        let mut index = Index::default();
        index.wall(WallMark { clock: 0, unix: 8000 });
        index.wall(WallMark { clock: 10, unix: 8010 });
        index.wall(WallMark { clock: 20, unix: 9000 });
        assert_eq!(index.walls.len(), 2);
        let check = |unix, moment| assert_eq!(index.of_unix(unix), Some(moment), "{unix}");
        check(7990, 0);
        check(8005, 5);
        check(8500, 20);
        check(9001, 21);
    }
}
