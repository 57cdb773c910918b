//! The program on the terminal: frames, keys and signals, until somebody ends it.
//!
//! Time is read here and nowhere else. Between two looks at the source the program sleeps, unless a key or a signal comes.

mod happenings;
mod stop;

use crate::app::{App, Drawn, Effect};
use crate::export;
use crate::frame::{Frame, OriginKind};
use crate::source::{Interest, Source, Wish};
use crate::terminal::{self, Screen, TerminalError};
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
/// The source is expected to have the app's interval; it is told of every other one that is chosen later.
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
    let interval = app.interval();
    let session = Session {
        source,
        app,
        screen,
        clock: Clock::start(),
        interest: None,
        interval,
        seen: None,
        screen_is: ScreenIs::Old,
        own_stop: OwnStop::None,
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
    interval: Duration,
    /// The frame that the app was last shown.
    seen: Option<Arc<Frame>>,
    screen_is: ScreenIs,
    own_stop: OwnStop,
}

/// Whether the screen shows what there is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ScreenIs {
    UpToDate,
    Old,
}

/// Whether the program has stopped itself, of which the signal to go on still has to come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OwnStop {
    None,
    Over,
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
            if Instant::now() >= look_at {
                self.look();
                look_at = Instant::now() + self.pause();
            }
            if self.screen_is == ScreenIs::Old {
                self.screen.draw(|area| self.app.draw(area))?;
                self.screen_is = match self.app.drawn() {
                    Drawn::Whole => ScreenIs::UpToDate,
                    Drawn::InPart => ScreenIs::Old,
                };
            }
            let until = if self.screen_is == ScreenIs::Old { Instant::now() } else { look_at };
            let mut happening = happenings.recv_timeout(until.saturating_duration_since(Instant::now()));
            self.end_with_a_panic();
            // Whatever else has come by now is done before anything is drawn.
            while let Ok(one) = happening {
                if let Next::Ends(ended) = self.take(&one)? {
                    return Ok(ended);
                }
                happening = happenings.try_recv().map_err(|_| RecvTimeoutError::Timeout);
            }
            if happening == Err(RecvTimeoutError::Disconnected) {
                return Ok(Ended::TerminalGone);
            }
        }
    }

    /// Takes the frame of now, and tells the source what is looked at.
    fn look(&mut self) {
        let (interest, interval) = (self.app.interest(), self.app.interval());
        // Nobody has asked in so many words: only what somebody asked for is answered on the screen.
        if self.interest.replace(interest) != Some(interest) {
            let _ = self.source.ask(Wish::Interest(interest));
        }
        if self.interval != interval {
            self.interval = interval;
            let _ = self.source.ask(Wish::Interval(interval));
        }
        let frame = self.source.frame(self.clock.elapsed());
        if !self.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &frame)) {
            self.app.show(Arc::clone(&frame));
            self.seen = Some(frame);
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
            Happening::Stop => self.stop()?,
            // After a stop that could not be seen coming the shell has the terminal as it likes it.
            Happening::Continue if self.own_stop == OwnStop::None => self.screen.take_again()?,
            Happening::Continue => self.own_stop = OwnStop::None,
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
                let size = self.screen.size()?;
                match export::write(Path::new(""), Timestamp::now(), self.app, kind, size) {
                    Ok(path) => self.app.said(format!("written to {}", path.display())),
                    Err(error) => self.app.failed(error.to_string()),
                }
            }
        }
        Ok(Next::GoesOn)
    }

    /// Gives the terminal back, stops, and takes it again when the program is told to go on.
    ///
    /// # Errors
    /// The terminal is gone.
    fn stop(&mut self) -> io::Result<()> {
        if stop::is_possible() {
            self.screen.give_back();
            let began = Instant::now();
            let stopped = stop::stop();
            self.clock.leave_out(began.elapsed());
            self.screen.take_again()?;
            if stopped.is_ok() {
                self.own_stop = OwnStop::Over;
            }
        }
        Ok(())
    }

    /// A panic of another thread has given the terminal back and told why: nothing more can be shown.
    fn end_with_a_panic(&self) {
        if self.screen.is_lost_to_a_panic() {
            panic::resume_unwind(Box::new("a thread of the source's has panicked"));
        }
    }
}

/// Time since the program began, without what it was stopped for: a recording must not have played on meanwhile.
struct Clock {
    began: Instant,
}

impl Clock {
    fn start() -> Self {
        Self { began: Instant::now() }
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn leave_out(&mut self, stopped: Duration) {
        self.began += stopped;
    }
}
