//! Moving through a recording.

use super::blocks::Blocks;
use super::clock::Clock;
use super::cursor::{Cursor, Step};
use super::decisions;
use super::index::{Checkpoint, Index, Mark};
use super::lines::Feed;
use super::model::Model;
use crate::frame::DecisionLog;
use crate::source::{Refused, Towards};
use std::io;
use std::sync::Arc;

/// A moment of a recording. Several operations can have the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Moment {
    /// On the recording's clock.
    pub(super) t: u64,
    /// Operations that were carried out by then.
    pub(super) operations: u64,
    arrival: Arrival,
}

/// How the moment was reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Arrival {
    /// By its time: everything of that time has happened.
    Time,
    /// By a deferral, which has just happened.
    Deferral,
    /// By an error: from here on the file could not be read.
    Stuck,
}

/// Where in a recording one is.
#[derive(Debug)]
pub(super) struct Travel {
    blocks: Arc<Blocks>,
    cursor: Option<Cursor<InOrder>>,
    moment: Moment,
}

/// Blocks from one on.
#[derive(Debug)]
struct InOrder {
    blocks: Arc<Blocks>,
    next: usize,
}

impl Feed for InOrder {
    fn next_block(&mut self, text: &mut Vec<u8>) -> io::Result<bool> {
        let found = self.blocks.read(self.next, text)?;
        self.next += usize::from(found);
        Ok(found)
    }
}

impl Travel {
    /// At the first moment.
    pub(super) fn start(blocks: Arc<Blocks>, index: &Index) -> io::Result<Self> {
        let t = index.start.unwrap_or(0);
        let mut travel = Self { blocks, cursor: None, moment: Moment { t, operations: 0, arrival: Arrival::Time } };
        travel.seek(index, t)?;
        Ok(travel)
    }

    pub(super) const fn moment(&self) -> Moment {
        self.moment
    }

    /// The machine at the moment.
    pub(super) fn model(&self) -> Option<&Model> {
        self.cursor.as_ref()?.model.as_ref()
    }

    /// To the time `t`, as far as the index goes.
    ///
    /// # Errors
    /// The file cannot be read; the moment stays, or is as near as one can get from it.
    pub(super) fn seek(&mut self, index: &Index, t: u64) -> io::Result<()> {
        let before = |clock: &Clock, _| clock.now <= t;
        let cursor = self.nearest(index, before)?;
        // Behind the last operation of the index nothing is known yet. A file without operations has only headers.
        let last = index.end.operations;
        let more = |cursor: &Cursor<InOrder>| cursor.clock.operations < last || last == 0;
        self.travel(cursor, more, |clock| clock.now > t)?;
        self.moment.t = t;
        Ok(())
    }

    /// To the deferral before or after the moment.
    ///
    /// # Errors
    /// There is none; inside, the file cannot be read.
    pub(super) fn deferral(&mut self, index: &Index, towards: Towards) -> Result<io::Result<()>, Refused> {
        let so_far = self.model().map_or(0, |model| model.deferrals);
        let wanted = match (towards, self.moment.arrival) {
            (Towards::Later, _) => so_far + 1,
            (Towards::Earlier, Arrival::Time | Arrival::Stuck) => so_far,
            (Towards::Earlier, Arrival::Deferral) => so_far.saturating_sub(1),
        };
        if wanted == 0 || wanted > index.deferrals {
            return Err(Refused::NoDeferral(towards));
        }
        Ok(self.seek_deferral(index, wanted))
    }

    fn seek_deferral(&mut self, index: &Index, number: u64) -> io::Result<()> {
        let cursor = self.nearest(index, |_, deferrals| deferrals < number)?;
        let more = |cursor: &Cursor<InOrder>| cursor.model.as_ref().is_none_or(|model| model.deferrals < number);
        self.travel(cursor, more, |_| false)?;
        self.moment.arrival = Arrival::Deferral;
        Ok(())
    }

    /// Reads on while there is `more` to read and nothing `beyond` is next.
    fn travel(
        &mut self,
        mut cursor: Cursor<InOrder>,
        more: impl Fn(&Cursor<InOrder>) -> bool,
        beyond: impl Fn(&Clock) -> bool,
    ) -> io::Result<()> {
        while more(&cursor) {
            match cursor.step(&beyond, None) {
                Ok(Step::Done) => {}
                Ok(Step::Beyond | Step::End) => break,
                Err(error) => {
                    if self.cursor.is_none() {
                        // It was the one that stood at the moment.
                        let t = cursor.clock.now.max(self.moment.t);
                        self.arrive(cursor, t, Arrival::Stuck);
                    }
                    return Err(error);
                }
            }
        }
        let t = cursor.clock.now;
        self.arrive(cursor, t, Arrival::Time);
        Ok(())
    }

    /// Where to begin to read: here, or at the last machine that is kept and `before` what is looked for. The cursor that
    /// stands at the moment is taken only if that is the one.
    fn nearest(&mut self, index: &Index, before: impl Fn(&Clock, u64) -> bool) -> io::Result<Cursor<InOrder>> {
        let mark = index.checkpoint_where(|mark| before(&mark.clock, mark.deferrals));
        let kept = mark.map_or(0, |mark| mark.clock.operations);
        let arrival = self.moment.arrival;
        let here = self.cursor.take_if(|cursor| {
            let deferrals = cursor.model.as_ref().map_or(0, |model| model.deferrals);
            let can_go_on = arrival != Arrival::Stuck && cursor.model.is_some();
            can_go_on && cursor.clock.operations >= kept && before(&cursor.clock, deferrals)
        });
        match here {
            Some(cursor) => Ok(cursor),
            None => self.cursor_at(mark.or(index.first_mark())),
        }
    }

    fn cursor_at(&self, mark: Option<&Mark>) -> io::Result<Cursor<InOrder>> {
        let model = match mark.map(|mark| &mark.checkpoint) {
            Some(Checkpoint::Machine(model, _)) => Some(model.unpacked()),
            _ => None,
        };
        let (place, clock) = mark.map(|mark| (mark.place, mark.clock)).unwrap_or_default();
        Cursor::at(self.feed(place.block), place, clock, model)
    }

    fn feed(&self, block: usize) -> InOrder {
        InOrder { blocks: Arc::clone(&self.blocks), next: block }
    }

    fn arrive(&mut self, cursor: Cursor<InOrder>, t: u64, arrival: Arrival) {
        self.moment = Moment { t, operations: cursor.clock.operations, arrival };
        self.cursor = Some(cursor);
    }

    /// The decisions before the moment.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn decisions(&self, index: &Index) -> io::Result<DecisionLog> {
        let Some(cursor) = &self.cursor else { return Ok(DecisionLog::default()) };
        let enough = |mark: &Mark| mark.clock.operations + decisions::OPERATIONS <= cursor.clock.operations;
        let mark = index.mark_where(enough).or(index.first_mark());
        let (Some(mark), Some(model)) = (mark, &cursor.model) else { return Ok(DecisionLog::default()) };
        decisions::before(self.feed(mark.place.block), mark, &cursor.clock, model)
    }
}
