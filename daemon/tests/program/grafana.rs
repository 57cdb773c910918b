//! The Grafana dashboard, held against what the daemon exports: no panel asks for what is not there.

use crate::daemon::directory;
use crate::metrics::{full_sample, get, serving};
use busdmad::metrics::exposition;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const DASHBOARD: &str = include_str!("../../../dashboards/grafana/busdma.json");

/// What every reference to a data source has to be, so that the choice at the top holds for all panels.
const DATASOURCE: &str = "${datasource}";

/// Labels that Prometheus adds when it scrapes.
const LABELS_OF_SCRAPES: [&str; 2] = ["instance", "job"];

/// All of PromQL that the dashboard uses.
const PROMQL: [&str; 6] = ["by", "histogram_quantile", "ignoring", "label_values", "rate", "sum"];

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).unwrap()
}

fn items<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {value:#}"))
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| [panel].into_iter().chain(items(panel, "panels")))
}

/// Every query with the labels its legend names, and every query of a variable.
fn queries(dashboard: &Value) -> Vec<Query> {
    let targets = panels(dashboard).flat_map(|panel| items(panel, "targets"));
    let of_panels = targets.map(|target| Query::parse(text(target, "expr"), text(target, "legendFormat")));
    let variables = items(&dashboard["templating"], "list").iter().filter(|variable| variable["type"] == "query");
    let of_variables = variables.map(|variable| {
        assert_eq!(variable["definition"], variable["query"]["query"]);
        Query::parse(text(variable, "definition"), "")
    });
    of_panels.chain(of_variables).collect()
}

/// A query, taken apart as far as names go.
#[derive(Debug, Default)]
struct Query {
    text: String,
    metrics: BTreeSet<String>,
    /// Labels that it selects, groups or shows by.
    labels: BTreeSet<String>,
    /// Labels and the values they are compared with, variables left out.
    values: Vec<(String, String)>,
}

impl Query {
    fn parse(query: &str, legend: &str) -> Self {
        let mut parsed = Self { text: query.to_owned(), ..Self::default() };
        let (mut rest, mut word_before) = (query, String::new());
        while let Some(first) = rest.chars().next() {
            let word: String = rest.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
            match first {
                '{' => rest = parsed.selector(rest),
                '(' if matches!(&*word_before, "by" | "ignoring") => rest = parsed.grouping(rest),
                ',' if query.starts_with("label_values(") => {
                    parsed.labels.insert(rest.trim_matches([',', ' ', ')']).to_owned());
                    rest = "";
                }
                '[' => rest = rest.split_once(']').expect("a range ends").1,
                _ if first.is_alphabetic() => {
                    rest = &rest[word.len()..];
                    if !PROMQL.contains(&&*word) {
                        parsed.metrics.insert(word.clone());
                    }
                }
                _ => rest = rest[first.len_utf8()..].trim_start_matches(|char: char| char.is_ascii_digit()),
            }
            if first != ' ' {
                word_before = word;
            }
        }
        let shown = legend.split("{{").skip(1).map(|label| label.split_once("}}").expect("a label ends").0);
        parsed.labels.extend(shown.map(str::to_owned));
        parsed
    }

    /// Takes `{label="value", …}` off.
    fn selector<'q>(&mut self, query: &'q str) -> &'q str {
        let (inside, rest) = query[1..].split_once('}').expect("a selector ends");
        for matcher in inside.split(", ") {
            let (label, value) = matcher.split_once(['=', '!']).expect("a comparison");
            let value = value.trim_start_matches(['=', '~']).trim_matches('"');
            self.labels.insert(label.to_owned());
            if !value.starts_with('$') {
                self.values.push((label.to_owned(), value.to_owned()));
            }
        }
        rest
    }

    /// Takes `(label, …)` off.
    fn grouping<'q>(&mut self, query: &'q str) -> &'q str {
        let (inside, rest) = query[1..].split_once(')').expect("a grouping ends");
        self.labels.extend(inside.split(", ").map(str::to_owned));
        rest
    }
}

/// The labels and their values of each metric that a scrape holds.
type Exported = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn exported(scrape: &str) -> Exported {
    let mut exported = Exported::new();
    for line in scrape.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let labels = exported.entry(name.to_owned()).or_default();
        let Some((_, rest)) = line.split_once('{') else { continue };
        let inside = rest.rsplit_once("\"} ").expect("labels end").0;
        for pair in inside.split("\",") {
            let (label, value) = pair.split_once("=\"").expect("a label has a value");
            labels.entry(label.to_owned()).or_default().insert(value.to_owned());
        }
    }
    exported
}

/// The families that a scrape declares, with their types.
fn declared(scrape: &str) -> BTreeMap<&str, &str> {
    scrape.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect()
}

/// What the daemon exports when there is something to count everywhere.
fn everything() -> String {
    exposition(full_sample())
}

#[test]
fn every_metric_label_and_value_asked_for_is_exported() {
    let exported = exported(&everything());
    for query in queries(&dashboard()) {
        assert!(!query.metrics.is_empty(), "no metric: {query:?}");
        for metric in &query.metrics {
            let of_metric = exported.get(metric).unwrap_or_else(|| panic!("no metric `{metric}`: {query:?}"));
            let known = |label: &String| of_metric.contains_key(label) || LABELS_OF_SCRAPES.contains(&&**label);
            assert!(query.labels.iter().all(known), "{metric} has {of_metric:?}: {query:?}");
            for (label, value) in &query.values {
                let is_there = match value.strip_suffix(".*") {
                    Some(start) => of_metric[label].iter().any(|value| value.starts_with(start)),
                    None => of_metric[label].contains(value),
                };
                assert!(is_there, "{metric} has {:?}: {query:?}", of_metric[label]);
            }
        }
    }
}

/// The full sample is this crate's own; here is the proof that the real program declares the same families from the start,
/// those of the host's devices apart, which are there once probes are attached.
#[test]
fn the_real_program_declares_the_same_families() {
    let (_directory, socket) = directory();
    let (_daemon, address) = serving(&socket);
    let (_, scrape) = get(&address, "/metrics");
    let everything = everything();
    let mut expected = declared(&everything);
    expected.retain(|family, _| !family.starts_with("busdma_host_"));
    assert_eq!(declared(&scrape), expected);
}

#[test]
fn nothing_that_the_daemon_exports_is_left_out() {
    let dashboard = dashboard();
    let asked_for: BTreeSet<String> = queries(&dashboard).into_iter().flat_map(|query| query.metrics).collect();
    for (family, kind) in declared(&everything()) {
        let shown = asked_for.iter().any(|metric| match kind {
            "counter" => metric.strip_suffix("_total") == Some(family),
            "info" => metric.strip_suffix("_info") == Some(family),
            "histogram" => metric.strip_suffix("_bucket") == Some(family),
            _ => metric == family,
        });
        assert!(shown, "no panel shows {family}");
    }
}

#[test]
fn every_panel_says_what_it_shows() {
    for panel in panels(&dashboard()) {
        assert!(!text(panel, "title").is_empty(), "{panel:#}");
        if panel["type"] != "row" {
            assert!(text(panel, "description").ends_with('.'), "{panel:#}");
            assert!(!text(&panel["fieldConfig"]["defaults"], "unit").is_empty(), "{panel:#}");
            assert!(!items(panel, "targets").is_empty(), "{panel:#}");
        }
    }
}

#[test]
fn every_data_source_is_the_variable() {
    fn check(value: &Value) -> usize {
        let own = value.get("datasource").map_or(0, |source| {
            assert_eq!((&source["type"], &source["uid"]), (&"prometheus".into(), &DATASOURCE.into()), "{value:#}");
            1
        });
        let parts: Box<dyn Iterator<Item = &Value>> = match value {
            Value::Array(values) => Box::new(values.iter()),
            Value::Object(fields) => Box::new(fields.values()),
            _ => return own,
        };
        own + parts.map(check).sum::<usize>()
    }
    let dashboard = dashboard();
    let with_source = panels(&dashboard).filter(|panel| panel["type"] != "row").count() + queries(&dashboard).len();
    assert_eq!(check(&dashboard), with_source);
    let variables = items(&dashboard["templating"], "list");
    assert!(
        variables.iter().any(|v| v["type"] == "datasource" && v["name"] == "datasource" && v["query"] == "prometheus")
    );
}

/// Every variable that a query names is defined.
#[test]
fn every_variable_is_defined() {
    let dashboard = dashboard();
    let defined: BTreeSet<&str> =
        items(&dashboard["templating"], "list").iter().map(|variable| text(variable, "name")).collect();
    for query in queries(&dashboard) {
        for rest in query.text.split('$').skip(1) {
            let name = rest.split(|char: char| !char.is_alphanumeric() && char != '_').next().unwrap();
            assert!(defined.contains(name) || name == "__rate_interval", "${name}: {query:?}");
        }
    }
}

#[test]
fn panels_have_ids_and_places_of_their_own() {
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeMap::new());
    for panel in panels(&dashboard()) {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "the id is taken: {panel:#}");
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        let (x, y, w, h) = (at("x"), at("y"), at("w"), at("h"));
        assert!(w > 0 && h > 0 && x + w <= 24, "{panel:#}");
        for cell in (y..y + h).flat_map(|row| (x..x + w).map(move |column| (column, row))) {
            if let Some(other) = cells.insert(cell, text(panel, "title").to_owned()) {
                panic!("{} lies on {other} at {cell:?}", text(panel, "title"));
            }
        }
    }
}
