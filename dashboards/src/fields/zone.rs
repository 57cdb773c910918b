//! Columns of bounce zones.

use super::{Field, Unit, Value, field};
use crate::frame::ZoneRow;

/// Columns of bounce zones: those of `ZoneInfo`, and what is derived of them.
pub static ZONE_FIELDS: [Field<ZoneRow>; 17] = [
    field("machine", ("machine", 8, 1), Unit::Text, |row| Value::Text(&row.machine), "the machine it is on"),
    field("zone", ("zone", 4, 0), Unit::Count, |row| Value::Whole(row.zone.into()), "its number"),
    field(
        "lowaddr",
        ("lowaddr", 10, 3),
        Unit::Address,
        |row| Value::Whole(row.lowaddr),
        "highest address of its pages, inclusive",
    ),
    field(
        "alignment",
        ("align", 8, 10),
        Unit::Bytes,
        |row| Value::Whole(row.alignment),
        "what its pages' addresses are multiples of",
    ),
    field(
        "pressure",
        ("full", 6, 2),
        Unit::Share,
        |row| Value::Real(row.pressure()),
        "pages promised or in use, of all there are",
    ),
    field(
        "free_bpages",
        ("free", 6, 0),
        Unit::Pages,
        |row| Value::Whole(row.free_bpages.into()),
        "pages neither promised nor in use",
    ),
    field(
        "reserved_bpages",
        ("resv", 6, 2),
        Unit::Pages,
        |row| Value::Whole(row.reserved_bpages.into()),
        "pages promised to maps that wait",
    ),
    field(
        "active_bpages",
        ("active", 6, 0),
        Unit::Pages,
        |row| Value::Whole(row.active_bpages.into()),
        "pages that hold a loaded map's bytes",
    ),
    field(
        "active_bpages_max",
        ("most", 6, 5),
        Unit::Pages,
        |row| Value::Whole(row.active_bpages_max.into()),
        "the most pages that were ever active at once",
    ),
    field(
        "total_bpages",
        ("total", 6, 4),
        Unit::Pages,
        |row| Value::Whole(row.total_bpages.into()),
        "pages ever added",
    ),
    field(
        "waiters",
        ("wait", 5, 0),
        Unit::Count,
        |row| Value::Whole(row.waiters.into()),
        "maps that wait for its pages",
    ),
    field(
        "bounced_per_s",
        ("bounced/s", 9, 4),
        Unit::PerSecond,
        |row| Value::real(row.rates.bounced),
        "syncs that copied, a second, lately",
    ),
    field(
        "deferred_per_s",
        ("defer/s", 7, 4),
        Unit::PerSecond,
        |row| Value::real(row.rates.deferred),
        "deferred loads woken, a second, lately",
    ),
    field(
        "total_bounced",
        ("bounced", 10, 6),
        Unit::Count,
        |row| Value::Whole(row.total_bounced.into()),
        "syncs that copied, as FreeBSD counts them; wraps at 32 bits",
    ),
    field(
        "total_deferred",
        ("deferred", 10, 7),
        Unit::Count,
        |row| Value::Whole(row.total_deferred.into()),
        "deferred loads, counted when they are woken; wraps at 32 bits",
    ),
    field(
        "total_deferred_time",
        ("waited", 11, 8),
        Unit::Microseconds,
        |row| Value::Whole(row.total_deferred_time),
        "what resumed loads have waited in all",
    ),
    field(
        "map_count",
        ("maps", 6, 8),
        Unit::Count,
        |row| Value::Signed(row.map_count.into()),
        "maps created for the zone",
    ),
];
