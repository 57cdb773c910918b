//! What a machine's tags and maps are called: as the daemon would, in the order of their making.

use crate::frame::Name;
use busdma_engine::{MapId, TagId};
use compact_str::format_compact;

/// `demo1/t1` is the first tag of `demo1`.
pub(super) fn tag(machine: &Name, tag: TagId) -> Name {
    format_compact!("{machine}/t{}", tag.parts().0.saturating_add(1))
}

/// `demo1/m1` is the first map of `demo1`.
pub(super) fn map(machine: &Name, map: MapId) -> Name {
    format_compact!("{machine}/m{}", map.parts().0.saturating_add(1))
}
