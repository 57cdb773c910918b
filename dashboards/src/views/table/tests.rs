use super::*;
use crate::fields::MAP_FIELDS;
use crate::frame::MapRow;
use crate::list::{Filter, Sort};
use crate::views::fixtures;

fn map(number: u32) -> MapRow {
    MapRow { bounce_pages: number, ..fixtures::map("vm1", number) }
}

/// A table of all these maps, none of which is marked.
fn table_of<'a>(rows: &'a Rows<'a, MapRow>) -> Table<'a, MapRow> {
    Table {
        title: "Maps",
        rows,
        total: rows.len(),
        listed_first: "oldest",
        hidden: &[],
        mark: &|_| None,
        remark: None,
        empty: "no map is loaded or waits",
    }
}

fn drawn(maps: &[MapRow], total: usize, list: &mut ListState, width: u16, height: u16) -> Vec<String> {
    let rows = Rows::of([maps]);
    let mark = |row: &MapRow| (row.bounce_pages == 2).then_some(Mark { sign: "!", role: Role::Bad });
    let table = Table { total, hidden: &["machine"], mark: &mark, ..table_of(&rows) };
    fixtures::lines(&fixtures::empty(), (width, height), |scene, area, buf| {
        draw(scene, &table, |row: &MapRow| Lines::titled(row.map.as_str()), list, area, buf);
    })
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

/// Columns that are on the screen, and whether the remark is.
fn columns_at(width: u16) -> (Vec<&'static str>, bool) {
    let maps = [map(1)];
    let rows = Rows::of([maps.as_slice()]);
    let remark = Remark { heading: "remark", width: 20, text: &|_, _| "said".to_owned() };
    let table = Table { remark: Some(remark), ..table_of(&rows) };
    let mut list = ListState::default();
    let lines = fixtures::lines(&fixtures::empty(), (width, 3), |scene, area, buf| {
        draw(scene, &table, |_| Lines::titled(""), &mut list, area, buf);
    });
    let names = list.columns.iter().map(|column| MAP_FIELDS[column.field].name).collect();
    (names, lines[1].contains("remark"))
}

#[test]
fn columns_give_way_to_a_remark_only_where_it_is_drawn() {
    let without = |width: u16| -> Vec<_> {
        fit(&MAP_FIELDS, &[], None, width - MARGIN).into_iter().map(|at| MAP_FIELDS[at].name).collect()
    };
    let mut remarks = 0;
    for width in 40..160 {
        let (columns, remark) = columns_at(width);
        if remark {
            remarks += 1;
        } else {
            assert_eq!(columns, without(width), "{width}");
        }
    }
    assert_eq!(remarks, 160 - 59, "map, age and pages, 2 columns between them, and the remark fit into 59");
}

#[test]
fn a_detail_takes_the_lines_that_it_needs() {
    let maps: Vec<_> = (1..=3).map(map).collect();
    let rows = Rows::of([maps.as_slice()]);
    let table = table_of(&rows);
    let detail = |row: &MapRow| {
        let mut lines = Lines::titled(row.map.as_str());
        for line in 1..=9 {
            lines.sentence(format!("sentence {line}, {}", "long ".repeat(12)), Role::Plain);
        }
        lines
    };
    let drawn = |size| {
        let mut list = fixtures::list(0, Detail::Open, "");
        fixtures::lines(&fixtures::empty(), size, |scene, area, buf| {
            draw(scene, &table, detail, &mut list, area, buf);
        })
    };
    let check = |size: (u16, u16), title: usize, last: &str| {
        let lines = drawn(size);
        assert!(lines[title].starts_with("── vm1/m1 ──"), "{lines:#?}");
        assert!(lines.last().is_some_and(|line| line.contains(last)), "{lines:#?}");
    };
    check((80, 21), 11, "sentence 9, long");
    check((60, 24), 5, "long");
    check((60, 12), 5, "long long");
    check((80, 8), 3, "sentence 4");
}
