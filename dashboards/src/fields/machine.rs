//! Columns of what a machine holds: waiters, maps and tags.

use super::{Field, Unit, Value, field};
use crate::frame::{MapRow, TagRow, WaiterRow};

/// Columns of maps that wait: those of `Waiter`, and the place in the queue.
pub static WAITER_FIELDS: [Field<WaiterRow>; 9] = [
    field("machine", ("machine", 8, 9), Unit::Text, |row| Value::Text(&row.machine), "the machine it is on"),
    field(
        "position",
        ("#", 5, 2),
        Unit::Count,
        |row| Value::Whole(row.position.into()),
        "its place in the machine's queue, 1 is the head",
    ),
    field("map", ("map", 14, 0), Unit::Text, |row| Value::Text(&row.map), "the map that waits"),
    field("tag", ("tag", 12, 4), Unit::Text, |row| Value::Text(&row.tag), "its tag"),
    field("needed", ("needs", 6, 0), Unit::Pages, |row| Value::Whole(row.needed.into()), "pages it needs in all"),
    field(
        "reserved",
        ("has", 6, 1),
        Unit::Pages,
        |row| Value::Whole(row.reserved.into()),
        "pages it has been promised",
    ),
    field("age_ns", ("age", 11, 0), Unit::Nanoseconds, |row| Value::Whole(row.age_ns), "how long it has waited"),
    field("session", ("session", 8, 5), Unit::Text, |row| Value::text(row.session.as_ref()), "whose it is"),
    field("zone", ("zone", 4, 3), Unit::Count, |row| Value::Whole(row.zone.into()), "the zone it waits for"),
];

/// Columns of maps that are loaded or wait: those of `MapInfo`.
pub static MAP_FIELDS: [Field<MapRow>; 10] = [
    field("machine", ("machine", 8, 9), Unit::Text, |row| Value::Text(&row.machine), "the machine it is on"),
    field("map", ("map", 14, 0), Unit::Text, |row| Value::Text(&row.map), "the map"),
    field("tag", ("tag", 12, 5), Unit::Text, |row| Value::Text(&row.tag), "its tag"),
    field("state", ("state", 8, 2), Unit::Text, |row| Value::Text(row.state.name()), "what it is doing"),
    field(
        "age_ns",
        ("age", 11, 0),
        Unit::Nanoseconds,
        |row| Value::Whole(row.age_ns),
        "how long it has been in this state",
    ),
    field("bytes", ("bytes", 9, 1), Unit::Bytes, |row| Value::Whole(row.bytes), "bytes of the mapping"),
    field("segments", ("segs", 5, 6), Unit::Count, |row| Value::Whole(row.segments.into()), "segments of the mapping"),
    field(
        "bounce_pages",
        ("pages", 6, 0),
        Unit::Pages,
        |row| Value::Whole(row.bounce_pages.into()),
        "bounce pages it holds",
    ),
    field("session", ("session", 8, 3), Unit::Text, |row| Value::text(row.session.as_ref()), "whose it is"),
    field("uid", ("uid", 6, 7), Unit::Count, |row| Value::whole(row.uid.map(u64::from)), "the user of that session"),
];

/// Columns of tags: those of `TagInfo`.
pub static TAG_FIELDS: [Field<TagRow>; 13] = [
    field("machine", ("machine", 8, 9), Unit::Text, |row| Value::Text(&row.machine), "the machine it is on"),
    field("tag", ("tag", 12, 0), Unit::Text, |row| Value::Text(&row.tag), "the tag"),
    field("session", ("session", 8, 5), Unit::Text, |row| Value::text(row.session.as_ref()), "whose it is"),
    field(
        "preset",
        ("preset", 12, 4),
        Unit::Text,
        |row| Value::text(row.preset.as_ref()),
        "the preset it was made from",
    ),
    field(
        "alignment",
        ("align", 8, 3),
        Unit::Bytes,
        |row| Value::Whole(row.alignment),
        "what addresses are multiples of",
    ),
    field(
        "boundary",
        ("boundary", 9, 3),
        Unit::Boundary,
        |row| Value::Whole(row.boundary),
        "what no segment may cross a multiple of",
    ),
    field(
        "lowaddr",
        ("lowaddr", 18, 1),
        Unit::Address,
        |row| Value::Whole(row.lowaddr),
        "the last address below the excluded window",
    ),
    field(
        "highaddr",
        ("highaddr", 18, 6),
        Unit::Address,
        |row| Value::Whole(row.highaddr),
        "the last excluded address",
    ),
    field("maxsize", ("maxsize", 9, 4), Unit::Bytes, |row| Value::Whole(row.maxsize), "the most bytes of a mapping"),
    field(
        "nsegments",
        ("segs", 6, 4),
        Unit::Count,
        |row| Value::whole(row.nsegments.map(u64::from)),
        "the most segments of a mapping; none when there is no limit",
    ),
    field("maxsegsz", ("segsize", 9, 4), Unit::Bytes, |row| Value::Whole(row.maxsegsz), "the most bytes of a segment"),
    field("zone", ("zone", 4, 2), Unit::Count, |row| Value::whole(row.zone.map(u64::from)), "its bounce zone"),
    field("maps", ("maps", 6, 0), Unit::Count, |row| Value::Whole(row.maps.into()), "maps that belong to it"),
];
