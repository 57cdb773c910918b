//! What can go wrong in `org.busdma.Engine`.

use super::Parameters;
use crate::hex::Hex;
use zlink::introspect;

/// An error of `org.busdma.Engine`, with its numbers.
#[derive(Clone, PartialEq, Debug, zlink::ReplyError, introspect::ReplyError)]
#[zlink(interface = "org.busdma.Engine")]
pub enum EngineError {
    /// EFBIG: the mapping needs more segments than the tag allows.
    TooManySegments {
        /// Segments it needs at least.
        needed: u64,
        /// Segments the tag allows.
        limit: u64,
        /// Bytes of the request that were not mapped.
        bytes_left: u64,
    },
    /// ENOMEM: not enough free bounce pages, and the load may not wait.
    NoBouncePages {
        /// Pages the load needs beyond those it holds.
        needed: u32,
        /// Pages free in the zone.
        free: u32,
    },
    /// ENOMEM, strict only: the whole pool is smaller than the need. FreeBSD waits for ever.
    NeverSatisfiable {
        /// Pages the load needs.
        needed: u32,
        /// Pages of the zone.
        total: u32,
    },
    /// ENOMEM: the bounce pool of a new tag or map could not be filled. What it got stays in the zone.
    PoolNotFilled {
        /// The zone.
        zone: u32,
        /// Pages wanted.
        wanted: u64,
        /// Pages added before memory ran out.
        got: u32,
    },
    /// ENOMEM: no memory meets the tag's restrictions.
    NoMemory {
        /// Bytes wanted.
        bytes: u64,
    },
    /// EINVAL, strict only: the request is larger than the tag allows. FreeBSD does not check.
    ExceedsMaxSize {
        /// Bytes of the request.
        bytes: u64,
        /// The tag's maxsize.
        maxsize: u64,
    },
    /// EINVAL, strict only: the device cannot reach the address, and bouncing does not help.
    Unreachable {
        /// The physical address.
        addr: Hex,
        /// Why the device cannot.
        reason: String,
    },
    /// EINVAL: the request contradicts itself.
    InvalidRequest {
        /// How.
        reason: String,
    },
    /// FreeBSD's kernel stops here. The machine goes on.
    KernelPanic {
        /// The kernel's words, in ours.
        message: String,
        /// Whether only a kernel with INVARIANTS stops.
        assertion: bool,
    },
    /// EINVAL, strict only: the map is loaded; unload it first.
    AlreadyLoaded {
        /// The map.
        object: String,
    },
    /// The map waits for its deferred load.
    StillDeferred {
        /// The map.
        object: String,
    },
    /// EBUSY: the map is loaded.
    StillLoaded {
        /// The map.
        object: String,
        /// Bounce pages it holds.
        bounce_pages: u32,
        /// Ranges arm64 keeps coherent.
        sync_ranges: u32,
    },
    /// The map is not loaded.
    NotLoaded {
        /// The map.
        object: String,
    },
    /// Nothing deferred whose end could be waited for.
    NotDeferred {
        /// The map; absent when any of the session would have done.
        object: Option<String>,
    },
    /// The deferred load was taken out of the queue.
    DeferredCancelled {
        /// The map.
        object: String,
        /// `shutdown` or `machine_destroyed`.
        reason: String,
        /// How long it had waited, nanoseconds.
        waited_ns: u64,
    },
    /// The deferred load came to a bad end; the error is what Load would have given.
    DeferredFailed {
        /// The map.
        object: String,
        /// The full name of the error.
        error: String,
        /// Its numbers.
        details: Option<Parameters>,
        /// How long it had waited, nanoseconds.
        waited_ns: u64,
    },
    /// Nothing came to its end in time.
    TimedOut {
        /// How long was waited, milliseconds.
        waited_ms: u64,
    },
    /// EBUSY: maps still belong to the tag.
    Busy {
        /// How many.
        maps: u32,
    },
    /// The memory is in use.
    MemoryBusy {
        /// A map that is loaded with it or waits to be.
        object: String,
    },
    /// The tag cannot be made.
    InvalidTag {
        /// The argument.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No such preset.
    UnknownPreset {
        /// The name.
        preset: String,
        /// The nearest known one.
        nearest: Option<String>,
    },
    /// The machine cannot be made.
    InvalidMachine {
        /// The parameter.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The memory cannot be registered.
    InvalidMemory {
        /// The parameter.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The memfd could shrink or grow under the daemon: seal it first.
    NotSealed {
        /// The seals that lack.
        missing: Vec<String>,
    },
    /// Bytes outside of an object.
    OutOfRange {
        /// Where the access begins.
        offset: u64,
        /// How many bytes.
        length: u64,
        /// Bytes of the object.
        size: u64,
    },
    /// The daemon may not do that.
    NotPrivileged {
        /// What, and what it takes.
        action: String,
    },
    /// A limit of the service.
    QuotaExceeded {
        /// What is limited.
        quota: String,
        /// The limit.
        limit: u64,
        /// `connection`, `uid` or `daemon`: whose limit it is.
        scope: String,
    },
    /// The object belongs to another session.
    NotOwner {
        /// Its id.
        object: String,
    },
    /// There is no such object, or no longer.
    NoSuchObject {
        /// Its id.
        object: String,
    },
    /// No session of this uid has that token.
    NoSuchToken,
    /// The daemon is shutting down.
    ShuttingDown,
}
