//! The programs: one for each tracepoint.

macro_rules! programs {
    ($($variant:ident = $function:literal on $group:literal $tracepoint:literal),* $(,)?) => {
        /// A program, numbered as in its records.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u32)]
        pub enum Program {
            $(#[doc = concat!("On `", $group, ":", $tracepoint, "`.")] $variant,)*
        }

        impl Program {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name of its function in the object.
            pub const fn function(self) -> &'static str {
                match self { $(Self::$variant => $function,)* }
            }

            /// The tracepoint it runs at.
            pub const fn tracepoint(self) -> &'static str {
                match self { $(Self::$variant => $tracepoint,)* }
            }

            /// The group of that tracepoint.
            pub const fn group(self) -> &'static str {
                match self { $(Self::$variant => $group,)* }
            }
        }
    };
}

programs! {
    DmaMapPage = "dma_map_page" on "dma" "dma_map_page",
    DmaMapPhys = "dma_map_phys" on "dma" "dma_map_phys",
    DmaMapResource = "dma_map_resource" on "dma" "dma_map_resource",
    DmaUnmapPage = "dma_unmap_page" on "dma" "dma_unmap_page",
    DmaUnmapPhys = "dma_unmap_phys" on "dma" "dma_unmap_phys",
    DmaUnmapResource = "dma_unmap_resource" on "dma" "dma_unmap_resource",
    DmaMapSg = "dma_map_sg" on "dma" "dma_map_sg",
    DmaMapSgErr = "dma_map_sg_err" on "dma" "dma_map_sg_err",
    DmaUnmapSg = "dma_unmap_sg" on "dma" "dma_unmap_sg",
    DmaAlloc = "dma_alloc" on "dma" "dma_alloc",
    DmaAllocPages = "dma_alloc_pages" on "dma" "dma_alloc_pages",
    DmaAllocSgt = "dma_alloc_sgt" on "dma" "dma_alloc_sgt",
    DmaAllocSgtErr = "dma_alloc_sgt_err" on "dma" "dma_alloc_sgt_err",
    DmaFree = "dma_free" on "dma" "dma_free",
    DmaFreePages = "dma_free_pages" on "dma" "dma_free_pages",
    DmaFreeSgt = "dma_free_sgt" on "dma" "dma_free_sgt",
    DmaSyncSingleForCpu = "dma_sync_single_for_cpu" on "dma" "dma_sync_single_for_cpu",
    DmaSyncSingleForDevice = "dma_sync_single_for_device" on "dma" "dma_sync_single_for_device",
    DmaSyncSgForCpu = "dma_sync_sg_for_cpu" on "dma" "dma_sync_sg_for_cpu",
    DmaSyncSgForDevice = "dma_sync_sg_for_device" on "dma" "dma_sync_sg_for_device",
    SwiotlbBounced = "swiotlb_bounced" on "swiotlb" "swiotlb_bounced",
    IommuMap = "iommu_map" on "iommu" "map",
    IommuUnmap = "iommu_unmap" on "iommu" "unmap",
    BlockRqIssue = "block_rq_issue" on "block" "block_rq_issue",
    BlockRqComplete = "block_rq_complete" on "block" "block_rq_complete",
    BlockRqRequeue = "block_rq_requeue" on "block" "block_rq_requeue",
    BlockBioQueue = "block_bio_queue" on "block" "block_bio_queue",
}

impl Program {
    /// How many programs there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Its number in records, and its place in [`Program::ALL`].
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Its place in [`Program::ALL`] and in arrays with one element for each program.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The program of that number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

/// The function that samples page structures for the calibration, on `kmem:mm_page_alloc`.
pub const CALIBRATE: &str = "calibrate";

/// The tracepoint of [`CALIBRATE`].
pub const CALIBRATE_TRACEPOINT: &str = "mm_page_alloc";
