//! The engine's errors in the words of the interface.

use crate::config::Scope;
use busdma_api::engine::EngineError;
use busdma_api::{Hex, MapRef};
use busdma_engine::{InvalidRequest, KernelPanic, LoadError, MapError, MemError, SyncError, TagError};

pub(super) fn panic(panic: KernelPanic) -> EngineError {
    EngineError::KernelPanic { message: panic.to_string(), assertion: panic.is_assertion() }
}

pub(super) fn invalid(reason: &InvalidRequest) -> EngineError {
    EngineError::InvalidRequest { reason: reason.to_string() }
}

pub(super) fn exceeded(quota: &str, limit: u64, scope: Scope) -> EngineError {
    EngineError::QuotaExceeded { quota: quota.to_owned(), limit, scope: scope.name().to_owned() }
}

/// `maxsegsz` is that of the map's tag.
pub(super) fn of_load(error: &LoadError, map: MapRef, maxsegsz: u64) -> EngineError {
    match *error {
        LoadError::TooManySegments { limit, filled, bytes_left } => EngineError::TooManySegments {
            needed: filled as u64 + bytes_left.raw().div_ceil(maxsegsz.max(1)).max(1),
            limit: limit.count() as u64,
            bytes_left: bytes_left.raw(),
        },
        LoadError::NoBouncePages { needed, free } => {
            EngineError::NoBouncePages { needed: needed.raw(), free: free.raw() }
        }
        LoadError::NeverSatisfiable { needed, total } => {
            EngineError::NeverSatisfiable { needed: needed.raw(), total: total.raw() }
        }
        LoadError::ExceedsMaxSize { bytes, maxsize } => {
            EngineError::ExceedsMaxSize { bytes: bytes.raw(), maxsize: maxsize.raw() }
        }
        LoadError::Unreachable { addr, reason } => {
            EngineError::Unreachable { addr: Hex(addr.raw()), reason: format!("{reason:?}") }
        }
        LoadError::AlreadyLoaded => EngineError::AlreadyLoaded { object: map.to_string() },
        LoadError::StillDeferred => EngineError::StillDeferred { object: map.to_string() },
        LoadError::Invalid(ref reason) => invalid(reason),
        LoadError::Panic(kernel) => panic(kernel),
        LoadError::NoSuchMap(_) => EngineError::NoSuchObject { object: map.to_string() },
    }
}

pub(super) fn of_tag(error: &TagError, object: &impl ToString) -> EngineError {
    match *error {
        TagError::ZeroMaxSegSize => EngineError::InvalidTag { field: "maxsegsz".to_owned(), reason: error.to_string() },
        TagError::NoBouncePages { zone, wanted, got } => {
            EngineError::PoolNotFilled { zone: zone_number(zone), wanted, got }
        }
        TagError::Busy { maps } => EngineError::Busy { maps },
        TagError::NoSuchTag(_) => EngineError::NoSuchObject { object: object.to_string() },
    }
}

pub(super) fn of_map(error: &MapError, object: &impl ToString) -> EngineError {
    match *error {
        MapError::NoBouncePages { zone, wanted, got } => {
            EngineError::PoolNotFilled { zone: zone_number(zone), wanted, got }
        }
        MapError::StillLoaded { bounce_pages, sync_ranges } => {
            EngineError::StillLoaded { object: object.to_string(), bounce_pages: bounce_pages.raw(), sync_ranges }
        }
        MapError::StillDeferred => EngineError::StillDeferred { object: object.to_string() },
        MapError::NotDeferred => EngineError::NotDeferred { object: Some(object.to_string()) },
        MapError::Panic(kernel) => panic(kernel),
        MapError::NoSuchTag(_) | MapError::NoSuchMap(_) => EngineError::NoSuchObject { object: object.to_string() },
    }
}

pub(super) fn of_sync(error: &SyncError, map: MapRef) -> EngineError {
    match error {
        SyncError::Panic(kernel) => panic(*kernel),
        SyncError::Invalid(reason) => invalid(reason),
        SyncError::NoSuchMap(_) => EngineError::NoSuchObject { object: map.to_string() },
    }
}

pub(super) fn of_mem(error: &MemError, object: &impl ToString) -> EngineError {
    match *error {
        MemError::NoMemory { request } => EngineError::NoMemory { bytes: request.size.raw() },
        MemError::Panic(kernel) => panic(kernel),
        MemError::StillLoaded => {
            EngineError::StillLoaded { object: object.to_string(), bounce_pages: 0, sync_ranges: 0 }
        }
        MemError::NoSuchTag(_) | MemError::NoSuchMap(_) => EngineError::NoSuchObject { object: object.to_string() },
    }
}

pub(super) fn zone_number(zone: busdma_engine::ZoneId) -> u32 {
    u32::try_from(zone.index()).unwrap_or(u32::MAX)
}
