//! Scenarios that start in the middle: from the state that another one was in, they go on as that one did.

#[path = "support/header.rs"]
mod header;
#[path = "support/region.rs"]
mod region;
#[path = "support/rerun.rs"]
mod rerun;
#[path = "support/vectors.rs"]
mod vectors;
#[path = "support/workload.rs"]
mod workload;

use busdma_engine::Profile;
use busdma_trace::format::{AfterPanic, Contents, Header, Input, Op, Output, Recording, State};
use busdma_trace::{ReplayOptions, Replayer, SnapshotError, TraceReader};
use header::HEADER;
use region::with_region;
use rerun::{Line, Rerun, Scenario, scenarios};

/// Operations on bytes: where contents are unrecorded they say nothing of the machine.
const ON_BYTES: [Op; 3] = [Op::Fill, Op::DeviceWrite, Op::DeviceRead];

/// A scenario's header without contents, going on behind panics, from a state if there is one.
fn header_of<'a>(scenario: &'a Scenario, state: Option<&State<'a>>) -> Header<'a> {
    let mut header: Header<'a> = serde_json::from_str(&scenario.header).unwrap();
    header.contents = Contents::Unrecorded;
    header.recorded = Some(Recording { continues_after_panic: true, ..Recording::default() });
    header.state = state.cloned().map(Box::new);
    header
}

/// What an operation came to, apart from what is only reported when it changes.
fn answer(line: &str) -> serde_json::Value {
    let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
    let out = line["out"].as_object_mut().unwrap();
    out.remove("zones");
    out.remove("waiting");
    line["out"].take()
}

/// The state of a recorder's machine. Tags and maps stand in it as their places were taken, which no answer shows.
fn by_name(rerun: &Rerun) -> State<'static> {
    let mut state = rerun.recorder.state().unwrap();
    state.tags.sort_by(|one, other| one.tag.cmp(&other.tag));
    state.maps.sort_by(|one, other| one.map.cmp(&other.map));
    state
}

/// Runs a scenario to `at`, starts another from the state it is in, and runs both to the end. Returns that state's text.
fn check_cut(scenario: &Scenario, profile: Profile, at: usize) -> String {
    let what = format!("{} at {at} as {}", &scenario.header[..100.min(scenario.header.len())], profile.name());
    let mut first = Rerun::start(&header_of(scenario, None), profile);
    let lines: Vec<_> = scenario.lines.iter().map(|line| Line::parse(line)).collect();
    let lines: Vec<_> = lines.into_iter().filter(|line| !ON_BYTES.contains(&line.op)).collect();
    let (before, behind) = lines.split_at(at.min(lines.len()));
    for line in before {
        let _ = first.record(&line.input(), line.t);
    }
    let state = first.recorder.state().unwrap();
    let header = header_of(scenario, Some(&state));
    let text = serde_json::to_string(&header).unwrap();
    assert_eq!(serde_json::from_str::<Header<'_>>(&text).unwrap(), header, "{what}");
    let mut second = Rerun::start(&header, profile);
    assert_eq!(second.recorder.state().as_ref(), Ok(&state), "{what}");
    for line in behind {
        let one = first.record(&line.input(), line.t);
        let input = match &one {
            Ok(one) => with_region(line.input(), &Line::parse(one).output()),
            Err(_) => line.input(),
        };
        let other = second.record(&input, line.t);
        assert_eq!(one.as_deref().map(answer), other.as_deref().map(answer), "{what}");
    }
    assert_eq!(by_name(&first), by_name(&second), "{what}");
    second.check_replay(&what);
    text
}

/// What states have to be cut in the middle of.
const SEEN: [&str; 6] = [
    "\"state\":\"deferred\"",
    "\"ready\":[\"",
    "\"kernel\":[{",
    "\"memory\":{",
    "\"chain\":[",
    "\"chain_parent\":\"\"",
];

#[test]
fn golden_scenarios_go_on_from_any_state() {
    let mut seen = [0; SEEN.len()];
    for (index, scenario) in vectors::golden_traces().flat_map(|(_, trace)| scenarios(&trace)).enumerate() {
        // Where strict asks an allocator again, a recorded region would have met the alignment at once.
        let profiles = if scenario.header.contains("misaligned") { &Profile::ALL[..3] } else { &Profile::ALL[..] };
        for at in (index % 3..=scenario.lines.len()).step_by(3) {
            let state = check_cut(&scenario, profiles[(index + at) % profiles.len()], at);
            seen.iter_mut().zip(SEEN).for_each(|(seen, text)| *seen += usize::from(state.contains(text)));
        }
    }
    assert!(seen.iter().all(|&count| count > 0), "{SEEN:?} are seen {seen:?} times");
}

#[test]
fn a_host_under_load_goes_on_from_any_state() {
    let trace = workload::generate(Vec::new(), 3000, 11, Contents::Unrecorded);
    let scenario = scenarios(&String::from_utf8(trace).unwrap()).remove(0);
    let waits: Vec<_> = (1..3000).filter(|&at| scenario.lines[at - 1].contains("EINPROGRESS")).collect();
    let mut waited = 0;
    for (index, &at) in waits.iter().step_by(waits.len().div_ceil(16)).enumerate() {
        waited += usize::from(check_cut(&scenario, Profile::ALL[index % 4], at).contains("\"waits\":"));
    }
    assert!(waited > 8, "{waited} states had loads that wait");
}

/// Two pages at a virtual address, both beyond the tag's reach.
const BUF: &str = r#"{"vaddr":"0x8010","len":5000,"pages":["0x100005000","0x100009000"]}"#;

/// A load of every shape, waiting for pages that another map holds.
fn scenario_of(request: &str) -> Scenario {
    let tag = r#""alignment":1,"boundary":"0x0","lowaddr":"0xffffff","highaddr":"0xffffffffffffffff","filter":null,"maxsize":8192,"nsegments":8,"maxsegsz":8192,"flags":[],"lock":true"#;
    let held = r#"{"vaddr":"0x1000","len":8192,"pages":["0x100000000","0x100001000"]}"#;
    let map = r#"{"tag":"t","map":"#;
    let ops = [
        ("tag_create", format!(r#"{{"tag":"t","parent":null,{tag}}}"#)),
        ("map_create", format!(r#"{map}"m","flags":[]}}"#)),
        ("map_create", format!(r#"{map}"n","flags":[]}}"#)),
        ("load", format!(r#"{map}"m","flags":[],"kind":"buffer","buf":{held}}}"#)),
        ("load", format!(r#"{map}"n","flags":[],{request}}}"#)),
        ("unload", format!(r#"{map}"m"}}"#)),
        ("run_deferred", "{}".to_owned()),
        ("sync", format!(r#"{map}"n","ops":["PREWRITE"]}}"#)),
        ("unload", format!(r#"{map}"n"}}"#)),
    ];
    let lines = ops.iter().map(|(op, input)| format!(r#"{{"seq":1,"op":"{op}","in":{input},"out":{{}}}}"#));
    let source = HEADER.replace("freebsd-11.0 x", "freebsd-12.1 x");
    Scenario { header: source.replace("\"frames\":64", "\"frames\":2"), lines: lines.collect() }
}

#[test]
fn every_shape_of_memory_waits_on() {
    let list = format!("[{BUF}]");
    let phys = r#"[{"paddr":"0x100005010","len":5000}]"#;
    let bio_mapped = format!(r#"{{"type":"mapped","bcount":5000,"buf":{BUF}}}"#);
    let bio_vlist = format!(r#"{{"type":"vlist","bcount":4000,"ma_offset":10,"list":{list}}}"#);
    let bio_unmapped = r#"{"type":"unmapped","bcount":5000,"ma_offset":16,"pages":["0x100005000","0x100009000"]}"#;
    let uio = |flag| format!(r#"{{"resid":4900,"segflg":"{flag}","td":true,"iov":{list}}}"#);
    let ccb =
        |data: &str| format!(r#""ccb":{{"func":"SCSI_IO","dir":"IN","data":{data},"dxfer_len":5000,"sglist_cnt":1}}"#);
    let data = [
        format!(r#""VADDR","buf":{BUF}"#),
        r#""PADDR","paddr":"0x100005010""#.to_owned(),
        format!(r#""SG","list":{list}"#),
        format!(r#""SG_PADDR","list":{phys}"#),
        format!(r#""BIO","bio":{bio_vlist}"#),
    ];
    let mem = [
        format!(r#""type":"VADDR","buf":{BUF}"#),
        r#""type":"PADDR","paddr":"0x100005010","len":5000"#.to_owned(),
        format!(r#""type":"VLIST","list":{list}"#),
        format!(r#""type":"PLIST","list":{phys}"#),
        format!(r#""type":"BIO","bio":{bio_mapped}"#),
        format!(r#""type":"BIO","bio":{bio_unmapped}"#),
        format!(r#""type":"UIO","uio":{}"#, uio("SYSSPACE")),
        format!(r#""type":"UIO","uio":{}"#, uio("USERSPACE")),
        format!(r#""type":"MBUF","pkthdr":true,"pkthdr_len":5000,"chain":{list}"#),
    ];
    let mut requests = vec![format!(r#""kind":"buffer","buf":{BUF}"#), format!(r#""kind":"bio","bio":{bio_mapped}"#)];
    requests.extend(data.iter().map(|data| format!(r#""kind":"ccb",{}"#, ccb(data))));
    requests.extend(data.iter().map(|data| format!(r#""kind":"mem","mem":{{"type":"CCB",{}}}"#, ccb(data))));
    requests.extend(mem.iter().map(|mem| format!(r#""kind":"mem","mem":{{{mem}}}"#)));
    for request in requests {
        let scenario = scenario_of(&request);
        for profile in Profile::ALL {
            // While it waits, when it is ready, and when it is loaded with bounce pages that sync has to find.
            for (at, seen) in [(5, "\"waits\":"), (6, "\"ready\":[\"n\"]"), (7, "\"pages\":[{\"frame\"")] {
                let state = check_cut(&scenario, profile, at);
                assert!(state.contains(seen), "{request} at {at} as {}: {state}", profile.name());
            }
        }
    }
}

#[test]
fn the_first_line_reports_everything() {
    let trace = workload::generate(Vec::new(), 400, 3, Contents::Unrecorded);
    let scenario = scenarios(&String::from_utf8(trace).unwrap()).remove(0);
    let mut first = Rerun::start(&header_of(&scenario, None), Profile::Freebsd11);
    for line in &scenario.lines {
        let line = Line::parse(line);
        first.record(&line.input(), line.t).unwrap();
    }
    let state = first.recorder.state().unwrap();
    let mut second = Rerun::start(&header_of(&scenario, Some(&state)), Profile::Freebsd11);
    let line = second.record(&Input::RunDeferred(busdma_trace::format::RunDeferred {}), None).unwrap();
    let Output::RunDeferred(deferred) = Line::parse(&line).output() else { panic!("{line}") };
    assert_eq!(deferred.zones.unwrap().len(), state.zones.len());
}

/// A scenario of one tag and one map, in the state it leaves.
fn small_state() -> String {
    let lines = [
        r#"{"seq":1,"op":"tag_create","in":{"tag":"t","parent":null,"alignment":1,"boundary":"0x0","lowaddr":"0xffffff","highaddr":"0xffffffffffffffff","filter":{"deny":[["0x0","0xffffffffffffffff"]]},"maxsize":8192,"nsegments":2,"maxsegsz":8192,"flags":[],"lock":true},"out":{"ret":"OK"}}"#,
        r#"{"seq":2,"op":"map_create","in":{"tag":"t","map":"m","flags":[]},"out":{"ret":"OK"}}"#,
        r#"{"seq":3,"op":"map_create","in":{"tag":"t","map":"n","flags":[]},"out":{"ret":"OK"}}"#,
        r#"{"seq":4,"op":"dmamem_alloc","in":{"tag":"t","dmamem":"d","map":"dm","flags":["ZERO"]},"out":{"ret":"OK"}}"#,
        r#"{"seq":5,"op":"load","in":{"tag":"t","map":"m","flags":[],"kind":"buffer","buf":{"vaddr":"0x1800","len":6144,"pages":["0x100000000","0x100001000"]}},"out":{"ret":"OK"}}"#,
        r#"{"seq":6,"op":"load","in":{"tag":"t","map":"n","flags":[],"kind":"buffer","buf":{"vaddr":"0x8000","len":16,"pages":["0x100005000"]}},"out":{"ret":"OK"}}"#,
    ];
    let scenario = Scenario {
        header: HEADER.replace("\"frames\":64", "\"frames\":2").replace("\"0x2000000\"", "\"0x800000\""),
        lines: lines.map(str::to_owned).to_vec(),
    };
    let mut rerun = Rerun::start(&header_of(&scenario, None), Profile::Freebsd11);
    for line in &scenario.lines {
        let line = Line::parse(line);
        rerun.record(&line.input(), Some(7)).unwrap();
    }
    serde_json::to_string(&rerun.recorder.state().unwrap()).unwrap()
}

#[test]
fn a_state_as_it_is_written() {
    let expected = concat!(
        r#"{"now":7,"frames_taken":2,"tags":[{"tag":"t","parent":null,"chain_parent":null,"own":{"alignment":1,"#,
        r#""lowaddr":"0xffffff","highaddr":"0xffffffffffffffff","filter":{"deny":[["0x0","0xffffffffffffffff"]]}},"#,
        r#""boundary":"0x0","maxsize":8192,"nsegments":2,"maxsegsz":8192,"flags":[],"lock":true,"could_bounce":true,"#,
        r#""min_alloc_comp":true,"kmem_alloc":true,"zone":0,"map_count":2,"references":1}],"zones":[{"lowaddr":"0xffffff","#,
        r#""alignment":4096,"free":[],"reserved":0,"active_max":2,"bounced":0,"deferred":0,"map_count":2,"deferred_ns":0}],"#,
        r#""maps":[{"map":"m","tag":"t","form":"real","zone":0,"state":"loaded","segs":[["0x100000",6144]],"pages":[{"#,
        r#""frame":"0x100000","len":2048,"client":"0x100000800","vaddr":"0x1800"},{"frame":"0x101000","len":4096,"#,
        r#""client":"0x100001000","vaddr":"0x2000"}]},{"map":"n","tag":"t","form":"real","zone":0,"state":"deferred","#,
        r#""pagesneeded":1,"waits":{"t":7,"mem":{"type":"VADDR","buf":{"vaddr":"0x8000","len":16,"pages":["0x100005000"]}}}},{"#,
        r#""map":"dm","tag":"t","form":"null","state":"idle","memory":{"dmamem":"d","vaddr":"0xfffffe8000000000","#,
        r#""paddr":"0x800000","pages":["0x800000","0x801000"],"alloc":{"class":"kmem_attr","size":8192,"mflags":["WAITOK","ZERO"],"#,
        r#""low":"0x0","high":"0xffffff","attr":"default"}}}],"waiting":["n"],"ready":[],"#,
        r#""kernel":[{"vaddr":"0x1000","pages":["0x100000000","0x100001000"]}]}"#
    );
    let state = small_state();
    let text = state.replace("segs\":[[\"0x100000\",2048],[\"0x101000\",4096]]", "segs\":[[\"0x100000\",6144]]");
    assert_eq!(text, expected);
}

/// The state in a header, with one change: what is wrong with it.
fn check_refused(from: &str, to: &str, error: &str) {
    let state = small_state();
    assert!(state.contains(from), "{from} is not in {state}");
    let header = HEADER.replace("\"hazards\":[]", &format!("\"hazards\":[],\"state\":{}", state.replacen(from, to, 1)));
    let mut reader = TraceReader::new(header.as_bytes(), "t");
    let heard = Replayer::new(ReplayOptions::DEFAULT).next_scenario(&mut reader).map(|_| ());
    assert_eq!(heard.map_err(|error| error.to_string()), Err(error.to_owned()), "{from} to {to}");
}

#[test]
fn a_state_that_cannot_be_is_an_error() {
    let gone = "expected the id of one that was created and not destroyed";
    let reused = "ids are never reused within a scenario";
    let cases = [
        ("\"parent\":null", "\"parent\":\"u\"", format!("t:1: no tag \"u\", {gone}")),
        ("\"waiting\":[\"n\"]", "\"waiting\":[\"x\"]", format!("t:1: no map \"x\", {gone}")),
        ("\"waiting\":[\"n\"]", "\"waiting\":[]", "t:1: state: map1.1 is deferred but in no queue".to_owned()),
        ("\"waiting\":[\"n\"]", "\"waiting\":[\"m\"]", "t:1: state: map0.1 is in the wrong queue or in none of its own".to_owned()),
        ("\"map\":\"n\"", "\"map\":\"m\"", format!("t:1: the id \"m\" was already used for a map, {reused}")),
        ("\"alignment\":1,", "\"alignment\":3,", "t:1: alignment is 0x3, expected a power of two".to_owned()),
        ("\"zone\":0,\"map_count\"", "\"zone\":4,\"map_count\"", "t:1: state: tag0.1 cannot have its pages from zone4: there is no such zone, or it lies too high or is aligned too little".to_owned()),
        ("\"frame\":\"0x101000\"", "\"frame\":\"0x100000\"", "t:1: state: the frame at 0x100000 is in two places".to_owned()),
        ("\"frame\":\"0x101000\"", "\"frame\":\"0x101010\"", "t:1: state: 0x101010 is no frame of zone0: it is no multiple of a page or lies too high".to_owned()),
        ("\"pages\":[\"0x100005000\"]", "\"pages\":[]", "t:1: 0 pages for 16 bytes at 0x8000, expected 1".to_owned()),
        ("\"0x801000\"]", "\"0x801001\"]", "t:1: page 0x801001 is no multiple of 4096".to_owned()),
        (",\"attr\":\"default\"", "", "t:1: state: the allocator call of \"d\" lacks its attr".to_owned()),
        ("\"references\":1", "\"references\":0", "t:1: state: tag0.1 counts 2 maps of 2 and 0 references, which cannot be".to_owned()),
        ("\"maxsegsz\":8192", "\"maxsegsz\":0", "t:1: state: maxsegsz of tag0.1 is 0: no segment could hold a byte".to_owned()),
    ];
    for (from, to, error) in cases {
        check_refused(from, to, &error);
    }
    let header = HEADER.replace("\"hazards\":[]", "\"hazards\":[],\"state\":{\"now\":1}");
    let mut reader = TraceReader::new(header.as_bytes(), "t");
    let error = reader.next_scenario().unwrap_err().to_string();
    assert!(error.ends_with("missing field `frames_taken`"), "{error}");
}

#[test]
fn only_what_has_a_name_is_written() {
    use busdma_engine::{AddressFilter, FilterVerdict, Log, MapId, TagId, TagTemplate};
    struct Names(&'static str, &'static str);
    impl busdma_trace::observe::IdNames for Names {
        fn tag_name(&self, _: TagId) -> &str {
            self.0
        }
        fn map_name(&self, _: MapId) -> &str {
            self.1
        }
    }
    let header: Header<'_> = serde_json::from_str(HEADER).unwrap();
    let machine = busdma_trace::TraceMachine::new(&header.machine).unwrap();
    let limits = busdma_trace::TraceMachine::limits(&header.machine);
    let mut engine =
        busdma_engine::Engine::with_observer(machine, Log::default(), limits, Profile::Freebsd11.switches());
    let tag = engine.create_tag(None, &TagTemplate::default()).unwrap();
    let map = engine.create_map(tag).unwrap();
    let take = |engine: &busdma_engine::Engine<_, _>, names| busdma_trace::Snapshot::take(engine, 0).state(&names);
    assert_eq!(take(&engine, Names("", "m")).unwrap_err(), SnapshotError::UnnamedTag(tag));
    assert_eq!(take(&engine, Names("t", "")).unwrap_err(), SnapshotError::UnnamedMap(map));
    let state = take(&engine, Names("t", "m")).unwrap();
    assert_eq!((state.tags[0].tag.as_str(), state.maps[0].map.as_str()), ("t", "m"));
    let filter = AddressFilter::Custom(std::sync::Arc::new(|_| FilterVerdict::Excluded));
    engine.create_tag(None, &TagTemplate { filter: Some(filter), ..TagTemplate::default() }).unwrap();
    let error = take(&engine, Names("t", "m")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the filter of tag \"t\" is a function: only ranges of addresses can be written down"
    );
}

#[test]
fn recordings_say_how_they_were_made() {
    let plain: Header<'_> = serde_json::from_str(HEADER).unwrap();
    assert_eq!((plain.after_panic(), plain.recorded.as_ref()), (AfterPanic::Ends, None));
    let recorded =
        r#""recorded":{"continues_after_panic":true,"by":"busdmad 0.1.0","started_unix_ns":17,"started_ns":5}"#;
    let text = HEADER.replace("\"hazards\":[]", &format!("\"hazards\":[],{recorded}"));
    let header: Header<'_> = serde_json::from_str(&text).unwrap();
    assert_eq!(header.after_panic(), AfterPanic::GoesOn);
    let made = header.recorded.as_ref().unwrap();
    assert_eq!((made.started_unix_ns, made.started_ns), (Some(17), Some(5)));
    assert_eq!(serde_json::to_string(&header).unwrap(), text);
    let made = Header::new("s".into(), "f".into(), plain.machine.clone(), "freebsd-11.0 x".into());
    assert_eq!(made, plain);
}
