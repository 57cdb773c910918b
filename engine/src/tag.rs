//! Tags: a device's constraints in their hierarchy, with FreeBSD's reference counts.

use crate::addr::{BusSize, PAGE_SIZE};
use crate::constraints::{Constraints, LockFunction, TagFlags, TagTemplate};
use crate::error::TagError;
use crate::ids::{Recycle, TagId, ZoneId};
use crate::platform::MachineLimits;
use crate::profile::{CacheMaintenance, Chunking, Inheritance, Switches};
use crate::segment::{FirstSegment, SegmentShape};

/// What one DMA engine, or a bridge in front of it, can do (`bus_dma_tag_t`).
#[doc(alias = "bus_dma_tag_t")]
#[expect(clippy::struct_excessive_bools, reason = "FreeBSD's own flag bits, each independent of the others")]
#[derive(Clone, Debug)]
pub struct DmaTag {
    pub(crate) constraints: Constraints,
    pub(crate) shape: SegmentShape,
    /// Whether loads may take the short way: cut as FreeBSD does, never inside a page, and nothing to keep coherent.
    pub(crate) plain: bool,
    pub(crate) flags: TagFlags,
    pub(crate) lock: LockFunction,
    pub(crate) parent: Option<TagId>,
    pub(crate) chain_parent: Option<TagId>,
    pub(crate) could_bounce: bool,
    /// `BUS_DMA_MIN_ALLOC_COMP`: the pool once held enough for this tag.
    pub(crate) initial_pages_done: bool,
    /// `BUS_DMA_KMEM_ALLOC`: the tag once allocated pages.
    pub(crate) allocated_pages: bool,
    pub(crate) coherent: bool,
    pub(crate) zone: Option<ZoneId>,
    /// Signed as in FreeBSD, where destroying a map that was never counted takes it below 0.
    pub(crate) map_count: i32,
    pub(crate) references: i32,
    /// Live tags whose filter chain visits this one next.
    pub(crate) chain_referrers: u32,
    /// Live tags that were created below this one.
    pub(crate) children: u32,
}

impl Default for DmaTag {
    fn default() -> Self {
        let template = TagTemplate::default();
        let constraints = Constraints::root(&template, template.maxsegsz, &crate::Profile::default().switches());
        Self {
            shape: SegmentShape::new(&constraints, FirstSegment::AlwaysFits),
            constraints,
            plain: true,
            flags: TagFlags::empty(),
            lock: LockFunction::Provided,
            parent: None,
            chain_parent: None,
            could_bounce: false,
            initial_pages_done: false,
            allocated_pages: false,
            coherent: false,
            zone: None,
            map_count: 0,
            references: 0,
            chain_referrers: 0,
            children: 0,
        }
    }
}

impl Recycle for DmaTag {
    fn recycle(&mut self) {
        self.constraints.own.filter = None;
        self.constraints.chain.clear();
    }
}

impl DmaTag {
    /// Builds a tag below `parent`, without zone or maps (`common_bus_dma_tag_create`, `bounce_bus_dma_tag_create`).
    pub(crate) fn build(
        template: &TagTemplate,
        parent: Option<(TagId, &Self)>,
        limits: &MachineLimits,
        switches: &Switches,
    ) -> Result<Self, TagError> {
        let maxsegsz = clamped_maxsegsz(template)?;
        let mut constraints = Constraints::root(template, maxsegsz, switches);
        let mut coherent = template.flags.contains(TagFlags::COHERENT);
        let mut could_bounce = false;
        let mut chain_parent = None;
        if let Some((parent_id, parent)) = parent {
            let skips_parent = switches.inheritance == Inheritance::WindowBoundaryFilter && template.filter.is_none();
            chain_parent = if skips_parent { parent.chain_parent } else { Some(parent_id) };
            constraints = constraints.inherit(&parent.constraints, switches.inheritance);
            could_bounce = constraints.has_filter() || parent.could_bounce;
            coherent |= parent.coherent;
        }
        could_bounce |=
            constraints.lowaddr().raw() < limits.maxmem_pages() * PAGE_SIZE || constraints.alignment().bytes() > 1;
        let (shape, plain) = Self::cut(&constraints, coherent, switches);
        Ok(Self {
            shape,
            plain,
            constraints,
            flags: template.flags,
            lock: template.lock,
            parent: parent.map(|(id, _)| id),
            chain_parent,
            could_bounce,
            initial_pages_done: false,
            allocated_pages: false,
            coherent,
            zone: None,
            map_count: 0,
            references: 1,
            chain_referrers: 0,
            children: 0,
        })
    }

    /// How loads are cut, and whether they may take the short way.
    pub(crate) fn cut(constraints: &Constraints, coherent: bool, switches: &Switches) -> (SegmentShape, bool) {
        let as_freebsd = switches.chunking == Chunking::AsFreebsd;
        let first_segment = if as_freebsd { FirstSegment::AlwaysFits } else { FirstSegment::Counts };
        let shape = SegmentShape::new(constraints, first_segment);
        let nothing_kept_coherent = coherent || switches.cache == CacheMaintenance::None;
        (shape, as_freebsd && nothing_kept_coherent && shape.leaves_pages_uncut())
    }

    /// The constraints that hold after inheritance.
    #[inline]
    pub fn constraints(&self) -> &Constraints {
        &self.constraints
    }

    /// Whether some load on this tag might need bounce pages (`BUS_DMA_COULD_BOUNCE`).
    #[inline]
    pub fn could_bounce(&self) -> bool {
        self.could_bounce
    }

    /// The zone its bounce pages come from; `None` until the first map of a tag that could bounce.
    pub fn zone(&self) -> Option<ZoneId> {
        self.zone
    }

    /// The parent it was created below.
    pub fn parent(&self) -> Option<TagId> {
        self.parent
    }

    /// The tag its filter chain continues with: not always the parent, see [`Inheritance`].
    pub fn chain_parent(&self) -> Option<TagId> {
        self.chain_parent
    }

    /// Maps that belong to it (`map_count`).
    pub fn map_count(&self) -> i32 {
        self.map_count
    }

    /// The flags it was created with.
    pub fn flags(&self) -> TagFlags {
        self.flags
    }

    /// Whether its deferred callbacks can be locked.
    pub fn lock(&self) -> LockFunction {
        self.lock
    }
}

/// The tag's own boundary caps its own `maxsegsz`; an inherited boundary does not.
fn clamped_maxsegsz(template: &TagTemplate) -> Result<BusSize, TagError> {
    let maxsegsz = match template.boundary {
        Some(boundary) => template.maxsegsz.min(BusSize::new(boundary.bytes())),
        None => template.maxsegsz,
    };
    if maxsegsz == BusSize::ZERO { Err(TagError::ZeroMaxSegSize) } else { Ok(maxsegsz) }
}
