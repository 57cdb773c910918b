use super::*;
use crate::frame::{Frame, Origin, OriginState, Probes, Severity};
use crate::views::fixtures;

fn frame(machines: u32, zones: u32, findings: u32) -> Frame {
    let mut frame = fixtures::empty();
    frame.machines = (1..=machines).map(|nth| fixtures::machine(&format!("vm{nth}"), zones)).collect();
    let severities = [Severity::Corruption, Severity::Error, Severity::Warning];
    let finding = |nth: u32| {
        let severity = severities.get((nth * 3 / findings.max(1)) as usize).copied().unwrap_or(Severity::Warning);
        fixtures::finding(severity, &format!("finding {nth}: the load needs 65 pages, and its zone has 64 in all"))
    };
    frame.findings = (0..findings).map(finding).collect();
    frame.host = Some(fixtures::host(Probes::Attached));
    frame
}

fn drawn(frame: &Frame, list: &mut ListState, size: (u16, u16)) -> Vec<String> {
    fixtures::lines(frame, size, |scene, area, buf| draw(scene, list, area, buf))
}

#[test]
fn pools_findings_and_the_host() {
    let lines = drawn(&frame(1, 1, 2), &mut ListState::default(), (80, 21));
    assert_eq!(lines[0], "1 bounce pool  █ active  ▓ reserved  ░ free  ┃ most ever active");
    assert_eq!(lines[1], "vm1 zone0    24-bit █████▓▓░░░░░░░░░░┃░░░░░░░░░░ 12+3 of 64, most 40   2 waiting");
    assert!(
        lines[2].starts_with("             act ") && lines[2].contains(" def/s ") && lines[2].ends_with(" 0.50"),
        "{}",
        lines[2]
    );
    assert_eq!(lines[4], "vm1 zone0    2 maps wait");
    assert_eq!(lines[5], "             held by maps not listed: 12");
    assert_eq!(lines[7], "2 findings: 1 corruption, 1 error");
    assert_eq!(lines[8], "corruption vm1/m3       never satisfiable: finding 0: the loa…   ×12  2.00 s ago");
    assert_eq!(lines[20], "Host  0 devices  0 mappings/s  swiotlb 120 of 32768 slots, most 900, full 1×");
}

#[test]
fn narrow_screens_keep_what_matters() {
    let lines = drawn(&frame(1, 1, 1), &mut ListState::default(), (40, 7));
    assert_eq!(lines[1], "vm1 z0     ███▓░░░░░┃░░░░░░ 12+3/64   2w");
    assert!(lines.contains(&"C ×12   never satisfiable: finding 0: t…".to_owned()), "{lines:?}");
}

#[test]
fn the_cursor_goes_over_pools_and_then_findings() {
    let frame = frame(10, 4, 30);
    let mut list = ListState::default();
    for (cursor, expected) in
        [(0, "vm1 zone0 "), (17, "vm5 zone1 "), (39, "vm10 zone3"), (40, "finding 0:"), (69, "finding 29")]
    {
        list.select(cursor);
        let lines = drawn(&frame, &mut list, (120, 30));
        assert!(lines.iter().any(|line| line.contains(expected)), "{cursor} {lines:#?}");
        assert_eq!((list.cursor, list.shown), (cursor, 70));
        let area = Rect::new(0, 0, 120, 30);
        let line = lines.iter().position(|line| line.contains(expected)).unwrap();
        let line = u16::try_from(line).unwrap();
        fixtures::lines(&frame, (120, 30), |scene, _, _| {
            assert_eq!(place_at(scene, &list, area, line), Some(cursor), "{expected}");
            assert_eq!(place_at(scene, &list, area, 0), None, "the legend");
        });
    }
}

#[test]
fn the_cursor_stays_on_its_finding() {
    let before = frame(2, 2, 5);
    let mut after = before.clone();
    after.machines.truncate(1);
    after.findings.rotate_right(2);
    let mut numbered = [before, after];
    for finding in numbered.iter_mut().flat_map(|frame| &mut frame.findings) {
        finding.object = finding.message.get(8..9).map(Into::into);
    }
    let [before, after] = numbered;
    for detail in [Detail::Closed, Detail::Open] {
        let mut list = fixtures::list(0, detail, "");
        drawn(&before, &mut list, (120, 40));
        list.down(5);
        drawn(&before, &mut list, (120, 40));
        assert_eq!(list.cursor, 4 + 1);
        let lines = drawn(&after, &mut list, (120, 40)).join("\n");
        assert_eq!(list.cursor, 2 + 3, "{lines}");
        assert_eq!(detail == Detail::Open, lines.contains("  finding 1: the load needs 65 pages"), "{lines}");
    }
}

#[test]
fn a_page_is_of_what_the_cursor_is_among() {
    let frame = frame(10, 4, 60);
    let mut list = ListState::default();
    let mut cursor_after = |page: fn(&mut ListState)| {
        page(&mut list);
        drawn(&frame, &mut list, (120, 30));
        (list.cursor, list.page)
    };
    let (first, zones) = cursor_after(|_| {});
    assert_eq!((first, zones), (0, 9));
    assert_eq!(cursor_after(ListState::page_down), (8, 9));
    let (in_findings, findings) = cursor_after(|list| list.select(45));
    assert_eq!((in_findings, findings), (45, 8));
    assert_eq!(cursor_after(ListState::page_down), (52, 8));
    assert_eq!(cursor_after(ListState::page_up), (45, 8));
}

#[test]
fn details_in_full() {
    let frame = frame(1, 1, 1);
    let mut list = fixtures::list(1, Detail::Open, "");
    let lines = drawn(&frame, &mut list, (80, 21)).join("\n");
    for expected in [
        "corruption: never_satisfiable",
        "finding 0: the load needs 65 pages, and its zone has 64 in all",
        "give the tag's zone more pages, or load less at once",
        "on vm1, about vm1/m3, first shown by s1, seen 12 times",
    ] {
        assert!(lines.contains(expected), "{expected}\n{lines}");
    }
    list.first();
    let lines = drawn(&frame, &mut list, (120, 21)).join("\n");
    assert!(lines.contains("active_bpages_max    40"), "{lines}");
}

#[test]
fn nothing_is_explained() {
    let check = |kind, machines, expected: &str| {
        let mut frame = frame(machines, 0, 0);
        frame.origin = Origin { kind, name: String::new(), state: OriginState::Running, recording: None };
        let lines = drawn(&frame, &mut ListState::default(), (80, 21));
        assert!(lines.iter().any(|line| line.contains(expected)), "{lines:?}");
        assert!(lines.iter().any(|line| line.contains("No findings")), "{lines:?}");
    };
    check(OriginKind::Live, 0, "The daemon hosts no machine. `busdma demo` makes one");
    check(OriginKind::Live, 1, "No bounce pools: no tag has needed one yet.");
    check(OriginKind::Recording, 0, "No machine at this moment");
    check(OriginKind::HostCapture, 0, "holds no bounce pools");
}

#[test]
fn every_size_is_survived() {
    for (machines, zones, findings) in [(0, 0, 0), (1, 1, 0), (0, 0, 3), (30, 4, 40)] {
        let frame = frame(machines, zones, findings);
        for size in fixtures::SIZES {
            for detail in [Detail::Closed, Detail::Open] {
                for cursor in [0, 1, 121, usize::MAX] {
                    let mut list = fixtures::list(cursor, detail, "");
                    drawn(&frame, &mut list, size);
                    assert!(list.cursor < list.shown.max(1));
                }
            }
        }
    }
}
