//! Which bus_dma(9) is reproduced: every behavioural difference is one named switch.

/// A named setting of all [`Switches`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Profile {
    /// FreeBSD 11.0, amd64 and i386: quirks included, answer for answer.
    #[default]
    Freebsd11,
    /// FreeBSD 12.1, amd64: another allocator rule for dmamem, and NVMe control blocks load.
    Freebsd12,
    /// FreeBSD 12.1, arm64: no `NULL` maps, cache maintenance, other busy rules.
    Arm64Freebsd12,
    /// The manual page's contract with the quirks repaired.
    Strict,
}

impl Profile {
    /// All profiles, in the order they are documented.
    pub const ALL: [Self; 4] = [Self::Freebsd11, Self::Freebsd12, Self::Arm64Freebsd12, Self::Strict];

    /// The name used on command lines and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Freebsd11 => "freebsd-11",
            Self::Freebsd12 => "freebsd-12",
            Self::Arm64Freebsd12 => "arm64-12",
            Self::Strict => "strict",
        }
    }

    /// The profile of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// The switches of the profile.
    pub const fn switches(self) -> Switches {
        const FREEBSD_11: Switches = Switches {
            map_handle: MapHandle::NullWhenNeverBouncing,
            unmapped_bio: UnmappedBio::WholeList,
            nvme_ccb: NvmeCcb::Panics,
            dmamem_class: DmamemClass::PagesAgainstSegments,
            dmamem_map: DmamemMap::NullAndUncounted,
            dmamem_free: DmamemFree::ByStickyTagFlag,
            coherent_dmamem: CoherentDmamem::Ordinary,
            cache: CacheMaintenance::None,
            cross_page_copy: CrossPageCopy::StopsAtPageEnd,
            assertions: KernelAssertions::On,
            inheritance: Inheritance::WindowBoundaryFilter,
            filter_scope: FilterScope::WindowAndAlignment,
            tag_references: TagReferences::ChainParent,
            initial_pages: InitialPages::OneAPage,
            chunking: Chunking::AsFreebsd,
            failed_load: FailedLoad::LeavesTraces,
            impossible_load: ImpossibleLoad::WaitsForEver,
            second_load: SecondLoad::Appends,
            maxsize: MaxSize::NotChecked,
            waiting: Waiting::OneGlobalQueue,
            counters: Counters::AsFreebsd,
            sync_order: SyncOrder::PostreadSkippedAfterPrewrite,
        };
        const FREEBSD_12: Switches =
            Switches { nvme_ccb: NvmeCcb::Loads, dmamem_class: DmamemClass::PiecesAgainstSegments, ..FREEBSD_11 };
        match self {
            Self::Freebsd11 => FREEBSD_11,
            Self::Freebsd12 => FREEBSD_12,
            Self::Arm64Freebsd12 => Switches {
                map_handle: MapHandle::AlwaysReal,
                unmapped_bio: UnmappedBio::PageByPage,
                dmamem_map: DmamemMap::RealAndCounted,
                coherent_dmamem: CoherentDmamem::UncachedUnlessTagCoherent,
                cache: CacheMaintenance::Arm64,
                cross_page_copy: CrossPageCopy::RunsOn,
                ..FREEBSD_12
            },
            Self::Strict => Switches {
                dmamem_map: DmamemMap::RealAndCounted,
                dmamem_free: DmamemFree::ByAllocation,
                inheritance: Inheritance::Everything,
                filter_scope: FilterScope::WindowOnly,
                tag_references: TagReferences::Parent,
                initial_pages: InitialPages::OneAPiece,
                chunking: Chunking::Exact,
                failed_load: FailedLoad::RollsBack,
                impossible_load: ImpossibleLoad::Refused,
                second_load: SecondLoad::Refused,
                maxsize: MaxSize::Checked,
                waiting: Waiting::QueuePerZone,
                counters: Counters::AsNamed,
                sync_order: SyncOrder::PostThenPre,
                ..FREEBSD_12
            },
        }
    }
}

/// Every way in which the profiles differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Switches {
    /// What `bus_dmamap_create` hands out for a tag that can never bounce.
    pub map_handle: MapHandle,
    /// How an unmapped bio is walked.
    pub unmapped_bio: UnmappedBio,
    /// Whether NVMe control blocks load.
    pub nvme_ccb: NvmeCcb,
    /// When `bus_dmamem_alloc` may use scattered pages.
    pub dmamem_class: DmamemClass,
    /// What map `bus_dmamem_alloc` hands out.
    pub dmamem_map: DmamemMap,
    /// Which allocator `bus_dmamem_free` gives memory back to.
    pub dmamem_free: DmamemFree,
    /// What `BUS_DMA_COHERENT` asks of `bus_dmamem_alloc`.
    pub coherent_dmamem: CoherentDmamem,
    /// Whether sync does cache maintenance.
    pub cache: CacheMaintenance,
    /// What a bounce copy does when the client bytes cross into a page that was not recorded.
    pub cross_page_copy: CrossPageCopy,
    /// Whether the kernel has `INVARIANTS`.
    pub assertions: KernelAssertions,
    /// What a child tag takes over from its parent.
    pub inheritance: Inheritance,
    /// What a filter that says "reachable" overrules.
    pub filter_scope: FilterScope,
    /// Whose reference a dying tag gives up.
    pub tag_references: TagReferences,
    /// How `BUS_DMA_ALLOCNOW` and map creation turn `maxsize` into pages.
    pub initial_pages: InitialPages,
    /// How a request is cut, and how its bounce pages are counted.
    pub chunking: Chunking,
    /// What a failed load leaves behind.
    pub failed_load: FailedLoad,
    /// What happens to a load that the whole pool could not satisfy.
    pub impossible_load: ImpossibleLoad,
    /// What a load on a loaded map does.
    pub second_load: SecondLoad,
    /// Whether `maxsize` holds for loads.
    pub maxsize: MaxSize,
    /// How waiters queue.
    pub waiting: Waiting,
    /// What the counters count.
    pub counters: Counters,
    /// In which order one sync call does its copies.
    pub sync_order: SyncOrder,
}

/// What `bus_dmamap_create` hands out for a tag that can never bounce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapHandle {
    /// `NULL`; loads on it count and bounce nothing, whatever the tag says (`sys/x86/x86/busdma_bounce.c`, `bounce_bus_dmamap_create`).
    NullWhenNeverBouncing,
    /// A real map (`sys/arm64/arm64/busdma_bounce.c`, `alloc_dmamap`).
    AlwaysReal,
}

/// How an unmapped bio is walked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnmappedBio {
    /// As one list; a bounce page may gather two client pages (`sys/x86/x86/busdma_bounce.c`, `bounce_bus_dmamap_load_ma`).
    WholeList,
    /// As one physical range a page (`sys/kern/subr_bus_dma.c`, `bus_dmamap_load_ma_triv`).
    PageByPage,
}

/// Whether NVMe control blocks load (`sys/kern/subr_bus_dma.c`, `_bus_dmamap_load_ccb`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NvmeCcb {
    /// Up to FreeBSD 11: unsupported function code.
    Panics,
    /// Since FreeBSD 12.
    Loads,
}

/// When `bus_dmamem_alloc` may use scattered pages (`sys/x86/x86/busdma_bounce.c`, `bounce_bus_dmamem_alloc`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DmamemClass {
    /// 11.0: `nsegments` is at least the number of pages, and the boundary is 0 or at least `lowaddr`.
    PagesAgainstSegments,
    /// 12.1: `nsegments` is at least the number of pieces of `min(maxsegsz, page)`, and the boundary is a multiple of a page.
    PiecesAgainstSegments,
}

/// What map `bus_dmamem_alloc` hands out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DmamemMap {
    /// `NULL`, which the tag does not count: it can be destroyed while the memory lives (x86).
    NullAndUncounted,
    /// A real map that never bounces and keeps the tag busy (arm64).
    RealAndCounted,
}

/// Which allocator `bus_dmamem_free` gives memory back to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DmamemFree {
    /// The tag remembers that it once used the kernel's page allocator, and then all its memory goes there (`bounce_bus_dmamem_free`).
    ByStickyTagFlag,
    /// The one it came from.
    ByAllocation,
}

/// What `BUS_DMA_COHERENT` asks of `bus_dmamem_alloc`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CoherentDmamem {
    /// Nothing.
    Ordinary,
    /// Uncacheable memory, and so never malloc(9), unless the tag is coherent (`sys/arm64/arm64/busdma_bounce.c`, `bounce_bus_dmamem_alloc`).
    UncachedUnlessTagCoherent,
}

/// Whether sync does cache maintenance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CacheMaintenance {
    /// x86 is coherent.
    None,
    /// Maps keep a list of ranges, limited by `nsegments`, and sync writes back and invalidates them (`sys/arm64/arm64/busdma_bounce.c`, `dma_dcache_sync`).
    Arm64,
}

/// What a bounce copy does when the client bytes cross into a page that was not recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CrossPageCopy {
    /// It stops at the page's end; with assertions it panics (`sys/x86/x86/busdma_bounce.c`, `bounce_bus_dmamap_sync`).
    StopsAtPageEnd,
    /// It runs on into whatever page lies behind (`sys/arm64/arm64/busdma_bounce.c`, `bounce_bus_dmamap_sync`).
    RunsOn,
}

/// Whether the kernel has `INVARIANTS`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KernelAssertions {
    /// A failed assertion stops the kernel.
    On,
    /// A release kernel goes on.
    Off,
}

/// What a child tag takes over from its parent (`sys/x86/x86/busdma_machdep.c`, `common_bus_dma_tag_create`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inheritance {
    /// The window, the boundary and the filter. A child without a filter of its own skips its parent in the chain.
    WindowBoundaryFilter,
    /// Every restriction, as the manual page says.
    Everything,
}

/// What a filter that says "reachable" overrules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FilterScope {
    /// The window and the alignment (`bus_dma_run_filter`).
    WindowAndAlignment,
    /// The window only, as the manual page says.
    WindowOnly,
}

/// Whose reference a dying tag gives up (`sys/x86/x86/busdma_bounce.c`, `bounce_bus_dma_tag_destroy`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TagReferences {
    /// The tag its filter chain continues with, although creation referenced the parent: parents leak, grandparents die early.
    ChainParent,
    /// Its parent.
    Parent,
}

/// How `BUS_DMA_ALLOCNOW` and map creation turn `maxsize` into pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InitialPages {
    /// `atop(maxsize)`: rounded down, and one for each page however small its pieces are (`bounce_bus_dma_tag_create`).
    OneAPage,
    /// One for each piece that `maxsegsz` and the boundary cut a page into, and at least one.
    OneAPiece,
}

/// How a request is cut, and how its bounce pages are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chunking {
    /// Counted per page, cut by `maxsegsz` and boundary only while loading; only the start of a chunk is tested (`_bus_dmamap_count_pages`, `bounce_bus_dmamap_load_buffer`).
    AsFreebsd,
    /// Cut by every constraint first, counted by the same walk.
    Exact,
}

/// What a failed load leaves behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailedLoad {
    /// Bounce pages, reservations and a stale page count, which poison the next load (`_bus_dmamap_reserve_pages`, `bounce_bus_dmamap_load_buffer`).
    LeavesTraces,
    /// Nothing.
    RollsBack,
}

/// What happens to a load that the whole pool could not satisfy (`reserve_bounce_pages` never compares with the total).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImpossibleLoad {
    /// It waits for ever, and everybody behind it.
    WaitsForEver,
    /// It is refused with what it needs.
    Refused,
}

/// What a load on a loaded map does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecondLoad {
    /// Its bounce pages are appended to those of the first.
    Appends,
    /// It is refused.
    Refused,
}

/// Whether `maxsize` holds for loads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MaxSize {
    /// FreeBSD never compares.
    NotChecked,
    /// A larger request is refused with `EINVAL`, as the manual page says.
    Checked,
}

/// How waiters queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiting {
    /// One list for all zones; a freed page serves only its head, and every waiter keeps what it could reserve (`free_bounce_page`).
    OneGlobalQueue,
    /// One list a zone; only its head holds a partial reservation.
    QueuePerZone,
}

/// What the counters count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counters {
    /// `total_bounced` counts sync calls by direction, `total_deferred` waiters woken, charged to the zone that freed the page.
    AsFreebsd,
    /// `total_bounced` counts pages copied, `total_deferred` loads deferred, charged to their own zone.
    AsNamed,
}

/// In which order one sync call does its copies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SyncOrder {
    /// `PREWRITE` first; its loop leaves the cursor at the end, so that `POSTREAD` in the same call copies nothing and still counts (`bounce_bus_dmamap_sync`).
    PostreadSkippedAfterPrewrite,
    /// `POSTREAD` ends the old transfer, then `PREWRITE` begins the next.
    PostThenPre,
}
