//! One machine as the recorder sees it: its open file, and what the lines so far have said.

use crate::columns::Told;
use crate::error::RecorderFinding;
use crate::files::Part;
use crate::handoff::{Epoch, Link};
use crate::lines::{HeaderNote, Scenario, Unwritable};
use crate::recording::Recording;
use crate::start::{MachineDescription, Region, Start};
use crate::status::{Counters, PhaseCell};
use busdma_engine::{AddressSpace, VirtAddr};
use std::sync::Arc;
use std::time::Instant;

/// One machine that can be recorded.
#[derive(Debug)]
pub(crate) struct Track {
    link: Arc<Link>,
    pub(crate) machine: MachineDescription,
    /// The file being written.
    part: Option<Part>,
    /// What its last start began; `None` where an operation is missing since.
    scenario: Option<Scenario>,
    next_part: u32,
    /// Starts in the file being written.
    starts: u32,
    /// The start that goes into the next file.
    rotates_at: Option<Epoch>,
    gap: Gap,
}

/// Operations that are missing between two starts.
#[derive(Clone, Copy, Debug, Default)]
struct Gap {
    /// What the tape had dropped at its last start, `None` before the first.
    dropped_by_tape: Option<u64>,
    /// What was dropped here since.
    dropped_here: u64,
    /// A new start is needed, and nobody has asked for it yet.
    unasked: bool,
}

impl Gap {
    /// How many there are at a start; the next gap begins behind it.
    fn close(&mut self, start: &Start) -> u64 {
        let by_tape = self.dropped_by_tape.map_or(0, |before| start.dropped.saturating_sub(before));
        let dropped = by_tape + self.dropped_here;
        *self = Self { dropped_by_tape: Some(start.dropped), dropped_here: 0, unasked: false };
        dropped
    }
}

impl Track {
    pub(crate) fn new(link: Arc<Link>, machine: MachineDescription) -> Self {
        Self {
            link,
            machine,
            part: None,
            scenario: None,
            next_part: 1,
            starts: 0,
            rotates_at: None,
            gap: Gap::default(),
        }
    }

    /// Whether the tape is gone, and with it the machine.
    pub(crate) fn is_gone(&self) -> bool {
        Arc::strong_count(&self.link) == 1
    }

    /// The name of the file being written.
    pub(crate) fn part_name(&self) -> Option<&str> {
        self.part.as_ref().map(Part::name)
    }

    /// Asks the machine's owner for the first start of a recording.
    pub(crate) fn enlist(&mut self, recording: &Recording) {
        self.next_part = 1;
        self.gap = Gap::default();
        recording.cover().enlist(&self.link);
    }

    /// Makes the tape stop.
    pub(crate) fn dismiss(&mut self) {
        self.link.want_nothing();
        self.scenario = None;
        self.rotates_at = None;
    }

    /// Begins a scenario, in the next file where that is due.
    pub(crate) fn begin(&mut self, start: &Start, writing: &mut Writing<'_>) -> Result<(), RecorderFinding> {
        self.scenario = None;
        if !writing.recording.asked_for(start.epoch) {
            return Ok(());
        }
        if self.rotates_at.is_some_and(|at| start.epoch >= at) {
            self.close(writing)?;
        }
        let dropped = self.gap.close(start);
        if self.part.is_none() {
            let (part, number) = writing.recording.create_part(&self.machine.name, self.next_part, writing.now)?;
            self.next_part = number + 1;
            self.starts = 0;
            self.part = Some(part);
        }
        let Some(part) = &mut self.part else { return Ok(()) };
        self.starts += 1;
        let (file, lines) = part.name_and_lines();
        let note = HeaderNote { file, start: self.starts, dropped };
        match Scenario::begin(start, &self.machine, note, lines) {
            Ok(scenario) => self.scenario = Some(scenario),
            Err(error) => return self.give_up(error, writing),
        }
        if self.starts == 1 {
            part.write_header(&mut writing.recording.quota, writing.counters)?;
            writing.counters.count_file();
        }
        Ok(())
    }

    /// Ends the recording of this machine, whose state has no header.
    #[cold]
    fn give_up(&mut self, error: Unwritable, writing: &mut Writing<'_>) -> Result<(), RecorderFinding> {
        let machine = self.machine.name.clone();
        let finding = match error {
            Unwritable::State(source) => RecorderFinding::StateUnwritable { machine, source },
            Unwritable::LineTooLong { bytes, limit } => RecorderFinding::StateTooLarge { machine, bytes, limit },
            // Nothing else goes wrong with a header.
            other => {
                tracing::error!(%machine, error = &other as &dyn std::error::Error, "no header");
                return Ok(());
            }
        };
        tracing::error!(error = &finding as &dyn std::error::Error, "a machine is not recorded");
        writing.phase.find(finding);
        self.dismiss();
        let closed = self.sync(writing);
        match self.part.take() {
            Some(part) if self.starts == 1 => writing.recording.discard(&part),
            _ => {}
        }
        closed
    }

    /// Writes an operation's line, or counts the operation as dropped where lines before it are missing.
    pub(crate) fn operation(&mut self, told: &Told<'_>, writing: &mut Writing<'_>) -> Result<(), RecorderFinding> {
        let (Some(scenario), Some(part)) = (&mut self.scenario, &mut self.part) else {
            self.drop_operation(writing);
            return Ok(());
        };
        if let Err(error) = scenario.write(told, &mut part.lines) {
            tracing::warn!(machine = %self.machine.name, %error, "an operation cannot be recorded");
            self.scenario = None;
            self.gap.unasked = true;
            self.drop_operation(writing);
            return Ok(());
        }
        part.count_operation();
        if part.is_piece(writing.recording.piece_bytes()) {
            part.write(&mut writing.recording.quota, writing.counters)?;
            self.rotate_when_due(writing);
        }
        Ok(())
    }

    /// Memory was registered.
    pub(crate) fn map_region(&mut self, region: &Region) {
        if let Some(scenario) = &mut self.scenario {
            scenario.map_region(region);
        }
    }

    /// Memory was released.
    pub(crate) fn release_region(&mut self, space: AddressSpace, start: VirtAddr) {
        if let Some(scenario) = &mut self.scenario {
            scenario.release_region(space, start);
        }
    }

    /// Asks for the starts that are due: after a line that could not be written, and for the next file.
    pub(crate) fn ask_for_starts(&mut self, writing: &mut Writing<'_>) {
        if std::mem::take(&mut self.gap.unasked) {
            writing.recording.ask(&self.link);
        }
        self.rotate_when_due(writing);
    }

    /// Brings what is written to the disk.
    pub(crate) fn sync(&mut self, writing: &mut Writing<'_>) -> Result<(), RecorderFinding> {
        match &mut self.part {
            Some(part) => part.sync(&mut writing.recording.quota, writing.counters),
            None => Ok(()),
        }
    }

    /// Ends the file being written.
    pub(crate) fn close(&mut self, writing: &mut Writing<'_>) -> Result<(), RecorderFinding> {
        self.sync(writing)?;
        self.part = None;
        self.rotates_at = None;
        Ok(())
    }

    /// Gives the file being written up.
    pub(crate) fn abandon(&mut self, counters: &Counters) {
        if let Some(part) = self.part.take() {
            part.abandon(counters);
        }
    }

    fn rotate_when_due(&mut self, writing: &mut Writing<'_>) {
        if self.rotates_at.is_none()
            && self.part.as_ref().is_some_and(|part| writing.recording.is_over(part, writing.now))
        {
            self.rotates_at = writing.recording.ask(&self.link);
        }
    }

    fn drop_operation(&mut self, writing: &Writing<'_>) {
        self.gap.dropped_here += 1;
        writing.counters.count_dropped(1);
    }
}

/// What a track needs to write.
#[derive(Debug)]
pub(crate) struct Writing<'r> {
    pub(crate) recording: &'r mut Recording,
    pub(crate) counters: &'r Counters,
    pub(crate) phase: &'r PhaseCell,
    pub(crate) now: Instant,
}
