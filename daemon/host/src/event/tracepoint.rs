//! The tracepoints of the kernel that are listened to.

use std::fmt;

macro_rules! tracepoints {
    ($($variant:ident = $group:literal $name:literal),* $(,)?) => {
        /// A tracepoint of the kernel.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Tracepoint {
            $(#[doc = concat!("`", $group, ":", $name, "`")] $variant,)*
        }

        impl Tracepoint {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name, as the kernel spells it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The group it is in.
            pub const fn group(self) -> &'static str {
                match self { $(Self::$variant => $group,)* }
            }

            /// The tracepoint of that name; names are unique over the groups.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

tracepoints! {
    DmaMapPage = "dma" "dma_map_page",
    DmaMapPhys = "dma" "dma_map_phys",
    DmaMapResource = "dma" "dma_map_resource",
    DmaUnmapPage = "dma" "dma_unmap_page",
    DmaUnmapPhys = "dma" "dma_unmap_phys",
    DmaUnmapResource = "dma" "dma_unmap_resource",
    DmaMapSg = "dma" "dma_map_sg",
    DmaMapSgErr = "dma" "dma_map_sg_err",
    DmaUnmapSg = "dma" "dma_unmap_sg",
    DmaAlloc = "dma" "dma_alloc",
    DmaAllocPages = "dma" "dma_alloc_pages",
    DmaAllocSgt = "dma" "dma_alloc_sgt",
    DmaAllocSgtErr = "dma" "dma_alloc_sgt_err",
    DmaFree = "dma" "dma_free",
    DmaFreePages = "dma" "dma_free_pages",
    DmaFreeSgt = "dma" "dma_free_sgt",
    DmaSyncSingleForCpu = "dma" "dma_sync_single_for_cpu",
    DmaSyncSingleForDevice = "dma" "dma_sync_single_for_device",
    DmaSyncSgForCpu = "dma" "dma_sync_sg_for_cpu",
    DmaSyncSgForDevice = "dma" "dma_sync_sg_for_device",
    SwiotlbBounced = "swiotlb" "swiotlb_bounced",
    IommuMap = "iommu" "map",
    IommuUnmap = "iommu" "unmap",
    BlockRqIssue = "block" "block_rq_issue",
    BlockRqComplete = "block" "block_rq_complete",
    BlockRqRequeue = "block" "block_rq_requeue",
    BlockBioQueue = "block" "block_bio_queue",
    MarkWrite = "ftrace" "tracing_mark_write",
}

impl fmt::Display for Tracepoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
