//! The decisions before a moment, from the lines before it.

mod derived;

use super::clock::Clock;
use super::index::Mark;
use super::line::{Unreadable, is_header};
use super::lines::{Feed, LineText, Lines};
use super::model::Model;
use crate::frame::{Decision, DecisionLog, Name};
use crate::source::told::{Told, told};
use busdma_trace::format::{DecisionRecord, Input, Name as Word, Op, Output};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::io;

/// Operations whose decisions are shown.
pub(crate) const OPERATIONS: u64 = 512;

/// What is needed of a line.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(default)]
    t: Option<u64>,
    #[serde(borrow, default)]
    session: Option<Word<'a>>,
    op: Op,
    #[serde(borrow, rename = "in")]
    input: &'a RawValue,
    #[serde(borrow, rename = "out")]
    output: &'a RawValue,
}

/// Only what the clock needs.
#[derive(Deserialize)]
struct Time {
    #[serde(default)]
    t: Option<u64>,
}

/// The decisions of the last operations up to `end`, from the lines behind `mark`, which the feed's next block holds.
pub(super) fn before<F: Feed>(feed: F, mark: &Mark, end: &Clock, model: &Model) -> io::Result<DecisionLog> {
    let mut log = DecisionLog::default();
    let mut lines = Lines::from(feed, mark.place)?;
    let mut clock = mark.clock;
    let first = end.operations.saturating_sub(OPERATIONS);
    while clock.operations < end.operations {
        let Some(LineText::Whole(text) | LineText::Unterminated(text)) = lines.peek()? else { break };
        if is_header(text) {
            clock.scenario();
            log = DecisionLog::default();
        } else if clock.operations < first {
            if let Ok(time) = serde_json::from_slice::<Time>(text) {
                clock = clock.after(time.t);
            }
        } else if let Ok(next) = add(text, clock, model, &mut log) {
            clock = next;
        }
        lines.pass();
    }
    Ok(log)
}

fn add(line: &[u8], clock: Clock, model: &Model, log: &mut DecisionLog) -> Result<Clock, Unreadable> {
    let fields: Fields<'_> = serde_json::from_slice(line).map_err(|_| Unreadable)?;
    let input = Input::from_json(fields.op, fields.input.get()).map_err(|_| Unreadable)?;
    let output = Output::from_json(fields.op, fields.output.get()).map_err(|_| Unreadable)?;
    let clock = clock.after(fields.t);
    let found = match records(&output) {
        Some(records) => records.iter().filter_map(told).collect(),
        None => derived::found(&input, &output),
    };
    for Told { map, tag, what } in found {
        let tag = tag.or_else(|| map.as_ref().and_then(|map| model.tag_of(map)).cloned());
        log.push(Decision {
            t_ns: clock.now,
            machine: model.name.clone(),
            session: fields.session.as_ref().map(|session| Name::new(session.as_str())),
            map,
            tag,
            what,
        });
    }
    Ok(clock)
}

/// The decisions of an output, where it tells of them.
fn records<'o, 'a>(output: &'o Output<'a>) -> Option<&'o [DecisionRecord<'a>]> {
    macro_rules! of {
        ($($case:ident),*) => {
            match output {
                $(Output::$case(output) => output.decisions.as_deref(),)*
                _ => None,
            }
        };
    }
    of!(TagCreate, TagDestroy, MapCreate, MapDestroy, Load, RunDeferred, Sync, Unload, DmamemAlloc, DmamemFree, Cancel)
}
