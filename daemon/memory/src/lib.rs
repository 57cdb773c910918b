//! Real memory for a simulated machine.
//!
//! [`MachineMemory`] is the platform of one `busdma_engine::Engine`: its bounce zones, its dmamem and its clients' buffers
//! are pages of memory files (memfds) that other processes can map, and so act as the driver or as the device. The physical
//! addresses are the model's; where a client asks for it and the daemon is privileged, they are the host's.
//!
//! # Two halves
//! What decides (`&mut MachineMemory`) has one owner. What copies ([`Span`], [`CopyPlan`]) holds the memory files it needs
//! and goes to any thread: decide under the lock, copy outside it.
//!
//! ```
//! use busdma_engine::{AddressSpace, BusSize, Memory, PageCount, PhysAddr};
//! use busdma_memory::{Backing, BounceFrames, Layout, MachineMemory, MemoryModel, OwnerId, RegisterRequest};
//!
//! let mut memory = MachineMemory::new(MemoryModel {
//!     maxmem: BusSize::new(16 << 30),
//!     bounce: BounceFrames { base: PhysAddr::new(0x10_0000), stride: BusSize::PAGE, frames: PageCount::new(64) },
//!     dmamem_base: PhysAddr::new(0x200_0000),
//!     client_base: PhysAddr::new(0x1000_0000),
//! })?;
//! let id = memory.register(RegisterRequest {
//!     backing: Backing::Made,
//!     len: BusSize::new(10_000),
//!     space: AddressSpace::Kernel,
//!     layout: Layout::Scattered { seed: 7 },
//!     vaddr: None,
//!     owner: OwnerId::new(1),
//! })?;
//! let region = memory.region(id).unwrap();
//! assert_eq!(region.pages().len(), 3);
//! assert_eq!(memory.translate(AddressSpace::Kernel, region.vaddr()), Some(region.pages()[0]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Reading order
//!
//! | module | holds |
//! |---|---|
//! | `model` | where bounce frames, dmamem and clients' pages lie |
//! | `machine` | **the machine**: what the engine asks for, spans, copies; `machine/regions` is registering |
//! | `frames`, `dmamem` | what the engine allocates |
//! | `region`, `listed`, `pagemap` | what clients register, and which pages it gets |
//! | `mapping`, `passed` | memory files: the daemon's own, and clients' once they are found harmless |
//! | `copy` | a sync's moves, resolved |
//! | `backed`, `vspace`, `ranges` | physical page to file, virtual page to physical page, sets of pages |

mod backed;
mod copy;
mod dmamem;
mod frames;
mod listed;
mod machine;
mod mapping;
mod model;
mod pagemap;
mod passed;
mod ranges;
mod region;
mod vspace;

pub use copy::{CopyPlan, CopyStep};
pub use dmamem::{DmamemBacking, DmamemRefusal};
pub use frames::{FrameRefusal, PoolRun, ZonePool};
pub use machine::{MachineMemory, NoMemoryThere};
pub use mapping::{Mapping, MappingError, Span};
pub use model::{BounceFrames, FRAMES_MAX, MAXMEM_MAX, MemoryModel, ModelError, ReservedArea};
pub use pagemap::PagemapError;
pub use passed::{PassedMemory, PassedMemoryError, Seals};
pub use region::{
    Backing, Layout, NoSuchRegion, OwnerId, REGION_BYTES_MAX, Region, RegionId, RegisterError, RegisterRequest,
};
pub use vspace::VaddrError;
