//! Columns of findings.

use super::{Field, Unit, Value, field};
use crate::frame::FindingRow;

/// Columns of findings: those of `Finding`, with the map, tag or device in one.
pub static FINDING_FIELDS: [Field<FindingRow>; 10] = [
    field("severity", ("severity", 10, 0), Unit::Text, |row| Value::Text(row.severity.name()), "how bad it is"),
    field("kind", ("kind", 22, 1), Unit::Text, |row| Value::Text(&row.kind), "its kind"),
    field("machine", ("machine", 8, 5), Unit::Text, |row| Value::text(row.machine.as_ref()), "where"),
    field(
        "object",
        ("object", 14, 2),
        Unit::Text,
        |row| Value::text(row.object.as_ref()),
        "the map, tag or device it is about",
    ),
    field(
        "session",
        ("session", 8, 6),
        Unit::Text,
        |row| Value::text(row.session.as_ref()),
        "whose call showed it first",
    ),
    field("count", ("count", 7, 3), Unit::Count, |row| Value::Whole(row.count), "how often"),
    field("first_ns", ("first", 11, 8), Unit::Nanoseconds, |row| Value::Whole(row.first_ns), "when it was first seen"),
    field("last_ns", ("last", 11, 7), Unit::Nanoseconds, |row| Value::Whole(row.last_ns), "when it was last seen"),
    field("message", ("message", 40, 0), Unit::Text, |row| Value::Text(&row.message), "what was found"),
    field("advice", ("advice", 40, 9), Unit::Text, |row| Value::Text(&row.advice), "what to do about it"),
];
