//! What a trace says against what the engine did, field by field.

use crate::format::Output;
use serde_json::{Map, Value};

/// One field that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldDifference {
    /// Where in `out`, as in `callback.segs[2][1]`.
    pub field: String,
    /// What the trace says; "absent" for a field that is not there.
    pub expected: String,
    /// What the engine did.
    pub got: String,
}

/// The fields in which two outputs differ. Decisions are no part of it, nor is the text of a panic.
pub fn differences(expected: &Output<'_>, got: &Output<'_>) -> Vec<FieldDifference> {
    let mut found = Vec::new();
    compare("", Some(&fields(expected)), Some(&fields(got)), &mut found);
    found
}

fn fields(output: &Output<'_>) -> Value {
    let mut value = serde_json::to_value(output).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.remove("decisions");
        hide_panic_text(fields);
        let stopped = fields.get_mut("panics").and_then(Value::as_array_mut);
        for load in stopped.into_iter().flatten().filter_map(Value::as_object_mut) {
            hide_panic_text(load);
        }
    }
    value
}

/// Leaves of a panic only that it is one.
fn hide_panic_text(fields: &mut Map<String, Value>) {
    if let Some(text) = fields.get_mut("panic") {
        *text = Value::Bool(true);
    }
}

fn compare(path: &str, expected: Option<&Value>, got: Option<&Value>, found: &mut Vec<FieldDifference>) {
    if expected == got {
        return;
    }
    match (expected, got) {
        (Some(Value::Object(expected)), Some(Value::Object(got))) => {
            for (name, value) in expected {
                compare(&member(path, name), Some(value), got.get(name), found);
            }
            for (name, value) in got.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                compare(&member(path, name), None, Some(value), found);
            }
        }
        (Some(Value::Array(expected)), Some(Value::Array(got))) if expected.len() == got.len() => {
            for (i, (expected, got)) in expected.iter().zip(got).enumerate() {
                compare(&format!("{path}[{i}]"), Some(expected), Some(got), found);
            }
        }
        _ => found.push(FieldDifference { field: path.to_owned(), expected: text(expected), got: text(got) }),
    }
}

fn member(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn text(value: Option<&Value>) -> String {
    match value {
        None => "absent".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::differences;
    use crate::format::{Op, Output};

    fn check(op: Op, expected: &str, got: &str, found: &[(&str, &str, &str)]) {
        let expected = Output::from_json(op, expected).unwrap();
        let got = Output::from_json(op, got).unwrap();
        let differences: Vec<_> = differences(&expected, &got)
            .into_iter()
            .map(|difference| (difference.field, difference.expected, difference.got))
            .collect();
        let found: Vec<_> = found.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect();
        assert_eq!(differences, found);
    }

    #[test]
    fn fields_that_differ() {
        let load = |callback| format!(r#"{{"ret":"OK","callback":{callback}}}"#);
        let two = load(r#"{"error":"OK","nseg":2,"segs":[["0x1000",4096],["0x3000",10]]}"#);
        let other = load(r#"{"error":"OK","nseg":2,"segs":[["0x1000",4096],["0x3000",11]]}"#);
        let one = load(r#"{"error":"OK","nseg":1,"segs":[["0x1000",4096]]}"#);
        let (null, none) =
            (load(r#"{"error":"OK","nseg":0,"segs":null}"#), load(r#"{"error":"OK","nseg":0,"segs":[]}"#));
        let deferred = load("null");
        check(Op::Load, &two, &two, &[]);
        check(Op::Load, &two, &other, &[("callback.segs[1][1]", "10", "11")]);
        check(
            Op::Load,
            &two,
            &one,
            &[
                ("callback.nseg", "2", "1"),
                ("callback.segs", r#"[["0x1000",4096],["0x3000",10]]"#, r#"[["0x1000",4096]]"#),
            ],
        );
        check(Op::Load, &null, &none, &[("callback.segs", "null", "[]")]);
        check(Op::Load, &deferred, &none, &[("callback", "null", r#"{"error":"OK","nseg":0,"segs":[]}"#)]);
        check(Op::Unload, r#"{"ret":"OK","swi":true}"#, r#"{"ret":"OK"}"#, &[("swi", "true", "absent")]);
        check(Op::Unload, r#"{"ret":"OK","waiting":[]}"#, r#"{"ret":"OK"}"#, &[("waiting", "[]", "absent")]);
        check(Op::Unload, r#"{"ret":"OK","new_field":1}"#, r#"{"decisions":[],"ret":"OK"}"#, &[]);
    }

    #[test]
    fn panics_compare_without_their_text() {
        let panic = r#"{"panic":"driver error","assert":false}"#;
        check(Op::RunDeferred, panic, r#"{"panic":"other words","assert":false}"#, &[]);
        check(Op::RunDeferred, panic, r#"{"panic":"driver error","assert":true}"#, &[("assert", "false", "true")]);
        let stopped = |text, assert| {
            format!(r#"{{"callbacks":[],"events":[],"panics":[{{"map":"m","panic":"{text}","assert":{assert}}}]}}"#)
        };
        check(Op::RunDeferred, &stopped("driver error", false), &stopped("other words", false), &[]);
        let differs = [("panics[0].assert", "false", "true")];
        check(Op::RunDeferred, &stopped("driver error", false), &stopped("driver error", true), &differs);
        check(
            Op::MapDestroy,
            panic,
            r#"{"ret":"OK"}"#,
            &[("assert", "false", "absent"), ("panic", "true", "absent"), ("ret", "absent", "OK")],
        );
    }
}
