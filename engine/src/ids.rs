//! Handles: an index and a generation, so that a handle outlives its object without ever naming another one.

use std::fmt;

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name {
            pub(crate) index: u32,
            pub(crate) generation: u32,
        }

        impl $name {
            /// Names nothing, and never will.
            pub const GONE: Self = Self { index: u32::MAX, generation: 0 };

            /// The handle of a slot in one of its generations, see [`EngineState`](crate::EngineState) for what they mean;
            /// `None` for an even generation, in which the slot is vacant.
            pub const fn from_parts(index: u32, generation: u32) -> Option<Self> {
                if generation % 2 == 1 { Some(Self { index, generation }) } else { None }
            }

            /// The slot, counted from 0, and its generation.
            #[inline]
            pub const fn parts(self) -> (u32, u32) {
                (self.index, self.generation)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}.{}"), self.index, self.generation)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Handle for $name {
            fn new(index: u32, generation: u32) -> Self {
                Self { index, generation }
            }

            #[inline]
            fn index(self) -> usize {
                self.index as usize
            }

            #[inline]
            fn slot(self) -> u32 {
                self.index
            }

            #[inline]
            fn generation(self) -> u32 {
                self.generation
            }
        }
    };
}

handle! {
    /// Names a tag (`bus_dma_tag_t`).
    TagId, "tag"
}

handle! {
    /// Names a map (`bus_dmamap_t`), also one that FreeBSD hands out as `NULL`.
    MapId, "map"
}

/// Names a bounce zone. Zones are never freed, so the index in creation order is all there is: `zone0`, `zone1`, as in sysctl.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneId(pub(crate) u32);

impl ZoneId {
    /// The zone at a position in creation order, from 0.
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// Position in creation order, from 0.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for ZoneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "zone{}", self.0)
    }
}

impl fmt::Debug for ZoneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A place for a tag or a map that is free to be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct VacantSlot {
    /// The slot, counted from 0.
    pub index: u32,
    /// The generation it was left in; even.
    pub generation: u32,
}

pub(crate) trait Handle: Copy {
    fn new(index: u32, generation: u32) -> Self;
    fn index(self) -> usize;
    fn slot(self) -> u32;
    fn generation(self) -> u32;
}

/// A value that an [`Arena`] can reset and hand out again without freeing what it owns.
pub(crate) trait Recycle {
    fn recycle(&mut self);
}

/// Values under generational handles. A removed value stays in its slot and is recycled, so that what it has allocated is
/// used again.
#[derive(Clone, Debug)]
pub(crate) struct Arena<T> {
    slots: Vec<Slot<T>>,
    /// The free slot to take next; each names the one after it.
    free: Option<u32>,
}

#[derive(Clone, Debug)]
struct Slot<T> {
    /// Odd while the slot is taken.
    generation: u32,
    next_free: Option<u32>,
    value: T,
}

impl<T: Default + Recycle> Arena<T> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: None }
    }

    /// Takes a slot; its value is as `Default` or as [`Recycle::recycle`] left it.
    #[inline]
    pub(crate) fn insert<H: Handle>(&mut self) -> (H, &mut T) {
        let index = match self.free {
            Some(index) => index,
            None => self.grow(),
        };
        let slot = &mut self.slots[index as usize];
        self.free = slot.next_free;
        slot.generation = slot.generation.wrapping_add(1);
        (H::new(index, slot.generation), &mut slot.value)
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) -> u32 {
        let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot { generation: 0, next_free: None, value: T::default() });
        index
    }

    #[inline]
    pub(crate) fn get<H: Handle>(&self, handle: H) -> Option<&T> {
        let slot = self.slots.get(handle.index())?;
        (slot.generation == handle.generation()).then_some(&slot.value)
    }

    #[inline]
    pub(crate) fn get_mut<H: Handle>(&mut self, handle: H) -> Option<&mut T> {
        let slot = self.slots.get_mut(handle.index())?;
        (slot.generation == handle.generation()).then_some(&mut slot.value)
    }

    /// Frees the slot of a live handle.
    #[inline]
    pub(crate) fn remove<H: Handle>(&mut self, handle: H) {
        let Some(slot) = self.slots.get_mut(handle.index()) else { return };
        if slot.generation == handle.generation() {
            slot.generation = slot.generation.wrapping_add(1);
            slot.value.recycle();
            slot.next_free = self.free;
            self.free = Some(handle.slot());
        }
    }

    /// An arena with these live values, and vacant slots that are taken in the order given. Each slot from 0 on has to be
    /// there once.
    ///
    /// # Errors
    /// The first slot that breaks that, or is vacant in an odd generation.
    pub(crate) fn restore<H: Handle>(live: Vec<(H, T)>, vacant: &[VacantSlot]) -> Result<Self, VacantSlot> {
        let count = live.len() + vacant.len();
        let mut slots: Vec<Option<Slot<T>>> = std::iter::repeat_with(|| None).take(count).collect();
        for (handle, value) in live {
            let slot = VacantSlot { index: handle.slot(), generation: handle.generation() };
            let place = slots.get_mut(handle.index()).filter(|place| place.is_none()).ok_or(slot)?;
            *place = Some(Slot { generation: handle.generation(), next_free: None, value });
        }
        let mut next_free = None;
        for &slot in vacant.iter().rev() {
            let place = slots.get_mut(slot.index as usize).filter(|place| place.is_none()).ok_or(slot)?;
            if slot.generation % 2 == 1 {
                return Err(slot);
            }
            *place = Some(Slot { generation: slot.generation, next_free, value: T::default() });
            next_free = Some(slot.index);
        }
        Ok(Self { slots: slots.into_iter().flatten().collect(), free: next_free })
    }

    /// Slots, taken or not.
    pub(crate) fn slot_count(&self) -> usize {
        self.slots.len()
    }

    /// The vacant slots, in the order they will be taken.
    pub(crate) fn vacant(&self) -> Vec<VacantSlot> {
        let mut vacant = Vec::new();
        let mut next = self.free;
        while let Some((index, slot)) = next.and_then(|index| Some((index, self.slots.get(index as usize)?))) {
            vacant.push(VacantSlot { index, generation: slot.generation });
            next = slot.next_free;
        }
        vacant
    }

    /// Whether a handle names something that lived and is gone, or nothing that ever can live. Generations come round again.
    pub(crate) fn is_stale<H: Handle>(&self, handle: H) -> bool {
        let age = |slot: &Slot<T>| slot.generation.wrapping_sub(handle.generation());
        let outlived = self.slots.get(handle.index()).is_some_and(|slot| (1..1 << 31).contains(&age(slot)));
        outlived || handle.slot() == u32::MAX
    }

    /// Live values in slot order.
    pub(crate) fn iter<H: Handle>(&self) -> impl Iterator<Item = (H, &T)> {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.generation % 2 == 1)
            .map(|(index, slot)| (H::new(u32::try_from(index).unwrap_or(u32::MAX), slot.generation), &slot.value))
    }
}
