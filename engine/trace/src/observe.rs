//! From the engine to the trace: everything an `out` object says, read off the engine.
//!
//! The replayer compares what these functions make, and a recorder writes it: there is one translation.

use crate::format::{
    AllocatorCall, AllocatorName, BounceCopy, CacheLine, CacheWord, CopyDir, DecisionRecord, Hex, MallocFlag,
    MapCounters, MapWord, MemAttr, Name, Nullable, Panicked, ReasonRecord, Ret, Seg, TagCreated, WordList, Zone,
};
use busdma_engine as engine;
use busdma_engine::{
    AllocatorClass, AllocatorFill, AllocatorWait, BounceReason, Boundary, CacheOpKind, CopyDirection, CopyFit,
    Decision, DmaMap, DmaTag, DmamemRequest, Engine, Errno, KernelPanic, MapForm, MapId, MemoryAttribute, Observer,
    Platform, Segment, SplitReason, TagId, ZoneId, ZoneOrigin, ZoneStats,
};
use std::borrow::Cow;

/// How a trace calls the engine's objects.
pub trait IdNames {
    /// The id of a tag.
    fn tag_name(&self, tag: TagId) -> &str;

    /// The id of a map.
    fn map_name(&self, map: MapId) -> &str;

    /// The id of the memory that came with a map; that of the map, unless they are told apart.
    fn memory_name(&self, map: MapId) -> &str {
        self.map_name(map)
    }
}

/// What a call returned; `None` is 0.
pub const fn ret(errno: Option<Errno>) -> Ret {
    match errno {
        None => Ret::Ok,
        Some(Errno::Enomem) => Ret::Enomem,
        Some(Errno::Einval) => Ret::Einval,
        Some(Errno::Efbig) => Ret::Efbig,
        Some(Errno::Ebusy) => Ret::Ebusy,
        Some(Errno::Einprogress) => Ret::Einprogress,
    }
}

/// A kernel that stopped.
pub fn panicked(panic: KernelPanic) -> Panicked<'static> {
    Panicked { panic: panic.to_string().into(), assert: panic.is_assertion() }
}

/// A tag that was created, without zones and waiters.
pub fn tag_created<'a>(tag: &DmaTag, names: &'a impl IdNames) -> TagCreated<'a> {
    let constraints = tag.constraints();
    let window = constraints.window();
    TagCreated {
        ret: Ret::Ok,
        alignment: Some(constraints.alignment().bytes()),
        boundary: Some(boundary(constraints.boundary())),
        lowaddr: Some(Hex(window.lowaddr.raw())),
        highaddr: Some(Hex(window.highaddr.raw())),
        maxsegsz: Some(constraints.maxsegsz().raw()),
        could_bounce: Some(tag.could_bounce()),
        chain_parent: tag.chain_parent().map(|parent| Name::from(names.tag_name(parent))).into(),
        zone: tag.zone().map(ZoneId::index).into(),
        zones: None,
        waiting: None,
        decisions: None,
    }
}

/// A tag that was not created.
pub const fn tag_refused(ret: Ret) -> TagCreated<'static> {
    TagCreated {
        ret,
        alignment: None,
        boundary: None,
        lowaddr: None,
        highaddr: None,
        maxsegsz: None,
        could_bounce: None,
        chain_parent: Nullable::Absent,
        zone: Nullable::Absent,
        zones: None,
        waiting: None,
        decisions: None,
    }
}

/// What a map is.
pub const fn map_word(form: MapForm) -> MapWord {
    match form {
        MapForm::Null => MapWord::Null,
        MapForm::Real => MapWord::Real,
    }
}

/// Counters of a map, `None` unless it is real.
pub fn map_counters(map: &DmaMap) -> Option<MapCounters> {
    (map.form() == MapForm::Real).then(|| MapCounters {
        pagesneeded: map.pages_needed().raw(),
        pagesreserved: map.pages_reserved().raw(),
        bpages: map.bounce_page_count().raw(),
    })
}

/// A segment.
#[inline]
pub const fn seg(segment: &Segment) -> Seg {
    Seg(Hex(segment.addr.raw()), segment.len.raw())
}

/// The copy of a bounce page.
pub const fn bounce_copy(copy: &engine::BounceCopy) -> BounceCopy {
    BounceCopy {
        dir: copy_dir(copy.direction),
        busaddr: Hex(copy.bounce.raw()),
        bytes: copy.len.raw(),
        overrun: matches!(copy.fit, CopyFit::Overruns),
    }
}

/// A cache operation.
pub const fn cache_line(op: &engine::CacheOp) -> CacheLine {
    let word = match op.kind {
        CacheOpKind::WriteBack => CacheWord::WriteBack,
        CacheOpKind::Invalidate => CacheWord::Invalidate,
        CacheOpKind::WriteBackInvalidate => CacheWord::WriteBackInvalidate,
    };
    CacheLine(word, Hex(op.addr.raw()), op.len.raw())
}

/// The call of a kernel allocator.
pub fn allocator_call(request: &DmamemRequest) -> AllocatorCall {
    let sleep = match request.wait {
        AllocatorWait::MaySleep => MallocFlag::WaitOk,
        AllocatorWait::NoWait => MallocFlag::NoWait,
    };
    let mut mflags = WordList::from_iter([sleep]);
    if request.fill == AllocatorFill::Zero {
        mflags.insert(MallocFlag::Zero);
    }
    let size = request.size.raw();
    let any = AllocatorCall {
        class: AllocatorName::Malloc,
        size,
        mflags,
        low: None,
        high: None,
        attr: None,
        alignment: None,
        boundary: None,
    };
    let ranged = |class, high: engine::PhysAddr, attribute| AllocatorCall {
        class,
        low: Some(Hex(0)),
        high: Some(Hex(high.raw())),
        attr: Some(mem_attr(attribute)),
        ..any
    };
    match request.class {
        AllocatorClass::Malloc => any,
        AllocatorClass::Pages { high, attribute } => ranged(AllocatorName::KmemAttr, high, attribute),
        AllocatorClass::Contiguous { high, alignment, boundary: limit, attribute } => AllocatorCall {
            alignment: Some(alignment.bytes()),
            boundary: Some(boundary(limit)),
            ..ranged(AllocatorName::KmemContig, high, attribute)
        },
    }
}

/// Counters of a zone.
pub fn zone(stats: &ZoneStats) -> Zone {
    Zone {
        zone: stats.zone.index(),
        total: stats.total_bpages().raw(),
        free: stats.free_bpages().raw(),
        reserved: stats.reserved_bpages().raw(),
        active: stats.active_bpages().raw(),
        bounced: stats.total_bounced.into(),
        deferred: stats.total_deferred.into(),
        map_count: stats.map_count.into(),
        lowaddr: Hex(stats.lowaddr.raw()),
        alignment: stats.alignment.bytes(),
    }
}

/// Zones and waiters as they were last reported: a trace names them only when they have changed.
#[derive(Clone, Debug, Default)]
pub struct Reported {
    zones: Vec<Zone>,
    waiting: Vec<MapId>,
}

/// What has changed since the last report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changed<'a> {
    /// All zones, when one changed.
    pub zones: Option<&'a [Zone]>,
    /// The maps that wait, head first, when they changed.
    pub waiting: Option<&'a [MapId]>,
}

impl Reported {
    /// Looks at the engine, and takes what it sees as reported.
    pub fn update<P: Platform, O: Observer>(&mut self, engine: &Engine<P, O>) -> Changed<'_> {
        let zones_changed = !engine.zones().map(zone).eq(self.zones.iter().copied());
        if zones_changed {
            self.zones.clear();
            self.zones.extend(engine.zones().map(zone));
        }
        let waiting_changed = !engine.waiters().eq(self.waiting.iter().copied());
        if waiting_changed {
            self.waiting.clear();
            self.waiting.extend(engine.waiters());
        }
        Changed { zones: zones_changed.then_some(&self.zones), waiting: waiting_changed.then_some(&self.waiting) }
    }
}

impl<'a> Changed<'a> {
    /// The zones as `out` holds them.
    pub fn zones_field(&self) -> Option<Cow<'a, [Zone]>> {
        self.zones.map(Cow::Borrowed)
    }

    /// The waiters as `out` holds them.
    pub fn waiting_field(&self, names: &'a impl IdNames) -> Option<Vec<Name<'a>>> {
        self.waiting.map(|maps| maps.iter().map(|&map| names.map_name(map).into()).collect())
    }
}

/// A decision; the closures say how the trace calls its objects.
pub fn decision<'n>(
    decision: &Decision,
    tag_name: impl Fn(TagId) -> Name<'n>,
    map_name: impl Fn(MapId) -> Name<'n>,
) -> DecisionRecord<'n> {
    match *decision {
        Decision::ZoneChosen { tag, zone, origin } => DecisionRecord::ZoneChosen {
            tag: tag_name(tag),
            zone: zone.index(),
            created: origin == ZoneOrigin::Created,
        },
        Decision::PoolGrown { zone, wanted, added } => DecisionRecord::PoolGrown { zone: zone.index(), wanted, added },
        Decision::Counted { map, pages_needed } => {
            DecisionRecord::Counted { map: map_name(map), pages: pages_needed.raw() }
        }
        Decision::Reserved { map, zone, pages } => {
            DecisionRecord::Reserved { map: map_name(map), zone: zone.index(), pages: pages.raw() }
        }
        Decision::Deferred { map, zone, needed, reserved, ahead } => DecisionRecord::Deferred {
            map: map_name(map),
            zone: zone.index(),
            needed: needed.raw(),
            reserved: reserved.raw(),
            ahead,
        },
        Decision::Woken { map, zone } => DecisionRecord::Woken { map: map_name(map), zone: zone.index() },
        Decision::Resumed { map, waited_ns } => DecisionRecord::Resumed { map: map_name(map), waited_ns },
        Decision::Bounced { map, client, bounce, len, reason } => DecisionRecord::Bounced {
            map: map_name(map),
            client: Hex(client.raw()),
            bounce: Hex(bounce.raw()),
            len: len.raw(),
            reason: bounce_reason(reason),
        },
        Decision::Split { map, segment, addr, len, reason } => DecisionRecord::Split {
            map: map_name(map),
            segment,
            addr: Hex(addr.raw()),
            len: len.raw(),
            reason: split_reason(reason),
        },
        Decision::Coalesced { map, segment, addr, len } => {
            DecisionRecord::Coalesced { map: map_name(map), segment, addr: Hex(addr.raw()), len: len.raw() }
        }
        Decision::Loaded { map, segments, bounce_pages } => {
            DecisionRecord::Loaded { map: map_name(map), segments, bpages: bounce_pages.raw() }
        }
        Decision::Rejected { map, error } => {
            DecisionRecord::Rejected { map: map_name(map), error: error.to_string().into() }
        }
        Decision::Unloaded { map, released } => DecisionRecord::Unloaded { map: map_name(map), pages: released.raw() },
        Decision::Cancelled { map, released } => {
            DecisionRecord::Cancelled { map: map_name(map), pages: released.raw() }
        }
        Decision::Copied { map, direction, pages, bytes } => DecisionRecord::Copied {
            map: map_name(map),
            dir: copy_dir(direction),
            pages: pages.raw(),
            bytes: bytes.raw(),
        },
    }
}

const fn bounce_reason(reason: BounceReason) -> ReasonRecord {
    match reason {
        BounceReason::Window(window) => {
            ReasonRecord::Window { lowaddr: Hex(window.lowaddr.raw()), highaddr: Hex(window.highaddr.raw()) }
        }
        BounceReason::Filter(window) => {
            ReasonRecord::Filter { lowaddr: Hex(window.lowaddr.raw()), highaddr: Hex(window.highaddr.raw()) }
        }
        BounceReason::Alignment(alignment) => ReasonRecord::Alignment { bytes: alignment.bytes() },
    }
}

const fn split_reason(reason: SplitReason) -> ReasonRecord {
    match reason {
        SplitReason::First => ReasonRecord::First,
        SplitReason::Discontiguous => ReasonRecord::Discontiguous,
        SplitReason::Boundary(boundary) => ReasonRecord::Boundary { bytes: boundary.bytes() },
        SplitReason::MaxSegSize(size) => ReasonRecord::MaxSegSize { bytes: size.raw() },
    }
}

const fn copy_dir(direction: CopyDirection) -> CopyDir {
    match direction {
        CopyDirection::ToBounce => CopyDir::ToBounce,
        CopyDirection::FromBounce => CopyDir::FromBounce,
    }
}

const fn mem_attr(attribute: MemoryAttribute) -> MemAttr {
    match attribute {
        MemoryAttribute::Default => MemAttr::Default,
        MemoryAttribute::Uncacheable => MemAttr::Uncacheable,
    }
}

fn boundary(boundary: Option<Boundary>) -> Hex {
    Hex(boundary.map_or(0, Boundary::bytes))
}
