//! The line that begins a scenario.

use super::{Scenario, Unwritable};
use crate::start::{MachineDescription, Start};
use busdma_engine::EngineState;
use busdma_trace::TraceWriter;
use busdma_trace::format::{BounceModel, Contents, Header, Recording, State};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the header says beside the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeaderNote<'a> {
    /// The file it is written to.
    pub(crate) file: &'a str,
    /// Which start of that file it is, from 1.
    pub(crate) start: u32,
    /// Operations missing before it.
    pub(crate) dropped: u64,
}

impl Scenario {
    /// Begins a scenario with its header, on the machine as it was.
    ///
    /// # Errors
    /// [`Unwritable`], and `lines` is as it was.
    pub(crate) fn begin(
        start: &Start,
        machine: &MachineDescription,
        note: HeaderNote<'_>,
        lines: &mut TraceWriter<Vec<u8>>,
    ) -> Result<Self, Unwritable> {
        let scenario = Self::new(start);
        let HeaderNote { file, start: number, dropped } = note;
        let file = file.split_once('.').map_or(file, |(stem, _)| stem);
        let name = if number == 1 { file.to_owned() } else { format!("{file}+{}", number - 1) };
        let source = format!("{} busdmad", machine.profile.name());
        let header = Header {
            desc: (dropped > 0).then(|| format!("goes on after {dropped} operations that were dropped").into()),
            contents: Contents::Unrecorded,
            recorded: Some(Recording {
                continues_after_panic: true,
                by: Some(concat!("busdmad ", env!("CARGO_PKG_VERSION")).into()),
                started_unix_ns: unix_ns(start.taken),
                started_ns: Some(start.at.raw()),
            }),
            state: scenario.state(start, machine.model.bounce)?.map(Box::new),
            ..Header::new(name.into(), "recorded".into(), machine.model.clone(), source.into())
        };
        lines.write_header(&header)?;
        Ok(scenario)
    }

    /// The machine's state, unless nothing has happened on it.
    fn state(&self, start: &Start, bounce: BounceModel) -> Result<Option<State<'static>>, Unwritable> {
        let engine = start.snapshot.engine();
        let untouched = engine.tags.is_empty() && engine.maps.is_empty() && engine.zones.is_empty();
        if untouched {
            return Ok(None);
        }
        let frames_taken = frames_taken(engine, bounce);
        Ok(Some(State { frames_taken, ..start.snapshot.state(&self.names)? }))
    }
}

/// Frames handed out and passed over: frames come in order and stay in their zones, so the highest was the last.
fn frames_taken(engine: &EngineState, bounce: BounceModel) -> u64 {
    let free = engine.zones.iter().flat_map(|zone| &zone.free_list);
    let used = engine.maps.iter().flat_map(|map| map.pages.iter().map(|page| &page.frame));
    let last = free.chain(used).map(|frame| frame.raw().saturating_sub(bounce.base.0)).max();
    last.map_or(0, |offset| offset / bounce.stride.max(1) + 1)
}

fn unix_ns(time: SystemTime) -> Option<u64> {
    time.duration_since(UNIX_EPOCH).ok().and_then(|since| u64::try_from(since.as_nanos()).ok())
}
