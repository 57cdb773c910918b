//! Decisions of traces that tell of none, as far as what came out shows them.

use crate::frame::{Name, What};
use crate::source::recording::model::Model;
use crate::source::told::{Told, way};
use busdma_trace::format::{CopyDir, Input, Loaded, Nullable, Output, Ret, Word, Zone};

/// What an operation's result shows; the model may be of a later moment.
pub(super) fn found(input: &Input<'_>, output: &Output<'_>, model: &Model) -> Vec<Told> {
    match (input, output) {
        (Input::Load(asked), Output::Load(output)) => {
            let what = load(output, || model.zone_of(asked.tag.as_str()));
            what.map(|what| of_map(asked.map.as_str(), Some(asked.tag.as_str()), what)).into_iter().collect()
        }
        (Input::Load(asked), Output::Panic(panic)) => {
            let what = What::Rejected { error: Name::new(panic.panic.as_str()) };
            vec![of_map(asked.map.as_str(), Some(asked.tag.as_str()), what)]
        }
        (_, Output::RunDeferred(output)) => {
            let callbacks = output.callbacks.iter().map(|load| {
                let what = ended(load.error, load.segs.as_ref().map_or(0, Vec::len), None);
                of_map(load.map.as_str(), None, what)
            });
            let panics = output
                .panics
                .iter()
                .map(|load| of_map(load.map.as_str(), None, What::Rejected { error: Name::new(load.panic.as_str()) }));
            callbacks.chain(panics).collect()
        }
        (Input::Unload(asked), Output::Unload(_)) => {
            vec![of_map(asked.map.as_str(), Some(asked.tag.as_str()), What::Unloaded { pages: None })]
        }
        (Input::Cancel(asked), Output::Cancel(output)) => {
            let what = output.released.map(|pages| What::Cancelled { pages });
            what.map(|what| of_map(asked.map.as_str(), None, what)).into_iter().collect()
        }
        (Input::Sync(asked), Output::Sync(output)) => {
            let copied = [CopyDir::ToBounce, CopyDir::FromBounce].into_iter().filter_map(|dir| {
                let copies = output.copies.iter().filter(|copy| copy.dir == dir);
                let (pages, bytes) =
                    copies.fold((0, 0_u64), |(pages, bytes), copy| (pages + 1, bytes.saturating_add(copy.bytes)));
                (pages > 0).then(|| What::Copied { way: way(dir), pages, bytes })
            });
            copied.map(|what| of_map(asked.map.as_str(), Some(asked.tag.as_str()), what)).collect()
        }
        _ => Vec::new(),
    }
}

fn of_map(map: &str, tag: Option<&str>, what: What) -> Told {
    Told { map: Some(Name::new(map)), tag: tag.map(Name::new), what }
}

/// Nothing where a load waits for a zone that cannot be told.
fn load(output: &Loaded<'_>, zone_of_tag: impl Fn() -> Option<u32>) -> Option<What> {
    // Maps that never bounce have no counters.
    let bpages = Some(output.map_state.map_or(0, |counters| counters.bpages));
    let what = match &output.callback {
        Nullable::Value(callback) => ended(callback.error, callback.segs.as_ref().map_or(0, |segs| segs.len()), bpages),
        _ if output.ret == Ret::Einprogress => What::Deferred {
            zone: zone_of_tag().or_else(|| fullest(output.zones.as_deref()))?,
            needed: output.map_state.map_or(0, |counters| counters.pagesneeded),
            reserved: output.map_state.map_or(0, |counters| counters.pagesreserved),
            ahead: output.waiting.as_ref().map_or(0, |waiting| waiting.len().saturating_sub(1) as u64),
        },
        _ => ended(output.ret, output.segs.as_ref().map_or(0, |segs| segs.len()), bpages),
    };
    Some(what)
}

/// The only zone without free pages: a load can only wait for such a one. Its tag may be gone from the model.
fn fullest(zones: Option<&[Zone]>) -> Option<u32> {
    let mut full = zones?.iter().filter(|zone| zone.free == 0);
    let zone = full.next().filter(|_| full.next().is_none())?;
    u32::try_from(zone.zone).ok()
}

fn ended(error: Ret, segments: usize, bpages: Option<u32>) -> What {
    match error {
        Ret::Ok => What::Loaded { segments: segments as u64, bpages },
        error => What::Rejected { error: Name::new(error.as_str()) },
    }
}
