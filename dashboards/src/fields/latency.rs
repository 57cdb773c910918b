//! Columns of distributions of spans of time.

use super::{Field, Unit, Value, field};
use crate::frame::Distribution;

/// Columns of distributions: those of `Percentiles`.
pub static DISTRIBUTION_FIELDS: [Field<Distribution>; 7] = [
    field("count", ("count", 9, 3), Unit::Count, |row| Value::Whole(row.count), "how many were measured"),
    field("mean_ns", ("mean", 11, 5), Unit::Nanoseconds, |row| Value::Whole(row.mean_ns), "the mean"),
    field("p50_ns", ("p50", 11, 0), Unit::Nanoseconds, |row| Value::Whole(row.p50_ns), "half took at most this"),
    field("p90_ns", ("p90", 11, 4), Unit::Nanoseconds, |row| Value::Whole(row.p90_ns), "nine of ten took at most this"),
    field("p99_ns", ("p99", 11, 0), Unit::Nanoseconds, |row| Value::Whole(row.p99_ns), "99 of 100 took at most this"),
    field(
        "p999_ns",
        ("p99.9", 11, 2),
        Unit::Nanoseconds,
        |row| Value::Whole(row.p999_ns),
        "999 of 1000 took at most this",
    ),
    field("max_ns", ("max", 11, 1), Unit::Nanoseconds, |row| Value::Whole(row.max_ns), "the longest"),
];
