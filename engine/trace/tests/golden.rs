//! FreeBSD's own answers: every golden vector, replayed to its end and compared field by field.

#[path = "support/vectors.rs"]
mod vectors;

use busdma_trace::{ReplayOptions, Replayer, Summary, TraceReader};
use serde_json::Value;
use std::fmt::Write;
use vectors::{GOLDEN_FILES, golden_path, golden_traces};

const EVERYTHING: ReplayOptions = ReplayOptions { differences_max: usize::MAX, ..ReplayOptions::DEFAULT };

#[test]
fn every_scenario_matches() {
    let mut summary = Summary::default();
    let mut problems = String::new();
    for (file, scenarios) in GOLDEN_FILES {
        let mut reader = busdma_trace::open(&golden_path(file)).unwrap();
        let found = Replayer::new(ReplayOptions::DEFAULT)
            .run(&mut reader, |report| {
                for difference in &report.differences {
                    let (name, seq, field) = (&report.name, difference.seq, &difference.field);
                    let (expected, got) = (&difference.expected, &difference.got);
                    writeln!(problems, "{file} {name} seq {seq} {field}: expected {expected}, got {got}").unwrap();
                }
            })
            .unwrap();
        assert_eq!(found.scenarios, scenarios, "{file}");
        assert_eq!(reader.warnings(), [], "{file}");
        summary.merge(&found);
    }
    assert!(problems.is_empty(), "{} of {} scenarios differ:\n{problems}", summary.differing, summary.scenarios);
    assert_eq!((summary.scenarios, summary.operations, summary.matching), (723, 8947, 723));
}

/// Every value in every `out` is changed: each of them must be noticed.
#[test]
fn every_field_is_compared() {
    let mut total = 0;
    for (file, trace) in golden_traces() {
        let mut changed = String::new();
        let mut changes = 0;
        for line in trace.lines() {
            let mut json: Value = serde_json::from_str(line).unwrap();
            if let Some(out) = json.get_mut("out") {
                changes += change("out", out);
            }
            writeln!(changed, "{json}").unwrap();
        }
        assert_eq!(count_differences(&changed, file), changes, "{file}");
        total += changes;
    }
    assert_eq!(total, 77_103);
}

/// Every `hazard` is taken away: each line that had one must be noticed.
#[test]
fn every_hazard_is_compared() {
    let mut found = 0;
    for (file, trace) in golden_traces() {
        let mut changed = String::new();
        for line in trace.lines() {
            let mut json: Value = serde_json::from_str(line).unwrap();
            json.as_object_mut().unwrap().remove("hazard");
            writeln!(changed, "{json}").unwrap();
        }
        found += count_differences(&changed, file);
    }
    assert_eq!(found, 136);
}

fn count_differences(trace: &str, file: &str) -> u64 {
    let mut reader = TraceReader::new(trace.as_bytes(), file);
    let mut differences = 0;
    Replayer::new(EVERYTHING).run(&mut reader, |report| differences += report.difference_count).unwrap();
    differences
}

/// Changes every value below this one and says how many there were.
fn change(name: &str, value: &mut Value) -> u64 {
    match value {
        Value::Object(fields) => fields.iter_mut().map(|(name, value)| change(name, value)).sum(),
        Value::Array(values) => values.iter_mut().map(|value| change(name, value)).sum(),
        // The text of a panic is free.
        Value::String(_) if name == "panic" => 0,
        // A null that stands for something else when it becomes a value of another kind.
        Value::Null => {
            *value = match name {
                "callback" => serde_json::json!({"error":"OK","nseg":0,"segs":[]}),
                "segs" => serde_json::json!([]),
                "zone" => serde_json::json!(99),
                _ => serde_json::json!("somebody"),
            };
            1
        }
        Value::Bool(flag) => {
            *flag = !*flag;
            1
        }
        Value::Number(number) => {
            *value = (number.as_i64().unwrap() + 1).into();
            1
        }
        Value::String(text) => {
            *text = other_word(name, text);
            1
        }
    }
}

fn other_word(name: &str, text: &str) -> String {
    let turned = |words: &[&str]| {
        let at = words.iter().position(|word| *word == text)?;
        Some(words[(at + 1) % words.len()].to_owned())
    };
    let word = match name {
        "ret" | "error" => turned(&["OK", "ENOMEM", "EINVAL", "EFBIG", "EBUSY", "EINPROGRESS"]),
        "map" => turned(&["null", "real"]),
        "dir" => turned(&["to_bounce", "from_bounce"]),
        "dcache" => turned(&["wb", "inv", "wbinv"]),
        "class" => turned(&["malloc", "kmem_attr", "kmem_contig"]),
        "freed" => turned(&["malloc", "kmem"]),
        "mflags" => turned(&["WAITOK", "NOWAIT", "ZERO"]),
        "attr" => turned(&["default", "uncacheable"]),
        _ => None,
    };
    let hex = || text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    word.or_else(|| hex().map(|number| format!("{:#x}", number ^ 1))).unwrap_or_else(|| format!("{text}?"))
}
