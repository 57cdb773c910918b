//! A driver that forgets to unload: now and then a transfer that never ends, so that there is a leak to find.

use busdma_engine::addr::{BusSize, PAGE_SIZE, PhysAddr, VirtAddr};
use busdma_engine::constraints::{ExclusionWindow, SegmentLimit, TagTemplate};
use busdma_engine::{Nanos, TagId, WaitPolicy};
use busdma_sim::driver::Host;
use busdma_sim::request::{Buffer, Request};

/// From one forgotten transfer to the next, nanoseconds.
const EVERY_NS: u64 = 15_000_000_000;

/// Transfers that are forgotten in all.
const MOST: u64 = 12;

/// Bounce frames that a machine needs more for it: a new map adds to the pool what its largest load needs, and more.
pub(super) const FRAMES: u64 = 512;

/// Bytes of each, above what the device reaches.
const BYTES: u64 = 2 * PAGE_SIZE;

/// The forgetful driver.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leak {
    tag: Option<TagId>,
    leaked: u64,
    loads: u64,
}

impl Leak {
    /// When the next transfer is forgotten; never after the last.
    pub(super) fn due(self) -> Option<Nanos> {
        (self.leaked < MOST).then(|| Nanos::new((self.leaked + 1) * EVERY_NS))
    }

    /// Loads so far, failed ones too.
    pub(super) fn loads(self) -> u64 {
        self.loads
    }

    /// Forgets one.
    ///
    /// # Errors
    /// The host's.
    pub(super) fn forget_one<H: Host<Tag = TagId>>(&mut self, host: &mut H) -> Result<(), H::Error> {
        let tag = match self.tag {
            Some(tag) => tag,
            None => host.create_tag(None, &template())?,
        };
        self.tag = Some(tag);
        self.leaked += 1;
        if let Ok(map) = host.create_map(tag)? {
            self.loads += 1;
            // A load that is refused leaks nothing, which is all the same here.
            let _ = host.load(map, &request(self.leaked), WaitPolicy::NoWait)?;
        }
        Ok(())
    }
}

/// A device of 32 bits.
fn template() -> TagTemplate {
    TagTemplate {
        window: ExclusionWindow::above(PhysAddr::new(0xffff_ffff)),
        maxsize: BusSize::new(BYTES),
        nsegments: SegmentLimit::Max(2),
        maxsegsz: BusSize::PAGE,
        ..TagTemplate::default()
    }
}

fn request(nth: u64) -> Request {
    let pages = (0..BYTES / PAGE_SIZE).map(|page| PhysAddr::new(0x1_8000_0000 + nth * BYTES + page * PAGE_SIZE));
    Request::Buffer(Buffer::new(VirtAddr::new(0xffff_fe00_8000_0000 + nth * BYTES), BYTES, pages.collect()))
}
