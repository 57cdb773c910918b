//! What can be wrong after an operation.

use super::Rig;
use crate::answer::{Answer, MapNo, MapView, TagNo, ZoneView};
use crate::checkers::Broken;
use crate::ops::Op;
use busdma_engine::check::InvariantViolation;
use busdma_engine::error::LoadError;
use busdma_engine::hazard::{Hazard, HazardKind};
use busdma_engine::map::MapState;
use std::fmt;
use thiserror::Error;

/// What was wrong after an operation.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum Fault {
    /// The two gave different answers.
    #[error("the answers differ\n  model  {model:?}\n  engine {engine:?}")]
    Answers {
        /// The model's.
        model: Box<Answer>,
        /// The engine's.
        engine: Box<Answer>,
    },
    /// Their zones differ.
    #[error("the zones differ\n  model  {model:?}\n  engine {engine:?}")]
    Zones {
        /// The model's.
        model: Vec<ZoneView>,
        /// The engine's.
        engine: Vec<ZoneView>,
    },
    /// Their waiting lists differ.
    #[error("the waiting lists differ\n  model  {model:?}\n  engine {engine:?}")]
    Waiting {
        /// The model's.
        model: Vec<MapNo>,
        /// The engine's.
        engine: Vec<MapNo>,
    },
    /// A map differs.
    #[error("{map:?} differs\n  model  {model:?}\n  engine {engine:?}")]
    Map {
        /// Which.
        map: MapNo,
        /// The model's.
        model: Box<MapView>,
        /// The engine's.
        engine: Box<MapView>,
    },
    /// A tag's count of maps differs.
    #[error("{tag:?} counts {model} maps in the model, {engine} in the engine")]
    TagCount {
        /// Which.
        tag: TagNo,
        /// The model's count.
        model: i64,
        /// The engine's count.
        engine: i64,
    },
    /// They met different kinds of hazards.
    #[error("the hazards differ\n  model  {model:?}\n  engine {engine:?}")]
    Hazards {
        /// The model's.
        model: Vec<HazardKind>,
        /// The engine's.
        engine: Vec<HazardKind>,
    },
    /// Their memory differs.
    #[error("the byte at {addr:#x} is {model:#04x} in the model, {engine:#04x} in the engine")]
    Byte {
        /// Where.
        addr: u64,
        /// The model's.
        model: u8,
        /// The engine's.
        engine: u8,
    },
    /// After a sync the device and the client do not see the same byte.
    #[error("after the sync byte {position} of {map:?} is {client:#04x} for the client, {device:#04x} for the device")]
    NotInSync {
        /// The map.
        map: MapNo,
        /// Which byte of the request.
        position: usize,
        /// What the client sees.
        client: u8,
        /// What the device sees.
        device: u8,
    },
    /// The engine's state contradicts itself.
    #[error("an invariant of the engine does not hold: {0:?}")]
    Invariant(InvariantViolation),
    /// A promise of bus_dma(9) was broken.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The strict profile refused for a reason that does not hold.
    #[error("{map:?} was refused without reason: {error}")]
    Unjustified {
        /// The map.
        map: MapNo,
        /// The refusal.
        error: LoadError,
    },
    /// The strict profile deferred or took a load it should not have.
    #[error("{map:?} is {state:?} after a load that should have been answered otherwise")]
    WrongOutcome {
        /// The map.
        map: MapNo,
        /// What came of it.
        state: MapState,
    },
    /// The strict profile raised a hazard that it promises not to have.
    #[error("a hazard under the strict profile: {0}")]
    StrictHazard(Hazard),
}

/// A run that came to a fault, with everything needed to run it again.
#[derive(Debug)]
pub struct Failure {
    /// What it ran on.
    pub rig: Rig,
    /// The operations, up to and including the one at fault.
    pub ops: Vec<Op>,
    /// What was wrong.
    pub fault: Fault,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.ops.len().saturating_sub(1);
        writeln!(f, "after operation {last}: {}", self.fault)?;
        writeln!(f, "{:?}", self.rig)?;
        self.ops.iter().enumerate().try_for_each(|(index, op)| writeln!(f, "{index:3} {op:?}"))
    }
}

impl std::error::Error for Failure {}
