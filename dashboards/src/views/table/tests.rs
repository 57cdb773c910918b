use super::*;
use crate::fields::MAP_FIELDS;
use crate::frame::{Frame, MapRow, MapState, Origin, OriginKind, OriginState};
use crate::list::{Filter, Sort};
use crate::theme::ThemeName;
use jiff::tz::TimeZone;
use ratatui::buffer::Cell;

fn map(number: u32) -> MapRow {
    MapRow {
        machine: "vm1".into(),
        map: format!("vm1/m{number}").into(),
        tag: "vm1/t1".into(),
        session: None,
        uid: None,
        state: MapState::Loaded,
        bytes: 4096,
        segments: 1,
        bounce_pages: number,
        age_ns: 1_500_000,
    }
}

fn drawn(maps: &[MapRow], total: usize, list: &mut ListState, width: u16, height: u16) -> Vec<String> {
    let origin = Origin { kind: OriginKind::Live, name: String::new(), state: OriginState::Running, recording: None };
    let frame = Frame::empty(origin);
    let theme = Theme::named(ThemeName::Mono);
    let scene = Scene { frame: &frame, machine: None, theme: &theme, time_zone: &TimeZone::UTC };
    let rows = Rows::of([maps]);
    let table = Table {
        title: "Maps",
        rows: &rows,
        total,
        listed_first: "oldest",
        hidden: &["machine"],
        mark: &|row| (row.bounce_pages == 2).then_some(Mark { sign: "!", role: Role::Bad }),
        remark: None,
        empty: "no map is loaded or waits",
    };
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    draw(scene, &table, list, area, &mut buf);
    let lines = buf.content.chunks(width.into());
    lines.map(|cells| cells.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned()).collect()
}

#[test]
fn a_table_as_text() {
    let maps: Vec<_> = (1..=3).map(map).collect();
    let field = MAP_FIELDS.iter().position(|field| field.name == "bounce_pages").unwrap();
    let mut list = ListState { sort: Sort::by::<MapRow>(field), ..ListState::default() };
    assert_eq!(
        drawn(&maps, 10, &mut list, 60, 6),
        [
            "Maps  3 oldest of 10",
            "  map             state             age      bytes  pages▼",
            "> vm1/m3          loaded        1.50 ms   4.00 KiB       3",
            " !vm1/m2          loaded        1.50 ms   4.00 KiB       2",
            "  vm1/m1          loaded        1.50 ms   4.00 KiB       1",
            "",
        ]
    );
}

#[test]
fn what_is_not_shown_is_said() {
    let maps: Vec<_> = (1..=3).map(map).collect();
    let mut list = ListState { filter: Filter::new("m2"), ..ListState::default() };
    assert_eq!(drawn(&maps, 3, &mut list, 60, 4)[0], "Maps  1 of 3 · filter \"m2\"");
    list.filter = Filter::new("m9");
    assert_eq!(drawn(&maps, 3, &mut list, 60, 4)[2], "  no row holds all words of the filter");
    assert_eq!(drawn(&[], 0, &mut ListState::default(), 60, 4)[2], "  no map is loaded or waits");
}

#[test]
fn the_last_of_a_hundred_thousand_rows_is_reached() {
    let maps: Vec<_> = (0..100_000).map(map).collect();
    let mut list = ListState::default();
    drawn(&maps, maps.len(), &mut list, 120, 40);
    list.last();
    let lines = drawn(&maps, maps.len(), &mut list, 120, 40);
    assert!(lines[39].contains("vm1/m99999"), "{lines:?}");
}
