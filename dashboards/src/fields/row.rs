//! Rows: what lists list.

use super::{DEVICE_FIELDS, FINDING_FIELDS, Field, MAP_FIELDS, TAG_FIELDS, WAITER_FIELDS, ZONE_FIELDS};
use crate::frame::{DeviceRow, FindingRow, MapRow, Name, TagRow, WaiterRow, ZoneRow};

/// What a list can list.
pub trait Row: Sized + 'static {
    /// Its columns.
    fn fields() -> &'static [Field<Self>];

    /// What tells it from the other rows, in this frame and the next ones.
    fn identity(&self) -> Identity<'_>;
}

/// What tells a row from others: two rows of two frames with the same identity are the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The machine it is on; empty where there is none.
    pub machine: &'a str,
    /// Its name there; empty for what has a number only.
    pub object: &'a str,
    /// Its number there; 0 for what has a name only.
    pub number: u32,
}

/// An identity that outlives its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowKey {
    machine: Name,
    object: Name,
    number: u32,
}

impl RowKey {
    /// Whether that row is meant.
    pub fn is(&self, identity: Identity<'_>) -> bool {
        self.number == identity.number && self.object == identity.object && self.machine == identity.machine
    }
}

impl From<Identity<'_>> for RowKey {
    fn from(identity: Identity<'_>) -> Self {
        Self { machine: identity.machine.into(), object: identity.object.into(), number: identity.number }
    }
}

impl Row for ZoneRow {
    fn fields() -> &'static [Field<Self>] {
        &ZONE_FIELDS
    }

    fn identity(&self) -> Identity<'_> {
        Identity { machine: &self.machine, object: "", number: self.zone }
    }
}

impl Row for WaiterRow {
    fn fields() -> &'static [Field<Self>] {
        &WAITER_FIELDS
    }

    fn identity(&self) -> Identity<'_> {
        Identity { machine: &self.machine, object: &self.map, number: 0 }
    }
}

impl Row for MapRow {
    fn fields() -> &'static [Field<Self>] {
        &MAP_FIELDS
    }

    fn identity(&self) -> Identity<'_> {
        Identity { machine: &self.machine, object: &self.map, number: 0 }
    }
}

impl Row for TagRow {
    fn fields() -> &'static [Field<Self>] {
        &TAG_FIELDS
    }

    fn identity(&self) -> Identity<'_> {
        Identity { machine: &self.machine, object: &self.tag, number: 0 }
    }
}

impl Row for DeviceRow {
    fn fields() -> &'static [Field<Self>] {
        &DEVICE_FIELDS
    }

    fn identity(&self) -> Identity<'_> {
        Identity { machine: "", object: &self.device, number: 0 }
    }
}

impl Row for FindingRow {
    fn fields() -> &'static [Field<Self>] {
        &FINDING_FIELDS
    }

    /// A finding's kind stands in for the machine where it has none, so that two kinds on one object differ.
    fn identity(&self) -> Identity<'_> {
        Identity {
            machine: self.machine.as_deref().unwrap_or(&self.kind),
            object: self.object.as_deref().unwrap_or(&self.kind),
            number: 0,
        }
    }
}
