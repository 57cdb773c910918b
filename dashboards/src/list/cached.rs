//! What is worked out of all rows once for every frame.

use super::Seen;
use crate::frame::Name;
use std::ptr;

/// Something worked out of what is looked at, kept until something else is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cached<T> {
    of: Option<SeenKey>,
    value: T,
}

/// What is looked at, as a key that outlives it.
///
/// A frame is known by its place in memory and its moment. It is never changed, and whoever shows frames tells lists when
/// another one comes, so that one made later in the same place is not taken for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeenKey {
    frame: usize,
    t_ns: u64,
    machine: Option<Name>,
}

impl<T> Cached<T> {
    /// The value, worked out anew when something else is looked at than the last time.
    pub(crate) fn of(&mut self, seen: Seen<'_>, work_out: impl FnOnce() -> T) -> &T {
        if !self.of.as_ref().is_some_and(|key| key.is(seen)) {
            self.value = work_out();
            self.of = Some(seen.into());
        }
        &self.value
    }
}

impl SeenKey {
    /// Whether that is looked at.
    pub(super) fn is(&self, seen: Seen<'_>) -> bool {
        self.frame == ptr::from_ref(seen.frame).addr()
            && self.t_ns == seen.frame.t_ns
            && self.machine.as_ref() == seen.machine
    }
}

impl From<Seen<'_>> for SeenKey {
    fn from(seen: Seen<'_>) -> Self {
        Self { frame: ptr::from_ref(seen.frame).addr(), t_ns: seen.frame.t_ns, machine: seen.machine.cloned() }
    }
}
