//! A busdma-trace file that can be moved through.
//!
//! Lines are not carried out again: a model takes in what they tell. One pass over the file, in the background, makes
//! an index with copies of the model along the way; a moment is reached from the nearest copy before it. What can be
//! shown is there from the first line on, and as far as the index goes.

mod blocks;
mod clock;
mod cursor;
mod decisions;
mod index;
mod indexing;
mod line;
mod lines;
mod model;
mod travel;

use super::moments;
use super::open::OpenError;
use super::{Done, Interest, Play, Refused, Source, Wanted, Wish};
use crate::frame::{Frame, Lost, Origin, OriginKind, OriginState, TimeAxis};
use blocks::Blocks;
use index::{Header, Index, Shared, Stage};
use indexing::Indexing;
use model::Limits;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use travel::Travel;

/// Maps and waiters that a frame lists until somebody says how many.
const ROWS: u32 = 10_000;

/// Steps that a recording without times plays in a second.
const STEPS_A_SECOND: u64 = 10;

/// A recording, at one of its moments.
#[derive(Debug)]
pub struct Recording {
    name: String,
    shared: Arc<Shared>,
    travel: Travel,
    play: Play,
    /// How far a step goes, where somebody has said it: nanoseconds, or operations.
    interval: Option<u64>,
    interest: Interest,
    /// Why the last way led nowhere: the file could not be read there.
    failed: Option<io::Error>,
    /// The time since the program began, at the last frame.
    played: Duration,
    shown: Option<Shown>,
    _indexing: Indexing,
}

/// The last frame, and what it was made of.
#[derive(Debug)]
struct Shown {
    frame: Arc<Frame>,
    moment: travel::Moment,
    revision: u64,
    interest: Interest,
    step: u64,
    play: Play,
}

impl Recording {
    /// Opens a recording at its first moment; it plays. Files compressed by zstd are taken whatever their name.
    ///
    /// # Errors
    /// [`OpenError`]: there is no such file, it cannot be read, or it is no trace.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let name = path.display().to_string();
        let unreadable = |error: io::Error| OpenError::of_io(&name, &error);
        let file = File::open(path).map_err(unreadable)?;
        let blocks = Arc::new(Blocks::new(file));
        let shared = Arc::new(Shared::default());
        let indexing = indexing::begin(Arc::clone(&blocks), Arc::clone(&shared)).map_err(unreadable)?;
        shared.wait(|index| index.start.is_some() || !index.is_reading());
        let travel = {
            let index = shared.lock();
            if let (Stage::Failed(error), None) = (&index.stage, index.start) {
                return Err(OpenError::of_io(&name, error));
            }
            if index.header == Header::Missing {
                return Err(if index.is_empty() {
                    OpenError::Empty { path: name }
                } else {
                    OpenError::NotATrace { path: name }
                });
            }
            Travel::start(blocks, &index).map_err(unreadable)?
        };
        Ok(Self {
            name,
            shared,
            travel,
            play: Play::Run,
            interval: None,
            interest: Interest { decisions: Wanted::No, rows: ROWS },
            failed: None,
            played: Duration::ZERO,
            shown: None,
            _indexing: indexing,
        })
    }

    /// Waits until the whole file has been read.
    pub fn wait(&self) {
        self.shared.wait(|index| !index.is_reading());
    }

    /// How far one step goes.
    fn step(&self, index: &Index) -> u64 {
        self.interval.unwrap_or_else(|| moments::round_step(index.length() / 1000))
    }

    fn play_on(&mut self, elapsed: Duration) {
        let since = elapsed.saturating_sub(self.played);
        self.played = elapsed;
        if self.play == Play::Pause || since.is_zero() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let index = shared.lock();
        let since_ns = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        let by = match index.end.axis() {
            TimeAxis::Nanoseconds => since_ns,
            TimeAxis::Operations => {
                self.step(&index).saturating_mul(STEPS_A_SECOND).saturating_mul(since_ns) / 1_000_000_000
            }
        };
        if index.end.axis() == TimeAxis::Operations && by == 0 {
            // Less than an operation: time gathers until it is one.
            self.played = self.played.saturating_sub(since);
            return;
        }
        let to = self.travel.moment().t.saturating_add(by).min(index.end.now);
        if to > self.travel.moment().t {
            let moved = self.travel.seek(&index, to);
            if moved.is_err() {
                self.play = Play::Pause;
            }
            self.came(moved, Done::Silently);
        }
    }

    /// What came of a move. The frame shows that one failed until another succeeds.
    fn came(&mut self, moved: io::Result<()>, done: Done) -> Done {
        if moved.is_err() || self.failed.is_some() {
            self.shown = None;
        }
        let done = moments::done(&moved, done);
        self.failed = moved.err();
        done
    }

    /// Whether nothing comes after the moment.
    fn is_at_end(&self, index: &Index) -> bool {
        !index.is_reading() && self.travel.moment().t >= index.end.now
    }

    fn state(&self, index: &Index) -> OriginState {
        match (&self.failed, &index.stage) {
            (Some(error), _) | (None, Stage::Failed(error)) => unreadable(error),
            (None, Stage::Reading) => OriginState::Indexing { percent: index.percent },
            (None, Stage::Whole) => match self.play {
                Play::Pause => OriginState::Paused,
                Play::Run if self.is_at_end(index) => OriginState::Ended,
                Play::Run => OriginState::Running,
            },
        }
    }

    fn make(&mut self, index: &Index, step: u64) -> Frame {
        let moment = self.travel.moment();
        let end = index.end.now;
        let mut frame = Frame::empty(Origin {
            kind: OriginKind::Recording,
            name: self.name.clone(),
            state: self.state(index),
            recording: None,
        });
        frame.t_ns = moment.t;
        frame.lost.lines = index.lost;
        if let Some(trends) = &index.trends {
            frame.timeline = Some(trends.timeline(end, moment.t, step));
        }
        if self.interest.decisions == Wanted::Yes {
            match self.travel.decisions(index) {
                Ok(decisions) => frame.decisions = decisions,
                Err(error) => frame.origin.state = unreadable(&error),
            }
        }
        let Some(model) = self.travel.model() else { return frame };
        frame.unix_ns = model.unix_ns(moment.t);
        let limits = Limits { rows: self.interest.rows as usize };
        let recent = |zone| index.trends.as_ref().map(|trends| trends.recent(zone, moment.t, end)).unwrap_or_default();
        let (machine, findings) = model.machine(moment.t, index.end.axis(), limits, recent);
        frame.machines = vec![machine];
        frame.findings = findings;
        frame.lost = Lost { findings: model.findings_lost(), ..frame.lost };
        frame
    }
}

impl Source for Recording {
    fn frame(&mut self, elapsed: Duration) -> Arc<Frame> {
        self.play_on(elapsed);
        let shared = Arc::clone(&self.shared);
        let index = shared.lock();
        let (moment, step) = (self.travel.moment(), self.step(&index));
        if let Some(shown) = &self.shown
            && (shown.moment, shown.revision, shown.interest, shown.step, shown.play)
                == (moment, index.revision, self.interest, step, self.play)
        {
            return Arc::clone(&shown.frame);
        }
        let frame = Arc::new(self.make(&index, step));
        self.shown = Some(Shown {
            frame: Arc::clone(&frame),
            moment,
            revision: index.revision,
            interest: self.interest,
            step,
            play: self.play,
        });
        frame
    }

    fn ask(&mut self, wish: Wish) -> Result<Done, Refused> {
        let shared = Arc::clone(&self.shared);
        let index = shared.lock();
        match wish {
            Wish::Interval(interval) => {
                self.interval = Some(match index.end.axis() {
                    TimeAxis::Nanoseconds => u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1),
                    // One operation stands for a millisecond, so that the same keys change it.
                    TimeAxis::Operations => u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1),
                });
                Ok(Done::Silently)
            }
            Wish::Interest(interest) => {
                self.interest = interest;
                Ok(Done::Silently)
            }
            Wish::Play(play) => {
                self.play = play;
                if play == Play::Run && self.is_at_end(&index) {
                    let moved = self.travel.seek(&index, index.whole().start);
                    return Ok(self.came(moved, Done::Silently));
                }
                Ok(Done::Silently)
            }
            Wish::Step(steps) => {
                self.play = Play::Pause;
                let by = i128::from(steps) * i128::from(self.step(&index));
                let to = moments::clamped(i128::from(self.travel.moment().t) + by, &index.whole());
                let moved = self.travel.seek(&index, to);
                Ok(self.came(moved, Done::Silently))
            }
            Wish::Deferral(towards) => {
                let moved = self.travel.deferral(&index, towards)?;
                self.play = Play::Pause;
                Ok(self.came(moved, Done::Silently))
            }
            Wish::Seek(moment) => {
                let (to, done) =
                    moments::target(moment, self.travel.moment().t, &index.whole(), |unix| index.of_unix(unix))?;
                let moved = self.travel.seek(&index, to);
                Ok(self.came(moved, done))
            }
            Wish::ToggleRecording => Err(Refused::NotLive),
        }
    }
}

fn unreadable(error: &io::Error) -> OriginState {
    OriginState::Unreadable { why: error.to_string() }
}

#[cfg(test)]
mod tests;
