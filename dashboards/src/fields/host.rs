//! Columns of the host's devices and of its swiotlb pool.

use super::{Field, Unit, Value, field};
use crate::frame::{DeviceRow, PoolRow};

/// Columns of devices.
pub static DEVICE_FIELDS: [Field<DeviceRow>; 19] = [
    field("device", ("device", 16, 0), Unit::Text, |row| Value::Text(&row.device), "its name"),
    field("driver", ("driver", 12, 4), Unit::Text, |row| Value::text(row.driver.as_ref()), "its driver"),
    field(
        "mappings_per_s",
        ("maps/s", 7, 0),
        Unit::PerSecond,
        |row| Value::Real(row.mappings_per_s),
        "mappings made a second, lately",
    ),
    field(
        "bytes_per_s",
        ("bytes/s", 11, 3),
        Unit::BytesPerSecond,
        |row| Value::Real(row.bytes_per_s),
        "bytes mapped a second, lately",
    ),
    field("live", ("live", 7, 5), Unit::Count, |row| Value::Whole(row.live), "mappings that live"),
    field(
        "live_bytes",
        ("in flight", 9, 1),
        Unit::Bytes,
        |row| Value::Whole(row.live_bytes),
        "bytes of the mappings that live",
    ),
    field(
        "bounce_share",
        ("bounce", 6, 0),
        Unit::Share,
        |row| Value::real(row.bounce_share()),
        "mappings made through the bounce pool, of all made",
    ),
    field("failed", ("failed", 7, 1), Unit::Count, |row| Value::Whole(row.failed), "mappings that were not made"),
    field(
        "agreement",
        ("agree", 6, 2),
        Unit::Share,
        |row| Value::real(row.agreement()),
        "mappings as expected, of those that can be judged",
    ),
    field(
        "dma_mask",
        ("mask", 10, 6),
        Unit::Address,
        |row| Value::whole(row.dma_mask),
        "the highest address that it reaches, inclusive",
    ),
    field(
        "iommu_domain",
        ("iommu", 8, 6),
        Unit::Text,
        |row| Value::text(row.iommu_domain.as_ref()),
        "what its IOMMU domain does",
    ),
    field(
        "bounced_per_s",
        ("bounced/s", 9, 7),
        Unit::PerSecond,
        |row| Value::Real(row.bounced_per_s),
        "mappings bounced a second, lately",
    ),
    field(
        "failed_per_s",
        ("failed/s", 8, 7),
        Unit::PerSecond,
        |row| Value::Real(row.failed_per_s),
        "mappings that failed a second, lately",
    ),
    field("mapped", ("mapped", 10, 8), Unit::Count, |row| Value::Whole(row.mapped), "mappings made so far"),
    field("mapped_bytes", ("bytes", 9, 8), Unit::Bytes, |row| Value::Whole(row.mapped_bytes), "bytes of those"),
    field(
        "bounced",
        ("bounced", 10, 8),
        Unit::Count,
        |row| Value::Whole(row.bounced),
        "mappings made through the bounce pool",
    ),
    field("agree", ("as exp.", 9, 9), Unit::Count, |row| Value::Whole(row.agree), "mappings that are as expected"),
    field(
        "differ",
        ("not exp.", 9, 9),
        Unit::Count,
        |row| Value::Whole(row.differ),
        "mappings that are not as expected, or failed",
    ),
    field(
        "unknown",
        ("unknown", 9, 9),
        Unit::Count,
        |row| Value::Whole(row.unknown),
        "mappings of which it cannot be said",
    ),
];

/// What is known of the swiotlb pool.
pub static POOL_FIELDS: [Field<PoolRow>; 4] = [
    field("used_slots", ("used", 8, 0), Unit::Count, |row| Value::Whole(row.used_slots), "slots that mappings hold"),
    field("total_slots", ("total", 8, 1), Unit::Count, |row| Value::whole(row.total_slots), "slots there are"),
    field(
        "high_water_slots",
        ("most", 8, 2),
        Unit::Count,
        |row| Value::Whole(row.high_water_slots),
        "most slots held at once",
    ),
    field("full", ("full", 8, 3), Unit::Count, |row| Value::Whole(row.full), "times that it had no room"),
];
