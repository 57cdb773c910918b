//! A frame as JSON: what `org.busdma.Monitor`'s Snapshot tells, under the same names, and what frames hold beside it.

mod decision;

use crate::fields::{
    DEVICE_FIELDS, DISTRIBUTION_FIELDS, FINDING_FIELDS, Field, MAP_FIELDS, POOL_FIELDS, TAG_FIELDS, Unit,
    WAITER_FIELDS, ZONE_FIELDS, object,
};
use crate::frame::{
    Distribution, Frame, HostFrame, Latency, Machine, MapRow, Origin, OriginKind, OriginState, Probes, RecordingState,
    TimeAxis, Timeline,
};
use crate::views::Baselines;
use serde_json::{Map, Value, json};

/// Decisions of a frame that JSON holds: the last ones.
pub const DECISIONS: usize = 100;

/// A frame as JSON. What is not known is left out.
pub fn frame(frame: &Frame) -> Value {
    let mut members = Map::new();
    put(&mut members, "t_ns", Some(frame.t_ns));
    put(&mut members, "unix_ns", frame.unix_ns);
    put(&mut members, "origin", Some(origin(&frame.origin)));
    let baselines = Baselines::of(frame.machines.iter());
    let axis = frame.timeline.as_ref().map_or(TimeAxis::Nanoseconds, |timeline| timeline.axis);
    let machines = frame.machines.iter().map(|of| machine(of, &baselines, axis));
    put(&mut members, "machines", Some(machines.collect::<Vec<_>>()));
    put(&mut members, "findings", Some(rows(&FINDING_FIELDS, &frame.findings)));
    put(&mut members, "host", frame.host.as_ref().map(host));
    put(&mut members, "decisions", Some(decisions(frame)));
    put(&mut members, "decisions_total", Some(frame.decisions.end()));
    put(&mut members, "decisions_of_operations", frame.decisions.of_operations());
    put(&mut members, "lost", Some(lost(frame)));
    put(&mut members, "timeline", frame.timeline.as_ref().map(timeline));
    Value::Object(members)
}

fn put(members: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        members.insert(name.to_owned(), value.into());
    }
}

fn rows<R>(fields: &[Field<R>], rows: &[R]) -> Vec<Value> {
    rows.iter().map(|row| Value::Object(object(fields, row))).collect()
}

fn origin(origin: &Origin) -> Value {
    let mut members = Map::new();
    let kind = match origin.kind {
        OriginKind::Live => "live",
        OriginKind::Recording => "recording",
        OriginKind::HostCapture => "host_capture",
        OriginKind::Demo => "demo",
    };
    put(&mut members, "kind", Some(kind));
    put(&mut members, "name", Some(origin.name.as_str()));
    let state = match &origin.state {
        OriginState::Running => "running",
        OriginState::Paused => "paused",
        OriginState::Ended => "ended",
        OriginState::Disconnected { since_ns, why } => {
            put(&mut members, "since_ns", Some(*since_ns));
            put(&mut members, "why", Some(why.as_str()));
            "disconnected"
        }
        OriginState::Unreadable { why } => {
            put(&mut members, "why", Some(why.as_str()));
            "unreadable"
        }
        OriginState::Indexing { percent } => {
            put(&mut members, "percent", Some(*percent));
            "indexing"
        }
    };
    put(&mut members, "state", Some(state));
    let recording = |recording| match recording {
        RecordingState::Off => "off",
        RecordingState::On => "on",
    };
    put(&mut members, "recording", origin.recording.map(recording));
    Value::Object(members)
}

fn machine(machine: &Machine, baselines: &Baselines, axis: TimeAxis) -> Value {
    let mut members = Map::new();
    put(&mut members, "machine", Some(machine.machine.as_str()));
    put(&mut members, "session", machine.session.as_deref());
    put(&mut members, "profile", Some(machine.profile.as_str()));
    put(&mut members, "zones", Some(rows(&ZONE_FIELDS, &machine.zones)));
    let waiters = machine.waiters.iter().map(|row| Value::Object(aged(&WAITER_FIELDS, row, axis)));
    put(&mut members, "waiters", Some(waiters.collect::<Vec<_>>()));
    put(&mut members, "waiters_total", Some(machine.waiters_total));
    put(&mut members, "tags", Some(rows(&TAG_FIELDS, &machine.tags)));
    put(&mut members, "maps", Some(machine.maps.iter().map(|row| map(row, baselines, axis)).collect::<Vec<_>>()));
    let totals = machine.maps_total;
    put(
        &mut members,
        "maps_total",
        Some(json!({ "idle": totals.idle, "deferred": totals.deferred, "loaded": totals.loaded })),
    );
    put(&mut members, "memory_bytes", machine.memory_bytes);
    put(&mut members, "dmamem_bytes", machine.dmamem_bytes);
    put(&mut members, "loads", Some(machine.loads));
    put(&mut members, "loads_failed", Some(machine.loads_failed));
    put(&mut members, "latency", Some(latency(&machine.latency)));
    Value::Object(members)
}

/// A row with spans of the frame's clock, which are left out where that counts operations.
fn aged<R>(fields: &[Field<R>], row: &R, axis: TimeAxis) -> Map<String, Value> {
    let mut members = object(fields, row);
    if axis == TimeAxis::Operations {
        for span in fields.iter().filter(|field| field.unit == Unit::Nanoseconds) {
            members.remove(span.name);
        }
    }
    members
}

/// A map, with `"suspect": true` where it looks forgotten.
fn map(row: &MapRow, baselines: &Baselines, axis: TimeAxis) -> Value {
    let mut members = aged(&MAP_FIELDS, row, axis);
    put(&mut members, "suspect", baselines.suspect(row).map(|_| true));
    Value::Object(members)
}

fn latency(latency: &Latency) -> Value {
    let mut members = Map::new();
    for (name, of) in [("load", &latency.load), ("sync", &latency.sync), ("deferral", &latency.deferral)] {
        put(&mut members, name, of.as_ref().map(distribution));
    }
    Value::Object(members)
}

fn distribution(distribution: &Distribution) -> Value {
    let mut members = object(&DISTRIBUTION_FIELDS, distribution);
    let bins = distribution.bins.iter().map(|bin| json!({ "upto_ns": bin.upto_ns, "count": bin.count }));
    put(&mut members, "bins", Some(bins.collect::<Vec<_>>()));
    Value::Object(members)
}

fn host(host: &HostFrame) -> Value {
    let mut members = Map::new();
    put(&mut members, "probes", Some(host.probes.word()));
    if let Probes::Unavailable { reason } = &host.probes {
        put(&mut members, "why", Some(reason.as_str()));
    }
    put(&mut members, "devices", Some(rows(&DEVICE_FIELDS, &host.devices)));
    put(&mut members, "pool", host.pool.as_ref().map(|pool| object(&POOL_FIELDS, pool)));
    put(&mut members, "delivered", Some(host.delivered));
    put(&mut members, "dropped", Some(host.dropped));
    Value::Object(members)
}

fn decisions(frame: &Frame) -> Vec<Value> {
    let first = frame.decisions.end().saturating_sub(DECISIONS as u64);
    frame.decisions.since(first).map(|(number, decision)| decision::json(number, decision)).collect()
}

fn lost(frame: &Frame) -> Value {
    let lost = frame.lost;
    json!({ "decisions": lost.decisions, "events": lost.events, "findings": lost.findings, "lines": lost.lines })
}

/// Without its buckets, which only a bar can show.
fn timeline(timeline: &Timeline) -> Value {
    let axis = match timeline.axis {
        TimeAxis::Nanoseconds => "nanoseconds",
        TimeAxis::Operations => "operations",
    };
    json!({ "axis": axis, "start": timeline.start, "end": timeline.end, "at": timeline.at, "step": timeline.step })
}

#[cfg(test)]
mod tests;
