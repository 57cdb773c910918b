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
    /// What of it is meant; empty where it stands in one row only.
    pub kind: &'a str,
}

/// An identity that outlives its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowKey {
    machine: Name,
    object: Name,
    number: u32,
    kind: Name,
}

impl RowKey {
    /// Whether that row is meant.
    pub fn is(&self, identity: Identity<'_>) -> bool {
        self.number == identity.number
            && self.object == identity.object
            && self.machine == identity.machine
            && self.kind == identity.kind
    }
}

impl From<Identity<'_>> for RowKey {
    fn from(identity: Identity<'_>) -> Self {
        Self {
            machine: identity.machine.into(),
            object: identity.object.into(),
            number: identity.number,
            kind: identity.kind.into(),
        }
    }
}

impl Row for ZoneRow {
    fn fields() -> &'static [Field<Self>] {
        &ZONE_FIELDS
    }

    fn identity(&self) -> Identity<'_> {
        Identity { machine: &self.machine, object: "", number: self.zone, kind: "" }
    }
}

impl Row for WaiterRow {
    fn fields() -> &'static [Field<Self>] {
        &WAITER_FIELDS
    }

    fn identity(&self) -> Identity<'_> {
        Identity { machine: &self.machine, object: &self.map, number: 0, kind: "" }
    }
}

impl Row for MapRow {
    fn fields() -> &'static [Field<Self>] {
        &MAP_FIELDS
    }

    fn identity(&self) -> Identity<'_> {
        Identity { machine: &self.machine, object: &self.map, number: 0, kind: "" }
    }
}

impl Row for TagRow {
    fn fields() -> &'static [Field<Self>] {
        &TAG_FIELDS
    }

    fn identity(&self) -> Identity<'_> {
        Identity { machine: &self.machine, object: &self.tag, number: 0, kind: "" }
    }
}

impl Row for DeviceRow {
    fn fields() -> &'static [Field<Self>] {
        &DEVICE_FIELDS
    }

    fn identity(&self) -> Identity<'_> {
        Identity { machine: "", object: &self.device, number: 0, kind: "" }
    }
}

impl Row for FindingRow {
    fn fields() -> &'static [Field<Self>] {
        &FINDING_FIELDS
    }

    fn identity(&self) -> Identity<'_> {
        let (machine, object) = (self.machine.as_deref(), self.object.as_deref());
        Identity {
            machine: machine.unwrap_or_default(),
            object: object.unwrap_or_default(),
            number: 0,
            kind: &self.kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Severity;
    use crate::views::fixtures;

    #[test]
    fn findings_differ_by_machine_object_and_kind() {
        let finding = |machine: Option<&str>, object: Option<&str>, kind: &str| FindingRow {
            machine: machine.map(Name::from),
            object: object.map(Name::from),
            kind: kind.into(),
            ..fixtures::finding(Severity::Error, "")
        };
        let rows = [
            finding(Some("vm1"), Some("vm1/m1"), "leak"),
            finding(Some("vm1"), Some("vm1/m1"), "waits"),
            finding(Some("vm1"), Some("vm1/m2"), "leak"),
            finding(Some("vm1"), None, "leak"),
            finding(None, None, "leak"),
            finding(None, None, "waits"),
            finding(None, Some("leak"), "leak"),
        ];
        for (nth, row) in rows.iter().enumerate() {
            let key = RowKey::from(row.identity());
            let meant: Vec<_> = (0..rows.len()).filter(|&at| key.is(rows[at].identity())).collect();
            assert_eq!(meant, [nth]);
        }
    }
}
