//! Records: carries operations out on an engine and its machine, and writes down what came of them.

use crate::error::OperationError;
use crate::format::{Header, Input, Ret, State};
use crate::hazards::HazardSet;
use crate::names::NoObject;
use crate::session::{Decisions, Session};
use crate::snapshot::SnapshotError;
use crate::writer::{AnswerLine, TraceWriter};
use busdma_engine::{MapState, Profile};
use std::io::{self, Write};
use thiserror::Error;

/// Makes a trace of operations that it carries out itself.
#[derive(Debug)]
pub struct Recorder<W> {
    writer: TraceWriter<W>,
    session: Session,
    seen: HazardSet,
    seq: u64,
    answer: Vec<u8>,
}

/// Why an operation was not recorded.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The operation contradicts the ones before or the machine.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// The trace cannot be written.
    #[error("the trace cannot be written")]
    Write(#[from] io::Error),
}

impl<W: Write> Recorder<W> {
    /// Starts a scenario on the machine that `header` describes.
    ///
    /// # Errors
    /// [`RecordError::Operation`] for a machine that cannot be modelled, [`RecordError::Write`].
    pub fn start(
        mut writer: TraceWriter<W>,
        header: &Header<'_>,
        profile: Profile,
        decisions: Decisions,
    ) -> Result<Self, RecordError> {
        let session = Session::new(header, profile, decisions)?;
        writer.write_header(header)?;
        Ok(Self { writer, session, seen: HazardSet::default(), seq: 0, answer: Vec::new() })
    }

    /// Carries out an operation at `t` nanoseconds and writes its line. Returns what the call returned, `None` where
    /// FreeBSD's kernel stops and for operations that return nothing.
    ///
    /// # Errors
    /// [`RecordError::Operation`], and nothing is written; [`RecordError::Write`].
    pub fn record(&mut self, input: &Input<'_>, t: Option<u64>) -> Result<Option<Ret>, RecordError> {
        let output = self.session.execute(input, t).map_err(|error| match error {
            NoObject::Trace(error) => error,
            NoObject::NotCreated { kind, id } | NoObject::Destroyed { kind, id } => {
                OperationError::UnknownId { kind, id }
            }
        })?;
        let ret = output.ret();
        self.answer.clear();
        serde_json::to_writer(&mut self.answer, &output).map_err(io::Error::from)?;
        let hazard = self.seen.add(self.session.hazards());
        self.seq += 1;
        self.writer.write_answer(&AnswerLine {
            seq: self.seq,
            t,
            session: None,
            input,
            output: &self.answer,
            hazard: &hazard.names(),
        })?;
        self.session.check_limits()?;
        Ok(ret)
    }

    /// What a map is doing now, `None` when it does not exist.
    pub fn map_state(&self, map: &str) -> Option<MapState> {
        self.session.map_state(map)
    }

    /// What the machine is now, as the header of a scenario that goes on from here holds it.
    ///
    /// # Errors
    /// [`SnapshotError`] for what cannot be written down.
    pub fn state(&self) -> Result<State<'static>, SnapshotError> {
        self.session.state()
    }

    /// What it writes with, to flush it or to come to its output.
    pub fn writer_mut(&mut self) -> &mut TraceWriter<W> {
        &mut self.writer
    }

    /// Ends the scenario; another can be started with the writer.
    pub fn into_writer(self) -> TraceWriter<W> {
        self.writer
    }
}
