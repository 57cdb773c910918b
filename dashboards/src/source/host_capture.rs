//! An imported capture of a host's DMA that can be moved through: busdma's own, or text of ftrace or perf.
//!
//! Events are held in memory. They are correlated up to the moment that is shown; going back goes on from the nearest of
//! some moments of which copies are kept.

mod course;
mod input;
mod kept;
mod rows;

use super::moments::{self, Whole};
use super::open::OpenError;
use super::{Done, Play, Refused, Source, Towards, Wish};
use crate::frame::{Frame, Lost, Origin, OriginKind, OriginState, TimeAxis};
use busdma_host::capture::PoolCounts;
use busdma_host::correlation::Correlation;
use busdma_host::event::HostEvent;
use busdma_host::limits::{Facts, PoolReading};
use course::{Course, Lately};
use input::Input;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A capture of a host, at one of its moments.
#[derive(Debug)]
pub struct HostCapture {
    name: String,
    facts: Facts,
    items: Vec<Item>,
    lost: Lost,
    course: Course,
    whole: Whole,
    now: Now,
    play: Play,
    interval: Option<u64>,
    /// The time since the program began, at the last frame.
    played: Duration,
    shown: Option<(Arc<Frame>, Shown)>,
}

/// What a frame was made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Shown {
    moment: Moment,
    play: Play,
    step: u64,
}

/// One thing that was recorded, and when on a clock that never runs back.
#[derive(Debug)]
struct Item {
    at: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Event(Box<HostEvent>),
    Pool(PoolCounts),
}

/// A moment. Several events can have the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Moment {
    t: u64,
    /// Items that were taken in by then.
    items: usize,
    arrival: Arrival,
}

/// How the moment was reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Arrival {
    /// By its time: everything of that time has happened.
    Time,
    /// By a failure, which has just happened.
    Failure,
}

/// All events up to a moment, and what they amount to.
#[derive(Clone, Debug)]
struct Now {
    correlation: Correlation,
    lately: Lately,
    moment: Moment,
}

impl Now {
    fn begin(facts: &Facts, t: u64) -> Self {
        let correlation = Correlation::new(facts.clone());
        Self { correlation, lately: Lately::default(), moment: Moment { t, items: 0, arrival: Arrival::Time } }
    }

    /// Takes in an item; tells how many mappings failed by it.
    fn take(&mut self, item: &Item) -> u32 {
        let (lately, mut failures) = (&mut self.lately, 0);
        match &item.what {
            What::Event(event) => self.correlation.event_with(event, &mut |change, _| {
                failures += u32::from(lately.change(item.at, change));
            }),
            What::Pool(counts) => self.correlation.pool_reading(PoolReading {
                label: "capture".into(),
                slots: Some(counts.total),
                used: Some(counts.used),
                high_water: counts.hiwater,
            }),
        }
        self.moment.items += 1;
        failures
    }

    /// Entries of all live mappings, and tries lately: about how large a copy is.
    fn entries(&self) -> usize {
        let live = self.correlation.tracker().live();
        self.lately.tries() + live.map(|mapping| 1 + mapping.memory.len() + mapping.given.len()).sum::<usize>()
    }
}

impl HostCapture {
    /// Opens a capture, or the directory of one, at its first moment; it plays.
    ///
    /// # Errors
    /// [`OpenError`]: there is no such file, it cannot be read, or no event of DMA is in it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let Input { name, facts, items, lost } = input::read(path)?;
        let start = items.first().map_or(0, |item| item.at);
        let end = items.last().map_or(0, |item| item.at);
        let course = Course::of(&facts, &items);
        let whole = Whole { axis: TimeAxis::Nanoseconds, start, end, reading: None };
        let now = Now::begin(&facts, start);
        let (play, interval, played, shown) = (Play::Run, None, Duration::ZERO, None);
        let mut capture = Self { name, facts, items, lost, course, whole, now, play, interval, played, shown };
        capture.seek(start);
        Ok(capture)
    }

    fn step(&self) -> u64 {
        self.interval.unwrap_or_else(|| moments::round_step((self.whole.end - self.whole.start) / 1000))
    }

    fn seek(&mut self, t: u64) {
        self.go(self.items.partition_point(|item| item.at <= t));
        self.now.moment.t = t;
        self.now.moment.arrival = Arrival::Time;
    }

    /// To the moment at which so many items have been taken in.
    fn go(&mut self, items: usize) {
        let here = self.now.moment.items;
        match self.course.kept.nearest(items) {
            Some(kept) if items < here || here < kept.moment.items => self.now = kept.clone(),
            None if items < here => self.now = Now::begin(&self.facts, self.whole.start),
            _ => {}
        }
        let taken = self.now.moment.items;
        for item in self.items.iter().take(items).skip(taken) {
            self.now.take(item);
        }
    }

    fn failure(&mut self, towards: Towards) -> Result<Done, Refused> {
        let moment = self.now.moment;
        let failures = &self.course.failures;
        let after = failures.partition_point(|item| *item < moment.items);
        let found = match (towards, moment.arrival) {
            (Towards::Later, _) => Some(after),
            (Towards::Earlier, Arrival::Time) => after.checked_sub(1),
            (Towards::Earlier, Arrival::Failure) => after.checked_sub(2),
        };
        let item = found.and_then(|found| failures.get(found)).copied().ok_or(Refused::NoFailure(towards))?;
        self.go(item + 1);
        self.now.moment.t = self.items.get(item).map_or(self.whole.end, |item| item.at);
        self.now.moment.arrival = Arrival::Failure;
        self.play = Play::Pause;
        Ok(Done::Silently)
    }

    fn make(&self, step: u64) -> Frame {
        let t = self.now.moment.t;
        let state = match self.play {
            Play::Run if t >= self.whole.end => OriginState::Ended,
            Play::Run => OriginState::Running,
            Play::Pause => OriginState::Paused,
        };
        let origin = Origin { kind: OriginKind::HostCapture, name: self.name.clone(), state, recording: None };
        let mut frame = Frame::empty(origin);
        frame.t_ns = t;
        frame.lost = self.lost;
        frame.findings = rows::findings(&self.now.correlation, self.whole.start, t);
        frame.host = Some(rows::host(&self.now.correlation, &self.now.lately, t, self.lost.events));
        frame.timeline = Some(self.course.trends.timeline(self.whole.end, t, step));
        frame
    }
}

impl Source for HostCapture {
    fn frame(&mut self, elapsed: Duration) -> Arc<Frame> {
        let since = elapsed.saturating_sub(self.played);
        self.played = elapsed;
        let moment = self.now.moment;
        if self.play == Play::Run && moment.t < self.whole.end && !since.is_zero() {
            let by = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
            self.seek(moment.t.saturating_add(by).min(self.whole.end));
        }
        let step = self.step();
        let shown = Shown { moment: self.now.moment, play: self.play, step };
        if let Some((frame, of)) = &self.shown
            && *of == shown
        {
            return Arc::clone(frame);
        }
        let frame = Arc::new(self.make(step));
        self.shown = Some((Arc::clone(&frame), shown));
        frame
    }

    fn ask(&mut self, wish: Wish) -> Result<Done, Refused> {
        match wish {
            Wish::Interval(interval) => {
                self.interval = Some(u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1));
                Ok(Done::Silently)
            }
            Wish::Interest(_) => Ok(Done::Silently),
            Wish::Play(play) => {
                if play == Play::Run && self.now.moment.t >= self.whole.end {
                    self.seek(self.whole.start);
                }
                self.play = play;
                Ok(Done::Silently)
            }
            Wish::Step(steps) => {
                self.play = Play::Pause;
                let by = i128::from(steps) * i128::from(self.step());
                self.seek(moments::clamped(i128::from(self.now.moment.t) + by, &self.whole));
                Ok(Done::Silently)
            }
            Wish::Deferral(towards) => self.failure(towards),
            Wish::Seek(moment) => {
                let (to, done) = moments::target(moment, self.now.moment.t, &self.whole, |_| None)?;
                self.seek(to);
                Ok(done)
            }
            Wish::ToggleRecording => Err(Refused::NotLive),
        }
    }
}

#[cfg(test)]
mod tests;
