//! Where frames come from.
//!
//! A source is asked for the frame of the present moment again and again, and told what the person at the keyboard wants of
//! it. It reads no keys and draws nothing.

pub mod demo;
pub mod host_capture;
pub mod live;
mod moments;
pub mod open;
pub mod rates;
pub mod recording;
mod spans;
mod told;
mod trends;

use crate::frame::Frame;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Something that frames come from.
pub trait Source {
    /// The frame of now. `elapsed` is the time since the program began, which never runs backwards; a recording that
    /// plays goes on by it. The same `Arc` again means that nothing has changed.
    fn frame(&mut self, elapsed: Duration) -> Arc<Frame>;

    /// Does something that was asked for at the keyboard.
    ///
    /// # Errors
    /// [`Refused`]: what cannot be done stays as it was.
    fn ask(&mut self, wish: Wish) -> Result<Done, Refused>;

    /// What has come of a wish for which [`Source::ask`] did not wait; each is told once.
    fn outcome(&mut self) -> Option<Result<Done, Refused>> {
        None
    }
}

/// What a person can want of a source.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// Frames this often: the daemon's interval, or how far a recording's step goes.
    Interval(Duration),
    /// Details that cost something and are shown only in some views.
    Interest(Interest),
    /// Stay at this moment, or go on: a recording stops, and at its end begins anew; of a daemon and a demonstration newer
    /// frames come all the same, and whoever shows them holds the one that is frozen.
    Play(Play),
    /// So many steps on, or back where negative, and stay there. Recordings only.
    Step(i64),
    /// To the next deferral, or the one before; in a capture of a host, to a mapping that failed. What has such moments
    /// stands still there. Recordings only.
    Deferral(Towards),
    /// To a moment. Recordings only.
    Seek(Moment),
    /// The daemon shall begin to record, or stop. What has come of it is told later, by [`Source::outcome`]. Live only.
    ToggleRecording,
}

/// Details that cost something, on for as long as they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Interest {
    /// The stream of decisions.
    pub decisions: Wanted,
    /// Maps and waiters to list at most, each, a machine.
    pub rows: u32,
}

/// Whether something is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Wanted {
    /// It is not.
    #[default]
    No,
    /// It is.
    Yes,
}

/// Whether time goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Play {
    /// It stands still.
    Pause,
    /// It goes on.
    Run,
}

/// A direction in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Towards {
    /// To the past.
    Earlier,
    /// To the future.
    Later,
}

/// A moment in a recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// On the recording's clock: nanoseconds, or operations where it holds no times.
    At(u64),
    /// So long after the first moment, nanoseconds or operations.
    FromStart(u64),
    /// So long after the moment shown, before where negative.
    FromHere(i64),
    /// So much of the whole, 0.0 to 1.0.
    Share(f64),
    /// By the clock on the wall, Unix time, nanoseconds.
    Unix(i64),
}

/// What came of a wish, where there is something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// Nothing to tell.
    Silently,
    /// One sentence to show.
    Said(String),
}

/// Why a wish is not fulfilled.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// Only recordings have a past and a future.
    #[error("only a recording can be moved through time")]
    NotARecording,
    /// Only a daemon records.
    #[error("only a live daemon can record")]
    NotLive,
    /// There is nothing there.
    #[error("no deferral {}", match .0 { Towards::Earlier => "before this moment", Towards::Later => "after this moment" })]
    NoDeferral(Towards),
    /// No mapping fails there.
    #[error("no mapping failed {}", match .0 { Towards::Earlier => "before this moment", Towards::Later => "after this moment" })]
    NoFailure(Towards),
    /// The recording holds no wall-clock time.
    #[error("the recording does not say what time of day it was made")]
    NoWallClock,
    /// The moment is outside of the recording.
    #[error("that moment is outside of the recording, which goes from {start} to {end}")]
    Outside {
        /// Its first moment, for people.
        start: String,
        /// Its last.
        end: String,
    },
    /// The daemon refuses, or is gone.
    #[error("the daemon does not: {why}")]
    Daemon {
        /// Why, in its words.
        why: String,
    },
}
