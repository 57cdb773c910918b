//! What a block request asks for: a kind in the low 8 bits, flags above. The kernel numbers both differently from
//! version to version, so the programs translate them.

/// The bits of the kind.
pub const KIND: u32 = 0xff;

/// Reads.
pub const READ: u32 = 0;
/// Writes.
pub const WRITE: u32 = 1;
/// Empties the disk's write cache.
pub const FLUSH: u32 = 2;
/// Gives sectors back.
pub const DISCARD: u32 = 3;
/// Gives sectors back and makes them unreadable.
pub const SECURE_ERASE: u32 = 4;
/// Writes zeros without memory.
pub const WRITE_ZEROES: u32 = 5;
/// Writes where a zone's write pointer is.
pub const ZONE_APPEND: u32 = 6;
/// Opens a zone.
pub const ZONE_OPEN: u32 = 7;
/// Closes a zone.
pub const ZONE_CLOSE: u32 = 8;
/// Makes a zone full.
pub const ZONE_FINISH: u32 = 9;
/// Resets a zone's write pointer.
pub const ZONE_RESET: u32 = 10;
/// Resets every zone's write pointer.
pub const ZONE_RESET_ALL: u32 = 11;
/// A command of the driver's own, or of a program through it.
pub const PASSTHROUGH: u32 = 12;
/// Anything that has come since.
pub const OTHER: u32 = 13;

/// The write cache is emptied first.
pub const PREFLUSH: u32 = 1 << 8;
/// The bytes must be on the medium.
pub const FUA: u32 = 1 << 9;
/// Nobody waits for these bytes yet.
pub const RAHEAD: u32 = 1 << 10;
/// Somebody waits.
pub const SYNC: u32 = 1 << 11;
/// A file system's own data.
pub const META: u32 = 1 << 12;
/// Not torn by a power failure.
pub const ATOMIC: u32 = 1 << 13;
