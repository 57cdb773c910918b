//! What a service records beyond a kernel's calls: loads given up, panics that are refused, allocators that are asked.

#[path = "support/header.rs"]
mod header;
#[path = "support/rerun.rs"]
mod rerun;
#[path = "support/vectors.rs"]
mod vectors;
#[path = "support/workload.rs"]
mod workload;

use busdma_engine::{HazardKind, Profile};
use busdma_trace::format::{Cancel, Contents, Header, Input, MapOnly, Output, Recording, Ret, RunDeferred};
use header::HEADER;
use rerun::{Line, Rerun, replay, scenarios};

/// A header on a machine of so many bounce frames, whose scenario goes on behind panics.
fn going_on(frames: u64) -> String {
    let recorded = r#""hazards":[],"recorded":{"continues_after_panic":true,"by":"a test"}"#;
    HEADER.replace("\"hazards\":[]", recorded).replace("\"frames\":64", &format!("\"frames\":{frames}"))
}

/// Carries out operations, each `op in`; the lines, from `out` on.
fn outs(header: &str, profile: Profile, ops: &[&str]) -> Vec<String> {
    let header: Header<'_> = serde_json::from_str(header).unwrap();
    let mut rerun = Rerun::start(&header, profile);
    let mut outs = Vec::new();
    for op in ops {
        let (op, input) = op.split_once(' ').unwrap();
        let line = format!(r#"{{"seq":1,"op":"{op}","in":{input},"out":{{}}}}"#);
        let line = rerun.record(&Line::parse(&line).input(), None).unwrap();
        outs.push(line.split_once("\"out\":").unwrap().1.trim_end().strip_suffix('}').unwrap().to_owned());
    }
    rerun.check_replay(&format!("as {}", profile.name()));
    outs
}

const TAG: &str = r#"tag_create {"tag":"t","parent":null,"alignment":1,"boundary":"0x0","lowaddr":"0xffffff","highaddr":"0xffffffffffffffff","filter":null,"maxsize":4096,"nsegments":4,"maxsegsz":4096,"flags":[],"lock":true}"#;
const NO_LOCK: &str = r#"tag_create {"tag":"u","parent":null,"alignment":1,"boundary":"0x0","lowaddr":"0xffffff","highaddr":"0xffffffffffffffff","filter":null,"maxsize":4096,"nsegments":4,"maxsegsz":4096,"flags":[],"lock":false}"#;

fn map(tag: &str, map: &str) -> String {
    format!(r#"map_create {{"tag":"{tag}","map":"{map}","flags":[]}}"#)
}

fn load(tag: &str, map: &str, pages: u64) -> String {
    let list: Vec<_> = (0..pages).map(|page| format!("\"{:#x}\"", 0x1_0000_0000 + page * 0x2000)).collect();
    let buf = format!(r#"{{"vaddr":"0x10000","len":{},"pages":[{}]}}"#, pages * 4096, list.join(","));
    format!(r#"load {{"tag":"{tag}","map":"{map}","flags":[],"kind":"buffer","buf":{buf}}}"#)
}

fn of_map(op: &str, tag: &str, map: &str) -> String {
    format!(r#"{op} {{"tag":"{tag}","map":"{map}"}}"#)
}

fn refs(ops: &[String]) -> Vec<&str> {
    ops.iter().map(String::as_str).collect()
}

const RUN: &str = "run_deferred {}";

#[test]
fn cancelled_loads_are_recorded_and_replayed() {
    let ops = [
        TAG.to_owned(),
        map("t", "a"),
        map("t", "b"),
        map("t", "c"),
        load("t", "a", 1),
        load("t", "b", 1),
        load("t", "c", 1),
        of_map("cancel", "t", "b"),
        r#"cancel {"map":"b"}"#.to_owned(),
        of_map("unload", "t", "a"),
        load("t", "b", 1),
        r#"cancel {"map":"c"}"#.to_owned(),
        RUN.to_owned(),
    ];
    let header = HEADER.replace("\"frames\":64", "\"frames\":1");
    for profile in [Profile::Freebsd11, Profile::Freebsd12, Profile::Arm64Freebsd12, Profile::Strict] {
        let outs = outs(&header, profile, &refs(&ops));
        assert_eq!(outs[7], r#"{"ret":"OK","released":0,"waiting":["c"]}"#, "{}", profile.name());
        assert_eq!(outs[8], r#"{"ret":"EINVAL"}"#);
        assert!(outs[9].contains("\"swi\":true"), "{}", outs[9]);
        // The page that was promised to c is handed on to b, which waits for it.
        assert!(outs[11].starts_with(r#"{"ret":"OK","released":1,"swi":true,"#), "{}: {}", profile.name(), outs[11]);
        assert!(outs[12].contains("callback b"), "{}", outs[12]);
    }
}

#[test]
fn a_cancel_that_came_to_something_else_is_a_difference() {
    let ops = [
        TAG.to_owned(),
        map("t", "a"),
        map("t", "b"),
        load("t", "a", 1),
        load("t", "b", 1),
        of_map("cancel", "t", "b"),
    ];
    let header = HEADER.replace("\"frames\":64", "\"frames\":1");
    let header: Header<'_> = serde_json::from_str(&header).unwrap();
    let mut rerun = Rerun::start(&header, Profile::Freebsd11);
    for op in &ops {
        let (op, input) = op.split_once(' ').unwrap();
        let line = format!(r#"{{"seq":1,"op":"{op}","in":{input},"out":{{}}}}"#);
        rerun.record(&Line::parse(&line).input(), None).unwrap();
    }
    let (_, text) = rerun.check_replay("before it is changed");
    let cases = [
        ("\"released\":0", "\"released\":1", "released"),
        ("\"ret\":\"OK\",\"released\":0", "\"ret\":\"EINVAL\"", "ret"),
        ("\"waiting\":[]", "\"waiting\":[\"b\"]", "waiting"),
    ];
    for (from, to, field) in cases {
        let cancel = text.lines().last().unwrap();
        let changed = text.replace(cancel, &cancel.replace(from, to));
        assert_ne!(changed, text);
        let report = replay(&changed, Profile::Freebsd11);
        assert!(report.differences.iter().any(|difference| difference.field == field), "{:?}", report.differences);
    }
}

#[test]
fn a_run_of_the_queue_lists_the_loads_at_which_the_kernel_stops() {
    // The pool has five pages: one for the first map without a lock, and four for the first with one.
    let mut ops = vec![TAG.replace("\"maxsize\":4096", "\"maxsize\":16384"), NO_LOCK.to_owned(), map("u", "c")];
    ops.extend(["held", "more", "a", "b"].map(|name| map("t", name)));
    ops.extend([map("u", "d"), load("t", "held", 4), load("t", "more", 1)]);
    ops.extend([("t", "a"), ("u", "c"), ("t", "b"), ("u", "d")].map(|(tag, name)| load(tag, name, 1)));
    ops.push(of_map("unload", "t", "held"));
    let run = ops.len();
    ops.extend([
        RUN.to_owned(),
        RUN.to_owned(),
        of_map("unload", "t", "a"),
        load("u", "c", 1),
        of_map("unload", "u", "c"),
    ]);
    let dflt_lock = "panic: the tag has no lock function, yet a deferred load came to its callback (dflt_lock)";
    for profile in Profile::ALL {
        let outs = outs(&going_on(5), profile, &refs(&ops));
        let events = r#""events":["lock t","callback a","unlock t","lock t","callback b","unlock t"]"#;
        let stopped = ["c", "d"].map(|map| format!(r#"{{"map":"{map}","panic":"{dflt_lock}","assert":false}}"#));
        let stopped = format!(r#""panics":[{}]"#, stopped.join(","));
        assert!(outs[run].contains(events) && outs[run].contains(&stopped), "{}: {}", profile.name(), outs[run]);
        assert_eq!(outs[run + 1], r#"{"callbacks":[],"events":[]}"#, "the queue was empty behind it");
    }
    // Where the kernel stops for good, so does the run.
    let header = going_on(5).replace("\"continues_after_panic\":true,", "");
    let ends = outs(&header, Profile::Freebsd11, &refs(&ops[..=run]));
    assert_eq!(ends[run], format!(r#"{{"panic":"{dflt_lock}","assert":false}}"#));
}

#[test]
fn a_scenario_goes_on_behind_a_refused_call() {
    let ccb = r#"load {"tag":"t","map":"a","flags":[],"kind":"ccb","ccb":{"func":"NOOP","dir":"IN","data":"PADDR","dxfer_len":8,"sglist_cnt":0,"paddr":"0x1000"}}"#;
    let free = r#"dmamem_free {"tag":"t","dmamem":"d","map":"a"}"#;
    let alloc = r#"dmamem_alloc {"tag":"t","dmamem":"d","map":"m","flags":[]}"#;
    let (create, load) = (map("t", "a"), load("t", "a", 1));
    let ops = [TAG, &create, ccb, &load, alloc, free, r#"unload {"tag":"t","map":"a"}"#];
    let header = going_on(4).replace("\"0x2000000\"", "\"0x800000\"");
    let outs = outs(&header, Profile::Freebsd11, &ops);
    assert!(outs[2].starts_with("{\"panic\":") && outs[5].starts_with("{\"panic\":"), "{outs:?}");
    assert!(outs[3].contains("\"segs\":[[\"0x100000\",4096]]") && outs[6].contains("\"ret\":\"OK\""), "{outs:?}");
}

#[test]
fn a_panic_that_did_not_come_again_is_a_difference_and_no_end() {
    let ccb = r#"load {"tag":"t","map":"a","flags":[],"kind":"ccb","ccb":{"func":"NVME_IO","dir":"IN","data":"PADDR","dxfer_len":8,"sglist_cnt":0,"paddr":"0x1000"}}"#;
    let header = going_on(4);
    let parsed: Header<'_> = serde_json::from_str(&header).unwrap();
    let mut rerun = Rerun::start(&parsed, Profile::Freebsd11);
    for op in [TAG, &map("t", "a"), ccb, RUN] {
        let (op, input) = op.split_once(' ').unwrap();
        let line = format!(r#"{{"seq":1,"op":"{op}","in":{input},"out":{{}}}}"#);
        rerun.record(&Line::parse(&line).input(), None).unwrap();
    }
    let (_, text) = rerun.check_replay("before it is changed");
    let other = replay(&text, Profile::Freebsd12);
    assert_eq!((other.operations, other.matches()), (4, false));
    assert!(other.differences.iter().all(|difference| difference.seq == 3), "{:?}", other.differences);
    // The other way round: here it is the replay that stops.
    let loaded = text.replace(
        r#"{"panic":"panic: CAM function code 0x91c is not supported by bus_dmamap_load_ccb","assert":false}"#,
        r#"{"ret":"OK","callback":{"error":"OK","nseg":0,"segs":[]}}"#,
    );
    assert_ne!(loaded, text);
    assert_eq!(replay(&loaded, Profile::Freebsd11).operations, 4);
}

#[test]
fn golden_scenarios_without_locks_go_on_to_their_end() {
    let mut stopped = 0;
    for (index, scenario) in vectors::golden_traces().flat_map(|(_, trace)| scenarios(&trace)).enumerate() {
        let mut header: Header<'_> = serde_json::from_str(&scenario.header).unwrap();
        header.recorded = Some(Recording { continues_after_panic: true, ..Recording::default() });
        let mut rerun = Rerun::start(&header, Profile::ALL[index % 4]);
        let mut operations = 0;
        for line in &scenario.lines {
            let line = line.replace("\"lock\":true", "\"lock\":false");
            let line = Line::parse(&line);
            if let Ok(written) = rerun.record(&line.input(), line.t) {
                operations += 1;
                stopped += usize::from(written.contains("\"panics\":"));
            }
            // Whoever waited gives up, now and then.
            if let (Input::Load(load), 0) = (line.input(), operations % 5) {
                operations +=
                    u64::from(rerun.record(&Input::Cancel(Cancel { tag: None, map: load.map }), None).is_ok());
            }
        }
        let (report, _) = rerun.check_replay(&scenario.header);
        assert_eq!(report.operations, operations);
    }
    assert!(stopped > 20, "{stopped} runs met a tag without a lock");
}

#[test]
fn drivers_that_die_while_they_wait() {
    let trace = String::from_utf8(workload::generate(Vec::new(), 4000, 21, Contents::Unrecorded)).unwrap();
    let scenario = scenarios(&trace).remove(0);
    let header = scenario.header.replace("\"frames\":96", "\"frames\":40");
    let header: Header<'_> = serde_json::from_str(&header).unwrap();
    for profile in Profile::ALL {
        let mut rerun = Rerun::start(&header, profile);
        let (mut cancelled, mut refused) = (0, 0);
        for line in &scenario.lines {
            let line = Line::parse(line);
            let Input::Load(load) = line.input() else {
                let _ = rerun.record(&line.input(), line.t);
                continue;
            };
            let Ok(written) = rerun.record(&line.input(), line.t) else { continue };
            let deferred = Line::parse(&written).output().ret() == Some(Ret::Einprogress);
            let (tag, map) = (load.tag.clone(), load.map.clone());
            let cancel = Input::Cancel(Cancel { tag: Some(load.tag), map: load.map });
            let written = rerun.record(&cancel, line.t).unwrap();
            let Output::Cancel(output) = Line::parse(&written).output() else { panic!("{written}") };
            assert_eq!(output.ret == Ret::Ok, deferred, "{written}");
            *(if deferred { &mut cancelled } else { &mut refused }) += 1;
            if deferred && cancelled % 2 == 0 {
                rerun.record(&Input::Unload(MapOnly { tag, map }), line.t).unwrap();
                rerun.record(&Input::RunDeferred(RunDeferred {}), line.t).unwrap();
            }
        }
        assert!(cancelled > 20 && refused > 100, "{}: {cancelled} cancelled, {refused} refused", profile.name());
        rerun.check_replay(profile.name());
    }
}

#[test]
fn the_recording_says_what_the_allocator_answered() {
    let alloc = |id: &str, region: &str| {
        format!(r#"dmamem_alloc {{"tag":"t","dmamem":"{id}","map":"m{id}","flags":["ZERO"]{region}}}"#)
    };
    let region = r#","region":{"vaddr":"0xabc10","paddr":"0x7c10","pages":["0x7000","0x9000"]}"#;
    let ops = [TAG.to_owned(), alloc("d0", region), alloc("d1", ",\"region\":null"), alloc("d2", "")];
    let header = HEADER.replace("\"0x2000000\"", "\"0x800000\"");
    let outs = outs(&header, Profile::Freebsd12, &refs(&ops));
    assert!(outs[1].contains(r#""vaddr":"0xabc10","paddr":"0x7c10","pages":["0x7000","0x9000"]"#), "{}", outs[1]);
    assert!(outs[2].starts_with(r#"{"ret":"ENOMEM","alloc":"#), "{}", outs[2]);
    assert!(outs[3].contains("\"paddr\":\"0x800000\""), "the model goes on where it stood: {}", outs[3]);
}

#[test]
fn recorded_memory_that_cannot_be() {
    let cases = [
        (r#"{"vaddr":"0x10","paddr":"0x10","pages":["0x0"]}"#, "1 pages for 4096 bytes at 0x10, expected 2"),
        (r#"{"vaddr":"0x0","paddr":"0x0","pages":[]}"#, "0 pages for 4096 bytes at 0x0, expected 1"),
        (r#"{"vaddr":"0x0","paddr":"0x0","pages":["0x800"]}"#, "page 0x800 is no multiple of 4096"),
        (
            r#"{"vaddr":"0x1000","paddr":"0x2000","pages":["0x3000"]}"#,
            "region: 0x1000 and 0x2000 do not lie at one offset of the first page",
        ),
        (
            r#"{"vaddr":"0x1008","paddr":"0x3010","pages":["0x3000","0x4000"]}"#,
            "region: 0x1008 and 0x3010 do not lie at one offset of the first page",
        ),
        (
            r#"{"vaddr":"0xffffffffffffffff","paddr":"0x0","pages":["0x0"]}"#,
            "4096 bytes at 0xffffffffffffffff run past the end of the address space",
        ),
    ];
    let header: Header<'_> = serde_json::from_str(HEADER).unwrap();
    for (region, error) in cases {
        let mut rerun = Rerun::start(&header, Profile::Freebsd11);
        for op in [
            TAG.to_owned(),
            format!(r#"dmamem_alloc {{"tag":"t","dmamem":"d","map":"m","flags":[],"region":{region}}}"#),
        ] {
            let (op, input) = op.split_once(' ').unwrap();
            let line = format!(r#"{{"seq":1,"op":"{op}","in":{input},"out":{{}}}}"#);
            let heard = rerun.record(&Line::parse(&line).input(), None);
            assert!(op == "tag_create" || heard == Err(error.to_owned()), "{region}: {heard:?}");
        }
    }
}

#[test]
fn hazards_are_named_where_they_are_seen_first() {
    use busdma_engine::Hazard;
    use busdma_trace::HazardSet;
    let map = busdma_engine::MapId::GONE;
    let held = Hazard::LoadOnMapHoldingPages { map, pages: busdma_engine::PageCount::new(1) };
    let mut seen = HazardSet::default();
    assert_eq!(seen.add(&[held]).names(), [HazardKind::LoadOnMapHoldingPages.name().into()]);
    assert!(seen.add(&[held]).names().is_empty());
    assert_eq!(seen.names().len(), 1);
}
