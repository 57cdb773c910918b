//! The decisions before a moment, from the lines before it.

mod derived;

use super::clock::Clock;
use super::cursor::{began, header};
use super::index::{Checkpoint, Mark};
use super::line::{self, Scanner, is_header};
use super::lines::{Feed, LineText, Lines};
use super::model::Model;
use crate::frame::{Decision, DecisionLog, Name};
use crate::source::told::{Told, told};
use busdma_trace::format::{DecisionRecord, Input, Name as Word, Op, Output};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::io;

/// Operations whose decisions are shown.
pub(super) const OPERATIONS: u64 = 512;

/// What is needed of a line that a reader takes.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default)]
    session: Option<Word<'a>>,
    op: Op,
    #[serde(borrow, rename = "in")]
    input: &'a RawValue,
    #[serde(borrow, rename = "out")]
    output: &'a RawValue,
}

/// The decisions of the last operations up to `end`, from the lines behind `mark`, which the feed's next block holds.
///
/// Which lines are headers and which are operations is decided as a [`Cursor`](super::cursor::Cursor) does: both must
/// count the same operations.
pub(super) fn before<F: Feed>(feed: F, mark: &Mark, end: &Clock, model: &Model) -> io::Result<DecisionLog> {
    let first = end.operations.saturating_sub(OPERATIONS);
    let empty = || if first > 0 { DecisionLog::of_last(OPERATIONS) } else { DecisionLog::default() };
    let mut log = empty();
    let mut lines = Lines::from(feed, mark.place)?;
    let mut clock = mark.clock;
    let mut in_scenario = !matches!(mark.checkpoint, Checkpoint::NoMachine);
    let (scanner, mut zones) = (Scanner::default(), Vec::new());
    while clock.operations < end.operations {
        let Some(LineText::Whole(text) | LineText::Unterminated(text)) = lines.peek()? else { break };
        if is_header(text) {
            if let Some(header) = header(text) {
                clock.scenario(began(&header));
                log = empty();
                in_scenario = true;
            }
        } else if in_scenario && let Some(line) = line::read(&scanner, text, &mut zones) {
            let wanted = clock.operations >= first;
            clock = clock.after(line.t);
            if wanted {
                add(text, clock.now, model, &mut log);
            }
        }
        lines.pass();
    }
    Ok(log)
}

/// Adds the decisions of an operation. One of which only the model's part can be read tells of none.
fn add(line: &[u8], now: u64, model: &Model, log: &mut DecisionLog) {
    let Ok(fields) = serde_json::from_slice::<Fields<'_>>(line) else { return };
    let Ok(input) = Input::from_json(fields.op, fields.input.get()) else { return };
    let Ok(output) = Output::from_json(fields.op, fields.output.get()) else { return };
    let found = match records(&output) {
        Some(records) => records.iter().filter_map(told).collect(),
        None => derived::found(&input, &output, model),
    };
    for Told { map, tag, what } in found {
        let tag = tag.or_else(|| map.as_ref().and_then(|map| model.tag_of(map)).cloned());
        log.push(Decision {
            t_ns: now,
            machine: model.name.clone(),
            session: fields.session.as_ref().map(|session| Name::new(session.as_str())),
            map,
            tag,
            what,
        });
    }
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
