//! Takings and releases in the order in which they happened, though some become known late.
//!
//! A piece takes its slots some time between its bounce and the next thing that its mapping does. Whether it did is known
//! only when the mapping is, and a scatter list that failed is known long after it gave its slots back. So steps wait in
//! order until all before them are known; only then do they count towards the high water mark.

use super::{Full, Usage};
use busdma_engine::Nanos;
use std::collections::VecDeque;

/// Steps that wait to be counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    steps: VecDeque<Step>,
    /// The slots in use after the last step that was counted.
    used: i64,
}

/// Slots taken or released.
#[derive(Clone, Debug)]
struct Step {
    at: Nanos,
    change: i64,
    /// Given back at once: the rest of a scatter list that failed here.
    rolled_back: i64,
    full: Option<Full>,
    /// The bounce whose outcome is awaited.
    awaited: Option<u64>,
    /// The bounce that this step is, or the one before it, so that numbers never fall.
    piece: u64,
}

impl Log {
    /// Steps that may wait for one that is not known. Then it is taken to change nothing.
    const WAITING: usize = 1 << 16;

    /// Adds what is known already.
    pub(super) fn known(&mut self, at: Nanos, change: i64) {
        let piece = self.steps.back().map_or(0, |step| step.piece);
        self.steps.push_back(Step { at, change, rolled_back: 0, full: None, awaited: None, piece });
    }

    /// Adds a bounce whose outcome will be known later.
    pub(super) fn awaited(&mut self, at: Nanos, piece: u64) {
        let step = Step { at, change: 0, rolled_back: 0, full: None, awaited: Some(piece), piece };
        self.steps.push_back(step);
    }

    /// Says what a bounce showed: `change` slots were taken before it, by the piece before it. Returns the slots that count: none when the bounce is no longer awaited.
    pub(super) fn resolve(&mut self, piece: u64, change: i64) -> i64 {
        self.awaiting(piece).map_or(0, |step| {
            step.change = change;
            step.awaited = None;
            change
        })
    }

    /// Says that there was no room at a bounce: `change` slots were taken before it, and all that its mapping had, these
    /// and `counted` more, went back.
    pub(super) fn failed(&mut self, piece: u64, change: i64, counted: i64, full: Full) {
        if let Some(step) = self.awaiting(piece) {
            *step = Step { change, rolled_back: counted + change, full: Some(full), awaited: None, ..*step };
        } else {
            self.known(full.at, -counted);
            if let Some(step) = self.steps.back_mut() {
                step.full = Some(full);
            }
        }
    }

    /// Counts every step up to the first that is not known.
    pub(super) fn settle(&mut self, usage: &mut Usage) {
        while let Some(step) = self.steps.front() {
            if step.awaited.is_some() && self.steps.len() <= Self::WAITING {
                return;
            }
            let Some(step) = self.steps.pop_front() else { return };
            self.used += step.change;
            usage.reached(step.at, self.used);
            if let Some(full) = step.full {
                usage.full(Full { used: slots(self.used), ..full });
            }
            if step.rolled_back != 0 {
                self.used -= step.rolled_back;
                usage.reached(step.at, self.used);
            }
        }
    }

    /// Slots in use when every step that is known is counted.
    pub(super) fn used(&self) -> u64 {
        slots(self.steps.iter().fold(self.used, |used, step| used + step.change - step.rolled_back))
    }

    fn awaiting(&mut self, piece: u64) -> Option<&mut Step> {
        let start = self.steps.partition_point(|step| step.piece < piece);
        self.steps.get_mut(start).filter(|step| step.awaited == Some(piece))
    }
}

/// A beginning that was lost can let more be released than was taken.
pub(super) fn slots(used: i64) -> u64 {
    u64::try_from(used).unwrap_or(0)
}
