//! Where a recording of a machine starts: everything that the lines after it build on.

use crate::handoff::Epoch;
use crate::operation::{MapNumber, MemoryNumber, TagNumber};
use busdma_engine::{AddressSpace, Engine, MapId, Nanos, Observer, PhysAddr, Platform, Profile, TagId, VirtAddr};
use busdma_trace::Snapshot;
use busdma_trace::format::MachineModel;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;
use thiserror::Error;

/// What is always the same about a machine.
#[derive(Clone, Debug)]
pub struct MachineDescription {
    /// Its name; files are named after it.
    pub name: MachineName,
    /// Its memory and its allocators, as the header of a trace describes them.
    pub model: MachineModel<'static>,
    /// Which bus_dma(9) it runs.
    pub profile: Profile,
}

/// Most bytes in the name of a machine.
pub const MACHINE_NAME_BYTES_MAX: usize = 64;

/// The name of a machine: letters, digits, `_` and `-`, so that a file can be named after it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct MachineName(Arc<str>);

/// Why a text is no name of a machine.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum MachineNameError {
    /// Too short or too long.
    #[error("a machine name has 1 to {MACHINE_NAME_BYTES_MAX} bytes, this one has {found}")]
    Length {
        /// Its bytes.
        found: usize,
    },
    /// A character that a file name should not have.
    #[error("a machine name has letters, digits, `_` and `-`; {found:?} is none of them")]
    Character {
        /// The character.
        found: char,
    },
}

impl MachineName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`MachineNameError`].
    pub fn parse(name: &str) -> Result<Self, MachineNameError> {
        if name.is_empty() || name.len() > MACHINE_NAME_BYTES_MAX {
            return Err(MachineNameError::Length { found: name.len() });
        }
        match name.chars().find(|&found| !(found.is_ascii_alphanumeric() || found == '_' || found == '-')) {
            Some(found) => Err(MachineNameError::Character { found }),
            None => Ok(Self(name.into())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MachineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A machine at one moment: between two operations.
#[derive(Clone, Debug)]
pub struct Start {
    pub(crate) snapshot: Snapshot,
    pub(crate) numbers: Numbers,
    pub(crate) regions: Vec<Region>,
    /// When it was taken, on the clock of operations.
    pub(crate) at: Nanos,
    /// The same moment.
    pub(crate) taken: SystemTime,
    pub(crate) epoch: Epoch,
    /// Operations that the tape has dropped since it was made.
    pub(crate) dropped: u64,
}

impl Start {
    /// Takes the machine of `engine` as it is now, which is `at` on the clock that operations are told by: with the numbers of
    /// everything that lives, and all memory that is registered, without that of dmamem.
    pub fn take<P: Platform, O: Observer>(
        engine: &Engine<P, O>,
        at: Nanos,
        numbers: Numbers,
        regions: Vec<Region>,
    ) -> Self {
        // A large machine takes a while to copy.
        let taken = SystemTime::now();
        // The frames follow from the state, which the recorder's thread goes through anyway.
        let snapshot = Snapshot::take(engine, 0);
        Self { snapshot, numbers, regions, at, taken, epoch: Epoch::NONE, dropped: 0 }
    }
}

/// The daemon's numbers of the engine's objects.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Numbers {
    /// All tags that were not freed.
    pub tags: Vec<(TagId, TagNumber)>,
    /// All maps that were not destroyed, those of dmamem included.
    pub maps: Vec<NumberedMap>,
    /// All dmamem, by the map it came with.
    pub memory: Vec<(MapId, MemoryNumber)>,
}

/// The numbers of a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NumberedMap {
    /// The map.
    pub map: MapId,
    /// Its own number.
    pub number: MapNumber,
    /// That of its tag, which may be gone.
    pub tag: TagNumber,
}

/// Registered memory: virtual pages in a row, and the physical page behind each. Regions of one address space do not
/// overlap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Region {
    /// The address space.
    pub space: AddressSpace,
    /// The first byte of the first page.
    pub start: VirtAddr,
    /// The first byte of each physical page, in order.
    pub pages: Arc<[PhysAddr]>,
}
