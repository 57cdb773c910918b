//! The program on the terminal: frames, keys and signals, until somebody ends it.
//!
//! The app reads no clock: what time has passed is told from here. Between two looks at the source the program sleeps,
//! unless a key or a signal comes.

mod burst;
mod clock;
mod happenings;
mod stop;

use crate::app::{App, Drawn, Effect};
use crate::export;
use crate::frame::{Frame, OriginKind};
use crate::source::{Interest, Source, Wish};
use crate::terminal::{self, Screen, TerminalError};
use burst::Burst;
use clock::Clock;
use happenings::Happening;
use jiff::Timestamp;
use std::io;
use std::panic;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How often the source is looked at, at most and at least. Twice an interval, so that no frame is passed over.
const LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// How often a recording is looked at: it plays as smoothly as that.
const RECORDING_LOOKS: Duration = Duration::from_millis(100);

/// How often a job in the background looks whether it has the terminal again.
const BEHIND_LOOKS: Duration = Duration::from_millis(50);

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Somebody quit.
    Quit,
    /// By a signal of that number.
    Signal(i32),
    /// The terminal went away.
    TerminalGone,
}

/// Shows the source on the terminal and does what keys say until somebody ends it. The terminal is given back.
///
/// The source is expected to have the app's interval, or one of its own where it is a recording; it is told of every one
/// that is chosen later.
///
/// # Errors
/// [`TerminalError`]: nothing was shown.
///
/// # Panics
/// When a thread of the source's has panicked, after the terminal was given back and that panic was told.
pub fn run(source: &mut dyn Source, app: &mut App) -> Result<Ended, TerminalError> {
    terminal::require()?;
    let happenings = happenings::take().map_err(|why| TerminalError::Refused { why })?;
    let screen = Screen::take()?;
    let clock = Clock::starting(Instant::now());
    let session = Session {
        source,
        app,
        screen,
        clock,
        interest: None,
        seen: None,
        screen_is: ScreenIs::Old,
        place: Place::InFront,
    };
    Ok(session.run(&happenings).unwrap_or(Ended::TerminalGone))
}

struct Session<'a> {
    source: &'a mut dyn Source,
    app: &'a mut App,
    screen: Screen,
    clock: Clock,
    /// What the source was last asked for.
    interest: Option<Interest>,
    /// The frame that the app was last shown.
    seen: Option<Arc<Frame>>,
    screen_is: ScreenIs,
    place: Place,
}

/// Where the job is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It has the terminal.
    InFront,
    /// It was stopped, and has not taken the terminal again: it may be in the background.
    Behind,
}

/// Whether the screen shows what there is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ScreenIs {
    UpToDate,
    Old,
}

/// What becomes of the session.
enum Next {
    GoesOn,
    Ends(Ended),
}

impl Session<'_> {
    /// # Errors
    /// The terminal cannot be written to.
    fn run(mut self, happenings: &Receiver<Happening>) -> io::Result<Ended> {
        let mut look_at = Instant::now();
        loop {
            if self.place == Place::Behind && stop::is_in_front() {
                self.screen.take_again()?;
                self.place = Place::InFront;
                self.screen_is = ScreenIs::Old;
            }
            if Instant::now() >= look_at {
                self.look();
                look_at = Instant::now() + self.pause();
            }
            if self.screen_is == ScreenIs::Old && self.place == Place::InFront {
                self.screen.draw(|area| self.app.draw(area))?;
                self.screen_is = match self.app.drawn() {
                    Drawn::Whole => ScreenIs::UpToDate,
                    Drawn::InPart => ScreenIs::Old,
                };
            }
            let until = match (self.place, self.screen_is) {
                (Place::InFront, ScreenIs::Old) => Instant::now(),
                (Place::InFront, ScreenIs::UpToDate) => look_at,
                (Place::Behind, _) => look_at.min(Instant::now() + BEHIND_LOOKS),
            };
            let happening = happenings.recv_timeout(until.saturating_duration_since(Instant::now()));
            self.end_with_a_panic();
            match happening {
                Ok(first) => {
                    if let Next::Ends(ended) = self.take_burst(first, happenings)? {
                        return Ok(ended);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Ended::TerminalGone),
            }
        }
    }

    /// Does whatever has come by now, before anything is drawn.
    ///
    /// # Errors
    /// The terminal cannot be written to.
    fn take_burst(&mut self, first: Happening, happenings: &Receiver<Happening>) -> io::Result<Next> {
        let burst = Burst::beginning(Instant::now(), self.app.view());
        let mut next = Some(first);
        while let Some(happening) = next {
            if let Next::Ends(ended) = self.take(&happening)? {
                return Ok(Next::Ends(ended));
            }
            let goes_on = burst.goes_on(Instant::now(), self.app.view());
            next = if goes_on { happenings.try_recv().ok() } else { None };
        }
        Ok(Next::GoesOn)
    }

    /// Takes the frame of now, and tells the source what is looked at.
    fn look(&mut self) {
        let interest = self.app.interest();
        // Nobody has asked in so many words: only what somebody asked for is answered on the screen.
        if self.interest.replace(interest) != Some(interest) {
            let _ = self.source.ask(Wish::Interest(interest));
        }
        let frame = self.source.frame(self.clock.at(Instant::now()));
        if !self.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &frame)) {
            self.app.show(Arc::clone(&frame));
            self.seen = Some(frame);
            self.screen_is = ScreenIs::Old;
        }
        if let Some(outcome) = self.source.outcome() {
            self.app.told(outcome);
            self.screen_is = ScreenIs::Old;
        }
    }

    /// How long until the next look.
    fn pause(&self) -> Duration {
        match self.seen.as_ref().map(|frame| frame.origin.kind) {
            Some(OriginKind::Recording | OriginKind::HostCapture) => RECORDING_LOOKS,
            _ => (self.app.interval() / 2).clamp(LOOKS.0, LOOKS.1),
        }
    }

    /// # Errors
    /// The terminal cannot be written to.
    fn take(&mut self, happening: &Happening) -> io::Result<Next> {
        self.screen_is = ScreenIs::Old;
        match happening {
            Happening::Input(event) => {
                for effect in self.app.input(event) {
                    if let Next::Ends(ended) = self.carry_out(effect)? {
                        return Ok(Next::Ends(ended));
                    }
                }
            }
            Happening::End(signal) => return Ok(Next::Ends(Ended::Signal(*signal))),
            Happening::Gone => return Ok(Next::Ends(Ended::TerminalGone)),
            Happening::Stop => self.stop(),
            // The shell has the terminal as it likes it, after a stop that could not be seen coming too.
            Happening::Continue => self.place = Place::Behind,
        }
        Ok(Next::GoesOn)
    }

    /// # Errors
    /// The terminal cannot be written to.
    fn carry_out(&mut self, effect: Effect) -> io::Result<Next> {
        match effect {
            Effect::Quit => return Ok(Next::Ends(Ended::Quit)),
            Effect::Suspend => match stop::ask_for_a_stop() {
                Ok(()) => {}
                Err(error) => self.app.failed(error.to_string()),
            },
            Effect::Redraw => self.screen.clear()?,
            Effect::Ask(wish) => {
                let answer = self.source.ask(wish);
                self.app.told(answer);
                self.look();
            }
            Effect::Export(kind) => {
                let size = self.screen.size();
                match export::write(Path::new(""), Timestamp::now(), self.app, kind, size) {
                    Ok(path) => self.app.said(format!("written to {}", path.display())),
                    Err(error) => self.app.failed(error.to_string()),
                }
            }
        }
        Ok(Next::GoesOn)
    }

    /// Gives the terminal back and stops. When the program goes on, it takes the terminal again as soon as that is its own:
    /// a job that a shell ends, or lets run in the background, has none to take.
    fn stop(&mut self) {
        if !stop::is_possible() {
            return;
        }
        self.screen.give_back();
        self.place = Place::Behind;
        self.clock.at(Instant::now());
        // Where the system refuses, it simply goes on.
        let _ = stop::stop();
        self.clock.leave_out_until(Instant::now());
    }

    /// A panic of another thread has given the terminal back and told why: nothing more can be shown.
    fn end_with_a_panic(&self) {
        if self.screen.is_lost_to_a_panic() {
            panic::resume_unwind(Box::new("a thread of the source's has panicked"));
        }
    }
}
