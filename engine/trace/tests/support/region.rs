//! What an allocator answered, from the line that tells it.

use busdma_trace::format::{AllocMem, Input, Nullable, Output, Region};

/// Where memory lay, said to a machine that has forgotten what was allocated before.
pub(crate) fn with_region<'a>(input: Input<'a>, output: &Output<'_>) -> Input<'a> {
    match (input, output) {
        (Input::DmamemAlloc(alloc), Output::DmamemAlloc(out)) => {
            let region = out.vaddr.zip(out.paddr).zip(out.pages.clone());
            let region: Nullable<Region> = region.map(|((vaddr, paddr), pages)| Region { vaddr, paddr, pages }).into();
            Input::DmamemAlloc(AllocMem { region, ..alloc })
        }
        (input, _) => input,
    }
}
