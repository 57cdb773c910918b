//! Any line, through the types of `busdma_trace`.

use super::{Act, Ended, IsLoad, Line, LoadEnd, Mapping, Memory, Names, TagMade, Told, Unreadable};
use busdma_trace::format::{
    AllocMem, Allocated, Callback, Completed, DecisionRecord, Freed, Input, Loaded, Name, Nullable, Op, Output, Ret,
    Seg, Zone,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// The fields of a line that is no header.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(rename = "seq")]
    _seq: u64,
    #[serde(default)]
    t: Option<u64>,
    #[serde(borrow, default)]
    session: Option<Name<'a>>,
    op: Op,
    #[serde(borrow, rename = "in")]
    input: &'a RawValue,
    #[serde(borrow, rename = "out")]
    output: &'a RawValue,
    #[serde(borrow, default)]
    hazard: Vec<Name<'a>>,
}

/// What makes a line a header.
#[derive(Deserialize)]
struct FormatKey {
    format: Option<IgnoredAny>,
}

/// Whether a line begins a scenario.
pub(in crate::source::recording) fn is_header(line: &[u8]) -> bool {
    line.starts_with(b"{\"format\"")
        || !line.starts_with(b"{\"seq\"")
            && memchr::memmem::find(line, b"\"format\"").is_some()
            && serde_json::from_slice::<FormatKey>(line).is_ok_and(|key| key.format.is_some())
}

/// Reads a line; what it tells of zones goes to `zones`.
pub(in crate::source::recording) fn read<'a>(line: &'a [u8], zones: &mut Vec<Zone>) -> Result<Line<'a>, Unreadable> {
    parse(line, zones).map_err(|_| Unreadable)
}

fn parse<'a>(line: &'a [u8], zones: &mut Vec<Zone>) -> serde_json::Result<Line<'a>> {
    let fields: Fields<'a> = serde_json::from_slice(line)?;
    let input = Input::from_json(fields.op, fields.input.get())?;
    let output = Output::from_json(fields.op, fields.output.get())?;
    let (told, waiting) = changed(&output, zones);
    Ok(Line {
        t: fields.t,
        session: fields.session.map(|name| name.0),
        act: act(input, output),
        zones: told,
        waiting,
        hazards: fields.hazard.into_iter().map(|name| name.0).collect(),
    })
}

/// What any output may tell.
fn changed<'a>(output: &Output<'a>, into: &mut Vec<Zone>) -> (Told, Option<Names<'a>>) {
    macro_rules! of {
        ($($case:ident),*) => {
            match output {
                $(Output::$case(output) => (&output.zones, &output.waiting),)*
                _ => return (Told::Not, None),
            }
        };
    }
    let (zones, waiting) = of!(
        TagCreate,
        TagDestroy,
        MapCreate,
        MapDestroy,
        Load,
        RunDeferred,
        Sync,
        Unload,
        DmamemAlloc,
        DmamemFree,
        Cancel
    );
    let told = zones.as_ref().map_or(Told::Not, |zones| {
        into.clear();
        into.extend_from_slice(zones);
        Told::Anew
    });
    (told, waiting.as_ref().map(|names| Names::Listed(names.iter().map(|name| name.0.clone()).collect())))
}

fn act<'a>(input: Input<'a>, output: Output<'a>) -> Act<'a> {
    match (input, output) {
        (input, Output::Panic(_)) => stopped(input),
        (Input::TagCreate(asked), Output::TagCreate(stored)) if stored.ret == Ret::Ok => {
            Act::TagMade(Box::new(TagMade { asked, stored }))
        }
        (Input::TagDestroy(_), Output::TagDestroy(output)) => {
            Act::TagsFreed(output.freed.into_iter().map(|name| name.0).collect())
        }
        (Input::MapCreate(asked), Output::MapCreate(output)) if output.ret == Ret::Ok => {
            Act::MapMade { tag: asked.tag.0, map: asked.map.0, memory: None }
        }
        (Input::MapCreate(asked), Output::MapCreate(_)) => Act::MapRefused { tag: asked.tag.0 },
        (Input::DmamemAlloc(asked), Output::DmamemAlloc(output)) if output.ret != Ret::Ok => {
            Act::MapRefused { tag: asked.tag.0 }
        }
        (Input::MapDestroy(asked), Output::MapDestroy(output)) if output.ret == Ret::Ok => {
            Act::MapGone { map: asked.map.0, memory: None }
        }
        (Input::Load(asked), Output::Load(output)) => {
            let end = load_end(&output);
            Act::Load { tag: asked.tag.0, map: asked.map.0, end, counters: output.map_state }
        }
        (Input::RunDeferred(_), Output::RunDeferred(output)) => Act::Drained {
            ended: ended(output.callbacks, output.decisions.as_deref().unwrap_or_default()),
            stopped: output.panics.into_iter().map(|load| load.map.0).collect(),
        },
        (Input::Unload(asked), Output::Unload(output)) => {
            Act::Unloaded { map: asked.map.0, counters: output.map_state }
        }
        (Input::Sync(asked), Output::Sync(_)) => Act::Synced { map: asked.map.0 },
        (Input::DmamemAlloc(asked), Output::DmamemAlloc(output)) if output.ret == Ret::Ok => made(asked, &output),
        (Input::DmamemFree(asked), Output::DmamemFree(Freed { freed: Some(_), .. })) => {
            Act::MapGone { map: asked.map.0, memory: Some(asked.dmamem.0) }
        }
        (Input::Cancel(asked), Output::Cancel(output)) if output.ret == Ret::Ok => Act::Cancelled { map: asked.map.0 },
        _ => Act::Nothing,
    }
}

fn stopped(input: Input<'_>) -> Act<'_> {
    match input {
        Input::Load(asked) => Act::Stopped { map: Some(asked.map.0), load: IsLoad::Yes },
        _ => Act::Stopped { map: None, load: IsLoad::No },
    }
}

fn made<'a>(asked: AllocMem<'a>, output: &Allocated<'_>) -> Act<'a> {
    let memory = Some(Memory { dmamem: asked.dmamem.0, bytes: output.alloc.size });
    Act::MapMade { tag: asked.tag.0, map: asked.map.0, memory }
}

fn load_end(output: &Loaded<'_>) -> LoadEnd {
    match (&output.callback, output.ret) {
        (Nullable::Value(Callback { error, segs, .. }), _) => callback_end(*error, segs.as_deref()),
        (_, Ret::Einprogress) => LoadEnd::Deferred,
        (Nullable::Absent, Ret::Ok) => callback_end(Ret::Ok, output.segs.as_deref()),
        _ => LoadEnd::Failed,
    }
}

fn ended<'a>(callbacks: Vec<Completed<'a>>, decisions: &[DecisionRecord<'_>]) -> Vec<Ended<'a>> {
    let of = |callback: Completed<'a>| {
        let bpages = decisions.iter().rev().find_map(|decision| match decision {
            DecisionRecord::Loaded { map, bpages, .. } if *map == callback.map => Some(*bpages),
            _ => None,
        });
        Ended { end: callback_end(callback.error, callback.segs.as_deref()), map: callback.map.0, bpages }
    };
    callbacks.into_iter().map(of).collect()
}

fn callback_end(error: Ret, segs: Option<&[Seg]>) -> LoadEnd {
    match (error, segs) {
        (Ret::Ok, Some(segs)) => {
            let mut mapping = Mapping::default();
            for seg in segs {
                mapping.add(seg.1);
            }
            LoadEnd::Loaded(mapping)
        }
        (Ret::Ok, None) => LoadEnd::NoData,
        _ => LoadEnd::Failed,
    }
}
