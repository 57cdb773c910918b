//! A sample as OpenMetrics text.

use super::{BUCKETS_NS, LatencySample, MachineSample, NamedTotal, RecorderState, Refusal, Sample, ZoneSample};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;

/// The content type of [`exposition`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The sample in the OpenMetrics text format, its end mark included.
pub fn exposition(sample: Sample) -> String {
    let mut registry = Registry::with_prefix("busdma");
    registry.register_collector(Box::new(sample));
    let mut text = String::new();
    // Writing to a string cannot fail, and no encoding of ours does.
    let _ = text::encode(&mut text, &registry);
    text
}

impl Collector for Sample {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        families.build()?;
        families.zones(&self.machines)?;
        families.machines(&self.machines)?;
        families.connections(self)?;
        families.recorder(self)?;
        families.host(self.host.as_ref())
    }
}

/// Writes metric families. The format wants all samples of a family together, so machines are gone through for each.
pub(super) struct Families<'a>(DescriptorEncoder<'a>);

/// The labels and the value of one sample.
pub(super) type Row<'a, V> = (Vec<(&'static str, &'a str)>, V);

impl Families<'_> {
    fn build(&mut self) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor("build", "The running daemon", None, MetricType::Info)?;
        encoder.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])
    }

    fn zones(&mut self, machines: &[MachineSample]) -> fmt::Result {
        let pages = by_zone(machines, |z| {
            vec![("free", z.free), ("reserved", z.reserved), ("active", z.active), ("total", z.total)]
        });
        let pages = pages.flat_map(|(labels, states)| with_label(labels, "state", states));
        self.gauge("zone_bpages", "Bounce pages by state; total is the sum of the others", pages)?;
        let active_max = by_zone(machines, |z| z.active_max);
        self.gauge("zone_active_bpages_max", "The most bounce pages ever active at once", active_max)?;
        self.counter("zone_bounced", "total_bounced of hw.busdma", None, by_zone(machines, |z| z.bounced_total))?;
        self.counter("zone_deferred", "total_deferred of hw.busdma", None, by_zone(machines, |z| z.deferred_total))?;
        let waited = by_zone(machines, |z| seconds(z.deferred_ns_total));
        self.counter("zone_deferred", "Time that resumed loads waited for pages", Some(&Unit::Seconds), waited)?;
        self.gauge("waiters", "Maps that wait for bounce pages of the zone", by_zone(machines, |z| z.waiters))
    }

    fn machines(&mut self, machines: &[MachineSample]) -> fmt::Result {
        let loads = by_machine(machines, |m| {
            vec![("loaded", m.loads.loaded), ("deferred", m.loads.deferred), ("no_data", m.loads.no_data)]
        });
        let loads = loads.flat_map(|(labels, outcomes)| with_label(labels, "outcome", outcomes));
        self.counter("loads", "Loads by outcome; a deferred one counts once", None, loads)?;
        let rejected = by_machine(machines, |m| named(&m.rejected));
        let rejected = rejected.flat_map(|(labels, errors)| with_label(labels, "reason", errors));
        self.counter("rejected", "Loads and creations that failed, by error", None, rejected)?;
        let hazards = by_machine(machines, |m| named(&m.hazards));
        let hazards = hazards.flat_map(|(labels, kinds)| with_label(labels, "kind", kinds));
        self.counter("hazards", "Hazards met, by kind", None, hazards)?;
        self.gauge("tags", "Tags", by_machine(machines, |m| m.tags))?;
        let maps = by_machine(machines, |m| {
            vec![("idle", m.maps.idle), ("deferred", m.maps.deferred), ("loaded", m.maps.loaded)]
        });
        self.gauge("maps", "Maps by state", maps.flat_map(|(labels, states)| with_label(labels, "state", states)))?;
        self.latencies("load", "How long loads took, deferred ones up to the deferral", machines, |m| &m.load)?;
        self.latencies("sync", "How long syncs took, copies included", machines, |m| &m.sync)?;
        self.latencies("load_deferred", "How long deferred loads waited for pages", machines, |m| &m.load_deferred)
    }

    fn connections(&mut self, sample: &Sample) -> fmt::Result {
        let connections = &sample.connections;
        self.gauge("connections", "Open connections", [(vec![], connections.open)])?;
        self.counter("connections_served", "Connections served", None, [(vec![], connections.served_total)])?;
        let refused = Refusal::ALL.map(|reason| {
            let totals = connections.refused.iter().filter(|(of, _)| *of == reason).map(|(_, total)| total);
            (vec![("reason", reason.name())], totals.sum::<u64>())
        });
        self.counter("connections_refused", "Connections closed unserved, by reason", None, refused)?;
        let refusals = sample.quota_refusals.iter();
        let refusals = refusals.map(|r| (vec![("quota", r.quota), ("scope", r.scope.name())], r.total));
        self.counter("quota_refusals", "Requests refused because a quota or limit was used up", None, refusals)
    }

    fn recorder(&mut self, sample: &Sample) -> fmt::Result {
        let recorder = &sample.recorder;
        let states =
            RecorderState::ALL.map(|state| (vec![("state", state.name())], u64::from(state == recorder.state)));
        self.gauge("recorder_state", "1 for the recorder's state, 0 for the others", states)?;
        self.gauge("recorder_queue_bytes", "Bytes that wait to be written", [(vec![], recorder.queue_bytes)])?;
        for (name, help, value) in [
            ("recorder_operations_written", "Operations written", recorder.operations_written_total),
            ("recorder_operations_dropped", "Operations dropped from a full queue", recorder.operations_dropped_total),
            ("recorder_bytes_written", "Bytes written, after compression", recorder.bytes_written_total),
            ("recorder_errors", "Writes that failed", recorder.errors_total),
        ] {
            self.counter(name, help, None, [(vec![], value)])?;
        }
        Ok(())
    }

    pub(super) fn gauge<'s>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = Row<'s, u64>>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        rows.into_iter()
            .try_for_each(|(labels, value)| labelled(&mut family, &labels, |sample| sample.encode_gauge(&value)))
    }

    pub(super) fn counter<'s, V: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        rows: impl IntoIterator<Item = Row<'s, V>>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        rows.into_iter().try_for_each(|(labels, value)| {
            labelled(&mut family, &labels, |sample| sample.encode_counter::<NoLabelSet, _, u64>(&value, None))
        })
    }

    fn latencies<'s>(
        &mut self,
        name: &str,
        help: &str,
        machines: &'s [MachineSample],
        latency: fn(&'s MachineSample) -> &'s LatencySample,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        by_machine(machines, latency).try_for_each(|(labels, latency)| {
            let ends = BUCKETS_NS.into_iter().map(seconds).chain([f64::INFINITY]);
            let buckets: Vec<_> = ends.zip(latency.counts).collect();
            let (sum, count) = (seconds(latency.sum_ns), latency.count());
            labelled(&mut family, &labels, |sample| sample.encode_histogram::<NoLabelSet>(sum, count, &buckets, None))
        })
    }
}

fn by_machine<'s, V>(
    machines: &'s [MachineSample],
    value: fn(&'s MachineSample) -> V,
) -> impl Iterator<Item = Row<'s, V>> {
    machines.iter().map(move |machine| (vec![("machine", machine.name.as_str())], value(machine)))
}

fn by_zone<V>(machines: &[MachineSample], value: fn(&ZoneSample) -> V) -> impl Iterator<Item = Row<'_, V>> {
    machines.iter().flat_map(move |machine| {
        machine
            .zones
            .iter()
            .map(move |zone| (vec![("machine", machine.name.as_str()), ("zone", zone.name.as_str())], value(zone)))
    })
}

/// One row for each value of a further label.
fn with_label<'a>(
    labels: Vec<(&'static str, &'a str)>,
    label: &'static str,
    values: Vec<(&'a str, u64)>,
) -> impl Iterator<Item = Row<'a, u64>> {
    values.into_iter().map(move |(name, value)| ([labels.as_slice(), &[(label, name)]].concat(), value))
}

fn named(totals: &[NamedTotal]) -> Vec<(&str, u64)> {
    totals.iter().map(|of| (of.name, of.total)).collect()
}

/// Encodes one sample; without labels it gets no empty braces.
fn labelled(
    family: &mut MetricEncoder<'_>,
    labels: &Vec<(&'static str, &str)>,
    encode: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    if labels.is_empty() { encode(family) } else { encode(&mut family.encode_family(labels)?) }
}

#[expect(clippy::cast_precision_loss, reason = "a float is what the format has; 2^53 ns are 104 days")]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
