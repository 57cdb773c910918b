//! A sync's moves, resolved to bytes of memory files, so that they can be carried out away from the machine.

use crate::backed::SlotId;
use crate::mapping::{Mapping, Span};
use busdma_engine::BusSize;
use std::sync::Arc;

/// Copies to make, in order. It keeps the memory files it names alive until it has been run or cleared; used again and again it
/// allocates nothing.
///
/// Moves between two files that continue each other on both sides are one step, and steps between the same two files share one
/// hold on each. Moves inside one file stay as they are, since a step could overlap where its moves do not.
#[derive(Debug, Default)]
pub struct CopyPlan {
    mappings: Vec<Arc<Mapping>>,
    steps: Vec<Step>,
    from: Option<Held>,
    to: Option<Held>,
}

/// One copy of a plan.
#[derive(Clone, Debug)]
pub struct CopyStep {
    /// Source.
    pub from: Span,
    /// Destination, as long as the source.
    pub to: Span,
}

/// Bytes inside a mapping that is in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) slot: SlotId,
    pub(crate) offset: usize,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    /// Positions in [`CopyPlan::mappings`].
    from: usize,
    to: usize,
    from_offset: usize,
    to_offset: usize,
    len: usize,
}

/// A mapping that the last step used, and where [`CopyPlan::mappings`] has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Held {
    slot: SlotId,
    index: usize,
}

impl CopyPlan {
    /// A plan of no copies.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the copies and forgets them. Any thread may; it needs nothing of the machine.
    pub fn run(&mut self) {
        for step in &self.steps {
            let (from, to) = (&self.mappings[step.from], &self.mappings[step.to]);
            Mapping::copy((from, step.from_offset), (to, step.to_offset), step.len);
        }
        self.clear();
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.mappings.clear();
        self.steps.clear();
        self.from = None;
        self.to = None;
    }

    /// Bytes it copies.
    pub fn bytes(&self) -> BusSize {
        BusSize::new(self.steps.iter().map(|step| step.len as u64).sum())
    }

    /// Whether there is nothing to copy.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The copies, in order.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = CopyStep> + '_ {
        self.steps.iter().map(|step| CopyStep {
            from: Span::inside(&self.mappings[step.from], step.from_offset, step.len),
            to: Span::inside(&self.mappings[step.to], step.to_offset, step.len),
        })
    }

    /// Adds a copy. `mapping` says what is in a slot; `None` when a slot is empty.
    #[inline]
    pub(crate) fn push<'m>(
        &mut self,
        from: Place,
        to: Place,
        len: usize,
        mapping: impl Fn(SlotId) -> Option<&'m Arc<Mapping>>,
    ) -> Option<()> {
        let (from_held, to_held) = (self.hold(from.slot, &mapping)?, self.hold(to.slot, &mapping)?);
        self.from = Some(from_held);
        self.to = Some(to_held);
        if let Some(last) = self.steps.last_mut()
            && from_held != to_held
            && (last.from, last.to) == (from_held.index, to_held.index)
            && (last.from_offset + last.len, last.to_offset + last.len) == (from.offset, to.offset)
        {
            last.len += len;
            return Some(());
        }
        let (from_offset, to_offset) = (from.offset, to.offset);
        self.steps.push(Step { from: from_held.index, to: to_held.index, from_offset, to_offset, len });
        Some(())
    }

    /// Keeps what is in a slot alive, unless the last step's sides do already.
    #[inline]
    fn hold<'m>(&mut self, slot: SlotId, mapping: impl Fn(SlotId) -> Option<&'m Arc<Mapping>>) -> Option<Held> {
        let held = [self.from, self.to].into_iter().flatten().find(|held| held.slot == slot);
        if held.is_some() {
            return held;
        }
        let index = self.mappings.len();
        self.mappings.push(Arc::clone(mapping(slot)?));
        Some(Held { slot, index })
    }
}
