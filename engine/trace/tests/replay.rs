//! Replaying: differences are told with all they need, a scenario ends where it must, and no profile makes it fail.

#[path = "support/header.rs"]
mod header;
#[path = "support/vectors.rs"]
mod vectors;
#[path = "support/workload.rs"]
mod workload;

use busdma_engine::Profile;
use busdma_trace::format::Contents;
use busdma_trace::replay::profile_of_source;
use busdma_trace::{Extent, ProfileChoice, ReplayOptions, Replayer, ScenarioReport, TraceReader};
use header::HEADER;
use vectors::golden_traces;

const TAG: &str = concat!(
    r#"{"seq":1,"op":"tag_create","in":{"tag":"t","parent":null,"alignment":1,"boundary":"0x0","lowaddr":"0xffffff","#,
    r#""highaddr":"0xffffffffffffffff","filter":null,"maxsize":8192,"nsegments":2,"maxsegsz":8192,"flags":[],"lock":true},"#,
    r#""out":{"ret":"OK","alignment":1,"boundary":"0x0","lowaddr":"0xffffff","highaddr":"0xffffffffffffffff","#,
    r#""maxsegsz":8192,"could_bounce":true,"chain_parent":null,"zone":null}}"#
);

const MAP: &str = concat!(
    r#"{"seq":2,"op":"map_create","in":{"tag":"t","map":"m","flags":[]},"out":{"ret":"OK","map":"real","zones":[{"zone":0,"#,
    r#""total":2,"free":2,"reserved":0,"active":0,"bounced":0,"deferred":0,"map_count":1,"lowaddr":"0xffffff","alignment":4096}]}}"#
);

const LOAD: &str = concat!(
    r#"{"seq":3,"op":"load","in":{"tag":"t","map":"m","flags":[],"kind":"buffer","buf":{"vaddr":"0x1000","len":4096,"#,
    r#""pages":["0x1000"]}},"out":{"ret":"OK","callback":{"error":"OK","nseg":1,"segs":[["0x1000",4096]]},"#,
    r#""map_state":{"pagesneeded":0,"pagesreserved":0,"bpages":0}}}"#
);

fn replay(options: ReplayOptions, trace: &str) -> Result<Vec<ScenarioReport>, String> {
    let mut reader = TraceReader::new(trace.as_bytes(), "t");
    let mut reports = Vec::new();
    Replayer::new(options).run(&mut reader, |report| reports.push(report)).map_err(|error| error.to_string())?;
    Ok(reports)
}

fn one(lines: &[&str]) -> Result<ScenarioReport, String> {
    let trace = format!("{HEADER}\n{}\n", lines.join("\n"));
    replay(ReplayOptions::DEFAULT, &trace).map(|mut reports| reports.remove(0))
}

#[test]
fn a_difference_tells_what_led_there() {
    let load = LOAD.replace("[[\"0x1000\",4096]]", "[[\"0x2000\",4096]]").replace("\"bpages\":0", "\"bpages\":1");
    let report = one(&[TAG, MAP, &load]).unwrap();
    assert_eq!((report.name.as_str(), report.family.as_str(), report.line), ("s", "f", 1));
    assert_eq!((report.operations, report.difference_count, report.profile), (3, 2, Profile::Freebsd11));
    let difference = &report.differences[0];
    assert_eq!((difference.seq, difference.line, difference.op.to_string().as_str()), (3, 4, "load"));
    assert_eq!(difference.field, "callback.segs[0][0]");
    assert_eq!((difference.expected.as_str(), difference.got.as_str()), ("0x2000", "0x1000"));
    assert_eq!(&*difference.raw_line, load);
    let decisions: Vec<_> =
        difference.decisions.iter().map(|decision| serde_json::to_string(decision).unwrap()).collect();
    assert_eq!(
        decisions,
        [
            r#"{"kind":"split","map":"m","segment":0,"addr":"0x1000","len":4096,"reason":{"why":"first"}}"#,
            r#"{"kind":"loaded","map":"m","segments":1,"bpages":0}"#,
        ]
    );
    assert_eq!(report.differences[1].field, "map_state.bpages");
}

#[test]
fn the_order_and_spelling_of_fields_do_not_matter() {
    let load = LOAD
        .replace(r#""error":"OK","nseg":1"#, r#""nseg" : 1, "error":"OK", "later_field": {"a":[null]}"#)
        .replace("\"0x1000\",4096]", "\"0x0001000\", 4096]");
    assert_ne!(load, LOAD);
    assert!(one(&[TAG, MAP, &load]).unwrap().matches());
}

#[test]
fn ids_lead_somewhere_or_are_errors() {
    let unload = r#"{"seq":9,"op":"unload","in":{"tag":"t","map":"m"},"out":{"ret":"OK","map_state":{"pagesneeded":0,"pagesreserved":0,"bpages":0}}}"#;
    let destroy = r#"{"seq":9,"op":"map_destroy","in":{"tag":"t","map":"m"},"out":{"ret":"OK"}}"#;
    let other_tag = TAG.replace("\"tag\":\"t\"", "\"tag\":\"other\"");
    let strange_unload = unload.replace("\"tag\":\"t\"", "\"tag\":\"other\"");
    let child = TAG.replace("\"tag\":\"t\"", "\"tag\":\"child\"").replace("\"parent\":null", "\"parent\":\"nobody\"");
    let alloc =
        r#"{"seq":9,"op":"dmamem_alloc","in":{"tag":"t","dmamem":"d","map":"m","flags":[]},"out":{"ret":"OK"}}"#;
    let free = r#"{"seq":9,"op":"dmamem_free","in":{"tag":"t","dmamem":"d","map":"m"},"out":{"ret":"OK"}}"#;
    let read = r#"{"seq":9,"op":"device_read","in":{"map":"m"},"out":{"bytes":0,"hash":"0xcbf29ce484222325"}}"#;
    let gone = "expected the id of one that was created and not destroyed";
    let cases: [(&[&str], String); 10] = [
        (&[MAP], format!("t:2: no tag \"t\", {gone}")),
        (&[TAG, LOAD], format!("t:3: no map \"m\", {gone}")),
        (&[TAG, MAP, destroy, unload], format!("t:5: no map \"m\", {gone}")),
        (&[TAG, &child], format!("t:3: no tag \"nobody\", {gone}")),
        (&[TAG, free], format!("t:3: no dmamem \"d\", {gone}")),
        (&[read], format!("t:2: no map \"m\", {gone}")),
        (
            &[TAG, TAG],
            "t:3: the id \"t\" was already used for a tag, ids are never reused within a scenario".to_owned(),
        ),
        (
            &[TAG, MAP, destroy, MAP],
            "t:5: the id \"m\" was already used for a map, ids are never reused within a scenario".to_owned(),
        ),
        (
            &[TAG, MAP, alloc],
            "t:4: the id \"m\" was already used for a map, ids are never reused within a scenario".to_owned(),
        ),
        (&[TAG, &other_tag, MAP, &strange_unload], "t:5: map \"m\" belongs to tag \"t\", not to \"other\"".to_owned()),
    ];
    for (lines, error) in cases {
        assert_eq!(one(lines).unwrap_err(), error);
    }
    assert!(one(&[TAG, MAP, read, unload]).unwrap().matches());
}

#[test]
fn arguments_that_make_no_sense() {
    let cases = [
        (
            "\"alignment\":1,\"boundary\":\"0x0\"",
            "\"alignment\":3,\"boundary\":\"0x0\"",
            "t:2: alignment is 0x3, expected a power of two",
        ),
        (
            "\"alignment\":1,\"boundary\":\"0x0\"",
            "\"alignment\":0,\"boundary\":\"0x0\"",
            "t:2: alignment is 0x0, expected a power of two",
        ),
        ("\"boundary\":\"0x0\"", "\"boundary\":\"0x1800\"", "t:2: boundary is 0x1800, expected a power of two or 0"),
        ("\"nsegments\":2", "\"nsegments\":4294967296", "t:2:192: invalid value: integer `4294967296`, expected u32"),
    ];
    for (from, to, error) in cases {
        assert_eq!(one(&[&TAG.replacen(from, to, 1)]).unwrap_err(), error);
    }
    let trace = format!("{}\n", HEADER.replace("\"page_size\":4096", "\"page_size\":8192"));
    assert_eq!(replay(ReplayOptions::DEFAULT, &trace).unwrap_err(), "t:1: page_size is 8192, expected 4096");
}

#[test]
fn a_panic_ends_the_scenario() {
    let nameless = TAG.replace("\"lock\":true", "\"lock\":false");
    let second = MAP.replace("\"m\"", "\"n\"").replace("\"map_count\":1", "\"map_count\":2");
    let bounced = LOAD.replace("\"0x1000\"]", "\"0x100000000\"]");
    let first = bounced
        .replace("[[\"0x1000\",4096]]", "[[\"0x100000\",4096]]")
        .replace("\"bpages\":0}", r#""bpages":1},"zones":[{"zone":0,"total":2,"free":1,"reserved":0,"active":1,"bounced":0,"deferred":0,"map_count":1,"lowaddr":"0xffffff","alignment":4096}]"#);
    assert!(one(&[TAG, MAP, &first]).unwrap().matches());
    let small = HEADER.replace("\"frames\":64", "\"frames\":2");
    let zones = |free: u32, reserved: u32, active: u32, deferred: u32| {
        format!(
            r#""zones":[{{"zone":0,"total":2,"free":{free},"reserved":{reserved},"active":{active},"bounced":0,"deferred":{deferred},"map_count":2,"lowaddr":"0xffffff","alignment":4096}}]"#
        )
    };
    let take_all = format!(
        r#"{{"seq":4,"op":"load","in":{{"tag":"t","map":"m","flags":[],"kind":"buffer","buf":{{"vaddr":"0x1000","len":8192,"pages":["0x100000000","0x100001000"]}}}},"out":{{"ret":"OK","callback":{{"error":"OK","nseg":1,"segs":[["0x100000",8192]]}},"map_state":{{"pagesneeded":0,"pagesreserved":0,"bpages":2}},{}}}}}"#,
        zones(0, 0, 2, 0)
    );
    let wait = r#"{"seq":5,"op":"load","in":{"tag":"t","map":"n","flags":[],"kind":"buffer","buf":{"vaddr":"0x8000","len":1,"pages":["0x100000000"]}},"out":{"ret":"EINPROGRESS","callback":null,"map_state":{"pagesneeded":1,"pagesreserved":0,"bpages":0},"waiting":["n"]}}"#;
    let unload = format!(
        r#"{{"seq":6,"op":"unload","in":{{"tag":"t","map":"m"}},"out":{{"ret":"OK","swi":true,"map_state":{{"pagesneeded":0,"pagesreserved":0,"bpages":0}},{},"waiting":[]}}}}"#,
        zones(1, 1, 0, 1)
    );
    let panic = r#"{"seq":7,"op":"run_deferred","in":{},"out":{"panic":"driver error: busdma dflt_lock called","assert":false}}"#;
    let lines = [&small, &nameless, MAP, &second, &take_all, wait, &unload, panic, "{\"seq\":8}"].join("\n");
    let mut reader = TraceReader::new(lines.as_bytes(), "t");
    let report = Replayer::new(ReplayOptions::DEFAULT).next_scenario(&mut reader).unwrap().unwrap();
    assert!(report.matches(), "{:?}", report.differences);
    assert_eq!(report.operations, 7, "what comes behind the panic is not looked at");
    // The same with a lock function: the engine goes on where the trace stops.
    let lines = lines.replace("\"lock\":false", "\"lock\":true");
    let report = replay(ReplayOptions::DEFAULT, &lines).unwrap().remove(0);
    let fields: Vec<_> = report.differences.iter().map(|difference| difference.field.as_str()).collect();
    assert_eq!(fields, ["assert", "panic", "callbacks", "events", "zones"]);
}

#[test]
fn comparison_can_stop_at_the_first_hazard() {
    let mut untouched = 0;
    let until = ReplayOptions { extent: Extent::UntilHazard, ..ReplayOptions::DEFAULT };
    for (_, trace) in golden_traces() {
        let broken: String = trace
            .lines()
            .scan(false, |behind, line| {
                *behind |= line.contains("\"hazard\":");
                *behind &= !line.starts_with("{\"format\"");
                // A word that nobody could compare without an error.
                let line = if *behind { line.replace("\"ret\":\"", "\"ret\":\"X") } else { line.to_owned() };
                Some(line + "\n")
            })
            .collect();
        for report in replay(until, &broken).unwrap() {
            assert!(report.matches(), "{}: {:?}", report.name, report.differences);
            untouched += report.operations;
        }
    }
    assert_eq!(untouched, 7973, "operations before the first hazard");
}

#[test]
fn other_profiles_differ_but_never_fail() {
    for profile in Profile::ALL {
        let options = ReplayOptions { profile: ProfileChoice::Fixed(profile), ..ReplayOptions::DEFAULT };
        let (mut matching, mut differing) = (0, 0);
        for (_, trace) in golden_traces() {
            for report in replay(options, &trace).unwrap() {
                assert_eq!(report.profile, profile);
                assert!(report.differences.len() <= 20);
                *(if report.matches() { &mut matching } else { &mut differing }) += 1;
            }
        }
        assert_eq!(matching + differing, 723);
        assert!(differing > 100, "{profile:?}: {differing}");
    }
}

#[test]
fn what_was_not_created_here_is_a_difference() {
    let trace = format!("{}\n{TAG}\n{MAP}\n{LOAD}\n", HEADER.replace("\"frames\":64", "\"frames\":1"));
    let report = replay(ReplayOptions::DEFAULT, &trace).unwrap().remove(0);
    let last = report.differences.last().unwrap();
    assert_eq!((last.seq, last.field.as_str(), last.expected.as_str()), (3, "in", "load with map m"));
    assert_eq!(last.got, "not done: map m was not created under this profile");
    assert_eq!(report.operations, 3);
}

#[test]
fn profiles_by_source() {
    let cases = [
        ("freebsd-11.0 sys/x86/x86/busdma_bounce.c", Some(Profile::Freebsd11)),
        ("freebsd-12.1 sys/x86/x86/busdma_bounce.c", Some(Profile::Freebsd12)),
        ("freebsd-12.1 sys/arm64/arm64/busdma_bounce.c", Some(Profile::Arm64Freebsd12)),
        ("arm64-12 busdma", Some(Profile::Arm64Freebsd12)),
        ("strict busdma", Some(Profile::Strict)),
        ("netbsd-10", None),
    ];
    for (source, profile) in cases {
        assert_eq!(profile_of_source(source), profile, "{source}");
        let choice = ProfileChoice::FromSource { otherwise: Profile::Strict };
        assert_eq!(choice.profile(source), profile.unwrap_or(Profile::Strict));
        assert_eq!(ProfileChoice::Fixed(Profile::Freebsd12).profile(source), Profile::Freebsd12);
    }
}

#[test]
fn what_is_recorded_replays() {
    for contents in [Contents::Recorded, Contents::Unrecorded] {
        let trace = workload::generate(Vec::new(), 20_000, 7, contents);
        assert_eq!(trace, workload::generate(Vec::new(), 20_000, 7, contents), "the same seed gives the same trace");
        let text = String::from_utf8(trace).unwrap();
        for part in ["EINPROGRESS", "\"events\":[\"lock", "\"to_bounce\"", "EFBIG", "\"kind\":\"ccb\"", "mbuf_sg"] {
            assert!(text.contains(part), "the workload shows no {part}");
        }
        assert_eq!(text.contains("client_hash"), contents == Contents::Recorded);
        let report = replay(ReplayOptions::DEFAULT, &text).unwrap().remove(0);
        assert!(report.matches(), "{:?}", report.differences);
        assert!(report.operations >= 20_000);
    }
}
