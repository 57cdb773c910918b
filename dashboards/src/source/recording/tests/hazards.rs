//! What a finding is about.

use super::empty_machine;
use crate::frame::TimeAxis;
use crate::source::recording::clock::Clock;
use crate::source::recording::line::read_spelled;
use crate::source::recording::model::Limits;
use crate::source::trends::Recent;

/// The object of the finding that a line makes.
fn object(operation: &str) -> Option<String> {
    let line = format!(r#"{{"seq":1,{operation},"hazard":["stale_pagesneeded"]}}"#);
    let mut model = empty_machine();
    let mut zones = Vec::new();
    let read = read_spelled(line.as_bytes(), &mut zones).unwrap();
    model.apply(&read, &zones, &Clock::default(), |_, _| {});
    let (_, findings) = model.machine(0, TimeAxis::Operations, Limits { rows: 1 }, |_| Recent::default());
    assert_eq!(findings.len(), 1, "{line}");
    findings[0].object.as_ref().map(ToString::to_string)
}

#[test]
fn findings_name_the_map_where_it_is_known() {
    let check = |operation: &str, expected: Option<&str>| assert_eq!(object(operation).as_deref(), expected);
    let sync = r#""op":"sync","in":{"tag":"t1","map":"m1","ops":["POSTREAD"]},"out":{"ret":"OK","copies":[]}"#;
    check(sync, Some("m1"));
    let run = |callbacks: &str, panics: &str| {
        let out = format!(r#"{{"callbacks":[{callbacks}],"events":[]{panics}}}"#);
        format!(r#""op":"run_deferred","in":{{}},"out":{out}"#)
    };
    let loaded = |map: &str| format!(r#"{{"map":"{map}","error":"OK","nseg":1,"segs":[["0x1000",4096]]}}"#);
    check(&run(&loaded("m1"), ""), Some("m1"));
    check(&run(&format!("{},{}", loaded("m1"), loaded("m2")), ""), None);
    let panics = r#","panics":[{"map":"m3","panic":"p","assert":false}]"#;
    check(&run("", panics), Some("m3"));
    check(&run(&loaded("m1"), panics), None);
}
